package promotion

import (
	"context"
	"errors"
	"time"

	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
	"github.com/portolan-dev/portolan/controllers/internal/delivery"
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
	// Files and Commits look revisions up.
	Files   Files
	Commits Commits
	// PullRequests makes changelogs richer. Without it, they have what git knows.
	PullRequests PullRequests
	// Queries and Jobs are asked whether a region may pass.
	Queries Queries
	Jobs    Jobs
	// Git changes files, for promotions that deliver by it.
	Git delivery.GitEditor
	// Poll is how often something is looked at that cannot be watched, SlowPoll how often if a
	// person has to put it right.
	Poll, SlowPoll time.Duration
	Resync         time.Duration
}

// Reconciler drives Promotions.
type Reconciler struct {
	Deps
	pipeline step.Pipeline[*scope]
	fights   fights
	untold   pauses
	answers  answers
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
			{Condition: v1alpha1.PromotionApproved, Run: func(_ context.Context, s *scope) error { return s.approve() }},
			{Condition: v1alpha1.PromotionRolledOut, Run: r.rollOut},
		},
	}
	return r
}

// Reconcile implements reconcile.ObjectReconciler.
func (r *Reconciler) Reconcile(ctx context.Context, promotion *v1alpha1.Promotion) (reconcile.Result, error) {
	if !promotion.DeletionTimestamp.IsZero() {
		r.forget(client.ObjectKeyFromObject(promotion))
		return reconcile.Result{}, nil
	}
	before := promotion.DeepCopy()
	s, err := r.observe(ctx, promotion)
	if err != nil {
		return reconcile.Result{}, err
	}
	result, err := r.pipeline.Run(ctx, promotion, s)
	s.report()
	if patchErr := status.Patch(ctx, r.Client, promotion, before); patchErr != nil {
		return reconcile.Result{}, errors.Join(err, patchErr)
	}
	return result, err
}

// forget drops what was known of a Promotion that is gone.
func (r *Reconciler) forget(key client.ObjectKey) {
	step.Forget(kind, key)
	r.fights.forget(key)
	r.untold.forget(key)
	r.answers.forget(key)
}
