package region

import (
	"context"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack"
	"github.com/portolan-dev/portolan/controllers/internal/ack/ec2"
	"github.com/portolan-dev/portolan/controllers/internal/step"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// reconcileNetwork declares the VPC and what it holds. Each object is created as soon
// as the IDs that it names are known; the private subnets, which the control plane
// waits for, depend on the VPC alone.
func (r *Reconciler) reconcileNetwork(ctx context.Context, s *scope) error {
	if s.plan == nil {
		return step.Blocked(v1alpha1.RegionPlanned)
	}
	a := r.applier(s)
	b := s.blueprint()
	addresses, publicIPs := r.ensureAddresses(ctx, a, b)
	vpc, _ := ack.Ensure(ctx, a, b.vpc())
	if vpc.Status.VPCID == nil {
		return a.Outcome()
	}
	n := &network{blueprint: b, vpcID: *vpc.Status.VPCID, natAddresses: publicIPs}
	s.region.Status.Network.VPCID = n.vpcID

	r.ensurePublic(ctx, a, n)
	r.ensureNATGateways(ctx, a, n, addresses)
	r.ensurePrivate(ctx, a, n)

	status := s.region.Status.Network
	if len(n.natAddresses) == len(s.plan.NATZones) { // or peers would shut out one that cannot be seen now
		status.NATAddresses = n.natAddresses
	}
	status.SubnetIDs = slices.Concat(n.privateSubnets, n.publicSubnetIDs())
	status.NATGatewayIDs = n.recordedGateways(status.NATGatewayIDs)
	if len(n.privateSubnets) == len(s.plan.Subnets)/2 {
		s.subnets = n.privateSubnets
	}
	waits := r.ensureGossipGroup(ctx, a, n) // for peers, which wait for what was recorded
	if err := a.Outcome(); err != nil {
		return err
	}
	if waits != nil {
		return waits
	}
	if err := r.pruneNetwork(ctx, s, n); err != nil {
		return err
	}
	return r.removeDuplicates(ctx, s)
}

// pruneNetwork deletes the gateways that the plan does not have any more, and what they held.
func (r *Reconciler) pruneNetwork(ctx context.Context, s *scope, n *network) error {
	if s.observe {
		return nil
	}
	if err := r.prune(ctx, s, &ec2.NATGateway{}); err != nil {
		return err
	}
	if err := r.natGatewaysGone(ctx, s.region, v1alpha1.ReasonRemoving, n.allGateways); err != nil {
		return err
	}
	return r.prune(ctx, s, &ec2.ElasticIPAddress{}, &ec2.SecurityGroup{})
}

// network is what is known of the network on one pass.
type network struct {
	blueprint
	vpcID          string
	publicSubnets  map[string]string // zone → ID
	gateways       map[string]string // zone → ID of a NAT gateway that is available
	allGateways    []string          // IDs, available or not
	privateSubnets []string          // IDs, in the plan's order
	natAddresses   []string          // public, sorted
}

func (n *network) publicSubnetIDs() []string {
	var ids []string
	for _, subnet := range n.plan.Subnets {
		if id, ok := n.publicSubnets[subnet.Zone]; ok && subnet.Public {
			ids = append(ids, id)
		}
	}
	return ids
}

// recordedGateways adds to what was recorded: AWS keeps deleting a gateway after its object is gone.
func (n *network) recordedGateways(recorded []string) []string {
	all := slices.Concat(recorded, n.allGateways)
	slices.Sort(all)
	return slices.Compact(all)
}

// gatewayZone is where the NAT gateway of a zone is: there, or where the only one is.
func (n *network) gatewayZone(zone string) string {
	if !slices.Contains(n.plan.NATZones, zone) && len(n.plan.NATZones) > 0 {
		return n.plan.NATZones[0]
	}
	return zone
}

// gatewayFor returns the ID of a zone's NAT gateway.
func (n *network) gatewayFor(zone string) string { return n.gateways[n.gatewayZone(zone)] }

// ensureAddresses declares one elastic address for each NAT gateway; they depend on nothing. It
// returns their IDs by zone, and the addresses, sorted.
func (r *Reconciler) ensureAddresses(ctx context.Context, a *ack.Applier, b blueprint) (ids map[string]string, public []string) {
	ids = map[string]string{}
	for _, zone := range b.plan.NATZones {
		eip, _ := ack.Ensure(ctx, a, b.elasticIP(zone))
		if eip.Status.AllocationID != nil {
			ids[zone] = *eip.Status.AllocationID
		}
		if eip.Status.PublicIP != nil {
			public = append(public, *eip.Status.PublicIP)
		}
	}
	slices.Sort(public)
	return ids, public
}

func (r *Reconciler) ensurePublic(ctx context.Context, a *ack.Applier, n *network) {
	n.publicSubnets = map[string]string{}
	igw, _ := ack.Ensure(ctx, a, n.internetGateway(n.vpcID))
	if igw.Status.InternetGatewayID == nil {
		return
	}
	table, _ := ack.Ensure(ctx, a, n.publicRouteTable(n.vpcID, *igw.Status.InternetGatewayID))
	if table.Status.RouteTableID == nil {
		return
	}
	for _, subnet := range n.plan.Subnets {
		if !subnet.Public {
			continue
		}
		if id := r.ensureSubnet(ctx, a, n, subnet, *table.Status.RouteTableID); id != "" {
			n.publicSubnets[subnet.Zone] = id
		}
	}
}

func (r *Reconciler) ensureNATGateways(ctx context.Context, a *ack.Applier, n *network, addresses map[string]string) {
	n.gateways = map[string]string{}
	for _, zone := range n.plan.NATZones {
		subnet, address := n.publicSubnets[zone], addresses[zone]
		if subnet == "" || address == "" {
			continue // their own absence is already pending
		}
		gateway, _ := ack.Ensure(ctx, a, n.natGateway(zone, subnet, address), natGatewayWorks)
		if gateway.Status.NATGatewayID == nil {
			continue
		}
		n.allGateways = append(n.allGateways, *gateway.Status.NATGatewayID)
		if deref(gateway.Status.State) == "available" {
			n.gateways[zone] = *gateway.Status.NATGatewayID
		}
	}
}

func natGatewayWorks(g *ec2.NATGateway) error {
	if g.Status.State != nil && *g.Status.State == "failed" {
		return ack.Broken("AWS reports NATGateway %s as failed: %s", g.Name, deref(g.Status.FailureMessage))
	}
	return nil
}

// ensurePrivate declares the private half. Its route tables begin without a way out
// and get one when the NAT gateway is available: the control plane needs none.
func (r *Reconciler) ensurePrivate(ctx context.Context, a *ack.Applier, n *network) {
	for _, subnet := range n.plan.Subnets {
		if subnet.Public {
			continue
		}
		table := r.ensurePrivateTable(ctx, a, n, subnet.Zone)
		if table == "" {
			continue
		}
		if id := r.ensureSubnet(ctx, a, n, subnet, table); id != "" {
			n.privateSubnets = append(n.privateSubnets, id)
		}
	}
}

// ensurePrivateTable returns the ID of a zone's route table. One that has its way out
// is left alone while the gateway cannot be seen: neither a lookup that fails nor the loss
// of the management cluster must cut the zone's nodes off.
func (r *Reconciler) ensurePrivateTable(ctx context.Context, a *ack.Applier, n *network, zone string) string {
	desired := n.privateRouteTable(zone, n.vpcID, n.gatewayFor(zone))
	if len(n.plan.NATZones) > 0 && len(desired.Spec.Routes) == 0 {
		current := &ec2.RouteTable{}
		err := r.Client.Get(ctx, client.ObjectKeyFromObject(desired), current)
		switch {
		case apierrors.IsNotFound(err) && a.Exists(ctx, desired) && a.Exists(ctx, n.natGateway(n.gatewayZone(zone), "", "")):
			return "" // it has its way out, and taking it over without one would take that away
		case client.IgnoreNotFound(err) != nil || len(current.Spec.Routes) > 0:
			return deref(current.Status.RouteTableID)
		}
	}
	table, _ := ack.Ensure(ctx, a, desired)
	return deref(table.Status.RouteTableID)
}

func (r *Reconciler) ensureSubnet(ctx context.Context, a *ack.Applier, n *network, subnet plan.Subnet, routeTable string) string {
	observed, _ := ack.Ensure(ctx, a, n.subnet(subnet, n.vpcID, routeTable))
	return deref(observed.Status.SubnetID)
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
