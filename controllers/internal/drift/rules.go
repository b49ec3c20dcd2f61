package drift

import (
	"fmt"
	"net/netip"
	"strings"

	"k8s.io/utils/ptr"

	"github.com/portolan-dev/portolan/controllers/internal/ack/ec2"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
)

// compareRouteTable compares all routes that somebody wrote, also where the object has
// none: then there are to be none.
func compareRouteTable(t *ec2.RouteTable, known aws.RouteTable) (fields []string, gone bool) {
	want := make([]string, len(t.Spec.Routes))
	for i, r := range t.Spec.Routes {
		want[i] = routeText(ptr.Deref(r.DestinationCIDRBlock, ""), ptr.Deref(r.GatewayID, "")+ptr.Deref(r.NATGatewayID, ""))
	}
	var have []string
	for _, r := range known.Routes {
		if r.Propagated || isOfAWS(r.Target) {
			continue
		}
		one := routeText(r.Destination, r.Target)
		have = append(have, one)
		if r.Blackhole {
			fields = append(fields, "routes: AWS has "+one+" as a blackhole")
		}
	}
	fields = append(fields, set("routes", lacks, have, want)...)
	return append(fields, tags(known.Tags, ec2Tags(t.Spec.Tags))...), false
}

// isOfAWS tells the targets of routes that AWS keeps itself: the VPC's own, and those of
// gateway endpoints and of VPC Lattice, which come and go with what they are for (source:
// VPC user guide, "Route table concepts").
func isOfAWS(target string) bool {
	return target == "local" || target == "VpcLattice" || strings.HasPrefix(target, "vpce-")
}

func routeText(destination, target string) string { return block(destination) + " to " + target }

// block is a block of addresses as AWS writes it, whatever bits were set behind its mask.
func block(cidr string) string {
	prefix, err := netip.ParsePrefix(cidr)
	if err != nil {
		return cidr
	}
	return prefix.Masked().String()
}

// blocks are many of them.
func blocks(cidrs []string) []string {
	all := make([]string, len(cidrs))
	for i, cidr := range cidrs {
		all[i] = block(cidr)
	}
	return all
}

// compareSecurityGroup compares all rules: ACK removes those that the object does not have.
func compareSecurityGroup(g *ec2.SecurityGroup, known aws.SecurityGroup) (fields []string, gone bool) {
	fields = append(fields, set("ingressRules", lacks, rulesIn(known.Ingress, " from "), wantedRules(g.Spec.IngressRules, " from "))...)
	fields = append(fields, set("egressRules", lacks, rulesIn(known.Egress, " to "), wantedRules(g.Spec.EgressRules, " to "))...)
	return append(fields, tags(known.Tags, ec2Tags(g.Spec.Tags))...), false
}

func rulesIn(rules []aws.SecurityRule, direction string) []string {
	all := make([]string, len(rules))
	for i, r := range rules {
		all[i] = traffic(r.Protocol, portOf(r.FromPort), portOf(r.ToPort)) + direction + block(r.Peer)
	}
	return all
}

func wantedRules(permissions []ec2.IPPermission, direction string) []string {
	var all []string
	for _, p := range permissions {
		what := traffic(ptr.Deref(p.IPProtocol, allProtocols), portOf(p.FromPort), portOf(p.ToPort))
		for _, r := range p.IPRanges {
			all = append(all, what+direction+block(ptr.Deref(r.CIDRIP, "")))
		}
	}
	return all
}

const (
	allProtocols = "-1"
	allPorts     = -1
)

// portOf is allPorts where AWS or an object names none.
func portOf[T int32 | int64](port *T) int64 {
	if port == nil {
		return allPorts
	}
	return int64(*port)
}

// protocolNames are the numbers that EC2 replaces by names (source: EC2 API reference, IpPermission).
var protocolNames = map[string]string{"6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6"}

// traffic is what a rule is about. The ports of a rule for all protocols mean nothing.
func traffic(protocol string, from, to int64) string {
	if name, ok := protocolNames[protocol]; ok {
		protocol = name
	}
	switch {
	case protocol == allProtocols:
		return "all traffic"
	case from == allPorts && to == allPorts:
		return protocol
	case from == to:
		return fmt.Sprintf("%s %d", protocol, from)
	default:
		return fmt.Sprintf("%s %d-%d", protocol, from, to)
	}
}
