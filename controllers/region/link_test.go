package region_test

import (
	"context"
	"io"
	"net"
	"net/url"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
)

// link leads to an API server until it is cut.
type link struct {
	listener net.Listener
	to       string

	mu    sync.Mutex
	cut   bool
	conns []net.Conn
}

// linkTo leads to the server of a URL, and ends with the container.
func linkTo(ctx context.Context, server string) *link {
	GinkgoHelper()
	target, err := url.Parse(server)
	Expect(err).NotTo(HaveOccurred())
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	Expect(err).NotTo(HaveOccurred())
	l := &link{listener: listener, to: target.Host}
	go l.serve(context.WithoutCancel(ctx))
	DeferCleanup(func() {
		_ = listener.Close()
		l.set(true)
	})
	return l
}

func (l *link) url() string { return "https://" + l.listener.Addr().String() }

// set cuts the link, with all that goes through it, or mends it.
func (l *link) set(cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.cut = cut
	if cut {
		for _, c := range l.conns {
			_ = c.Close()
		}
		l.conns = nil
	}
}

func (l *link) serve(ctx context.Context) {
	for {
		near, err := l.listener.Accept()
		if err != nil {
			return
		}
		var dialer net.Dialer
		far, err := dialer.DialContext(ctx, "tcp", l.to)
		l.mu.Lock()
		if err != nil || l.cut {
			_ = near.Close()
			if far != nil {
				_ = far.Close()
			}
			l.mu.Unlock()
			continue
		}
		l.conns = append(l.conns, near, far)
		l.mu.Unlock()
		for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
			go func() {
				_, _ = io.Copy(way[0], way[1])
				_ = way[0].Close()
			}()
		}
	}
}
