package gossip

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/portolan-dev/portolan/test/simulator/network"
)

const (
	// WANPort is where a bridge listens, TCP and UDP.
	WANPort = 7947
	// MetricsPort serves /metrics on every pod.
	MetricsPort = 9090

	defaultTimeScale = 1.0 / 60
	electionPoll     = 200 * time.Millisecond
	// rejoinPeriod is in simulated time.
	rejoinPeriod = 2 * time.Minute
	rejoinFloor  = 250 * time.Millisecond
)

// Network is what an agent needs from the simulated network.
type Network interface {
	network.Dialer
	Listen(addr netip.AddrPort) (net.Listener, error)
	Register(t network.Transport, addr, loopback netip.AddrPort) (unregister func())
	Lookup(t network.Transport, addr netip.AddrPort) (netip.AddrPort, bool)
}

// Resolver turns a seed's host name into addresses.
type Resolver interface {
	LookupHost(ctx context.Context, name string) ([]netip.Addr, error)
}

// Options describe one agent.
type Options struct {
	// Name is the pod's name. With Region it identifies the agent in its ring.
	Name   string
	Region string
	// Ring only tells the logs of several rings apart: the key separates rings.
	Ring string
	// Pod is the address that the agent advertises.
	Pod netip.Addr
	// Seeds are host names, with a port where it is not WANPort, in the format that the
	// workload expects.
	Seeds string
	// SeedFormat is that format; empty means SeedsComma.
	SeedFormat SeedFormat
	// Key is the ring's AES key of 16, 24 or 32 bytes.
	Key      []byte
	Network  Network
	Resolver Resolver
	// Bridge tells whether this pod is the one that takes part in the ring.
	Bridge func() bool
	// Links tells what reaches whom.
	Links network.Links
	// PeerMetric also exposes each region that the agent sees.
	PeerMetric bool
	// TimeScale is simulated time per real time; zero means a minute takes a second.
	TimeScale float64
	// Log receives memberlist's log; nil discards it.
	Log io.Writer
}

// Agent is the gossip process of one pod.
type Agent struct {
	options Options
	seeds   []string
	metrics *metricsServer
	cancel  context.CancelFunc
	done    chan struct{}

	mu   sync.Mutex
	pool *pool // nil while another pod is the bridge
}

// Start resolves the seeds, starts an agent and returns; joining happens behind it.
// The agent leaves its ring when ctx ends.
func Start(ctx context.Context, o Options) (*Agent, error) {
	if err := memberlist.ValidateKey(o.Key); err != nil {
		return nil, fmt.Errorf("checking the key of gossip agent %s: %w", o.Name, err)
	}
	o.TimeScale = cmp.Or(o.TimeScale, defaultTimeScale)
	if o.Log == nil {
		o.Log = io.Discard
	}
	seeds, err := splitSeeds(o.Seeds, o.SeedFormat)
	if err != nil {
		return nil, fmt.Errorf("reading the seeds of gossip agent %s: %w", o.Name, err)
	}
	a := &Agent{options: o, done: make(chan struct{}), seeds: resolveSeeds(ctx, o.Resolver, seeds)}
	listener, err := o.Network.Listen(netip.AddrPortFrom(o.Pod, MetricsPort))
	if err != nil {
		return nil, fmt.Errorf("listening for metrics of gossip agent %s: %w", o.Name, err)
	}
	a.metrics = serveMetrics(listener, a)
	ctx, a.cancel = context.WithCancel(ctx)
	go a.run(ctx)
	return a, nil
}

// Stop leaves the ring and frees everything the agent holds.
func (a *Agent) Stop() {
	a.cancel()
	<-a.done
}

// Members is how many members this agent counts in its ring, itself included;
// zero while it is not the bridge.
func (a *Agent) Members() int {
	if p := a.currentPool(); p != nil {
		return p.members()
	}
	return 0
}

// Regions are those with a member that this agent sees, its own included, sorted; none
// while it is not the bridge.
func (a *Agent) Regions() []string {
	if p := a.currentPool(); p != nil {
		return p.regions()
	}
	return nil
}

func (a *Agent) run(ctx context.Context) {
	defer close(a.done)
	defer a.metrics.close()
	defer a.resign()
	tick := time.NewTicker(electionPoll)
	defer tick.Stop()
	for ctx.Err() == nil {
		a.followElection()
		a.rejoinWhenAlone()
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

func (a *Agent) followElection() {
	elected, p := a.options.Bridge(), a.currentPool()
	switch {
	case elected && p == nil:
		a.takeOver()
	case !elected && p != nil:
		a.resign()
	}
}

// takeOver retries at the next poll when it fails: the port may still be held by
// whatever the kernel gave it to in between.
func (a *Agent) takeOver() {
	p, err := openPool(a.options)
	if err != nil {
		_, _ = fmt.Fprintf(a.options.Log, "gossip: opening the pool of %s: %v\n", a.options.Name, err)
		return
	}
	a.mu.Lock()
	a.pool = p
	a.mu.Unlock()
	a.join(p)
}

func (a *Agent) rejoinWhenAlone() {
	p := a.currentPool()
	period := max(rejoinFloor, time.Duration(float64(rejoinPeriod)*a.options.TimeScale))
	if p != nil && p.members() == 1 && time.Since(p.lastJoin) >= period {
		a.join(p)
	}
}

func (a *Agent) join(p *pool) {
	if len(a.seeds) == 0 {
		return
	}
	a.metrics.joinAttempts.Inc()
	p.join(a.seeds)
}

func (a *Agent) resign() {
	a.mu.Lock()
	p := a.pool
	a.pool = nil
	a.mu.Unlock()
	if p != nil {
		p.leave()
	}
}

func (a *Agent) currentPool() *pool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.pool
}
