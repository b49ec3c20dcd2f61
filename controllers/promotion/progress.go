package promotion

import (
	"fmt"
	"slices"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// note takes down what has become of the regions of the rollout. Those that are gone, or are
// being deleted, have no part in it any more.
func (p *planner) note() {
	if p.rollout == nil {
		return
	}
	for i := range p.rollout.Waves {
		w := &p.rollout.Waves[i]
		w.Regions = slices.DeleteFunc(w.Regions, func(r v1alpha1.RegionProgress) bool { return p.region(r.Region) == nil })
		for j := range w.Regions {
			p.noteRegion(&w.Regions[j])
		}
		if w.FinishedAt == nil && w.StartedAt != nil && passed(w) {
			w.FinishedAt = p.moment()
		}
	}
	p.noteNewcomers()
}

func passed(w *v1alpha1.WaveStatus) bool {
	return !slices.ContainsFunc(w.Regions, func(r v1alpha1.RegionProgress) bool { return r.State != v1alpha1.RegionRolloutPassed })
}

func (p *planner) moment() *metav1.Time {
	now := metav1.NewTime(p.now)
	return &now
}

func (p *planner) noteRegion(at *v1alpha1.RegionProgress) {
	r := p.region(at.Region)
	var other *appState
	if at.Healthy, other = r.healthy(p.pins()); !r.unseen {
		at.Applications = int32(len(r.apps))
	}
	switch at.State {
	case v1alpha1.RegionRolloutFailed, v1alpha1.RegionRolloutRolledBack:
	case v1alpha1.RegionRolloutPassed:
		if p.phase() == v1alpha1.RolloutProgressing && r.unknown == "" && other != nil && other.bad() {
			p.failf(at, "%s", other.describe())
		}
	case v1alpha1.RegionRolloutPending:
		at.Reason, at.Message = "", ""
		if p.waitsFor(at, r) {
			at.State, at.Reason, at.Message = v1alpha1.RegionRolloutHeld, v1alpha1.ReasonRegionUnknown, clip(r.unknown)
		}
	default:
		p.noteMoving(at, r, other)
	}
	p.noteApplications(at, r)
}

// mostWaiting applications of a region are listed.
const mostWaiting = 8

// noteApplications lists the applications that a region which moves waits for, and until when it
// may. Of one that failed, what it failed for stays.
func (p *planner) noteApplications(at *v1alpha1.RegionProgress, r *regionState) {
	switch at.State {
	case v1alpha1.RegionRolloutFailed:
		if at.Deadline = nil; len(at.Waiting) > 0 {
			return
		}
	case v1alpha1.RegionRolloutMoving:
		at.Deadline = new(metav1.NewTime(p.deadline(at)))
	default:
		at.Waiting, at.Deadline = nil, nil
		return
	}
	at.Waiting = nil
	for i := range r.apps {
		if a := &r.apps[i]; !a.healthyAt(p.pins()) && len(at.Waiting) < mostWaiting {
			at.Waiting = append(at.Waiting, v1alpha1.ApplicationProgress{Application: a.name, Reason: a.reason()})
		}
	}
}

// waitsFor tells whether a region is held until it can be judged. One that Argo CD does not get through to
// leaves what the rollout before left it with nevertheless: that may be why.
func (p *planner) waitsFor(at *v1alpha1.RegionProgress, r *regionState) bool {
	leaves := r.blind && at.MovedAt == nil && slices.Contains(p.rollout.LeftInside, r.name)
	return r.unknown != "" && !leaves
}

// noteMoving follows a region that is held, or has its new pins and was not yet found to be good.
func (p *planner) noteMoving(at *v1alpha1.RegionProgress, r *regionState, other *appState) {
	switch {
	case p.waitsFor(at, r):
		at.State, at.Reason, at.Message = v1alpha1.RegionRolloutHeld, v1alpha1.ReasonRegionUnknown, clip(r.unknown)
		if other != nil { // also in Argo CD's eyes, which were closed
			at.HealthySince, at.ConfirmAt = nil, nil
		}
		return
	case at.State == v1alpha1.RegionRolloutHeld && at.MovedAt == nil:
		at.State, at.Reason, at.Message = v1alpha1.RegionRolloutPending, "", ""
		return
	case at.State == v1alpha1.RegionRolloutHeld: // nobody could see how it did meanwhile
		at.State, at.MovedAt, at.UnhealthyAt = v1alpha1.RegionRolloutMoving, p.moment(), nil
	}
	if other != nil {
		p.noteUnhealthy(at, other)
		return
	}
	if at.HealthySince == nil {
		at.HealthySince = p.moment()
	}
	if app := r.unconfirmed(); at.ConfirmAt == nil || app != "" {
		at.State, at.Reason, at.Message = v1alpha1.RegionRolloutMoving, "Confirming", "Argo CD was asked to compare once more"
		if at.ConfirmAt != nil { // else the rollout was halted before it was asked
			p.noteOverdue(at, "Argo CD has not compared "+app+" once more, as it was asked to: look whether its application controller runs")
		}
		return
	}
	p.noteGates(at, r)
}

// noteGates lets a region pass whose gates all do.
func (p *planner) noteGates(at *v1alpha1.RegionProgress, r *regionState) {
	for _, g := range gatesInOrder {
		switch h := g(p, at, r); {
		case h == nil:
		case h.failed:
			p.failf(at, "%s", h.message)
			return
		default:
			p.noteHeld(at, h)
			return
		}
	}
	at.State, at.Reason, at.Message, at.PassedAt = v1alpha1.RegionRolloutPassed, "", "", p.moment()
}

// noteHeld follows a region that is healthy, and that a gate holds.
func (p *planner) noteHeld(at *v1alpha1.RegionProgress, h *holding) {
	at.State, at.Reason, at.Message = v1alpha1.RegionRolloutSoaking, h.reason, clip(h.message)
	p.recheck(h.until)
	if h.until.IsZero() {
		p.noteOverdue(at, h.message)
	}
}

// noteOverdue fails a region that is healthy, and that something has held for too long.
func (p *planner) noteOverdue(at *v1alpha1.RegionProgress, why string) {
	deadline := p.deadline(at)
	if p.recheck(deadline); !p.now.Before(deadline) {
		p.failf(at, "by %s it had not passed: %s", deadline.UTC().Format(time.RFC3339), why)
	}
}

// noteUnhealthy follows a region with an application that is not healthy at its new pin.
func (p *planner) noteUnhealthy(at *v1alpha1.RegionProgress, other *appState) {
	wasHealthy := at.HealthySince != nil
	at.HealthySince, at.ConfirmAt = nil, nil
	if wasHealthy {
		at.UnhealthyAt = p.moment()
	}
	deadline := p.deadline(at)
	switch {
	case other.verdict.Class == argocd.Failed, wasHealthy && other.bad():
		p.failf(at, "%s", other.describe())
	case !p.now.Before(deadline):
		p.failf(at, "%s by %s: %s", notHealthy(at), deadline.UTC().Format(time.RFC3339), other.describe())
	default:
		at.State, at.Reason, at.Message = v1alpha1.RegionRolloutMoving, other.reason(), clip(other.describe())
		p.recheck(deadline)
	}
}

// deadline is until when a region has to be healthy, and one that is has to pass. One that was healthy, and is not
// any more, has that long once more; but one that comes and goes has no more than twice as long, beside its soak.
func (p *planner) deadline(at *v1alpha1.RegionProgress) time.Time {
	if since := at.HealthySince; since != nil {
		for _, later := range []*metav1.Time{at.MovedAt, at.ConfirmAt} { // nobody could see it, or asked, for a while
			if since.Before(later) {
				since = later
			}
		}
		return since.Add(p.policy.deadline + p.policy.soak)
	}
	first := at.MovedAt.Add(p.policy.deadline)
	if at.UnhealthyAt == nil {
		return first
	}
	again, last := at.UnhealthyAt.Add(p.policy.deadline), first.Add(p.policy.deadline+p.policy.soak)
	if again.After(last) {
		return last
	}
	return again
}

func notHealthy(at *v1alpha1.RegionProgress) string {
	if at.UnhealthyAt != nil {
		return "it did not stay healthy, and had to be so"
	}
	return "it was not healthy"
}

func (p *planner) failf(at *v1alpha1.RegionProgress, format string, args ...any) {
	at.State, at.Reason, at.Message = v1alpha1.RegionRolloutFailed, v1alpha1.ReasonRolloutFailed, clip(fmt.Sprintf(format, args...))
}

// recheck keeps the earliest moment at which time alone changes something.
func (p *planner) recheck(at time.Time) {
	if !at.IsZero() && at.After(p.now) && (p.until.IsZero() || at.Before(p.until)) {
		p.until = at
	}
}

// bad tells that the application runs badly, or that its sync failed.
func (a *appState) bad() bool {
	return a.verdict.Class == argocd.Degraded || a.verdict.Class == argocd.Failed
}

func (a *appState) reason() string {
	if a.verdict.Healthy { // at another pin
		return "NotWritten"
	}
	return a.verdict.Reason
}

func (a *appState) describe() string {
	if a.verdict.Healthy {
		return a.name + " does not have its pin yet"
	}
	return a.name + " is " + a.verdict.String()
}

// gate inspects a region that is healthy at its new pins, and may hold it: until a moment, or, as
// long as the region's deadline and soak allow, until something happens.
type gate func(p *planner, at *v1alpha1.RegionProgress, r *regionState) *holding

// gatesInOrder are asked one after the other.
var gatesInOrder = []gate{soaked, ringsConverged, checked}

// soaked holds until the region has been healthy for a while. The message names the end, not
// the time left, so that it does not change on every pass.
func soaked(p *planner, at *v1alpha1.RegionProgress, r *regionState) *holding {
	since := at.HealthySince.Time
	if healthy := r.healthySince(); healthy.After(since) {
		since = healthy
	}
	until := since.Add(p.policy.soak)
	if p.urgent() || !p.now.Before(until) {
		return nil
	}
	return &holding{reason: v1alpha1.ReasonSoaking, message: "it soaks until " + until.UTC().Format(time.RFC3339), until: until}
}

// ringsConverged holds until the region is connected in its gossip rings.
func ringsConverged(p *planner, _ *v1alpha1.RegionProgress, r *regionState) *holding {
	if !p.policy.rings || r.unconnected == "" {
		return nil
	}
	return &holding{reason: v1alpha1.ReasonNotConverged, message: r.unconnected}
}

// clip keeps messages within what the API takes.
func clip(message string) string {
	const most = 500
	if runes := []rune(message); len(runes) > most/2 {
		return string(runes[:most/2]) + "…"
	}
	return message
}

// previous are the pins that a region had before the rollout; without any, nothing is known.
func (p *planner) previous(region string) plan.PinSet { return previousIn(p.rollout, region) }

func previousIn(rollout *v1alpha1.PromotionRollout, region string) plan.PinSet {
	for _, group := range rollout.Previous {
		if slices.Contains(group.Regions, region) {
			return plan.PinSet{Overrides: group.Pins}
		}
	}
	return plan.PinSet{}
}
