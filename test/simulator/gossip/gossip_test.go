package gossip

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gleak"

	"github.com/portolan-dev/portolan/test/simulator/network"
)

const patience = 20 * time.Second

var ringKey = []byte("0123456789abcdef0123456789abcdef")

type hosts map[string][]netip.Addr

func (h hosts) LookupHost(_ context.Context, name string) ([]netip.Addr, error) {
	if ips, ok := h[name]; ok {
		return ips, nil
	}
	return nil, &net.DNSError{Name: name, IsNotFound: true}
}

// ring starts agents that reach each other. The name of each is that of its region.
type ring struct {
	t       *testing.T
	network *network.Network
	hosts   hosts
}

func newRing(t *testing.T) *ring {
	return &ring{t: t, network: network.New(), hosts: hosts{
		"a.example.com": {netip.MustParseAddr("10.0.0.1")},
		"b.example.com": {netip.MustParseAddr("10.0.0.2")},
		"c.example.com": {netip.MustParseAddr("10.0.0.3")},
	}}
}

func (r *ring) start(name, seeds string, edits ...func(*Options)) *Agent {
	r.t.Helper()
	o := Options{
		Name:      name,
		Region:    "region-" + name,
		Ring:      "unkey-api",
		Pod:       r.hosts[name+".example.com"][0],
		Seeds:     seeds,
		Key:       ringKey,
		Network:   r.network,
		Resolver:  r.hosts,
		Bridge:    func() bool { return true },
		TimeScale: 1.0 / 6000,
	}
	for _, edit := range edits {
		edit(&o)
	}
	agent, err := Start(r.t.Context(), o)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(agent.Stop)
	return agent
}

func (r *ring) metrics(name string) string {
	transport := &http.Transport{DialContext: r.network.DialContext, DisableKeepAlives: true}
	client := &http.Client{Transport: transport}
	answer, err := client.Get(fmt.Sprintf("http://%s:%d/metrics", r.hosts[name+".example.com"][0], MetricsPort))
	if err != nil {
		return err.Error()
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func TestOneDialCompletesTheRing(t *testing.T) {
	t.Parallel()
	g, r := NewWithT(t), newRing(t)
	a := r.start("a", "")
	g.Eventually(a.Members, patience).Should(Equal(1))
	b := r.start("b", "a.example.com")
	c := r.start("c", "a.example.com:7947, unknown.example.com")

	for _, agent := range []*Agent{a, b, c} {
		g.Eventually(agent.Members, patience).Should(Equal(3))
	}
	g.Expect(r.metrics("a")).To(And(
		ContainSubstring("unkey_gossip_seed_join_attempts_total 0\n"),
		ContainSubstring(`unkey_gossip_members_count{pool="wan"} 3`+"\n"),
		ContainSubstring("unkey_gossip_bridge_status 1\n"),
	))
	g.Expect(r.metrics("c")).To(ContainSubstring("unkey_gossip_seed_join_attempts_total 1\n"))

	c.Stop()
	g.Eventually(a.Members, patience).Should(Equal(2))
	g.Eventually(b.Members, patience).Should(Equal(2))
}

func TestAnotherKeyStaysOutside(t *testing.T) {
	t.Parallel()
	g, r := NewWithT(t), newRing(t)
	a := r.start("a", "")
	b := r.start("b", "a.example.com", func(o *Options) { o.Key = []byte("another key of 32 bytes, as long") })

	g.Eventually(func() string { return r.metrics("b") }, patience).
		Should(ContainSubstring("unkey_gossip_seed_join_attempts_total 3\n"))
	g.Expect(a.Members()).To(Equal(1))
	g.Expect(b.Members()).To(Equal(1))
}

func TestSeedsAreResolvedOnlyAtStart(t *testing.T) {
	t.Parallel()
	g, r := NewWithT(t), newRing(t)
	var elected atomic.Bool
	early := r.start("b", "late.example.com", func(o *Options) { o.Bridge = elected.Load })
	late := r.start("a", "")
	r.hosts["late.example.com"] = r.hosts["a.example.com"]
	elected.Store(true)

	g.Eventually(early.Members, patience).Should(Equal(1))
	third := r.start("c", "late.example.com")
	g.Eventually(third.Members, patience).Should(Equal(2))
	g.Expect(late.Members()).To(Equal(2))
	g.Expect(early.Members()).To(Equal(1))
	g.Expect(r.metrics("b")).To(ContainSubstring("unkey_gossip_seed_join_attempts_total 0\n"))
}

func TestAnotherPodTakesOverTheBridge(t *testing.T) {
	t.Parallel()
	g, r := NewWithT(t), newRing(t)
	peer := r.start("a", "")
	var moved atomic.Bool
	first := r.start("b", "a.example.com", func(o *Options) { o.Bridge = func() bool { return !moved.Load() } })
	second := r.start("c", "a.example.com", func(o *Options) { o.Bridge, o.Region = moved.Load, "region-b" })
	g.Eventually(peer.Members, patience).Should(Equal(2))
	g.Expect(second.Members()).To(BeZero())
	g.Expect(r.metrics("c")).To(ContainSubstring("unkey_gossip_bridge_status 0\n"))

	moved.Store(true)
	g.Eventually(second.Members, patience).Should(Equal(2))
	g.Eventually(first.Members, patience).Should(BeZero())
	g.Eventually(peer.Members, patience).Should(Equal(2))
}

func TestLonelyAgentRejoinsAfterACut(t *testing.T) {
	t.Parallel()
	g, r := NewWithT(t), newRing(t)
	var cut atomic.Bool
	links := func(o *Options) { o.Links = func(_, _ netip.Addr) bool { return !cut.Load() } }
	a := r.start("a", "", links)
	b := r.start("b", "a.example.com", links)
	g.Eventually(a.Members, patience).Should(Equal(2))
	g.Eventually(b.Members, patience).Should(Equal(2))

	cut.Store(true)
	g.Eventually(a.Members, patience).Should(Equal(1))
	g.Eventually(b.Members, patience).Should(Equal(1))
	cut.Store(false)
	g.Eventually(a.Members, patience).Should(Equal(2))
	g.Eventually(b.Members, patience).Should(Equal(2))
}

func TestStopLeavesNothing(t *testing.T) {
	g, r := NewWithT(t), newRing(t)
	before := gleak.Goroutines()
	a := r.start("a", "")
	b := r.start("b", "a.example.com")
	g.Eventually(a.Members, patience).Should(Equal(2))

	a.Stop()
	b.Stop()
	b.Stop()
	g.Eventually(gleak.Goroutines, patience).ShouldNot(gleak.HaveLeaked(before))
	for _, port := range []uint16{WANPort, MetricsPort} {
		_, bound := r.network.Lookup(netip.AddrPortFrom(r.hosts["a.example.com"][0], port))
		g.Expect(bound).To(BeFalse())
	}
}

func TestStartRefusesABadKey(t *testing.T) {
	g := NewWithT(t)
	_, err := Start(t.Context(), Options{Name: "a", Key: []byte("short")})
	g.Expect(err).To(MatchError(ContainSubstring("key")))
}

func TestResolveSeeds(t *testing.T) {
	known := hosts{
		"one.example.com": {netip.MustParseAddr("52.0.0.1")},
		"two.example.com": {netip.MustParseAddr("52.0.0.2"), netip.MustParseAddr("52.0.0.3")},
	}
	cases := map[string]struct {
		seeds string
		want  []string
	}{
		"none":                 {seeds: ""},
		"blanks only":          {seeds: " , "},
		"default port":         {seeds: "one.example.com", want: []string{"52.0.0.1:7947"}},
		"its own port":         {seeds: "one.example.com:7000", want: []string{"52.0.0.1:7000"}},
		"every address":        {seeds: "two.example.com", want: []string{"52.0.0.2:7947", "52.0.0.3:7947"}},
		"spaces and unknowns":  {seeds: "gone.example.com, one.example.com", want: []string{"52.0.0.1:7947"}},
		"an address as a seed": {seeds: "10.0.0.1", want: []string{"10.0.0.1:7947"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(resolveSeeds(t.Context(), known, tc.seeds)).To(Equal(tc.want))
		})
	}
}
