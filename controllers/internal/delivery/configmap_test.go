package delivery

import (
	"context"
	"io"
	"maps"
	"slices"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/remote"
	"github.com/portolan-dev/portolan/controllers/internal/testenv/build"
)

const annotation = "portolan.dev/seeds.api"

// ringIn delivers into a namespace by a ConfigMap that workloads read.
func ringIn(namespace string, restart ...v1alpha1.WorkloadReference) *v1alpha1.GossipRing {
	return build.Ring("portolan", "api", func(r *v1alpha1.GossipRing) {
		r.Spec.Service.Namespace = namespace
		r.Spec.Seeds.Delivery.ConfigMap = &v1alpha1.ConfigMapDelivery{Name: "gossip", Key: "seeds", Restart: restart}
	})
}

func meta(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name}
}

// template of pods that somebody else has annotated as well.
func template() (*metav1.LabelSelector, corev1.PodTemplateSpec) {
	labels := map[string]string{"app": "api"}
	return &metav1.LabelSelector{MatchLabels: labels}, corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: labels, Annotations: map[string]string{"theirs": "x"}},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "main", Image: "i"}}},
	}
}

func deployment(namespace, name string) *appsv1.Deployment {
	selector, pods := template()
	return &appsv1.Deployment{ObjectMeta: meta(namespace, name), Spec: appsv1.DeploymentSpec{Replicas: new(int32(3)), Selector: selector, Template: pods}}
}

func statefulSet(namespace, name string) *appsv1.StatefulSet {
	selector, pods := template()
	return &appsv1.StatefulSet{ObjectMeta: meta(namespace, name), Spec: appsv1.StatefulSetSpec{Selector: selector, Template: pods}}
}

func daemonSet(namespace, name string) *appsv1.DaemonSet {
	selector, pods := template()
	return &appsv1.DaemonSet{ObjectMeta: meta(namespace, name), Spec: appsv1.DaemonSetSpec{Selector: selector, Template: pods}}
}

var _ = Describe("delivering by a ConfigMap", func() {
	var (
		ns       string
		cluster  *remote.Cluster
		delivery Delivery
		config   *corev1.ConfigMap
		api      = v1alpha1.WorkloadReference{Kind: v1alpha1.WorkloadDeployment, Name: "api"}
		edge     = v1alpha1.WorkloadReference{Kind: v1alpha1.WorkloadStatefulSet, Name: "edge"}
		proxy    = v1alpha1.WorkloadReference{Kind: v1alpha1.WorkloadDaemonSet, Name: "proxy"}
	)
	BeforeEach(func(ctx context.Context) {
		ns = namespaced(ctx)
		cluster = connect(ctx, ns, every()...)
		delivery = ForConfigMap(ringIn(ns, api, edge, proxy))
		config = &corev1.ConfigMap{ObjectMeta: meta(ns, "gossip")}
	})
	target := func() Target { return Target{Remote: cluster} }
	read := func(ctx context.Context) Found { return delivery.Read(ctx, []Target{target()})[0] }
	write := func(ctx context.Context, text string) error {
		return delivery.Write(ctx, []Write{{Target: target(), Text: text}})[0]
	}
	found := func(ctx context.Context, o client.Object) {
		GinkgoHelper()
		Expect(admin.Get(ctx, client.ObjectKeyFromObject(o), o)).To(Succeed())
	}
	absent := func(ctx context.Context, o client.Object) {
		GinkgoHelper()
		Expect(client.IgnoreNotFound(admin.Get(ctx, client.ObjectKeyFromObject(o), o))).To(Succeed())
		Expect(o.GetUID()).To(BeEmpty())
	}

	It("makes the ConfigMap, and finds what it has written", func(ctx context.Context) {
		Expect(read(ctx)).To(Equal(Found{Known: true, Unfinished: true}))
		Expect(write(ctx, "a,b")).To(Succeed())
		found(ctx, config)
		Expect(config.Data).To(Equal(map[string]string{"seeds": "a,b"}))
		Expect(read(ctx)).To(Equal(Found{Known: true, Text: "a,b"}))
	})

	It("writes an empty list where there is none: a pod waits for the key that it refers to", func(ctx context.Context) {
		Expect(read(ctx).Holds("")).To(BeFalse())
		Expect(write(ctx, "")).To(Succeed())
		found(ctx, config)
		Expect(config.Data).To(HaveKeyWithValue("seeds", ""))
		Expect(read(ctx).Holds("")).To(BeTrue())
	})

	It("takes its key, and leaves the rest of the ConfigMap to others", func(ctx context.Context) {
		config.Labels = map[string]string{"theirs": "x"}
		config.Data = map[string]string{"seeds": "old", "other": "x"}
		Expect(admin.Create(ctx, config, client.FieldOwner("helm"))).To(Succeed())
		Expect(write(ctx, "a")).To(Succeed())
		found(ctx, config)
		Expect(config.Data).To(Equal(map[string]string{"seeds": "a", "other": "x"}))
		Expect(config.Labels).To(Equal(map[string]string{"theirs": "x"}))
		i := slices.IndexFunc(config.ManagedFields, func(f metav1.ManagedFieldsEntry) bool { return f.Manager == "portolan-gossip/api" })
		Expect(i).To(BeNumerically(">=", 0))
		Expect(config.ManagedFields[i].FieldsV1.GetRawString()).To(MatchJSON(`{"f:data":{"f:seeds":{}}}`))
	})

	It("restarts every kind of workload, as little as that takes", func(ctx context.Context) {
		d, s, p, other := deployment(ns, "api"), statefulSet(ns, "edge"), daemonSet(ns, "proxy"), deployment(ns, "other")
		for _, o := range []client.Object{d, s, p, other} {
			Expect(admin.Create(ctx, o)).To(Succeed())
		}
		before := d.DeepCopy()
		Expect(write(ctx, "a,b")).To(Succeed())
		want := map[string]string{"theirs": "x", annotation: hashOf("a,b")}
		for _, o := range []client.Object{d, s, p, other} {
			found(ctx, o)
		}
		Expect([]map[string]string{d.Spec.Template.Annotations, s.Spec.Template.Annotations, p.Spec.Template.Annotations}).To(HaveEach(Equal(want)))
		Expect(other.Spec.Template.Annotations).NotTo(HaveKey(annotation))
		d.Spec.Template.Annotations = before.Spec.Template.Annotations
		Expect(d.Spec).To(Equal(before.Spec))
		Expect(d.Annotations).To(Equal(before.Annotations))
	})

	It("writes nothing twice", func(ctx context.Context) {
		d := deployment(ns, "api")
		Expect(admin.Create(ctx, d)).To(Succeed())
		Expect(write(ctx, "a")).To(Succeed())
		found(ctx, d)
		found(ctx, config)
		reader := connect(ctx, ns, right("", "configmaps", "get"), right("apps", "*", "get")) // who could not
		Expect(delivery.Write(ctx, []Write{{Target: Target{Remote: reader}, Text: "a"}})).To(Equal([]error{nil}))
		versions := []string{d.ResourceVersion, config.ResourceVersion}
		found(ctx, d)
		found(ctx, config)
		Expect([]string{d.ResourceVersion, config.ResourceVersion}).To(Equal(versions))
	})

	It("finishes what was interrupted after the ConfigMap", func(ctx context.Context) {
		d, s := deployment(ns, "api"), statefulSet(ns, "edge")
		Expect(admin.Create(ctx, d)).To(Succeed())
		Expect(admin.Create(ctx, s)).To(Succeed())
		Expect(write(ctx, "old")).To(Succeed())
		interrupted := connect(ctx, ns, right("", "configmaps", "get", "patch"), right("apps", "deployments", "get", "patch"), right("apps", "statefulsets", "get"))
		errs := delivery.Write(ctx, []Write{{Target: Target{Remote: interrupted}, Text: "new"}})
		Expect(errs).To(HaveExactElements(HaveOccurred()))
		found(ctx, config)
		Expect(config.Data).To(HaveKeyWithValue("seeds", "new"))

		Expect(read(ctx)).To(Equal(Found{Known: true, Unfinished: true}))
		Expect(read(ctx).Holds("new")).To(BeFalse())
		Expect(write(ctx, "new")).To(Succeed())
		found(ctx, s)
		Expect(s.Spec.Template.Annotations).To(HaveKeyWithValue(annotation, hashOf("new")))
		Expect(read(ctx)).To(Equal(Found{Known: true, Text: "new"}))
	})

	DescribeTable("is unfinished once somebody else", func(ctx context.Context, edit func(context.Context, *corev1.ConfigMap, *appsv1.Deployment)) {
		d := deployment(ns, "api")
		Expect(admin.Create(ctx, d)).To(Succeed())
		Expect(write(ctx, "a")).To(Succeed())
		found(ctx, config)
		found(ctx, d)
		edit(ctx, config, d)
		Expect(read(ctx)).To(Equal(Found{Known: true, Unfinished: true}))
		Expect(write(ctx, "a")).To(Succeed())
		Expect(read(ctx)).To(Equal(Found{Known: true, Text: "a"}))
	},
		Entry("writes another text", func(ctx context.Context, c *corev1.ConfigMap, _ *appsv1.Deployment) {
			c.Data["seeds"] = "b"
			Expect(admin.Update(ctx, c)).To(Succeed())
		}),
		Entry("takes the key away", func(ctx context.Context, c *corev1.ConfigMap, _ *appsv1.Deployment) {
			c.Data = nil
			Expect(admin.Update(ctx, c)).To(Succeed())
		}),
		Entry("takes the ConfigMap away", func(ctx context.Context, c *corev1.ConfigMap, _ *appsv1.Deployment) {
			Expect(admin.Delete(ctx, c)).To(Succeed())
		}),
		Entry("takes the annotation away", func(ctx context.Context, _ *corev1.ConfigMap, d *appsv1.Deployment) {
			d.Spec.Template.Annotations = nil
			Expect(admin.Update(ctx, d)).To(Succeed())
		}),
		Entry("makes a workload only now", func(ctx context.Context, c *corev1.ConfigMap, _ *appsv1.Deployment) {
			Expect(admin.Create(ctx, statefulSet(c.Namespace, "edge"))).To(Succeed())
		}),
	)

	Context("a workload that is not there", func() {
		It("is not made", func(ctx context.Context) {
			Expect(write(ctx, "a")).To(Succeed())
			absent(ctx, deployment(ns, "api"))
			absent(ctx, statefulSet(ns, "edge"))
			absent(ctx, daemonSet(ns, "proxy"))
			Expect(read(ctx).Holds("a")).To(BeTrue())
		})

		DescribeTable("is not made when it goes meanwhile", func(ctx context.Context, made client.Object, ref v1alpha1.WorkloadReference) {
			made.SetNamespace(ns)
			Expect(admin.Create(ctx, made)).To(Succeed())
			going := interceptor.NewClient(admin, interceptor.Funcs{
				Apply: func(ctx context.Context, c client.WithWatch, obj runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
					Expect(admin.Delete(ctx, made)).To(Succeed())
					return c.Apply(ctx, obj, opts...)
				},
			})
			d := ForConfigMap(ringIn(ns, ref)).(*configMap)
			Expect(d.restart(ctx, going, ref, "h")).To(Succeed())
			made.SetUID("")
			absent(ctx, made)
		},
			Entry(nil, deployment("", "api"), api),
			Entry(nil, statefulSet("", "edge"), edge),
			Entry(nil, daemonSet("", "proxy"), proxy),
		)

		It("is left to the next time when it is replaced meanwhile", func(ctx context.Context) {
			Expect(admin.Create(ctx, deployment(ns, "api"))).To(Succeed())
			replaced := interceptor.NewClient(admin, interceptor.Funcs{
				Apply: func(ctx context.Context, c client.WithWatch, obj runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
					Expect(admin.Delete(ctx, deployment(ns, "api"))).To(Succeed())
					Expect(admin.Create(ctx, deployment(ns, "api"))).To(Succeed())
					return c.Apply(ctx, obj, opts...)
				},
			})
			Expect(delivery.(*configMap).restart(ctx, replaced, api, "h")).To(MatchError(ContainSubstring("metadata.uid")))
			d := deployment(ns, "api")
			found(ctx, d)
			Expect(d.Spec.Template.Annotations).NotTo(HaveKey(annotation))
			Expect(delivery.(*configMap).restart(ctx, admin, api, "h")).To(Succeed())
			found(ctx, d)
			Expect(d.Spec.Template.Annotations).To(HaveKeyWithValue(annotation, "h"))
		})
	})

	It("may have written what it heard no answer to", func(ctx context.Context) {
		deaf := interceptor.NewClient(admin, interceptor.Funcs{
			Apply: func(context.Context, client.WithWatch, runtime.ApplyConfiguration, ...client.ApplyOption) error {
				return io.ErrUnexpectedEOF
			},
		})
		Expect(MayHaveLanded(delivery.(*configMap).put(ctx, deaf, "a"))).To(BeTrue())
		Expect(admin.Create(ctx, deployment(ns, "api"))).To(Succeed())
		Expect(MayHaveLanded(delivery.(*configMap).restart(ctx, deaf, api, "h"))).To(BeTrue())

		blind := interceptor.NewClient(admin, interceptor.Funcs{
			Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
				if _, second := obj.(*appsv1.StatefulSet); second {
					return io.ErrUnexpectedEOF
				}
				return c.Get(ctx, key, obj, opts...)
			},
		})
		Expect(MayHaveLanded(delivery.(*configMap).write(ctx, blind, "a"))).To(BeTrue(), "the first workload restarts")

		cluster = connect(ctx, ns)
		err := write(ctx, "b")
		Expect(err).To(MatchError(ContainSubstring("forbids Portolan's role")))
		Expect(MayHaveLanded(err)).To(BeFalse())
	})

	Context("without a namespace", func() {
		BeforeEach(func(ctx context.Context) {
			admins := rbacv1.PolicyRule{APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: []string{"*"}}
			cluster = connectEverywhere(ctx, admins)
			delivery = ForConfigMap(ringIn("not-yet", api))
		})
		It("knows nothing and says so", func(ctx context.Context) {
			Expect(read(ctx)).To(Equal(Found{}))
			Expect(write(ctx, "a")).To(MatchError("namespace not-yet does not exist yet: ConfigMap gossip is written as soon as it does"))
		})
		It("begins when it is there", func(ctx context.Context) {
			delivery = ForConfigMap(ringIn("soon", api))
			Expect(read(ctx)).To(Equal(Found{}))
			Expect(admin.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "soon"}})).To(Succeed())
			Expect(read(ctx)).To(Equal(Found{Known: true, Unfinished: true}))
			Expect(write(ctx, "a")).To(Succeed())
			Expect(read(ctx).Holds("a")).To(BeTrue())
		})
		It("does not take one that goes for a missing right", func(ctx context.Context) {
			going := namespaced(ctx)
			Expect(admin.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: going}})).To(Succeed())
			delivery = ForConfigMap(ringIn(going, api))
			Expect(write(ctx, "a")).To(MatchError("namespace " + going + " is being deleted"))
		})
	})

	DescribeTable("names the right that is missing", func(ctx context.Context, missing, verb string) {
		for _, o := range []client.Object{deployment(ns, "api"), statefulSet(ns, "edge"), daemonSet(ns, "proxy")} {
			Expect(admin.Create(ctx, o)).To(Succeed())
		}
		if verb != "create" {
			config.Data = map[string]string{"seeds": "old"}
			Expect(admin.Create(ctx, config)).To(Succeed())
		}
		rights := every()
		for i := range rights {
			if rights[i].Resources[0] == missing {
				rights[i].Verbs = slices.DeleteFunc(rights[i].Verbs, func(v string) bool { return v == verb })
			}
		}
		cluster = connect(ctx, ns, rights...)
		text := "the API server forbids Portolan's role to " + verb + " " + missing + " in namespace " + ns +
			": its access entry allows it as soon as the Region has seen that the ring delivers there"
		Expect(write(ctx, "a")).To(MatchError(text))
		if verb == "get" && missing == "configmaps" {
			Expect(read(ctx)).To(And(HaveField("Known", false), HaveField("Err", MatchError(text))))
		}
	},
		Entry(nil, "configmaps", "get"),
		Entry(nil, "configmaps", "create"),
		Entry(nil, "configmaps", "patch"),
		Entry(nil, "deployments", "get"),
		Entry(nil, "deployments", "patch"),
		Entry(nil, "statefulsets", "patch"),
		Entry(nil, "daemonsets", "patch"),
	)

	It("does not know a region whose workloads it may not see", func(ctx context.Context) {
		Expect(write(ctx, "a")).To(Succeed())
		cluster = connect(ctx, ns, right("", "configmaps", "get"))
		Expect(read(ctx)).To(And(HaveField("Known", false), HaveField("Err", MatchError(ContainSubstring("to get deployments")))))
	})

	It("says which field the API server refuses", func(ctx context.Context) {
		config.Data, config.Immutable = map[string]string{"seeds": "old"}, new(true)
		Expect(admin.Create(ctx, config)).To(Succeed())
		Expect(write(ctx, "a")).To(MatchError(And(HavePrefix("patch configmaps "+ns+"/gossip: "), ContainSubstring("immutable"))))
	})

	It("has an answer for each region, whatever becomes of the others", func(ctx context.Context) {
		forbidden := connect(ctx, ns)
		dead := unstarted(remote.Target{Name: "dead", Endpoint: "https://127.0.0.1:1"}, "t")
		targets := []Target{{}, {Remote: dead}, target(), {Remote: forbidden}}
		var writes []Write
		for _, t := range targets {
			writes = append(writes, Write{Target: t, Text: "a"})
		}
		Expect(delivery.Write(ctx, writes)).To(HaveExactElements(
			MatchError("its cluster is not connected"),
			MatchError("get configmaps "+ns+"/gossip: the API server does not answer: connection refused"),
			BeNil(),
			MatchError(ContainSubstring("forbids")),
		))
		Expect(delivery.Read(ctx, targets)).To(HaveExactElements(
			Equal(Found{}),
			And(HaveField("Known", false), HaveField("Err", HaveOccurred())),
			Equal(Found{Known: true, Text: "a"}),
			And(HaveField("Known", false), HaveField("Err", HaveOccurred())),
		))
	})

	It("knows of a pod only whether it started with the text that is asked for", func() {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{annotation: hashOf("a,b")}}}
		p.Spec.Containers = []corev1.Container{{Env: []corev1.EnvVar{{Name: ringIn("").Spec.Workload.Env, Value: "c"}}}}
		text, ok := delivery.Applied(p, "a,b")
		Expect(ok).To(BeTrue())
		Expect(text).To(Equal("a,b"))
		for annotations, wanted := range maps.All(map[string]string{annotation: "a", "portolan.dev/seeds.frontline": "a,b"}) {
			p.Annotations = map[string]string{annotations: hashOf("a,b")}
			text, ok = delivery.Applied(p, wanted)
			Expect(ok).To(BeFalse())
			Expect(text).To(BeEmpty())
		}
		p.Annotations = nil
		_, ok = delivery.Applied(p, "")
		Expect(ok).To(BeFalse(), "no annotation is not that of no seeds")
	})
})

// connectEverywhere returns the cluster as an operator sees it with those rights in all namespaces.
func connectEverywhere(ctx context.Context, rights ...rbacv1.PolicyRule) *remote.Cluster {
	GinkgoHelper()
	role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{GenerateName: "portolan-"}, Rules: rights}
	Expect(admin.Create(ctx, role)).To(Succeed())
	account, cluster := principal(ctx)
	Expect(admin.Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: account.Name},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: account.Namespace, Name: account.Name}},
	})).To(Succeed())
	return cluster
}
