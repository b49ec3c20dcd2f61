package regional

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"

	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
	"github.com/portolan-dev/portolan/test/simulator/gossip"
	"github.com/portolan-dev/portolan/test/simulator/network"
)

// DNS is where load balancers and ExternalDNS register names, and where pods look them up.
type DNS interface {
	gossip.Resolver
	SetA(name string, ips ...netip.Addr)
	SetCNAME(name, target string)
	Remove(name string)
}

// Options describe one regional cluster.
type Options struct {
	// Name is the EKS cluster's name.
	Name      string
	AWSRegion string
	// Config reaches the region's API server as an administrator.
	Config  *rest.Config
	Cloud   *cloud.Cloud
	Network *network.Network
	DNS     DNS
	// VPCCIDR is where nodes and pods get their addresses.
	VPCCIDR netip.Prefix
	// Resolver is whom pods ask for names; nil means DNS.
	Resolver gossip.Resolver
	// Links tells pods what reaches whom.
	Links network.Links
	// Programs are what containers run as real processes.
	Programs Programs
	// Log receives failed passes; nil discards them.
	Log *slog.Logger
}

// Region is a running regional cluster.
type Region struct {
	options Options
	http    *http.Client
	direct  client.Client // past the cache
	client  client.Client // reads from the cache, which includes what it wrote itself
	cache   cache.Cache

	addresses *addressPool
	balancers *balancers
	records   records
	agents    *agents
	programs  *programs

	loops       loops
	cancel      context.CancelFunc
	unsubscribe func()
	running     sync.WaitGroup
}

// Start runs the controllers of a regional cluster until Stop or the end of ctx.
func Start(ctx context.Context, o Options) (*Region, error) {
	r, err := connect(o)
	if err != nil {
		return nil, fmt.Errorf("connecting to the API server of %s: %w", o.Name, err)
	}
	ctx, r.cancel = context.WithCancel(ctx)
	if err := r.start(ctx); err != nil {
		r.Stop()
		return nil, fmt.Errorf("starting region %s: %w", o.Name, err)
	}
	return r, nil
}

// Stop ends the controllers and the pods' processes. What AWS and DNS hold stays, as
// it would when a cluster vanishes.
func (r *Region) Stop() {
	r.cancel()
	r.claimNodes("") // EKS need not wait for us
	r.unsubscribe()
	r.loops.stop()
	r.running.Wait()
	r.agents.stop()
	r.programs.stop()
	r.balancers.stop()
	r.http.CloseIdleConnections()
}

func connect(o Options) (*Region, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	o.Log = o.Log.With("cluster", o.Name)
	if o.Resolver == nil {
		o.Resolver = o.DNS
	}
	o.Config = rest.CopyConfig(o.Config)
	o.Config.QPS, o.Config.Burst = -1, -1
	r := &Region{
		options:     o,
		addresses:   newAddressPool(o.VPCCIDR),
		balancers:   newBalancers(),
		records:     records{},
		agents:      newAgents(),
		programs:    newPrograms(),
		unsubscribe: func() {},
	}
	var err error
	if r.http, err = rest.HTTPClientFor(o.Config); err != nil {
		return nil, err
	}
	return r, r.connectClients()
}

func (r *Region) connectClients() (err error) {
	r.cache, err = cache.New(r.options.Config, cache.Options{
		HTTPClient:       r.http,
		Scheme:           scheme.Scheme,
		DefaultTransform: cache.TransformStripManagedFields(),
	})
	if err != nil {
		return err
	}
	options := client.Options{HTTPClient: r.http, Scheme: scheme.Scheme}
	if r.direct, err = client.New(r.options.Config, options); err != nil {
		return err
	}
	options.Cache = &client.CacheOptions{Reader: r.cache, EnableReadYourWritesConsistency: new(true)}
	r.client, err = client.New(r.options.Config, options)
	return err
}

func (r *Region) start(ctx context.Context) error {
	if err := r.grantAccess(ctx); err != nil {
		return err
	}
	r.running.Go(func() {
		if err := r.cache.Start(ctx); err != nil {
			r.options.Log.Error("Cache ended", "error", err)
		}
	})
	watches := r.plan()
	for _, w := range watches {
		if err := w.connect(ctx, r.cache); err != nil {
			return err
		}
	}
	if err := r.reserveAddresses(ctx); err != nil {
		return err
	}
	for _, l := range r.loops {
		r.running.Go(func() { l.run(ctx) })
		l.wake()
	}
	r.claimNodes("regional")
	return nil
}

// claimNodes tells simulated EKS who brings the nodes of this cluster to a new version.
func (r *Region) claimNodes(by string) {
	_ = r.options.Cloud.Update(r.clusterKey(), func(held *cloud.Resource) { // it may not be there
		if held.Data == nil {
			held.Data = map[string]string{}
		}
		held.Data[nodesRunBy] = by
	})
}

// plan creates the loops and says which kinds wake them.
func (r *Region) plan() []watch {
	loopOf := func(name string, pass passFunc) *loop {
		l := newLoop(r.options.Log.With("loop", name), pass)
		r.loops = append(r.loops, l)
		return l
	}
	run := named{
		nodes:       loopOf("nodes", r.reconcileNodes),
		deployments: loopOf("deployments", r.reconcileDeployments),
		pods:        loopOf("pods", r.reconcilePods),
		budgets:     loopOf("budgets", r.reconcileBudgets),
		namespaces:  loopOf("namespaces", r.reconcileNamespaces),
		balancers:   loopOf("loadbalancers", r.reconcileLoadBalancers),
		externalDNS: loopOf("externaldns", r.reconcileExternalDNS),
		agents:      loopOf("agents", r.reconcileAgents),
		programs:    loopOf("programs", r.reconcilePrograms),
		access:      loopOf("access", r.reconcileAccess),
		sets:        loopOf("sets", r.reconcileSets),
	}
	r.programs.bell = run.programs.wake

	r.unsubscribe = r.options.Cloud.Subscribe(func(e cloud.Event) {
		if e.Resource.Type == nodegroupType && e.Resource.Region == r.options.AWSRegion {
			run.nodes.wake()
		}
	})
	return run.watches()
}
