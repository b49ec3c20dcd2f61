package promotion

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/plan"
)

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
		case r.unseen && at.MovedAt != nil, !r.writable() && !r.has(previous):
			unknown = r
		case r.has(previous):
		default:
			d.writes = append(d.writes, pinning{region: r, pins: previous})
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
		d.writes = append(d.writes, pinning{region: p.region(at.Region), pins: p.pins()})
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
		if at.State == v1alpha1.RegionRolloutPending && (w == current || p.urgent()) {
			next = append(next, at)
		}
	})
	if current.MaxConcurrent == 0 || p.urgent() {
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
			"%s. Everything stays as it is: change spec.revision, or go on with kubectl annotate promotion %s=<a new value>%s",
			p.rollout.Failure, v1alpha1.AnnotationRetry, p.exceptions())
	case v1alpha1.RolloutRolledBack:
		d.stuck = true
		return d.because(v1alpha1.ReasonRolledBack,
			"%s. %s, and %.7s is not tried again: change spec.revision, or try again with kubectl annotate promotion %s=<a new value>%s",
			p.rollout.Failure, p.back(), p.rollout.Revision, v1alpha1.AnnotationRetry, p.exceptions())
	case v1alpha1.RolloutCompleted:
		return p.settledIn(d)
	default:
		return p.onItsWay(d)
	}
}

// back says what a rollback has come to: where nothing was recorded of what there was, nothing is put back.
func (p *planner) back() string {
	var kept []string
	p.progress(func(_ *v1alpha1.WaveStatus, at *v1alpha1.RegionProgress) {
		r := p.region(at.Region)
		switch apps := p.keptIn(r); len(apps) {
		case 0:
		case len(r.apps):
			kept = append(kept, r.name)
		default:
			kept = append(kept, strings.Join(clipped(apps), " and ")+" of "+r.name)
		}
	})
	if len(kept) == 0 {
		return "The previous revisions are back"
	}
	return fmt.Sprintf("Nothing is known of what %s had before, so that the pins there stay; elsewhere the previous revisions are back", strings.Join(clipped(kept), ", "))
}

// keptIn are the applications of a region that keep the rollout's revision because nobody knows another one. What
// other regions had before as well need not go back.
func (p *planner) keptIn(r *regionState) []string {
	var names []string
	for _, a := range r.apps {
		if p.previous(r.name).Of(a.name) == "" && a.pinned == p.pins().Of(a.name) && !p.hadBefore(a) {
			names = append(names, a.name)
		}
	}
	return names
}

// hadBefore tells whether some region had the application's revision before the rollout.
func (p *planner) hadBefore(a appState) bool {
	return slices.ContainsFunc(p.rollout.Previous, func(group v1alpha1.PreviousPins) bool {
		return (plan.PinSet{Overrides: group.Pins}).Of(a.name) == a.pinned
	})
}

// exceptions says which regions are not given what the others have, and why the first of them is not.
func (p *planner) exceptions() string {
	names := slices.Sorted(maps.Keys(p.withheld))
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf(". What the others have is not written to %s: %s", strings.Join(clipped(names), ", "), clip(p.withheld[names[0]]))
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

// proven are the applications of some regions, if all of these that can be judged are healthy: of no
// region, nothing is proven.
func (p *planner) proven(in func(*regionState) bool) []string {
	var names []string
	for i := range p.regions {
		r := &p.regions[i]
		if r.unknown != "" || !in(r) {
			continue
		}
		if _, other := r.healthy(p.pins()); other != nil {
			return nil
		}
		for _, a := range r.apps {
			names = append(names, a.name)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// settledIn says which region is not healthy any more, or not yet, after a rollout. If that is one that
// the rollout did not go to, or that cannot be judged, what is proven does not wait for it.
func (p *planner) settledIn(d *decision) *decision {
	for i := range p.regions {
		r := &p.regions[i]
		if _, other := r.healthy(p.pins()); other != nil {
			d.proven = p.proven(p.hasPart)
			return d.because(v1alpha1.ReasonApplicationsNotHealthy, "%s: %s", r.name, other.describe())
		}
	}
	d.proven = p.proven(func(*regionState) bool { return true })
	return d
}

// hasPart tells whether the rollout goes to the region.
func (p *planner) hasPart(r *regionState) bool { return p.at(r.name) != nil }
