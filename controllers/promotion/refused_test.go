package promotion

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

func TestWhatAnEmergencyThatIsRefusedIsWorth(t *testing.T) {
	closed := window(v1alpha1.WindowDeny, "0 0 * * *", 24*time.Hour)
	never := window(v1alpha1.WindowAllow, "0 0 30 2 *", time.Hour)
	for name, tc := range map[string]struct {
		change     func(*v1alpha1.PromotionSpec)
		git        func(*git)
		wantUrgent bool
		wantClosed string
	}{
		"another revision that is accepted": {change: to(bad), wantUrgent: true},
		"another revision that is refused":  {change: to(bad), git: func(g *git) { g.lacks = []string{"core/tokyo.yaml"} }, wantClosed: v1alpha1.ReasonWindowClosed},
		"another revision that git knows nothing of": {
			change: to(bad), git: func(g *git) { g.filesErr = errUnreachable }, wantClosed: v1alpha1.ReasonWindowClosed,
		},
		"a head that nobody knows": {change: tracking, git: func(g *git) { g.headErr = errUnreachable }, wantClosed: v1alpha1.ReasonWindowClosed},
		"another revision beside a window that never opens": {
			change: func(s *v1alpha1.PromotionSpec) { to(bad)(s); s.Windows = append(s.Windows, never) }, wantClosed: v1alpha1.ReasonInvalidWindow,
		},
		"the revision that is on its way": {change: func(*v1alpha1.PromotionSpec) {}, wantUrgent: true},
		"the revision that is on its way, of waves that are refused": {
			change: func(s *v1alpha1.PromotionSpec) {
				s.Waves = []v1alpha1.PromotionWave{{Name: "?", Selector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Like"}}}}}
			}, wantUrgent: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			th := newTheatre(t)
			repository := th.withGit(t)
			th.set(t, promotionTo(good))
			p := th.pass(t, "all")
			g.Expect(p.Status.Rollout.Phase).To(Equal(v1alpha1.RolloutProgressing))
			if tc.git != nil {
				tc.git(repository)
			}
			tc.change(&p.Spec)
			emergency(&p.Spec)
			p.Spec.Windows = append(p.Spec.Windows, closed)
			s, _ := th.validated(t, p)
			g.Expect(s.world.policy.emergency()).To(Equal(tc.wantUrgent))
			var reason string
			if s.world.closed != nil {
				reason = s.world.closed.reason
			}
			g.Expect(reason).To(Equal(tc.wantClosed))
		})
	}
}

// Both have to say so: what nobody calls an emergency any more is none because the spec is refused.
func TestWhatAnEmergencyIsWorthWhenAnotherRevisionIsRefused(t *testing.T) {
	for name, tc := range map[string]struct {
		change     func(*v1alpha1.PromotionSpec)
		git        func(*git)
		wantUrgent bool
	}{
		"called off": {
			change: func(s *v1alpha1.PromotionSpec) { to(bad)(s); calm(s) }, git: func(g *git) { g.lacks = []string{"core/tokyo.yaml"} },
		},
		"called off, and the head that nobody knows may be it": {
			change: func(s *v1alpha1.PromotionSpec) { tracking(s); calm(s) }, git: func(g *git) { g.headErr = errUnreachable },
		},
		"still one": {change: to(bad), git: func(g *git) { g.lacks = []string{"core/tokyo.yaml"} }, wantUrgent: true},
		"still one, and the head that nobody knows may be it": {
			change: tracking, git: func(g *git) { g.headErr = errUnreachable }, wantUrgent: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			th := newTheatre(t)
			repository := th.withGit(t)
			p := promotionTo(good)
			emergency(&p.Spec)
			th.set(t, p)
			p = th.pass(t, "all")
			g.Expect(p.Status.Rollout.Urgency).To(Equal(v1alpha1.UrgencyEmergency))
			tc.git(repository)
			tc.change(&p.Spec)
			p.Spec.Windows = []v1alpha1.PromotionWindow{window(v1alpha1.WindowDeny, "0 0 * * *", 24*time.Hour)}
			s, err := th.validated(t, p)
			g.Expect(err).To(HaveOccurred())
			g.Expect(s.world.policy.emergency()).To(Equal(tc.wantUrgent))
			g.Expect(s.world.closed == nil).To(Equal(tc.wantUrgent))
		})
	}
}

// soon is a deadline that passes while a play goes on.
var soon = &metav1.Duration{Duration: 5 * time.Minute}

// A retry is of what the spec asks for: while that is refused, not of what failed before it.
func TestARetryWhileTheSpecIsRefused(t *testing.T) {
	const halted = "virginia core@c unkey-api@c, dublin core@a unkey-api@a, tokyo core@a unkey-api@a"
	const before = "virginia core@a unkey-api@a, dublin core@a unkey-api@a, tokyo core@a unkey-api@a"
	fixed := commit("d")
	unlisted := func(s *v1alpha1.PromotionSpec) {
		s.Overrides = []v1alpha1.RevisionOverride{{Application: "unknown", Revision: good}}
	}
	for name, tc := range map[string]struct {
		onFailure v1alpha1.FailurePolicy
		change    func(*v1alpha1.PromotionSpec)
		git       func(*git)
		wantPhase v1alpha1.RolloutPhase
		want      string
	}{
		"halted, by a file that is missing": {
			v1alpha1.FailureHalt, to(fixed), func(g *git) { g.lacks = []string{"core/tokyo.yaml"} }, v1alpha1.RolloutHalted, halted,
		},
		"rolled back, by a file that is missing": {
			v1alpha1.FailureRollback, to(fixed), func(g *git) { g.lacks = []string{"core/tokyo.yaml"} }, v1alpha1.RolloutRolledBack, before,
		},
		"rolled back, by git, which does not answer": {
			v1alpha1.FailureRollback, to(fixed), func(g *git) { g.filesErr = errUnreachable }, v1alpha1.RolloutRolledBack, before,
		},
		"rolled back, by an application that there is not": {v1alpha1.FailureRollback, unlisted, nil, v1alpha1.RolloutRolledBack, before},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			th := newTheatre(t)
			repository := th.withGit(t)
			th.set(t, promotionTo(old))
			th.play(t, "all")
			p := promotionTo(bad)
			p.Spec.OnFailure, p.Spec.Gates.ProgressDeadline = tc.onFailure, soon
			th.set(t, p)
			g.Expect(th.play(t, "all").Status.Rollout.Phase).To(Equal(tc.wantPhase))

			if tc.git != nil {
				tc.git(repository)
			}
			p = th.pass(t, "all")
			tc.change(&p.Spec)
			p.Annotations = map[string]string{v1alpha1.AnnotationRetry: "1"}
			g.Expect(th.Update(t.Context(), p)).To(Succeed())
			p = th.play(t, "all")
			g.Expect(conditionOf(p, v1alpha1.PromotionValid).Status).NotTo(Equal(metav1.ConditionTrue))
			g.Expect(p.Status.Rollout.Phase).To(Equal(tc.wantPhase))
			g.Expect(p.Status.Rollout.Retried).To(BeEmpty())
			g.Expect(th.pins(t)).To(Equal(tc.want))

			repository.lacks, repository.filesErr = nil, nil
			p.Spec.Revision, p.Spec.Overrides = fixed, nil
			th.set(t, p)
			p = th.play(t, "all")
			g.Expect(p.Status.CurrentRevision).To(Equal(fixed))
			g.Expect(p.Status.Rollout.Retried).To(Equal("1"), "it is answered")
		})
	}
}

func TestARetryWaitsUntilTheSpecIsAccepted(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	repository := th.withGit(t)
	repository.head = string(bad)
	p := promotionTo("")
	tracking(&p.Spec)
	p.Spec.Gates.ProgressDeadline = soon
	g.Expect(th.Create(t.Context(), p)).To(Succeed())
	g.Expect(th.play(t, "all").Status.Rollout.Phase).To(Equal(v1alpha1.RolloutHalted))

	repository.headErr = errUnreachable
	p = th.pass(t, "all")
	p.Annotations = map[string]string{v1alpha1.AnnotationRetry: "1"}
	g.Expect(th.Update(t.Context(), p)).To(Succeed())
	g.Expect(th.play(t, "all").Status.Rollout.Phase).To(Equal(v1alpha1.RolloutHalted))

	repository.headErr = nil
	p = th.pass(t, "all")
	g.Expect(p.Status.Rollout.Phase).To(Equal(v1alpha1.RolloutProgressing), "the head is what failed")
	g.Expect(p.Status.Rollout.Retried).To(Equal("1"))
}
