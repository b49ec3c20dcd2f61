package regional

import (
	"context"
	"fmt"
	"net/netip"
	"sync"

	corev1 "k8s.io/api/core/v1"
)

// firstHost leaves out what AWS reserves at the start of each network.
const firstHost = 10

// addressPool hands out the addresses of a VPC in sequence and never one twice, so
// that an old address cannot reach a new pod.
type addressPool struct {
	prefix netip.Prefix

	mu   sync.Mutex
	last netip.Addr
}

func newAddressPool(prefix netip.Prefix) *addressPool {
	p := &addressPool{prefix: prefix, last: prefix.Masked().Addr()}
	for range firstHost - 1 {
		p.last = p.last.Next()
	}
	return p
}

func (p *addressPool) next() (netip.Addr, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	next := p.last.Next()
	if !p.prefix.Contains(next) {
		return netip.Addr{}, fmt.Errorf("no address is left in %s", p.prefix)
	}
	p.last = next
	return next, nil
}

// reserve keeps an address that is in use, and all before it, from being handed out.
func (p *addressPool) reserve(address string) {
	ip, err := netip.ParseAddr(address)
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil && p.prefix.Contains(ip) && p.last.Less(ip) {
		p.last = ip
	}
}

func (r *Region) reserveAddresses(ctx context.Context) error {
	nodes, pods := &corev1.NodeList{}, &corev1.PodList{}
	if err := r.client.List(ctx, nodes); err != nil {
		return err
	}
	if err := r.client.List(ctx, pods); err != nil {
		return err
	}
	for _, node := range nodes.Items {
		for _, address := range node.Status.Addresses {
			r.addresses.reserve(address.Address)
		}
	}
	for _, pod := range pods.Items {
		r.addresses.reserve(pod.Status.PodIP)
	}
	return nil
}
