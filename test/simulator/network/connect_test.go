package network_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/test/simulator/network"
)

func TestServeConnect(t *testing.T) {
	t.Run("tunnels to the virtual address", func(t *testing.T) {
		g := NewWithT(t)
		n := network.New()
		echo(g, t, n)
		proxy := serve(g, t, n)

		conn, status := connect(g, proxy, pod.String())
		defer conn.Close()
		g.Expect(status).To(Equal(http.StatusOK))
		_, err := io.WriteString(conn, "ping")
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(conn.(*net.UnixConn).CloseWrite()).To(Succeed())
		g.Expect(io.ReadAll(conn)).To(BeEquivalentTo("ping"), "the answer after a half-close was lost")
	})

	t.Run("reports what cannot be reached", func(t *testing.T) {
		g := NewWithT(t)
		conn, status := connect(g, serve(g, t, network.New()), "10.9.9.9:80")
		defer conn.Close()
		g.Expect(status).To(Equal(http.StatusBadGateway))
	})

	t.Run("serves nothing but CONNECT", func(t *testing.T) {
		g := NewWithT(t)
		conn, err := net.Dial("unix", serve(g, t, network.New()).Addr().String())
		g.Expect(err).NotTo(HaveOccurred())
		defer conn.Close()
		g.Expect(request(g, conn, "GET /")).To(Equal(http.StatusMethodNotAllowed))
	})

	t.Run("closes its tunnels with the listener", func(t *testing.T) {
		g := NewWithT(t)
		n := network.New()
		echo(g, t, n)
		proxy, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
		g.Expect(err).NotTo(HaveOccurred())
		returned := make(chan error, 1)
		go func() { returned <- n.ServeConnect(proxy) }()
		conn, status := connect(g, proxy, pod.String())
		defer conn.Close()
		g.Expect(status).To(Equal(http.StatusOK))

		g.Expect(proxy.Close()).To(Succeed())
		g.Eventually(returned, time.Minute).Should(Receive(BeNil()))
		_, err = conn.Read(make([]byte, 1))
		g.Expect(err).To(HaveOccurred())
	})
}

// echo answers the first connection to the pod with what it received.
func echo(g *WithT, t *testing.T, n *network.Network) {
	l, err := n.Listen(pod)
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		content, _ := io.ReadAll(conn)
		_, _ = conn.Write(content)
	}()
}

func serve(g *WithT, t *testing.T, n *network.Network) net.Listener {
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "s"))
	g.Expect(err).NotTo(HaveOccurred())
	returned := make(chan error, 1)
	go func() { returned <- n.ServeConnect(l) }()
	t.Cleanup(func() {
		_ = l.Close()
		g.Eventually(returned, time.Minute).Should(Receive(BeNil()))
	})
	return l
}

func connect(g *WithT, proxy net.Listener, address string) (net.Conn, int) {
	conn, err := net.Dial("unix", proxy.Addr().String())
	g.Expect(err).NotTo(HaveOccurred())
	return conn, request(g, conn, "CONNECT "+address)
}

// request writes the request line as kube-apiserver does, with a Host that says nothing.
func request(g *WithT, conn net.Conn, line string) int {
	_, err := fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", line)
	g.Expect(err).NotTo(HaveOccurred())
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	g.Expect(err).NotTo(HaveOccurred())
	defer response.Body.Close()
	return response.StatusCode
}
