package region_test

import (
	"context"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack/ec2"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/internal/aws/fake"
	"github.com/portolan-dev/portolan/controllers/internal/testenv"
	"github.com/portolan-dev/portolan/controllers/internal/testenv/build"
)

// goDown makes passes over a Region that is being deleted, for which ACK does all it is asked
// to, until it is gone.
func (b *bed) goDown(ctx context.Context) {
	GinkgoHelper()
	for range enoughPasses {
		b.reconcile(ctx)
		if err := env.Client.Get(ctx, client.ObjectKeyFromObject(b.region), &v1alpha1.Region{}); err != nil {
			Expect(client.IgnoreNotFound(err)).To(Succeed())
			return
		}
	}
	Fail("the Region is still there")
}

// confirm says that the deletion is meant.
func (b *bed) confirm(ctx context.Context) {
	GinkgoHelper()
	testenv.ExpectUpdated(ctx, b.Env, b.region, func(r *v1alpha1.Region) {
		r.Annotations = map[string]string{v1alpha1.AnnotationConfirmDelete: r.Name}
	})
}

// changesInAWS are the calls by which Portolan itself changes AWS.
func (b *bed) changesInAWS() int {
	calls := 0
	for _, method := range []fake.Method{
		fake.Replicate, fake.StopReplication, fake.CreateEndpointGroup, fake.AddEndpoint, fake.RemoveEndpoint,
		fake.Weigh, fake.Dial, fake.DeleteEndpointGroup, fake.DeleteOrphan,
	} {
		calls += b.AWS.Calls(method)
	}
	return calls
}

var _ = Describe("the deletion of a protected Region", func() {
	var b *bed
	BeforeEach(func(ctx SpecContext) {
		b = newBed(ctx)
		b.environment.Spec.Protection = v1alpha1.ProtectionConfirm
	})

	awaiting := func() {
		GinkgoHelper()
		Expect(b.region).To(testenv.HaveCondition("Deleting", "True", "AwaitingConfirmation",
			"kubectl annotate region -n "+b.Namespace+" eu-west-1 portolan.dev/confirm-delete=eu-west-1", "spec.deletionPolicy to Retain"))
		Expect(b.region).To(testenv.HaveCondition("Ready", "Unknown", "AwaitingConfirmation"))
		Expect(b.region).To(testenv.HaveNoCondition("Stalled"))
	}

	It("waits for its confirmation, however long that takes, and then goes on", func(ctx SpecContext) {
		b.reachReady(ctx)
		objects := b.ACK.Names(ctx, b.Namespace)
		b.ExpectDeleted(ctx, b.region)
		b.Recorder.Reset()
		b.reconcile(ctx)
		awaiting()
		b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })

		By("another name, which confirms nothing, and a day")
		testenv.ExpectUpdated(ctx, b.Env, b.region, func(r *v1alpha1.Region) {
			r.Annotations = map[string]string{v1alpha1.AnnotationConfirmDelete: "us-east-1"}
		})
		b.Clock.Step(24 * time.Hour)
		b.reconcile(ctx)
		awaiting()
		Expect(b.ACK.Names(ctx, b.Namespace)).To(ConsistOf(objects))
		Expect(b.changesInAWS()).To(BeZero())

		By("its own name")
		b.confirm(ctx)
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("Deleting", "True", "RemovingApplications"))
	})

	It("waits when nobody can tell whether it is protected", func(ctx SpecContext) {
		b.environment.Spec.Protection = v1alpha1.ProtectionNone
		b.reachReady(ctx)
		b.ExpectDeleted(ctx, b.environment)
		b.ExpectDeleted(ctx, b.region)
		b.reconcile(ctx)
		awaiting()
		b.confirm(ctx)
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("Deleting", "True", "RemovingApplications"))
	})

	It("is immediate while there is nothing in AWS to lose", func(ctx SpecContext) {
		b.apply(ctx)
		b.reconcile(ctx)
		Expect(b.region.Status.Network.VPCID).To(BeEmpty())
		b.ExpectDeleted(ctx, b.region)
		b.goDown(ctx)
		b.ExpectNotFound(ctx, b.region)
		Expect(b.ACK.Names(ctx, b.Namespace)).To(BeEmpty())
	})

	It("deletes nothing under Observe", func(ctx SpecContext) {
		b.reachReady(ctx)
		testenv.ExpectUpdated(ctx, b.Env, b.region, func(r *v1alpha1.Region) { r.Spec.ManagementPolicy = v1alpha1.ManagementObserve })
		b.ExpectDeleted(ctx, b.region)
		b.confirm(ctx)
		b.Recorder.Reset()
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("Deleting", "True", "Observing", "managementPolicy is Observe"))
		Expect(b.Recorder.Deleted()).To(BeEmpty())
	})
})

var _ = Describe("a Region that is forgotten", func() {
	It("leaves everything in AWS and in Argo CD as it is", func(ctx SpecContext) {
		b := newBed(ctx)
		b.environment.Spec.Protection = v1alpha1.ProtectionConfirm
		b.environment.Spec.Secrets = &v1alpha1.SecretSource{PrimaryRegion: primary}
		b.profile().Secrets = []string{"db"}
		b.profile().ControlPlane = &v1alpha1.ControlPlane{DeletionProtection: true}
		b.AWS.AddSecret(primary, "db")
		b.AWS.SetReplica(primary, "db", "eu-west-1", aws.ReplicaState{Status: aws.ReplicaInSync})
		b.reachReady(ctx)
		holdAll(ctx, b)
		changed := b.changesInAWS()
		b.EmittedEvents()
		testenv.ExpectUpdated(ctx, b.Env, b.region, func(r *v1alpha1.Region) { r.Spec.DeletionPolicy = v1alpha1.DeletionRetain })
		b.ExpectDeleted(ctx, b.region)
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("Deleting", "True", "Releasing", "deletionPolicy is Retain", "ACK is forgetting VPC "+prefix))
		all := b.ACK.List(ctx, b.Namespace)
		Expect(all).NotTo(BeEmpty())
		for _, obj := range all {
			Expect(obj.GetAnnotations()).To(HaveKeyWithValue("services.k8s.aws/deletion-policy", "retain"), obj.GetName())
			Expect(obj.GetDeletionTimestamp()).NotTo(BeNil(), obj.GetName())
		}
		Expect(b.cluster(ctx).Spec.DeletionProtection).To(HaveValue(BeTrue()))
		b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })

		letGo(ctx, all...)
		b.reconcile(ctx)
		b.ExpectNotFound(ctx, b.region)
		Expect(b.changesInAWS()).To(Equal(changed))
		Expect(b.ArgoCD.Get(ctx, prefix)).NotTo(BeNil(), "without it, Argo CD would delete what runs")
		app := build.Application(b.ArgoCD.Namespace, "eu-west-1", build.ApplicationName, build.Revision)
		b.ExpectRefreshed(ctx, app)
		Expect(app.DeletionTimestamp).To(BeNil())
		b.ExpectRefreshed(ctx, b.environment)
		Expect(b.environment.Status.Allocations).To(HaveExactElements(v1alpha1.Allocation{Region: "eu-west-1", CIDR: "10.16.0.0/18", Retained: true}))

		By("nobody else getting its block")
		other := build.Region(b.Namespace, "eu-west-1", func(r *v1alpha1.Region) { r.Name = "other" })
		b.ExpectApplied(ctx, other)
		testenv.ExpectReconciled(ctx, b.Env, b.reconciler, other)
		Expect(other).To(testenv.HaveCondition("Planned", "False", "CIDROverlap", "Region eu-west-1"))

		By("a new one of the name getting it")
		b.region = build.Region(b.Namespace, "eu-west-1")
		testenv.ExpectUpdated(ctx, b.Env, b.environment, func(e *v1alpha1.Environment) { e.Spec.Network.Assignments[0].CIDR = "10.16.128.0/18" })
		b.ExpectApplied(ctx, b.region)
		b.reconcile(ctx)
		Expect(b.region.Status.Network.CIDR).To(Equal("10.16.0.0/18"))
	})
})

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
			for _, obj := range b.ACK.List(ctx, b.Namespace) {
				if _, last := obj.(*ec2.VPC); !last && obj.GetDeletionTimestamp() != nil {
					letGo(ctx, obj)
				}
			}
		}
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
