package network

import (
	"context"
	"net"
	"net/netip"
	"os"
)

// Transport is a protocol above IP. Firewalls tell them apart.
type Transport string

// The transports.
const (
	TCP Transport = "tcp"
	UDP Transport = "udp"
)

// Links tells what passes from one address to another: nil means everything. As with
// AWS's stateful security groups, a TCP connection goes in the direction in which it is
// dialled, its answers included. Each datagram is asked about for itself.
type Links func(from, to netip.Addr, t Transport) bool

// Pass tells whether the link is whole.
func (l Links) Pass(from, to netip.Addr, t Transport) bool { return l == nil || l(from, to, t) }

// Dialer is a Network, or whatever stands for one.
type Dialer interface {
	DialContext(ctx context.Context, network, address string) (net.Conn, error)
}

// Dial dials as the host at from. Over a cut link nobody answers: a TCP connection times
// out, at once for the sake of tests, and breaks when the link is cut later, while
// datagrams are lost without an error.
func (l Links) Dial(ctx context.Context, d Dialer, from netip.Addr, network, address string) (net.Conn, error) {
	to, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: &net.AddrError{Err: "not an address", Addr: address}}
	}
	c := linkedConn{links: l, transport: transportOf(network), from: from, to: to.Addr()}
	if c.transport == TCP && c.cut() {
		return nil, &net.OpError{Op: "dial", Net: network, Addr: net.TCPAddrFromAddrPort(to), Err: os.ErrDeadlineExceeded}
	}
	c.Conn, err = d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &c, nil
}

// linkedConn is a connection that lives no longer than its link.
type linkedConn struct {
	net.Conn

	links     Links
	transport Transport
	from, to  netip.Addr
}

func (c *linkedConn) cut() bool { return !c.links.Pass(c.from, c.to, c.transport) }

func (c *linkedConn) Write(b []byte) (int, error) {
	switch {
	case !c.cut():
		return c.Conn.Write(b)
	case c.transport == UDP:
		return len(b), nil
	default:
		return 0, c.broken("write")
	}
}

// Read also drops what arrived over a link that was cut meanwhile.
func (c *linkedConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if c.transport == TCP && c.cut() {
		return 0, c.broken("read")
	}
	return n, err
}

func (c *linkedConn) broken(op string) error {
	_ = c.Conn.Close()
	return &net.OpError{Op: op, Net: string(c.transport), Addr: c.RemoteAddr(), Err: os.ErrDeadlineExceeded}
}

// CloseWrite lets memberlist's exchanges be answered on half-closed connections.
func (c *linkedConn) CloseWrite() error { return closeWrite(c.Conn) }
