// Package finalizer adds and removes finalizers without touching anything else.
package finalizer

import (
	"context"
	"fmt"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
)

// Ensure adds the finalizer if obj lacks it.
func Ensure(ctx context.Context, c client.Client, obj client.Object, name string) error {
	return patch(ctx, c, obj, func() bool { return controllerutil.AddFinalizer(obj, name) })
}

// Remove takes the finalizer away if obj has it.
func Remove(ctx context.Context, c client.Client, obj client.Object, name string) error {
	return client.IgnoreNotFound(patch(ctx, c, obj, func() bool { return controllerutil.RemoveFinalizer(obj, name) }))
}

// patch writes what change did to the finalizers. The list is replaced as a whole,
// so the patch carries the resourceVersion.
func patch(ctx context.Context, c client.Client, obj client.Object, change func() bool) error {
	before, ok := obj.DeepCopyObject().(client.Object)
	if !ok {
		return fmt.Errorf("copying %T", obj)
	}
	if !change() {
		return nil
	}
	merge := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
	if err := c.Patch(ctx, obj, merge); err != nil {
		return fmt.Errorf("patching finalizers: %w", err)
	}
	return nil
}
