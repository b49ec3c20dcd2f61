package probe

import (
	"context"
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/hashicorp/memberlist"
	"k8s.io/utils/clock"
)

// maxPacket is the largest UDP packet.
const maxPacket = 1 << 16

// transport connects a memberlist with one address. Nobody can connect to it, and its socket
// takes packets from that address only.
type transport struct {
	clock    clock.PassiveClock
	dial     func(timeout time.Duration) (net.Conn, error)
	socket   net.Conn // nil when there is no route
	packets  chan *memberlist.Packet
	done     chan struct{}
	received chan struct{} // closed once nothing is received any more

	answer *answer // to the last connection
}

var _ memberlist.NodeAwareTransport = (*transport)(nil)

// newTransport returns a transport whose connections end with ctx.
func newTransport(ctx context.Context, clk clock.PassiveClock, to netip.AddrPort) *transport {
	t := &transport{
		clock:    clk,
		packets:  make(chan *memberlist.Packet),
		done:     make(chan struct{}),
		received: make(chan struct{}),
	}
	t.dial = func(timeout time.Duration) (net.Conn, error) {
		dialer := net.Dialer{Timeout: timeout}
		conn, err := dialer.DialContext(ctx, "tcp", to.String())
		if err != nil {
			return nil, err //nolint:wrapcheck // memberlist says what was tried
		}
		context.AfterFunc(ctx, func() { _ = conn.Close() })
		return conn, nil
	}
	socket, err := (&net.Dialer{}).DialContext(ctx, "udp", to.String())
	if err != nil {
		close(t.received)
		return t
	}
	t.socket = socket
	go t.receive()
	return t
}

// receive hands packets on. A port that refuses one is not the end: something may listen there by
// the next.
func (t *transport) receive() {
	defer close(t.received)
	for {
		b := make([]byte, maxPacket) // memberlist keeps it
		n, err := t.socket.Read(b)
		if errors.Is(err, syscall.ECONNREFUSED) {
			continue
		}
		if err != nil {
			return
		}
		packet := &memberlist.Packet{Buf: b[:n], From: t.socket.RemoteAddr(), Timestamp: t.clock.Now()}
		select {
		case t.packets <- packet:
		case <-t.done:
			return
		}
	}
}

// FinalAdvertiseAddr implements memberlist.Transport. Without a port, a ping is answered to where
// it came from (net.go, handlePing), which leads back through address translation.
func (t *transport) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return net.IPv4zero, 0, nil
}

// WriteTo implements memberlist.Transport.
func (t *transport) WriteTo(b []byte, _ string) (time.Time, error) {
	if t.socket == nil {
		return time.Time{}, net.ErrClosed
	}
	_, err := t.socket.Write(b)
	return t.clock.Now(), err
}

// WriteToAddress implements memberlist.NodeAwareTransport.
func (t *transport) WriteToAddress(b []byte, to memberlist.Address) (time.Time, error) {
	return t.WriteTo(b, to.Addr)
}

// PacketCh implements memberlist.Transport.
func (t *transport) PacketCh() <-chan *memberlist.Packet { return t.packets }

// StreamCh implements memberlist.Transport: nobody connects to a probe.
func (t *transport) StreamCh() <-chan net.Conn { return nil }

// DialTimeout implements memberlist.Transport.
func (t *transport) DialTimeout(_ string, timeout time.Duration) (net.Conn, error) {
	conn, err := t.dial(timeout)
	if err != nil {
		return nil, err
	}
	t.answer = &answer{Conn: conn}
	return t.answer, nil
}

// DialAddressTimeout implements memberlist.NodeAwareTransport.
func (t *transport) DialAddressTimeout(to memberlist.Address, timeout time.Duration) (net.Conn, error) {
	return t.DialTimeout(to.Addr, timeout)
}

// Shutdown implements memberlist.Transport.
func (t *transport) Shutdown() error {
	close(t.done)
	if t.socket != nil {
		_ = t.socket.Close()
	}
	<-t.received
	return nil
}

// Kinds of frames with which a member may answer (memberlist, net.go, messageType).
const (
	framePushPull = 6
	frameCompress = 9
	frameEncrypt  = 10
	frameError    = 13
)

// answer is a connection that notes how its answer begins and how long it is.
type answer struct {
	net.Conn

	// head is the kind of the frame and, when it is encrypted, the length of the rest.
	head [5]byte
	size int64
}

// Read implements net.Conn.
func (a *answer) Read(b []byte) (int, error) {
	n, err := a.Conn.Read(b)
	if a.size < int64(len(a.head)) {
		copy(a.head[a.size:], b[:n])
	}
	a.size += int64(n)
	return n, err //nolint:wrapcheck // an io.EOF has to stay one
}

// fromMember tells whether a member answered, whatever its key: a whole encrypted frame came, or,
// from one without a key, the beginning of a plain one, which goes on with a map of msgpack.
func (a *answer) fromMember() bool {
	if a == nil || a.size < int64(len(a.head)) {
		return false
	}
	switch a.head[0] {
	case frameEncrypt:
		return a.size-int64(len(a.head)) >= int64(binary.BigEndian.Uint32(a.head[1:]))
	case framePushPull, frameCompress, frameError:
		return a.head[1]&0xf0 == 0x80
	default:
		return false
	}
}
