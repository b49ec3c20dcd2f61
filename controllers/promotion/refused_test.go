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
