package dns_test

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	clocktesting "k8s.io/utils/clock/testing"

	simulated "github.com/portolan-dev/portolan/test/simulator/dns"
)

const late = "late.aws.example.test"

func newCache(s simulated.Resolver) (*simulated.Cache, *clocktesting.FakePassiveClock) {
	clk := clocktesting.NewFakePassiveClock(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	return simulated.NewCache(s, clk, 15*time.Minute, time.Minute), clk
}

func TestWhoAsksTooEarlyStaysWrong(t *testing.T) {
	g, s := NewWithT(t), start(t)
	cache, clk := newCache(s)
	_, err := cache.LookupHost(t.Context(), late)
	g.Expect(err).To(MatchError(ContainSubstring("no such host")))

	s.SetA(late, first)
	g.Expect(s.LookupHost(t.Context(), late)).To(HaveExactElements(first), "who asks past the cache")
	clk.SetTime(clk.Now().Add(15*time.Minute - time.Second))
	asked := s.Queries()
	_, err = cache.LookupHost(t.Context(), "LATE.aws.example.test.")
	g.Expect(err).To(MatchError(ContainSubstring("no such host")))
	g.Expect(s.Queries()).To(Equal(asked))

	clk.SetTime(clk.Now().Add(time.Second))
	g.Expect(cache.LookupHost(t.Context(), late)).To(HaveExactElements(first))
}

func TestCacheRemembersAddresses(t *testing.T) {
	g, s := NewWithT(t), start(t)
	cache, clk := newCache(s)
	s.SetA(late, first)
	g.Expect(cache.LookupHost(t.Context(), late)).To(HaveExactElements(first))
	s.SetA(late, second)
	clk.SetTime(clk.Now().Add(time.Minute - time.Second))
	g.Expect(cache.LookupHost(t.Context(), late)).To(HaveExactElements(first))
	clk.SetTime(clk.Now().Add(time.Second))
	g.Expect(cache.LookupHost(t.Context(), late)).To(HaveExactElements(second))
}

// flaky fails until it is repaired.
type flaky struct {
	simulated.Resolver
	broken bool
}

func (f *flaky) LookupHost(ctx context.Context, name string) ([]netip.Addr, error) {
	if f.broken {
		return nil, errors.New("no route to the name server")
	}
	return f.Resolver.LookupHost(ctx, name)
}

func TestCacheForgetsOtherFailures(t *testing.T) {
	g, s := NewWithT(t), start(t)
	_, err := s.LookupHost(t.Context(), "example.com")
	g.Expect(err).To(MatchError(ContainSubstring("refused")))
	upstream := &flaky{Resolver: s, broken: true}
	cache, _ := newCache(upstream)
	_, err = cache.LookupHost(t.Context(), "lb.elb.amazonaws.com")
	g.Expect(err).To(MatchError("no route to the name server"))
	upstream.broken = false
	g.Expect(cache.LookupHost(t.Context(), "lb.elb.amazonaws.com")).To(HaveExactElements(first, second))

	asked := s.Queries()
	for range 2 {
		_, err = cache.LookupHost(t.Context(), "example.com")
		g.Expect(err).To(MatchError(ContainSubstring("refused")))
	}
	g.Expect(s.Queries()).To(Equal(asked+2), "a refusal says nothing about the name")
}

func TestCacheIsShared(t *testing.T) {
	g, s := NewWithT(t), start(t)
	cache, _ := newCache(s)
	var asking sync.WaitGroup
	for range 8 {
		asking.Go(func() { _, _ = cache.LookupHost(t.Context(), "lb.elb.amazonaws.com") })
	}
	asking.Wait()
	asked := s.Queries()
	g.Expect(cache.LookupHost(t.Context(), "lb.elb.amazonaws.com")).To(HaveLen(2))
	g.Expect(s.Queries()).To(Equal(asked))
}
