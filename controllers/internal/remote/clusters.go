// Package remote keeps one client with watches for each regional cluster, for as
// long as its Region exists. Adding or losing a region never restarts the operator,
// and a region that cannot be reached slows nobody else down.
package remote

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/oauth2"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/transport"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Target is everything that reaching a regional cluster takes.
type Target struct {
	// Name of the EKS cluster, which its tokens are bound to.
	Name string
	// AWSRegion whose STS signs the tokens.
	AWSRegion string
	// RoleARN that the tokens are for.
	RoleARN string
	// Endpoint of the Kubernetes API.
	Endpoint string
	// CA is the PEM certificate that signs the API server's.
	CA string
}

// Tokens issues credentials for EKS clusters.
type Tokens interface {
	// ClusterToken returns a bearer token and when it expires.
	ClusterToken(ctx context.Context, roleARN, awsRegion, cluster string) (token string, expires time.Time, err error)
}

// Clusters are the regional clusters, by Region.
type Clusters struct {
	tokens Tokens
	clock  clock.WithTicker
	// probeEvery is how often an API server is asked whether it answers.
	probeEvery time.Duration

	mu          sync.Mutex
	started     context.Context //nolint:containedctx // the manager's lifetime, which bounds every cluster's
	clusters    map[client.ObjectKey]*Cluster
	subscribers []subscriber
}

// Change is what changed in a regional cluster.
type Change int

// Changes that subscribers can be told of.
const (
	// Topology is the connection, Services and nodes.
	Topology Change = iota
	// Pods come, go, or become Ready, in a namespace whose Pods were asked for.
	Pods
	// Identities are pods that come without the pod identity that PodsWithoutIdentity was
	// last asked for, or change while they lack it, or go.
	Identities
	// Draining is a node that goes, or a pod that has to go from a cordoned node and went.
	Draining
	// Registration is the cluster Secret of an Argo CD that is in the cluster itself, and
	// whether it can be read.
	Registration
	// Applications are those of an Argo CD that is in the cluster itself.
	Applications
)

type subscriber struct {
	changes []Change
	notify  func(client.ObjectKey)
}

// New returns an empty set of clusters. It has to be added to the manager.
func New(tokens Tokens, clk clock.WithTicker, probeEvery time.Duration) *Clusters {
	return &Clusters{tokens: tokens, clock: clk, probeEvery: probeEvery, clusters: map[client.ObjectKey]*Cluster{}}
}

// Start implements manager.Runnable: clusters live until ctx ends.
func (c *Clusters) Start(ctx context.Context) error {
	c.mu.Lock()
	c.started = ctx
	for _, cluster := range c.clusters {
		cluster.start(ctx)
	}
	c.mu.Unlock()
	<-ctx.Done()
	c.mu.Lock()
	running := c.clusters
	c.clusters = map[client.ObjectKey]*Cluster{}
	c.mu.Unlock()
	for _, cluster := range running {
		cluster.stop()
	}
	return nil
}

// Subscribe calls notify with the Region's key whenever one of the changes happens in
// its cluster. Subscribe before the manager starts.
func (c *Clusters) Subscribe(notify func(client.ObjectKey), changes ...Change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.subscribers = append(c.subscribers, subscriber{changes: changes, notify: notify})
}

// Ensure returns the Region's cluster, and begins to connect to it when the Region
// has none yet or its target has changed. A Region's own reconciles do not overlap, so
// one key is never ensured twice at once.
func (c *Clusters) Ensure(key client.ObjectKey, target Target) (*Cluster, error) {
	if existing, ok := c.Get(key); ok {
		if existing.target == target {
			return existing, nil
		}
		c.Remove(key)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	cluster, err := c.connect(target, func(what Change) { c.notify(key, what) })
	if err != nil {
		return nil, err
	}
	c.clusters[key] = cluster
	if c.started != nil {
		cluster.start(c.started)
	}
	return cluster, nil
}

// Get returns the Region's cluster, if Ensure was called for it.
func (c *Clusters) Get(key client.ObjectKey) (*Cluster, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	cluster, ok := c.clusters[key]
	return cluster, ok
}

// Remove disconnects from the Region's cluster.
func (c *Clusters) Remove(key client.ObjectKey) {
	c.mu.Lock()
	cluster, ok := c.clusters[key]
	delete(c.clusters, key)
	c.mu.Unlock()
	if ok {
		cluster.stop() // without the lock, which the cluster's last notifications need
	}
}

func (c *Clusters) notify(key client.ObjectKey, what Change) {
	c.mu.Lock()
	subscribers := c.subscribers
	c.mu.Unlock()
	for _, s := range subscribers {
		if slices.Contains(s.changes, what) {
			s.notify(key)
		}
	}
}

// Requests to one cluster: enough for a few rings' scrapes, far below what an API server bears.
const (
	requestsPerSecond = 50
	requestBurst      = 100
	requestTimeout    = 10 * time.Second
)

func (c *Clusters) connect(target Target, changed func(Change)) (*Cluster, error) {
	tokens := oauth2.ReuseTokenSourceWithExpiry(nil, &tokenSource{tokens: c.tokens, target: target}, tokenMargin)
	clients, err := newClientset(&rest.Config{
		Host:            target.Endpoint,
		TLSClientConfig: rest.TLSClientConfig{CAData: []byte(target.CA)},
		WrapTransport:   transport.TokenSourceWrapTransport(tokens),
		QPS:             requestsPerSecond,
		Burst:           requestBurst,
		UserAgent:       "portolan",
	})
	if err != nil {
		return nil, fmt.Errorf("configuring the client of cluster %s: %w", target.Name, err)
	}
	return newCluster(target, clients, c.clock, c.probeEvery, changed), nil
}

// tokenMargin is how long before its end a token is replaced.
const tokenMargin = 2 * time.Minute

// tokenSource adapts Tokens. The interface that it implements carries no context.
type tokenSource struct {
	tokens Tokens
	target Target
}

// Token implements oauth2.TokenSource.
func (s *tokenSource) Token() (*oauth2.Token, error) {
	ctx, cancel := context.WithTimeout(context.Background(), requestTimeout) //nolint:forbidigo // oauth2.TokenSource hands us no context
	defer cancel()
	token, expires, err := s.tokens.ClusterToken(ctx, s.target.RoleARN, s.target.AWSRegion, s.target.Name)
	if err != nil {
		return nil, fmt.Errorf("issuing a token for cluster %s: %w", s.target.Name, err)
	}
	return &oauth2.Token{AccessToken: token, TokenType: "Bearer", Expiry: expires}, nil
}
