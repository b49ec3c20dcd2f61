package argocd

import (
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// applicationSets keeps the Applications of every ApplicationSet as its template
// says, for every cluster Secret its generators select.
type applicationSets struct {
	client    client.Client
	namespace string
}

func (r *applicationSets) setup(mgr ctrl.Manager) error {
	return ctrl.NewControllerManagedBy(mgr).
		Named("argocd-applicationset").
		For(objectOf(applicationSetKind), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		Owns(objectOf(applicationKind), builder.WithPredicates(handEdited)).
		Watches(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(r.everySet)).
		WithOptions(controllerOptions(1)).
		Complete(untilStopped(r))
}

// handEdited lets through what the template decides about an Application.
var handEdited = predicate.Funcs{
	CreateFunc: func(event.CreateEvent) bool { return false },
	UpdateFunc: func(e event.UpdateEvent) bool {
		before, after := e.ObjectOld.(*unstructured.Unstructured), e.ObjectNew.(*unstructured.Unstructured)
		return !equality.Semantic.DeepEqual(before.Object["spec"], after.Object["spec"]) ||
			!equality.Semantic.DeepEqual(before.GetLabels(), after.GetLabels()) ||
			!equality.Semantic.DeepEqual(before.GetAnnotations(), after.GetAnnotations()) ||
			!slices.Equal(before.GetFinalizers(), after.GetFinalizers())
	},
}

// everySet wakes all ApplicationSets, as Argo CD does for any cluster Secret:
// it cannot tell which of them a changed label concerns.
func (r *applicationSets) everySet(ctx context.Context, _ client.Object) []reconcile.Request {
	sets := listOf(applicationSetKind)
	if err := r.client.List(ctx, sets, client.InNamespace(r.namespace)); err != nil {
		return nil // the cache it reads from answers once it has synced
	}
	var requests []reconcile.Request
	for i := range sets.Items {
		requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&sets.Items[i])})
	}
	return requests
}

// Reconcile implements reconcile.Reconciler.
func (r *applicationSets) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	set := objectOf(applicationSetKind)
	err := r.client.Get(ctx, request.NamespacedName, set)
	if apierrors.IsNotFound(err) || (err == nil && set.GetDeletionTimestamp() != nil) {
		return reconcile.Result{}, r.collect(ctx, request.Name)
	}
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("reading ApplicationSet: %w", err)
	}
	secrets, err := clusters(ctx, r.client, r.namespace)
	if err != nil {
		return reconcile.Result{}, err
	}
	// One cluster that cannot be rendered freezes the whole ApplicationSet. Nothing
	// is retried: only a change of the set or of a Secret can help, and both wake it.
	generated, err := generate(set, secrets)
	if err != nil {
		return reconcile.Result{}, r.report(ctx, set, err)
	}
	if err := r.converge(ctx, set, generated, secrets); err != nil {
		return reconcile.Result{}, err
	}
	return reconcile.Result{}, r.report(ctx, set, nil)
}

// collect deletes the Applications of a set that is gone. A management cluster
// without a controller manager has nobody else to follow owner references.
func (r *applicationSets) collect(ctx context.Context, set string) error {
	owned, err := r.ownedBy(ctx, set)
	if err != nil {
		return err
	}
	for i := range owned {
		if err := r.client.Delete(ctx, &owned[i]); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("deleting Application %s: %w", owned[i].GetName(), err)
		}
	}
	return nil
}

func (r *applicationSets) ownedBy(ctx context.Context, set string) ([]unstructured.Unstructured, error) {
	list := listOf(applicationKind)
	if err := r.client.List(ctx, list, client.InNamespace(r.namespace)); err != nil {
		return nil, fmt.Errorf("listing Applications: %w", err)
	}
	return slices.DeleteFunc(list.Items, func(app unstructured.Unstructured) bool {
		owner := metav1.GetControllerOf(&app)
		return owner == nil || owner.Kind != applicationSetKind.Kind || owner.Name != set
	}), nil
}

// converge creates, updates and deletes Applications until they are the generated ones.
func (r *applicationSets) converge(ctx context.Context, set *unstructured.Unstructured, generated []*unstructured.Unstructured, secrets []corev1.Secret) error {
	spec, err := parseSet(set)
	if err != nil {
		return err
	}
	owned, err := r.ownedBy(ctx, set.GetName())
	if err != nil {
		return err
	}
	wanted := map[string]bool{}
	for _, app := range generated {
		wanted[app.GetName()] = true
		if err := r.ensure(ctx, set, app, spec.SyncPolicy.mayUpdate()); err != nil {
			return fmt.Errorf("applying Application %s: %w", app.GetName(), err)
		}
	}
	if !spec.SyncPolicy.mayDelete() {
		return nil
	}
	for i := range owned {
		if !wanted[owned[i].GetName()] {
			if err := r.remove(ctx, &owned[i], secrets); err != nil {
				return fmt.Errorf("deleting Application %s: %w", owned[i].GetName(), err)
			}
		}
	}
	return nil
}

func (r *applicationSets) ensure(ctx context.Context, set, wanted *unstructured.Unstructured, mayUpdate bool) error {
	live := objectOf(applicationKind)
	err := r.client.Get(ctx, client.ObjectKeyFromObject(wanted), live)
	switch {
	case apierrors.IsNotFound(err):
		return r.client.Create(ctx, wanted)
	case err != nil:
		return err
	case !metav1.IsControlledBy(live, set):
		return fmt.Errorf("it exists and is not owned by ApplicationSet %s", set.GetName())
	case !mayUpdate || live.GetDeletionTimestamp() != nil:
		return nil
	}
	changed := live.DeepCopy()
	changed.Object["spec"] = wanted.Object["spec"]
	changed.SetLabels(wanted.GetLabels())
	changed.SetFinalizers(wanted.GetFinalizers())
	changed.SetAnnotations(withPreserved(wanted.GetAnnotations(), live.GetAnnotations()))
	if equality.Semantic.DeepEqual(live, changed) {
		return nil
	}
	return client.IgnoreNotFound(r.client.Patch(ctx, changed, client.MergeFrom(live)))
}

// withPreserved keeps the one annotation that others may set on a generated Application.
func withPreserved(wanted, live map[string]string) map[string]string {
	requested, ok := live[refreshAnnotation]
	if !ok {
		return wanted
	}
	kept := map[string]string{refreshAnnotation: requested}
	maps.Copy(kept, wanted)
	return kept
}

// remove deletes an Application. When its cluster Secret is gone already, the
// finalizer goes first and what it deployed is orphaned, as in Argo CD.
func (r *applicationSets) remove(ctx context.Context, app *unstructured.Unstructured, secrets []corev1.Secret) error {
	parsed, err := parseApplication(app)
	if err != nil {
		return err
	}
	if _, reachable := findCluster(secrets, parsed.Spec.Destination); !reachable && len(app.GetFinalizers()) > 0 {
		if err := dropFinalizers(ctx, r.client, app); err != nil {
			return err
		}
	}
	if app.GetDeletionTimestamp() != nil {
		return nil
	}
	return client.IgnoreNotFound(r.client.Delete(ctx, app))
}
