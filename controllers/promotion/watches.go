package promotion

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
	"github.com/portolan-dev/portolan/controllers/internal/remote"
	"github.com/portolan-dev/portolan/controllers/internal/watch"
)

// +kubebuilder:rbac:groups=portolan.dev,resources=promotions/status,verbs=patch
// +kubebuilder:rbac:groups="",resources=configmaps,verbs=create;patch

// workers is how many Promotions are reconciled at a time.
const workers = 4

// SetupWithManager registers the controller and everything that wakes it.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager, clk clock.WithTicker) error {
	promotions := watch.InNamespace(r.Client, func() client.ObjectList { return &v1alpha1.PromotionList{} }, nil)
	all := handler.EnqueueRequestsFromMapFunc(promotions)
	toRegion := watch.ToRegion(r.Client)
	ofRegion := func(ctx context.Context, obj client.Object) []reconcile.Request {
		var requests []reconcile.Request
		for _, region := range toRegion(ctx, obj) {
			trigger := &v1alpha1.Region{}
			trigger.Namespace = region.Namespace
			requests = append(requests, promotions(ctx, trigger)...)
		}
		return requests
	}
	c, err := ctrl.NewControllerManagedBy(mgr).
		Named("promotion").
		For(&v1alpha1.Promotion{}, builder.WithPredicates(predicate.Or(
			predicate.GenerationChangedPredicate{}, predicate.AnnotationChangedPredicate{},
		))).
		Watches(&v1alpha1.Promotion{}, all, builder.WithPredicates(watch.Changed(whatOthersAsk))).
		Watches(&v1alpha1.Environment{}, all, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.Region{}, all, builder.WithPredicates(predicate.Or(
			predicate.GenerationChangedPredicate{}, predicate.LabelChangedPredicate{},
		))).
		Watches(&v1alpha1.GossipRing{}, all, builder.WithPredicates(watch.Changed(whoIsConnected))).
		Watches(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(ofRegion)).
		// One that waits for git must not hold up the others.
		WithOptions(controller.Options{MaxConcurrentReconciles: workers, RateLimiter: watch.Retries(r.Poll)}).
		WatchesRawSource(watch.Remote(r.ArgoCD.Regional(), func(ctx context.Context, region client.ObjectKey) []reconcile.Request {
			return promotions(ctx, &v1alpha1.Region{ObjectMeta: metav1.ObjectMeta{Namespace: region.Namespace, Name: region.Name}})
		}, remote.Registration, remote.Applications)).
		Build(watch.Objects(r.Client, r, r.forget))
	if err != nil {
		return fmt.Errorf("building the Promotion controller: %w", err)
	}
	applications := source.Kind(mgr.GetCache(), client.Object(&argocd.Application{}), watch.Gathered(ofRegion))
	return watch.WhenInstalled(mgr, clk, c, &argocd.Application{}, applications)
}

// whatOthersAsk of a Promotion: what it pins, and what it has completed.
func whatOthersAsk(p *v1alpha1.Promotion) any {
	return []any{p.Generation, p.DeletionTimestamp.IsZero(), p.Status.Verified}
}

// whoIsConnected is what the gate asks of a ring.
func whoIsConnected(ring *v1alpha1.GossipRing) any {
	states := map[string]v1alpha1.MemberState{}
	for _, m := range ring.Status.Members {
		states[m.Region] = m.State
	}
	return []any{ring.Generation, ring.DeletionTimestamp.IsZero(), states}
}
