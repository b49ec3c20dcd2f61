package network_test

import (
	"context"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/test/simulator/network"
)

var caller = netip.MustParseAddr("10.9.9.9")

// wall is what a test has cut.
type wall struct {
	mu  sync.Mutex
	cut map[network.Transport]bool
}

func (w *wall) set(t network.Transport, cut bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.cut == nil {
		w.cut = map[network.Transport]bool{}
	}
	w.cut[t] = cut
}

// links cuts only what the caller sends to the pod.
func (w *wall) links() network.Links {
	return func(from, to netip.Addr, t network.Transport) bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return !w.cut[t] || from != caller || to != pod.Addr()
	}
}

func TestNoLinksPassEverything(t *testing.T) {
	g := NewWithT(t)
	g.Expect(network.Links(nil).Pass(caller, pod.Addr(), network.TCP)).To(BeTrue())
}

func TestDialOverLinks(t *testing.T) {
	cases := map[string]struct {
		cut     network.Transport
		from    netip.Addr
		address string
		want    string
	}{
		"a whole link":        {cut: network.UDP, from: caller, address: pod.String()},
		"another direction":   {cut: network.TCP, from: netip.MustParseAddr("10.8.8.8"), address: pod.String()},
		"a cut link":          {cut: network.TCP, from: caller, address: pod.String(), want: "i/o timeout"},
		"no address":          {from: caller, address: "example.com:80", want: "not an address"},
		"nobody at the other": {from: caller, address: "10.7.7.7:80", want: "connection refused"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g, n, w := NewWithT(t), network.New(), &wall{}
			l := greet(g, n, pod, "hello")
			defer l.Close()
			w.set(tc.cut, true)
			conn, err := w.links().Dial(t.Context(), n, tc.from, "tcp", tc.address)
			if tc.want != "" {
				g.Expect(err).To(MatchError(ContainSubstring(tc.want)))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			defer conn.Close()
			g.Expect(io.ReadAll(conn)).To(BeEquivalentTo("hello"))
		})
	}
}

func TestConnectionsBreakWithTheirLink(t *testing.T) {
	cases := map[string]func(net.Conn) error{
		"while writing": func(conn net.Conn) error {
			_, err := conn.Write([]byte("more"))
			return err
		},
		"while reading": func(conn net.Conn) error {
			_, err := io.ReadAll(conn)
			return err
		},
	}
	for name, use := range cases {
		t.Run(name, func(t *testing.T) {
			g, n, w := NewWithT(t), network.New(), &wall{}
			echo(g, t, n)
			conn, err := w.links().Dial(t.Context(), n, caller, "tcp", pod.String())
			g.Expect(err).NotTo(HaveOccurred())
			defer conn.Close()
			_, err = conn.Write([]byte("ping"))
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(conn.(interface{ CloseWrite() error }).CloseWrite()).To(Succeed())

			w.set(network.TCP, true)
			g.Expect(use(conn)).To(MatchError(os.ErrDeadlineExceeded))
			w.set(network.TCP, false)
			_, err = conn.Read(make([]byte, 1))
			g.Expect(err).To(HaveOccurred(), "it came back to life")
		})
	}
}

func TestDatagramsAreLostOverACutLink(t *testing.T) {
	g, n, w := NewWithT(t), network.New(), &wall{}
	socket, err := n.ListenPacket(pod)
	g.Expect(err).NotTo(HaveOccurred())
	defer socket.Close()
	w.set(network.UDP, true)
	conn, err := w.links().Dial(t.Context(), n, caller, "udp", pod.String())
	g.Expect(err).NotTo(HaveOccurred())
	defer conn.Close()
	g.Expect(conn.Write([]byte("lost"))).To(Equal(4))
	w.set(network.UDP, false)
	g.Expect(conn.Write([]byte("found"))).To(Equal(5))
	g.Expect(receive(g, socket)).To(Equal("found"))

	w.set(network.UDP, true)
	_, err = socket.WriteTo([]byte("back"), conn.LocalAddr())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(conn.SetReadDeadline(time.Now().Add(time.Minute))).To(Succeed())
	answer := make([]byte, 16)
	size, err := conn.Read(answer)
	g.Expect(err).NotTo(HaveOccurred(), "answers come back, as through a stateful firewall")
	g.Expect(string(answer[:size])).To(Equal("back"))
}

func TestNetworkIsADialer(t *testing.T) {
	var d network.Dialer = network.New()
	_, err := d.DialContext(context.Background(), "udp4", pod.String())
	NewWithT(t).Expect(err).To(HaveOccurred())
}
