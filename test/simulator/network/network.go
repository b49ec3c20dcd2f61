package network

import (
	"context"
	"net"
	"net/netip"
	"os"
	"sync"
	"syscall"
)

// Network maps virtual addresses to loopback ports. It is safe for concurrent use.
type Network struct {
	dialer net.Dialer

	mu       sync.RWMutex
	bindings map[netip.AddrPort]*binding
}

type binding struct{ loopback netip.AddrPort }

// New returns a Network without any address in use.
func New() *Network {
	return &Network{bindings: map[netip.AddrPort]*binding{}}
}

// Listen accepts TCP connections to the virtual address until the listener is
// closed. The listener's Addr is the loopback address behind it.
func (n *Network) Listen(addr netip.AddrPort) (net.Listener, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	b := &binding{loopback: l.Addr().(*net.TCPAddr).AddrPort()}
	if !n.claim(addr, b) {
		_ = l.Close()
		return nil, &net.OpError{Op: "listen", Net: "tcp", Addr: net.TCPAddrFromAddrPort(addr), Err: os.NewSyscallError("bind", syscall.EADDRINUSE)}
	}
	return &listener{Listener: l, unregister: func() { n.release(addr, b) }}, nil
}

// Register makes a virtual address of a socket that its owner, TCP or UDP, has
// bound itself. It replaces an earlier registration of the address.
func (n *Network) Register(addr, loopback netip.AddrPort) (unregister func()) {
	b := &binding{loopback: loopback}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.bindings[addr] = b
	return func() { n.release(addr, b) }
}

// Lookup returns the loopback address behind a virtual one.
func (n *Network) Lookup(addr netip.AddrPort) (netip.AddrPort, bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	b, ok := n.bindings[addr]
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
	target, ok := n.Lookup(addr)
	switch {
	case ok:
	case addr.Addr().IsLoopback():
		target = addr
	default:
		return nil, &net.OpError{Op: "dial", Net: network, Addr: net.TCPAddrFromAddrPort(addr), Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	}
	return n.dialer.DialContext(ctx, network, target.String())
}

func (n *Network) claim(addr netip.AddrPort, b *binding) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	if _, taken := n.bindings[addr]; taken {
		return false
	}
	n.bindings[addr] = b
	return true
}

// release leaves a registration alone that has replaced b in the meantime.
func (n *Network) release(addr netip.AddrPort, b *binding) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.bindings[addr] == b {
		delete(n.bindings, addr)
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
