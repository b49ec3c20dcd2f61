package probe

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
	. "github.com/onsi/gomega"
	"k8s.io/utils/clock"
)

const (
	wait    = 10 * time.Second
	timeout = 300 * time.Millisecond
)

var (
	ringKey  = []byte("0123456789abcdef0123456789abcdef")
	otherKey = []byte("another key of 32 bytes, as long")
)

// node is a real member of a ring, which notes everything that it hears of others.
type node struct {
	*memberlist.Memberlist

	mu     sync.Mutex
	events []string
	merged []string
}

func (n *node) note(event string, m *memberlist.Node) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.events = append(n.events, event+" "+m.Name)
}

func (n *node) NotifyJoin(m *memberlist.Node)   { n.note("join", m) }
func (n *node) NotifyLeave(m *memberlist.Node)  { n.note("leave", m) }
func (n *node) NotifyUpdate(m *memberlist.Node) { n.note("update", m) }
func (n *node) NotifyAlive(m *memberlist.Node) error {
	n.note("alive", m)
	return nil
}
func (n *node) NotifyConflict(m, _ *memberlist.Node) { n.note("conflict", m) }
func (n *node) NotifyMerge(nodes []*memberlist.Node) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, m := range nodes {
		n.merged = append(n.merged, m.Name)
	}
	return nil
}

// heard is everything that the node heard of others, in order.
func (n *node) heard() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append(append([]string{}, n.events...), n.merged...)
}

func (n *node) address() netip.AddrPort {
	return netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), n.LocalNode().Port)
}

func startNode(t *testing.T, name string, edits ...func(*memberlist.Config)) *node {
	t.Helper()
	n := &node{}
	c := memberlist.DefaultLANConfig()
	c.Name, c.BindAddr, c.BindPort, c.AdvertisePort = name, "127.0.0.1", 0, 0
	c.SecretKey = ringKey
	c.Events, c.Alive, c.Merge, c.Conflict = n, n, n, n
	c.Logger = log.New(io.Discard, "", 0)
	for _, edit := range edits {
		edit(c)
	}
	created, err := memberlist.Create(c)
	if err != nil {
		t.Fatal(err)
	}
	n.Memberlist = created
	t.Cleanup(func() { _ = created.Shutdown() })
	return n
}

func withKey(key []byte) func(*memberlist.Config) {
	return func(c *memberlist.Config) { c.SecretKey = key }
}

// startRing returns members that all see each other.
func startRing(t *testing.T, size int, edits ...func(*memberlist.Config)) []*node {
	t.Helper()
	g := NewWithT(t)
	var nodes []*node
	for i := range size {
		n := startNode(t, fmt.Sprintf("node-%d", i), edits...)
		if i > 0 {
			_, err := n.Join([]string{nodes[0].address().String()})
			g.Expect(err).NotTo(HaveOccurred())
		}
		nodes = append(nodes, n)
	}
	for _, n := range nodes {
		g.Eventually(n.NumMembers, wait).Should(Equal(size))
	}
	return nodes
}

// hosts resolve names in place of DNS.
type hosts map[string][]netip.Addr

func (h hosts) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a}, nil
	}
	if addresses, ok := h[host]; ok {
		return addresses, nil
	}
	return nil, &net.DNSError{Name: host, IsNotFound: true}
}

func proberFor(names hosts) *prober {
	return &prober{
		options:  options{timeout: timeout, interval: 10 * time.Millisecond},
		clock:    clock.RealClock{},
		resolver: names,
		log:      slog.New(slog.DiscardHandler),
		said:     map[string]string{},
	}
}

// forwardTCP is a load balancer's listener.
func forwardTCP(t *testing.T, to netip.AddrPort) netip.AddrPort {
	t.Helper()
	return acceptTCP(t, func(in net.Conn) {
		out, err := net.Dial("tcp", to.String())
		if err != nil {
			return
		}
		defer func() { _ = out.Close() }()
		var copying sync.WaitGroup
		copying.Go(func() { _, _ = io.Copy(out, in) })
		_, _ = io.Copy(in, out)
		_ = in.Close()
		copying.Wait()
	})
}

// acceptTCP lets answer have every connection, until the test ends.
func acceptTCP(t *testing.T, answer func(net.Conn)) netip.AddrPort {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var serving sync.WaitGroup
	t.Cleanup(func() {
		_ = listener.Close()
		serving.Wait()
	})
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				answer(conn)
				_ = conn.Close()
			})
		}
	})
	return netip.MustParseAddrPort(listener.Addr().String())
}

// forwardUDP is a load balancer that members answer to, and that drops the first packets.
func forwardUDP(t *testing.T, to netip.AddrPort, drop int32) netip.AddrPort {
	t.Helper()
	in, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	out, err := net.Dial("udp", to.String())
	if err != nil {
		t.Fatal(err)
	}
	var caller atomic.Pointer[net.Addr]
	var copying sync.WaitGroup
	t.Cleanup(func() {
		_, _ = in.Close(), out.Close()
		copying.Wait()
	})
	copying.Go(func() {
		b := make([]byte, maxPacket)
		for {
			n, from, err := in.ReadFrom(b)
			if err != nil {
				return
			}
			caller.Store(&from)
			if drop--; drop < 0 {
				_, _ = out.Write(b[:n])
			}
		}
	})
	copying.Go(func() {
		b := make([]byte, maxPacket)
		for {
			n, err := out.Read(b)
			if err != nil {
				return
			}
			_, _ = in.WriteTo(b[:n], *caller.Load())
		}
	})
	return netip.MustParseAddrPort(in.LocalAddr().String())
}
