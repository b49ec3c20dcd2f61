package e2e

import (
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/test/simulator/argocd"
)

var _ = Describe("A promotion", Ordered, func() {
	const environment = "promoted"
	var f, staging *pinned
	var early, first, second, third v1alpha1.GitRevision

	approve := func(ctx SpecContext, revision v1alpha1.GitRevision) {
		GinkgoHelper()
		f.annotate(ctx, v1alpha1.AnnotationApprovalPrefix+"me", whoAmI(ctx)+" "+string(revision))
	}

	BeforeAll(func(ctx SpecContext) {
		repository := serveRepository(environment)
		f = pinFleet(ctx, repository, environment, "10.112.0.0/16", "eu-north-1", "eu-south-1")
		staging = pinFleet(ctx, repository, "staged", "10.117.0.0/16", "eu-north-1")
		early = f.configure("Begin", f.regions[0])
		first = f.configure("Add the second region", slices.Concat(f.regions, staging.regions)...)
		for _, fleet := range []*pinned{f, staging} {
			fleet.promotion.Spec.Revision = first
			Expect(world.Client.Create(ctx, fleet.promotion)).To(Succeed())
			createRegions(ctx, fleet.regions...)
		}
	})

	It("pins the regions that are born", NodeTimeout(patience), func(ctx SpecContext) {
		for _, r := range f.regions {
			Eventually(condition(ctx, r, v1alpha1.ConditionReady)).WithContext(ctx).Should(beReady(), r.Name)
			secret, err := clusterSecretOf(ctx, r)
			Expect(err).NotTo(HaveOccurred())
			Expect(secret.Data).To(And(Not(HaveKey("config")), HaveKeyWithValue("server", []byte(r.Status.Cluster.ARN))), "EKS's Argo CD has its own credentials")
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

	It("pins one application elsewhere, until that is cleared", NodeTimeout(patience), func(ctx SpecContext) {
		for _, step := range []struct {
			overrides []any
			want      v1alpha1.GitRevision
		}{
			{[]any{map[string]any{"application": ledger, "revision": string(second)}}, second},
			{nil, third},
		} {
			f.asks(ctx, map[string]any{"overrides": step.overrides})
			Eventually(func(g Gomega) {
				for _, r := range f.regions {
					g.Expect(f.pinIs(ctx, g, r)).To(Equal(step.want), r.Name)
				}
				g.Expect(f.is(ctx, v1alpha1.ConditionReady)(g)).To(beReady())
				g.Expect(f.promotion.Status.CurrentRevision).To(Equal(third))
			}).WithContext(ctx).Should(Succeed())
			Expect(regionsOf(f.promotion)).To(And(HaveLen(2), HaveEach(HaveField("State", v1alpha1.RegionRolloutPassed))), "it moves as any revision does")
		}
	})

	It("waits until another environment has run the revision", NodeTimeout(patience), func(ctx SpecContext) {
		proven := f.configure("Make it proven (#20)", f.regions...)
		f.asks(ctx, map[string]any{"revision": string(proven), "gates": map[string]any{"verifiedIn": map[string]any{
			"namespace": staging.promotion.Namespace, "environment": staging.promotion.Spec.EnvironmentRef.Name,
		}}})
		Eventually(f.is(ctx, v1alpha1.PromotionValid)).WithContext(ctx).Should(haveReason(v1alpha1.ReasonNotVerified,
			"in environment staged, no Promotion has yet completed with "))
		for _, r := range f.regions {
			Expect(f.pin(ctx, r)).To(Equal(third), r.Name)
		}
		staging.asks(ctx, map[string]any{"revision": string(proven)})
		f.awaitCompleted(ctx, proven)
		staging.awaitCompleted(ctx, proven)
		f.asks(ctx, map[string]any{"gates": map[string]any{"verifiedIn": nil}})
	})

	It("follows a branch", func(ctx SpecContext) {
		fourth := f.configure("Make it nicer (#14)", f.regions...)
		f.asks(ctx, map[string]any{"revision": nil, "track": map[string]any{"branch": "main"}, "urgency": "Emergency", "reason": "to see both move"})
		f.awaitCompleted(ctx, fourth)
		fifth := f.configure("Make it last (#15)", f.regions...)
		f.awaitCompleted(ctx, fifth)
		Expect(f.promotion.Status.History[0]).To(And(HaveField("Message", "to see both move"), HaveField("Urgency", v1alpha1.UrgencyEmergency)))
	})

	It("is not taken in by any moment in which Argo CD looks ready and is not", NodeTimeout(2*patience), func(ctx SpecContext) {
		f.asks(ctx, map[string]any{"revision": string(f.promotion.Status.CurrentRevision), "track": nil, "urgency": nil, "reason": nil})
		for _, tc := range []struct{ moment, said string }{
			{argocd.HoldBeforeComparison, "ledger is NotCompared"},
			{argocd.HoldAfterOperation, `ledger is OutOfSync: sync status is "OutOfSync"`},
			{argocd.HoldBetweenRetries, "ledger is OperationRequested"},
			{argocd.HoldRunningLeftover, "ledger is OperationRunning"},
			{argocd.HoldSucceededLeftover, "ledger is StuckOperationState"},
			{argocd.HoldRefresh, "Argo CD was asked to compare once more"},
		} {
			By(tc.moment)
			before := f.promotion.Status.CurrentRevision
			next := f.configure("Hold "+tc.moment, f.regions...)
			f.hold(ctx, f.regions[0], tc.moment)
			f.asks(ctx, map[string]any{"revision": string(next)})
			says := haveReason(v1alpha1.ReasonRollingOut, f.regions[0].Name+": "+tc.said)
			Eventually(f.is(ctx, v1alpha1.PromotionRolledOut)).WithContext(ctx).WithPolling(100 * time.Millisecond).MustPassRepeatedly(15).Should(says)
			Expect(f.pin(ctx, f.regions[1])).To(Equal(before))
			f.hold(ctx, f.regions[0], "")
			f.awaitCompleted(ctx, next)
		}
	})

	It("keeps its order and forgets nothing while the operator is killed at every step", NodeTimeout(2*patience), func(ctx SpecContext) {
		before, next := f.promotion.Status.CurrentRevision, f.configure("Make it sturdy (#18)", f.regions...)
		last := f.regions[1]
		f.asks(ctx, map[string]any{"revision": string(next), "gates": map[string]any{"soak": "500ms"}})
		for _, step := range []func(g Gomega){
			func(g Gomega) { g.Expect(f.pinIs(ctx, g, f.regions[0])).To(Equal(next)) }, // before status may say so
			func(g Gomega) { g.Expect(f.progress(ctx, g)[0].MovedAt).NotTo(BeNil()) },
			func(g Gomega) { g.Expect(f.progress(ctx, g)[0].PassedAt).NotTo(BeNil()) },
			func(g Gomega) { g.Expect(f.pinIs(ctx, g, last)).To(Equal(next)) },
		} {
			killWhen(ctx, step)
		}
		f.awaitCompleted(ctx, next)
		at := f.progress(ctx, Default)
		Expect(at[1].MovedAt.Time).NotTo(BeTemporally("<", at[0].PassedAt.Time))
		Expect(f.promotion.Status.Rollout.Previous).To(HaveExactElements(And(
			HaveField("Regions", HaveLen(2)), HaveField("Pins", HaveExactElements(HaveField("Revision", before))))))

		By("rolling back, and not trying it again")
		broken := f.configure("Make it fall (#19)", f.regions...)
		f.targets(ctx, string(next))
		f.asks(ctx, map[string]any{"revision": string(broken), "onFailure": "Rollback", "gates": map[string]any{"progressDeadline": "5s"}})
		killWhen(ctx, func(g Gomega) { g.Expect(f.pinIs(ctx, g, f.regions[0])).To(Equal(broken)) })
		killWhen(ctx, func(g Gomega) { g.Expect(f.pinIs(ctx, g, f.regions[0])).To(Equal(next)) })
		Eventually(f.is(ctx, v1alpha1.PromotionRolledOut)).WithContext(ctx).Should(haveReason(v1alpha1.ReasonRolledBack, "ledger is SpecNotUpdated"))
		Expect(f.pin(ctx, f.regions[0])).To(Equal(next))
		Expect(f.pin(ctx, last)).To(Equal(next))
		f.targets(ctx, revisionOf(ledger))
		f.asks(ctx, map[string]any{"revision": string(next), "gates": map[string]any{"progressDeadline": "2m", "soak": nil}})
		f.awaitCompleted(ctx, next)
	})

	It("asks Prometheus and runs a Job before a region passes", NodeTimeout(patience), func(ctx SpecContext) {
		checked := f.configure("Make it safe (#16)", f.regions...)
		metrics := servePrometheus()
		f.allowJobs(ctx)
		f.asks(ctx, map[string]any{
			"revision": string(checked),
			"gates": map[string]any{
				"prometheus": []any{map[string]any{"name": "errors", "address": metrics.URL, "query": `errors{region="{{ .region }}"}`, "expect": "< 0.01"}},
				"jobs":       []any{map[string]any{"name": "smoke", "cronJob": smoke}},
			},
		})
		Eventually(f.is(ctx, v1alpha1.PromotionRolledOut)).WithContext(ctx).Should(
			haveReason(v1alpha1.ReasonGateWaiting, f.regions[0].Name+": gate errors: "+metrics.URL+` has not answered "< 0.01" yet`))
		Expect(f.pin(ctx, f.regions[1])).NotTo(Equal(checked))
		metrics.answer("0.001")
		for _, r := range f.regions {
			env := f.finishJob(ctx, r)
			Expect(env).To(And(HaveKeyWithValue("PORTOLAN_REGION", r.Name), HaveKeyWithValue("PORTOLAN_REVISION", string(checked)), HaveKeyWithValue("OWN", "kept")))
		}
		f.awaitCompleted(ctx, checked)
		Expect(regionsOf(f.promotion)).To(HaveEach(HaveField("Gates", HaveLen(2))))
		f.asks(ctx, map[string]any{"gates": map[string]any{"prometheus": nil, "jobs": nil}})
	})

	It("commits files that ApplicationSets read", NodeTimeout(patience), func(ctx SpecContext) {
		sixth := f.configure("Make it open (#17)", f.regions...)
		f.playGitGenerator(ctx)
		f.targets(ctx, `{{ index .metadata.annotations "`+fromGit+`" }}`)
		f.asks(ctx, map[string]any{
			"revision": string(sixth),
			"delivery": map[string]any{"git": map[string]any{"path": pinFiles, "summary": "promotions/{{ .environment }}.yaml"}},
		})
		f.awaitCompleted(ctx, sixth)
		for _, r := range f.regions {
			Expect(f.committedPin(r)).To(Equal(string(sixth)))
		}
		messages, err := f.Messages("main")
		Expect(err).NotTo(HaveOccurred())
		Expect(messages[:2]).To(HaveExactElements(
			HavePrefix("Pin ledger to "+string(sixth[:7])+" in "+f.regions[1].Name+"\n"),
			HavePrefix("Pin ledger to "+string(sixth[:7])+" in "+f.regions[0].Name+"\n")), "one commit for those that move together")
		Expect(f.File("main", "promotions/promoted.yaml")).To(ContainSubstring("revision: " + string(sixth)))

		By("somebody else's hand being put right")
		_, err = f.Commit(map[string]string{f.pinFile(f.regions[0]): "revision: " + string(second) + "\n"}, "By hand")
		Expect(err).NotTo(HaveOccurred())
		Eventually(func() string { return f.committedPin(f.regions[0]) }).WithContext(ctx).Should(Equal(string(sixth)))
		f.awaitCompleted(ctx, sixth)

		By("a branch that takes no commits")
		f.Protect("main")
		seventh, err := f.Commit(map[string]string{"eks-cluster/helm-chart/core/Chart.yaml": "# seventh"}, "Make it short (#18)")
		Expect(err).NotTo(HaveOccurred())
		f.asks(ctx, map[string]any{"revision": seventh})
		Eventually(f.is(ctx, v1alpha1.PromotionRolledOut)).WithContext(ctx).Should(And(
			HaveField("Status", metav1.ConditionFalse), haveReason(v1alpha1.ReasonNotDelivered, "push refused: protected branch hook declined")))
		Expect(f.pin(ctx, f.regions[0])).To(Equal(sixth))
		f.Protect()
		f.awaitCompleted(ctx, v1alpha1.GitRevision(seventh))
	})

	It("moves Applications that nobody else manages", NodeTimeout(patience), func(ctx SpecContext) {
		eighth := f.configure("Make it plain (#19)", f.regions...)
		f.asks(ctx, map[string]any{"revision": string(eighth), "delivery": map[string]any{"git": nil, "application": map[string]any{}}})
		Eventually(f.is(ctx, v1alpha1.PromotionValid)).WithContext(ctx).Should(And(
			HaveField("Status", metav1.ConditionFalse), haveReason(v1alpha1.ReasonApplicationOwned, "by ApplicationSet "+f.set.GetName())))
		Expect(world.Client.Delete(ctx, f.set)).To(Succeed())
		Eventually(f.applications).WithContext(ctx).WithArguments(ctx).Should(BeEmpty())
		f.deployByHand(ctx, "main")
		f.awaitCompleted(ctx, eighth)
		Expect(f.applications(ctx)).To(And(HaveLen(2), HaveEach(HaveField("Object", HaveKeyWithValue("spec",
			HaveKeyWithValue("source", HaveKeyWithValue("targetRevision", string(eighth))))))))
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
