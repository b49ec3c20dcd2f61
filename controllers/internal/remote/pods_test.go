package remote_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

var _ = Describe("the pods of a cluster", func() {
	var (
		cluster   *connection
		ns, other string
	)
	BeforeEach(func(ctx context.Context) {
		cluster = connect(ctx, "cluster-admin")
		ns, other = namespace(ctx), namespace(ctx)
		Eventually(cluster.Connected).Should(Succeed())
		_, err := cluster.PodsWithoutIdentity([]types.NamespacedName{{Namespace: ns, Name: account}, {Namespace: other, Name: account}})
		Expect(err).NotTo(HaveOccurred())
	})
	// come returns once a pod was announced to whoever looks for its identity, which is
	// after it was announced to whoever looks for pods.
	come := func(ctx context.Context, ns, name string) {
		GinkgoHelper()
		Expect(admin.Create(ctx, pod(ns, name))).To(Succeed())
		Eventually(cluster.changes).Should(Receive())
	}

	It("wake nobody in namespaces that nobody has asked for", func(ctx context.Context) {
		come(ctx, ns, "early")
		Expect(cluster.pods).NotTo(Receive())

		Expect(cluster.Pods(ns, nil)).To(HaveLen(1))
		come(ctx, other, "elsewhere")
		Expect(cluster.pods).NotTo(Receive())
		come(ctx, ns, "late")
		Expect(cluster.pods).To(Receive())
	})

	It("wake in each namespace that was asked for, when they go as well", func(ctx context.Context) {
		for _, n := range []string{ns, other} {
			Expect(cluster.Pods(n, map[string]string{"app": "nobody's"})).To(BeEmpty(), "labels do not narrow it down")
		}
		come(ctx, ns, "p")
		Expect(cluster.pods).To(Receive())
		come(ctx, other, "p")
		Expect(cluster.pods).To(Receive())
		Expect(admin.Delete(ctx, pod(other, "p"))).To(Succeed())
		Eventually(cluster.changes).Should(Receive())
		Expect(cluster.pods).To(Receive())
	})

	It("wake in every namespace when all were asked for", func(ctx context.Context) {
		_, err := cluster.Pods(corev1.NamespaceAll, nil)
		Expect(err).NotTo(HaveOccurred())
		come(ctx, other, "p")
		Expect(cluster.pods).To(Receive())
	})

	It("wake also who asked before the cluster was connected", func(ctx context.Context) {
		early := connect(ctx, "cluster-admin")
		_, err := early.Pods(ns, nil)
		if err != nil { // else it was faster
			Eventually(early.Connected).Should(Succeed())
		}
		come(ctx, ns, "p")
		Eventually(early.pods).Should(Receive())
	})

	It("keep what tells their seeds, and whose they are", func(ctx context.Context) {
		p := pod(ns, "p")
		p.Annotations = map[string]string{"portolan.dev/seeds.api": "h", "portolan.dev/seeds.frontline": "i", "portolan.dev/seed": "x", "other": "y"}
		Expect(admin.Create(ctx, p)).To(Succeed())
		Eventually(func() ([]*corev1.Pod, error) { return cluster.Pods(ns, nil) }).Should(HaveExactElements(And(
			HaveField("Annotations", Equal(map[string]string{"portolan.dev/seeds.api": "h", "portolan.dev/seeds.frontline": "i"})),
			HaveField("OwnerReferences", HaveExactElements(HaveField("Name", "r"))),
		)))
	})
})
