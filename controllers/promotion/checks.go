package promotion

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/gates"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// Queries asks Prometheus; gates.Prometheus does.
type Queries interface {
	Ask(ctx context.Context, address, query string) (gates.Answer, error)
}

// Jobs runs Jobs; gates.Jobs does.
type Jobs interface {
	Ensure(ctx context.Context, run gates.Run) (state gates.State, text string, err error)
}

// check is a gate of the spec that has to be asked about a region.
type check struct{ region, gate string }

// checked holds until each query and Job of the spec has let the region pass. What has not been
// asked yet is noted; the planner knows answers, and no way to get them. Of gates that left the spec, nothing is kept.
func checked(p *planner, at *v1alpha1.RegionProgress, r *regionState) *holding {
	at.Gates = slices.DeleteFunc(at.Gates, func(g v1alpha1.GateResult) bool { return !slices.Contains(p.policy.checks, g.Name) })
	if p.urgent() {
		return nil
	}
	var first *holding
	for _, name := range p.policy.checks {
		result := resultOf(at, name)
		if result.State == v1alpha1.GatePassed {
			continue
		}
		if answer, asked := r.answers[name]; asked {
			*result = answer
		} else {
			p.unasked = append(p.unasked, check{r.name, name})
		}
		switch {
		case result.State == v1alpha1.GatePassed:
		case result.State == v1alpha1.GateFailed:
			return &holding{reason: v1alpha1.ReasonRolloutFailed, message: "gate " + name + ": " + result.Message, failed: true}
		case first == nil:
			p.asking = true
			first = &holding{reason: v1alpha1.ReasonGateWaiting, message: "gate " + name + ": " + result.Message}
		}
	}
	return first
}

// resultOf returns what a gate has said of a region, to be changed.
func resultOf(at *v1alpha1.RegionProgress, name string) *v1alpha1.GateResult {
	for i := range at.Gates {
		if at.Gates[i].Name == name {
			return &at.Gates[i]
		}
	}
	at.Gates = append(at.Gates, v1alpha1.GateResult{Name: name, State: v1alpha1.GateWaiting})
	return &at.Gates[len(at.Gates)-1]
}

// checksOf are the names of the gates that have to be asked, in their order.
func checksOf(spec *v1alpha1.PromotionSpec) []string {
	var names []string
	for _, g := range spec.Gates.Prometheus {
		names = append(names, g.Name)
	}
	for _, g := range spec.Gates.Jobs {
		names = append(names, g.Name)
	}
	return names
}

// answers remembers what was asked a moment ago: each Application that changes wakes the
// reconciler, and nobody else is to be asked as often. The zero value is ready.
type answers struct {
	mu    sync.Mutex
	known map[client.ObjectKey]map[string]answered
}

type answered struct {
	result v1alpha1.GateResult
	at     time.Time
}

// of returns an answer that is younger than maxAge.
func (a *answers) of(promotion client.ObjectKey, question string, now time.Time, maxAge time.Duration) (v1alpha1.GateResult, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	known, found := a.known[promotion][question]
	return known.result, found && now.Sub(known.at) < maxAge
}

// keep remembers an answer, and forgets those that are too old to be given.
func (a *answers) keep(promotion client.ObjectKey, question string, result v1alpha1.GateResult, now time.Time, maxAge time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.known == nil {
		a.known = map[client.ObjectKey]map[string]answered{}
	}
	if a.known[promotion] == nil {
		a.known[promotion] = map[string]answered{}
	}
	maps.DeleteFunc(a.known[promotion], func(_ string, known answered) bool { return now.Sub(known.at) >= maxAge })
	a.known[promotion][question] = answered{result, now}
}

func (a *answers) forget(promotion client.ObjectKey) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.known, promotion)
}

// ask answers what the planner wants to know, side by side.
func (r *Reconciler) ask(ctx context.Context, s *scope, d *decision) {
	found := make([]v1alpha1.GateResult, len(d.unasked))
	var wg sync.WaitGroup
	for i, c := range d.unasked {
		wg.Go(func() { found[i] = r.answer(ctx, s, d.rollout, c) })
	}
	wg.Wait()
	for i, c := range d.unasked {
		region := s.world.region(c.region)
		if region.answers == nil {
			region.answers = map[string]v1alpha1.GateResult{}
		}
		region.answers[c.gate] = found[i]
	}
}

func (r *Reconciler) answer(ctx context.Context, s *scope, rollout *v1alpha1.PromotionRollout, c check) v1alpha1.GateResult {
	at := progressIn(rollout)[c.region]
	promotion, question := client.ObjectKeyFromObject(s.promotion), fmt.Sprintf("%s %s %s %s", rollout.ID, at.MovedAt.UTC(), c.region, c.gate)
	if known, fresh := r.answers.of(promotion, question, s.world.now, r.Poll); fresh {
		return known
	}
	result := v1alpha1.GateResult{Name: c.gate, State: v1alpha1.GateWaiting}
	for _, g := range s.promotion.Spec.Gates.Prometheus {
		if g.Name == c.gate {
			result.State, result.Message = r.query(ctx, s.regionOf(c.region), g)
		}
	}
	for _, g := range s.promotion.Spec.Gates.Jobs {
		if g.Name == c.gate {
			result.State, result.Message = r.run(ctx, s, rollout, at, g)
		}
	}
	result.Message = shorten(result.Message)
	r.answers.keep(promotion, question, result, s.world.now, r.Poll)
	return result
}

// query leaves the number out of what it says: that would be another one each time.
func (r *Reconciler) query(ctx context.Context, region *v1alpha1.Region, g v1alpha1.PrometheusGate) (v1alpha1.GateState, string) {
	query, err := plan.Expand(g.Query, queryVariables(region))
	if err != nil {
		return v1alpha1.GateWaiting, fmt.Sprintf("its query: %v", err)
	}
	answer, err := r.Queries.Ask(ctx, g.Address, query)
	if err != nil {
		return v1alpha1.GateWaiting, err.Error()
	}
	switch ok, text := gates.Judge(answer, g.Expect); {
	case ok:
		return v1alpha1.GatePassed, ""
	case len(answer.Samples) == 0:
		return v1alpha1.GateWaiting, text
	default:
		return v1alpha1.GateWaiting, fmt.Sprintf("%s has not answered %q yet", g.Address, g.Expect)
	}
}

func queryVariables(region *v1alpha1.Region) plan.Variables {
	return plan.Variables{"environment": region.Spec.EnvironmentRef.Name, "region": string(region.Spec.AWSRegion), "name": region.Name}
}

func (r *Reconciler) run(ctx context.Context, s *scope, rollout *v1alpha1.PromotionRollout, at *v1alpha1.RegionProgress, g v1alpha1.JobGate) (v1alpha1.GateState, string) {
	run := gates.Run{
		Promotion: s.promotion, Gate: g.Name, CronJob: g.CronJob, Rollout: rollout.ID, MovedAt: at.MovedAt.Time,
		Region: at.Region, AWSRegion: string(s.regionOf(at.Region).Spec.AWSRegion), Revision: string(rollout.Revision),
	}
	if before := previousIn(rollout, at.Region).Overrides; len(before) > 0 {
		run.PreviousRevision = string(before[0].Revision)
	}
	state, text, err := r.Jobs.Ensure(ctx, run)
	switch {
	case apierrors.IsForbidden(err):
		return v1alpha1.GateWaiting, fmt.Sprintf("Portolan may not run Jobs in namespace %s: apply config/rbac/promotion_jobs_role.yaml there", s.promotion.Namespace)
	case err != nil:
		return v1alpha1.GateWaiting, err.Error()
	case state == gates.Passed:
		return v1alpha1.GatePassed, ""
	case state == gates.Failed:
		return v1alpha1.GateFailed, text
	default:
		return v1alpha1.GateWaiting, text
	}
}

// shorten keeps messages of gates within what the API takes.
func shorten(message string) string {
	const most = 160
	if runes := []rune(message); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return message
}
