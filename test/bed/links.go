package bed

import (
	"net/netip"
	"slices"
	"sync/atomic"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
	"github.com/portolan-dev/portolan/test/simulator/network"
)

// EveryRegion stands for all other regions in Cut, and for all clusters in SetGossipKey.
const EveryRegion = "*"

// way is one direction between two AWS regions.
type way struct {
	from, to  string
	transport network.Transport
}

// links are the ways that somebody has cut.
type links struct {
	regionOf func(netip.Addr) string
	cut      atomic.Pointer[[]way] // never changed in place: agents ask for each packet
}

func newLinks(regionOf func(netip.Addr) string) *links {
	l := &links{regionOf: regionOf}
	l.heal()
	return l
}

// pass implements network.Links. What lies in no region is not cut off.
func (l *links) pass(from, to netip.Addr, t network.Transport) bool {
	cut := *l.cut.Load()
	if len(cut) == 0 {
		return true
	}
	source, target := l.regionOf(from), l.regionOf(to)
	if source == "" || target == "" {
		return true
	}
	return !slices.ContainsFunc(cut, func(w way) bool { return w.transport == t && w.leads(source, target) })
}

func (w way) leads(from, to string) bool {
	if from == to {
		return w.from == from && w.to == to
	}
	return (w.from == from || w.from == EveryRegion) && (w.to == to || w.to == EveryRegion)
}

// add must not be called by two at once.
func (l *links) add(from, to string, transports []network.Transport) {
	if len(transports) == 0 {
		transports = []network.Transport{network.TCP, network.UDP}
	}
	cut := slices.Clone(*l.cut.Load())
	for _, t := range transports {
		cut = append(cut, way{from: from, to: to, transport: t})
	}
	l.cut.Store(&cut)
}

func (l *links) heal() { l.cut.Store(&[]way{}) }

// Cut cuts what goes from one AWS region to another, between pods and from pods to load
// balancers: connections that are made in this direction, and packets. EveryRegion means all
// others; no transport means all. API servers, and who asks them, are not cut off.
func (b *Bed) Cut(from, to string, transports ...network.Transport) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.links.add(from, to, transports)
}

// CutBetween cuts both directions between each of some regions and each of others.
func (b *Bed) CutBetween(some, others []string, transports ...network.Transport) {
	for _, one := range some {
		for _, other := range others {
			b.Cut(one, other, transports...)
			b.Cut(other, one, transports...)
		}
	}
}

// Heal takes back every cut.
func (b *Bed) Heal() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.links.heal()
}

// regionOf is the AWS region of a pod or of a load balancer, and empty for other addresses.
func (b *Bed) regionOf(address netip.Addr) string {
	if region := b.planes.regionOf(address); region != "" {
		return region
	}
	text := address.String()
	for _, balancer := range b.Cloud.List(func(r cloud.Resource) bool {
		return r.Type == "elbv2/loadbalancer" && r.Data["address"] == text
	}) {
		return balancer.Region
	}
	return ""
}
