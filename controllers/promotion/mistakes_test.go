package promotion

import (
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

func TestMistakesOfASpec(t *testing.T) {
	override := func(app string) func(*v1alpha1.PromotionSpec) {
		return func(s *v1alpha1.PromotionSpec) {
			s.Overrides = []v1alpha1.RevisionOverride{{Application: app, Revision: old}}
		}
	}
	for name, tc := range map[string]refusal{
		"an override of an application that there is not": {
			change: override("cor"), reason: v1alpha1.ReasonUnknownApplication,
			want: "spec.overrides names cor, which no profile of the Environment lists; they list core, unkey-api",
		},
		"an override of an application that is not listed": {
			change: func(s *v1alpha1.PromotionSpec) { override("core")(s); s.Applications = []string{"unkey-api"} },
			reason: v1alpha1.ReasonUnknownApplication, want: "spec.overrides names core, which spec.applications does not: add it there",
		},
		"a query with an unknown key": {
			change: func(s *v1alpha1.PromotionSpec) {
				s.Gates.Prometheus = []v1alpha1.PrometheusGate{{Name: "errors", Query: `rate{region="{{ .regoin }}"}`, Expect: "< 1"}}
			},
			reason: v1alpha1.ReasonInvalidTemplate, forGood: true,
			want: `the query of gate errors in spec.gates.prometheus: "rate{region=\"{{ .regoin }}\"}" has the unknown key .regoin: it may hold {{ .environment }}, {{ .name }}, {{ .region }}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			tc.wantAsked = []string{}
			tc.play(t)
		})
	}
}

func TestPinsCommittedToTheBranchThatTheyFollow(t *testing.T) {
	for name, tc := range map[string]struct {
		url, branch string
		want        bool
	}{
		"no url":             {"", "next", true},
		"the same url":       {"https://git.test/infra", "next", true},
		"with .git":          {"https://git.test/infra.git", "next", true},
		"with a slash":       {"https://git.test/infra/", "next", true},
		"another branch":     {"https://git.test/infra", "pins", false},
		"the default branch": {"https://git.test/infra", "", false},
		"another repository": {"https://git.test/pins", "next", false},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s := &scope{promotion: promotionTo(""), environment: &v1alpha1.Environment{}}
			s.environment.Spec.ArgoCD.Repository = &v1alpha1.ConfigRepository{URL: "https://git.test/infra"}
			tracking(&s.promotion.Spec)
			s.promotion.Spec.Delivery.Git = &v1alpha1.PinFiles{GitBranch: v1alpha1.GitBranch{URL: tc.url, Branch: tc.branch}}
			err := s.circular()
			g.Expect(err != nil).To(Equal(tc.want))
			if tc.want {
				g.Expect(step.ReasonOf(err)).To(Equal(v1alpha1.ReasonInvalidDelivery))
			}
		})
	}
}

func TestAnOverrideOfAnotherPromotionsApplication(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	named := promotionTo(old)
	named.Name, named.Spec.Applications = "core-only", []string{"core"}
	th.set(t, named)
	th.set(t, promotionTo(good, v1alpha1.RevisionOverride{Application: "core", Revision: old}))
	p := th.play(t, "all")
	valid := conditionOf(p, v1alpha1.PromotionValid)
	g.Expect(valid.Reason).To(Equal(v1alpha1.ReasonUnknownApplication))
	g.Expect(valid.Message).To(Equal("spec.overrides names core, which Promotion core-only pins: do it there"))
}

func TestAnApplicationThatIsListedBeforeItsProfileHasIt(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	p := promotionTo(good)
	p.Spec.Applications = []string{"core", "web"}
	th.set(t, p)
	valid := conditionOf(th.play(t, "all"), v1alpha1.PromotionValid)
	g.Expect(valid.Status).To(Equal(metav1.ConditionUnknown))
	g.Expect(valid.Reason).To(Equal(v1alpha1.ReasonUnknownApplication))
	th.environment(t, func(e *v1alpha1.Environment) {
		e.Spec.Profiles = append(e.Spec.Profiles, v1alpha1.Profile{Name: "more", Applications: []v1alpha1.Application{{Name: "web"}}})
	})
	g.Expect(th.play(t, "all").Status.CurrentRevision).To(Equal(good))
}
