package regional

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gleak"

	"github.com/portolan-dev/portolan/test/simulator/network"
)

// phoneBook is a resolver whose names change.
type phoneBook struct {
	mu    sync.Mutex
	names map[string]netip.Addr
}

func (p *phoneBook) LookupHost(_ context.Context, name string) ([]netip.Addr, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if address, known := p.names[name]; known {
		return []netip.Addr{address}, nil
	}
	return nil, &net.DNSError{Err: "no such host", Name: name, IsNotFound: true}
}

func (p *phoneBook) set(name, address string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.names[name] = netip.MustParseAddr(address)
}

// relayBed is a network with two hosts, 52.0.0.1 and 52.0.0.2, which answer with their address
// and what they were told, and a relay to port 7947 of the name "peer".
type relayBed struct {
	relay *relay
	names *phoneBook
	cut   sync.Map // of network.Transport
}

func newRelayBed(t *testing.T) *relayBed {
	t.Helper()
	g := NewWithT(t)
	leaks := gleak.Goroutines()
	t.Cleanup(func() { g.Eventually(gleak.Goroutines, patience).ShouldNot(gleak.HaveLeaked(leaks)) })
	n := network.New()
	for _, host := range []string{"52.0.0.1", "52.0.0.2"} {
		serveEcho(t, n, netip.AddrPortFrom(netip.MustParseAddr(host), 7947))
	}
	b := &relayBed{names: &phoneBook{names: map[string]netip.Addr{"peer": netip.MustParseAddr("52.0.0.1")}}}
	links := func(from, to netip.Addr, transport network.Transport) bool {
		_, cut := b.cut.Load(transport)
		return !cut || !strings.HasPrefix(from.String(), "10.") || !strings.HasPrefix(to.String(), "52.")
	}
	var err error
	b.relay, err = startRelay(t.Context(), outward{
		dialer: n, resolver: b.names, links: links, pod: netip.MustParseAddr("10.1.0.10"),
	}, "peer:7947")
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(b.relay.stop)
	return b
}

func serveEcho(t *testing.T, n *network.Network, at netip.AddrPort) {
	t.Helper()
	g := NewWithT(t)
	listener, err := n.Listen(at)
	g.Expect(err).NotTo(HaveOccurred())
	packets, err := n.ListenPacket(at)
	g.Expect(err).NotTo(HaveOccurred())
	var serving sync.WaitGroup
	t.Cleanup(func() {
		_, _ = listener.Close(), packets.Close()
		serving.Wait()
	})
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer func() { _ = conn.Close() }()
				text, _ := io.ReadAll(conn)
				_, _ = io.WriteString(conn, at.Addr().String()+" "+string(text))
			})
		}
	})
	serving.Go(func() {
		buffer := make([]byte, 100)
		for {
			size, from, err := packets.ReadFrom(buffer)
			if err != nil {
				return
			}
			_, _ = packets.WriteTo([]byte(at.Addr().String()+" "+string(buffer[:size])), from)
		}
	})
}

// tell sends a text over a TCP connection, ends its half and returns the answer.
func tell(t *testing.T, address, text string) (string, error) {
	conn, err := (&net.Dialer{Timeout: patience}).DialContext(t.Context(), "tcp", address)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, writing := io.WriteString(conn, text) // a reset is told once, to whoever comes first
	closing := conn.(*net.TCPConn).CloseWrite()
	answer, reading := io.ReadAll(conn)
	return string(answer), errors.Join(writing, closing, reading)
}

// send returns the answer to a packet, or nothing when there is none within a moment.
func send(conn net.Conn, text string) string {
	_, _ = io.WriteString(conn, text)
	_ = conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	buffer := make([]byte, 100)
	size, _ := conn.Read(buffer)
	return string(buffer[:size])
}

func TestRelayTCP(t *testing.T) {
	g, b := NewWithT(t), newRelayBed(t)
	g.Expect(tell(t, b.relay.address(), "hello")).To(Equal("52.0.0.1 hello"), "after the caller's half was closed")
	b.names.set("peer", "52.0.0.2")
	g.Expect(tell(t, b.relay.address(), "hello")).To(Equal("52.0.0.2 hello"), "each connection asks for the name")

	b.cut.Store(network.UDP, true)
	g.Expect(tell(t, b.relay.address(), "hello")).To(Equal("52.0.0.2 hello"))
	b.cut.Store(network.TCP, true)
	_, err := tell(t, b.relay.address(), "hello")
	g.Expect(err).To(MatchError(syscall.ECONNRESET), "not an end that somebody has sent")
	b.cut.Clear()
	g.Expect(tell(t, b.relay.address(), "hello")).To(Equal("52.0.0.2 hello"))

	b.names.set("peer", "52.0.0.3")
	_, err = tell(t, b.relay.address(), "hello")
	g.Expect(err).To(MatchError(syscall.ECONNRESET), "nobody listens there")
}

func TestRelayUDP(t *testing.T) {
	g, b := NewWithT(t), newRelayBed(t)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "udp", b.relay.address())
	g.Expect(err).NotTo(HaveOccurred())
	defer func() { _ = conn.Close() }()
	ask := func() string { return send(conn, "ping") }
	g.Eventually(ask).Within(patience).Should(Equal("52.0.0.1 ping"))
	b.names.set("peer", "52.0.0.2")
	g.Eventually(ask).Within(patience).Should(Equal("52.0.0.2 ping"), "a sender's packets follow the name a little later")

	b.cut.Store(network.TCP, true)
	g.Consistently(ask).WithPolling(time.Millisecond).Should(Equal("52.0.0.2 ping"))
	b.cut.Store(network.UDP, true)
	g.Consistently(ask).Should(BeEmpty())
	b.cut.Clear()
	g.Eventually(ask).Within(patience).Should(Equal("52.0.0.2 ping"))
}

func TestRelayToAConnectionThatIsReset(t *testing.T) {
	g := NewWithT(t)
	n := network.New()
	at := netip.MustParseAddrPort("52.0.0.1:7947")
	listener, err := n.Listen(at)
	g.Expect(err).NotTo(HaveOccurred())
	var closings atomic.Int32
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = io.ReadAll(conn)
			if closings.Add(1) == 1 {
				reset(conn)
			}
			_ = conn.Close()
		}
	})
	defer serving.Wait()
	defer func() { _ = listener.Close() }()
	r, err := startRelay(t.Context(), outward{dialer: n, resolver: &phoneBook{}}, at.String())
	g.Expect(err).NotTo(HaveOccurred())
	defer r.stop()
	_, err = tell(t, r.address(), "hello")
	g.Expect(err).To(MatchError(syscall.ECONNRESET), "as a load balancer without targets")
	g.Expect(tell(t, r.address(), "hello")).To(BeEmpty(), "as a member that does not like the key")
}

func TestRelayToANameWithoutAddress(t *testing.T) {
	g := NewWithT(t)
	names := &phoneBook{names: map[string]netip.Addr{}}
	r, err := startRelay(t.Context(), outward{dialer: network.New(), resolver: names}, "late.example:7947")
	g.Expect(err).NotTo(HaveOccurred())
	defer r.stop()
	g.Expect(r.address()).To(Equal("late.example..nowhere:7947"))
	host, _, _ := net.SplitHostPort(r.address())
	_, err = (&net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		t.Error("somebody was asked")
		return nil, net.ErrClosed
	}}).LookupHost(t.Context(), host)
	g.Expect(err).To(HaveOccurred())

	names.set("late.example", "52.0.0.1")
	r.lookUp(t.Context())
	g.Expect(r.address()).To(Equal(r.listener.Addr().String()))

	_, err = startRelay(t.Context(), outward{dialer: network.New(), resolver: names}, "no port")
	g.Expect(err).To(MatchError(ContainSubstring("reading target no port")))
}

func TestRelayEndsWithItsConnections(t *testing.T) {
	g, b := NewWithT(t), newRelayBed(t)
	conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", b.relay.address())
	g.Expect(err).NotTo(HaveOccurred())
	defer func() { _ = conn.Close() }()
	packets, err := (&net.Dialer{}).DialContext(t.Context(), "udp", b.relay.address())
	g.Expect(err).NotTo(HaveOccurred())
	defer func() { _ = packets.Close() }()
	g.Eventually(func() string { return send(packets, "ping") }).Within(patience).ShouldNot(BeEmpty())
	b.relay.stop()
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	_, err = conn.Read(make([]byte, 1))
	g.Expect(err).To(Or(MatchError(io.EOF), MatchError(syscall.ECONNRESET)))
}
