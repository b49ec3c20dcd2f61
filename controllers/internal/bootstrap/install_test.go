package bootstrap_test

import (
	"context"
	"fmt"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	autoscalingv1 "k8s.io/api/autoscaling/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/bootstrap"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

var _ = Describe("installing an item", func() {
	var c *cluster
	BeforeEach(func() { c = newCluster() })

	It("applies everything and remembers it", func(ctx context.Context) {
		c.expectInstalled(ctx, c.rendered("h1", says("a", "hello")))

		found := &corev1.ConfigMap{}
		Expect(server.Get(ctx, client.ObjectKey{Namespace: c.name, Name: "a"}, found)).To(Succeed())
		Expect(found.Data).To(HaveKeyWithValue("says", "hello"))
		Expect(found.Labels).To(HaveKeyWithValue(bootstrap.LabelItem, c.name))
		Expect(found.ManagedFields).To(HaveExactElements(HaveField("Manager", "portolan-bootstrap")))
		Expect(c.marker(ctx).Data).To(HaveKeyWithValue("hash", "h1"))
		Expect(c.marker(ctx).Data["inventory"]).To(MatchJSON(fmt.Sprintf(
			`[{"apiVersion":"v1","kind":"Namespace","name":%q},{"apiVersion":"v1","kind":"ConfigMap","namespace":%q,"name":"a"}]`, c.name, c.name)))
	})

	It("makes one request when nothing has changed", func(ctx context.Context) {
		r := c.rendered("h1", says("a", "hello"))
		c.expectInstalled(ctx, r)
		c.reads.Store(0)
		c.writes.Store(0)
		c.expectInstalled(ctx, r)
		Expect(c.reads.Load()).To(BeEquivalentTo(1))
		Expect(c.writes.Load()).To(BeZero())
	})

	It("leaves what it was given as it was", func(ctx context.Context) {
		r := c.rendered("h1", says("a", "hello"))
		before := r.Objects[1].DeepCopy()
		c.expectInstalled(ctx, r)
		Expect(r.Objects[1]).To(Equal(before))
	})

	It("puts objects of a chart into its namespace, and keeps those out that have none", func(ctx context.Context) {
		repository := newRepository()
		DeferCleanup(repository.Close)
		item := repository.publish(c.name, "1.0.0", map[string]string{
			"templates/a.yaml": `{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}`,
			"templates/b.yaml": `{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: {{ .Release.Name }}, namespace: {{ .Release.Namespace }}}}`,
		})
		item.Helm.Namespace = c.name
		r, err := bootstrap.NewSource(bootstrap.Options{}).Render(ctx, item, nil, variables)
		Expect(err).NotTo(HaveOccurred())
		c.expectInstalled(ctx, r)
		Expect(c.state(ctx)).To(HaveKey("a"))
		Expect(server.Get(ctx, client.ObjectKey{Name: c.name}, &rbacv1.ClusterRole{})).To(Succeed())
	})

	It("does not lose what has no namespace when the chart moves to another one", func(ctx context.Context) {
		role := func(namespace string) string {
			return "{apiVersion: rbac.authorization.k8s.io/v1, kind: ClusterRole, metadata: {name: NS, namespace: " + namespace + "}}"
		}
		c.expectInstalled(ctx, c.rendered("h1", role("one")))
		c.expectInstalled(ctx, c.rendered("h2", role("two")))
		Expect(server.Get(ctx, client.ObjectKey{Name: c.name}, &rbacv1.ClusterRole{})).To(Succeed())
	})

	It("takes over what somebody else made", func(ctx context.Context) {
		c.expectInstalled(ctx, c.rendered("h0"))
		Expect(server.Create(ctx, &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: c.name, Name: "a"}, Data: map[string]string{"says": "mine"},
		})).To(Succeed())
		c.expectInstalled(ctx, c.rendered("h1", says("a", "hello")))
		Expect(c.state(ctx)).To(HaveKeyWithValue("a", "hello"))
	})

	Context("that has changed", func() {
		It("applies the new and deletes what it does not bring any more", func(ctx context.Context) {
			c.expectInstalled(ctx, c.rendered("h1", says("a", "old"), says("b", "old")))
			c.expectInstalled(ctx, c.rendered("h2", says("a", "new"), says("c", "new")))
			Expect(c.state(ctx)).To(And(HaveKeyWithValue("a", "new"), HaveKeyWithValue("c", "new"), Not(HaveKey("b"))))
			Expect(c.marker(ctx).Data["inventory"]).NotTo(ContainSubstring(`"b"`))
		})

		It("never deletes CRDs and Namespaces", func(ctx context.Context) {
			c.expectInstalled(ctx, c.rendered("h1", "{apiVersion: v1, kind: Namespace, metadata: {name: NS-two}}"))
			former := definition(c.name+"kept", "Kept")
			Eventually(c.install).WithArguments(ctx, c.rendered("h2", former)).Should(Succeed())
			c.expectInstalled(ctx, c.rendered("h3"))
			Expect(server.Get(ctx, client.ObjectKey{Name: c.name + "-two"}, &corev1.Namespace{})).To(Succeed())
			Expect(server.Get(ctx, client.ObjectKey{Name: "kepts." + c.name + "kept.test"}, crdObject())).To(Succeed())
		})

		It("keeps what the chart wants to be kept", func(ctx context.Context) {
			c.expectInstalled(ctx, c.rendered("h1", says("a", "old", `annotations: {helm.sh/resource-policy: keep}`)))
			c.expectInstalled(ctx, c.rendered("h2"))
			Expect(c.state(ctx)).To(HaveKey("a"))
		})

		It("keeps what another item brings by now", func(ctx context.Context) {
			c.expectInstalled(ctx, c.rendered("h1", says("a", "old")))
			Expect(c.installAs(ctx, "-other", c.rendered("h1", says("a", "theirs")))).To(Succeed())
			c.expectInstalled(ctx, c.rendered("h2"))
			Expect(c.state(ctx)).To(HaveKeyWithValue("a", "theirs"))
		})

		It("does not mistake another version of an object for another object", func(ctx context.Context) {
			scaler := func(version, rest string) string {
				return "{apiVersion: autoscaling/" + version + ", kind: HorizontalPodAutoscaler, metadata: {namespace: NS, name: a}, spec: {maxReplicas: 2, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: a}" + rest + "}}"
			}
			c.expectInstalled(ctx, c.rendered("h1", scaler("v1", ", targetCPUUtilizationPercentage: 50")))
			c.expectInstalled(ctx, c.rendered("h2", scaler("v2", "")))
			Expect(server.Get(ctx, client.ObjectKey{Namespace: c.name, Name: "a"}, &autoscalingv1.HorizontalPodAutoscaler{})).To(Succeed())
		})

		It("does not mind that somebody deleted what it would delete", func(ctx context.Context) {
			c.expectInstalled(ctx, c.rendered("h1", says("a", "old")))
			Expect(server.Delete(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: c.name, Name: "a"}})).To(Succeed())
			c.expectInstalled(ctx, c.rendered("h2"))
		})

		It("replaces a hook that cannot be changed", func(ctx context.Context) {
			job := func(image, annotations string) string {
				return "{apiVersion: batch/v1, kind: Job, metadata: {namespace: NS, name: a, annotations: {" + annotations + "}}, spec: {template: {spec: {restartPolicy: Never, containers: [{name: a, image: " + image + "}]}}}}"
			}
			const hook = "helm.sh/hook: post-install"
			c.expectInstalled(ctx, c.rendered("h1", job("old", hook)))
			Expect(c.install(ctx, c.rendered("h2", job("new", hook)))).To(beInstalling("Job " + c.name + "/a is being replaced"))
			Eventually(c.install).WithArguments(ctx, c.rendered("h2", job("new", hook))).Should(Succeed())
			found := &batchv1.Job{}
			Expect(server.Get(ctx, client.ObjectKey{Namespace: c.name, Name: "a"}, found)).To(Succeed())
			Expect(found.Spec.Template.Spec.Containers[0].Image).To(Equal("new"))

			By("leaving Jobs alone that are no hooks")
			err := c.install(ctx, c.rendered("h3", job("newer", "")))
			Expect(err).To(MatchError(ContainSubstring("applying Job " + c.name + "/a: ")))
			Expect(err).To(MatchError(ContainSubstring("immutable")))
		})

		It("reports a hook that is invalid, instead of deleting what is not there", func(ctx context.Context) {
			err := c.install(ctx, c.rendered("h1", "{apiVersion: batch/v1, kind: Job, metadata: {namespace: NS, name: a, annotations: {helm.sh/hook: post-install}}, spec: {template: {spec: {restartPolicy: Always, containers: [{name: a, image: i}]}}}}"))
			Expect(err).To(MatchError(ContainSubstring("applying Job " + c.name + "/a: ")))
			Expect(step.IsWaiting(err)).To(BeFalse())
		})
	})

	Context("after a crash", func() {
		It("is completed by the next pass, whichever write was the last", func(ctx context.Context) {
			for crash := int64(1); ; crash++ {
				c := newCluster()
				c.expectInstalled(ctx, c.rendered("h1", says("a", "old"), says("b", "old")))
				c.writes.Store(0)
				c.crashAt = crash
				next := c.rendered("h2", says("a", "new"), says("c", "new"))
				err := c.install(ctx, next)
				c.crashAt = 0
				c.expectInstalled(ctx, next)
				Expect(c.state(ctx)).To(And(HaveKeyWithValue("a", "new"), HaveKeyWithValue("c", "new"), Not(HaveKey("b"))), "crash at write %d", crash)
				if err == nil {
					Expect(crash).To(BeNumerically(">", 5), "the change takes six writes")
					return
				}
				Expect(err).To(MatchError(errCrash))
			}
		})

		It("leaves nothing behind when it is edited back in between", func(ctx context.Context) {
			for crash := int64(1); ; crash++ {
				c := newCluster()
				former := c.rendered("h1", says("a", "old"), says("b", "old"))
				c.expectInstalled(ctx, former)
				c.writes.Store(0)
				c.crashAt = crash
				err := c.install(ctx, c.rendered("h2", says("a", "new"), says("c", "new")))
				c.crashAt = 0
				c.expectInstalled(ctx, former)
				Expect(c.state(ctx)).To(And(HaveKeyWithValue("a", "old"), HaveKeyWithValue("b", "old"), Not(HaveKey("c"))), "crash at write %d", crash)
				if err == nil {
					return
				}
			}
		})
	})

	Context("with kinds of its own", func() {
		It("waits for them, and then goes on", func(ctx context.Context) {
			r := c.rendered("h1", definition(c.name, "Buoy"), says("a", "hello"), instance(c.name, "Buoy"))
			err := c.install(ctx, r)
			Expect(err).To(beInstalling("CustomResourceDefinition buoys." + c.name + ".test is not established yet"))
			Expect(step.PollAfter(err)).To(Equal(2 * time.Second))
			Eventually(c.install).WithArguments(ctx, r).Should(Succeed())
			Expect(server.Get(ctx, client.ObjectKey{Namespace: c.name, Name: "one"}, custom(c.name, "Buoy"))).To(Succeed())
			Expect(c.marker(ctx).Data["inventory"]).To(ContainSubstring("Buoy"))
		})

		It("polls as often as it is told to", func(ctx context.Context) {
			err := (&bootstrap.Installer{Poll: time.Minute}).Install(ctx, c, c.name, c.rendered("h1", definition(c.name, "Buoy")))
			Expect(step.PollAfter(err)).To(Equal(time.Minute))
		})

		It("says what keeps a CRD from being accepted", func(ctx context.Context) {
			Eventually(c.install).WithArguments(ctx, c.rendered("h1", definition(c.name, "Buoy"))).Should(Succeed())
			second := fmt.Sprintf(`{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: others.%[1]s.test}, spec: {group: %[1]s.test, scope: Namespaced, names: {kind: Buoy, plural: others}, versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]}}`, c.name)
			Eventually(c.install).WithArguments(ctx, c.rendered("h2", second)).Should(beInstalling("is not accepted: ", "Buoy"))
		})
	})

	Context("with kinds that the cluster does not serve", func() {
		It("applies the rest once, names them, and completes it when they are there", func(ctx context.Context) {
			r := c.rendered("h1", instance(c.name, "Buoy"), says("a", "hello"), instance(c.name, "Anchor"), instance(c.name, "Buoy"))
			missing := []string{
				"the cluster does not serve " + c.name + ".test/v1 Anchor, " + c.name + ".test/v1 Buoy yet",
				"add its CRDs there",
			}
			Expect(c.install(ctx, r)).To(beInstalling(missing...))
			Expect(c.state(ctx)).To(HaveKeyWithValue("a", "hello"))

			c.writes.Store(0)
			Expect(c.install(ctx, r)).To(beInstalling(missing...))
			Expect(c.writes.Load()).To(BeZero(), "looking for kinds costs the cluster no writes")

			for _, kind := range []string{"Buoy", "Anchor"} {
				Expect(server.Create(ctx, c.rendered("", definition(c.name, kind)).Objects[1])).To(Succeed())
			}
			Eventually(c.install).WithArguments(ctx, r).Should(Succeed())
			for _, kind := range []string{"Buoy", "Anchor"} {
				Expect(server.Get(ctx, client.ObjectKey{Namespace: c.name, Name: "one"}, custom(c.name, kind))).To(Succeed())
			}
		})

		It("applies the rest again after it has changed there and back", func(ctx context.Context) {
			former := c.rendered("h1", instance(c.name, "Buoy"), says("a", "old"))
			Expect(c.install(ctx, former)).To(beInstalling())
			c.writes.Store(0)
			c.crashAt = 4 // after the marker, the Namespace and the ConfigMap
			Expect(c.install(ctx, c.rendered("h2", instance(c.name, "Buoy"), says("a", "new")))).To(MatchError(errCrash))
			Expect(c.state(ctx)).To(HaveKeyWithValue("a", "new"))
			c.crashAt = 0
			Expect(c.install(ctx, former)).To(beInstalling())
			Expect(c.state(ctx)).To(HaveKeyWithValue("a", "old"))
		})

		It("waits for API servers that learn of a CRD later than others", func(ctx context.Context) {
			c.refuse = "Service"
			r := c.rendered("h1", says("a", "hello"), "{apiVersion: v1, kind: Service, metadata: {namespace: NS, name: s}, spec: {ports: [{port: 80}]}}")
			Expect(c.install(ctx, r)).To(beInstalling("the cluster does not serve v1 Service yet"))
			c.refuse = ""
			c.expectInstalled(ctx, r)
		})
	})

	Context("that the API server refuses", func() {
		It("names the object and the reason, and goes on later", func(ctx context.Context) {
			err := c.install(ctx, c.rendered("h1", says("a", "hello"), "{apiVersion: v1, kind: Service, metadata: {namespace: NS, name: s}, spec: {ports: [{port: 99999}]}}"))
			Expect(err).To(MatchError(And(ContainSubstring("applying Service "+c.name+"/s: "), ContainSubstring("spec.ports[0].port"))))
			Expect(step.IsWaiting(err)).To(BeFalse())
			Expect(c.marker(ctx).Data).NotTo(HaveKey("hash"))
			c.expectInstalled(ctx, c.rendered("h2", says("a", "hello")))
		})

		It("shows nothing of Secrets", func(ctx context.Context) {
			err := c.install(ctx, c.rendered("h1", "{apiVersion: v1, kind: Secret, metadata: {namespace: NS, name: s}, data: {password: [hunter2]}}"))
			Expect(err).To(MatchError(ContainSubstring("applying Secret " + c.name + "/s: the API server says ")))
			Expect(err.Error()).NotTo(ContainSubstring("hunter2"))
		})
	})

	It("says how to repair a damaged marker", func(ctx context.Context) {
		Expect(server.Create(ctx, &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: "portolan-bootstrap-" + c.name},
			Data:       map[string]string{"inventory": "["},
		})).To(Succeed())
		Expect(c.install(ctx, c.rendered("h1"))).To(MatchError(ContainSubstring("delete it, then everything is applied again")))
	})
})

// beInstalling matches step.Poll with v1alpha1.ReasonInstalling, and the parts of its text.
func beInstalling(parts ...string) OmegaMatcher {
	all := []OmegaMatcher{
		HaveOccurred(),
		WithTransform(step.ReasonOf, Equal(v1alpha1.ReasonInstalling)),
		WithTransform(step.PollAfter, BeNumerically(">", 0)),
	}
	for _, part := range parts {
		all = append(all, MatchError(ContainSubstring(part)))
	}
	return And(all...)
}

func definition(group, kind string) string {
	plural := map[string]string{"Buoy": "buoys", "Anchor": "anchors", "Kept": "kepts"}[kind]
	return fmt.Sprintf(`{apiVersion: apiextensions.k8s.io/v1, kind: CustomResourceDefinition, metadata: {name: %[2]s.%[1]s.test}, spec: {group: %[1]s.test, scope: Namespaced, names: {kind: %[3]s, plural: %[2]s}, versions: [{name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object}}}]}}`, group, plural, kind)
}

func instance(group, kind string) string {
	return "{apiVersion: " + group + ".test/v1, kind: " + kind + ", metadata: {namespace: NS, name: one}}"
}

func custom(group, kind string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	o.SetAPIVersion(group + ".test/v1")
	o.SetKind(kind)
	return o
}

func crdObject() *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition"))
	return o
}
