package dns

import (
	"context"
	"errors"
	"maps"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/miekg/dns"
	"k8s.io/utils/clock"
)

// Resolver answers for names; a Server is one, as is a Cache.
type Resolver interface {
	LookupHost(ctx context.Context, name string) ([]netip.Addr, error)
}

// What a resolver makes of a Server's answers.
const (
	// NegativeLife is how long a name stays missing.
	NegativeLife = min(soaTTL, negativeTTL) * time.Second
	// PositiveLife is how long an address stays the same.
	PositiveLife = recordTTL * time.Second
)

// Cache is a resolver between pods and the authoritative servers, as every network has one.
// It remembers that a name is not there as well (RFC 2308), so that whoever asks too early
// goes on being told so after the name was registered. Other failures it forgets.
type Cache struct {
	upstream           Resolver
	clock              clock.PassiveClock
	negative, positive time.Duration

	mu      sync.Mutex
	answers map[string]answer
}

// answer is good until it expires.
type answer struct {
	addresses []netip.Addr
	err       error
	expires   time.Time
}

// NewCache returns an empty Cache in front of a resolver.
func NewCache(upstream Resolver, clk clock.PassiveClock, negativeTTL, positiveTTL time.Duration) *Cache {
	return &Cache{upstream: upstream, clock: clk, negative: negativeTTL, positive: positiveTTL, answers: map[string]answer{}}
}

// LookupHost is like Server.LookupHost, at times out of date.
func (c *Cache) LookupHost(ctx context.Context, name string) ([]netip.Addr, error) {
	key := dns.CanonicalName(name)
	if held, ok := c.held(key); ok {
		return held.addresses, held.err
	}
	addresses, err := c.upstream.LookupHost(ctx, name)
	if failure, ok := errors.AsType[*net.DNSError](err); err != nil && (!ok || !failure.IsNotFound) {
		return nil, err
	}
	life := c.positive
	if err != nil {
		life = c.negative
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.answers[key] = answer{addresses: addresses, err: err, expires: c.clock.Now().Add(life)}
	return addresses, err
}

// held also forgets what has expired, of all names.
func (c *Cache) held(key string) (answer, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.clock.Now()
	maps.DeleteFunc(c.answers, func(_ string, a answer) bool { return !now.Before(a.expires) })
	held, ok := c.answers[key]
	return held, ok
}
