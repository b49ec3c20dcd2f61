package gossip

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"
)

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// transport is memberlist's own transport on a loopback port, addressed by the
// pod's virtual address.
type transport struct {
	*memberlist.NetTransport

	network    Network
	pod        netip.Addr
	links      func(from, to netip.Addr) bool
	unregister func()
}

var _ memberlist.NodeAwareTransport = (*transport)(nil)

func newTransport(o Options, logger *log.Logger) (*transport, error) {
	bound, err := bindLoopback(logger)
	if err != nil {
		return nil, fmt.Errorf("binding the gossip port: %w", err)
	}
	port := uint16(bound.GetAutoBindPort())
	unregister := o.Network.Register(netip.AddrPortFrom(o.Pod, WANPort), netip.AddrPortFrom(loopback, port))
	return &transport{
		NetTransport: bound,
		network:      o.Network,
		pod:          o.Pod,
		links:        o.Links,
		unregister:   sync.OnceFunc(unregister),
	}, nil
}

// bindLoopback retries because the TCP port that the kernel picks may be taken for UDP.
func bindLoopback(logger *log.Logger) (*memberlist.NetTransport, error) {
	var err error
	for range 10 {
		var bound *memberlist.NetTransport
		bound, err = memberlist.NewNetTransport(&memberlist.NetTransportConfig{
			BindAddrs: []string{loopback.String()},
			Logger:    logger,
		})
		if err == nil {
			return bound, nil
		}
	}
	return nil, err
}

// FinalAdvertiseAddr implements memberlist.Transport.
func (t *transport) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return t.pod.AsSlice(), WANPort, nil
}

// WriteTo implements memberlist.Transport.
func (t *transport) WriteTo(b []byte, addr string) (time.Time, error) {
	return t.WriteToAddress(b, memberlist.Address{Addr: addr})
}

// WriteToAddress implements memberlist.NodeAwareTransport. Packets to nowhere and
// over a cut link are lost without an error, as on a real network.
func (t *transport) WriteToAddress(b []byte, addr memberlist.Address) (time.Time, error) {
	to, err := netip.ParseAddrPort(addr.Addr)
	if err != nil {
		return time.Time{}, fmt.Errorf("addressing a packet: %w", err)
	}
	actual, ok := t.network.Lookup(to)
	if !ok && to.Addr().IsLoopback() {
		actual, ok = to, true // an answer to the sender of a packet
	}
	if !ok || !t.linked(to.Addr()) {
		return time.Now(), nil
	}
	return t.NetTransport.WriteToAddress(b, memberlist.Address{Addr: actual.String(), Name: addr.Name})
}

// DialTimeout implements memberlist.Transport.
func (t *transport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	return t.DialAddressTimeout(memberlist.Address{Addr: addr}, timeout)
}

// DialAddressTimeout implements memberlist.NodeAwareTransport.
func (t *transport) DialAddressTimeout(addr memberlist.Address, timeout time.Duration) (net.Conn, error) {
	to, err := netip.ParseAddrPort(addr.Addr)
	if err != nil {
		return nil, fmt.Errorf("addressing a connection: %w", err)
	}
	if !t.linked(to.Addr()) {
		return nil, &net.OpError{Op: "dial", Net: "tcp", Addr: net.TCPAddrFromAddrPort(to), Err: os.ErrDeadlineExceeded}
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return t.network.DialContext(ctx, "tcp", addr.Addr)
}

// Shutdown implements memberlist.Transport.
func (t *transport) Shutdown() error {
	t.unregister()
	return t.NetTransport.Shutdown()
}

func (t *transport) linked(to netip.Addr) bool {
	return t.links == nil || t.links(t.pod, to)
}
