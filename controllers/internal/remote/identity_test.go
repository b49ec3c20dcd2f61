package remote_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/controllers/internal/remote"
)

const account = "external-dns"

// pod is one of a ReplicaSet, without credentials, and Ready once it is run.
func pod(ns, name string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: ns, Name: name, Labels: map[string]string{"app": account},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "r", UID: "u", Controller: new(true)}},
		},
		Spec: corev1.PodSpec{
			ServiceAccountName: account,
			Containers:         []corev1.Container{{Name: "main", Image: "i"}, {Name: "sidecar", Image: "i"}},
		},
	}
}

func run(ctx context.Context, p *corev1.Pod) {
	GinkgoHelper()
	Expect(admin.Create(ctx, p)).To(Succeed())
	p.Status.Phase = corev1.PodRunning
	p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	Expect(admin.Status().Update(ctx, p)).To(Succeed())
}

func credentials() []corev1.EnvVar {
	return []corev1.EnvVar{{Name: "AWS_CONTAINER_CREDENTIALS_FULL_URI", Value: "http://169.254.170.23/v1/credentials"}}
}

var _ = Describe("pods without their identity", func() {
	var (
		cluster *connection
		ns      string
	)
	BeforeEach(func(ctx context.Context) {
		cluster = connect(ctx, "cluster-admin")
		ns = namespace(ctx)
		Eventually(cluster.Connected).Should(Succeed())
	})
	look := func() []remote.UnidentifiedPod {
		GinkgoHelper()
		pods, err := cluster.PodsWithoutIdentity([]types.NamespacedName{{Namespace: ns, Name: account}})
		Expect(err).NotTo(HaveOccurred())
		return pods
	}
	names := func() []string {
		GinkgoHelper()
		var all []string
		for _, p := range look() {
			all = append(all, p.Name.Name)
		}
		return all
	}

	It("are found, with what evicting them takes", func(ctx context.Context) {
		second, first := pod(ns, "b"), pod(ns, "a")
		run(ctx, second)
		run(ctx, first)
		Eventually(names).Should(Equal([]string{"a", "b"}))
		Expect(look()[0]).To(Equal(remote.UnidentifiedPod{
			Name: client.ObjectKeyFromObject(first), UID: first.UID,
			ServiceAccount: types.NamespacedName{Namespace: ns, Name: account}, CreatedAt: first.CreationTimestamp.Time,
		}))
	})

	DescribeTable("are not", func(ctx context.Context, edit func(*corev1.Pod), phase corev1.PodPhase) {
		other, sought := pod(ns, "other"), pod(ns, "sought")
		edit(other)
		run(ctx, other)
		if phase != "" {
			other.Status.Phase = phase
			Expect(admin.Status().Update(ctx, other)).To(Succeed())
		}
		if other.Spec.NodeName != "" {
			Expect(admin.Delete(ctx, other)).To(Succeed()) // takes a grace period, as there is a node
		}
		run(ctx, sought) // seen after the other
		Eventually(names).Should(Equal([]string{"sought"}))
	},
		Entry("pods with credentials", func(p *corev1.Pod) { p.Spec.Containers[0].Env = credentials() }, corev1.PodPhase("")),
		Entry("pods with credentials in another container only", func(p *corev1.Pod) { p.Spec.Containers[1].Env = credentials() }, corev1.PodPhase("")),
		Entry("pods of another account", func(p *corev1.Pod) { p.Spec.ServiceAccountName = "other" }, corev1.PodPhase("")),
		Entry("pods that nothing replaces", func(p *corev1.Pod) { p.OwnerReferences = nil }, corev1.PodPhase("")),
		Entry("pods whose owner is no controller", func(p *corev1.Pod) { p.OwnerReferences[0].Controller = nil }, corev1.PodPhase("")),
		Entry("finished pods", func(*corev1.Pod) {}, corev1.PodSucceeded),
		Entry("failed pods", func(*corev1.Pod) {}, corev1.PodFailed),
		Entry("pods being deleted", func(p *corev1.Pod) { p.Spec.NodeName = "node" }, corev1.PodPhase("")),
	)

	It("wake whoever asked for them, and no others do", func(ctx context.Context) {
		Expect(names()).To(BeEmpty())
		elsewhere := pod(namespace(ctx), "other-namespace")
		run(ctx, elsewhere)
		well := pod(ns, "well")
		well.Spec.Containers[0].Env = credentials()
		run(ctx, well)
		Eventually(func() ([]*corev1.Pod, error) { return cluster.Pods(ns, nil) }).Should(HaveLen(1))
		Expect(cluster.changes).NotTo(Receive())

		sought := pod(ns, "sought")
		run(ctx, sought)
		Eventually(cluster.changes).Should(Receive())
		Eventually(names).Should(Equal([]string{"sought"}))
	})

	It("wake whoever asked for them when they go", func(ctx context.Context) {
		Expect(names()).To(BeEmpty())
		sought := pod(ns, "sought")
		run(ctx, sought)
		Eventually(func() bool {
			p, err := cluster.Pods(ns, nil)
			return err == nil && len(p) == 1 && remote.PodReady(p[0])
		}).Should(BeTrue())
		for len(cluster.changes) > 0 {
			<-cluster.changes
		}
		Expect(admin.Delete(ctx, sought)).To(Succeed())
		Eventually(cluster.changes).Should(Receive())
	})
})
