package e2e

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

var _ = Describe("A promotion", Ordered, func() {
	const environment = "promoted"
	var f *pinned
	var early, first, second, third v1alpha1.GitRevision

	approve := func(ctx SpecContext, revision v1alpha1.GitRevision) {
		GinkgoHelper()
		f.annotate(ctx, v1alpha1.AnnotationApprovalPrefix+"me", whoAmI(ctx)+" "+string(revision))
	}

	BeforeAll(func(ctx SpecContext) {
		f = pinFleet(ctx, environment, "10.112.0.0/16", "eu-north-1", "eu-south-1")
		early = f.configure("Begin", f.regions[0])
		first = f.configure("Add the second region", f.regions...)
		f.promotion.Spec.Revision = first
		Expect(world.Client.Create(ctx, f.promotion)).To(Succeed())
		createRegions(ctx, f.regions...)
	})

	It("pins the regions that are born", NodeTimeout(patience), func(ctx SpecContext) {
		for _, r := range f.regions {
			Eventually(condition(ctx, r, v1alpha1.ConditionReady)).WithContext(ctx).Should(beReady(), r.Name)
		}
		f.awaitCompleted(ctx, first)
	})

	It("refuses a revision that must not be rolled out, before anything moves", func(ctx SpecContext) {
		By("a commit that nobody made")
		f.asks(ctx, map[string]any{"revision": strings.Repeat("0", 40)})
		Eventually(f.is(ctx, v1alpha1.PromotionValid)).WithContext(ctx).Should(haveReason(v1alpha1.ReasonUnknownRevision, "the head of main is "+string(first)))
		By("one without the files of a region")
		f.asks(ctx, map[string]any{"revision": string(early)})
		Eventually(f.is(ctx, v1alpha1.PromotionValid)).WithContext(ctx).Should(haveReason(v1alpha1.ReasonRevisionLacksRegionConfig,
			string(early)+" lacks environments/promoted/eu-south-1.yaml; the oldest commit of main that has them is "+string(first)))
		for _, r := range f.regions {
			Expect(f.pin(ctx, r)).To(Equal(first))
		}
		f.asks(ctx, map[string]any{"revision": string(first)})
		f.awaitCompleted(ctx, first)
	})

	It("waits for an approval, with the changelog to decide by", func(ctx SpecContext) {
		second = f.configure("Make it faster (#12)", f.regions...)
		f.asks(ctx, map[string]any{"revision": string(second), "approval": map[string]any{"required": 1}, "gates": map[string]any{"onBranch": "main"}})
		Eventually(f.is(ctx, v1alpha1.PromotionHeld)).WithContext(ctx).Should(And(
			HaveField("Status", metav1.ConditionTrue), HaveField("Reason", v1alpha1.ReasonAwaitingApproval),
			HaveField("Message", ContainSubstring("kubectl annotate promotion -n promoted promoted approval.portolan.dev/<any name>='<your user name> "+string(second)+"'"))))
		Eventually(func(g Gomega) {
			g.Expect(f.is(ctx, v1alpha1.PromotionHeld)(g).Status).To(Equal(metav1.ConditionTrue))
			g.Expect(f.promotion.Status.Changelog).To(HaveValue(And(
				HaveField("From", first), HaveField("To", second), HaveField("Direction", v1alpha1.ChangelogForward),
				HaveField("PullRequests", HaveExactElements(And(HaveField("Number", BeEquivalentTo(12)), HaveField("Title", "Make it faster")))))))
		}).WithContext(ctx).Should(Succeed())
		cm := &corev1.ConfigMap{}
		Expect(world.Client.Get(ctx, client.ObjectKey{Namespace: environment, Name: f.promotion.Status.Changelog.ConfigMapRef.Name}, cm)).To(Succeed())
		Expect(cm.Data).To(HaveKeyWithValue("changelog.md", And(ContainSubstring("Make it faster"), ContainSubstring(ledger))))
		for _, r := range f.regions {
			Expect(f.pin(ctx, r)).To(Equal(first))
		}

		By("refusing an approval in somebody else's name")
		err := world.Client.Patch(ctx, f.promotion.DeepCopy(), client.RawPatch("application/merge-patch+json",
			[]byte(`{"metadata":{"annotations":{"approval.portolan.dev/boss":"boss@example.com `+string(second)+`"}}}`)))
		Expect(err).To(MatchError(ContainSubstring("approval")))
	})

	It("moves one region after the other, and each only when the one before is healthy", func(ctx SpecContext) {
		approve(ctx, second)
		var both bool
		Eventually(func(g Gomega) {
			ready := f.is(ctx, v1alpha1.ConditionReady)(g)
			progress := regionsOf(f.promotion)
			both = both || len(progress) == 2 && progress[0].State != v1alpha1.RegionRolloutPassed && progress[1].MovedAt != nil
			g.Expect(ready).To(beReady())
			g.Expect(f.promotion.Status.CurrentRevision).To(Equal(second))
		}).WithContext(ctx).Should(Succeed())
		Expect(both).To(BeFalse(), "the second moved before the first had passed")
		progress := regionsOf(f.promotion)
		Expect(progress[0].Region).To(Equal(f.regions[0].Name))
		Expect(progress[1].MovedAt.Time).NotTo(BeTemporally("<", progress[0].PassedAt.Time))
		Expect(f.promotion.Status.Rollout.ApprovedBy).To(HaveExactElements(whoAmI(ctx)))
		f.awaitCompleted(ctx, second)
	})

	It("is held by a pause and by a window", func(ctx SpecContext) {
		third = f.configure("Make it cheaper (#13)", f.regions...)
		f.asks(ctx, map[string]any{"revision": string(third), "approval": nil, "paused": true})
		Eventually(f.is(ctx, v1alpha1.PromotionHeld)).WithContext(ctx).Should(HaveField("Reason", v1alpha1.ReasonPaused))
		f.asks(ctx, map[string]any{"paused": false, "windows": []any{map[string]any{"kind": "Deny", "schedule": "* * * * *", "duration": "1m"}}})
		Eventually(f.is(ctx, v1alpha1.PromotionHeld)).WithContext(ctx).Should(HaveField("Reason", v1alpha1.ReasonWindowClosed))
		for _, r := range f.regions {
			Expect(f.pin(ctx, r)).To(Equal(second))
		}
	})

	It("rolls back what fails, and does not try it again by itself", func(ctx SpecContext) {
		f.targets(ctx, string(second)) // whatever the pin is
		f.asks(ctx, map[string]any{"windows": nil, "onFailure": "Rollback", "gates": map[string]any{"progressDeadline": "5s"}})
		Eventually(f.is(ctx, v1alpha1.PromotionRolledOut)).WithContext(ctx).Should(And(
			HaveField("Status", metav1.ConditionFalse),
			haveReason(v1alpha1.ReasonRolledBack, "ledger is SpecNotUpdated: the ApplicationSet has not rendered")))
		Expect(f.is(ctx, v1alpha1.ConditionStalled)(Default).Status).To(Equal(metav1.ConditionTrue))
		for _, r := range f.regions {
			Expect(f.pin(ctx, r)).To(Equal(second))
		}
		Expect(f.promotion.Status.History[0]).To(And(HaveField("Outcome", v1alpha1.RolloutRolledBack), HaveField("Revision", third)))
	})

	It("goes on when the cause is gone and somebody asks for it", func(ctx SpecContext) {
		f.targets(ctx, revisionOf(ledger))
		f.asks(ctx, map[string]any{"gates": map[string]any{"progressDeadline": "2m"}})
		f.annotate(ctx, v1alpha1.AnnotationRetry, "1")
		f.awaitCompleted(ctx, third)
	})

	It("follows a branch", func(ctx SpecContext) {
		fourth := f.configure("Make it nicer (#14)", f.regions...)
		f.asks(ctx, map[string]any{"revision": nil, "track": map[string]any{"branch": "main"}, "urgency": "Emergency", "reason": "to see both move"})
		f.awaitCompleted(ctx, fourth)
		fifth := f.configure("Make it last (#15)", f.regions...)
		f.awaitCompleted(ctx, fifth)
		Expect(f.promotion.Status.History[0]).To(And(HaveField("Message", "to see both move"), HaveField("Urgency", v1alpha1.UrgencyEmergency)))
	})
})

// regionsOf are all regions of the recorded rollout.
func regionsOf(p *v1alpha1.Promotion) []v1alpha1.RegionProgress {
	var all []v1alpha1.RegionProgress
	if p.Status.Rollout != nil {
		for _, w := range p.Status.Rollout.Waves {
			all = append(all, w.Regions...)
		}
	}
	return all
}
