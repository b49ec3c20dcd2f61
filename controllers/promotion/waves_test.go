package promotion

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// fleetOf are regions by age, with their continent as a label: "eu-1" is in eu.
func fleetOf(names ...string) []*v1alpha1.Region {
	var regions []*v1alpha1.Region
	for age, name := range names {
		region := regionNamed(name, age)
		region.Labels = map[string]string{"continent": name[:2]}
		regions = append(regions, region)
	}
	return regions
}

func onContinent(names ...string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{
		{Key: "continent", Operator: metav1.LabelSelectorOpIn, Values: names},
	}}
}

// described reads as "name/limit: regions".
func described(waves []v1alpha1.WaveStatus) string {
	lines := make([]string, 0, len(waves))
	for _, w := range waves {
		line := fmt.Sprintf("%s/%d:", w.Name, w.MaxConcurrent)
		for _, at := range w.Regions {
			line += " " + at.Region
		}
		lines = append(lines, line)
	}
	return strings.Join(lines, "; ")
}

func TestWaves(t *testing.T) {
	canary := v1alpha1.PromotionWave{Name: "canary", Regions: []string{"us-1"}}
	for name, tc := range map[string]struct {
		regions []string
		waves   []v1alpha1.PromotionWave
		urgency v1alpha1.Urgency
		want    string
	}{
		"without any, one by one, the oldest first": {
			regions: []string{"us-1", "eu-1", "ap-1"}, want: "one by one/1: us-1 eu-1 ap-1",
		},
		"of no region": {waves: []v1alpha1.PromotionWave{canary}},
		"who is not selected comes last, one at a time": {
			regions: []string{"eu-1", "us-1", "ap-1"}, waves: []v1alpha1.PromotionWave{canary}, want: "canary/0: us-1; the rest/1: eu-1 ap-1",
		},
		"without a rest": {
			regions: []string{"eu-1", "us-1"},
			waves:   []v1alpha1.PromotionWave{canary, {Name: "europe", Selector: onContinent("eu"), MaxConcurrent: new(int32(3))}},
			want:    "canary/0: us-1; europe/3: eu-1",
		},
		"named regions move in the order in which they are named": {
			regions: []string{"eu-1", "us-1", "ap-1"},
			waves:   []v1alpha1.PromotionWave{{Name: "first", Regions: []string{"ap-1", "eu-1"}, MaxConcurrent: new(int32(1))}},
			want:    "first/1: ap-1 eu-1; the rest/1: us-1",
		},
		"selected regions move by age": {
			regions: []string{"eu-2", "us-1", "eu-1"},
			waves:   []v1alpha1.PromotionWave{{Name: "europe", Selector: onContinent("eu")}},
			want:    "europe/0: eu-2 eu-1; the rest/1: us-1",
		},
		"a region is in the first wave that has it": {
			regions: []string{"eu-1", "us-1"},
			waves: []v1alpha1.PromotionWave{
				{Name: "europe", Selector: onContinent("eu")}, {Name: "all", Selector: &metav1.LabelSelector{}}, {Name: "named", Regions: []string{"us-1"}},
			},
			want: "europe/0: eu-1; all/0: us-1",
		},
		"a wave of nobody is left out": {
			regions: []string{"us-1"},
			waves:   []v1alpha1.PromotionWave{{Name: "africa", Selector: onContinent("af")}, {Name: "gone", Regions: []string{"eu-9"}}, canary},
			want:    "canary/0: us-1",
		},
		"in an emergency they are the same": {
			regions: []string{"eu-1", "us-1"}, waves: []v1alpha1.PromotionWave{canary}, urgency: v1alpha1.UrgencyEmergency,
			want: "canary/0: us-1; the rest/1: eu-1",
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			regions := fleetOf(tc.regions...)
			waves, err := wavesOf(&v1alpha1.PromotionSpec{Waves: tc.waves, Urgency: tc.urgency}, regions)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(described(waves)).To(Equal(tc.want))
			for _, w := range waves {
				g.Expect(w.Regions).To(HaveEach(HaveField("State", v1alpha1.RegionRolloutPending)))
			}
			g.Expect(regions).To(HaveExactElements(fleetOf(tc.regions...)), "they are the caller's")
		})
	}
}

func TestAWaveThatSelectsByNonsense(t *testing.T) {
	g := NewWithT(t)
	spec := &v1alpha1.PromotionSpec{Waves: []v1alpha1.PromotionWave{
		{Name: "canary", Regions: []string{cast[0]}},
		{Name: "odd", Selector: &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Like"}}}},
	}}
	_, err := wavesOf(spec, fleetOf(cast[0]))
	g.Expect(err).To(MatchError(HavePrefix("spec.waves[1].selector: reading the selector: ")))

	th := newTheatre(t)
	p := promotionTo(good)
	p.Spec.Waves = spec.Waves
	th.set(t, p)
	p = th.pass(t, "all")
	valid := conditionOf(p, v1alpha1.PromotionValid)
	g.Expect(valid.Status).To(Equal(metav1.ConditionFalse))
	g.Expect(valid.Reason).To(Equal(v1alpha1.ReasonInvalidWave))
	g.Expect(p.Status.Rollout).To(BeNil())
	g.Expect(th.pins(t)).NotTo(ContainSubstring("@b"))
}

// Waves that a rollout never had come last, in the order of the spec; there is room for so many in a status.
func TestWavesOfRegionsThatCameSince(t *testing.T) {
	full := make([]v1alpha1.WaveStatus, mostWaves)
	for i := range full {
		full[i] = v1alpha1.WaveStatus{Name: fmt.Sprint(i)}
	}
	for name, tc := range map[string]struct {
		had, waves []v1alpha1.WaveStatus
		want       string
	}{
		"one that it has": {had: []v1alpha1.WaveStatus{waveOf("a", 2, fleetOf("eu-1"))}, waves: []v1alpha1.WaveStatus{waveOf("a", 0, fleetOf("us-1"))}, want: "a/2: eu-1 us-1"},
		"some that it does not have": {
			had:   []v1alpha1.WaveStatus{waveOf("a", 0, fleetOf("eu-1")), waveOf("the rest", 1, fleetOf("eu-2"))},
			waves: []v1alpha1.WaveStatus{waveOf("b", 3, fleetOf("us-1")), waveOf("the rest", 1, fleetOf("us-2")), waveOf("c", 0, fleetOf("us-3"))},
			want:  "a/0: eu-1; the rest/1: eu-2 us-2; b/3: us-1; c/0: us-3",
		},
		"it has none":               {waves: []v1alpha1.WaveStatus{waveOf("a", 2, fleetOf("us-1"))}, want: "a/2: us-1"},
		"there is no room for more": {had: full, waves: []v1alpha1.WaveStatus{waveOf("a", 0, fleetOf("us-1"))}, want: described(full[:mostWaves-1]) + "; 16/1: us-1"},
	} {
		t.Run(name, func(t *testing.T) {
			p := &planner{world: world{waves: tc.waves, rollout: &v1alpha1.PromotionRollout{Revision: good, Waves: slices.Clone(tc.had)}}}
			for _, w := range tc.waves {
				for _, at := range w.Regions {
					p.regions = append(p.regions, regionState{name: at.Region, apps: []appState{{name: "api", pinned: old}}})
				}
			}
			p.enlist()
			g := NewWithT(t)
			g.Expect(described(p.rollout.Waves)).To(Equal(tc.want))
			g.Expect(p.rollout).To(fitTheAPI())
		})
	}
}

func TestStrangersInWaves(t *testing.T) {
	spec := &v1alpha1.PromotionSpec{Waves: []v1alpha1.PromotionWave{
		{Name: "canary", Regions: []string{"us-9", "us-1"}}, {Name: "europe", Selector: onContinent("af")}, {Name: "asia", Regions: []string{"ap-9"}},
	}}
	g := NewWithT(t)
	g.Expect(strangers(spec, fleetOf("us-1", "eu-1"))).To(Equal([]string{"us-9", "ap-9"}))
	g.Expect(strangers(spec, fleetOf("us-1", "us-9", "ap-9"))).To(BeEmpty())
}
