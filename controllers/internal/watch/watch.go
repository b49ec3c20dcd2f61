// Package watch holds what the controllers' watches have in common: which changes
// matter, and sources that controller-runtime does not have.
package watch

import (
	"context"
	"maps"
	"time"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/util/workqueue"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/remote"
)

// firstRetry is how soon after its first failure an object is tried again.
const firstRetry = 5 * time.Millisecond

// Retries is for controllers that have more to look at in an object than what fails: the pauses
// between failures grow, and are no longer than that. By default, they grow to 1000 seconds.
func Retries(longest time.Duration) workqueue.TypedRateLimiter[reconcile.Request] {
	return workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](firstRetry, longest)
}

// Changed lets an update through when what matters of it changed.
func Changed[T client.Object](matters func(T) any) predicate.Funcs {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		before, ok := e.ObjectOld.(T)
		after, ok2 := e.ObjectNew.(T)
		return !ok || !ok2 || !equality.Semantic.DeepEqual(matters(before), matters(after))
	}}
}

// Readiness is what other kinds look at in an object: its generation, whether it is
// being deleted and the status of each condition.
func Readiness(obj client.Object, conditions []metav1.Condition) any {
	statuses := map[string]metav1.ConditionStatus{}
	for _, c := range conditions {
		statuses[c.Type] = c.Status
	}
	return []any{obj.GetGeneration(), obj.GetDeletionTimestamp().IsZero(), maps.Clone(statuses)}
}

// ToRegion maps an object to the Region that its labels name. Objects in other
// namespaces, such as Argo CD's, are matched with the Regions of every namespace.
func ToRegion(c client.Reader) handler.MapFunc {
	return func(ctx context.Context, obj client.Object) []reconcile.Request {
		labels := obj.GetLabels()
		name, environment := labels[v1alpha1.LabelRegion], labels[v1alpha1.LabelEnvironment]
		if name == "" {
			return nil
		}
		regions := &v1alpha1.RegionList{}
		if err := c.List(ctx, regions); err != nil {
			return nil // the cache is being stopped
		}
		var requests []reconcile.Request
		for i := range regions.Items {
			if r := &regions.Items[i]; r.Name == name && r.Spec.EnvironmentRef.Name == environment {
				requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(r)})
			}
		}
		return requests
	}
}

// InNamespace maps any object to all objects of a kind in its namespace. keep may
// narrow them down; nil keeps all.
func InNamespace(c client.Reader, list func() client.ObjectList, keep func(trigger, candidate client.Object) bool) handler.MapFunc {
	return func(ctx context.Context, trigger client.Object) []reconcile.Request {
		all := list()
		if err := c.List(ctx, all, client.InNamespace(trigger.GetNamespace())); err != nil {
			return nil // the cache is being stopped
		}
		var requests []reconcile.Request
		_ = meta.EachListItem(all, func(o runtime.Object) error {
			if candidate, ok := o.(client.Object); ok && (keep == nil || keep(trigger, candidate)) {
				requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(candidate)})
			}
			return nil
		})
		return requests
	}
}

// gathering is how long Gathered waits for more events.
const gathering = 250 * time.Millisecond

// Gathered maps events to requests as handler.EnqueueRequestsFromMapFunc does, but lets all of a
// moment make one pass. It is for kinds of which there are thousands: Argo CD refreshes each
// Application every two to three minutes (argocd-cm, timeout.reconciliation), which is a write of each.
func Gathered(toRequests handler.MapFunc) handler.EventHandler {
	type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]
	add := func(ctx context.Context, q queue, obj client.Object) {
		for _, r := range toRequests(ctx, obj) {
			q.AddAfter(r, gathering)
		}
	}
	return handler.Funcs{
		CreateFunc: func(ctx context.Context, e event.CreateEvent, q queue) { add(ctx, q, e.Object) },
		UpdateFunc: func(ctx context.Context, e event.UpdateEvent, q queue) {
			add(ctx, q, e.ObjectOld)
			add(ctx, q, e.ObjectNew)
		},
		DeleteFunc:  func(ctx context.Context, e event.DeleteEvent, q queue) { add(ctx, q, e.Object) },
		GenericFunc: func(ctx context.Context, e event.GenericEvent, q queue) { add(ctx, q, e.Object) },
	}
}

// Remote wakes objects when something changes in a regional cluster. Without clusters it never does.
func Remote(clusters *remote.Clusters, toRequests func(context.Context, client.ObjectKey) []reconcile.Request, changes ...remote.Change) source.Source {
	return source.Func(func(ctx context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		if clusters == nil {
			return nil
		}
		clusters.Subscribe(func(region client.ObjectKey) {
			for _, r := range toRequests(ctx, region) {
				queue.Add(r)
			}
		}, changes...)
		return nil
	})
}

// retryAbsent is how often a kind that is not installed is looked for again.
const retryAbsent = 30 * time.Second

// WhenInstalled starts a watch as soon as the API server knows the kind, so that
// Portolan can be installed before what it works with.
func WhenInstalled(mgr manager.Manager, clk clock.WithTicker, c controller.Controller, obj client.Object, src source.Source) error {
	gvk, err := apiutil.GVKForObject(obj, mgr.GetScheme())
	if err != nil {
		return err //nolint:wrapcheck // names the type
	}
	return mgr.Add(manager.RunnableFunc(func(ctx context.Context) error { //nolint:wrapcheck // names the runnable
		ticker := clk.NewTicker(retryAbsent)
		defer ticker.Stop()
		for {
			if _, err := mgr.GetRESTMapper().RESTMapping(gvk.GroupKind(), gvk.Version); err == nil {
				return c.Watch(src)
			}
			select {
			case <-ctx.Done():
				return nil
			case <-ticker.C():
			}
		}
	}))
}
