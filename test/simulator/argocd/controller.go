package argocd

import (
	"context"
	"fmt"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

// Durations draws how long simulated work takes. A cloud.Cloud is one.
type Durations interface {
	// Sample returns one duration for the named work, scaled to the running simulation.
	Sample(what string) time.Duration
}

// Options say which Argo CD to play.
type Options struct {
	// Config reaches the cluster that holds Argo CD's objects. CRDs must be installed there.
	Config *rest.Config
	// Namespace is Argo CD's own; nothing outside it is read.
	Namespace string
	// Cloud tells how long a sync takes.
	Cloud Durations
	// Clusters returns the credentials for a destination, by the server its cluster
	// Secret names. False stands for a server that does not answer.
	Clusters func(server string) (*rest.Config, bool)
	// Log receives what the controllers log; the zero value means controller-runtime's logger.
	Log logr.Logger
}

// Controller is a running Argo CD.
type Controller struct {
	cancel context.CancelFunc
	done   chan struct{}
}

// Start runs both controllers until Stop is called or ctx ends. It returns once
// they watch the namespace.
func Start(ctx context.Context, options Options) (*Controller, error) {
	mgr, err := newManager(options)
	if err != nil {
		return nil, err
	}
	apps := newApplications(mgr, options)
	if err := apps.setup(mgr); err != nil {
		return nil, fmt.Errorf("setting up the Application controller: %w", err)
	}
	sets := &applicationSets{client: mgr.GetClient(), namespace: options.Namespace}
	if err := sets.setup(mgr); err != nil {
		return nil, fmt.Errorf("setting up the ApplicationSet controller: %w", err)
	}
	ctx, cancel := context.WithCancel(ctx)
	c := &Controller{cancel: cancel, done: make(chan struct{})}
	failed := make(chan error, 1)
	go func() {
		defer close(c.done)
		defer apps.destinations.stop()
		failed <- mgr.Start(ctx)
	}()
	select {
	case <-mgr.Elected(): // closed once the caches are in sync
		return c, nil
	case err := <-failed:
		c.Stop()
		return nil, fmt.Errorf("starting Argo CD's controllers: %w", err)
	}
}

// Stop ends both controllers and waits for them.
func (c *Controller) Stop() {
	c.cancel()
	<-c.done
}

func newManager(options Options) (manager.Manager, error) {
	unlimited := rest.CopyConfig(options.Config)
	unlimited.QPS, unlimited.Burst = -1, -1
	unlimited.WarningHandler = rest.NoWarnings{} // about the name of Argo CD's own finalizer
	clusterSecrets := labels.SelectorFromSet(labels.Set{secretTypeLabel: secretTypeValue})
	mgr, err := ctrl.NewManager(unlimited, ctrl.Options{
		Scheme: scheme.Scheme,
		Logger: options.Log,
		Cache: cache.Options{
			DefaultNamespaces: map[string]cache.Config{options.Namespace: {}},
			ByObject:          map[client.Object]cache.ByObject{&corev1.Secret{}: {Label: clusterSecrets}},
		},
		Client:     client.Options{Cache: &client.CacheOptions{Unstructured: true}},
		Controller: config.Controller{SkipNameValidation: new(true)}, // several beds may run in one process
		Metrics:    metricsserver.Options{BindAddress: "0"},
	})
	if err != nil {
		return nil, fmt.Errorf("creating manager: %w", err)
	}
	return mgr, nil
}

// controllerOptions retry quickly: at the bed's time scale a second is a long time.
func controllerOptions(workers int) controller.Options {
	return controller.Options{
		MaxConcurrentReconciles: workers,
		RateLimiter:             workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](20*time.Millisecond, 2*time.Second),
	}
}

// untilStopped swallows the errors of a pass that Stop cut short.
func untilStopped(r reconcile.Reconciler) reconcile.Func {
	return func(ctx context.Context, request reconcile.Request) (reconcile.Result, error) {
		result, err := r.Reconcile(ctx, request)
		if ctx.Err() != nil {
			return reconcile.Result{}, nil //nolint:nilerr // nobody is left to retry for
		}
		return result, err
	}
}
