// Package environment checks an Environment's plan and profiles, counts its regions
// and takes back the blocks of regions that are gone.
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
	"github.com/portolan-dev/portolan/controllers/internal/status"
	"github.com/portolan-dev/portolan/controllers/internal/step"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// kind labels the metrics.
const kind = "Environment"

// Deps is what a Reconciler works with.
type Deps struct {
	Client client.Client
	// Live reads past the cache, where acting on something stale would do harm.
	Live   client.Reader
	Clock  clock.PassiveClock
	Events events.EventRecorder
	Resync time.Duration
}

// Reconciler drives Environments.
type Reconciler struct {
	Deps
	pipeline step.Pipeline[*v1alpha1.Environment]
}

// NewReconciler returns a Reconciler; its steps run in the order listed here.
func NewReconciler(d Deps) *Reconciler {
	r := &Reconciler{Deps: d}
	r.pipeline = step.Pipeline[*v1alpha1.Environment]{
		Kind:   kind,
		Clock:  d.Clock,
		Events: d.Events,
		Resync: d.Resync,
		Steps: []step.Step[*v1alpha1.Environment]{
			{Condition: v1alpha1.EnvironmentAddressPlanValid, Run: checkAddresses},
			{Condition: v1alpha1.EnvironmentProfilesValid, Run: checkProfiles},
		},
	}
	return r
}

// Reconcile implements reconcile.ObjectReconciler.
func (r *Reconciler) Reconcile(ctx context.Context, env *v1alpha1.Environment) (reconcile.Result, error) {
	if !env.DeletionTimestamp.IsZero() {
		step.Forget(kind, client.ObjectKeyFromObject(env))
		return reconcile.Result{}, nil
	}
	before := env.DeepCopy()
	if err := r.reclaim(ctx, env); err != nil {
		return reconcile.Result{}, err
	}
	if err := r.count(ctx, env); err != nil {
		return reconcile.Result{}, err
	}
	result, err := r.pipeline.Run(ctx, env, env)
	env.Status.ObservedGeneration = env.Generation
	if patchErr := status.Patch(ctx, r.Client, env, before); patchErr != nil {
		return reconcile.Result{}, errors.Join(err, patchErr)
	}
	return result, err
}

// reclaim takes back the blocks of Regions that do not exist. Each is asked for past
// the cache: a Region gets its block moments after it was created.
func (r *Reconciler) reclaim(ctx context.Context, env *v1alpha1.Environment) error {
	var gone []string
	for _, a := range env.Status.Allocations {
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

func (r *Reconciler) count(ctx context.Context, env *v1alpha1.Environment) error {
	regions := &v1alpha1.RegionList{}
	if err := r.Client.List(ctx, regions, client.InNamespace(env.Namespace)); err != nil {
		return fmt.Errorf("listing Regions: %w", err)
	}
	env.Status.Regions, env.Status.ReadyRegions = 0, 0
	for _, region := range regions.Items {
		if region.Spec.EnvironmentRef.Name != env.Name {
			continue
		}
		env.Status.Regions++
		if meta.IsStatusConditionTrue(region.Status.Conditions, v1alpha1.ConditionReady) {
			env.Status.ReadyRegions++
		}
	}
	return nil
}

func checkAddresses(_ context.Context, env *v1alpha1.Environment) error {
	return fromFinding(plan.CheckAddresses(env))
}

func checkProfiles(_ context.Context, env *v1alpha1.Environment) error {
	return fromFinding(plan.CheckProfiles(env))
}

func fromFinding(err error) error {
	if f, ok := errors.AsType[*plan.Finding](err); ok {
		return step.Terminal(f.Reason, "%s", f.Message)
	}
	return err
}
