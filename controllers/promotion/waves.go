package promotion

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// Names of waves that no spec names.
const (
	waveOneByOne = "one by one"
	waveRest     = "the rest"
	waveShared   = "all at once"
)

// mostWaves is how many a status holds: those of a spec, and the rest.
const mostWaves = 17

// wavesOf puts regions, which come by age, into the waves of a spec. Those that no wave selects
// come last, one at a time; where all read the same pins, there is one wave. An emergency has them too: one that fails may
// be tried again without a hurry.
func wavesOf(spec *v1alpha1.PromotionSpec, regions []*v1alpha1.Region) ([]v1alpha1.WaveStatus, error) {
	if shared(spec) {
		return nonEmpty(waveOf(waveShared, 0, regions)), nil
	}
	var waves []v1alpha1.WaveStatus
	left := slices.Clone(regions)
	for i := range spec.Waves {
		w := &spec.Waves[i]
		chosen, err := choose(w, left)
		if err != nil {
			return nil, fmt.Errorf("spec.waves[%d].selector: %w", i, err)
		}
		left = slices.DeleteFunc(left, func(r *v1alpha1.Region) bool { return slices.Contains(chosen, r) })
		var limit int32
		if w.MaxConcurrent != nil {
			limit = *w.MaxConcurrent
		}
		waves = append(waves, waveOf(w.Name, limit, chosen))
	}
	rest := waveOneByOne
	if len(spec.Waves) > 0 {
		rest = waveRest
	}
	return nonEmpty(append(waves, waveOf(rest, 1, left))...), nil
}

// shared tells whether all regions read the same pins, so that all move when they change.
func shared(spec *v1alpha1.PromotionSpec) bool {
	return spec.Delivery.Git != nil && spec.Delivery.Git.Shared()
}

// choose returns the regions of a wave in the order in which they move.
func choose(w *v1alpha1.PromotionWave, left []*v1alpha1.Region) ([]*v1alpha1.Region, error) {
	var chosen []*v1alpha1.Region
	if w.Selector == nil {
		for _, name := range w.Regions {
			if i := slices.IndexFunc(left, func(r *v1alpha1.Region) bool { return r.Name == name }); i >= 0 {
				chosen = append(chosen, left[i])
			}
		}
		return chosen, nil
	}
	selector, err := metav1.LabelSelectorAsSelector(w.Selector)
	if err != nil {
		return nil, fmt.Errorf("reading the selector: %w", err)
	}
	for _, r := range left {
		if selector.Matches(labels.Set(r.Labels)) {
			chosen = append(chosen, r)
		}
	}
	return chosen, nil
}

func waveOf(name string, limit int32, regions []*v1alpha1.Region) v1alpha1.WaveStatus {
	w := v1alpha1.WaveStatus{Name: name, MaxConcurrent: limit}
	for _, r := range regions {
		w.Regions = append(w.Regions, v1alpha1.RegionProgress{Region: r.Name, State: v1alpha1.RegionRolloutPending})
	}
	return w
}

func nonEmpty(waves ...v1alpha1.WaveStatus) []v1alpha1.WaveStatus {
	return slices.DeleteFunc(waves, func(w v1alpha1.WaveStatus) bool { return len(w.Regions) == 0 })
}

// enlist gives turns to regions that came after the rollout began, where it would change something: in the
// wave that would have them now.
func (p *planner) enlist() {
	for i := range p.waves {
		for _, at := range p.waves[i].Regions {
			r := p.region(at.Region)
			if p.at(at.Region) != nil || !r.mayLack(p.pins()) {
				continue
			}
			w := p.waveLike(&p.waves[i])
			w.Regions = append(w.Regions, at)
			p.notePrevious(at.Region, r.pins())
		}
	}
}

// waveLike is the rollout's wave of that name. One that it does not have, because it was of nobody, comes after
// all others; where there is no room for it, its regions move one at a time with the last one.
func (p *planner) waveLike(wanted *v1alpha1.WaveStatus) *v1alpha1.WaveStatus {
	i := slices.IndexFunc(p.rollout.Waves, func(w v1alpha1.WaveStatus) bool { return w.Name == wanted.Name })
	if i >= 0 {
		return &p.rollout.Waves[i]
	}
	if len(p.rollout.Waves) < mostWaves {
		p.rollout.Waves = append(p.rollout.Waves, v1alpha1.WaveStatus{Name: wanted.Name, MaxConcurrent: wanted.MaxConcurrent})
		return &p.rollout.Waves[len(p.rollout.Waves)-1]
	}
	last := &p.rollout.Waves[len(p.rollout.Waves)-1]
	last.MaxConcurrent = 1
	return last
}

// strangers are regions that waves name and that the environment does not have.
func strangers(spec *v1alpha1.PromotionSpec, regions []*v1alpha1.Region) []string {
	var names []string
	for _, w := range spec.Waves {
		for _, name := range w.Regions {
			if !slices.ContainsFunc(regions, func(r *v1alpha1.Region) bool { return r.Name == name }) {
				names = append(names, name)
			}
		}
	}
	return names
}
