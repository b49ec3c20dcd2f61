package region_test

import (
	. "github.com/onsi/ginkgo/v2"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/controllers/internal/ack/ec2"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/ack/iam"
	"github.com/portolan-dev/portolan/controllers/internal/testenv"
)

var _ = Describe("a second pass", func() {
	DescribeTable("writes nothing", func(ctx SpecContext, waitsFor ...client.Object) {
		b := newBed(ctx)
		b.apply(ctx)
		b.settle(ctx, waitsFor...)
		b.Clock.Step(testenv.Poll)
		b.EmittedEvents()
		b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })
	},
		Entry("while the VPC and the roles are being created", &ec2.VPC{}, &iam.Role{}),
		Entry("while route tables are being created", &ec2.RouteTable{}),
		Entry("while subnets are being created", &ec2.Subnet{}),
		Entry("while NAT gateways are being created", &ec2.NATGateway{}),
		Entry("while the control plane is being created", &eks.Cluster{}),
		Entry("while add-ons and nodes are being created", &eks.Addon{}, &eks.Nodegroup{}),
	)
})
