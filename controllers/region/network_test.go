package region_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack"
	"github.com/portolan-dev/portolan/controllers/internal/ack/ec2"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/testenv"
)

var _ = Describe("the network of a Region", func() {
	var b *bed
	BeforeEach(func(ctx SpecContext) { b = newBed(ctx) })

	networkKinds := []client.Object{
		&ec2.VPC{}, &ec2.InternetGateway{}, &ec2.RouteTable{}, &ec2.Subnet{}, &ec2.ElasticIPAddress{}, &ec2.NATGateway{},
	}
	network := func(ctx context.Context) []string { return b.ACK.Names(ctx, b.Namespace, networkKinds...) }
	// synced plays ACK on the objects of some kinds and makes one pass.
	synced := func(ctx context.Context, kinds ...client.Object) {
		GinkgoHelper()
		b.ACK.MarkSynced(ctx, b.ACK.List(ctx, b.Namespace, kinds...)...)
		b.reconcile(ctx)
	}

	It("declares each object once the IDs that it names are known", func(ctx SpecContext) {
		b.apply(ctx)
		b.reconcile(ctx)
		addresses := []string{
			"ElasticIPAddress " + prefix + "-nat-eu-west-1a", "ElasticIPAddress " + prefix + "-nat-eu-west-1b", "ElasticIPAddress " + prefix + "-nat-eu-west-1c",
		}
		Expect(network(ctx)).To(ConsistOf(append(addresses, "VPC "+prefix)))
		Expect(b.region).To(testenv.HaveCondition("NetworkReady", "Unknown", "Creating", "VPC "+prefix))

		By("the VPC being there")
		synced(ctx, &ec2.VPC{})
		Expect(network(ctx)).To(ConsistOf(append(addresses, "VPC "+prefix, "InternetGateway "+prefix,
			"RouteTable "+prefix+"-private-eu-west-1a", "RouteTable "+prefix+"-private-eu-west-1b", "RouteTable "+prefix+"-private-eu-west-1c")))
		Expect(b.region.Status.Network.VPCID).To(Equal("vpc-" + prefix))
		Expect(object(ctx, b, &ec2.InternetGateway{}, "").Spec.VPC).To(HaveValue(Equal("vpc-" + prefix)))
		table := object(ctx, b, &ec2.RouteTable{}, "private-eu-west-1a")
		Expect(table.Spec.VPCID).To(HaveValue(Equal("vpc-" + prefix)))
		Expect(table.Spec.Routes).To(BeEmpty())

		By("the internet gateway being there")
		synced(ctx, &ec2.InternetGateway{})
		public := object(ctx, b, &ec2.RouteTable{}, "public")
		Expect(public.Spec.Routes).To(ConsistOf(ec2.Route{DestinationCIDRBlock: new("0.0.0.0/0"), GatewayID: new("igw-" + prefix)}))
		Expect(b.ACK.Names(ctx, b.Namespace, &ec2.Subnet{})).To(BeEmpty())

		By("the route tables being there")
		synced(ctx, &ec2.RouteTable{})
		Expect(b.ACK.List(ctx, b.Namespace, &ec2.Subnet{})).To(HaveLen(6))
		subnet := object(ctx, b, &ec2.Subnet{}, "private-eu-west-1b")
		Expect(subnet.Spec.VPCID).To(HaveValue(Equal("vpc-" + prefix)))
		Expect(subnet.Spec.CIDRBlock).To(HaveValue(Equal("10.16.16.0/21")))
		Expect(subnet.Spec.RouteTables).To(HaveExactElements(HaveValue(Equal("rtb-" + prefix + "-private-eu-west-1b"))))
		Expect(subnet.Spec.Tags).To(ContainElements(
			ec2.Tag{Key: "kubernetes.io/role/internal-elb", Value: "1"},
			ec2.Tag{Key: "kubernetes.io/cluster/" + prefix, Value: "shared"},
			ec2.Tag{Key: "team", Value: "platform"},
		))
		Expect(b.ACK.Names(ctx, b.Namespace, &ec2.NATGateway{})).To(BeEmpty())

		By("subnets and addresses being there")
		synced(ctx, &ec2.Subnet{}, &ec2.ElasticIPAddress{})
		gateway := object(ctx, b, &ec2.NATGateway{}, "nat-eu-west-1c")
		Expect(gateway.Spec.SubnetID).To(HaveValue(Equal("subnet-" + prefix + "-public-eu-west-1c")))
		Expect(gateway.Spec.AllocationID).To(HaveValue(Equal("eipalloc-" + prefix + "-nat-eu-west-1c")))

		By("the NAT gateways being there")
		synced(ctx, &ec2.NATGateway{})
		table = object(ctx, b, &ec2.RouteTable{}, "private-eu-west-1c")
		Expect(table.Spec.Routes).To(ConsistOf(
			ec2.Route{DestinationCIDRBlock: new("0.0.0.0/0"), NATGatewayID: new("nat-" + prefix + "-nat-eu-west-1c")}))
		Expect(b.region).To(testenv.HaveCondition("NetworkReady", "Unknown", "Syncing", "RouteTable "+prefix+"-private-eu-west-1c"))

		synced(ctx, &ec2.RouteTable{})
		Expect(b.region).To(testenv.HaveCondition("NetworkReady", "True", "Succeeded"))
		Expect(b.region.Status.Network.SubnetIDs).To(HaveExactElements(
			"subnet-"+prefix+"-private-eu-west-1a", "subnet-"+prefix+"-private-eu-west-1b", "subnet-"+prefix+"-private-eu-west-1c",
			"subnet-"+prefix+"-public-eu-west-1a", "subnet-"+prefix+"-public-eu-west-1b", "subnet-"+prefix+"-public-eu-west-1c"))
		Expect(b.region.Status.Network.NATGatewayIDs).To(HaveLen(3))
	})

	It("puts region, labels and no owner on everything that it declares", func(ctx SpecContext) {
		b.reachReady(ctx)
		all := b.ACK.List(ctx, b.Namespace)
		Expect(all).To(HaveLen(1 + 1 + 4 + 6 + 3 + 3 + 2 + 1 + 1 + 1 + 1)) // network, roles, cluster, access entry, add-on, node group
		for _, obj := range all {
			Expect(obj.GetAnnotations()).To(HaveKeyWithValue(ack.AnnotationRegion, "eu-west-1"), obj.GetName())
			Expect(obj.GetLabels()).To(HaveKeyWithValue(v1alpha1.LabelRegion, "eu-west-1"), obj.GetName())
			Expect(obj.GetLabels()).To(HaveKeyWithValue(v1alpha1.LabelEnvironment, "production001"), obj.GetName())
			Expect(obj.GetOwnerReferences()).To(BeEmpty(), obj.GetName())
		}
	})

	It("does not let the private subnets and the control plane wait for NAT", func(ctx SpecContext) {
		b.apply(ctx)
		b.settle(ctx, &ec2.InternetGateway{}, &ec2.ElasticIPAddress{}, &ec2.NATGateway{})

		Expect(b.ACK.Names(ctx, b.Namespace, &ec2.NATGateway{})).To(BeEmpty())
		Expect(b.ACK.List(ctx, b.Namespace, &ec2.Subnet{})).To(HaveLen(3))
		Expect(b.ACK.List(ctx, b.Namespace, &eks.Cluster{})).To(HaveLen(1))
		Expect(b.region).To(testenv.HaveCondition("NetworkReady", "Unknown", "Creating", "ElasticIPAddress"))
		Expect(b.region).To(testenv.HaveCondition("ControlPlaneReady", "True", "Succeeded"))
	})

	DescribeTable("has as many NAT gateways as the environment asks for", func(ctx SpecContext, mode v1alpha1.NATGatewayMode, gateways int, viaFirst bool) {
		b.environment.Spec.Network.NATGateways = mode
		b.apply(ctx)
		b.settle(ctx)

		Expect(b.ACK.List(ctx, b.Namespace, &ec2.NATGateway{})).To(HaveLen(gateways))
		Expect(b.ACK.List(ctx, b.Namespace, &ec2.ElasticIPAddress{})).To(HaveLen(gateways))
		Expect(b.region).To(testenv.HaveCondition("NetworkReady", "True", "Succeeded"))
		routes := object(ctx, b, &ec2.RouteTable{}, "private-eu-west-1c").Spec.Routes
		if !viaFirst {
			Expect(routes).To(BeEmpty())
			return
		}
		Expect(routes).To(HaveExactElements(HaveField("NATGatewayID", HaveValue(HaveSuffix("nat-eu-west-1a")))))
	},
		Entry("one", v1alpha1.NATGatewaysSingle, 1, true),
		Entry("none", v1alpha1.NATGatewaysNone, 0, false),
	)

	It("stalls on what AWS rejects, in AWS's words without the request", func(ctx SpecContext) {
		b.apply(ctx)
		b.reconcile(ctx)
		vpc := object(ctx, b, &ec2.VPC{}, "")
		b.ACK.Report(ctx, vpc, nil, b.ACK.Condition("ACK.Terminal", "True",
			"operation error EC2: CreateVpc, https response error StatusCode: 400, RequestID: 0ff1ce, api error InvalidVpc.Range: The CIDR is invalid."))
		b.reconcile(ctx)

		Expect(b.region).To(testenv.HaveCondition("NetworkReady", "False", "RejectedByAWS", "InvalidVpc.Range: The CIDR is invalid."))
		Expect(b.region).To(testenv.HaveCondition("Stalled", "True", "RejectedByAWS"))
		Expect(b.region.Status.Conditions).NotTo(ContainElement(HaveField("Message", ContainSubstring("0ff1ce"))))
	})

	It("says what ACK retries and goes on when it succeeds", func(ctx SpecContext) {
		b.apply(ctx)
		b.reconcile(ctx)
		vpc := object(ctx, b, &ec2.VPC{}, "")
		b.ACK.Report(ctx, vpc, nil,
			b.ACK.Condition("ACK.Recoverable", "True", "VpcLimitExceeded: The maximum number of VPCs has been reached."),
			b.ACK.Condition("ACK.ResourceSynced", "False", ""))
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("NetworkReady", "Unknown", "RetryingInAWS", "VpcLimitExceeded"))
		Expect(b.region).To(testenv.HaveNoCondition("Stalled"))

		synced(ctx, &ec2.VPC{})
		Expect(b.region).To(testenv.HaveCondition("NetworkReady", "Unknown", "Creating"))
		Expect(b.region.Status.Network.VPCID).To(Equal("vpc-" + prefix))
	})

	It("does not believe a condition that is older than the spec", func(ctx SpecContext) {
		b.apply(ctx)
		b.settle(ctx)
		Expect(b.region).To(testenv.HaveCondition("NetworkReady", "True", "Succeeded"))

		b.Clock.Step(testenv.Poll)
		testenv.ExpectUpdated(ctx, b.Env, b.environment, func(e *v1alpha1.Environment) { e.Spec.AWS.Tags["team"] = "network" })
		b.reconcile(ctx)
		Expect(object(ctx, b, &ec2.VPC{}, "").Spec.Tags).To(ContainElement(ec2.Tag{Key: "team", Value: "network"}))
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("NetworkReady", "Unknown", "Syncing"))

		b.settle(ctx)
		Expect(b.region).To(testenv.HaveCondition("NetworkReady", "True", "Succeeded"))
	})

	It("names a NAT gateway that failed, and makes it again", func(ctx SpecContext) {
		b.apply(ctx)
		b.settle(ctx, &ec2.NATGateway{})
		gateway := object(ctx, b, &ec2.NATGateway{}, "nat-eu-west-1a")
		b.ACK.MarkSyncedWith(ctx, gateway, map[string]any{
			"natGatewayID": "nat-0", "state": "failed", "failureMessage": "Network vpc has no Internet gateway attached",
		})
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("NetworkReady", "Unknown", "Recreating",
			"NATGateway "+gateway.Name+" as failed: Network vpc has no Internet gateway attached"))
		b.AWS.SetNATGateway("eu-west-1", "nat-0", true)
		b.Clock.Step(testenv.SlowPoll)
		b.settle(ctx)
		Expect(b.region).To(testenv.HaveCondition("NetworkReady", "Unknown", "Removing", "AWS is deleting NAT gateway nat-0"))
		Expect(b.region.Status.Network.NATGatewayIDs).To(ContainElements("nat-0", "nat-"+gateway.Name), "both would be waited for at the end")
		b.AWS.SetNATGateway("eu-west-1", "nat-0", false)
		b.settle(ctx)
		Expect(b.region).To(testenv.HaveCondition("NetworkReady", "True", "Succeeded"))
		Expect(b.region.Status.Network.NATGatewayIDs).NotTo(ContainElement("nat-0"))
	})

	It("mends what somebody changed", func(ctx SpecContext) {
		b.apply(ctx)
		b.settle(ctx)
		vpc := object(ctx, b, &ec2.VPC{}, "")
		testenv.ExpectUpdated(ctx, b.Env, vpc, func(v *ec2.VPC) { v.Spec.EnableDNSHostnames = new(false) })
		b.reconcile(ctx)
		Expect(object(ctx, b, &ec2.VPC{}, "").Spec.EnableDNSHostnames).To(HaveValue(BeTrue()))
	})

	It("leaves alone what ACK fills in", func(ctx SpecContext) {
		b.apply(ctx)
		b.settle(ctx)
		addon := object(ctx, b, &eks.Addon{}, "vpc-cni")
		testenv.ExpectUpdated(ctx, b.Env, addon, func(o *eks.Addon) { o.Spec.AddonVersion = new("v1.20.1-eksbuild.1") })
		b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })
	})
})
