package environment

import (
	"context"
	"errors"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/step"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// rollOut gives regions their turns. A Region that was never Ready follows the Environment
// itself: it has no turn and is in nobody's way.
func (r *Reconciler) rollOut(ctx context.Context, s *scope) error {
	if plan.CheckProfiles(s.env) != nil {
		return step.Blocked(v1alpha1.EnvironmentProfilesValid)
	}
	newest := map[string]*plan.ProfileRevision{} // by name
	var regions []regionState
	for i := range s.regions {
		region := &s.regions[i]
		if region.Status.ProfileRevision == "" {
			continue
		}
		state := stateOf(region, s.env.Status.Revisions)
		rev, err := plan.ProfileRevisionOf(s.env, region.Spec.Profile)
		if f, ok := errors.AsType[*plan.Finding](err); ok {
			state.missing = f.Message
		} else if err != nil {
			return err
		} else {
			state.target = rev.Name()
			newest[state.target] = rev
		}
		regions = append(regions, state)
	}
	rollout := s.env.Spec.Rollout
	regions = turns(regions, rollout)
	if err := r.save(ctx, s.env, regions, newest); err != nil {
		return err
	}
	s.env.Status.Revisions = records(regions, rollout)
	return progress(regions, s.env.Status.Revisions, rollout)
}

func stateOf(region *v1alpha1.Region, recorded []v1alpha1.RegionRevision) regionState {
	state := regionState{
		name:     region.Name,
		created:  region.CreationTimestamp.Time,
		recorded: region.Status.ProfileRevision,
		has:      region.Status.ProfileRevision,
		aside: region.Spec.Paused || region.Spec.ManagementPolicy == v1alpha1.ManagementObserve ||
			!region.DeletionTimestamp.IsZero(),
		reason: "not reported",
	}
	if i := slices.IndexFunc(recorded, func(r v1alpha1.RegionRevision) bool { return r.Region == region.Name }); i >= 0 {
		state.recorded, state.state = recorded[i].Revision, recorded[i].State
	}
	if ready := meta.FindStatusCondition(region.Status.Conditions, v1alpha1.ConditionReady); ready != nil {
		state.ready = ready.Status == metav1.ConditionTrue
		state.failed = ready.Status == metav1.ConditionFalse
		state.observed = ready.ObservedGeneration == region.Generation
		state.reason = ready.Reason
	}
	return state
}

// save keeps every newest revision that a region may have, before the status says so: when the
// Environment is edited next, the record is all that tells what the region is on its way to.
func (r *Reconciler) save(ctx context.Context, env *v1alpha1.Environment, regions []regionState, newest map[string]*plan.ProfileRevision) error {
	saved := map[string]bool{}
	for i := range regions {
		name := regions[i].recorded
		if newest[name] == nil || saved[name] {
			continue
		}
		if err := r.revisions.Save(ctx, env, newest[name]); err != nil {
			return err
		}
		saved[name] = true
	}
	return nil
}

// prune deletes the records of revisions that no region has or may have.
func (r *Reconciler) prune(ctx context.Context, s *scope) error {
	var keep []string
	for _, recorded := range s.env.Status.Revisions {
		keep = append(keep, recorded.Revision)
	}
	for i := range s.regions {
		keep = append(keep, s.regions[i].Status.ProfileRevision)
	}
	return r.revisions.Prune(ctx, s.env, keep)
}
