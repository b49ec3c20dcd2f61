package promotion

import (
	"slices"
	"strings"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// begin records a rollout: who moves when, and what each region has before anything is written.
func (p *planner) begin() *decision {
	d := &decision{verb: begin}
	if p.rollout != nil && !p.sameAgain() && (p.phase() == v1alpha1.RolloutProgressing || p.phase() == v1alpha1.RolloutRollingBack) {
		d.ended = p.recordOf(v1alpha1.RolloutSuperseded)
	}
	r := &v1alpha1.PromotionRollout{
		ID: p.target.ID(), Revision: p.target.Revision, Overrides: p.target.Overrides, Applications: p.target.applications,
		Urgency: p.policy.urgency, Reason: p.policy.reason, ApprovedBy: p.approvedBy,
		StartedAt: *p.moment(), Phase: v1alpha1.RolloutProgressing, Retried: p.retry, Waves: p.waves,
	}
	for i := range p.regions {
		region := &p.regions[i]
		if applications, known := p.target.in[region.name]; known {
			r.ApplicationsIn = addPart(r.ApplicationsIn, region.name, applications)
		}
		before, left := p.before(region)
		r.Previous = addPrevious(r.Previous, region.name, p.butBornWith(region, region.withOthers(before)))
		if left {
			r.LeftInside = append(r.LeftInside, region.name)
		}
	}
	var begun map[string]*v1alpha1.RegionProgress
	if p.sameAgain() {
		begun = progressIn(p.rollout)
		r.StartedAt, r.ApprovedBy, r.Retried = p.rollout.StartedAt, p.rollout.ApprovedBy, p.rollout.Retried
	}
	p.rollout = r
	p.part()
	p.progress(func(_ *v1alpha1.WaveStatus, at *v1alpha1.RegionProgress) { p.start(at, begun[at.Region]) })
	return d.because(v1alpha1.ReasonRollingOut, "beginning with %.7s", r.Revision)
}

// sameAgain tells that a rollout goes on, with other applications.
func (p *planner) sameAgain() bool {
	return p.rollout != nil && p.rollout.ID == p.target.ID() && p.phase() == v1alpha1.RolloutProgressing
}

// start puts a region where the rollout finds it; was is how far it had come, of one that goes on. What the
// rollout before left inside takes its turn even if it has its pins: nobody has found it to be good.
func (p *planner) start(at, was *v1alpha1.RegionProgress) {
	hasPassed := was != nil && was.State == v1alpha1.RegionRolloutPassed
	switch {
	case was != nil && was.MovedAt != nil && !hasPassed:
		*at = *was // it goes on with its soak and its gates
	case hasPassed || !slices.Contains(p.rollout.LeftInside, at.Region):
		p.adopt(at)
	}
}

// adopt takes a region as moved that has its pins already and is healthy with them: nothing of it
// would change.
func (p *planner) adopt(at *v1alpha1.RegionProgress) {
	r := p.region(at.Region)
	if _, other := r.healthy(p.pins()); r.unknown == "" && other == nil {
		at.State, at.MovedAt, at.PassedAt = v1alpha1.RegionRolloutPassed, p.moment(), p.moment()
	}
}

// before are the pins to which a region would go back: what it has, or, where the rollout before
// was never found to be good there and left it inside, what it had before that one.
func (p *planner) before(r *regionState) (pins []v1alpha1.RevisionOverride, left bool) {
	var at *v1alpha1.RegionProgress
	if p.rollout != nil && p.phase() != v1alpha1.RolloutCompleted {
		at = p.at(r.name)
	}
	switch {
	case at == nil:
		return r.pins(), false
	case p.sameAgain():
		return p.recorded(r), p.stays(at)
	case at.State == v1alpha1.RegionRolloutPassed || p.isBack(at, r):
		return r.pins(), false
	case at.MovedAt != nil || p.stays(at) || p.interrupted(r):
		return p.recorded(r), true
	case r.unseen:
		return p.recorded(r), false
	default:
		return r.pins(), false
	}
}

// butBornWith leaves out what a region that had no turn may have been born with because of the rollout that begins
// again.
func (p *planner) butBornWith(r *regionState, pins []v1alpha1.RevisionOverride) []v1alpha1.RevisionOverride {
	if !p.sameAgain() || p.at(r.name) != nil {
		return pins
	}
	own := p.pins()
	return slices.DeleteFunc(pins, func(o v1alpha1.RevisionOverride) bool { return o.Revision == own.Of(o.Application) })
}

// stays tells whether what the rollout before left inside a region is not found to be good yet.
func (p *planner) stays(at *v1alpha1.RegionProgress) bool {
	return slices.Contains(p.rollout.LeftInside, at.Region) && at.State != v1alpha1.RegionRolloutPassed
}

// isBack tells whether a rollback has come to its end in a region: also while another one still holds it up.
func (p *planner) isBack(at *v1alpha1.RegionProgress, r *regionState) bool {
	if p.phase() != v1alpha1.RolloutRollingBack || r.unknown != "" {
		return at.State == v1alpha1.RegionRolloutRolledBack
	}
	previous := p.previous(r.name)
	return !slices.ContainsFunc(r.apps, func(a appState) bool { return a.untold || a.pinned != previous.Of(a.name) })
}

// interrupted tells whether a region that waits for its turn has a pin of the rollout's already: that it began to
// move was never recorded.
func (p *planner) interrupted(r *regionState) bool {
	previous, own := p.previous(r.name), p.pins()
	return slices.ContainsFunc(r.apps, func(a appState) bool {
		before := previous.Of(a.name)
		return before != "" && before != a.pinned && a.pinned == own.Of(a.name)
	})
}

// recorded are the pins from before the rollout, but of applications that another Promotion has
// pinned since: when they return, what it gave them is what there was before.
func (p *planner) recorded(r *regionState) []v1alpha1.RevisionOverride {
	own := p.pins()
	return slices.DeleteFunc(slices.Clone(p.previous(r.name).Overrides), func(o v1alpha1.RevisionOverride) bool {
		return slices.ContainsFunc(r.others, func(a appState) bool {
			return a.name == o.Application && a.pinned != "" && a.pinned != own.Of(a.name)
		})
	})
}

// withOthers adds what applications have that the rollout before did not move.
func (r *regionState) withOthers(pins []v1alpha1.RevisionOverride) []v1alpha1.RevisionOverride {
	for _, o := range (&regionState{apps: r.others}).pins() {
		if (plan.PinSet{Overrides: pins}).Of(o.Application) == "" {
			pins = append(pins, o)
		}
	}
	return pins
}

// recollect records what regions have that could not be asked when the rollout began: before they
// move, so that there is something to go back to. A pin of the rollout's own is nothing that they
// had: writing it may have been interrupted.
func (p *planner) recollect() *decision {
	if p.phase() != v1alpha1.RolloutProgressing {
		return nil
	}
	var names []string
	p.progress(func(_ *v1alpha1.WaveStatus, at *v1alpha1.RegionProgress) {
		r := p.region(at.Region)
		if at.MovedAt != nil || r.unknown != "" || len(p.previous(at.Region).Overrides) > 0 {
			return
		}
		if before := p.unless(r, plan.PinSet{Overrides: r.pins()}).Overrides; len(before) > 0 {
			p.notePrevious(at.Region, before)
			names = append(names, at.Region)
		}
	})
	if len(names) == 0 {
		return nil
	}
	return (&decision{verb: record}).because(v1alpha1.ReasonRollingOut, "noting what %s had", strings.Join(names, ", "))
}

func (p *planner) notePrevious(region string, pins []v1alpha1.RevisionOverride) {
	p.rollout.Previous = addPrevious(withoutPrevious(p.rollout.Previous, region), region, pins)
}

func withoutPrevious(groups []v1alpha1.PreviousPins, region string) []v1alpha1.PreviousPins {
	for i := range groups {
		groups[i].Regions = slices.DeleteFunc(groups[i].Regions, func(name string) bool { return name == region })
	}
	return slices.DeleteFunc(groups, func(g v1alpha1.PreviousPins) bool { return len(g.Regions) == 0 })
}

// addPrevious keeps regions with the same pins together.
func addPrevious(groups []v1alpha1.PreviousPins, region string, pins []v1alpha1.RevisionOverride) []v1alpha1.PreviousPins {
	for i := range groups {
		if slices.Equal(groups[i].Pins, pins) {
			groups[i].Regions = append(groups[i].Regions, region)
			return groups
		}
	}
	return append(groups, v1alpha1.PreviousPins{Regions: []string{region}, Pins: pins})
}
