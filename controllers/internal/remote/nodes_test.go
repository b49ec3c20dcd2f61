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

// join adds a node of an EKS node group, which is Ready. An empty group makes it one of none.
func join(ctx context.Context, group, kubelet string) *corev1.Node {
	GinkgoHelper()
	n := &corev1.Node{ObjectMeta: metav1.ObjectMeta{GenerateName: "node-"}}
	if group != "" {
		n.Labels = map[string]string{"eks.amazonaws.com/nodegroup": group}
	}
	Expect(admin.Create(ctx, n)).To(Succeed())
	n.Status.NodeInfo.KubeletVersion = kubelet
	n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: corev1.ConditionTrue}}
	Expect(admin.Status().Update(ctx, n)).To(Succeed())
	return n
}

func unschedulable(ctx context.Context, n *corev1.Node) bool {
	GinkgoHelper()
	found := &corev1.Node{}
	Expect(admin.Get(ctx, client.ObjectKeyFromObject(n), found)).To(Succeed())
	return found.Spec.Unschedulable
}

var _ = Describe("the nodes of a cluster", func() {
	var (
		cluster *connection
		group   string
	)
	BeforeEach(func(ctx context.Context) {
		cluster = connect(ctx, "cluster-admin")
		group = namespace(ctx)
		Eventually(cluster.Connected).Should(Succeed())
	})

	It("are counted by node group", func(ctx context.Context) {
		join(ctx, group, "v1.34.1")
		broken := join(ctx, group, "v1.34.1")
		join(ctx, group+"-other", "v1.34.1")
		join(ctx, "", "v1.34.1")
		broken.Status.Conditions[0].Status = corev1.ConditionFalse
		Expect(admin.Status().Update(ctx, broken)).To(Succeed())
		Eventually(cluster.NodeGroups).Should(And(
			HaveKeyWithValue(group, remote.NodeCount{Ready: 1, Total: 2}),
			HaveKeyWithValue(group+"-other", remote.NodeCount{Ready: 1, Total: 1}),
			Not(HaveKey("")),
		))
		Expect(cluster.NodeGroups()).NotTo(HaveKey(group + "-none"))
		Expect(cluster.ReadyNodes()).To(BeNumerically(">=", 3))
	})

	It("tell their minor versions, the oldest first", func(ctx context.Context) {
		for _, kubelet := range []string{"v1.34.1-eks-113cf36", "v1.9.7", "v1.34.0-eks-0000000", "1.10.2", ""} {
			join(ctx, group, kubelet)
		}
		join(ctx, group+"-other", "v1.33.0")
		Eventually(func() ([]string, error) { return cluster.KubeletVersions(group) }).Should(Equal([]string{"1.9", "1.10", "1.34"}))
		Expect(cluster.KubeletVersions("of-nobody")).To(BeEmpty())
	})

	It("are uncordoned where Portolan cordoned them", func(ctx context.Context) {
		ours, theirs := join(ctx, group, "v1.34.1"), join(ctx, group, "v1.34.1")
		Expect(admin.Patch(ctx, theirs.DeepCopy(), client.RawPatch(types.MergePatchType, []byte(`{"spec":{"unschedulable":true}}`)))).To(Succeed())
		Eventually(func() (bool, error) {
			d, err := cluster.Drain(ctx, group)
			return d.Nodes == 2 && d.Cordoned, err
		}).Should(BeTrue())

		Eventually(func() bool {
			Expect(cluster.Uncordon(ctx, group)).To(Succeed())
			return unschedulable(ctx, ours)
		}).Should(BeFalse())
		Expect(unschedulable(ctx, theirs)).To(BeTrue())
		found := &corev1.Node{}
		Expect(admin.Get(ctx, client.ObjectKeyFromObject(ours), found)).To(Succeed())
		Expect(found.Annotations).NotTo(HaveKey("portolan.dev/cordoned"))
	})
})
