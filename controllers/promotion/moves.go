package promotion

import (
	"fmt"
	"slices"
	"strings"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// begin records a rollout: who moves when, and what each region has before anything is written.
func (p *planner) begin() *decision {
	d := &decision{verb: begin}
	if p.rollout != nil && (p.phase() == v1alpha1.RolloutProgressing || p.phase() == v1alpha1.RolloutRollingBack) {
		d.ended = p.recordOf(v1alpha1.RolloutSuperseded)
	}
	r := &v1alpha1.PromotionRollout{
		ID: p.target.ID(), Revision: p.target.Revision, Overrides: p.target.Overrides, Applications: p.target.applications,
		Urgency: p.policy.urgency, Reason: p.policy.reason, ApprovedBy: p.approvedBy,
		StartedAt: *p.moment(), Phase: v1alpha1.RolloutProgressing, Retried: p.retry, Waves: p.waves,
	}
	for i := range p.regions {
		region := &p.regions[i]
		before, left := p.before(region)
		r.Previous = addPrevious(r.Previous, region.name, before)
		if left {
			r.LeftInside = append(r.LeftInside, region.name)
		}
	}
	p.rollout = r
	p.progress(func(_ *v1alpha1.WaveStatus, at *v1alpha1.RegionProgress) { p.adopt(at) })
	return d.because(v1alpha1.ReasonRollingOut, "beginning with %.7s", r.Revision)
}

// adopt takes a region as moved that has its pins already and is healthy with them: nothing of it
// would change.
func (p *planner) adopt(at *v1alpha1.RegionProgress) {
	at.State = v1alpha1.RegionRolloutPending
	r := p.region(at.Region)
	if _, other := r.healthy(p.pins()); r.unknown == "" && other == nil {
		at.State, at.MovedAt, at.PassedAt = v1alpha1.RegionRolloutPassed, p.moment(), p.moment()
	}
}

// before are the pins to which a region would go back: what it has, or, where the rollout before
// was never found to be good there and left it inside, what it had before that one.
func (p *planner) before(r *regionState) (pins []v1alpha1.RevisionOverride, left bool) {
	if p.rollout != nil && p.phase() != v1alpha1.RolloutCompleted {
		at := p.at(r.name)
		moved := at != nil && at.MovedAt != nil && at.State != v1alpha1.RegionRolloutPassed && at.State != v1alpha1.RegionRolloutRolledBack
		if moved || slices.Contains(p.rollout.LeftInside, r.name) && at != nil && at.MovedAt == nil {
			return p.previous(r.name).Overrides, true
		}
	}
	return r.pins(), false
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
			p.rollout.Previous = addPrevious(withoutPrevious(p.rollout.Previous, at.Region), at.Region, before)
			names = append(names, at.Region)
		}
	})
	if len(names) == 0 {
		return nil
	}
	return (&decision{verb: record}).because(v1alpha1.ReasonRollingOut, "noting what %s had", strings.Join(names, ", "))
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

// rollBack puts the previous pins back, those of the last region first. Nobody's health is
// waited for on the way.
func (p *planner) rollBack() *decision {
	if p.phase() != v1alpha1.RolloutRollingBack {
		return nil
	}
	if p.closed != nil && p.closed.reason == v1alpha1.ReasonPaused {
		return (&decision{verb: hold}).by(p.closed)
	}
	d := &decision{verb: write}
	var unknown *regionState
	p.progress(func(_ *v1alpha1.WaveStatus, at *v1alpha1.RegionProgress) {
		r := p.region(at.Region)
		switch previous := p.previous(at.Region); {
		case r.has(previous):
		case r.unknown != "":
			unknown = r
		default:
			d.writes = append(d.writes, pinning{r, previous})
		}
	})
	if len(d.writes) > 0 {
		slices.Reverse(d.writes)
		return d.because(v1alpha1.ReasonRollingBack, "putting back what %s had before", namesOf(d.writes))
	}
	if unknown != nil {
		return (&decision{verb: hold}).because(v1alpha1.ReasonRegionUnknown, "%s: %s; until then it does not get back what it had", unknown.name, unknown.unknown)
	}
	p.progress(func(_ *v1alpha1.WaveStatus, at *v1alpha1.RegionProgress) {
		if at.MovedAt != nil {
			at.State, at.ConfirmAt, at.HealthySince, at.PassedAt = v1alpha1.RegionRolloutRolledBack, nil, nil, nil
		}
	})
	return p.end(v1alpha1.RolloutRolledBack)
}

func namesOf(writes []pinning) string {
	names := make([]string, len(writes))
	for i, w := range writes {
		names[i] = w.region.name
	}
	const most = 10
	if len(names) > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

// confirm asks Argo CD to compare once more what is healthy in its eyes: only a comparison that
// saw the question knew the new pins.
func (p *planner) confirm() *decision {
	if p.phase() != v1alpha1.RolloutProgressing {
		return nil
	}
	d := &decision{verb: confirm}
	p.progress(func(_ *v1alpha1.WaveStatus, at *v1alpha1.RegionProgress) {
		if at.State == v1alpha1.RegionRolloutMoving && at.HealthySince != nil && at.ConfirmAt == nil {
			at.ConfirmAt = p.moment()
			d.confirm = append(d.confirm, at.Region)
		}
	})
	if len(d.confirm) == 0 {
		return nil
	}
	return d.because(v1alpha1.ReasonRollingOut, "asking Argo CD to confirm the health of %s", strings.Join(d.confirm, ", "))
}

// move lets regions of the current wave begin, as many as may.
func (p *planner) move() *decision {
	wave := p.wave()
	if p.phase() != v1alpha1.RolloutProgressing || wave == nil {
		return nil
	}
	next := p.turns()
	if len(next) == 0 {
		return nil
	}
	if p.closed != nil {
		return (&decision{verb: hold}).by(p.closed)
	}
	d := &decision{verb: write}
	for _, at := range next {
		at.State, at.MovedAt, at.Reason, at.Message = v1alpha1.RegionRolloutMoving, p.moment(), "", ""
		d.writes = append(d.writes, pinning{p.region(at.Region), p.pins()})
	}
	for i := range p.rollout.Waves {
		if w := &p.rollout.Waves[i]; w.StartedAt == nil && slices.ContainsFunc(w.Regions, func(r v1alpha1.RegionProgress) bool { return r.MovedAt != nil }) {
			w.StartedAt = p.moment()
		}
	}
	return d.because(v1alpha1.ReasonRollingOut, "moving %s", namesOf(d.writes))
}

// wave is the first that has not passed.
func (p *planner) wave() *v1alpha1.WaveStatus {
	for i := range p.rollout.Waves {
		if w := &p.rollout.Waves[i]; !passed(w) {
			return w
		}
	}
	return nil
}

// turns are the regions that may begin now: those of the current wave as far as its limit
// goes, in an emergency all.
func (p *planner) turns() []*v1alpha1.RegionProgress {
	var next []*v1alpha1.RegionProgress
	current := p.wave()
	p.progress(func(w *v1alpha1.WaveStatus, at *v1alpha1.RegionProgress) {
		if at.State == v1alpha1.RegionRolloutPending && (w == current || p.policy.emergency()) {
			next = append(next, at)
		}
	})
	if current.MaxConcurrent == 0 || p.policy.emergency() {
		return next
	}
	free := int(current.MaxConcurrent)
	for _, at := range current.Regions {
		if at.MovedAt != nil && at.State != v1alpha1.RegionRolloutPassed {
			free--
		}
	}
	return next[:max(0, min(free, len(next)))]
}

// finish ends a rollout whose regions have all passed.
func (p *planner) finish() *decision {
	if p.phase() != v1alpha1.RolloutProgressing || p.wave() != nil {
		return nil
	}
	return p.end(v1alpha1.RolloutCompleted)
}

// wait says what everything waits for.
func (p *planner) wait() *decision {
	d := &decision{verb: hold}
	switch p.phase() {
	case v1alpha1.RolloutHalted:
		d.stuck = true
		return d.because(v1alpha1.ReasonRolloutFailed,
			"%s. Everything stays as it is: change spec.revision, or go on with kubectl annotate promotion %s=<a new value>", p.rollout.Failure, v1alpha1.AnnotationRetry)
	case v1alpha1.RolloutRolledBack:
		d.stuck = true
		return d.because(v1alpha1.ReasonRolledBack,
			"%s. The previous revisions are back, and %.7s is not tried again: change spec.revision, or try again with kubectl annotate promotion %s=<a new value>",
			p.rollout.Failure, p.rollout.Revision, v1alpha1.AnnotationRetry)
	case v1alpha1.RolloutCompleted:
		return p.settledIn(d)
	default:
		return p.onItsWay(d)
	}
}

// onItsWay says what the regions wait for that have begun to move, or else those that are held.
func (p *planner) onItsWay(d *decision) *decision {
	var waits, unknown string
	p.progress(func(_ *v1alpha1.WaveStatus, at *v1alpha1.RegionProgress) {
		text := at.Region + ": " + at.Message
		switch {
		case at.State == v1alpha1.RegionRolloutHeld && unknown == "":
			unknown = text
		case (at.State == v1alpha1.RegionRolloutMoving || at.State == v1alpha1.RegionRolloutSoaking) && waits == "":
			d.reason, waits = at.Reason, text
		}
	})
	switch {
	case waits == "":
		return d.because(v1alpha1.ReasonRegionUnknown, "%s", unknown)
	case d.reason == v1alpha1.ReasonSoaking || d.reason == v1alpha1.ReasonNotConverged || d.reason == v1alpha1.ReasonGateWaiting:
		return d.because(d.reason, "%s", waits)
	default:
		return d.because(v1alpha1.ReasonRollingOut, "%s", waits)
	}
}

// settledIn says which region is not healthy any more, or not yet, after a rollout.
func (p *planner) settledIn(d *decision) *decision {
	for i := range p.regions {
		r := &p.regions[i]
		if _, other := r.healthy(p.pins()); other != nil {
			return d.because(v1alpha1.ReasonApplicationsNotHealthy, "%s: %s", r.name, other.describe())
		}
	}
	return d
}
