package remote

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// Following is what to watch in a cluster beside what is watched in every one.
type Following struct {
	// Scheme has the kinds.
	Scheme *runtime.Scheme
	// Objects says which of them, by their namespaces and labels.
	Objects cache.Options
	// Kinds are announced when one of them changes. One that is not installed yet is looked for
	// until it is.
	Kinds map[client.Object]Change
}

// Follower is a cache of some kinds of a regional cluster, and a way to change them.
type Follower struct {
	cluster *Cluster
	scheme  *runtime.Scheme
	seen    cache.Cache
	cached  client.Client
	live    client.Client

	mu    sync.Mutex
	kinds map[schema.GroupVersionKind]*followed
}

// followed is one kind.
type followed struct {
	kind     client.Object
	change   Change
	informer cache.Informer // nil until there is one
	absent   error          // why not
}

// Follow returns what the cluster's first call with this connection began to follow: what is
// asked for later is not looked at. It returns ErrNotObserved unless the cluster was connected.
func (c *Cluster) Follow(what Following) (*Follower, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.follower != nil:
		return c.follower, nil
	case !c.connected || c.lifetime == nil:
		return nil, ErrNotObserved
	}
	f, err := newFollower(c, what)
	if err != nil {
		return nil, fmt.Errorf("configuring the watches of cluster %s: %w", c.target.Name, err)
	}
	c.follower = f
	ctx := c.lifetime
	c.done.Go(func() { _ = f.seen.Start(ctx) }) // fails only when it is started twice
	c.done.Go(func() { f.run(ctx) })
	return f, nil
}

func newFollower(c *Cluster, what Following) (*Follower, error) {
	config := rest.CopyConfig(c.config)
	config.Timeout = requestTimeout
	transport, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, fmt.Errorf("configuring the transport: %w", err)
	}
	mapper, err := apiutil.NewDynamicRESTMapper(config, transport)
	if err != nil {
		return nil, fmt.Errorf("configuring discovery: %w", err)
	}
	options := what.Objects
	options.Scheme, options.Mapper = what.Scheme, mapper
	f := &Follower{cluster: c, scheme: what.Scheme, kinds: map[schema.GroupVersionKind]*followed{}}
	if f.seen, err = cache.New(c.config, options); err != nil {
		return nil, fmt.Errorf("configuring the cache: %w", err)
	}
	direct := client.Options{HTTPClient: transport, Mapper: mapper, Scheme: what.Scheme}
	if f.live, err = client.New(config, direct); err != nil {
		return nil, fmt.Errorf("configuring the client: %w", err)
	}
	direct.Cache = &client.CacheOptions{Reader: f.seen, EnableReadYourWritesConsistency: new(true)}
	if f.cached, err = client.New(config, direct); err != nil {
		return nil, fmt.Errorf("configuring the cached client: %w", err)
	}
	for kind, change := range what.Kinds {
		gvk, err := apiutil.GVKForObject(kind, what.Scheme)
		if err != nil {
			return nil, fmt.Errorf("configuring the watches: %w", err)
		}
		f.kinds[gvk] = &followed{kind: kind, change: change}
	}
	return f, nil
}

// Client reads from the cache, once it has caught up with what the client wrote, and writes. Read
// only kinds that are Observed: it would wait for the others.
func (f *Follower) Client() client.Client { return f.cached }

// Live reads past the cache.
func (f *Follower) Live() client.Reader { return f.live }

// Seen reads what was last seen, be it long ago.
func (f *Follower) Seen() client.Reader { return f.seen }

// Observed returns nil when the objects of the kind were listed, ErrNotObserved when that is yet
// to come, and what the API server said where it does not know the kind.
func (f *Follower) Observed(kind client.Object) error {
	gvk, err := apiutil.GVKForObject(kind, f.scheme)
	if err != nil {
		return err //nolint:wrapcheck // names the type
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	k := f.kinds[gvk]
	switch {
	case k == nil:
		return fmt.Errorf("nobody follows %s", gvk.Kind)
	case k.informer != nil && k.informer.HasSynced():
		return nil
	case k.absent != nil:
		return k.absent
	}
	return ErrNotObserved
}

// listed tells whether every kind that is installed was listed once.
func (f *Follower) listed() bool {
	f.mu.Lock()
	kinds := maps.Clone(f.kinds)
	f.mu.Unlock()
	for _, k := range kinds {
		if err := f.Observed(k.kind); err != nil && !meta.IsNoMatchError(err) {
			return false
		}
	}
	return true
}

// run begins to watch each kind as soon as it is installed.
func (f *Follower) run(ctx context.Context) {
	ticker := f.cluster.clock.NewTicker(f.cluster.probeEvery)
	defer ticker.Stop()
	for !f.begin(ctx) {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C():
		}
	}
}

// begin tells whether every kind is being watched.
func (f *Follower) begin(ctx context.Context) bool {
	f.mu.Lock()
	kinds := maps.Clone(f.kinds)
	f.mu.Unlock()
	all := true
	for _, k := range kinds {
		if k.informer != nil { // only run writes it
			continue
		}
		informer, err := f.seen.GetInformer(ctx, k.kind, cache.BlockUntilSynced(false))
		if err == nil {
			_, err = informer.AddEventHandler(f.handler(k.change))
		}
		if f.settle(k, informer, err); err != nil {
			all = false
			continue
		}
		f.cluster.done.Go(func() {
			if toolscache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
				f.cluster.changed(k.change)
			}
		})
	}
	return all
}

func (f *Follower) settle(k *followed, informer cache.Informer, err error) {
	f.mu.Lock()
	before := k.absent
	k.informer, k.absent = informer, err
	if err != nil {
		k.informer = nil
	}
	f.mu.Unlock()
	if err != nil && before == nil {
		f.cluster.changed(k.change)
	}
}

func (f *Follower) handler(what Change) toolscache.ResourceEventHandler {
	return toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { f.cluster.changed(what) },
		UpdateFunc: func(any, any) { f.cluster.changed(what) },
		DeleteFunc: func(any) { f.cluster.changed(what) },
	}
}
