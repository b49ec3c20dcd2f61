package gossip

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/portolan-dev/portolan/test/simulator/network"
)

var loopback = netip.AddrFrom4([4]byte{127, 0, 0, 1})

// transport is memberlist's own transport on a loopback port, addressed by the
// pod's virtual address.
type transport struct {
	*memberlist.NetTransport

	network    Network
	pod        netip.Addr
	links      network.Links
	unregister func()
}

var _ memberlist.NodeAwareTransport = (*transport)(nil)

func newTransport(o Options, logger *log.Logger) (*transport, error) {
	bound, err := bindLoopback(logger)
	if err != nil {
		return nil, fmt.Errorf("binding the gossip port: %w", err)
	}
	return &transport{
		NetTransport: bound,
		network:      o.Network,
		pod:          o.Pod,
		links:        o.Links,
		unregister:   sync.OnceFunc(register(o, uint16(bound.GetAutoBindPort()))),
	}, nil
}

// register gives both halves of a loopback port to the pod.
func register(o Options, port uint16) (unregister func()) {
	virtual, actual := netip.AddrPortFrom(o.Pod, WANPort), netip.AddrPortFrom(loopback, port)
	connections := o.Network.Register(network.TCP, virtual, actual)
	packets := o.Network.Register(network.UDP, virtual, actual)
	return func() {
		connections()
		packets()
	}
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
	actual, ok := t.network.Lookup(network.UDP, to)
	if !ok && to.Addr().IsLoopback() {
		actual, ok = to, true // an answer to the sender of a packet
	}
	if !ok || !t.links.Pass(t.pod, to.Addr(), network.UDP) {
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
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return t.links.Dial(ctx, t.network, t.pod, string(network.TCP), addr.Addr)
}

// Shutdown implements memberlist.Transport.
func (t *transport) Shutdown() error {
	t.unregister()
	return t.NetTransport.Shutdown()
}
