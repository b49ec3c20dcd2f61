package remote

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Cluster is one regional cluster: watches of its Services, Nodes and Pods, and
// whether its API server answers.
type Cluster struct {
	target     Target
	config     *rest.Config
	requests   kubernetes.Interface
	writes     client.Client
	clock      clock.WithTicker
	probeEvery time.Duration
	changed    func(Change)

	informers informers.SharedInformerFactory
	services  cache.SharedIndexInformer
	nodes     cache.SharedIndexInformer
	pods      cache.SharedIndexInformer

	cancel context.CancelFunc
	done   sync.WaitGroup

	mu        sync.Mutex
	probed    bool
	probeErr  error
	connected bool
	seenAt    time.Time // when all was last known to be well, at first when the connection was made
	// identities are the service accounts whose pods should have a pod identity.
	identities map[types.NamespacedName]struct{}
	// namespaces are those whose pods were asked for.
	namespaces map[string]struct{}
	follower   *Follower       // of what Follow was first asked for
	lifetime   context.Context //nolint:containedctx // the connection's, which bounds the follower's; nil before and after
}

// clientset is how a cluster is talked to.
type clientset struct {
	config   *rest.Config         // of what has no timeout
	watches  kubernetes.Interface // without a timeout
	requests kubernetes.Interface
	writes   client.Client
}

func newCluster(target Target, clients clientset, clk clock.WithTicker, probeEvery time.Duration, changed func(Change)) *Cluster {
	factory := informers.NewSharedInformerFactoryWithOptions(clients.watches, 0, informers.WithTransform(trim))
	return &Cluster{
		target: target, config: clients.config, requests: clients.requests, writes: clients.writes, clock: clk, probeEvery: probeEvery, changed: changed,
		informers: factory,
		services:  factory.Core().V1().Services().Informer(),
		nodes:     factory.Core().V1().Nodes().Informer(),
		pods:      factory.Core().V1().Pods().Informer(),
		cancel:    func() {},
		seenAt:    clk.Now(),

		namespaces: map[string]struct{}{},
	}
}

// start probes the API server and begins to watch once it has accepted us: until
// an access entry is effective, watches would only pile up back-off.
func (c *Cluster) start(ctx context.Context) {
	ctx, c.cancel = context.WithCancel(ctx)
	c.mu.Lock()
	c.lifetime = ctx
	c.mu.Unlock()
	c.done.Go(func() { c.run(ctx) })
}

func (c *Cluster) stop() {
	c.mu.Lock()
	c.lifetime = nil
	c.mu.Unlock()
	c.cancel()
	c.done.Wait()
	c.informers.Shutdown()
}

func (c *Cluster) run(ctx context.Context) {
	ticker := c.clock.NewTicker(c.probeEvery)
	defer ticker.Stop()
	watching := false
	for {
		if c.probe(ctx) && !watching {
			watching = c.watch(ctx)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C():
		}
	}
}

func (c *Cluster) watch(ctx context.Context) bool {
	for informer, what := range map[cache.SharedIndexInformer]Change{c.services: Topology, c.nodes: Topology, c.pods: Pods} {
		if _, err := informer.AddEventHandler(c.handler(what)); err != nil {
			return false // only after a stop
		}
	}
	c.informers.StartWithContext(ctx)
	c.done.Go(func() {
		if cache.WaitForCacheSync(ctx.Done(), c.services.HasSynced, c.nodes.HasSynced, c.pods.HasSynced) {
			c.changed(Topology)
		}
	})
	return true
}

// handler announces what changes, but not heartbeats.
func (c *Cluster) handler(what Change) cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc: func(obj any) { c.announce(what, obj) },
		UpdateFunc: func(before, after any) {
			if !equality.Semantic.DeepEqual(essence(before), essence(after)) {
				c.announce(what, after)
				c.announceDrained(before, after)
			}
		},
		DeleteFunc: func(obj any) {
			if missed, ok := obj.(cache.DeletedFinalStateUnknown); ok {
				obj = missed.Obj
			}
			c.announce(what, obj)
			c.announceDrained(obj, nil)
		},
	}
}

func (c *Cluster) announce(what Change, obj any) {
	p, isPod := obj.(*corev1.Pod)
	if !isPod || c.interestedIn(p.Namespace) {
		c.changed(what)
	}
	if isPod && c.shouldHaveIdentity(p) && !identified(p) {
		c.changed(Identities)
	}
}

// Service returns a Service, or nil when there is none.
func (c *Cluster) Service(namespace, name string) (*corev1.Service, error) {
	if err := c.Connected(); err != nil {
		return nil, err
	}
	service, err := c.informers.Core().V1().Services().Lister().Services(namespace).Get(name)
	if apierrors.IsNotFound(err) {
		return nil, nil //nolint:nilnil // absence is an answer
	}
	return service, err //nolint:wrapcheck // a lister fails in no other way
}

// LoadBalancers returns the Services of type LoadBalancer as "namespace/name", sorted.
func (c *Cluster) LoadBalancers() ([]string, error) {
	if err := c.Connected(); err != nil {
		return nil, err
	}
	var names []string
	for _, obj := range c.services.GetStore().List() {
		if s, ok := obj.(*corev1.Service); ok && s.Spec.Type == corev1.ServiceTypeLoadBalancer {
			names = append(names, s.Namespace+"/"+s.Name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// Pods returns the pods with the labels, by name, without those that are finished or being
// deleted. From now on, changes of the namespace's pods are announced as Pods.
func (c *Cluster) Pods(namespace string, matchLabels map[string]string) ([]*corev1.Pod, error) {
	// Before looking: a pod that comes in between is then announced.
	c.interest(namespace)
	if err := c.Connected(); err != nil {
		return nil, err
	}
	pods, err := c.informers.Core().V1().Pods().Lister().Pods(namespace).List(labels.SelectorFromSet(matchLabels))
	if err != nil {
		return nil, fmt.Errorf("listing pods: %w", err)
	}
	pods = slices.DeleteFunc(pods, over)
	slices.SortFunc(pods, func(a, b *corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	return pods, nil
}

// interest makes changes of a namespace's pods known. It lasts as long as the connection:
// nobody asks for more namespaces than rings have.
func (c *Cluster) interest(namespace string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.namespaces[namespace] = struct{}{}
}

func (c *Cluster) interestedIn(namespace string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, this := c.namespaces[namespace]
	_, all := c.namespaces[corev1.NamespaceAll]
	return this || all
}
