package region

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack"
	"github.com/portolan-dev/portolan/controllers/internal/ack/ec2"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// ensureGossipGroup declares the security group that lets peers in.
func (r *Reconciler) ensureGossipGroup(ctx context.Context, a *ack.Applier, n *network) error {
	status := n.region.Status.Network
	if n.plan.Gossip == nil {
		status.GossipSecurityGroupID = ""
		return nil
	}
	ingress := *n.plan.Gossip.DeepCopy()
	if ingress.AllowRegions {
		if err := r.allowRegions(ctx, a, n, &ingress); err != nil {
			return err
		}
	}
	group, _ := ack.Ensure(ctx, a, n.gossipGroup(n.vpcID, ingress))
	if group.Status.ID != nil {
		status.GossipSecurityGroupID = *group.Status.ID
	}
	return nil
}

// allowRegions adds the addresses of the environment's other regions. While those of one that has
// gateways are not known, whoever is let in stays: it may be that region.
func (r *Reconciler) allowRegions(ctx context.Context, a *ack.Applier, n *network, ingress *v1alpha1.GossipIngress) error {
	peers, err := r.peersOf(ctx, n.region)
	if err != nil {
		return err
	}
	for _, address := range addressesOf(peers) {
		ingress.AllowFrom = append(ingress.AllowFrom, v1alpha1.CIDR(netip.PrefixFrom(address, address.BitLen()).String()))
	}
	current := &ec2.SecurityGroup{ObjectMeta: n.meta("gossip")}
	switch err := r.Client.Get(ctx, client.ObjectKeyFromObject(current), current); {
	case apierrors.IsNotFound(err) && len(n.plan.NATZones) == 0:
	case apierrors.IsNotFound(err):
		if err := r.awaitPeers(ctx, a, n.gossipGroup(n.vpcID, *ingress), peers); err != nil {
			return err
		}
	case err != nil:
		return fmt.Errorf("reading SecurityGroup %s: %w", current.Name, err)
	case slices.ContainsFunc(peers, unaddressed):
		for _, rule := range current.Spec.IngressRules {
			for _, from := range rule.IPRanges {
				ingress.AllowFrom = append(ingress.AllowFrom, v1alpha1.CIDR(deref(from.CIDRIP)))
			}
		}
	}
	slices.Sort(ingress.AllowFrom)
	ingress.AllowFrom = slices.Compact(ingress.AllowFrom)
	return nil
}

// awaitPeers waits with taking over a group that AWS has already until the addresses of all peers are
// found again: so long it lets in whom it did. Those of a Region that is paused are not looked for.
func (r *Reconciler) awaitPeers(ctx context.Context, a *ack.Applier, group *ec2.SecurityGroup, peers []v1alpha1.Region) error {
	var awaited []string
	for i := range peers {
		if peer := &peers[i]; peer.DeletionTimestamp.IsZero() && !peer.Spec.Paused && len(natAddresses(peer)) == 0 {
			awaited = append(awaited, peer.Name)
		}
	}
	if len(awaited) == 0 || !a.Exists(ctx, group) {
		return nil
	}
	slices.Sort(awaited)
	return step.Poll(r.Poll, v1alpha1.ReasonAdopting,
		"SecurityGroup %s lets peers in and is left as it is until the addresses of the NAT gateways of %s are known", group.Name, strings.Join(awaited, ", "))
}

// peersOf returns the environment's other regions.
func (r *Reconciler) peersOf(ctx context.Context, region *v1alpha1.Region) ([]v1alpha1.Region, error) {
	list := &v1alpha1.RegionList{}
	if err := r.Client.List(ctx, list, client.InNamespace(region.Namespace)); err != nil {
		return nil, fmt.Errorf("listing Regions: %w", err)
	}
	return slices.DeleteFunc(list.Items, func(other v1alpha1.Region) bool {
		return other.Name == region.Name || other.Spec.EnvironmentRef != region.Spec.EnvironmentRef
	}), nil
}

// addressesOf are the public addresses that regions connect from.
func addressesOf(regions []v1alpha1.Region) []netip.Addr {
	var addresses []netip.Addr
	for i := range regions {
		for _, text := range natAddresses(&regions[i]) {
			if address, err := netip.ParseAddr(text); err == nil {
				addresses = append(addresses, address)
			}
		}
	}
	return addresses
}

func natAddresses(region *v1alpha1.Region) []string {
	if region.Status.Network == nil {
		return nil
	}
	return region.Status.Network.NATAddresses
}

// unaddressed tells that a region has gateways whose addresses nobody has written down: an older
// Portolan did not, and a Region that is paused is not looked at.
func unaddressed(region v1alpha1.Region) bool {
	return region.DeletionTimestamp.IsZero() && region.Status.Network != nil && len(region.Status.Network.NATGatewayIDs) > 0 && len(natAddresses(&region)) == 0
}
