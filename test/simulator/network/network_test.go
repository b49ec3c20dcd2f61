package network_test

import (
	"context"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"

	"github.com/portolan-dev/portolan/test/simulator/network"
)

var pod = netip.MustParseAddrPort("10.1.2.3:8080")

func TestListen(t *testing.T) {
	t.Run("is reached at the virtual address", func(t *testing.T) {
		g := NewWithT(t)
		n := network.New()
		g.Expect(greet(g, n, pod, "hello")).NotTo(BeNil())
		g.Expect(read(g, n, pod.String())).To(Equal("hello"))
	})

	t.Run("refuses an address in use and frees it on Close", func(t *testing.T) {
		g := NewWithT(t)
		n := network.New()
		l, err := n.Listen(pod)
		g.Expect(err).NotTo(HaveOccurred())
		_, err = n.Listen(pod)
		g.Expect(err).To(MatchError(syscall.EADDRINUSE))

		g.Expect(l.Close()).To(Succeed())
		_, found := n.Lookup(pod)
		g.Expect(found).To(BeFalse())
		again, err := n.Listen(pod)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(again.Close()).To(Succeed())
	})
}

func TestRegister(t *testing.T) {
	g := NewWithT(t)
	n := network.New()
	first, second := netip.MustParseAddrPort("127.0.0.1:1111"), netip.MustParseAddrPort("127.0.0.1:2222")

	unregisterFirst := n.Register(pod, first)
	unregisterSecond := n.Register(pod, second)
	unregisterFirst()
	behind, found := n.Lookup(pod)
	g.Expect(found).To(BeTrue(), "a replaced registration took its successor along")
	g.Expect(behind).To(Equal(second))

	unregisterSecond()
	_, found = n.Lookup(pod)
	g.Expect(found).To(BeFalse())
}

func TestDialContext(t *testing.T) {
	t.Run("carries UDP", func(t *testing.T) {
		g := NewWithT(t)
		n := network.New()
		socket, err := net.ListenPacket("udp", "127.0.0.1:0")
		g.Expect(err).NotTo(HaveOccurred())
		defer socket.Close()
		defer n.Register(pod, socket.LocalAddr().(*net.UDPAddr).AddrPort())()

		conn, err := n.DialContext(t.Context(), "udp", pod.String())
		g.Expect(err).NotTo(HaveOccurred())
		defer conn.Close()
		_, err = conn.Write([]byte("ping"))
		g.Expect(err).NotTo(HaveOccurred())
		packet := make([]byte, 16)
		size, _, err := socket.ReadFrom(packet)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(string(packet[:size])).To(Equal("ping"))
	})

	t.Run("passes loopback through", func(t *testing.T) {
		g := NewWithT(t)
		n := network.New()
		l := greet(g, n, pod, "hello")
		g.Expect(read(g, n, l.Addr().String())).To(Equal("hello"))
	})

	refused := map[string]struct {
		address string
		want    types.GomegaMatcher
	}{
		"an address that nobody registered": {address: "10.9.9.9:80", want: MatchError(syscall.ECONNREFUSED)},
		"another port":                      {address: "10.1.2.3:8081", want: MatchError(syscall.ECONNREFUSED)},
		"a name":                            {address: "example.com:80", want: MatchError(ContainSubstring("neither a virtual nor a loopback address"))},
	}
	for name, tc := range refused {
		t.Run("refuses "+name, func(t *testing.T) {
			g := NewWithT(t)
			n := network.New()
			greet(g, n, pod, "hello")
			_, err := n.DialContext(t.Context(), "tcp", tc.address)
			g.Expect(err).To(tc.want)
		})
	}
}

// greet serves the greeting to whoever connects to addr first.
func greet(g *WithT, n *network.Network, addr netip.AddrPort, greeting string) net.Listener {
	l, err := n.Listen(addr)
	g.Expect(err).NotTo(HaveOccurred())
	go func() {
		defer l.Close()
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = io.WriteString(conn, greeting)
	}()
	return l
}

func read(g *WithT, n *network.Network, address string) string {
	conn, err := n.DialContext(context.Background(), "tcp", address)
	g.Expect(err).NotTo(HaveOccurred())
	defer conn.Close()
	content, err := io.ReadAll(conn)
	g.Expect(err).NotTo(HaveOccurred())
	return string(content)
}
