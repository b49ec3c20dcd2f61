package remote_test

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/controllers/internal/remote"
)

var _ = Describe("draining a node group", func() {
	var (
		cluster  *connection
		ns       string
		group    string
		machines []*corev1.Node
	)
	BeforeEach(func(ctx context.Context) {
		cluster = connect(ctx, "cluster-admin")
		ns = namespace(ctx)
		group = ns + "-old"
		machines = []*corev1.Node{join(ctx, group, "v1.34.1"), join(ctx, group, "v1.34.1")}
		Eventually(cluster.Connected).Should(Succeed())
		Eventually(cluster.NodeGroups).Should(HaveKeyWithValue(group, remote.NodeCount{Ready: 2, Total: 2}))
	})
	drain := func(ctx context.Context) remote.Drained {
		GinkgoHelper()
		d, err := cluster.Drain(ctx, group)
		Expect(err).NotTo(HaveOccurred())
		return d
	}
	cordoned := func(ctx context.Context) {
		GinkgoHelper()
		Eventually(func() bool { return drain(ctx).Cordoned }).Should(BeTrue())
	}
	place := func(ctx context.Context, name string, on *corev1.Node, edit func(*corev1.Pod)) *corev1.Pod {
		GinkgoHelper()
		p := pod(ns, name)
		p.Spec.NodeName = on.Name
		p.Spec.TerminationGracePeriodSeconds = new(int64(0)) // no kubelet ends it
		if edit != nil {
			edit(p)
		}
		run(ctx, p)
		return p
	}
	// known waits until the operator sees the pods.
	known := func(names ...string) {
		GinkgoHelper()
		Eventually(func() ([]string, error) {
			pods, err := cluster.Pods(ns, nil)
			var all []string
			for _, p := range pods {
				if remote.PodReady(p) {
					all = append(all, p.Name)
				}
			}
			return all, err
		}).Should(ContainElements(names))
	}
	remain := func(ctx context.Context) []string {
		GinkgoHelper()
		pods := &corev1.PodList{}
		Expect(admin.List(ctx, pods, client.InNamespace(ns))).To(Succeed())
		names := []string{}
		for _, p := range pods.Items {
			names = append(names, p.Name)
		}
		return names
	}
	left := func(ctx context.Context) []string {
		GinkgoHelper()
		names := []string{}
		for _, p := range drain(ctx).Pods {
			names = append(names, p.Name.Name)
		}
		return names
	}

	It("cordons its nodes, then evicts their pods, then is done", func(ctx context.Context) {
		place(ctx, "b", machines[0], nil)
		place(ctx, "a", machines[1], nil)
		known("a", "b")

		first := drain(ctx)
		Expect(first).To(Equal(remote.Drained{Nodes: 2, Pods: []remote.UndrainedPod{
			{Name: types.NamespacedName{Namespace: ns, Name: "a"}, Node: machines[1].Name},
			{Name: types.NamespacedName{Namespace: ns, Name: "b"}, Node: machines[0].Name},
		}}))
		Expect(first.Done()).To(BeFalse())
		Expect(remain(ctx)).To(HaveLen(2), "they could not be told from those that are bound meanwhile")
		for _, n := range machines {
			Expect(unschedulable(ctx, n)).To(BeTrue())
		}

		Eventually(func() bool { return drain(ctx).Done() }).Should(BeTrue())
		Expect(remain(ctx)).To(BeEmpty())
		Expect(drain(ctx)).To(Equal(remote.Drained{Nodes: 2, Cordoned: true}))
	})

	It("is not done while a node without pods is not cordoned", func(ctx context.Context) {
		Expect(drain(ctx).Done()).To(BeFalse())
		Eventually(func() bool { return drain(ctx).Done() }).Should(BeTrue())
	})

	It("is done when there are no nodes", func(ctx context.Context) {
		d, err := cluster.Drain(ctx, "of-nobody")
		Expect(err).NotTo(HaveOccurred())
		Expect(d.Nodes).To(BeZero())
		Expect(d.Done()).To(BeTrue())
	})

	It("leaves other groups alone", func(ctx context.Context) {
		other := join(ctx, group+"-new", "v1.35.0")
		place(ctx, "other", other, nil)
		place(ctx, "mine", machines[0], nil)
		known("other", "mine")
		Eventually(func() bool { return drain(ctx).Done() }).Should(BeTrue())
		Expect(remain(ctx)).To(Equal([]string{"other"}))
		Expect(unschedulable(ctx, other)).To(BeFalse())
	})

	DescribeTable("does not count", func(ctx context.Context, edit func(*corev1.Pod), phase corev1.PodPhase) {
		kept := place(ctx, "kept", machines[0], edit)
		if phase != "" {
			kept.Status.Phase = phase
			Expect(admin.Status().Update(ctx, kept)).To(Succeed())
		}
		place(ctx, "mine", machines[0], nil)
		known("mine") // seen after the other
		cordoned(ctx)
		Eventually(func() bool { return drain(ctx).Done() }).Should(BeTrue())
		Expect(remain(ctx)).To(Equal([]string{"kept"}))
	},
		Entry("pods of DaemonSets", func(p *corev1.Pod) { p.OwnerReferences[0].Kind = "DaemonSet" }, corev1.PodPhase("")),
		Entry("static pods", func(p *corev1.Pod) {
			p.OwnerReferences = nil
			p.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "h"}
			p.Spec.ServiceAccountName, p.Spec.AutomountServiceAccountToken = "", new(false) // or they are refused
		}, corev1.PodPhase("")),
		Entry("finished pods", nil, corev1.PodSucceeded),
		Entry("failed pods", nil, corev1.PodFailed),
	)

	It("evicts pods that nothing replaces, and those that only belong to a DaemonSet", func(ctx context.Context) {
		place(ctx, "bare", machines[0], func(p *corev1.Pod) { p.OwnerReferences = nil })
		place(ctx, "owned", machines[0], func(p *corev1.Pod) {
			p.OwnerReferences[0].Kind, p.OwnerReferences[0].Controller = "DaemonSet", nil
		})
		known("bare", "owned")
		Eventually(func() bool { return drain(ctx).Done() }).Should(BeTrue())
		Expect(remain(ctx)).To(BeEmpty())
	})

	It("waits for pods that are being deleted, and asks no more for them", func(ctx context.Context) {
		slow := place(ctx, "slow", machines[0], func(p *corev1.Pod) { p.Finalizers = []string{"test/hold"} })
		known("slow")
		cordoned(ctx)
		Eventually(func() bool {
			drain(ctx)
			return deleting(ctx, slow)
		}).Should(BeTrue())
		viewer := connect(ctx, reader(ctx)) // who may not evict
		Eventually(viewer.Connected).Should(Succeed())
		Expect(viewer.Pods(ns, nil)).To(BeEmpty(), "it knows that the pod is being deleted")
		d, err := viewer.Drain(ctx, group)
		Expect(err).NotTo(HaveOccurred())
		Expect(d.Done()).To(BeFalse())
		Expect(d.Pods).To(HaveExactElements(remote.UndrainedPod{
			Name: client.ObjectKeyFromObject(slow), Node: machines[0].Name,
		}))

		Expect(admin.Patch(ctx, slow, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`)))).To(Succeed())
		Eventually(func() bool { return drain(ctx).Done() }).Should(BeTrue())
	})

	Context("with a disruption budget", func() {
		var allowed *policyv1.PodDisruptionBudget
		BeforeEach(func(ctx context.Context) {
			for i := range 3 {
				place(ctx, fmt.Sprint("p", i), machines[i%2], nil)
			}
			place(ctx, "free", machines[0], func(p *corev1.Pod) { p.Labels = nil })
			known("free", "p0", "p1", "p2")
			allowed = budget(ctx, pod(ns, ""))
		})

		It("evicts as many as it allows, and names it for the rest", func(ctx context.Context) {
			allow(ctx, allowed, 1)
			cordoned(ctx)
			Eventually(func() []string { return left(ctx) }).Should(HaveLen(2))
			why := "PodDisruptionBudget " + ns + "/b allows no disruption"
			Eventually(func() []remote.UndrainedPod { return drain(ctx).Pods }).Should(HaveExactElements(HaveField("Why", why), HaveField("Why", why)))
			Expect(remain(ctx)).To(HaveLen(2))

			reconsider(ctx, allowed, 2)
			Eventually(func() bool { return drain(ctx).Done() }).Should(BeTrue())
			Expect(remain(ctx)).To(BeEmpty())
		})

		It("names one that nobody has looked at yet", func(ctx context.Context) {
			cordoned(ctx)
			Eventually(func() []remote.UndrainedPod { return drain(ctx).Pods }).Should(And(HaveLen(3),
				HaveEach(HaveField("Why", "PodDisruptionBudget "+ns+"/b allows no disruption"))))
		})

		It("writes nothing while it is refused", func(ctx context.Context) {
			allow(ctx, allowed, 0)
			cordoned(ctx)
			Eventually(func() []string { return left(ctx) }).Should(Equal([]string{"p0", "p1", "p2"}))
			before := append(remainVersions(ctx, ns), versionOf(ctx, machines[0]), versionOf(ctx, machines[1]), versionOf(ctx, allowed))
			first := drain(ctx)
			Expect(drain(ctx)).To(Equal(first))
			after := append(remainVersions(ctx, ns), versionOf(ctx, machines[0]), versionOf(ctx, machines[1]), versionOf(ctx, allowed))
			Expect(after).To(Equal(before))
		})
	})

	It("evicts more pods than it asks for at once", func(ctx context.Context) {
		var names []string
		for i := range 25 {
			names = append(names, place(ctx, fmt.Sprintf("p%02d", i), machines[i%2], nil).Name)
		}
		known(names...)
		cordoned(ctx)
		Eventually(func() bool { return drain(ctx).Done() }).Should(BeTrue())
	})

	It("says what the API server forbids, and evicts nothing from nodes that are not cordoned", func(ctx context.Context) {
		place(ctx, "mine", machines[0], nil)
		viewer := connect(ctx, reader(ctx))
		Eventually(viewer.Connected).Should(Succeed())
		_, err := viewer.Drain(ctx, group)
		Expect(err).To(MatchError(And(ContainSubstring("patching node "+min(machines[0].Name, machines[1].Name)), ContainSubstring("forbidden"))))

		known("mine")
		cordoned(ctx)
		Eventually(func() bool { return drain(ctx).Done() }).Should(BeTrue())
		place(ctx, "second", machines[0], nil)
		Eventually(func() ([]*corev1.Pod, error) { return viewer.Pods(ns, nil) }).Should(HaveLen(1))
		Eventually(func() error { // once it sees that they are cordoned
			d, err := viewer.Drain(ctx, group)
			if d.Cordoned {
				Expect(d.Pods).To(HaveLen(1), "what is left is known nevertheless")
			}
			return err
		}).Should(MatchError(ContainSubstring("evicting pod " + ns + "/second: ")))
		Expect(remain(ctx)).To(Equal([]string{"second"}))
	})

	It("fails before the cluster is observed", func(ctx context.Context) {
		stranger := connect(ctx, "")
		_, err := stranger.Drain(ctx, group)
		Expect(err).To(HaveOccurred())
		_, err = stranger.NodeGroups()
		Expect(err).To(HaveOccurred())
		_, err = stranger.KubeletVersions(group)
		Expect(err).To(HaveOccurred())
		Expect(stranger.Uncordon(ctx, group)).NotTo(Succeed())
	})

	Context("announces", func() {
		var mine *corev1.Pod
		BeforeEach(func(ctx context.Context) {
			mine = place(ctx, "mine", machines[0], nil)
			known("mine")
			allow(ctx, budget(ctx, mine), 0)
			cordoned(ctx)
			Expect(cluster.draining).NotTo(Receive())
		})
		It("pods that leave a cordoned node", func(ctx context.Context) {
			Expect(admin.Delete(ctx, mine)).To(Succeed())
			Eventually(cluster.draining).Should(Receive())
		})
		It("pods that finish on a cordoned node", func(ctx context.Context) {
			mine.Status.Phase = corev1.PodSucceeded
			Expect(admin.Status().Update(ctx, mine)).To(Succeed())
			Eventually(cluster.draining).Should(Receive())
		})
		It("nodes that go", func(ctx context.Context) {
			Expect(admin.Delete(ctx, machines[1])).To(Succeed())
			Eventually(cluster.draining).Should(Receive())
			Expect(cluster.NodeGroups()).To(HaveKeyWithValue(group, remote.NodeCount{Ready: 1, Total: 1}))
		})
		It("nothing else", func(ctx context.Context) {
			elsewhere := place(ctx, "elsewhere", join(ctx, group+"-new", "v1.35.0"), nil)
			daemon := place(ctx, "daemon", machines[1], func(p *corev1.Pod) { p.OwnerReferences[0].Kind = "DaemonSet" })
			known("elsewhere", "daemon")
			Expect(admin.Delete(ctx, elsewhere)).To(Succeed())
			Expect(admin.Delete(ctx, daemon)).To(Succeed())
			place(ctx, "last", machines[0], nil) // seen after the others went
			known("last")
			Expect(cluster.draining).NotTo(Receive())
		})
	})
})

// reconsider lets the disruption controller see what has become of a budget's pods.
func reconsider(ctx context.Context, b *policyv1.PodDisruptionBudget, disruptions int32) {
	GinkgoHelper()
	Expect(admin.Get(ctx, client.ObjectKeyFromObject(b), b)).To(Succeed())
	allow(ctx, b, disruptions)
}

func deleting(ctx context.Context, p *corev1.Pod) bool {
	GinkgoHelper()
	found := &corev1.Pod{}
	Expect(admin.Get(ctx, client.ObjectKeyFromObject(p), found)).To(Succeed())
	return !found.DeletionTimestamp.IsZero()
}

func versionOf(ctx context.Context, o client.Object) string {
	GinkgoHelper()
	found, ok := o.DeepCopyObject().(client.Object)
	Expect(ok).To(BeTrue())
	Expect(admin.Get(ctx, client.ObjectKeyFromObject(o), found)).To(Succeed())
	return found.GetResourceVersion()
}

func remainVersions(ctx context.Context, ns string) []string {
	GinkgoHelper()
	pods := &corev1.PodList{}
	Expect(admin.List(ctx, pods, client.InNamespace(ns))).To(Succeed())
	var versions []string
	for _, p := range pods.Items {
		versions = append(versions, p.Name+" "+p.ResourceVersion)
	}
	return versions
}

// reader returns a role that may see what the operator watches, and change nothing.
func reader(ctx context.Context) string {
	GinkgoHelper()
	role := &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{GenerateName: "reader-"},
		Rules:      []rbacv1.PolicyRule{{APIGroups: []string{""}, Resources: []string{"services", "nodes", "pods"}, Verbs: []string{"get", "list", "watch"}}},
	}
	Expect(admin.Create(ctx, role)).To(Succeed())
	return role.Name
}
