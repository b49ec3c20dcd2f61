package region_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/testenv"
	"github.com/portolan-dev/portolan/controllers/internal/testenv/build"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// nodeOf is a Ready node of a node group.
func nodeOf(group, name string) *corev1.Node {
	node := build.Node(name)
	node.Labels["eks.amazonaws.com/nodegroup"] = group
	return node
}

// podOn is a pod that runs on a node.
func podOn(node client.Object, name string) *corev1.Pod {
	pod := build.Pod(name, "")
	pod.Spec.NodeName = node.GetName()
	return pod
}

var _ = Describe("another node group", func() {
	const actual = "eks.services.k8s.aws/desired-size-managed-by"
	var (
		b       *bed
		newName string
		old     = build.Node("node-1")
		policy  = func(ctx context.Context) []eks.AccessPolicy {
			return object(ctx, b, &eks.AccessEntry{}, "portolan").Spec.AccessPolicies
		}
	)
	BeforeEach(func(ctx SpecContext) {
		b = newBed(ctx)
		b.reachReady(ctx)
	})

	// resize plays EKS, which says how many nodes a group has.
	resize := func(ctx context.Context, group string, nodes int) {
		GinkgoHelper()
		b.ACK.MarkSyncedWith(ctx, object(ctx, b, &eks.Nodegroup{}, group), map[string]any{"status": "ACTIVE", "desiredSize": nodes})
	}
	// exchange asks for another instance type and lets AWS make the new group.
	exchange := func(ctx context.Context) {
		GinkgoHelper()
		b.change(ctx, func(e *v1alpha1.EnvironmentSpec) {
			e.Profiles[0].NodeGroups[0].InstanceTypes = []string{"m7a.xlarge"}
			newName = plan.NodeGroupName(e.Profiles[0].NodeGroups[0])
		})
		Expect(newName).NotTo(Equal(build.NodeGroup))
		b.settle(ctx)
	}
	// seen makes passes until the Region says so.
	seen := func(ctx context.Context, reason string, inMessage ...string) {
		GinkgoHelper()
		Eventually(func(g Gomega) {
			b.reconcile(ctx)
			g.Expect(b.region).To(testenv.HaveCondition("NodesReady", "Unknown", reason, inMessage...))
		}).Should(Succeed())
	}
	groups := func(ctx context.Context) []string { return b.ACK.Names(ctx, b.Namespace, &eks.Nodegroup{}) }

	It("takes the place of one that cannot be changed, and no pod goes before its nodes are there", func(ctx SpecContext) {
		second := build.Node("node-2")
		pod := podOn(old, "api-0")
		b.api.Set(second, pod)
		b.api.Protect("api", pod)
		resize(ctx, build.NodeGroup, 2)
		Eventually(func(g Gomega) {
			b.settle(ctx)
			g.Expect(b.region).To(testenv.HaveCondition("NodesReady", "True", "Succeeded"))
		}).Should(Succeed())

		exchange(ctx)
		Expect(groups(ctx)).To(ConsistOf("Nodegroup "+prefix+"-"+build.NodeGroup, "Nodegroup "+prefix+"-"+newName))
		Expect(object(ctx, b, &eks.Nodegroup{}, newName).Spec.ScalingConfig.DesiredSize).To(HaveValue(BeEquivalentTo(2)), "as many as it replaces")
		Expect(object(ctx, b, &eks.Nodegroup{}, build.NodeGroup).Spec.InstanceTypes).To(HaveExactElements(HaveValue(Equal("m7a.large"))))
		Expect(policy(ctx)).To(HaveExactElements(And(
			HaveField("PolicyARN", HaveValue(HaveSuffix("AmazonEKSClusterAdminPolicy"))), HaveField("AccessScope.Type", HaveValue(Equal("cluster"))))))

		By("only one of two new nodes being Ready")
		resize(ctx, newName, 2)
		b.api.Set(nodeOf(newName, "new-1"))
		seen(ctx, "NodesNotReady", "1 of 2 nodes are Ready")
		b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })
		Expect(b.api.Unschedulable(old)).To(BeFalse())

		By("both being Ready, and a disruption budget in the way")
		b.api.Set(nodeOf(newName, "new-2"))
		seen(ctx, "Draining", "draining node group "+build.NodeGroup, "1 pods are left", "api/api-0", "PodDisruptionBudget api/api")
		Expect(b.api.Unschedulable(old)).To(BeTrue())
		Expect(b.api.Unschedulable(second)).To(BeTrue())
		Expect(b.api.Unschedulable(nodeOf(newName, "new-1"))).To(BeFalse())
		Expect(b.reconcile(ctx).RequeueAfter).To(Equal(testenv.Poll))
		Expect(groups(ctx)).To(HaveLen(2))

		By("the budget allowing it, and AWS taking its time")
		b.AWS.SetNodegroup("eu-west-1", prefix, build.NodeGroup, true)
		b.api.Protect("", pod)
		seen(ctx, "Removing", "AWS is deleting node group "+build.NodeGroup)
		Expect(groups(ctx)).To(ConsistOf("Nodegroup " + prefix + "-" + newName))
		Expect(b.region.Status.Cluster.NodeGroups).To(ConsistOf(build.NodeGroup, newName))

		By("AWS having deleted it")
		b.AWS.SetNodegroup("eu-west-1", prefix, build.NodeGroup, false)
		b.settle(ctx)
		Expect(b.region).To(testenv.HaveCondition("Ready", "True", "Succeeded"))
		Expect(b.region.Status.Cluster.NodeGroups).To(ConsistOf(newName))
		Expect(policy(ctx)).To(HaveExactElements(HaveField("PolicyARN", HaveValue(HaveSuffix("AmazonEKSAdminViewPolicy")))))
	})

	It("is not let go before its nodes are seen to take no new pods", func(ctx SpecContext) {
		exchange(ctx)
		b.api.Set(nodeOf(newName, "new-1"))
		Eventually(func() bool {
			b.Recorder.Reset()
			b.reconcile(ctx)
			return b.api.Unschedulable(old)
		}).Should(BeTrue())
		Expect(b.Recorder.Deleted()).To(BeEmpty(), "a pod may just have been bound to a node that was only now cordoned")
		b.api.Remove(old)
		Eventually(func() []string {
			b.reconcile(ctx)
			return groups(ctx)
		}).Should(ConsistOf("Nodegroup " + prefix + "-" + newName))
	})

	It("goes when the profile does not list it any more, once it is empty", func(ctx SpecContext) {
		b.change(ctx, func(e *v1alpha1.EnvironmentSpec) {
			e.Profiles[0].NodeGroups = append(e.Profiles[0].NodeGroups, v1alpha1.NodeGroup{Name: "apps", InstanceTypes: []string{"c7a.large"}, Min: 1, Max: 2})
			newName = plan.NodeGroupName(e.Profiles[0].NodeGroups[1])
		})
		node := nodeOf(newName, "apps-1")
		b.api.Set(node, podOn(node, "web"))
		b.api.Protect("web", podOn(node, "web"))
		Eventually(func(g Gomega) {
			b.settle(ctx)
			g.Expect(b.region).To(testenv.HaveCondition("Ready", "True", "Succeeded"))
		}).Should(Succeed())

		b.change(ctx, func(e *v1alpha1.EnvironmentSpec) { e.Profiles[0].NodeGroups = e.Profiles[0].NodeGroups[:1] })
		seen(ctx, "Draining", newName, "api/web", "web")
		Expect(groups(ctx)).To(HaveLen(2))
		b.api.Protect("", podOn(node, "web"))
		Eventually(func() []string {
			b.settle(ctx)
			return groups(ctx)
		}).Should(ConsistOf("Nodegroup " + prefix + "-" + build.NodeGroup))
		Expect(b.api.Unschedulable(old)).To(BeFalse())
	})

	Context("with an autoscaler", func() {
		bounds := func(ctx context.Context, lowest, highest int32) {
			GinkgoHelper()
			b.Clock.Step(testenv.Poll)
			testenv.ExpectUpdated(ctx, b.Env, b.region, func(r *v1alpha1.Region) {
				r.Spec.NodeGroups = []v1alpha1.NodeGroupSize{{Name: "system", Min: &lowest, Max: &highest}}
			})
			b.reconcile(ctx)
		}
		sizes := func(ctx context.Context) *eks.ScalingConfig {
			GinkgoHelper()
			return object(ctx, b, &eks.Nodegroup{}, build.NodeGroup).Spec.ScalingConfig
		}
		managedBy := func(ctx context.Context) string {
			GinkgoHelper()
			return object(ctx, b, &eks.Nodegroup{}, build.NodeGroup).Annotations[actual]
		}

		It("gets the size that a raised minimum asks for", func(ctx SpecContext) {
			resize(ctx, build.NodeGroup, 1)
			b.settle(ctx)
			Expect(managedBy(ctx)).To(Equal("external-autoscaler"))
			bounds(ctx, 2, 4)
			Expect(managedBy(ctx)).To(Equal("ack-eks-controller"))
			Expect(sizes(ctx).DesiredSize).To(HaveValue(BeEquivalentTo(2)))
			resize(ctx, build.NodeGroup, 2)
			b.settle(ctx)
			Expect(managedBy(ctx)).To(Equal("external-autoscaler"))
			Expect(sizes(ctx).DesiredSize).To(HaveValue(BeEquivalentTo(2)))
		})

		It("keeps as many nodes as a lowered maximum leaves it", func(ctx SpecContext) {
			bounds(ctx, 1, 60)
			resize(ctx, build.NodeGroup, 50)
			b.settle(ctx)
			Expect(sizes(ctx).DesiredSize).To(HaveValue(BeEquivalentTo(1)), "what it began with: the autoscaler has the say")
			bounds(ctx, 1, 40)
			Expect(managedBy(ctx)).To(Equal("ack-eks-controller"))
			Expect(sizes(ctx).DesiredSize).To(HaveValue(BeEquivalentTo(40)), "not the one that it began with")
			resize(ctx, build.NodeGroup, 40)
			b.settle(ctx)
			Expect(managedBy(ctx)).To(Equal("external-autoscaler"))
		})
	})
})
