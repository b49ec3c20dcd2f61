package region

import (
	"context"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/step"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// follow returns the Environment as far as it concerns the region now: a region that was
// once Ready has the revision of its profile that the Environment gave it, until its turn
// for the newest has come. One that is being built has the newest.
func (r *Reconciler) follow(ctx context.Context, s *scope) (*v1alpha1.Environment, error) {
	env, region := s.live, s.region
	newest, err := plan.ProfileRevisionOf(env, region.Spec.Profile)
	given := givenRevision(env, region)
	if s.observe || given == "" || err == nil && given == newest.Name() {
		if err != nil {
			return nil, fromFinding(err)
		}
		s.revision = newest
		if given != "" && given != region.Status.ProfileRevision { // it is followed from now on, whatever comes
			err = r.Revisions.Save(ctx, env, newest)
		}
		return newest.Onto(env), err
	}
	s.revision, err = r.Revisions.Load(ctx, env, given)
	if apierrors.IsNotFound(err) {
		return nil, step.Wait(v1alpha1.ReasonRevisionMissing,
			"the record of revision %s is gone: the region is left as it is until its turn for the newest comes", given)
	}
	if err != nil {
		return nil, err
	}
	return s.revision.Onto(env), nil
}

// givenRevision is the name of the revision that a region has to follow; "" is the newest.
func givenRevision(env *v1alpha1.Environment, region *v1alpha1.Region) string {
	given := region.Status.ProfileRevision
	if given == "" {
		return ""
	}
	i := slices.IndexFunc(env.Status.Revisions, func(r v1alpha1.RegionRevision) bool { return r.Region == region.Name })
	if i >= 0 {
		given = env.Status.Revisions[i].Revision
	}
	if plan.ProfileOf(given) != region.Spec.Profile { // its owner chose another profile for it
		return ""
	}
	return given
}

// recordRevision notes the revision that the region is Ready with. The record is kept before
// the status names it.
func (r *Reconciler) recordRevision(ctx context.Context, s *scope) error {
	if s.revision == nil || s.observe || s.revision.Name() == s.region.Status.ProfileRevision ||
		!meta.IsStatusConditionTrue(s.region.Status.Conditions, v1alpha1.ConditionReady) {
		return nil
	}
	if err := r.Revisions.Save(ctx, s.live, s.revision); err != nil {
		return err
	}
	s.region.Status.ProfileRevision = s.revision.Name()
	return nil
}
