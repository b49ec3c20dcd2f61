package plan

import (
	"cmp"
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

func promotion(name, revision string, applications ...string) v1alpha1.Promotion {
	p := v1alpha1.Promotion{}
	p.Name = name
	p.Spec.EnvironmentRef.Name = "production001"
	p.Spec.Revision = v1alpha1.GitRevision(revision)
	p.Spec.Applications = applications
	return p
}

func TestPin(t *testing.T) {
	elsewhere := promotion("elsewhere", "e")
	elsewhere.Spec.EnvironmentRef.Name = "staging"
	leaving := promotion("a-leaving", "l", "api")
	deleted := metav1.Unix(1, 0)
	leaving.DeletionTimestamp = &deleted
	overriding := promotion("all", "g")
	overriding.Spec.Overrides = []v1alpha1.RevisionOverride{{Application: "frontline", Revision: "f"}, {Application: "api", Revision: "o"}}

	for name, tc := range map[string]struct {
		promotions   []v1alpha1.Promotion
		wantRevision v1alpha1.GitRevision
		wantPinned   bool
	}{
		"no Promotion":                            {},
		"one of another environment":              {promotions: []v1alpha1.Promotion{elsewhere}},
		"one that names other applications":       {promotions: []v1alpha1.Promotion{promotion("p", "r", "frontline")}},
		"one that is being deleted":               {promotions: []v1alpha1.Promotion{leaving}},
		"one that pins all":                       {[]v1alpha1.Promotion{promotion("all", "g")}, "g", true},
		"one that names the application":          {[]v1alpha1.Promotion{promotion("p", "r", "frontline", "api")}, "r", true},
		"the name wins over all":                  {[]v1alpha1.Promotion{promotion("a", "g"), promotion("z", "r", "api")}, "r", true},
		"all stands in while the named one goes":  {[]v1alpha1.Promotion{leaving, promotion("z", "g")}, "g", true},
		"of two that name it, the first by name":  {[]v1alpha1.Promotion{promotion("b", "2", "api"), promotion("a", "1", "api")}, "1", true},
		"of two that pin all, the first by name":  {[]v1alpha1.Promotion{promotion("b", "2"), promotion("a", "1")}, "1", true},
		"an override of this application":         {[]v1alpha1.Promotion{overriding}, "o", true},
		"an override of the less specific is not": {[]v1alpha1.Promotion{overriding, promotion("p", "r", "api")}, "r", true},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			revision, pinned := Pin(tc.promotions, "production001", "oslo", "api")
			g.Expect(revision).To(Equal(tc.wantRevision))
			g.Expect(pinned).To(Equal(tc.wantPinned))
		})
	}
}

func TestOverrideLeavesOtherApplicationsAlone(t *testing.T) {
	pins := PinSet{Revision: "g", Overrides: []v1alpha1.RevisionOverride{{Application: "frontline", Revision: "f"}}}
	g := NewWithT(t)
	g.Expect(pins.Of("frontline")).To(BeEquivalentTo("f"))
	g.Expect(pins.Of("api")).To(BeEquivalentTo("g"))
}

func TestPinsAreNamedByWhatTheyAre(t *testing.T) {
	g := NewWithT(t)
	a, b := v1alpha1.RevisionOverride{Application: "a", Revision: "1"}, v1alpha1.RevisionOverride{Application: "b", Revision: "2"}
	id := PinSet{Revision: "g", Overrides: []v1alpha1.RevisionOverride{a, b}}.ID()
	g.Expect(PinSet{Revision: "g"}.ID()).To(Equal("g"))
	g.Expect(id).To(HavePrefix("g+"))
	g.Expect(PinSet{Revision: "g", Overrides: []v1alpha1.RevisionOverride{b, a}}.ID()).To(Equal(id), "whatever their order")
	g.Expect(PinSet{Revision: "g", Overrides: []v1alpha1.RevisionOverride{a}}.ID()).NotTo(Equal(id))
}

// A region whose Secret is lost in the middle of a rollout does not overtake it.
func TestWhatARegionIsBornWithOnceMore(t *testing.T) {
	now := metav1.Now()
	for name, tc := range map[string]struct {
		progress v1alpha1.RegionProgress
		finished *metav1.Time
		app      string
		want     v1alpha1.GitRevision
	}{
		"before its turn":                  {progress: v1alpha1.RegionProgress{Region: "oslo"}, want: "old"},
		"at its turn":                      {progress: v1alpha1.RegionProgress{Region: "oslo", MovedAt: &now}, want: "rolled"},
		"after a rollout that it was left": {progress: v1alpha1.RegionProgress{Region: "oslo"}, finished: &now, want: "rolled"},
		"before its turn, with a new one":  {progress: v1alpha1.RegionProgress{Region: "oslo"}, app: "younger", want: "rolled"},
		"that it has no part in":           {progress: v1alpha1.RegionProgress{Region: "rome"}, want: "rolled"},
	} {
		t.Run(name, func(t *testing.T) {
			p := promotion("all", "spec")
			p.Status.Rollout = &v1alpha1.PromotionRollout{
				Revision: "rolled", Phase: v1alpha1.RolloutProgressing, FinishedAt: tc.finished,
				Waves: []v1alpha1.WaveStatus{{Regions: []v1alpha1.RegionProgress{tc.progress}}},
				Previous: []v1alpha1.PreviousPins{
					{Regions: []string{"oslo"}, Pins: []v1alpha1.RevisionOverride{{Application: "api", Revision: "old"}}},
				},
			}
			pin, ok := Pin([]v1alpha1.Promotion{p}, "production001", "oslo", cmp.Or(tc.app, "api"))
			g := NewWithT(t)
			g.Expect(ok).To(BeTrue())
			g.Expect(pin).To(Equal(tc.want))
		})
	}
}

// A region is born with what the fleet has, or goes to: never with what nobody accepted, or what failed.
func TestWhatARegionIsBornWith(t *testing.T) {
	previous := []v1alpha1.PreviousPins{
		{Regions: []string{"x"}, Pins: []v1alpha1.RevisionOverride{{Application: "api", Revision: "older"}}},
		{Regions: []string{"y", "z"}, Pins: []v1alpha1.RevisionOverride{{Application: "api", Revision: "old"}}},
		{Regions: []string{"1", "2", "3"}},
	}
	for name, tc := range map[string]struct {
		phase v1alpha1.RolloutPhase
		want  v1alpha1.GitRevision
	}{
		"nothing was rolled out yet": {"", "spec"},
		"on its way":                 {v1alpha1.RolloutProgressing, "rolled"},
		"rolled out":                 {v1alpha1.RolloutCompleted, "rolled"},
		"halted":                     {v1alpha1.RolloutHalted, "old"},
		"on its way back":            {v1alpha1.RolloutRollingBack, "old"},
		"rolled back":                {v1alpha1.RolloutRolledBack, "old"},
	} {
		t.Run(name, func(t *testing.T) {
			p := promotion("all", "spec")
			if tc.phase != "" {
				p.Status.Rollout = &v1alpha1.PromotionRollout{Revision: "rolled", Phase: tc.phase, Previous: previous}
			}
			pin, ok := Pin([]v1alpha1.Promotion{p}, "production001", "oslo", "api")
			g := NewWithT(t)
			g.Expect(ok).To(BeTrue())
			g.Expect(pin).To(Equal(tc.want))
		})
	}
}
