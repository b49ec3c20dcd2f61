package region_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack/ec2"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/ack/iam"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/internal/aws/fake"
	"github.com/portolan-dev/portolan/controllers/internal/testenv"
	"github.com/portolan-dev/portolan/controllers/internal/testenv/build"
	"github.com/portolan-dev/portolan/controllers/plan"
)

var _ = Describe("the control plane of a Region", func() {
	var b *bed
	BeforeEach(func(ctx SpecContext) { b = newBed(ctx) })

	It("is not declared before the subnets have IDs", func(ctx SpecContext) {
		b.apply(ctx)
		b.settle(ctx, &ec2.Subnet{})
		Expect(b.ACK.Names(ctx, b.Namespace, &eks.Cluster{})).To(BeEmpty())
		Expect(b.region).To(testenv.HaveCondition("IdentityReady", "True", "Succeeded"))
		Expect(b.region).To(testenv.HaveCondition("ControlPlaneReady", "Unknown", "Blocked", "waiting for NetworkReady"))
	})

	It("is not declared before its role exists", func(ctx SpecContext) {
		b.apply(ctx)
		b.settle(ctx, &iam.Role{})
		Expect(b.ACK.Names(ctx, b.Namespace, &eks.Cluster{})).To(BeEmpty())
		Expect(b.region).To(testenv.HaveCondition("NetworkReady", "True", "Succeeded"))
		Expect(b.region).To(testenv.HaveCondition("ControlPlaneReady", "Unknown", "Blocked", "waiting for IdentityReady"))
	})

	It("names role and subnets literally", func(ctx SpecContext) {
		b.apply(ctx)
		b.settle(ctx)
		spec := b.cluster(ctx).Spec
		Expect(spec.Name).To(HaveValue(Equal(prefix)))
		Expect(spec.Version).To(HaveValue(Equal("1.34")))
		Expect(spec.RoleARN).To(HaveValue(Equal("arn:aws:iam::123456789012:role/" + prefix + "-cluster")))
		Expect(spec.ResourcesVPCConfig.SubnetIDs).To(HaveExactElements(
			HaveValue(Equal("subnet-"+prefix+"-private-eu-west-1a")),
			HaveValue(Equal("subnet-"+prefix+"-private-eu-west-1b")),
			HaveValue(Equal("subnet-"+prefix+"-private-eu-west-1c"))))
	})

	It("lets nothing into the cluster before EKS serves its API", func(ctx SpecContext) {
		b.apply(ctx)
		b.settle(ctx, &eks.Cluster{})
		b.ACK.MarkSyncedWith(ctx, b.cluster(ctx), map[string]any{"status": "CREATING"})
		b.reconcile(ctx)

		Expect(b.region).To(testenv.HaveCondition("ControlPlaneReady", "Unknown", "Creating", "EKS reports Cluster "+prefix+" as CREATING"))
		for _, blocked := range []string{"AccessReady", "AddonsReady", "NodesReady"} {
			Expect(b.region).To(testenv.HaveCondition(blocked, "Unknown", "Blocked", "waiting for ControlPlaneReady"))
		}
		Expect(b.ACK.Names(ctx, b.Namespace, &eks.AccessEntry{}, &eks.Addon{}, &eks.Nodegroup{})).To(BeEmpty())
		Expect(b.region.Status.Cluster).To(HaveValue(And(HaveField("Name", prefix), HaveField("Status", "CREATING"))))

		b.settle(ctx)
		Expect(b.ACK.Names(ctx, b.Namespace, &eks.AccessEntry{}, &eks.Addon{}, &eks.Nodegroup{})).To(ConsistOf(
			"AccessEntry "+prefix+"-portolan", "Addon "+prefix+"-vpc-cni", "Nodegroup "+prefix+"-"+build.NodeGroup))
		Expect(b.region.Status.Cluster.Endpoint).To(Equal(b.api.Endpoint()))
		Expect(b.region.Status.Cluster.NodeGroups).To(ConsistOf(build.NodeGroup))
	})

	It("goes on while EKS updates the cluster", func(ctx SpecContext) {
		b.apply(ctx)
		b.settle(ctx, &eks.Nodegroup{})
		b.ACK.MarkSyncedWith(ctx, b.cluster(ctx), map[string]any{"status": "UPDATING"})
		b.settle(ctx, &eks.Cluster{})
		Expect(b.region).To(testenv.HaveCondition("ControlPlaneReady", "Unknown", "Creating", "UPDATING"))
		Expect(b.region).To(testenv.HaveCondition("AddonsReady", "True", "Succeeded"))
	})

	It("lets Portolan read and Argo CD deploy", func(ctx SpecContext) {
		b.environment.Spec.ArgoCD.RoleARN = "arn:aws:iam::123456789012:role/argocd"
		b.apply(ctx)
		b.settle(ctx)
		portolan := object(ctx, b, &eks.AccessEntry{}, "portolan").Spec
		Expect(portolan.PrincipalARN).To(HaveValue(Equal(fake.OwnRoleARN)))
		Expect(portolan.AccessPolicies).To(HaveExactElements(
			HaveField("PolicyARN", HaveValue(Equal("arn:aws:eks::aws:cluster-access-policy/AmazonEKSAdminViewPolicy")))))
		argocd := object(ctx, b, &eks.AccessEntry{}, "argocd").Spec
		Expect(argocd.PrincipalARN).To(HaveValue(Equal("arn:aws:iam::123456789012:role/argocd")))
		Expect(argocd.AccessPolicies).To(HaveExactElements(
			HaveField("PolicyARN", HaveValue(HaveSuffix("AmazonEKSClusterAdminPolicy")))))
	})

	It("names the permission that the access entry lacks and recovers", func(ctx SpecContext) {
		b.AWS.Fail(fake.RoleARN, &aws.Error{Operation: "sts:AssumeRole", Code: "AccessDenied", Class: aws.AccessDenied})
		b.apply(ctx)
		b.settle(ctx)
		Expect(b.region).To(testenv.HaveCondition("AccessReady", "Unknown", "AccessDenied", "grant sts:AssumeRole"))

		b.AWS.Fail(fake.RoleARN, nil)
		b.settle(ctx)
		b.connected()
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("AccessReady", "True", "Succeeded"))
	})

	DescribeTable("says what EKS finds wrong", func(ctx SpecContext, condition string, find func(SpecContext) (what string)) {
		b.apply(ctx)
		b.settle(ctx)
		what := find(ctx)
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition(condition, "Unknown", "UnhealthyInAWS",
			"EKS reports "+what+"; NodeCreationFailure: Instances failed to join"))
		Expect(b.region).To(testenv.HaveNoCondition("Stalled"))
	},
		Entry("in a node group", "NodesReady", func(ctx SpecContext) string {
			b.ACK.MarkSyncedWith(ctx, object(ctx, b, &eks.Nodegroup{}, build.NodeGroup), unhealthy("DEGRADED"))
			return "Nodegroup " + prefix + "-" + build.NodeGroup + " as DEGRADED"
		}),
		Entry("in an add-on", "AddonsReady", func(ctx SpecContext) string {
			b.ACK.MarkSyncedWith(ctx, object(ctx, b, &eks.Addon{}, "vpc-cni"), unhealthy("DEGRADED"))
			return "Addon " + prefix + "-vpc-cni as DEGRADED"
		}),
		Entry("in the cluster", "ControlPlaneReady", func(ctx SpecContext) string {
			b.ACK.MarkSyncedWith(ctx, b.cluster(ctx), unhealthy("FAILED"))
			return "Cluster " + prefix + " as FAILED"
		}),
	)

	DescribeTable("makes again what EKS could not create and never repairs", func(ctx SpecContext, condition string, obj client.Object, suffix string) {
		b.apply(ctx)
		b.settle(ctx)
		b.ACK.MarkSyncedWith(ctx, object(ctx, b, obj, suffix), unhealthy("CREATE_FAILED"))
		failed := obj.GetUID()
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition(condition, "Unknown", "Recreating", "CREATE_FAILED; NodeCreationFailure: Instances failed to join"))
		b.Clock.Step(testenv.SlowPoll)
		b.settle(ctx)
		Expect(object(ctx, b, obj, suffix).GetUID()).NotTo(Equal(failed))
		Expect(b.region).NotTo(testenv.HaveCondition(condition, "Unknown", "Recreating"))
	},
		Entry("a node group", "NodesReady", &eks.Nodegroup{}, build.NodeGroup),
		Entry("an add-on", "AddonsReady", &eks.Addon{}, "vpc-cni"),
	)

	It("describes node groups the way EKS spells them", func(ctx SpecContext) {
		desired := int32(2)
		b.profile().NodeGroups = []v1alpha1.NodeGroup{{
			Name: "api", InstanceTypes: []string{"c7a.xlarge"}, Min: 1, Max: 4, Desired: &desired,
			Labels: map[string]string{"pool": "api"},
			Taints: []v1alpha1.Taint{{Key: "pool", Value: "api", Effect: "PreferNoSchedule"}},
		}}
		b.apply(ctx)
		b.settle(ctx)
		spec := object(ctx, b, &eks.Nodegroup{}, plan.NodeGroupName(b.profile().NodeGroups[0])).Spec
		Expect(spec.NodeRole).To(HaveValue(Equal("arn:aws:iam::123456789012:role/" + prefix + "-node")))
		Expect(spec.ScalingConfig.DesiredSize).To(HaveValue(BeEquivalentTo(2)))
		Expect(spec.Labels).To(HaveKeyWithValue("pool", HaveValue(Equal("api"))))
		Expect(spec.Taints).To(HaveExactElements(HaveField("Effect", HaveValue(Equal("PREFER_NO_SCHEDULE")))))
	})

	It("needs no add-ons", func(ctx SpecContext) {
		b.profile().Addons = nil
		b.apply(ctx)
		b.settle(ctx)
		Expect(b.region).To(testenv.HaveCondition("AddonsReady", "True", "NotRequired"))
	})
})

func unhealthy(status string) map[string]any {
	return map[string]any{"status": status, "health": map[string]any{"issues": []map[string]any{
		{"code": "NodeCreationFailure", "message": "Instances failed to join"},
	}}}
}
