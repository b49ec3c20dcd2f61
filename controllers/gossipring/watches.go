package gossipring

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/remote"
	"github.com/portolan-dev/portolan/controllers/internal/watch"
)

// concurrency is how many rings are worked on at once.
const concurrency = 4

// +kubebuilder:rbac:groups=portolan.dev,resources=gossiprings/status,verbs=patch

// SetupWithManager registers the controller and everything that wakes it.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	rings := watch.InNamespace(r.Client, func() client.ObjectList { return &v1alpha1.GossipRingList{} }, nil)
	toRegion := watch.ToRegion(r.Client)
	secretToRings := func(ctx context.Context, secret client.Object) []reconcile.Request {
		return each(toRegion(ctx, secret), func(key client.ObjectKey) []reconcile.Request { return ringsIn(ctx, rings, key) })
	}
	err := ctrl.NewControllerManagedBy(mgr).
		Named("gossipring").
		For(&v1alpha1.GossipRing{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.Environment{}, handler.EnqueueRequestsFromMapFunc(rings), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.Region{}, handler.EnqueueRequestsFromMapFunc(rings), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(secretToRings)).
		WatchesRawSource(watch.Remote(r.Clusters, func(ctx context.Context, region client.ObjectKey) []reconcile.Request {
			return ringsIn(ctx, rings, region)
		}, remote.Topology, remote.Pods)).
		WithOptions(controller.Options{MaxConcurrentReconciles: concurrency}).
		Complete(reconcile.AsReconciler(r.Client, r))
	if err != nil {
		return fmt.Errorf("building the GossipRing controller: %w", err)
	}
	return nil
}

// ringsIn returns the rings in a Region's namespace.
func ringsIn(ctx context.Context, rings handler.MapFunc, region client.ObjectKey) []reconcile.Request {
	trigger := &v1alpha1.Region{}
	trigger.Namespace = region.Namespace
	return rings(ctx, trigger)
}

func each(regions []reconcile.Request, rings func(client.ObjectKey) []reconcile.Request) []reconcile.Request {
	var all []reconcile.Request
	for _, r := range regions {
		all = append(all, rings(r.NamespacedName)...)
	}
	return all
}
