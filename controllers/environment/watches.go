package environment

import (
	"context"
	"fmt"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/watch"
)

// SetupWithManager registers the controller and everything that wakes it.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	readiness := watch.Changed(func(region *v1alpha1.Region) any {
		return watch.Readiness(region, region.Status.Conditions)
	})
	err := ctrl.NewControllerManagedBy(mgr).
		Named("environment").
		For(&v1alpha1.Environment{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.Region{}, handler.EnqueueRequestsFromMapFunc(toEnvironment), builder.WithPredicates(readiness)).
		Complete(reconcile.AsReconciler(r.Client, r))
	if err != nil {
		return fmt.Errorf("building the Environment controller: %w", err)
	}
	return nil
}

func toEnvironment(_ context.Context, obj client.Object) []reconcile.Request {
	region, ok := obj.(*v1alpha1.Region)
	if !ok {
		return nil
	}
	return []reconcile.Request{{NamespacedName: client.ObjectKey{Namespace: region.Namespace, Name: region.Spec.EnvironmentRef.Name}}}
}
