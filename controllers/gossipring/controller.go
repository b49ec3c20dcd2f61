package gossipring

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
	"github.com/portolan-dev/portolan/controllers/internal/dns"
	"github.com/portolan-dev/portolan/controllers/internal/remote"
	"github.com/portolan-dev/portolan/controllers/internal/status"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// kind labels the metrics.
const kind = "GossipRing"

// Resolver asks the servers that are responsible for a zone.
type Resolver interface {
	// Resolve follows a name; the error is dns.ErrNotRegistered when it does not exist.
	Resolve(ctx context.Context, zones []dns.Zone, name string) (dns.Answer, error)
}

// Deps is what a Reconciler works with.
type Deps struct {
	Client   client.Client
	Clock    clock.PassiveClock
	Events   events.EventRecorder
	DNS      Resolver
	Clusters *remote.Clusters
	ArgoCD   *argocd.Clusters
	// Poll is how often members are asked for their view and names are resolved.
	Poll time.Duration
	// Resync is how often a ring without members is looked at.
	Resync time.Duration
}

// Reconciler drives GossipRings.
type Reconciler struct {
	Deps
	pipeline step.Pipeline[*scope]
}

// scope is what one pass has seen. It is never kept between passes.
type scope struct {
	ring        *v1alpha1.GossipRing
	environment *v1alpha1.Environment
	members     []*member // by name
	leavers     []*member // by name; being deleted
}

// NewReconciler returns a Reconciler; its steps run in the order listed here.
func NewReconciler(d Deps) *Reconciler {
	r := &Reconciler{Deps: d}
	r.pipeline = step.Pipeline[*scope]{
		Kind:   kind,
		Clock:  d.Clock,
		Events: d.Events,
		Resync: d.Resync,
		Steps: []step.Step[*scope]{
			{Condition: v1alpha1.RingEndpointsReady, Run: r.reconcileEndpoints},
			{Condition: v1alpha1.RingSeedsPropagated, Run: r.reconcileSeeds},
			{Condition: v1alpha1.RingConverged, Run: r.reconcileConvergence},
		},
	}
	return r
}

// Reconcile implements reconcile.ObjectReconciler.
func (r *Reconciler) Reconcile(ctx context.Context, ring *v1alpha1.GossipRing) (reconcile.Result, error) {
	if !ring.DeletionTimestamp.IsZero() {
		step.Forget(kind, client.ObjectKeyFromObject(ring))
		return reconcile.Result{}, nil
	}
	before := ring.DeepCopy()
	s, err := r.observe(ctx, ring)
	if err != nil {
		return reconcile.Result{}, err
	}
	result, err := r.pipeline.Run(ctx, ring, s)
	r.report(s)
	ring.Status.ObservedGeneration = ring.Generation
	if patchErr := status.Patch(ctx, r.Client, ring, before); patchErr != nil {
		return reconcile.Result{}, errors.Join(err, patchErr)
	}
	return result, err
}
