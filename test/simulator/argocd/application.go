package argocd

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

const (
	// resync is how often a settled Application is compared although nothing woke
	// it: Argo CD's three minutes, about as much shorter as the bed's time.
	resync = 10 * time.Second
	// afterOperation separates an operation's end from the comparison it asks for.
	afterOperation = 20 * time.Millisecond
)

// applications compares every Application with its destination and syncs it.
type applications struct {
	client       client.Client
	live         client.Reader // an Application read from a cache might miss our own last write
	namespace    string
	durations    Durations
	destinations *destinations
	memory       *memory
	queue        workqueue.TypedRateLimitingInterface[reconcile.Request] // set when the controller starts
}

func newApplications(mgr ctrl.Manager, options Options) *applications {
	r := &applications{
		client:    mgr.GetClient(),
		live:      mgr.GetAPIReader(),
		namespace: options.Namespace,
		durations: options.Cloud,
		memory:    newMemory(),
	}
	r.destinations = &destinations{find: options.Clusters, changed: r.wake, byServer: map[string]*destination{}}
	return r
}

func (r *applications) setup(mgr ctrl.Manager) error {
	takeQueue := source.Func(func(_ context.Context, queue workqueue.TypedRateLimitingInterface[reconcile.Request]) error {
		r.queue = queue
		return nil
	})
	return ctrl.NewControllerManagedBy(mgr).
		Named("argocd-application").
		For(objectOf(applicationKind), builder.WithPredicates(asksForWork)).
		Watches(&corev1.Secret{}, handler.EnqueueRequestsFromMapFunc(r.deployedTo)).
		WatchesRawSource(takeQueue).
		WithOptions(controllerOptions(8)).
		Complete(untilStopped(r))
}

// wake queues an Application because something it deployed has changed.
func (r *applications) wake(name string) {
	r.queue.Add(reconcile.Request{NamespacedName: types.NamespacedName{Namespace: r.namespace, Name: name}})
}

// asksForWork leaves out the status, which only this controller writes.
var asksForWork = predicate.Funcs{
	UpdateFunc: func(e event.UpdateEvent) bool {
		before, after := e.ObjectOld.(*unstructured.Unstructured), e.ObjectNew.(*unstructured.Unstructured)
		return !equality.Semantic.DeepEqual(before.Object["spec"], after.Object["spec"]) ||
			!equality.Semantic.DeepEqual(before.Object["operation"], after.Object["operation"]) ||
			!equality.Semantic.DeepEqual(before.GetAnnotations(), after.GetAnnotations()) ||
			before.GetDeletionTimestamp().IsZero() != after.GetDeletionTimestamp().IsZero()
	},
}

// deployedTo wakes the Applications whose destination a cluster Secret describes.
func (r *applications) deployedTo(ctx context.Context, object client.Object) []reconcile.Request {
	secret, ok := object.(*corev1.Secret)
	if !ok {
		return nil
	}
	list := listOf(applicationKind)
	if err := r.client.List(ctx, list, client.InNamespace(r.namespace)); err != nil {
		return nil // the cache it reads from answers once it has synced
	}
	var requests []reconcile.Request
	for i := range list.Items {
		app, err := parseApplication(&list.Items[i])
		if err == nil && app.Spec.Destination.means(clusterOf(secret)) {
			requests = append(requests, reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&list.Items[i])})
		}
	}
	return requests
}

// Reconcile implements reconcile.Reconciler.
func (r *applications) Reconcile(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
	object := objectOf(applicationKind)
	if err := r.live.Get(ctx, request.NamespacedName, object); err != nil {
		if apierrors.IsNotFound(err) {
			r.memory.forget(request.Name)
		}
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	app, err := parseApplication(object)
	if err != nil {
		return reconcile.Result{}, err
	}
	secrets, err := clusters(ctx, r.client, r.namespace)
	if err != nil {
		return reconcile.Result{}, err
	}
	r.destinations.retain(secrets)
	target, known := findCluster(secrets, app.Spec.Destination)
	if object.GetDeletionTimestamp() != nil {
		return r.finalize(ctx, app, target, known)
	}
	return r.advance(ctx, app, target)
}

// advance moves a running operation on, and compares unless the operation just ended:
// until the next pass the Application then shows what it was before the operation.
func (r *applications) advance(ctx context.Context, app *application, target cluster) (reconcile.Result, error) {
	next := resync
	if app.stays() {
		return reconcile.Result{}, nil
	}
	if app.Operation != nil {
		left, err := r.operate(ctx, app, target)
		if err != nil {
			return reconcile.Result{}, err
		}
		if app.Operation == nil {
			return reconcile.Result{RequeueAfter: afterOperation}, nil
		}
		next = min(next, left)
	}
	if err := r.refresh(ctx, app, target); err != nil {
		return reconcile.Result{}, err
	}
	return reconcile.Result{RequeueAfter: max(next, time.Millisecond)}, nil
}

// refresh compares and records what was found. Everything observed is as of now,
// which is taken before the comparison reads anything.
func (r *applications) refresh(ctx context.Context, app *application, target cluster) error {
	now := time.Now()
	_, requested := app.object.GetAnnotations()[refreshAnnotation]
	full := requested || !app.compared() || r.memory.comparisonDue(app.name(), now)
	app.record(r.compare(ctx, app, target), now)
	app.leaveOver(now)
	if full {
		app.Status.ReconciledAt = timestamp(now)
	}
	if app.needsSync() {
		app.Operation = app.automatedSync()
	}
	if err := r.save(ctx, app, refreshAnnotation); err != nil {
		return err
	}
	if full {
		r.memory.rememberComparison(app.name(), now)
	}
	return nil
}

// save writes what changed in app, and removes the annotation if app was read
// with it: a request that came later stays for the next comparison.
func (r *applications) save(ctx context.Context, app *application, answered ...string) error {
	changed, err := app.modified()
	if err != nil {
		return err
	}
	annotations := changed.GetAnnotations()
	for _, annotation := range answered {
		delete(annotations, annotation)
	}
	changed.SetAnnotations(annotations)
	patch := client.MergeFrom(app.object)
	data, err := patch.Data(changed)
	if err != nil {
		return fmt.Errorf("comparing Application %s with what was read: %w", app.name(), err)
	}
	if string(data) == "{}" {
		return nil
	}
	if err := r.client.Patch(ctx, changed, client.RawPatch(types.MergePatchType, data)); err != nil {
		return client.IgnoreNotFound(err)
	}
	app.object = changed
	return nil
}
