package environment

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/watch"
)

// +kubebuilder:rbac:groups=apps,resources=controllerrevisions,verbs=list;watch;create;delete

// SetupWithManager registers the controller and everything that wakes it.
func (r *Reconciler) SetupWithManager(mgr ctrl.Manager) error {
	err := ctrl.NewControllerManagedBy(mgr).
		Named("environment").
		For(&v1alpha1.Environment{}, builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Watches(&v1alpha1.Region{}, handler.EnqueueRequestsFromMapFunc(toEnvironment), builder.WithPredicates(watch.Changed(whatDecides))).
		Complete(watch.Objects(r.Client, r, forget))
	if err != nil {
		return fmt.Errorf("building the Environment controller: %w", err)
	}
	return nil
}

// whatDecides is what counts, of a Region, for its turn and for the numbers in the status.
func whatDecides(region *v1alpha1.Region) any {
	ready := metav1.Condition{}
	if c := meta.FindStatusCondition(region.Status.Conditions, v1alpha1.ConditionReady); c != nil {
		ready = metav1.Condition{Status: c.Status, Reason: c.Reason, ObservedGeneration: c.ObservedGeneration}
	}
	return []any{region.Generation, region.DeletionTimestamp.IsZero(), region.Status.ProfileRevision, ready}
}

func toEnvironment(_ context.Context, obj client.Object) []reconcile.Request {
	region, ok := obj.(*v1alpha1.Region)
	if !ok {
		return nil
	}
	return []reconcile.Request{{NamespacedName: client.ObjectKey{Namespace: region.Namespace, Name: region.Spec.EnvironmentRef.Name}}}
}
