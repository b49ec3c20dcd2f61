package testenv

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// ExpectApplied creates the objects, their status included.
func (e *Env) ExpectApplied(ctx context.Context, objs ...client.Object) {
	GinkgoHelper()
	for _, obj := range objs {
		status, ok := obj.DeepCopyObject().(client.Object)
		Expect(ok).To(BeTrue())
		Expect(e.Client.Create(ctx, obj)).To(Succeed())
		status.SetResourceVersion(obj.GetResourceVersion())
		err := e.Client.Status().Update(ctx, status)
		if !apierrors.IsNotFound(err) { // no status subresource: it was created whole
			Expect(err).NotTo(HaveOccurred())
		}
		e.ExpectRefreshed(ctx, obj)
	}
}

// ExpectRefreshed reads the objects again.
func (e *Env) ExpectRefreshed(ctx context.Context, objs ...client.Object) {
	GinkgoHelper()
	for _, obj := range objs {
		Expect(e.Client.Get(ctx, client.ObjectKeyFromObject(obj), obj)).To(Succeed())
	}
}

// ExpectDeleted asks for the deletion of the object, which its finalizers may hold up.
func (e *Env) ExpectDeleted(ctx context.Context, obj client.Object) {
	GinkgoHelper()
	Expect(e.Client.Delete(ctx, obj)).To(Succeed())
}

// ExpectNotFound asserts that the objects do not exist.
func (e *Env) ExpectNotFound(ctx context.Context, objs ...client.Object) {
	GinkgoHelper()
	for _, obj := range objs {
		err := e.Client.Get(ctx, client.ObjectKeyFromObject(obj), obj)
		Expect(apierrors.IsNotFound(err)).To(BeTrue(), "%T %s exists (%v)", obj, obj.GetName(), err)
	}
}

// Reconcile makes one pass over the object as the manager would and leaves in obj
// what is stored afterwards.
func Reconcile[T client.Object](ctx context.Context, e *Env, r reconcile.ObjectReconciler[T], obj T) (reconcile.Result, error) {
	GinkgoHelper()
	e.ExpectRefreshed(ctx, obj)
	result, err := r.Reconcile(ctx, obj)
	Expect(client.IgnoreNotFound(e.Client.Get(ctx, client.ObjectKeyFromObject(obj), obj))).To(Succeed())
	return result, err //nolint:wrapcheck // the spec judges it
}

// ExpectReconciled makes one pass that must not fail.
func ExpectReconciled[T client.Object](ctx context.Context, e *Env, r reconcile.ObjectReconciler[T], obj T) reconcile.Result {
	GinkgoHelper()
	result, err := Reconcile(ctx, e, r, obj)
	Expect(err).NotTo(HaveOccurred())
	return result
}

// ExpectUpdated edits the object as a user would: whatever else was written meanwhile stays.
func ExpectUpdated[T client.Object](ctx context.Context, e *Env, obj T, edit func(T)) {
	GinkgoHelper()
	e.ExpectRefreshed(ctx, obj)
	edit(obj)
	Expect(e.Client.Update(ctx, obj)).To(Succeed())
}
