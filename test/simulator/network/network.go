package network

import (
	"context"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
)

// Network maps virtual addresses to loopback ports. It is safe for concurrent use.
type Network struct {
	dialer net.Dialer

	mu       sync.RWMutex
	bindings map[endpoint]*binding
}

// endpoint is a port of one transport: TCP and UDP have ports of their own.
type endpoint struct {
	transport Transport
	addr      netip.AddrPort
}

type binding struct{ loopback netip.AddrPort }

// New returns a Network without any address in use.
func New() *Network {
	return &Network{bindings: map[endpoint]*binding{}}
}

// Listen accepts TCP connections to the virtual address until the listener is
// closed. The listener's Addr is the loopback address behind it.
func (n *Network) Listen(addr netip.AddrPort) (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	unregister, ok := n.claim(endpoint{TCP, addr}, l.Addr().(*net.TCPAddr).AddrPort())
	if !ok {
		_ = l.Close()
		return nil, inUse(TCP, net.TCPAddrFromAddrPort(addr))
	}
	return &listener{Listener: l, unregister: unregister}, nil
}

// ListenPacket receives the datagrams for the virtual address until the socket is
// closed. Its LocalAddr is the loopback address behind it.
func (n *Network) ListenPacket(addr netip.AddrPort) (net.PacketConn, error) {
	c, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		return nil, err
	}
	unregister, ok := n.claim(endpoint{UDP, addr}, c.LocalAddr().(*net.UDPAddr).AddrPort())
	if !ok {
		_ = c.Close()
		return nil, inUse(UDP, net.UDPAddrFromAddrPort(addr))
	}
	return &packetConn{UDPConn: c, unregister: unregister}, nil
}

func inUse(t Transport, addr net.Addr) error {
	return &net.OpError{Op: "listen", Net: string(t), Addr: addr, Err: os.NewSyscallError("bind", syscall.EADDRINUSE)}
}

// Register makes a virtual address of a socket that its owner has bound itself. It
// replaces an earlier registration of the address for the same transport.
func (n *Network) Register(t Transport, addr, loopback netip.AddrPort) (unregister func()) {
	at, b := endpoint{t, addr}, &binding{loopback: loopback}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.bindings[at] = b
	return func() { n.release(at, b) }
}

// Lookup returns the loopback address behind a virtual one.
func (n *Network) Lookup(t Transport, addr netip.AddrPort) (netip.AddrPort, bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	b, ok := n.bindings[endpoint{t, addr}]
	if !ok {
		return netip.AddrPort{}, false
	}
	return b.loopback, true
}

// DialContext dials a virtual address. Real loopback addresses pass through, and
// an address that nobody registered refuses the connection. Names are not
// resolved: those of the simulated world are known to its DNS server only.
func (n *Network) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	addr, err := netip.ParseAddrPort(address)
	if err != nil {
		return nil, &net.OpError{Op: "dial", Net: network, Err: &net.AddrError{Err: "neither a virtual nor a loopback address", Addr: address}}
	}
	target, ok := n.Lookup(transportOf(network), addr)
	switch {
	case ok:
	case addr.Addr().IsLoopback():
		target = addr
	default:
		return nil, &net.OpError{Op: "dial", Net: network, Addr: net.TCPAddrFromAddrPort(addr), Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}
	return n.dialer.DialContext(ctx, network, target.String())
}

// transportOf reads a network as package net calls it: tcp, tcp4, udp6.
func transportOf(network string) Transport {
	if strings.HasPrefix(network, string(UDP)) {
		return UDP
	}
	return TCP
}

func (n *Network) claim(at endpoint, loopback netip.AddrPort) (unregister func(), ok bool) {
	b := &binding{loopback: loopback}
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, taken := n.bindings[at]; taken {
		return nil, false
	}
	n.bindings[at] = b
	return func() { n.release(at, b) }, true
}

// release leaves a registration alone that has replaced b in the meantime.
func (n *Network) release(at endpoint, b *binding) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.bindings[at] == b {
		delete(n.bindings, at)
	}
}

type listener struct {
	net.Listener
	unregister func()
}

func (l *listener) Close() error {
	l.unregister()
	return l.Listener.Close()
}

type packetConn struct {
	*net.UDPConn
	unregister func()
}

func (c *packetConn) Close() error {
	c.unregister()
	return c.UDPConn.Close()
}
