package region_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/internal/aws/fake"
	"github.com/portolan-dev/portolan/controllers/internal/testenv"
	"github.com/portolan-dev/portolan/controllers/internal/testenv/build"
)

var _ = Describe("the plan of a Region", func() {
	var b *bed
	BeforeEach(func(ctx SpecContext) { b = newBed(ctx) })

	It("waits for a missing environment and goes on when it comes", func(ctx SpecContext) {
		b.ExpectApplied(ctx, b.region)
		b.reconcile(ctx)

		Expect(b.region).To(testenv.HaveCondition("Planned", "Unknown", "EnvironmentNotFound",
			"has no Environment production001: create it"))
		Expect(b.region).To(testenv.HaveCondition("Ready", "Unknown", "EnvironmentNotFound", "Planned: "))
		Expect(b.region).To(testenv.HaveCondition("NetworkReady", "Unknown", "Blocked", "waiting for Planned"))
		Expect(b.region).To(testenv.HaveCondition("Reconciling", "True", "EnvironmentNotFound"))
		Expect(b.region).To(testenv.HaveNoCondition("Stalled"))
		Expect(b.ACK.Names(ctx, b.Namespace)).To(BeEmpty())

		b.ExpectApplied(ctx, b.environment)
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("Planned", "True", "Succeeded"))
	})

	DescribeTable("stalls until a spec changes when there is", func(ctx SpecContext, prepare func(), reason string, inMessage ...string) {
		prepare()
		b.apply(ctx)
		result := b.reconcile(ctx)

		Expect(b.region).To(testenv.HaveCondition("Planned", "False", reason, inMessage...))
		Expect(b.region).To(testenv.HaveCondition("Ready", "False", reason))
		Expect(b.region).To(testenv.HaveCondition("Stalled", "True", reason))
		Expect(b.region).To(testenv.HaveNoCondition("Reconciling"))
		Expect(result.RequeueAfter).To(Equal(testenv.Resync))
		Expect(b.ACK.Names(ctx, b.Namespace)).To(BeEmpty())
		b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })
	},
		Entry("no such profile",
			func() { b.region.Spec.Profile = "edge" },
			v1alpha1.ReasonProfileNotFound, "has no profile edge; it has standard"),
		Entry("a profile that is not complete",
			func() { b.profile().NodeGroups = nil },
			v1alpha1.ReasonInvalidProfile, "profile standard has no nodeGroups"),
		Entry("a profile with secrets and no place that they come from",
			func() { b.profile().Secrets = []string{"db"} },
			v1alpha1.ReasonInvalidProfile, "set spec.secrets.primaryRegion"),
		Entry("no block for the AWS region",
			func() { b.region.Spec.AWSRegion = "sa-east-1" },
			v1alpha1.ReasonNoCIDR, "no CIDR for production001 sa-east-1", "the next free /18 is 10.16.128.0/18"),
		Entry("a block that is reserved",
			func() { b.environment.Spec.Network.Reserved = []v1alpha1.CIDR{"10.16.0.0/12"} },
			v1alpha1.ReasonCIDROverlap, "10.16.0.0/18 overlaps 10.16.0.0/12, held by a reserved range"),
		Entry("fewer zones than the environment asks for",
			func() { b.AWS.SetZones("eu-west-1", "eu-west-1a", "eu-west-1b") },
			v1alpha1.ReasonTooFewZones, "eu-west-1 has 2 zones that EKS can use and the environment asks for 3"),
		Entry("a name that IAM would not take",
			func() {
				b.environment.Name = "production-of-the-whole-company"
				b.region.Spec.EnvironmentRef.Name = b.environment.Name
				b.region.Name = "the-first-region-in-ireland"
			},
			v1alpha1.ReasonNameTooLong, "longer than 56 characters"),
	)

	It("refuses a block that a Region of another environment holds", func(ctx SpecContext) {
		other := newBed(ctx)
		other.region.Name = "ireland"
		other.apply(ctx)
		other.reconcile(ctx)

		b.region.Spec.CIDR = "10.16.32.0/20"
		b.apply(ctx)
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("Planned", "False", "CIDROverlap",
			"10.16.32.0/20 overlaps 10.16.0.0/18, held by Region ireland of "+other.Namespace+"/production001"))
	})

	It("records block, zones and role", func(ctx SpecContext) {
		b.environment.Spec.AWS.RoleARN = "arn:aws:iam::123456789012:role/portolan"
		b.apply(ctx)
		b.reconcile(ctx)

		Expect(b.region.Status.Network.CIDR).To(Equal("10.16.0.0/18"))
		Expect(b.region.Status.Network.Zones).To(Equal([]string{"eu-west-1a", "eu-west-1b", "eu-west-1c"}))
		Expect(b.region.Status.RoleARN).To(Equal("arn:aws:iam::123456789012:role/portolan"))
		Expect(b.region.Status.ObservedGeneration).To(Equal(b.region.Generation))
		Expect(b.region.Finalizers).To(ConsistOf(v1alpha1.RegionFinalizer))
		b.ExpectRefreshed(ctx, b.environment)
		Expect(b.environment.Status.Allocations).To(ConsistOf(v1alpha1.Allocation{Region: "eu-west-1", CIDR: "10.16.0.0/18"}))
	})

	It("keeps block and zones when the environment and AWS change", func(ctx SpecContext) {
		b.apply(ctx)
		b.reconcile(ctx)
		testenv.ExpectUpdated(ctx, b.Env, b.environment, func(e *v1alpha1.Environment) {
			e.Spec.Network.Assignments[0].CIDR = "10.17.0.0/18"
		})
		b.AWS.SetZones("eu-west-1", "eu-west-1_", "eu-west-1a", "eu-west-1b", "eu-west-1c")
		b.reconcile(ctx)

		Expect(b.region.Status.Network.CIDR).To(Equal("10.16.0.0/18"))
		Expect(b.region.Status.Network.Zones).To(Equal([]string{"eu-west-1a", "eu-west-1b", "eu-west-1c"}))
	})

	It("takes its own block again when the environment was created anew", func(ctx SpecContext) {
		b.apply(ctx)
		b.settle(ctx)
		b.ExpectDeleted(ctx, b.environment)
		b.environment = build.Environment(b.Namespace, func(e *v1alpha1.Environment) {
			e.Spec.Network.Assignments[0].CIDR = "10.17.0.0/18"
		})
		b.ExpectApplied(ctx, b.environment)
		b.reconcile(ctx)

		Expect(b.region.Status.Network.CIDR).To(Equal("10.16.0.0/18"))
		b.ExpectRefreshed(ctx, b.environment)
		Expect(b.environment.Status.Allocations).To(ConsistOf(v1alpha1.Allocation{Region: "eu-west-1", CIDR: "10.16.0.0/18"}))
	})

	It("names the permission that AWS denies and recovers once it is granted", func(ctx SpecContext) {
		b.AWS.Fail(fake.AvailabilityZones, &aws.Error{
			Operation: "ec2:DescribeAvailabilityZones", Code: "UnauthorizedOperation",
			Message: "You are not authorized to perform this operation.", Class: aws.AccessDenied,
		})
		b.apply(ctx)
		result := b.reconcile(ctx)

		Expect(b.region).To(testenv.HaveCondition("Planned", "Unknown", "AccessDenied", "grant ec2:DescribeAvailabilityZones to Portolan's role"))
		Expect(b.region).To(testenv.HaveCondition("Ready", "Unknown", "AccessDenied"))
		Expect(b.region).To(testenv.HaveNoCondition("Stalled"))
		Expect(result.RequeueAfter).To(Equal(testenv.SlowPoll))
		Expect(b.EmittedEvents()).To(ContainElement(HavePrefix("Warning AccessDenied Planned: ")))
		b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })
		Expect(b.EmittedEvents()).To(BeEmpty())

		b.AWS.Fail(fake.AvailabilityZones, nil)
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("Planned", "True", "Succeeded"))
		Expect(b.ACK.Names(ctx, b.Namespace)).NotTo(BeEmpty())
	})

	It("retries what AWS answers for a moment only", func(ctx SpecContext) {
		b.AWS.Fail(fake.AvailabilityZones, &aws.Error{Operation: "ec2:DescribeAvailabilityZones", Code: "RequestLimitExceeded", Class: aws.Throttled})
		b.apply(ctx)
		_, err := testenv.Reconcile(ctx, b.Env, b.reconciler, b.region)

		Expect(err).To(MatchError(ContainSubstring("RequestLimitExceeded")))
		Expect(b.region).To(testenv.HaveCondition("Planned", "Unknown", "Retrying", "RequestLimitExceeded"))
	})
})
