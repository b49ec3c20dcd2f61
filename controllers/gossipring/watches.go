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
	"github.com/portolan-dev/portolan/controllers/plan"
)

// concurrency is how many rings are worked on at once.
const concurrency = 4

// +kubebuilder:rbac:groups=portolan.dev,resources=gossiprings,verbs=list;watch;patch
// +kubebuilder:rbac:groups=portolan.dev,resources=gossiprings/status,verbs=patch

// SetupWithManager registers the controller and everything that wakes it.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	inEnvironment := watch.InNamespace(r.Client, func() client.ObjectList { return &v1alpha1.GossipRingList{} }, concerns)
	err := ctrl.NewControllerManagedBy(mgr).
		Named("gossipring").
		For(&v1alpha1.GossipRing{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.GossipRing{}, handler.EnqueueRequestsFromMapFunc(inEnvironment), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.Environment{}, handler.EnqueueRequestsFromMapFunc(inEnvironment), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.Region{}, handler.EnqueueRequestsFromMapFunc(inEnvironment), builder.WithPredicates(predicate.Or(
			predicate.GenerationChangedPredicate{}, predicate.LabelChangedPredicate{}))).
		Watches(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(r.ringsOfSecret)).
		WatchesRawSource(watch.Remote(r.Clusters, r.ringsOf, remote.Topology, remote.Pods, remote.Registration)).
		WithOptions(r.options()).
		Complete(watch.Objects(r.Client, r, r.forgetRing))
	if err != nil {
		return fmt.Errorf("building the GossipRing controller: %w", err)
	}
	return nil
}

// options let no failure keep a ring from being looked at.
func (r *Reconciler) options() controller.Options {
	return controller.Options{MaxConcurrentReconciles: concurrency, RateLimiter: watch.Retries(r.Poll)}
}

// concerns tells whether a change of an Environment, a Region or a ring matters to a ring.
// A Region that the ring does not select any more matters too.
func concerns(trigger, candidate client.Object) bool {
	ring, ok := candidate.(*v1alpha1.GossipRing)
	if !ok {
		return false
	}
	switch t := trigger.(type) {
	case *v1alpha1.Environment:
		return ring.Spec.EnvironmentRef.Name == t.Name
	case *v1alpha1.Region:
		return ring.Spec.EnvironmentRef == t.Spec.EnvironmentRef
	case *v1alpha1.GossipRing:
		return t.Name != ring.Name && ring.Spec.EnvironmentRef == t.Spec.EnvironmentRef && ring.Spec.Service == t.Spec.Service
	default:
		return false
	}
}

// ringsOf returns the rings that a Region is a member of.
func (r *Reconciler) ringsOf(ctx context.Context, key client.ObjectKey) []reconcile.Request {
	return r.ringsWith(ctx, key.Name, "", client.InNamespace(key.Namespace))
}

// ringsOfSecret returns the rings of the Region that a cluster Secret names. In which
// namespace that is, it does not say.
func (r *Reconciler) ringsOfSecret(ctx context.Context, secret client.Object) []reconcile.Request {
	labels := secret.GetLabels()
	if labels[v1alpha1.LabelRegion] == "" {
		return nil
	}
	return r.ringsWith(ctx, labels[v1alpha1.LabelRegion], labels[v1alpha1.LabelEnvironment])
}

// ringsWith returns the rings that have the Region of that name, in that environment unless it
// is empty. Nothing is copied: a rollout changes as many Secrets as a ring's status has members.
func (r *Reconciler) ringsWith(ctx context.Context, name, environment string, among ...client.ListOption) []reconcile.Request {
	rings := &v1alpha1.GossipRingList{}
	if err := r.Client.List(ctx, rings, append(among, client.UnsafeDisableDeepCopy)...); err != nil {
		return nil // the cache is being stopped
	}
	var requests []reconcile.Request
	for i := range rings.Items {
		ring, region := &rings.Items[i], &v1alpha1.Region{}
		if environment != "" && ring.Spec.EnvironmentRef.Name != environment ||
			r.Client.Get(ctx, client.ObjectKey{Namespace: ring.Namespace, Name: name}, region, client.UnsafeDisableDeepCopy) != nil {
			continue // the Region is gone, or another one of that name is meant
		}
		if plan.Selects(ring, region) {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(ring)})
		}
	}
	return requests
}
