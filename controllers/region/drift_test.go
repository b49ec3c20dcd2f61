package region_test

import (
	"context"
	"errors"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack"
	"github.com/portolan-dev/portolan/controllers/internal/ack/ec2"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/internal/aws/fake"
	"github.com/portolan-dev/portolan/controllers/internal/drift"
	"github.com/portolan-dev/portolan/controllers/internal/testenv"
	"github.com/portolan-dev/portolan/controllers/region"
)

// revivals is how often ACK was made to try an object again.
const revivals = "portolan.dev/revivals"

// lookedAt counts the looks of another Inspector.
type lookedAt struct {
	region.Inspector
	looks int
	fails error
}

func (l *lookedAt) Find(ctx context.Context, role, awsRegion string, objects []client.Object) ([]drift.Finding, error) {
	l.looks++
	if l.fails != nil {
		return nil, l.fails
	}
	return l.Inspector.Find(ctx, role, awsRegion, objects)
}

var _ = Describe("what somebody changed in AWS", func() {
	var b *bed
	BeforeEach(func(ctx SpecContext) { b = newBed(ctx) })

	edited := drift.Finding{Kind: "VPC", Name: prefix, ID: "vpc-" + prefix, Fields: []string{"enableDNSHostnames: AWS has false, wanted true"}}
	deleted := drift.Finding{Kind: "Addon", Name: prefix + "-vpc-cni", ID: prefix + "/vpc-cni", Deleted: true}
	// look is a pass at a time at which AWS is looked at.
	look := func(ctx context.Context) {
		GinkgoHelper()
		b.Clock.Step(testenv.Resync)
		b.reconcile(ctx)
	}

	It("is not looked for before the region was Ready", func(ctx SpecContext) {
		b.drift = []drift.Finding{edited}
		counting := &lookedAt{Inspector: b}
		b.reconciler.Inspector = counting
		b.apply(ctx)
		b.settle(ctx)
		Expect(b.region).To(testenv.HaveCondition("InSync", "Unknown", "Blocked", "waiting for Ready"))
		look(ctx)
		Expect(counting.looks).To(BeZero())
		Expect(b.region.Status.Drift).To(BeEmpty())
	})

	It("is reported, and put right when it is seen again", func(ctx SpecContext) {
		b.reachReady(ctx)
		Expect(b.region).To(testenv.HaveCondition("InSync", "True", "Succeeded"))
		before := object(ctx, b, &ec2.VPC{}, "").Spec
		b.drift = []drift.Finding{edited}
		b.Clock.Step(testenv.Poll)
		b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })
		b.EmittedEvents()

		By("the first look")
		look(ctx)
		Expect(b.region).To(testenv.HaveCondition("InSync", "Unknown", "Drifted", "VPC "+prefix, "enableDNSHostnames: AWS has false, wanted true"))
		Expect(b.region).To(testenv.HaveCondition("Ready", "True", "Succeeded"))
		Expect(b.region.Status.Drift).To(HaveExactElements(v1alpha1.Drift{
			Object: "VPC " + prefix, Action: v1alpha1.DriftCorrect, Message: "enableDNSHostnames: AWS has false, wanted true",
		}))
		Expect(b.EmittedEvents()).To(ContainElement(And(ContainSubstring("Drifted"), ContainSubstring("enableDNSHostnames"))))
		Expect(object(ctx, b, &ec2.VPC{}, "").Annotations).NotTo(HaveKey(revivals))

		By("the second look")
		b.reconcile(ctx)
		Expect(b.EmittedEvents()).To(BeEmpty(), "it is no news")
		b.drift = nil // ACK will be at work
		b.reconcile(ctx)
		vpc := object(ctx, b, &ec2.VPC{}, "")
		Expect(vpc.Annotations).To(HaveKeyWithValue(revivals, "1"))
		Expect(vpc.Spec.Tags).To(HaveLen(len(before.Tags)+1), "ACK looks at an object whose spec changes")
		Expect(vpc.Spec.EnableDNSHostnames).To(Equal(before.EnableDNSHostnames))

		By("ACK having put it right")
		b.settle(ctx)
		Expect(b.region).To(testenv.HaveCondition("InSync", "True", "Succeeded"))
		Expect(b.region.Status.Drift).To(BeEmpty())
		Expect(object(ctx, b, &ec2.VPC{}, "").Annotations).To(HaveKeyWithValue(revivals, "1"), "once")
		look(ctx)
		b.settle(ctx)
		b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })
	})

	It("is nothing when it is not seen again: AWS may not know yet what was just made", func(ctx SpecContext) {
		b.reachReady(ctx)
		b.drift = []drift.Finding{edited}
		look(ctx)
		b.drift = nil
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("InSync", "True", "Succeeded"))
		b.drift = []drift.Finding{edited}
		look(ctx)
		b.drift = nil
		b.reconcile(ctx)
		Expect(object(ctx, b, &ec2.VPC{}, "").Annotations).NotTo(HaveKey(revivals), "the two looks did not follow each other")
	})

	DescribeTable("and is gone is made again", func(ctx SpecContext, adopted bool) {
		b.reachReady(ctx)
		addon := object(ctx, b, &eks.Addon{}, "vpc-cni")
		if adopted {
			testenv.ExpectUpdated(ctx, b.Env, addon, func(a *eks.Addon) { a.Annotations[ack.AnnotationAdopted] = "true" })
			b.settle(ctx)
		}
		b.drift = []drift.Finding{deleted}
		look(ctx)
		Expect(b.region).To(testenv.HaveCondition("InSync", "Unknown", "Drifted", "Addon "+deleted.Name+": "+deleted.ID+" is gone from AWS"))
		Expect(b.region.Status.Drift).To(HaveExactElements(HaveField("Action", v1alpha1.DriftRecreate)))
		b.reconcile(ctx)
		b.drift = nil
		b.Recorder.Reset()
		b.reconcile(ctx)
		again := object(ctx, b, &eks.Addon{}, "vpc-cni")
		if adopted {
			Expect(b.Recorder.Deleted()).To(ConsistOf("Addon " + deleted.Name))
			Expect(again.UID).NotTo(Equal(addon.UID))
			Expect(again.Annotations).NotTo(HaveKey(ack.AnnotationAdopted))
		} else {
			Expect(b.Recorder.Deleted()).To(BeEmpty())
			Expect(again.UID).To(Equal(addon.UID))
			Expect(again.Annotations).To(HaveKeyWithValue(revivals, "1"))
		}
		b.settle(ctx)
		Expect(b.region).To(testenv.HaveCondition("Ready", "True", "Succeeded"))
		Expect(b.region).To(testenv.HaveCondition("InSync", "True", "Succeeded"))
	},
		Entry("by ACK, which made it", false),
		Entry("by a new object, because ACK leaves alone what it took over", true),
	)

	It("is looked for again soon after AWS did not let us look", func(ctx SpecContext) {
		b.reachReady(ctx)
		counting := &lookedAt{Inspector: b, fails: &aws.Error{Operation: "ec2:DescribeVpcs", Code: "UnauthorizedOperation", Class: aws.AccessDenied}}
		b.reconciler.Inspector = counting
		look(ctx)
		Expect(b.region).To(testenv.HaveCondition("InSync", "Unknown", "AccessDenied", "grant ec2:DescribeVpcs"))
		Expect(b.region).To(testenv.HaveCondition("Ready", "True", "Succeeded"))
		counting.fails = nil
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("InSync", "True", "Succeeded"))
		Expect(counting.looks).To(Equal(2))

		By("failing otherwise, which is tried again")
		counting.fails = errors.New("connection reset")
		b.Clock.Step(testenv.Resync)
		_, err := testenv.Reconcile(ctx, b.Env, b.reconciler, b.region)
		Expect(err).To(MatchError(ContainSubstring("connection reset")))
	})

	It("costs AWS one look in a while", func(ctx SpecContext) {
		b.reachReady(ctx)
		counting := &lookedAt{Inspector: b}
		b.reconciler.Inspector = counting
		look(ctx)
		for range 3 {
			b.reconcile(ctx)
		}
		Expect(counting.looks).To(Equal(1))
	})

	It("is only listed under Observe", func(ctx SpecContext) {
		b.reachReady(ctx)
		testenv.ExpectUpdated(ctx, b.Env, b.region, func(r *v1alpha1.Region) { r.Spec.ManagementPolicy = v1alpha1.ManagementObserve })
		b.drift = []drift.Finding{deleted, edited}
		b.Recorder.Reset()
		for range 3 {
			look(ctx)
		}
		Expect(b.region).To(testenv.HaveCondition("Observed", "Unknown", "Drifted"))
		Expect(b.region.Status.Drift).To(HaveExactElements(
			And(HaveField("Object", "Addon "+deleted.Name), HaveField("Action", v1alpha1.DriftCreate)),
			And(HaveField("Object", "VPC "+prefix), HaveField("Action", v1alpha1.DriftChange), HaveField("Message", edited.Fields[0]))))
		Expect(b.Recorder.Writes()).To(HaveEach(Equal("patch Region eu-west-1 status")))
		Expect(b.region).To(testenv.HaveNoCondition("InSync"))

		By("managing it again")
		b.drift = nil
		testenv.ExpectUpdated(ctx, b.Env, b.region, func(r *v1alpha1.Region) { r.Spec.ManagementPolicy = v1alpha1.ManagementManage })
		b.settle(ctx)
		Expect(b.region.Status.Drift).To(BeEmpty())
		Expect(b.region).To(testenv.HaveCondition("InSync", "True", "Succeeded"))
	})

	It("makes the region look again which IDs AWS has", func(ctx SpecContext) {
		b.reachReady(ctx)
		asked := b.AWS.Calls(fake.ForgetTagged)
		b.drift = []drift.Finding{edited}
		b.Clock.Step(testenv.Resync / 2)
		look(ctx)
		Expect(b.AWS.Calls(fake.ForgetTagged)).To(BeNumerically(">", asked))
	})

	It("is in sync again only when AWS is", func(ctx SpecContext) {
		b := newBed(ctx)
		b.reconciler.Inspector = region.Inspection{Reader: b.AWS}
		b.AWS.Mirror(func() []client.Object { return b.ACK.List(ctx, b.Namespace) })
		b.reachReady(ctx)
		b.Clock.Step(testenv.Resync)
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("InSync", "True", "Succeeded"))

		wrong := true
		fake.Edit(b.AWS, "vpc-"+prefix, func(a *fake.DNSAttributes) {
			if wrong {
				a.Hostnames = false
			}
		})
		b.Clock.Step(testenv.Resync)
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("InSync", "Unknown", "Drifted", "VPC "+prefix))
		for range 4 {
			b.Clock.Step(testenv.Poll)
			b.reconcile(ctx)
		}
		Expect(object(ctx, b, &ec2.VPC{}, "").Annotations).To(HaveKey(revivals))
		Expect(b.region).NotTo(testenv.HaveCondition("InSync", "True", "Succeeded"), "ACK has not done anything yet")
		b.ACK.SyncAll(ctx, b.Namespace)
		b.Clock.Step(testenv.Poll)
		b.reconcile(ctx)
		Expect(b.region).NotTo(testenv.HaveCondition("InSync", "True", "Succeeded"), "ACK has not put it right")
		wrong = false
		for range 3 {
			b.Clock.Step(testenv.Poll)
			b.reconcile(ctx)
			b.ACK.SyncAll(ctx, b.Namespace)
		}
		Expect(b.region).To(testenv.HaveCondition("InSync", "True", "Succeeded"))
	})
})
