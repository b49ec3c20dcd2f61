package gossip

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
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
		"d.example.com": {netip.MustParseAddr("10.0.0.4")},
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

// attempts asks a member how often it has tried to join: it goes on while a test looks.
func (r *ring) attempts(name string) func() int {
	return func() int {
		_, after, _ := strings.Cut(r.metrics(name), "\nunkey_gossip_seed_join_attempts_total ")
		number, _, _ := strings.Cut(after, "\n")
		n, err := strconv.Atoi(number)
		if err != nil {
			return -1
		}
		return n
	}
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

	g.Eventually(r.attempts("b"), patience).Should(BeNumerically(">=", 3))
	g.Eventually(a.Members, patience).Should(Equal(1))
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
	g.Eventually(late.Members, patience).Should(Equal(2))
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
	links := r.newCuts()
	a := r.start("a", "", links.obey)
	b := r.start("b", "a.example.com", links.obey)
	g.Eventually(members(a, b), patience).Should(HaveEach(2))

	links.between("a", "b", network.TCP, network.UDP)
	g.Eventually(members(a, b), patience).Should(HaveEach(1))
	links.heal()
	g.Eventually(members(a, b), patience).Should(HaveEach(2))
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
		for _, transport := range []network.Transport{network.TCP, network.UDP} {
			_, bound := r.network.Lookup(transport, netip.AddrPortFrom(r.hosts["a.example.com"][0], port))
			g.Expect(bound).To(BeFalse())
		}
	}
}

func TestStartRefusesABadKey(t *testing.T) {
	g := NewWithT(t)
	_, err := Start(t.Context(), Options{Name: "a", Key: []byte("short")})
	g.Expect(err).To(MatchError(ContainSubstring("key")))
}

func TestStartRefusesAnUnknownSeedFormat(t *testing.T) {
	g := NewWithT(t)
	_, err := Start(t.Context(), Options{Name: "a", Key: ringKey, SeedFormat: "yaml"})
	g.Expect(err).To(MatchError(ContainSubstring(`"yaml" is no format`)))
}

func TestPeerMetric(t *testing.T) {
	t.Parallel()
	g, r := NewWithT(t), newRing(t)
	a := r.start("a", "", func(o *Options) { o.PeerMetric = true })
	sibling := r.start("b", "a.example.com", func(o *Options) { o.Region = "region-a" })
	c := r.start("c", "a.example.com")
	g.Eventually(members(a, sibling, c), patience).Should(HaveEach(3))

	text := r.metrics("a")
	g.Expect(text).To(ContainSubstring(`unkey_gossip_member{pool="wan",region="region-a"} 1` + "\n"))
	g.Expect(text).To(ContainSubstring(`unkey_gossip_member{pool="wan",region="region-c"} 1` + "\n"))
	g.Expect(r.metrics("c")).NotTo(ContainSubstring("unkey_gossip_member{"), "it was not asked to")
	c.Stop()
	g.Eventually(func() string { return r.metrics("a") }, patience).ShouldNot(ContainSubstring("region-c"))
}

func TestSplitSeeds(t *testing.T) {
	cases := map[string]struct {
		text   string
		format SeedFormat
		want   []string
	}{
		"none":                       {text: ""},
		"blanks only":                {text: " , "},
		"commas":                     {text: "a.example.com, b.example.com:7947", want: []string{"a.example.com", "b.example.com:7947"}},
		"commas by name":             {text: "a,b", format: SeedsComma, want: []string{"a", "b"}},
		"JSON where commas are read": {text: `["a"]`, want: []string{`["a"]`}},
		"spaces where commas are":    {text: "a b", want: []string{"a b"}},
		"JSON":                       {text: `["a.example.com:7947", "b"]`, format: SeedsJSON, want: []string{"a.example.com:7947", "b"}},
		"an empty JSON array":        {text: "[]", format: SeedsJSON},
		"nothing where JSON is":      {text: "", format: SeedsJSON},
		"commas where JSON is":       {text: "a,b", format: SeedsJSON, want: []string{"a,b"}},
		"spaces":                     {text: " a  b:7000 ", format: SeedsSpace, want: []string{"a", "b:7000"}},
		"commas where spaces are":    {text: "a,b", format: SeedsSpace, want: []string{"a,b"}},
		"JSON where spaces are":      {text: `["a","b"]`, format: SeedsSpace, want: []string{`["a","b"]`}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(splitSeeds(tc.text, tc.format)).To(Equal(tc.want))
		})
	}
}

func TestSeedsInAnotherFormAreOneBogusHost(t *testing.T) {
	t.Parallel()
	g, r := NewWithT(t), newRing(t)
	a := r.start("a", "")
	b := r.start("b", "a.example.com c.example.com")
	c := r.start("c", `["a.example.com"]`, func(o *Options) { o.SeedFormat = SeedsJSON })
	g.Eventually(members(a, c), patience).Should(HaveEach(2))
	g.Eventually(b.Members, patience).Should(Equal(1))
	g.Expect(r.metrics("b")).To(ContainSubstring("unkey_gossip_seed_join_attempts_total 0\n"))
}

func TestResolveSeeds(t *testing.T) {
	known := hosts{
		"one.example.com": {netip.MustParseAddr("52.0.0.1")},
		"two.example.com": {netip.MustParseAddr("52.0.0.2"), netip.MustParseAddr("52.0.0.3")},
	}
	cases := map[string]struct {
		seeds []string
		want  []string
	}{
		"none":                 {},
		"default port":         {seeds: []string{"one.example.com"}, want: []string{"52.0.0.1:7947"}},
		"its own port":         {seeds: []string{"one.example.com:7000"}, want: []string{"52.0.0.1:7000"}},
		"every address":        {seeds: []string{"two.example.com"}, want: []string{"52.0.0.2:7947", "52.0.0.3:7947"}},
		"an unknown one":       {seeds: []string{"gone.example.com", "one.example.com"}, want: []string{"52.0.0.1:7947"}},
		"an address as a seed": {seeds: []string{"10.0.0.1"}, want: []string{"10.0.0.1:7947"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(resolveSeeds(t.Context(), known, tc.seeds)).To(Equal(tc.want))
		})
	}
}
