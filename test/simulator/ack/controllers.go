package ack

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/workqueue"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/manager"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// fieldOwner is how the real controllers appear in managedFields.
const fieldOwner = "controller"

// Simulated intervals of the ACK runtime.
const (
	pollInterval   = 30 * time.Second
	firstBackoff   = 5 * time.Millisecond
	longestBackoff = 1000 * time.Second
)

// ClusterStarter runs the API servers behind simulated EKS clusters.
type ClusterStarter interface {
	// StartCluster starts the cluster's API server, or finds the one that runs
	// already, and returns its URL and its certificate authority in PEM.
	StartCluster(ctx context.Context, name, region string) (endpoint string, ca []byte, err error)
	// StopCluster ends the API server when EKS has deleted the cluster.
	StopCluster(name string)
}

// Hooks connect simulated resources to things that really run.
type Hooks struct {
	// ClusterStarter is required.
	ClusterStarter ClusterStarter
}

// Records publishes what Route 53 answers; the simulated DNS server does.
type Records interface {
	// SetCNAME makes name an alias of target.
	SetCNAME(name, target string)
	// Remove deletes what was published for name.
	Remove(name string)
}

// Options configure the controllers.
type Options struct {
	// Config reaches the management cluster, where the ACK CRDs are installed.
	Config *rest.Config
	// Cloud is the account that the custom resources describe.
	Cloud *cloud.Cloud
	// Hooks are called for kinds that are more than an entry in the account.
	Hooks
	// DNS publishes the records of RecordSets once they are in sync; nil publishes nothing.
	DNS Records
	// Account is the account number that ACK reports as the owner of everything. It is
	// the Cloud's by default; another rehearses ACK acting in the wrong account.
	Account string
	// Resync are simulated intervals after which a synced resource is looked at again, by
	// kind; that of the kind "" is for all that have none of their own, here or by default.
	// What it leaves out is as config/ack has it.
	Resync map[string]time.Duration
	// Logger receives what the controllers log; nothing is logged by default.
	Logger logr.Logger
}

// Controllers are the running ACK controllers.
type Controllers struct {
	cancel    context.CancelFunc
	finished  chan struct{}
	err       error // of the manager; read it after finished is closed
	lifecycle *lifecycle
	pauses    *pauses
}

// Start runs the controllers until Stop is called or ctx ends. It returns once
// they watch every kind.
func Start(ctx context.Context, o Options) (*Controllers, error) {
	if o.ClusterStarter == nil {
		return nil, errors.New("starting ACK: a ClusterStarter is required")
	}
	if o.Logger.IsZero() {
		o.Logger = logr.Discard()
	}
	if o.Account == "" {
		o.Account = o.Cloud.Account()
	}
	owner := account{Cloud: o.Cloud, clusters: o.ClusterStarter, records: o.DNS, faults: newFaults(), owner: o.Account, resyncs: withDefaults(o.Resync)}
	c := &Controllers{finished: make(chan struct{}), lifecycle: &lifecycle{account: owner}, pauses: newPauses()}
	mgr, err := c.newManager(o)
	if err != nil {
		return nil, err
	}
	c.pauses.cache = mgr.GetCache()

	ctx, c.cancel = context.WithCancel(ctx)
	c.lifecycle.resume(ctx)
	go func() {
		defer close(c.finished)
		c.err = mgr.Start(ctx)
	}()
	if err := c.awaitWatches(ctx, mgr); err != nil {
		c.Stop()
		return nil, fmt.Errorf("starting ACK: %w", errors.Join(err, c.err))
	}
	return c, nil
}

// Stop ends the controllers and everything they wait for. It may be called twice.
func (c *Controllers) Stop() {
	c.cancel()
	c.pauses.end()
	<-c.finished
	c.lifecycle.running.Wait()
}

// awaitWatches returns when the manager has seen the objects of every kind.
func (c *Controllers) awaitWatches(ctx context.Context, mgr manager.Manager) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { // an early end of the manager must not leave us waiting for its cache
		select {
		case <-c.finished:
			cancel()
		case <-ctx.Done():
		}
	}()
	for _, k := range kinds {
		if _, err := mgr.GetCache().GetInformer(ctx, k.object()); err != nil {
			return fmt.Errorf("watching %s: %w", k.name, err)
		}
	}
	return nil
}

func (c *Controllers) newManager(o Options) (manager.Manager, error) {
	unlimited := rest.CopyConfig(o.Config)
	unlimited.QPS = -1
	anyName := true // the same controllers may run again in this process
	mgr, err := manager.New(unlimited, manager.Options{
		Logger:                 o.Logger,
		Metrics:                metricsserver.Options{BindAddress: "0"},
		HealthProbeBindAddress: "0",
		Controller:             config.Controller{SkipNameValidation: &anyName},
	})
	if err != nil {
		return nil, fmt.Errorf("starting ACK: %w", err)
	}
	for _, k := range kinds {
		if err := c.addController(mgr, k); err != nil {
			return nil, fmt.Errorf("starting ACK for %s: %w", k.name, err)
		}
	}
	return mgr, nil
}

func (c *Controllers) addController(mgr manager.Manager, k *kind) error {
	scale := c.lifecycle.Scale
	return ctrl.NewControllerManagedBy(mgr).
		Named(strings.ToLower(k.name)).
		For(k.object(), builder.WithPredicates(predicate.GenerationChangedPredicate{})).
		WatchesRawSource(c.pauses.sourceOf(k)).
		WithOptions(controller.Options{
			MaxConcurrentReconciles: 1, // ACK's default, and part of what makes many regions slow
			RateLimiter: workqueue.NewTypedItemExponentialFailureRateLimiter[reconcile.Request](
				scale(firstBackoff), scale(longestBackoff)),
		}).
		// Unstructured objects are read from the API server, as ACK does: a stale
		// cache would lack the ID just written and create the resource again.
		Complete(c.pauses.guard(k, &reconciler{
			kind: k, lifecycle: c.lifecycle, client: client.WithFieldOwner(mgr.GetClient(), fieldOwner),
		}))
}
