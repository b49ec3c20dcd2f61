package network

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"sync"
)

// ServeConnect answers HTTP CONNECT requests on l, as the egress selector of
// kube-apiserver sends them, until l is closed. It returns once every tunnel is
// closed too.
func (n *Network) ServeConnect(l net.Listener) error {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()

	proxy := &connectProxy{network: n}
	server := &http.Server{
		Handler:     http.HandlerFunc(proxy.connect),
		BaseContext: func(net.Listener) context.Context { return ctx },
		ConnState:   proxy.track,
	}
	err := server.Serve(l)
	cancel()
	_ = server.Close()
	proxy.connections.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil
	}
	return err
}

type connectProxy struct {
	network     *Network
	connections sync.WaitGroup
}

// track counts connections from the accept loop on, so that none is missed that
// was accepted just before the listener closed. A hijacked one is counted out by
// its tunnel.
func (p *connectProxy) track(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		p.connections.Add(1)
	case http.StateClosed:
		p.connections.Done()
	case http.StateActive, http.StateIdle, http.StateHijacked:
	}
}

func (p *connectProxy) connect(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect {
		http.Error(w, "only CONNECT is served here", http.StatusMethodNotAllowed)
		return
	}
	upstream, err := p.network.DialContext(r.Context(), "tcp", r.RequestURI)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer func() { _ = upstream.Close() }()

	client, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	defer p.connections.Done()
	defer func() { _ = client.Close() }()
	if _, err := io.WriteString(client, "HTTP/1.1 200 Connection established\r\n\r\n"); err != nil {
		return
	}
	ahead := io.LimitReader(buffered, int64(buffered.Reader.Buffered()))
	tunnel(r.Context(), bufferedConn{Conn: client, reader: io.MultiReader(ahead, client)}, upstream)
}

// bufferedConn first reads what the HTTP server had read ahead, then the
// connection itself: the server's reader may report the end of the request.
type bufferedConn struct {
	net.Conn
	reader io.Reader
}

func (c bufferedConn) Read(b []byte) (int, error) { return c.reader.Read(b) }

func (c bufferedConn) CloseWrite() error { return closeWrite(c.Conn) }

// tunnel copies both ways until both sides have finished, either fails, or ctx ends.
func tunnel(ctx context.Context, a, b net.Conn) {
	stop := context.AfterFunc(ctx, func() { _ = a.Close(); _ = b.Close() })
	defer stop()

	var directions sync.WaitGroup
	directions.Go(func() { forward(a, b) })
	directions.Go(func() { forward(b, a) })
	directions.Wait()
}

// forward passes on the end of the stream, because a peer may still answer after it.
func forward(dst, src net.Conn) {
	if _, err := io.Copy(dst, src); err != nil {
		_ = dst.Close()
		_ = src.Close()
		return
	}
	_ = closeWrite(dst)
}

func closeWrite(c net.Conn) error {
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return c.Close()
}
