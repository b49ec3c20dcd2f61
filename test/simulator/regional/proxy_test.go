package regional

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gleak"

	"github.com/portolan-dev/portolan/test/simulator/network"
)

func TestProxyPassesOn(t *testing.T) {
	g := NewWithT(t)
	before := gleak.Goroutines()
	upstream, err := net.Listen("tcp", "127.0.0.1:0")
	g.Expect(err).NotTo(HaveOccurred())
	go func() {
		conn, err := upstream.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		question, _ := io.ReadAll(conn)
		_, _ = conn.Write(append([]byte("heard "), question...))
	}()
	conn, stop := dialProxy(g, t, func(ctx context.Context) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "tcp", upstream.Addr().String())
	})
	_, err = conn.Write([]byte("hello"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(conn.(*net.TCPConn).CloseWrite()).To(Succeed())
	g.Expect(io.ReadAll(conn)).To(BeEquivalentTo("heard hello"), "the answer after a half-close was lost")

	stop()
	g.Expect(conn.Close()).To(Succeed())
	g.Expect(upstream.Close()).To(Succeed())
	g.Eventually(gleak.Goroutines, patience).ShouldNot(gleak.HaveLeaked(before))
}

func TestProxyResetsWhatLeadsNowhere(t *testing.T) {
	g := NewWithT(t)
	connected := make(chan struct{})
	conn, stop := dialProxy(g, t, func(context.Context) (net.Conn, error) {
		<-connected // a reset could also be seen while dialling
		return nil, errors.New("nobody listens")
	})
	close(connected)
	defer stop()
	defer conn.Close()
	_, err := conn.Read(make([]byte, 1))
	g.Expect(err).To(MatchError(syscall.ECONNRESET))
}

func dialProxy(g *WithT, t *testing.T, dial dialFunc) (net.Conn, func()) {
	n := network.New()
	listener, err := n.Listen(balancerAddress)
	g.Expect(err).NotTo(HaveOccurred())
	p := serveProxy(t.Context(), listener, dial)
	conn, err := n.DialContext(t.Context(), "tcp", balancerAddress.String())
	g.Expect(err).NotTo(HaveOccurred())
	return conn, p.stop
}
