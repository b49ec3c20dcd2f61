package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gleak"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

const (
	ok          = v1alpha1.ProbeOK
	unreachable = v1alpha1.ProbeUnreachable
	rejected    = v1alpha1.ProbeKeyRejected
	unresolved  = v1alpha1.ProbeUnresolved
	unknown     = v1alpha1.ProbeUnknown
)

func TestTry(t *testing.T) {
	local := netip.MustParseAddr("127.0.0.1")
	cases := map[string]struct {
		endpoint    func(t *testing.T) netip.AddrPort
		host        string
		hosts       hosts
		wantTCP     v1alpha1.ProbeResult
		wantUDP     v1alpha1.ProbeResult
		wantMembers int32
	}{
		"a member of three": {
			endpoint: func(t *testing.T) netip.AddrPort { return startRing(t, 3)[1].address() },
			wantTCP:  ok, wantUDP: ok, wantMembers: 3,
		},
		"a member that keeps who has left on its list": {
			endpoint: func(t *testing.T) netip.AddrPort {
				nodes := startRing(t, 3)
				NewWithT(t).Expect(nodes[2].Leave(wait)).To(Succeed())
				NewWithT(t).Eventually(nodes[0].NumMembers, wait).Should(Equal(2))
				return nodes[0].address()
			},
			wantTCP: ok, wantUDP: ok, wantMembers: 2,
		},
		"a member that has stopped": {
			endpoint: func(t *testing.T) netip.AddrPort {
				n := startNode(t, "node")
				to := n.address()
				NewWithT(t).Expect(n.Shutdown()).To(Succeed())
				return to
			},
			wantTCP: unreachable, wantUDP: unreachable,
		},
		"another key": {
			endpoint: func(t *testing.T) netip.AddrPort { return startNode(t, "node", withKey(otherKey)).address() },
			wantTCP:  rejected, wantUDP: rejected,
		},
		"a key of another length": {
			endpoint: func(t *testing.T) netip.AddrPort { return startNode(t, "node", withKey(otherKey[:16])).address() },
			wantTCP:  rejected, wantUDP: rejected,
		},
		"no key": {
			endpoint: func(t *testing.T) netip.AddrPort { return startNode(t, "node", withKey(nil)).address() },
			wantTCP:  rejected, wantUDP: rejected,
		},
		"a member that takes our key and sends with another": {
			endpoint: func(t *testing.T) netip.AddrPort {
				return startNode(t, "node", func(c *memberlist.Config) {
					c.Keyring, _ = memberlist.NewKeyring([][]byte{ringKey}, otherKey)
					c.SecretKey = nil
				}).address()
			},
			wantTCP: rejected, wantUDP: rejected,
		},
		"a member that sends with our key and takes another": {
			endpoint: func(t *testing.T) netip.AddrPort {
				return startNode(t, "node", func(c *memberlist.Config) {
					c.Keyring, _ = memberlist.NewKeyring([][]byte{otherKey}, ringKey)
					c.SecretKey = nil
				}).address()
			},
			wantTCP: ok, wantUDP: ok, wantMembers: 1,
		},
		"a member with a label throws out who has none": {
			endpoint: func(t *testing.T) netip.AddrPort {
				return startNode(t, "node", func(c *memberlist.Config) { c.Label = "ring" }).address()
			},
			wantTCP: unreachable, wantUDP: unreachable,
		},
		"UDP blocked": {
			endpoint: func(t *testing.T) netip.AddrPort { return forwardTCP(t, startNode(t, "node").address()) },
			wantTCP:  ok, wantUDP: unreachable, wantMembers: 1,
		},
		"TCP blocked": {
			endpoint: func(t *testing.T) netip.AddrPort { return forwardUDP(t, startNode(t, "node").address(), 0) },
			wantTCP:  unreachable, wantUDP: ok,
		},
		"UDP blocked and another key": {
			endpoint: func(t *testing.T) netip.AddrPort {
				return forwardTCP(t, startNode(t, "node", withKey(otherKey)).address())
			},
			wantTCP: rejected, wantUDP: rejected,
		},
		"TCP blocked and another key": {
			endpoint: func(t *testing.T) netip.AddrPort {
				return forwardUDP(t, startNode(t, "node", withKey(otherKey)).address(), 0)
			},
			wantTCP: unreachable, wantUDP: unreachable,
		},
		"packets lost": {
			endpoint: func(t *testing.T) netip.AddrPort { return forwardUDP(t, startNode(t, "node").address(), 2) },
			wantTCP:  unreachable, wantUDP: ok,
		},
		"a load balancer without a target": {
			endpoint: func(t *testing.T) netip.AddrPort { return acceptTCP(t, func(net.Conn) {}) },
			wantTCP:  unreachable, wantUDP: unreachable,
		},
		"a load balancer that resets": {
			endpoint: func(t *testing.T) netip.AddrPort {
				return acceptTCP(t, func(c net.Conn) {
					_, _ = c.Read(make([]byte, 1))
					_ = c.(*net.TCPConn).SetLinger(0)
				})
			},
			wantTCP: unreachable, wantUDP: unreachable,
		},
		"somebody who reads and closes": {
			endpoint: func(t *testing.T) netip.AddrPort {
				return acceptTCP(t, func(c net.Conn) { _, _ = c.Read(make([]byte, maxPacket)) })
			},
			wantTCP: unreachable, wantUDP: unreachable,
		},
		"somebody who never answers": {
			endpoint: func(t *testing.T) netip.AddrPort {
				return acceptTCP(t, func(c net.Conn) { _, _ = io.Copy(io.Discard, c) })
			},
			wantTCP: unreachable, wantUDP: unreachable,
		},
		"another protocol": {
			endpoint: func(t *testing.T) netip.AddrPort {
				return acceptTCP(t, func(c net.Conn) { _, _ = c.Write([]byte("HTTP/1.1 400 Bad Request\r\n\r\n")) })
			},
			wantTCP: unreachable, wantUDP: unreachable,
		},
		"a name": {
			endpoint: func(t *testing.T) netip.AddrPort { return startNode(t, "node").address() },
			host:     "a.example.com", hosts: hosts{"a.example.com": {local}},
			wantTCP: ok, wantUDP: ok, wantMembers: 1,
		},
		"a name that nobody knows": {
			endpoint: func(t *testing.T) netip.AddrPort { return startNode(t, "node").address() },
			host:     "a.example.com",
			wantTCP:  unresolved, wantUDP: unresolved,
		},
		"a name without addresses": {
			endpoint: func(t *testing.T) netip.AddrPort { return startNode(t, "node").address() },
			host:     "a.example.com", hosts: hosts{"a.example.com": nil},
			wantTCP: unresolved, wantUDP: unresolved,
		},
		"one address of several": {
			endpoint: func(t *testing.T) netip.AddrPort { return startNode(t, "node").address() },
			host:     "a.example.com",
			hosts: hosts{"a.example.com": {
				netip.MustParseAddr("127.0.0.2"), local, netip.MustParseAddr("127.0.0.3"),
			}},
			wantTCP: ok, wantUDP: ok, wantMembers: 1,
		},
		"no address of several": {
			endpoint: func(t *testing.T) netip.AddrPort { return startNode(t, "node").address() },
			host:     "a.example.com",
			hosts:    hosts{"a.example.com": {netip.MustParseAddr("127.0.0.2"), netip.MustParseAddr("127.0.0.3")}},
			wantTCP:  unreachable, wantUDP: unreachable,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := NewWithT(t)
			endpoint := tc.endpoint(t)
			if tc.host == "" {
				tc.host = endpoint.Addr().String()
			}
			target := Target{Region: "eu", Address: net.JoinHostPort(tc.host, portOf(endpoint))}
			row := proberFor(tc.hosts).try(t.Context(), ringKey, target)

			g.Expect(row.To).To(Equal("eu"))
			g.Expect(row.TCP).To(Equal(tc.wantTCP), "TCP")
			g.Expect(row.UDP).To(Equal(tc.wantUDP), "UDP")
			g.Expect(row.Members).To(Equal(tc.wantMembers))
			g.Expect(row.RTTSeconds > 0).To(Equal(tc.wantUDP == ok), "round trip of %v", row.RTTSeconds)
			g.Expect(row.RTTSeconds).To(BeNumerically("<", timeout.Seconds()))
		})
	}
}

func portOf(a netip.AddrPort) string {
	_, port, _ := net.SplitHostPort(a.String())
	return port
}

// TestTheRingNeverNotices looks at what real members hear of two probes that ask all of them over
// and over, while the members have news that acknowledgements carry along.
func TestTheRingNeverNotices(t *testing.T) {
	g := NewWithT(t)
	nodes := startRing(t, 3)
	var targets []Target
	before := make([][]string, len(nodes))
	for i, n := range nodes {
		before[i] = n.heard()
		targets = append(targets, Target{Region: n.LocalNode().Name, Address: n.address().String()})
	}

	var probing sync.WaitGroup
	for range 2 {
		p := proberFor(nil)
		probing.Go(func() {
			for range 30 {
				for _, target := range targets {
					g.Expect(p.try(t.Context(), ringKey, target)).To(And(
						HaveField("TCP", ok), HaveField("UDP", ok), HaveField("Members", int32(len(nodes)))))
				}
			}
		})
	}
	probing.Wait()

	// What comes after the probes has to find members that they have not spoilt.
	g.Expect(nodes[0].UpdateNode(wait)).To(Succeed())
	for i, n := range nodes {
		g.Expect(n.NumMembers()).To(Equal(len(nodes)))
		g.Expect(n.heard()).NotTo(ContainElement(ContainSubstring("probe")))
		since := n.heard()[len(before[i]):]
		g.Expect(since).NotTo(ContainElement(HavePrefix("leave")))
		g.Expect(since).NotTo(ContainElement(HavePrefix("join")))
		g.Expect(n.GetHealthScore()).To(BeZero())
	}
}

// TestProbesMeetNobody asks members under another key and of another ring in turn: what one says
// never reaches the other.
func TestProbesMeetNobody(t *testing.T) {
	g := NewWithT(t)
	one, other := startRing(t, 2), startNode(t, "far", func(c *memberlist.Config) { c.Name = "far" })
	p := proberFor(nil)
	for range 10 {
		for _, n := range []*node{one[0], other, one[1]} {
			row := p.visit(t.Context(), ringKey, n.address())
			g.Expect(row.TCP).To(Equal(ok))
			g.Expect(row.Members).To(Equal(int32(n.NumMembers())))
		}
	}
	g.Expect(one[0].NumMembers()).To(Equal(2))
	g.Expect(other.NumMembers()).To(Equal(1))
	g.Expect(other.heard()).To(HaveEach(HaveSuffix("far")))
}

func TestVisitsLeaveNothing(t *testing.T) {
	g := NewWithT(t)
	member := startNode(t, "node")
	closing := acceptTCP(t, func(net.Conn) {})
	before := gleak.Goroutines()
	p := proberFor(nil)
	for range 2 {
		g.Expect(p.visit(t.Context(), ringKey, member.address()).ok()).To(BeTrue())
		g.Expect(p.visit(t.Context(), ringKey, closing).ok()).To(BeFalse())
	}
	g.Eventually(gleak.Goroutines, wait).ShouldNot(gleak.HaveLeaked(before))
}

// files of a probe, and what it writes to its log.
type files struct {
	t       *testing.T
	folder  string
	log     bytes.Buffer
	probing *prober
}

func newFiles(t *testing.T, names hosts) *files {
	f := &files{t: t, folder: t.TempDir(), probing: proberFor(names)}
	f.probing.targetsFile = filepath.Join(f.folder, "targets.json")
	f.probing.keyFile = filepath.Join(f.folder, "key")
	f.probing.log = slog.New(slog.NewTextHandler(&f.log, nil))
	return f
}

func (f *files) write(name, content string) {
	f.t.Helper()
	if err := os.WriteFile(filepath.Join(f.folder, name), []byte(content), 0o600); err != nil {
		f.t.Fatal(err)
	}
}

func (f *files) writeTargets(targets ...Target) {
	f.t.Helper()
	text, err := json.Marshal(list{Targets: targets})
	if err != nil {
		f.t.Fatal(err)
	}
	f.write("targets.json", string(text))
}

// round returns what the round found out and logged.
func (f *files) round() (rows []Row, log string) {
	f.t.Helper()
	f.log.Reset()
	f.probing.round(f.t.Context())
	f.probing.record.mu.Lock()
	defer f.probing.record.mu.Unlock()
	return f.probing.record.rows, f.log.String()
}

func TestRoundsFollowTheFiles(t *testing.T) {
	g := NewWithT(t)
	member, gone := startNode(t, "node"), Target{Region: "gone", Address: "gone.example.com:7947"}
	here := Target{Region: "here", Address: member.address().String()}
	f := newFiles(t, nil)

	rows, log := f.round()
	g.Expect(rows).To(BeEmpty())
	g.Expect(log).To(And(ContainSubstring("reading targets"), ContainSubstring("reading the key")))

	f.writeTargets(here, gone)
	f.write("key", "too short, and secret")
	rows, log = f.round()
	g.Expect(rows).To(ConsistOf(Row{To: "here", TCP: unknown, UDP: unknown}, Row{To: "gone", TCP: unknown, UDP: unknown}))
	g.Expect(log).To(ContainSubstring("the key is not 16, 24 or 32 bytes"))
	g.Expect(log).NotTo(ContainSubstring("secret"))
	g.Expect(f.probing.record.keyValid).To(BeFalse())
	_, log = f.round()
	g.Expect(log).To(BeEmpty(), "what is known already")

	f.write("key", string(ringKey)+"\n")
	rows, log = f.round()
	g.Expect(rows).To(ConsistOf(
		And(HaveField("To", "here"), HaveField("TCP", ok), HaveField("UDP", ok)),
		Row{To: "gone", TCP: unresolved, UDP: unresolved},
	))
	g.Expect(log).To(And(
		ContainSubstring("File can be used again"),
		ContainSubstring(`msg="Result changed" to=here tcp=OK udp=OK tcpBefore=Unknown udpBefore=Unknown`),
		ContainSubstring(`to=gone tcp=Unresolved`),
	))
	g.Expect(log).NotTo(ContainSubstring(string(ringKey)))
	_, log = f.round()
	g.Expect(log).To(BeEmpty())

	f.writeTargets(here)
	rows, _ = f.round()
	g.Expect(rows).To(ConsistOf(HaveField("To", "here")))

	f.write("targets.json", `{"targets":[`)
	rows, log = f.round()
	g.Expect(rows).To(ConsistOf(And(HaveField("To", "here"), HaveField("TCP", ok))), "as it was last")
	g.Expect(log).To(ContainSubstring("parsing targets"))

	f.write("key", string(otherKey))
	rows, _ = f.round()
	g.Expect(rows).To(ConsistOf(And(HaveField("To", "here"), HaveField("TCP", rejected), HaveField("UDP", rejected))))
	g.Expect(os.Remove(f.probing.keyFile)).To(Succeed())
	rows, _ = f.round()
	g.Expect(rows).To(ConsistOf(Row{To: "here", TCP: unknown, UDP: unknown}), "nothing that was true under a key that is gone")
	g.Expect(f.probing.record.rounds).To(Equal(9))
}

func TestARoundThatIsCutShortSaysNothing(t *testing.T) {
	g := NewWithT(t)
	f := newFiles(t, nil)
	f.write("key", string(ringKey))
	f.writeTargets(Target{Region: "here", Address: startNode(t, "node").address().String()})
	rows, _ := f.round()
	g.Expect(rows).To(ConsistOf(HaveField("TCP", ok)))

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f.log.Reset()
	f.probing.round(ctx)
	g.Expect(f.probing.record.rows).To(Equal(rows))
	g.Expect(f.log.String()).To(BeEmpty())
}

func TestPause(t *testing.T) {
	cases := map[string]struct {
		targets int
		want    time.Duration
	}{
		"none":    {want: 10 * time.Second},
		"few":     {targets: 20, want: 10 * time.Second},
		"many":    {targets: 21, want: 10500 * time.Millisecond},
		"the lot": {targets: 200, want: 100 * time.Second},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := &prober{options: options{interval: 10 * time.Second}, targets: make([]Target, tc.targets)}
			NewWithT(t).Expect(p.pause()).To(Equal(tc.want))
		})
	}
}

func TestSomeTargetsAreTriedAtOnce(t *testing.T) {
	g := NewWithT(t)
	f := newFiles(t, nil)
	f.write("key", string(ringKey))
	var open, most atomic.Int32
	silent := acceptTCP(t, func(c net.Conn) {
		most.Store(max(most.Load(), open.Add(1)))
		_, _ = io.Copy(io.Discard, c)
		open.Add(-1)
	})
	var targets []Target
	for i := range 2 * concurrency {
		targets = append(targets, Target{Region: string(rune('a' + i)), Address: silent.String()})
	}
	f.writeTargets(targets...)
	rows, _ := f.round()
	g.Expect(rows).To(And(HaveLen(2*concurrency), HaveEach(HaveField("TCP", unreachable))))
	g.Expect(most.Load()).To(And(BeNumerically(">", 1), BeNumerically("<=", concurrency)))
}
