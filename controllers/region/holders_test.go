package region_test

import (
	"context"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack/ec2"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/internal/aws/fake"
	"github.com/portolan-dev/portolan/controllers/internal/testenv"
)

var _ = Describe("what holds a Region", func() {
	const refused = "DependencyViolation: The vpc has dependencies and cannot be deleted."
	var b *bed
	vpcID := "vpc-" + prefix
	BeforeEach(func(ctx SpecContext) {
		b = newBed(ctx)
		b.apply(ctx)
		b.settle(ctx, &ec2.InternetGateway{})
		b.connected()
		holdAll(ctx, b)
		b.ExpectDeleted(ctx, b.region)
	})

	// untilVPC lets go of everything that is deleted before the VPC.
	untilVPC := func(ctx context.Context) {
		GinkgoHelper()
		for range enoughPasses {
			b.reconcile(ctx)
			reached := false
			for _, obj := range b.ACK.List(ctx, b.Namespace) {
				switch _, last := obj.(*ec2.VPC); {
				case obj.GetDeletionTimestamp() == nil:
				case last:
					reached = true
				default:
					letGo(ctx, obj)
				}
			}
			if reached {
				break
			}
		}
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("Deleting", "True", "DeletingNetwork", "VPC "+prefix))
	}
	// refuse plays AWS, which does not delete the VPC.
	refuse := func(ctx context.Context) {
		GinkgoHelper()
		b.ACK.Report(ctx, object(ctx, b, &ec2.VPC{}, ""), nil, b.ACK.Condition("ACK.Recoverable", "True", refused))
	}

	It("is named with the time since when, and is stuck after the normal time only", func(ctx SpecContext) {
		untilVPC(ctx)
		refuse(ctx)
		b.AWS.SetHolders("eu-west-1", vpcID,
			aws.Holder{Kind: aws.KindNetworkInterface, ID: "eni-0def", Description: "GlobalAccelerator configured ENI"},
			aws.Holder{Kind: aws.KindSecurityGroup, ID: "sg-1", ReferencedBy: []string{"sg-2"}})
		b.reconcile(ctx)
		began := b.Clock.Now()
		message := vpcID + " is held by eni-0def (GlobalAccelerator configured ENI) since " + began.Format("15:04 UTC") + ", normally 5 to 20 minutes"
		Expect(b.region).To(testenv.HaveCondition("Deleting", "True", "DeletingNetwork", message,
			"security group sg-1, which is referenced by sg-2", "aws ec2 delete-security-group --region eu-west-1 --group-id sg-1"))
		Expect(b.region).To(testenv.HaveNoCondition("Stalled"))
		b.Clock.Step(5 * time.Minute)
		b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })

		By("a call that fails, which tells nothing of it")
		b.AWS.Fail(fake.Holders, &aws.Error{Operation: "ec2:DescribeNetworkInterfaces", Code: "RequestLimitExceeded", Class: aws.Throttled})
		_, err := testenv.Reconcile(ctx, b.Env, b.reconciler, b.region)
		Expect(err).To(HaveOccurred())
		Expect(b.region.Status.Deletion.Holders).To(HaveLen(2))
		b.AWS.Fail(fake.Holders, nil)

		By("another holder joining, which does not touch the first one's time")
		b.AWS.SetHolders("eu-west-1", vpcID,
			aws.Holder{Kind: aws.KindNetworkInterface, ID: "eni-0def", Description: "GlobalAccelerator configured ENI"},
			aws.Holder{Kind: aws.KindVPCEndpoint, ID: "vpce-1", Description: "com.amazonaws.s3"})
		b.reconcile(ctx)
		holders := b.region.Status.Deletion.Holders
		Expect(holders).To(HaveLen(2))
		Expect(holders[0].Since.Time).To(BeTemporally("==", began))
		Expect(holders[0]).To(And(HaveField("Resource", vpcID), HaveField("HeldBy", "eni-0def (GlobalAccelerator configured ENI)"),
			HaveField("Normally", "5 to 20 minutes"), HaveField("Remedy", ContainSubstring("endpoint group"))))
		Expect(holders[1].Since.Time).To(BeTemporally("==", began.Add(5*time.Minute)))
		Expect(holders[1]).To(And(HaveField("HeldBy", "VPC endpoint vpce-1 (com.amazonaws.s3)"), HaveField("Normally", "")))

		By("the normal time passing")
		b.AWS.SetHolders("eu-west-1", vpcID, aws.Holder{Kind: aws.KindNetworkInterface, ID: "eni-0def", Description: "GlobalAccelerator configured ENI"})
		b.Clock.SetTime(began.Add(19 * time.Minute))
		result := b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveNoCondition("Stalled"))
		Expect(result.RequeueAfter).To(Equal(testenv.Poll))
		b.EmittedEvents()
		b.Clock.SetTime(began.Add(20 * time.Minute))
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("Stalled", "True", "Stuck", message, "list-endpoint-groups", "it takes longer than normal"))
		Expect(b.region).To(testenv.HaveCondition("Ready", "False", "DeletingNetwork"))
		Expect(b.region).To(testenv.HaveNoCondition("Reconciling"))
		Expect(b.EmittedEvents()).To(HaveExactElements(And(HavePrefix("Warning Stuck "), ContainSubstring("eni-0def"))))
		b.Clock.Step(time.Minute)
		b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })

		By("its being gone")
		b.AWS.SetHolders("eu-west-1", vpcID)
		letGo(ctx, object(ctx, b, &ec2.VPC{}, ""))
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("Deleting", "True", "DeletingIdentity"))
		Expect(b.region).To(testenv.HaveNoCondition("Stalled"))
		Expect(b.region.Status.Deletion.Holders).To(BeEmpty())
	})

	It("is not looked for while AWS refuses nothing", func(ctx SpecContext) {
		b.AWS.SetHolders("eu-west-1", vpcID, aws.Holder{Kind: aws.KindVPCEndpoint, ID: "vpce-1"})
		untilVPC(ctx)
		b.rest(ctx)
		Expect(b.AWS.Calls(fake.Holders)).To(BeZero())
	})

	It("is not its own parts, which ACK is at work on", func(ctx SpecContext) {
		untilVPC(ctx)
		refuse(ctx)
		b.AWS.SetHolders("eu-west-1", vpcID, aws.Holder{Kind: aws.KindSubnet, ID: vpcID})
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("Deleting", "True", "DeletingNetwork", "deleting VPC "+prefix+" ("+refused))
		Expect(b.region.Status.Deletion.Holders).To(BeEmpty())
	})

	It("is told however many and however long their names are", func(ctx SpecContext) {
		untilVPC(ctx)
		refuse(ctx)
		var references []string
		for i := range 60 {
			references = append(references, "sg-"+strings.Repeat(string(rune('a'+i%26)), 17))
		}
		holders := []aws.Holder{{Kind: aws.KindSecurityGroup, ID: "sg-1", ReferencedBy: references}}
		for i := range 80 {
			holders = append(holders, aws.Holder{Kind: aws.KindNetworkInterface, ID: "eni-" + strings.Repeat("f", i+1), Description: strings.Repeat("x", 255), Owner: strings.Repeat("y", 255)})
		}
		b.AWS.SetHolders("eu-west-1", vpcID, holders...)
		b.reconcile(ctx)
		Expect(b.region.Status.Deletion.Holders).To(HaveLen(64))
		b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })
	})

	It("is deleted when the cluster left it behind, and only then", func(ctx SpecContext) {
		b.AWS.SetOrphans("eu-west-1", vpcID, prefix,
			aws.Orphan{Kind: aws.KindLoadBalancer, ID: "k8s-edge"}, aws.Orphan{Kind: aws.KindSecurityGroup, ID: "sg-k8s"})
		b.AWS.Fail(fake.DeleteOrphan, &aws.Error{Operation: "ec2:DeleteSecurityGroup", Code: "DependencyViolation", Class: aws.Unknown})
		for b.region.Status.Deletion == nil || b.region.Status.Deletion.Stage != v1alpha1.ReasonDeletingNetwork {
			Expect(b.AWS.Calls(fake.DeleteOrphan)).To(BeZero())
			b.reconcile(ctx)
			for _, obj := range b.ACK.List(ctx, b.Namespace) {
				if obj.GetDeletionTimestamp() != nil {
					letGo(ctx, obj)
				}
			}
		}
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("Deleting", "True", "DeletingNetwork", "deleting what the cluster left behind: loadbalancer k8s-edge, securitygroup sg-k8s"))

		By("nobody letting us")
		b.AWS.Fail(fake.DeleteOrphan, &aws.Error{Operation: "ec2:DeleteSecurityGroup", Code: "UnauthorizedOperation", Class: aws.AccessDenied})
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("Deleting", "True", "DeletingNetwork", "grant ec2:DeleteSecurityGroup"))
		b.AWS.Fail(fake.DeleteOrphan, nil)
		b.reconcile(ctx)
		b.reconcile(ctx)
		Expect(b.region).NotTo(testenv.HaveCondition("Deleting", "True", "DeletingNetwork", "left behind"))
	})
})
