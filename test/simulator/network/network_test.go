package network_test

import (
	"context"
	"io"
	"net"
	"net/netip"
	"syscall"
	"testing"
	"time"

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
		_, found := n.Lookup(network.TCP, pod)
		g.Expect(found).To(BeFalse())
		again, err := n.Listen(pod)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(again.Close()).To(Succeed())
	})
}

func TestListenPacket(t *testing.T) {
	g := NewWithT(t)
	n := network.New()
	socket, err := n.ListenPacket(pod)
	g.Expect(err).NotTo(HaveOccurred())
	_, err = n.ListenPacket(pod)
	g.Expect(err).To(MatchError(syscall.EADDRINUSE))
	beside, err := n.Listen(pod)
	g.Expect(err).NotTo(HaveOccurred(), "TCP has ports of its own")
	g.Expect(beside.Close()).To(Succeed())

	conn, err := n.DialContext(t.Context(), "udp", pod.String())
	g.Expect(err).NotTo(HaveOccurred())
	defer conn.Close()
	_, err = io.WriteString(conn, "ping")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(receive(g, socket)).To(Equal("ping"))

	g.Expect(socket.Close()).To(Succeed())
	_, err = n.DialContext(t.Context(), "udp", pod.String())
	g.Expect(err).To(MatchError(syscall.ECONNREFUSED))
}

func TestRegister(t *testing.T) {
	for _, transport := range []network.Transport{network.TCP, network.UDP} {
		t.Run(string(transport), func(t *testing.T) {
			g := NewWithT(t)
			n := network.New()
			first, second := netip.MustParseAddrPort("127.0.0.1:1111"), netip.MustParseAddrPort("127.0.0.1:2222")

			unregisterFirst := n.Register(transport, pod, first)
			unregisterSecond := n.Register(transport, pod, second)
			unregisterFirst()
			behind, found := n.Lookup(transport, pod)
			g.Expect(found).To(BeTrue(), "a replaced registration took its successor along")
			g.Expect(behind).To(Equal(second))

			unregisterSecond()
			_, found = n.Lookup(transport, pod)
			g.Expect(found).To(BeFalse())
		})
	}
}

func TestTransportsAreRegisteredApart(t *testing.T) {
	g := NewWithT(t)
	n := network.New()
	connections, packets := netip.MustParseAddrPort("127.0.0.1:1111"), netip.MustParseAddrPort("127.0.0.1:2222")
	unregister := n.Register(network.TCP, pod, connections)
	n.Register(network.UDP, pod, packets)
	g.Expect(lookup(n, network.TCP)).To(Equal(connections))
	unregister()
	g.Expect(lookup(n, network.TCP)).To(Equal(netip.AddrPort{}))
	g.Expect(lookup(n, network.UDP)).To(Equal(packets))
}

func lookup(n *network.Network, transport network.Transport) netip.AddrPort {
	behind, _ := n.Lookup(transport, pod)
	return behind
}

// receive returns the next packet.
func receive(g *WithT, socket net.PacketConn) string {
	packet := make([]byte, 16)
	g.Expect(socket.SetReadDeadline(time.Now().Add(time.Minute))).To(Succeed())
	size, _, err := socket.ReadFrom(packet)
	g.Expect(err).NotTo(HaveOccurred())
	return string(packet[:size])
}

func TestDialContext(t *testing.T) {
	t.Run("carries UDP", func(t *testing.T) {
		g := NewWithT(t)
		n := network.New()
		socket, err := net.ListenPacket("udp", "127.0.0.1:0")
		g.Expect(err).NotTo(HaveOccurred())
		defer socket.Close()
		defer n.Register(network.UDP, pod, socket.LocalAddr().(*net.UDPAddr).AddrPort())()

		conn, err := n.DialContext(t.Context(), "udp", pod.String())
		g.Expect(err).NotTo(HaveOccurred())
		defer conn.Close()
		_, err = conn.Write([]byte("ping"))
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(receive(g, socket)).To(Equal("ping"))
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
