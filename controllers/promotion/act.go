package promotion

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// atOnce is when an object is looked at again after something was done: nothing announces that
// the status was written.
const atOnce = time.Millisecond

// rollOut does the one thing that the planner asks for.
func (r *Reconciler) rollOut(ctx context.Context, s *scope) error {
	switch {
	case s.environment == nil, len(s.conflicts) > 0, !s.accepted && s.promotion.Status.Rollout == nil:
		return step.Blocked(v1alpha1.PromotionValid)
	}
	d, err := r.carryOut(ctx, s)
	if err != nil { // the other regions wait no longer for that
		return step.Within(r.due(s, d), err)
	}
	if d.verb == hold { // git may be slow, and nothing that is to be done waits for it
		r.tell(ctx, s)
	}
	return r.outcome(s, d)
}

// carryOut does what the planner asks for. Pins that cannot be put right hold up nothing else: they would
// for as long as that lasts.
func (r *Reconciler) carryOut(ctx context.Context, s *scope) (*decision, error) {
	d, err := r.decideAndAct(ctx, s)
	if err == nil || !d.again {
		return d, err
	}
	s.world.tried = map[string]bool{}
	for _, w := range d.writes {
		s.world.tried[w.region.name] = true
	}
	d, again := r.decideAndAct(ctx, s)
	if again == nil && d.verb != hold {
		err = step.Within(atOnce, err)
	}
	return d, err
}

func (r *Reconciler) decideAndAct(ctx context.Context, s *scope) (*decision, error) {
	d := decide(s.world)
	if len(d.unasked) > 0 {
		r.ask(ctx, s, d)
		d = decide(s.world)
	}
	if r.withhold(ctx, s, d) {
		d = decide(s.world)
	}
	s.decision = d
	missed, err := r.act(ctx, s, d)
	if err != nil {
		d.forget(missed, s.progress)
	}
	return d, err
}

// act returns the first failure, and in which regions there was one.
func (r *Reconciler) act(ctx context.Context, s *scope, d *decision) (missed map[string]bool, err error) {
	switch d.verb {
	case write:
		return r.deliver(ctx, s, d)
	case confirm:
		return r.confirm(ctx, s, d)
	case hold, begin, record:
	}
	return nil, nil
}

func (r *Reconciler) confirm(ctx context.Context, s *scope, d *decision) (missed map[string]bool, err error) {
	missed = map[string]bool{}
	for _, name := range d.confirm {
		for _, app := range s.world.region(name).apps {
			if !slices.Contains(applicationsIn(d.rollout, name), app.name) {
				continue // the rollout does not wait for it, and it may have no Application yet
			}
			if failure := r.ArgoCD.Refresh(ctx, s.found[name][app.name], false); failure != nil {
				missed[name], err = true, cmp.Or(err, failure)
			}
		}
	}
	return missed, err
}

// forget puts regions in which the decision could not be carried out back to where they were. What
// became of the others is remembered.
func (d *decision) forget(missed map[string]bool, before map[string]*v1alpha1.RegionProgress) {
	for i := range d.rollout.Waves {
		w := &d.rollout.Waves[i]
		begun := false
		for j := range w.Regions {
			at := &w.Regions[j]
			if was := before[at.Region]; missed[at.Region] && was != nil {
				was.DeepCopyInto(at)
			}
			begun = begun || at.MovedAt != nil
		}
		if !begun {
			w.StartedAt = nil
		}
	}
}

// pace is after which time time alone, or what nobody announces, has something new for a decision.
func (r *Reconciler) pace(s *scope, d *decision) time.Duration {
	after := r.due(s, d)
	if s.promotion.Spec.Track != nil {
		after = min(after, r.Poll)
	}
	return after
}

// due is pace without the branch that the spec may follow.
func (r *Reconciler) due(s *scope, d *decision) time.Duration {
	after := r.Resync
	if d.asking || s.unread != "" {
		after = r.Poll
	}
	if s.withheldFor > 0 {
		after = min(after, s.withheldFor)
	}
	if !d.recheck.IsZero() {
		after = min(after, max(atOnce, d.recheck.Sub(s.world.now)))
	}
	return after
}

// outcome is what the condition RolledOut says of a decision.
func (r *Reconciler) outcome(s *scope, d *decision) error {
	after := r.pace(s, d)
	switch {
	case d.verb != hold:
		return step.Poll(atOnce, d.reasonOr(v1alpha1.ReasonRollingOut), "%s", d.message)
	case d.settled():
		return step.DoneUntil(after)
	case d.stuck:
		return step.Stuck(after, d.reason, "%s", d.message)
	default:
		return step.Poll(after, d.reason, "%s", d.message)
	}
}

// first is the first of them that there is: users are told one thing after the other.
func first(failures ...error) error {
	i := slices.IndexFunc(failures, func(err error) bool { return err != nil })
	if i < 0 {
		return nil
	}
	return failures[i]
}
