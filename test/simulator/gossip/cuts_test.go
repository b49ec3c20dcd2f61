package gossip

import (
	"bytes"
	"maps"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/test/simulator/network"
)

// cuts are links between agents, by name.
type cuts struct {
	names map[netip.Addr]string

	mu  sync.Mutex
	cut map[[2]string][]network.Transport
}

func (r *ring) newCuts() *cuts {
	c := &cuts{names: map[netip.Addr]string{}}
	for _, name := range []string{"a", "b", "c", "d"} {
		c.names[r.hosts[name+".example.com"][0]] = name
	}
	return c
}

// between cuts both directions.
func (c *cuts) between(some, others string, transports ...network.Transport) {
	for _, one := range some {
		for _, other := range others {
			c.from(string(one), string(other), transports...)
			c.from(string(other), string(one), transports...)
		}
	}
}

func (c *cuts) from(one, other string, transports ...network.Transport) {
	c.mu.Lock()
	defer c.mu.Unlock()
	cut := maps.Clone(c.cut)
	if cut == nil {
		cut = map[[2]string][]network.Transport{}
	}
	cut[[2]string{one, other}] = transports
	c.cut = cut
}

func (c *cuts) heal() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = nil
}

func (c *cuts) obey(o *Options) {
	o.Links = func(from, to netip.Addr, t network.Transport) bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		return !slices.Contains(c.cut[[2]string{c.names[from], c.names[to]}], t)
	}
}

// buffer is a log that agents write side by side.
type buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}

func members(agents ...*Agent) func() []int {
	return func() []int {
		var counts []int
		for _, agent := range agents {
			counts = append(counts, agent.Members())
		}
		return counts
	}
}

func TestACutSplitsARingForGood(t *testing.T) {
	t.Parallel()
	g, r := NewWithT(t), newRing(t)
	links := r.newCuts()
	a := r.start("a", "", links.obey)
	b := r.start("b", "a.example.com", links.obey)
	c := r.start("c", "a.example.com", links.obey)
	d := r.start("d", "c.example.com", links.obey)
	g.Eventually(members(a, b, c, d), patience).Should(HaveEach(4))

	links.between("ab", "cd", network.TCP, network.UDP)
	g.Eventually(members(a, b, c, d), patience).Should(HaveEach(2))
	g.Expect(a.Regions()).To(HaveExactElements("region-a", "region-b"))
	g.Expect(d.Regions()).To(HaveExactElements("region-c", "region-d"))
	apart := time.Now()
	g.Eventually(func() time.Duration { return time.Since(apart) }, patience).Should(BeNumerically(">", 2*deadTime), "they have forgotten each other")

	links.heal()
	g.Consistently(members(a, b, c, d), 3*time.Second).Should(HaveEach(2))

	b.Stop()
	b = r.start("b", "a.example.com,c.example.com", links.obey)
	g.Eventually(members(a, b, c, d), patience).Should(HaveEach(4))
}

func TestWithoutUDPMembersStayAndComplain(t *testing.T) {
	t.Parallel()
	g, r := NewWithT(t), newRing(t)
	links, log := r.newCuts(), &buffer{}
	logged := func(o *Options) { o.Log = log }
	a := r.start("a", "", links.obey)
	b := r.start("b", "a.example.com", links.obey, logged)
	g.Eventually(members(a, b), patience).Should(HaveEach(2))

	links.between("ab", "c", network.UDP)
	links.between("a", "b", network.UDP)
	g.Eventually(log.String, patience).Should(ContainSubstring("over TCP but UDP probes failed, network may be misconfigured"))
	c := r.start("c", "a.example.com", links.obey)
	g.Eventually(members(a, c), patience).Should(HaveEach(3), "joining takes TCP only")
	g.Consistently(members(a, b, c), 4*time.Second).Should(HaveEach(BeNumerically(">=", 2)))
}

func TestWithoutTCPNobodyJoinsAndMembersStay(t *testing.T) {
	t.Parallel()
	g, r := NewWithT(t), newRing(t)
	links := r.newCuts()
	a := r.start("a", "", links.obey)
	b := r.start("b", "a.example.com", links.obey)
	g.Eventually(members(a, b), patience).Should(HaveEach(2))

	links.between("ab", "c", network.TCP)
	links.between("a", "b", network.TCP)
	c := r.start("c", "a.example.com", links.obey)
	g.Eventually(r.attempts("c"), patience).Should(BeNumerically(">=", 3))
	g.Expect(members(a, b, c)()).To(HaveExactElements(2, 2, 1))

	links.heal()
	g.Eventually(members(a, b, c), patience).Should(HaveEach(3))
}

func TestACutHasADirection(t *testing.T) {
	t.Parallel()
	g, r := NewWithT(t), newRing(t)
	links := r.newCuts()
	links.from("a", "b", network.TCP)
	a := r.start("a", "b.example.com", links.obey)
	b := r.start("b", "", links.obey)
	g.Eventually(r.attempts("a"), patience).Should(BeNumerically(">=", 2))
	g.Expect(members(a, b)()).To(HaveEach(1))

	b.Stop()
	b = r.start("b", "a.example.com", links.obey)
	g.Eventually(members(a, b), patience).Should(HaveEach(2), "the other direction is open")
}
