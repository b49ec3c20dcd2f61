package argocd

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// cascadeRetry is how soon a deletion looks again when no watch wakes it.
const cascadeRetry = 200 * time.Millisecond

// finalize deletes what a leaving Application deployed, if its finalizer asks for
// it, and lets it go when nothing is left. An Application whose cluster is not
// known any more goes at once and leaves everything behind.
func (r *applications) finalize(ctx context.Context, app *application, target cluster, known bool) (reconcile.Result, error) {
	if !slices.ContainsFunc(app.object.GetFinalizers(), isResourcesFinalizer) {
		return reconcile.Result{}, nil
	}
	if !known {
		return reconcile.Result{}, dropFinalizers(ctx, r.client, app.object)
	}
	left, err := r.cascade(ctx, app, target)
	if err != nil {
		failure := comparison{failure: &condition{Type: "DeletionError", Message: err.Error()}}
		app.Status.Conditions = app.conditionsAfter(failure, time.Now())
		return reconcile.Result{RequeueAfter: cascadeRetry}, r.save(ctx, app)
	}
	if left > 0 {
		return reconcile.Result{RequeueAfter: cascadeRetry}, nil
	}
	return reconcile.Result{}, dropFinalizers(ctx, r.client, app.object)
}

func (r *applications) cascade(ctx context.Context, app *application, target cluster) (left int, err error) {
	to, err := r.destinations.get(ctx, target.server)
	if err != nil {
		return 0, err
	}
	return to.remove(ctx, app.name(), app.Status.Resources)
}

// remove deletes an Application's resources and returns how many of them still
// exist. It deletes in the background: nothing in a simulated cluster completes a
// foreground deletion.
func (d *destination) remove(ctx context.Context, application string, resources []resource) (left int, err error) {
	for _, r := range resources {
		live, err := d.read(ctx, r)
		if err != nil {
			return 0, err
		}
		if live == nil || live.GetAnnotations()[trackingAnnotation] != trackingID(application, r) {
			continue
		}
		left++
		if live.GetDeletionTimestamp() != nil {
			continue
		}
		if err := d.Delete(ctx, live, client.PropagationPolicy("Background")); client.IgnoreNotFound(err) != nil {
			return 0, fmt.Errorf("deleting %s %s: %w", r.Kind, r.Name, err)
		}
	}
	return left, nil
}

// isResourcesFinalizer also matches the variants that choose how to delete.
func isResourcesFinalizer(finalizer string) bool {
	return finalizer == resourcesFinalizer || strings.HasPrefix(finalizer, resourcesFinalizer+"/")
}

// dropFinalizers gives up deleting what an Application deployed.
func dropFinalizers(ctx context.Context, c client.Client, app *unstructured.Unstructured) error {
	changed := app.DeepCopy()
	for _, finalizer := range app.GetFinalizers() {
		if isResourcesFinalizer(finalizer) {
			controllerutil.RemoveFinalizer(changed, finalizer)
		}
	}
	if err := c.Patch(ctx, changed, client.MergeFrom(app)); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("removing the finalizer of Application %s: %w", app.GetName(), err)
	}
	return nil
}
