package promotion

import (
	"fmt"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/step"
	"github.com/portolan-dev/portolan/controllers/plan"
)

func window(kind v1alpha1.WindowKind, schedule string, length time.Duration) v1alpha1.PromotionWindow {
	return v1alpha1.PromotionWindow{Kind: kind, Schedule: schedule, Duration: metav1.Duration{Duration: length}}
}

// It is Friday, 2026-01-02, 03:04:05.
func TestWhatKeepsRegionsFromBeginning(t *testing.T) {
	at := func(clock string) time.Time {
		moment, err := time.Parse(time.DateTime, clock)
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		return moment
	}
	for name, tc := range map[string]struct {
		spec v1alpha1.PromotionSpec
		want *holding
	}{
		"nothing": {},
		"a pause": {spec: v1alpha1.PromotionSpec{Paused: true}, want: &holding{reason: v1alpha1.ReasonPaused, message: "spec.paused is true"}},
		"not an open window": {
			spec: v1alpha1.PromotionSpec{Windows: []v1alpha1.PromotionWindow{window(v1alpha1.WindowAllow, "0 3 * * *", time.Hour)}},
		},
		"a window that opens later": {
			spec: v1alpha1.PromotionSpec{Windows: []v1alpha1.PromotionWindow{window(v1alpha1.WindowAllow, "0 8 * * *", time.Hour)}},
			want: &holding{reason: v1alpha1.ReasonWindowClosed, message: `no region begins to move before 2026-01-02T08:00:00Z: Allow "0 8 * * *"`, until: at("2026-01-02 08:00:00")},
		},
		"a window in another time zone": {
			spec: v1alpha1.PromotionSpec{Windows: []v1alpha1.PromotionWindow{
				{Kind: v1alpha1.WindowAllow, Schedule: "0 8 * * *", Duration: metav1.Duration{Duration: time.Hour}, TimeZone: "Europe/Berlin"},
			}},
			want: &holding{reason: v1alpha1.ReasonWindowClosed, message: `no region begins to move before 2026-01-02T07:00:00Z: Allow "0 8 * * *"`, until: at("2026-01-02 07:00:00")},
		},
		"a time that is denied": {
			spec: v1alpha1.PromotionSpec{Windows: []v1alpha1.PromotionWindow{window(v1alpha1.WindowDeny, "0 0 * * 5", 72*time.Hour)}},
			want: &holding{reason: v1alpha1.ReasonWindowClosed, message: `no region begins to move before 2026-01-05T00:00:00Z: Deny "0 0 * * 5"`, until: at("2026-01-05 00:00:00")},
		},
		"a time that is always denied": {
			spec: v1alpha1.PromotionSpec{Windows: []v1alpha1.PromotionWindow{window(v1alpha1.WindowDeny, "0 0 * * *", 48*time.Hour)}},
			want: &holding{reason: v1alpha1.ReasonWindowClosed, message: `no window opens within a year: Deny "0 0 * * *"`},
		},
		"no window in an emergency": {
			spec: v1alpha1.PromotionSpec{
				Windows: []v1alpha1.PromotionWindow{window(v1alpha1.WindowDeny, "0 0 * * *", 48*time.Hour)},
				Urgency: v1alpha1.UrgencyEmergency, Reason: "CVE",
			},
		},
		"a pause in an emergency too": {
			spec: v1alpha1.PromotionSpec{Paused: true, Urgency: v1alpha1.UrgencyEmergency, Reason: "CVE"},
			want: &holding{reason: v1alpha1.ReasonPaused, message: "spec.paused is true"},
		},
		"a pause rather than a window": {
			spec: v1alpha1.PromotionSpec{Paused: true, Windows: []v1alpha1.PromotionWindow{window(v1alpha1.WindowAllow, "0 8 * * *", time.Hour)}},
			want: &holding{reason: v1alpha1.ReasonPaused, message: "spec.paused is true"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s := &scope{promotion: &v1alpha1.Promotion{Spec: tc.spec}, world: world{now: start, policy: policyOf(&tc.spec)}}
			g.Expect((&Reconciler{}).holdings(s)).To(Succeed())
			g.Expect(s.world.closed).To(Equal(tc.want))
		})
	}
}

func TestAWindowThatNobodyCanReadKeepsRegionsFromBeginning(t *testing.T) {
	for name, tc := range map[string]struct {
		change      func(*v1alpha1.PromotionSpec)
		wantMessage string
		wantClosed  string // the reason
	}{
		"a schedule that never comes": {
			func(s *v1alpha1.PromotionSpec) {
				s.Windows = append(s.Windows, window(v1alpha1.WindowAllow, "0 0 30 2 *", time.Hour))
			},
			`spec.windows[1].schedule: "0 0 30 2 *" never comes`, v1alpha1.ReasonInvalidWindow,
		},
		"a zone that nobody knows": {
			func(s *v1alpha1.PromotionSpec) { s.Windows[0].TimeZone = "Europe/Atlantis" },
			`spec.windows[0].timeZone: "Europe/Atlantis" is not known`, v1alpha1.ReasonInvalidWindow,
		},
		"no time at all": {
			func(s *v1alpha1.PromotionSpec) { s.Windows[0].Duration.Duration = 0 },
			`spec.windows[0].duration: 0s is not longer than nothing`, v1alpha1.ReasonInvalidWindow,
		},
		"in an emergency too": {
			func(s *v1alpha1.PromotionSpec) {
				s.Windows[0].Duration.Duration, s.Urgency = -time.Hour, v1alpha1.UrgencyEmergency
			},
			`spec.windows[0].duration: -1h0m0s is not longer than nothing`, v1alpha1.ReasonInvalidWindow,
		},
		"while it is paused": {
			func(s *v1alpha1.PromotionSpec) { s.Windows[0].Duration.Duration, s.Paused = 0, true },
			`spec.windows[0].duration: 0s is not longer than nothing`, v1alpha1.ReasonPaused,
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			spec := v1alpha1.PromotionSpec{Windows: []v1alpha1.PromotionWindow{window(v1alpha1.WindowAllow, "0 3 * * *", time.Hour)}}
			tc.change(&spec)
			s := &scope{promotion: &v1alpha1.Promotion{Spec: spec}, world: world{now: start, policy: policyOf(&spec)}}
			err := (&Reconciler{}).holdings(s)
			g.Expect(err).To(MatchError(tc.wantMessage))
			g.Expect(step.IsTerminal(err)).To(BeTrue())
			g.Expect(step.ReasonOf(err)).To(Equal(v1alpha1.ReasonInvalidWindow))
			g.Expect(s.world.closed.reason).To(Equal(tc.wantClosed))
		})
	}
}

func TestApprovals(t *testing.T) {
	overridden := plan.PinSet{Revision: good, Overrides: []v1alpha1.RevisionOverride{{Application: "core", Revision: old}}}
	for name, tc := range map[string]struct {
		asked       *v1alpha1.PromotionApproval
		wanted      plan.PinSet       // none: good
		annotations map[string]string // by what follows the prefix
		rollout     string            // the id of the one that is on its way
		refused     bool              // by validate
		wantReason  string            // empty: approved
		wantBy      []string          // approvers
		wantMessage string            // with %s for the id
	}{
		"not asked for": {annotations: map[string]string{"ann": "ann " + string(good)}, wantReason: v1alpha1.ReasonNotRequired},
		"nobody yet": {
			asked: &v1alpha1.PromotionApproval{}, wantReason: v1alpha1.ReasonAwaitingApproval,
			wantMessage: "0 of 1 approvals: kubectl annotate promotion -n fleet all approval.portolan.dev/<any name>='<your user name> %s'",
		},
		"one": {
			asked:       &v1alpha1.PromotionApproval{Required: 1},
			annotations: map[string]string{"ann": "ann@example.com " + string(good)}, wantBy: []string{"ann@example.com"},
		},
		"one of two": {
			asked:       &v1alpha1.PromotionApproval{Required: 2},
			annotations: map[string]string{"ann": "ann " + string(good)}, wantBy: []string{"ann"},
			wantReason: v1alpha1.ReasonAwaitingApproval, wantMessage: "1 of 2 approvals: kubectl annotate promotion -n fleet all approval.portolan.dev/<any name>='<your user name> %s'",
		},
		"the same person twice": {
			asked:       &v1alpha1.PromotionApproval{Required: 2},
			annotations: map[string]string{"a": "ann " + string(good), "b": "ann " + string(good)}, wantBy: []string{"ann"},
			wantReason: v1alpha1.ReasonAwaitingApproval, wantMessage: "1 of 2 approvals: kubectl annotate promotion -n fleet all approval.portolan.dev/<any name>='<your user name> %s'",
		},
		"two people": {
			asked:       &v1alpha1.PromotionApproval{Required: 2},
			annotations: map[string]string{"a": "bob " + string(good), "b": "ann " + string(good)}, wantBy: []string{"ann", "bob"},
		},
		"of another revision": {
			asked: &v1alpha1.PromotionApproval{}, annotations: map[string]string{"ann": "ann " + string(old)}, wantReason: v1alpha1.ReasonAwaitingApproval,
		},
		"of the beginning of a revision": {
			asked: &v1alpha1.PromotionApproval{}, annotations: map[string]string{"ann": "ann " + string(good[:7])}, wantReason: v1alpha1.ReasonAwaitingApproval,
		},
		"of the revision without its overrides": {
			asked: &v1alpha1.PromotionApproval{}, wanted: overridden, annotations: map[string]string{"ann": "ann " + string(good)}, wantReason: v1alpha1.ReasonAwaitingApproval,
		},
		"of the revision with its overrides": {
			asked: &v1alpha1.PromotionApproval{}, wanted: overridden, annotations: map[string]string{"ann": "ann " + overridden.ID()}, wantBy: []string{"ann"},
		},
		"by nobody": {
			asked: &v1alpha1.PromotionApproval{}, annotations: map[string]string{"a": " " + string(good), "b": string(good)}, wantReason: v1alpha1.ReasonAwaitingApproval,
		},
		"by somebody with blanks in the name": {
			asked: &v1alpha1.PromotionApproval{}, annotations: map[string]string{"a": "CN=Ann B. O=ops " + string(good)}, wantBy: []string{"CN=Ann B. O=ops"},
		},
		"what began before it was asked for goes on": {
			asked: &v1alpha1.PromotionApproval{}, rollout: string(good),
		},
		"another rollout does not count": {
			asked: &v1alpha1.PromotionApproval{}, rollout: string(old), wantReason: v1alpha1.ReasonAwaitingApproval,
		},
		"of what is refused": {
			asked: &v1alpha1.PromotionApproval{}, annotations: map[string]string{"ann": "ann " + string(good)}, refused: true, wantReason: v1alpha1.ReasonBlocked,
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			p := promotionTo(good)
			p.Spec.Approval, p.Annotations = tc.asked, map[string]string{"other.example/approval": "eve " + string(good)}
			for name, value := range tc.annotations {
				p.Annotations[v1alpha1.AnnotationApprovalPrefix+name] = value
			}
			if tc.rollout != "" {
				p.Status.Rollout = &v1alpha1.PromotionRollout{ID: tc.rollout}
			}
			if tc.wanted.Revision == "" {
				tc.wanted.Revision = good
			}
			s := &scope{promotion: p, accepted: !tc.refused, world: world{target: target{PinSet: tc.wanted}}}
			err := s.approve()
			if tc.wantReason == "" {
				g.Expect(err).NotTo(HaveOccurred())
			} else {
				g.Expect(step.ReasonOf(err)).To(Equal(tc.wantReason))
			}
			g.Expect(s.world.approvedBy).To(Equal(tc.wantBy))
			if waits := tc.wantReason == v1alpha1.ReasonAwaitingApproval; waits {
				g.Expect(s.world.unapproved).To(Equal(&holding{reason: tc.wantReason, message: err.Error()}))
			} else {
				g.Expect(s.world.unapproved).To(BeNil())
			}
			if tc.wantMessage != "" {
				g.Expect(err).To(MatchError(fmt.Sprintf(tc.wantMessage, tc.wanted.ID())))
			}
		})
	}
}

// The status takes no more approvers than this.
func TestMoreApproversThanAStatusHolds(t *testing.T) {
	annotations := map[string]string{}
	for i := range 20 {
		annotations[fmt.Sprintf("%s%d", v1alpha1.AnnotationApprovalPrefix, i)] = fmt.Sprintf("user-%02d %s", i, good)
	}
	g := NewWithT(t)
	names := approvers(annotations, string(good))
	g.Expect(names).To(HaveLen(16))
	g.Expect(names[0]).To(Equal("user-00"))
}

func TestAnApprovalLetsARolloutBegin(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	th.set(t, promotionTo(old))
	th.play(t, "all")
	p := promotionTo(good)
	p.Spec.Approval = &v1alpha1.PromotionApproval{Required: 1}
	th.set(t, p)
	p = th.pass(t, "all")
	approved := conditionOf(p, v1alpha1.PromotionApproved)
	g.Expect(approved.Status).To(Equal(metav1.ConditionUnknown))
	g.Expect(approved.Reason).To(Equal(v1alpha1.ReasonAwaitingApproval))
	held := conditionOf(p, v1alpha1.PromotionHeld)
	g.Expect(held.Reason).To(Equal(v1alpha1.ReasonAwaitingApproval))
	g.Expect(held.Message).To(HaveSuffix("'<your user name> " + string(good) + "'"))
	g.Expect(th.pins(t)).NotTo(ContainSubstring("@b"))

	p.Annotations = map[string]string{v1alpha1.AnnotationApprovalPrefix + "ann": "ann " + string(good)}
	g.Expect(th.Update(t.Context(), p)).To(Succeed())
	p = th.play(t, "all")
	g.Expect(p.Status.CurrentRevision).To(Equal(good))
	g.Expect(p.Status.Rollout.ApprovedBy).To(Equal([]string{"ann"}))
	g.Expect(p.Status.History[0].ApprovedBy).To(Equal([]string{"ann"}))
	g.Expect(strings.Count(fmt.Sprint(p.Status.Conditions), v1alpha1.PromotionHeld)).To(BeZero())
}

func TestAWindowHoldsARolloutUntilItOpens(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	th.set(t, promotionTo(old))
	th.play(t, "all")
	p := promotionTo(good)
	p.Spec.Windows = []v1alpha1.PromotionWindow{window(v1alpha1.WindowAllow, "0 8 * * *", time.Hour)}
	th.set(t, p)
	p = th.pass(t, "all")
	opens := time.Date(2026, 1, 2, 8, 0, 0, 0, time.UTC)
	g.Expect(p.Status.NextWindow.UTC()).To(Equal(opens))
	g.Expect(conditionOf(p, v1alpha1.PromotionHeld).Reason).To(Equal(v1alpha1.ReasonWindowClosed))
	g.Expect(th.pins(t)).NotTo(ContainSubstring("@b"))

	th.clock.SetTime(opens)
	p = th.pass(t, "all")
	g.Expect(p.Status.NextWindow).To(BeNil())
	g.Expect(th.pins(t)).To(HavePrefix("virginia core@b unkey-api@b, dublin core@a"))
}

// It is 3:18, us-1 has passed, and eu-1 is on its way.
func TestAWindowHidesNoEarlierMoment(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*play)
		want   time.Duration
	}{
		"the end of a soak":                       {func(*play) {}, 4 * time.Minute},
		"the end of a soak, beside what is next":  {func(p *play) { to(commit("d"))(&p.spec) }, 4 * time.Minute},
		"a deadline":                              {func(p *play) { p.actor("eu-1").stage["api"] = -60 }, defaultDeadline},
		"nothing but what is looked at regularly": {func(p *play) { p.fleet = append(p.fleet[:1], p.fleet[2:]...) }, time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			p := stageFor("us-1", "eu-1", "ap-1").asks("two at once, until 3:06", func(s *v1alpha1.PromotionSpec) {
				s.Waves = []v1alpha1.PromotionWave{{Name: "all", Selector: &metav1.LabelSelector{}, MaxConcurrent: new(int32(2))}}
				s.Windows = []v1alpha1.PromotionWindow{window(v1alpha1.WindowAllow, "0 3 * * *", 6*time.Minute)}
				soakFor(10 * time.Minute)(s)
			}).asks("to b", to(good)).run(t, 1)
			p.actor("eu-1").stage["api"] = -4
			p.run(t, 13)
			tc.change(p)
			d := p.step(t)
			g.Expect(d.reason).To(Equal(v1alpha1.ReasonWindowClosed), strings.Join(p.log, "\n"))
			s := &scope{promotion: &v1alpha1.Promotion{}, world: world{now: p.now}, decision: d}
			err := (&Reconciler{Deps: Deps{Resync: time.Hour}}).outcome(s, d)
			g.Expect(step.PollAfter(err)).To(Equal(tc.want), strings.Join(p.log, "\n"))
			s.report()
			g.Expect(s.promotion.Status.NextWindow.Time).To(BeTemporally("==", start.Truncate(24*time.Hour).Add(27*time.Hour)))
		})
	}
}

// What waits for it is not the first that the rollout before has to say.
func TestAWindowIsLookedForWhileARollbackWaits(t *testing.T) {
	g := NewWithT(t)
	p := stageFor("us-1", "eu-1").asks("all at once, roll back on failure", func(s *v1alpha1.PromotionSpec) {
		s.OnFailure = v1alpha1.FailureRollback
		s.Waves = []v1alpha1.PromotionWave{{Name: "all", Regions: []string{"us-1", "eu-1"}}}
	}).asks("to c", to(bad)).run(t, 2)
	p.event("nothing is known of eu-1", func() { p.away["eu-1"] = true }).run(t, 6)
	p.asks("to b, from 5:00 on", func(s *v1alpha1.PromotionSpec) {
		to(good)(s)
		s.Windows = []v1alpha1.PromotionWindow{window(v1alpha1.WindowAllow, "0 5 * * *", time.Hour)}
	})
	d := p.step(t)
	g.Expect(p.rollout.Phase).To(Equal(v1alpha1.RolloutRollingBack))
	g.Expect(d.reason).To(Equal(v1alpha1.ReasonRegionUnknown))
	g.Expect(d.recheck).To(BeTemporally("==", time.Date(2026, 1, 2, 5, 0, 0, 0, time.UTC)))
}
