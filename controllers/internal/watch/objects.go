package watch

import (
	"context"
	"fmt"
	"reflect"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Objects is reconcile.AsReconciler that calls forget for each object that is gone: of one without
// a finalizer, nobody else hears.
func Objects[T client.Object](c client.Reader, r reconcile.ObjectReconciler[T], forget func(client.ObjectKey)) reconcile.Reconciler {
	return reconcile.Func(func(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
		obj, _ := reflect.TypeAssert[T](reflect.New(reflect.TypeFor[T]().Elem()))
		switch err := c.Get(ctx, request.NamespacedName, obj); {
		case apierrors.IsNotFound(err):
			forget(request.NamespacedName)
			return reconcile.Result{}, nil
		case err != nil:
			return reconcile.Result{}, fmt.Errorf("reading %T %s: %w", obj, request.NamespacedName, err)
		}
		return r.Reconcile(ctx, obj)
	})
}
