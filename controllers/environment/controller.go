// Package environment checks an Environment's plan and profiles, counts its regions, takes
// back the blocks of regions that are gone and gives regions their turns when a profile changed.
package environment

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/revision"
	"github.com/portolan-dev/portolan/controllers/internal/status"
	"github.com/portolan-dev/portolan/controllers/internal/step"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// kind labels the metrics.
const kind = "Environment"

// conflictRetry is how soon a pass is repeated whose status was overtaken. Regions write their
// blocks into the same status, so that this is no error to log or to back off from.
const conflictRetry = 20 * time.Millisecond

// Deps is what a Reconciler works with.
type Deps struct {
	Client client.Client
	// Live reads past the cache, where acting on something stale would do harm.
	Live   client.Reader
	Clock  clock.PassiveClock
	Events events.EventRecorder
	Resync time.Duration
}

// scope is what a pass has seen.
type scope struct {
	env *v1alpha1.Environment
	// regions are the Environment's.
	regions []v1alpha1.Region
}

// Reconciler drives Environments.
type Reconciler struct {
	Deps
	// revisions keeps what regions may still follow when the Environment says something else.
	revisions *revision.Records
	pipeline  step.Pipeline[*scope]
}

// NewReconciler returns a Reconciler; its steps run in the order listed here.
func NewReconciler(d Deps) *Reconciler {
	r := &Reconciler{Deps: d, revisions: &revision.Records{Client: d.Client, Clock: d.Clock}}
	r.pipeline = step.Pipeline[*scope]{
		Kind:   kind,
		Clock:  d.Clock,
		Events: d.Events,
		Resync: d.Resync,
		Steps: []step.Step[*scope]{
			{Condition: v1alpha1.EnvironmentAddressPlanValid, Run: checkAddresses},
			{Condition: v1alpha1.EnvironmentProfilesValid, Run: checkProfiles},
			{Condition: v1alpha1.EnvironmentRolledOut, Run: r.rollOut, Informational: true},
		},
	}
	return r
}

// Reconcile implements reconcile.ObjectReconciler.
func (r *Reconciler) Reconcile(ctx context.Context, env *v1alpha1.Environment) (reconcile.Result, error) {
	if !env.DeletionTimestamp.IsZero() {
		forget(client.ObjectKeyFromObject(env))
		return reconcile.Result{}, nil
	}
	before := env.DeepCopy()
	regions := &v1alpha1.RegionList{}
	if err := r.Client.List(ctx, regions, client.InNamespace(env.Namespace)); err != nil {
		return reconcile.Result{}, fmt.Errorf("listing Regions: %w", err)
	}
	if err := r.reclaim(ctx, env, regions.Items); err != nil {
		return reconcile.Result{}, err
	}
	s := observe(env, regions.Items)
	result, err := r.pipeline.Run(ctx, env, s)
	env.Status.ObservedGeneration = env.Generation
	patchErr := status.Patch(ctx, r.Client, env, before)
	switch {
	case apierrors.IsConflict(patchErr) && err == nil:
		return reconcile.Result{RequeueAfter: conflictRetry}, nil
	case patchErr != nil:
		return reconcile.Result{}, errors.Join(err, patchErr)
	case err != nil:
		return reconcile.Result{}, err
	}
	// After the patch: as long as the old status is there, its revisions are followed.
	return result, r.prune(ctx, s)
}

// forget drops what was known of an Environment that is gone.
func forget(key client.ObjectKey) { step.Forget(kind, key) }

// reclaim takes back the blocks of Regions that do not exist, unless their networks live on.
// One that the cache does not have is asked for past it: a Region gets its block moments after it
// was created.
func (r *Reconciler) reclaim(ctx context.Context, env *v1alpha1.Environment, regions []v1alpha1.Region) error {
	seen := make(map[string]bool, len(regions))
	for i := range regions {
		seen[regions[i].Name] = true
	}
	var gone []string
	for _, a := range env.Status.Allocations {
		if a.Retained || seen[a.Region] {
			continue
		}
		region := &v1alpha1.Region{}
		err := r.Live.Get(ctx, client.ObjectKey{Namespace: env.Namespace, Name: a.Region}, region)
		switch {
		case apierrors.IsNotFound(err):
			gone = append(gone, a.Region)
		case err != nil:
			return fmt.Errorf("reading Region %s: %w", a.Region, err)
		}
	}
	env.Status.Allocations = slices.DeleteFunc(env.Status.Allocations, func(a v1alpha1.Allocation) bool { return slices.Contains(gone, a.Region) })
	return nil
}

// observe counts the Environment's Regions among those of its namespace.
func observe(env *v1alpha1.Environment, regions []v1alpha1.Region) *scope {
	s := &scope{env: env}
	env.Status.Regions, env.Status.ReadyRegions = 0, 0
	for _, region := range regions {
		if region.Spec.EnvironmentRef.Name != env.Name {
			continue
		}
		s.regions = append(s.regions, region)
		env.Status.Regions++
		if meta.IsStatusConditionTrue(region.Status.Conditions, v1alpha1.ConditionReady) {
			env.Status.ReadyRegions++
		}
	}
	return s
}

func checkAddresses(_ context.Context, s *scope) error {
	return fromFinding(plan.CheckAddresses(s.env))
}

func checkProfiles(_ context.Context, s *scope) error {
	return fromFinding(plan.CheckProfiles(s.env))
}

func fromFinding(err error) error {
	if f, ok := errors.AsType[*plan.Finding](err); ok {
		return step.Terminal(f.Reason, "%s", f.Message)
	}
	return err
}
