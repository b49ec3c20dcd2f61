package promotion

import (
	"slices"
	"strings"
	"time"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// planner works out one decision. It has no clock, no client and no memory but the rollout's.
type planner struct {
	world

	unasked []check // gates whose answers are not known
	asking  bool    // a gate has to be asked again and again

	until time.Time // the earliest moment at which time alone changes something
	// next is why the rollout that the spec asks for does not begin yet; nothing more of the one
	// before begins to move meanwhile.
	next *decision
}

// decide returns the one thing to do about the world as it is seen. A rollout goes region by
// region, and a wave begins when the one before has passed; a region that cannot be judged and
// has not begun to move holds up its wave's end, not the others in it.
func decide(w world) *decision {
	p := &planner{world: w}
	p.rollout = w.rollout.DeepCopy()
	p.part()
	p.note()
	d := p.first(p.supersede, p.resume, p.hurry, p.judge, p.recollect, p.keep, p.rollBack, p.confirm, p.finish, p.standBy, p.move, p.wait)
	d.rollout, d.unasked, d.asking = p.rollout, p.unasked, p.asking
	p.recheck(d.until)
	d.recheck = p.until
	return d
}

func (p *planner) first(rules ...func() *decision) *decision {
	for _, rule := range rules {
		if d := rule(); d != nil {
			return d
		}
	}
	return &decision{verb: hold}
}

// pins are those of the rollout.
func (p *planner) pins() plan.PinSet {
	return plan.PinSet{Revision: p.rollout.Revision, Overrides: p.rollout.Overrides}
}

// urgent tells whether the rollout is an emergency. One that the spec asks for next makes none of it, and has it go on
// as one only if it is one itself.
func (p *planner) urgent() bool {
	same := p.target.ID() == p.rollout.ID
	return p.policy.emergency() && (same || p.rollout.Urgency == v1alpha1.UrgencyEmergency)
}

func (p *planner) phase() v1alpha1.RolloutPhase { return p.rollout.Phase }

// failed tells that the rollout goes no further by itself.
func (p *planner) failed() bool {
	phase := p.phase()
	return phase == v1alpha1.RolloutHalted || phase == v1alpha1.RolloutRollingBack || phase == v1alpha1.RolloutRolledBack
}

// progress calls f with each region's.
func (p *planner) progress(f func(w *v1alpha1.WaveStatus, at *v1alpha1.RegionProgress)) {
	for i := range p.rollout.Waves {
		for j := range p.rollout.Waves[i].Regions {
			f(&p.rollout.Waves[i], &p.rollout.Waves[i].Regions[j])
		}
	}
}

// at returns the progress of a region, or nil if it came after the rollout began.
func (p *planner) at(region string) *v1alpha1.RegionProgress {
	var found *v1alpha1.RegionProgress
	p.progress(func(_ *v1alpha1.WaveStatus, at *v1alpha1.RegionProgress) {
		if at.Region == region {
			found = at
		}
	})
	return found
}

// supersede begins a rollout when the spec asks for something else than the last one was for:
// between regions, never inside one, unless it is on its way back or can get no further. Until
// it may begin, the one before is looked after. That there are other applications is no reason to
// try again what failed.
func (p *planner) supersede() *decision {
	if p.target.servedBy(p.rollout) || p.rollout != nil && p.target.ID() == p.rollout.ID && p.failed() {
		return nil
	}
	inside := p.inside()
	switch {
	case !p.anythingMoves():
		return p.begin()
	case p.unapproved != nil:
		p.next = (&decision{verb: hold}).by(p.unapproved)
	case p.closed != nil:
		p.next = (&decision{verb: hold}).by(p.closed)
		p.recheck(p.closed.until) // the one before may have more to say first
	case inside != nil:
		p.next = (&decision{verb: hold}).because(v1alpha1.ReasonRollingOut, "%s finishes the rollout of %.7s first: %s", inside.Region, p.rollout.Revision, inside.Message)
	default:
		return p.begin()
	}
	if p.rollout == nil {
		return p.next
	}
	return nil
}

// standBy waits until the rollout that the spec asks for may begin.
func (p *planner) standBy() *decision { return p.next }

func (p *planner) anythingMoves() bool {
	return slices.ContainsFunc(p.regions, func(r regionState) bool { return r.whole().mayLack(p.target.PinSet) })
}

// inside returns a region in which Argo CD is at work on the rollout before.
func (p *planner) inside() (inside *v1alpha1.RegionProgress) {
	if p.rollout == nil || p.policy.emergency() {
		return nil
	}
	p.progress(func(_ *v1alpha1.WaveStatus, at *v1alpha1.RegionProgress) {
		if at.State != v1alpha1.RegionRolloutMoving || at.HealthySince != nil || p.onItsWayBack(at.Region) {
			return
		}
		_, other := p.region(at.Region).healthy(p.pins())
		if other != nil && (other.verdict.Class == argocd.Pending || other.verdict.Class == argocd.Stale) {
			inside = at
		}
	})
	return inside
}

// onItsWayBack tells whether the spec asks for what the region had before.
func (p *planner) onItsWayBack(region string) bool {
	previous := p.previous(region)
	return !slices.ContainsFunc(p.region(region).apps, func(a appState) bool { return previous.Of(a.name) != p.target.Of(a.name) })
}

// resume goes on with a rollout that failed, when somebody asks for it. Who came meanwhile was born with what
// there was before, and takes a turn as well.
func (p *planner) resume() *decision {
	failed := p.phase() == v1alpha1.RolloutHalted || p.phase() == v1alpha1.RolloutRolledBack
	if p.retry == "" || p.retry == p.rollout.Retried || p.next != nil {
		return nil
	}
	p.rollout.Retried = p.retry
	if !failed {
		return &decision{verb: record}
	}
	p.rollout.Phase, p.rollout.Failure, p.rollout.FinishedAt = v1alpha1.RolloutProgressing, "", nil
	p.progress(func(w *v1alpha1.WaveStatus, at *v1alpha1.RegionProgress) {
		switch at.State {
		case v1alpha1.RegionRolloutFailed:
			at.State, at.MovedAt, at.UnhealthyAt, at.HealthySince, at.ConfirmAt = v1alpha1.RegionRolloutMoving, p.moment(), nil, nil, nil
		case v1alpha1.RegionRolloutRolledBack:
			*at = v1alpha1.RegionProgress{Region: at.Region, State: v1alpha1.RegionRolloutPending, Applications: at.Applications}
		default:
		}
		w.FinishedAt = nil
	})
	p.enlist()
	return (&decision{verb: record}).because(v1alpha1.ReasonRollingOut, "going on, as %s asks", v1alpha1.AnnotationRetry)
}

// hurry records that a rollout becomes an emergency, or that it is called off as one: what the spec asks for next
// must not make it one again.
func (p *planner) hurry() *decision {
	becomes := p.policy.emergency()
	if becomes == (p.rollout.Urgency == v1alpha1.UrgencyEmergency) || p.phase() != v1alpha1.RolloutProgressing || becomes && p.next != nil {
		return nil
	}
	p.rollout.Urgency = p.policy.urgency
	if !becomes { // its reason is history
		return (&decision{verb: record}).because(v1alpha1.ReasonRollingOut, "no emergency any more: waves, soak and windows hold")
	}
	p.rollout.Reason = p.policy.reason
	return (&decision{verb: record}).because(v1alpha1.ReasonRollingOut, "hurrying: %s", p.policy.reason)
}

// judge ends a rollout in which a region has failed.
func (p *planner) judge() *decision {
	if p.phase() != v1alpha1.RolloutProgressing {
		return nil
	}
	var failed []string
	p.progress(func(_ *v1alpha1.WaveStatus, at *v1alpha1.RegionProgress) {
		if at.State == v1alpha1.RegionRolloutFailed {
			failed = append(failed, at.Region+": "+at.Message)
		}
	})
	if len(failed) == 0 {
		return nil
	}
	p.rollout.Failure = clip(strings.Join(failed, "; "))
	if p.policy.rollback {
		p.rollout.Phase = v1alpha1.RolloutRollingBack
		return (&decision{verb: record}).because(v1alpha1.ReasonRollingBack, "%s", p.rollout.Failure)
	}
	return p.end(v1alpha1.RolloutHalted)
}

// end records how a rollout ended. A region that has passed may be unwell again: then, what it went to is proven when
// all are well.
func (p *planner) end(phase v1alpha1.RolloutPhase) *decision {
	p.rollout.Phase, p.rollout.FinishedAt = phase, p.moment()
	d := p.wait()
	d.verb, d.ended = record, p.recordOf(phase)
	if phase == v1alpha1.RolloutCompleted {
		d.proven = p.proven(p.hasPart)
	}
	return d
}

func (p *planner) recordOf(outcome v1alpha1.RolloutPhase) *v1alpha1.PromotionRecord {
	r := p.rollout
	message := r.Failure
	if message == "" {
		message = r.Reason
	}
	return &v1alpha1.PromotionRecord{
		ID: r.ID, Revision: r.Revision, Overrides: r.Overrides, Applications: r.Applications,
		StartedAt: r.StartedAt, FinishedAt: *p.moment(), Outcome: outcome,
		Urgency: r.Urgency, Message: message, ApprovedBy: r.ApprovedBy,
	}
}
