package regional

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gleak"

	"github.com/portolan-dev/portolan/test/simulator/network"
)

var balancerAddress = netip.MustParseAddrPort("52.0.0.1:7947")

// targetBed is a load balancer's socket in front of targets that come and go.
type targetBed struct {
	*network.Network

	t       *testing.T
	packets *datagrams

	mu      sync.Mutex
	chosen  netip.AddrPort
	choices int
}

func newTargetBed(t *testing.T, idle time.Duration) *targetBed {
	b := &targetBed{Network: network.New(), t: t}
	socket, err := b.ListenPacket(balancerAddress)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	b.packets = serveDatagrams(t.Context(), socket, datagramRoute{pick: b.pick, good: func(held datagramTarget) bool {
		actual, bound := b.Lookup(network.UDP, held.virtual)
		return bound && actual == held.actual
	}}, idle)
	t.Cleanup(b.packets.stop)
	return b
}

func (b *targetBed) pick(context.Context) (datagramTarget, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.choices++
	actual, bound := b.Lookup(network.UDP, b.chosen)
	if !bound {
		return datagramTarget{}, errors.New("nobody listens")
	}
	return datagramTarget{virtual: b.chosen, actual: actual}, nil
}

func (b *targetBed) picked() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.choices
}

// serve makes a target the chosen one, which answers with its own name before the question.
func (b *targetBed) serve(address, name string) net.PacketConn {
	virtual := netip.MustParseAddrPort(address)
	socket, err := b.ListenPacket(virtual)
	NewWithT(b.t).Expect(err).NotTo(HaveOccurred())
	b.t.Cleanup(func() { _ = socket.Close() })
	go func() {
		buffer := make([]byte, 100)
		for {
			size, from, err := socket.ReadFrom(buffer)
			if err != nil {
				return
			}
			_, _ = socket.WriteTo(fmt.Appendf(nil, "%s %s", name, buffer[:size]), from)
		}
	}()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.chosen = virtual
	return socket
}

func (b *targetBed) dial() net.Conn {
	conn, err := b.DialContext(b.t.Context(), "udp", balancerAddress.String())
	NewWithT(b.t).Expect(err).NotTo(HaveOccurred())
	b.t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// ask returns the answer, or nothing when none comes soon.
func ask(conn net.Conn, question string) string {
	if _, err := conn.Write([]byte(question)); err != nil {
		return ""
	}
	_ = conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
	answer := make([]byte, 100)
	size, err := conn.Read(answer)
	if err != nil {
		return ""
	}
	return string(answer[:size])
}

func TestDatagramsFindTheirWayBack(t *testing.T) {
	g, b := NewWithT(t), newTargetBed(t, time.Minute)
	b.serve("10.0.0.1:7947", "one")
	first, second := b.dial(), b.dial()
	for i := range 5 {
		g.Eventually(ask).WithArguments(first, fmt.Sprint("first ", i)).Should(Equal(fmt.Sprint("one first ", i)))
		g.Eventually(ask).WithArguments(second, fmt.Sprint("second ", i)).Should(Equal(fmt.Sprint("one second ", i)))
	}
	g.Expect(b.picked()).To(Equal(2), "each sender's flow stays with its target")
}

func TestDatagramsFollowTheirTarget(t *testing.T) {
	g, b := NewWithT(t), newTargetBed(t, time.Minute)
	conn := b.dial()
	g.Expect(ask(conn, "anybody?")).To(BeEmpty())
	one := b.serve("10.0.0.1:7947", "one")
	g.Eventually(ask).WithArguments(conn, "who?").Should(Equal("one who?"))
	g.Expect(one.Close()).To(Succeed())
	b.serve("10.0.0.2:7947", "two")
	g.Eventually(ask).WithArguments(conn, "who now?").Should(Equal("two who now?"))
}

func TestIdleFlowsAreForgotten(t *testing.T) {
	g, b := NewWithT(t), newTargetBed(t, 50*time.Millisecond)
	b.serve("10.0.0.1:7947", "one")
	conn := b.dial()
	g.Eventually(ask).WithArguments(conn, "who?").Should(Equal("one who?"))
	g.Eventually(func() int {
		b.packets.mu.Lock()
		defer b.packets.mu.Unlock()
		return len(b.packets.flows)
	}).Should(BeZero())
	before := b.picked()
	g.Eventually(ask).WithArguments(conn, "still there?").Should(Equal("one still there?"))
	g.Expect(b.picked()).To(BeNumerically(">", before))
}

func TestDatagramsLeaveNothing(t *testing.T) {
	g := NewWithT(t)
	before := gleak.Goroutines()
	b := newTargetBed(t, time.Hour)
	target := b.serve("10.0.0.1:7947", "one")
	for range 3 {
		g.Eventually(ask).WithArguments(b.dial(), "who?").Should(Equal("one who?"))
	}
	b.packets.stop()
	g.Expect(b.packets.flows).To(BeEmpty())
	_, open := b.Lookup(network.UDP, balancerAddress)
	g.Expect(open).To(BeFalse())
	g.Expect(target.Close()).To(Succeed())
	g.Eventually(gleak.Goroutines, patience).ShouldNot(gleak.HaveLeaked(before))
}
