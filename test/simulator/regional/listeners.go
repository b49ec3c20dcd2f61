package regional

import (
	"cmp"
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/test/simulator/network"
)

const (
	// flowIdle is in simulated time, as AWS has it for UDP.
	flowIdle      = 2 * time.Minute
	flowIdleFloor = 250 * time.Millisecond
)

// opening is a port that a load balancer listens on.
type opening struct {
	protocol corev1.Protocol
	port     int32
}

func openingOf(port corev1.ServicePort) opening {
	return opening{protocol: cmp.Or(port.Protocol, corev1.ProtocolTCP), port: port.Port}
}

// listener passes on what comes to an opening.
type listener interface{ stop() }

// openListeners makes the open ports those of the Service.
func (r *Region) openListeners(ctx context.Context, service *corev1.Service, address netip.Addr) error {
	open := r.balancers.listeners[service.UID]
	if open == nil {
		open = map[opening]listener{}
		r.balancers.listeners[service.UID] = open
	}
	wanted := map[opening]bool{}
	for _, port := range service.Spec.Ports {
		at := openingOf(port)
		wanted[at] = true
		if open[at] != nil {
			continue
		}
		var err error
		if open[at], err = r.listen(ctx, client.ObjectKeyFromObject(service), at, address); err != nil {
			delete(open, at)
			return err
		}
	}
	for at, l := range open {
		if !wanted[at] {
			l.stop()
			delete(open, at)
		}
	}
	return nil
}

func (r *Region) listen(ctx context.Context, service client.ObjectKey, at opening, address netip.Addr) (listener, error) {
	virtual := netip.AddrPortFrom(address, uint16(at.port))
	if at.protocol == corev1.ProtocolUDP {
		socket, err := r.options.Network.ListenPacket(virtual)
		if err != nil {
			return nil, err
		}
		return serveDatagrams(ctx, socket, r.datagramRoute(service, at), max(flowIdleFloor, r.options.Cloud.Scale(flowIdle))), nil
	}
	accepting, err := r.options.Network.Listen(virtual)
	if err != nil {
		return nil, err
	}
	return serveProxy(ctx, accepting, r.reachableTarget(service, at)), nil
}

// reachableTarget dials a pod behind the Service that accepts connections. The load
// balancer's own checks would find it a little later.
func (r *Region) reachableTarget(service client.ObjectKey, at opening) dialFunc {
	return func(ctx context.Context) (net.Conn, error) {
		targets, err := r.targets(ctx, service, at)
		if err != nil {
			return nil, err
		}
		for _, i := range rand.Perm(len(targets)) {
			dialing, cancel := context.WithTimeout(ctx, targetTimeout)
			conn, err := r.options.Network.DialContext(dialing, "tcp", targets[i].String())
			cancel()
			if err == nil {
				return conn, nil
			}
		}
		return nil, errNoTarget
	}
}

// datagramRoute leads to a pod behind the Service that takes datagrams.
func (r *Region) datagramRoute(service client.ObjectKey, at opening) datagramRoute {
	behind := func(virtual netip.AddrPort) (datagramTarget, bool) {
		actual, bound := r.options.Network.Lookup(network.UDP, virtual)
		return datagramTarget{virtual: virtual, actual: actual}, bound
	}
	return datagramRoute{
		pick: func(ctx context.Context) (datagramTarget, error) {
			targets, err := r.targets(ctx, service, at)
			if err != nil {
				return datagramTarget{}, err
			}
			for _, i := range rand.Perm(len(targets)) {
				if target, bound := behind(targets[i]); bound {
					return target, nil
				}
			}
			return datagramTarget{}, errNoTarget
		},
		good: func(held datagramTarget) bool {
			now, bound := behind(held.virtual)
			return bound && now == held
		},
	}
}
