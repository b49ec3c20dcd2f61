package promotion

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
	"github.com/portolan-dev/portolan/controllers/internal/status"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// kind labels the metrics.
const kind = "Promotion"

// Deps is what a Reconciler works with.
type Deps struct {
	Client client.Client
	Clock  clock.PassiveClock
	Events events.EventRecorder
	ArgoCD *argocd.Clusters
	Resync time.Duration
}

// Reconciler drives Promotions.
type Reconciler struct {
	Deps
	pipeline step.Pipeline[*scope]
}

// scope is what one pass has seen. It is never kept between passes.
type scope struct {
	promotion   *v1alpha1.Promotion
	environment *v1alpha1.Environment // nil when there is none
	fleet       fleet
	conflicts   []string // applications that another Promotion pins
}

// NewReconciler returns a Reconciler.
func NewReconciler(d Deps) *Reconciler {
	r := &Reconciler{Deps: d}
	r.pipeline = step.Pipeline[*scope]{
		Kind:   kind,
		Clock:  d.Clock,
		Events: d.Events,
		Resync: d.Resync,
		Steps: []step.Step[*scope]{
			{Condition: v1alpha1.PromotionValid, Run: r.validate},
			{Condition: v1alpha1.PromotionRolledOut, Run: r.rollOut},
		},
	}
	return r
}

// Reconcile implements reconcile.ObjectReconciler.
func (r *Reconciler) Reconcile(ctx context.Context, promotion *v1alpha1.Promotion) (reconcile.Result, error) {
	if !promotion.DeletionTimestamp.IsZero() {
		step.Forget(kind, client.ObjectKeyFromObject(promotion))
		return reconcile.Result{}, nil
	}
	before := promotion.DeepCopy()
	s, err := r.observe(ctx, promotion)
	if err != nil {
		return reconcile.Result{}, err
	}
	result, err := r.pipeline.Run(ctx, promotion, s)
	promotion.Status.Regions = describe(s.fleet)
	promotion.Status.ObservedGeneration = promotion.Generation
	if patchErr := status.Patch(ctx, r.Client, promotion, before); patchErr != nil {
		return reconcile.Result{}, errors.Join(err, patchErr)
	}
	return result, err
}

// validate refuses what two Promotions pin: they would take turns for ever.
func (r *Reconciler) validate(_ context.Context, s *scope) error {
	switch {
	case s.environment == nil:
		return step.Wait(v1alpha1.ReasonEnvironmentNotFound, "namespace %s has no Environment %s: create it", s.promotion.Namespace, s.promotion.Spec.EnvironmentRef.Name)
	case len(s.conflicts) > 0:
		return step.Terminal(v1alpha1.ReasonConflict, "another Promotion of the environment pins %s: only one may", strings.Join(s.conflicts, ", "))
	}
	return nil
}

// rollOut takes the one action that the planner asks for.
func (r *Reconciler) rollOut(ctx context.Context, s *scope) error {
	if s.environment == nil || len(s.conflicts) > 0 {
		return step.Blocked(v1alpha1.PromotionValid)
	}
	act := next(s.fleet)
	switch act.verb {
	case complete:
		s.promotion.Status.CurrentRevision = s.promotion.Spec.Revision
		return nil
	case advance:
		if err := r.advance(ctx, s.fleet.regions[act.region]); err != nil {
			return err
		}
	case hold:
	}
	return step.Wait(v1alpha1.ReasonRollingOut, "%s", act.reason)
}

func (r *Reconciler) advance(ctx context.Context, region regionState) error {
	for _, app := range region.apps {
		if _, err := r.ArgoCD.SetPin(ctx, region.cluster, app.name, app.want); err != nil {
			return fmt.Errorf("pinning %s in %s: %w", app.name, region.name, err)
		}
	}
	return nil
}

func describe(f fleet) []v1alpha1.RegionPins {
	all := make([]v1alpha1.RegionPins, 0, len(f.regions))
	for _, region := range f.regions {
		pins := v1alpha1.RegionPins{
			Region:       region.name,
			Applications: int32(len(region.apps)),
			Message:      region.waitsFor(),
		}
		for _, a := range region.apps {
			if a.pinned == a.want {
				pins.Pinned++
			}
		}
		pins.Healthy = pins.Message == "" && pins.Pinned == pins.Applications
		all = append(all, pins)
	}
	return all
}
