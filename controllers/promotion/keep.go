package promotion

import (
	"slices"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// keep writes pins again that somebody took away: what has moved keeps the new ones, what waits
// keeps the previous ones, and who came later has what it was born with. Applications that the rollout
// does not move keep what another Promotion gave them. What a region never had, it gets with its files only.
func (p *planner) keep() *decision {
	d := &decision{verb: write, again: true}
	for i := range p.regions {
		r := &p.regions[i]
		if !r.writable() || p.tried[r.name] {
			continue
		}
		if want := p.owed(r); !r.has(want) {
			d.writes = append(d.writes, pinning{r, want, p.failed() && p.at(r.name) == nil && !p.policy.shared})
		}
		if r := p.unpinned(r); len(r.apps) > 0 {
			d.writes = append(d.writes, pinning{r, plan.Accepted(p.rollout), true})
		}
	}
	d.writes = slices.DeleteFunc(d.writes, func(w pinning) bool { return w.fresh && p.withheld[w.region.name] != "" })
	if len(d.writes) == 0 {
		return nil
	}
	return d.because(v1alpha1.ReasonRollingOut, "writing pins again that were changed")
}

// owed are the pins that a region should have as far as the rollout has come. While a region
// waits for its turn, a pin of the rollout's is as good: writing it may have been interrupted. So it
// is in a region that was born with it before the rollout was halted.
func (p *planner) owed(r *regionState) plan.PinSet {
	at := p.at(r.name)
	switch {
	case p.phase() == v1alpha1.RolloutRollingBack: // on their way
		return plan.PinSet{}
	case at == nil && p.policy.shared:
		return p.bornAmong(r)
	case at == nil:
		return p.unless(r, p.born(r))
	case at.MovedAt != nil && at.State != v1alpha1.RegionRolloutRolledBack:
		return p.pins()
	case slices.Contains(p.rollout.LeftInside, r.name) && at.MovedAt == nil: // until its turn
		return plan.PinSet{}
	}
	return p.unless(r, p.previous(r.name))
}

// unpinned are the applications that came after the rollout ended and that nobody has pinned, where no rollout
// will: after one that failed. Otherwise they wait for their turn, as everything does that is new.
func (p *planner) unpinned(r *regionState) *regionState {
	unpinned := &regionState{name: r.name}
	for _, a := range r.others {
		if a.pinned == "" && p.next == nil && slices.Contains(p.target.in[r.name], a.name) {
			unpinned.apps = append(unpinned.apps, a)
		}
	}
	return unpinned
}

// unless leaves out what already has the rollout's revision, as long as that is not to go away.
func (p *planner) unless(r *regionState, pins plan.PinSet) plan.PinSet {
	back := p.phase() == v1alpha1.RolloutRolledBack
	return plan.PinSet{Overrides: slices.DeleteFunc(slices.Clone(pins.Overrides), func(o v1alpha1.RevisionOverride) bool {
		return !back && r.pinOf(o.Application) == p.pins().Of(o.Application)
	})}
}

// born are the pins of a region that came after the rollout began.
func (p *planner) born(r *regionState) plan.PinSet {
	var pins plan.PinSet
	for _, a := range r.apps {
		pins.Overrides = append(pins.Overrides, v1alpha1.RevisionOverride{Application: a.name, Revision: plan.BornWith(p.rollout, a.name)})
	}
	return pins
}

// bornAmong are the pins of a region that came after the rollout began and reads the files of all: those
// that the others have, lest it moves them, and where nobody reads the file yet, its own.
func (p *planner) bornAmong(r *regionState) plan.PinSet {
	pins := p.born(r)
	for i, pin := range pins.Overrides {
		if has := r.pinOf(pin.Application); has != "" && p.reads(pin.Application) {
			pins.Overrides[i].Revision = has
		}
	}
	return pins
}

// reads tells whether the rollout goes to a region that runs the application.
func (p *planner) reads(application string) bool {
	return slices.ContainsFunc(p.regions, func(r regionState) bool {
		return p.at(r.name) != nil && slices.Contains(applicationsIn(p.rollout, r.name), application)
	})
}

func (r *regionState) pinOf(application string) v1alpha1.GitRevision {
	for _, a := range r.apps {
		if a.name == application {
			return a.pinned
		}
	}
	return ""
}
