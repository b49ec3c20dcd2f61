package fake

import (
	"context"

	"k8s.io/utils/ptr"

	"github.com/portolan-dev/portolan/controllers/internal/ack/ec2"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
)

// DescribeVPCs is like aws.Sessions.DescribeVPCs.
func (f *AWS) DescribeVPCs(ctx context.Context, _, _ string, ids []string) (map[string]aws.VPC, error) {
	return list(ctx, f, DescribeVPCs, ids, func(v *ec2.VPC) (string, aws.VPC) {
		return ptr.Deref(v.Status.VPCID, ""), aws.VPC{Tags: ec2Tags(v.Spec.Tags)}
	})
}

// DNSAttributes is what VPCAttributes answers, for Edit.
type DNSAttributes struct{ Support, Hostnames bool }

// VPCAttributes is like aws.Sessions.VPCAttributes.
func (f *AWS) VPCAttributes(ctx context.Context, _, _, id string) (dnsSupport, dnsHostnames bool, err error) {
	known, err := one(ctx, f, VPCAttributes, id, func(v *ec2.VPC) (string, DNSAttributes) {
		return ptr.Deref(v.Status.VPCID, ""), DNSAttributes{
			Support: ptr.Deref(v.Spec.EnableDNSSupport, true), Hostnames: ptr.Deref(v.Spec.EnableDNSHostnames, false),
		}
	})
	return known.Support, known.Hostnames, err
}

// DescribeSubnets is like aws.Sessions.DescribeSubnets.
func (f *AWS) DescribeSubnets(ctx context.Context, _, _ string, ids []string) (map[string]aws.Subnet, error) {
	return list(ctx, f, DescribeSubnets, ids, func(s *ec2.Subnet) (string, aws.Subnet) {
		return ptr.Deref(s.Status.SubnetID, ""), aws.Subnet{
			MapPublicIPOnLaunch: ptr.Deref(s.Spec.MapPublicIPOnLaunch, false), Tags: ec2Tags(s.Spec.Tags),
		}
	})
}

// DescribeRouteTables is like aws.Sessions.DescribeRouteTables.
func (f *AWS) DescribeRouteTables(ctx context.Context, _, _ string, ids []string) (map[string]aws.RouteTable, error) {
	return list(ctx, f, DescribeRouteTables, ids, func(t *ec2.RouteTable) (string, aws.RouteTable) {
		id := ptr.Deref(t.Status.RouteTableID, "")
		table := aws.RouteTable{
			Routes: []aws.Route{{Destination: "10.0.0.0/8", Target: "local"}}, Subnets: f.subnetsOf(id), Tags: ec2Tags(t.Spec.Tags),
		}
		for _, r := range t.Spec.Routes {
			table.Routes = append(table.Routes, aws.Route{
				Destination: ptr.Deref(r.DestinationCIDRBlock, ""), Target: ptr.Deref(r.GatewayID, "") + ptr.Deref(r.NATGatewayID, ""),
			})
		}
		return id, table
	})
}

// subnetsOf are those that name the table.
func (f *AWS) subnetsOf(tableID string) []string {
	var ids []string
	for _, obj := range f.described.objects() {
		subnet, ok := obj.(*ec2.Subnet)
		if !ok {
			continue
		}
		for _, id := range texts(subnet.Spec.RouteTables) {
			if id == tableID {
				ids = append(ids, ptr.Deref(subnet.Status.SubnetID, ""))
			}
		}
	}
	return ids
}

// DescribeInternetGateways is like aws.Sessions.DescribeInternetGateways.
func (f *AWS) DescribeInternetGateways(ctx context.Context, _, _ string, ids []string) (map[string]aws.InternetGateway, error) {
	return list(ctx, f, DescribeInternetGateways, ids, func(g *ec2.InternetGateway) (string, aws.InternetGateway) {
		gateway := aws.InternetGateway{Tags: ec2Tags(g.Spec.Tags)}
		if g.Spec.VPC != nil {
			gateway.VPCs = []string{*g.Spec.VPC}
		}
		return ptr.Deref(g.Status.InternetGatewayID, ""), gateway
	})
}

// DescribeAddresses is like aws.Sessions.DescribeAddresses.
func (f *AWS) DescribeAddresses(ctx context.Context, _, _ string, ids []string) (map[string]aws.Address, error) {
	return list(ctx, f, DescribeAddresses, ids, func(a *ec2.ElasticIPAddress) (string, aws.Address) {
		return ptr.Deref(a.Status.AllocationID, ""), aws.Address{Tags: ec2Tags(a.Spec.Tags)}
	})
}

// DescribeNATGateways is like aws.Sessions.DescribeNATGateways.
func (f *AWS) DescribeNATGateways(ctx context.Context, _, _ string, ids []string) (map[string]aws.NATGateway, error) {
	return list(ctx, f, DescribeNATGateways, ids, func(g *ec2.NATGateway) (string, aws.NATGateway) {
		return ptr.Deref(g.Status.NATGatewayID, ""), aws.NATGateway{State: "available", Tags: ec2Tags(g.Spec.Tags)}
	})
}

// DescribeSecurityGroups is like aws.Sessions.DescribeSecurityGroups.
func (f *AWS) DescribeSecurityGroups(ctx context.Context, _, _ string, ids []string) (map[string]aws.SecurityGroup, error) {
	return list(ctx, f, DescribeSecurityGroups, ids, func(g *ec2.SecurityGroup) (string, aws.SecurityGroup) {
		return ptr.Deref(g.Status.ID, ""), aws.SecurityGroup{
			Ingress: rulesOf(g.Spec.IngressRules), Egress: rulesOf(g.Spec.EgressRules), Tags: ec2Tags(g.Spec.Tags),
		}
	})
}

func rulesOf(permissions []ec2.IPPermission) []aws.SecurityRule {
	var rules []aws.SecurityRule
	for _, p := range permissions {
		rule := aws.SecurityRule{Protocol: ptr.Deref(p.IPProtocol, "-1")}
		if p.FromPort != nil && p.ToPort != nil {
			rule.FromPort, rule.ToPort = new(int32(*p.FromPort)), new(int32(*p.ToPort))
		}
		for _, r := range p.IPRanges {
			rule.Peer = ptr.Deref(r.CIDRIP, "")
			rules = append(rules, rule)
		}
	}
	return rules
}

func ec2Tags(list []ec2.Tag) map[string]string {
	all := map[string]string{}
	for _, t := range list {
		all[t.Key] = t.Value
	}
	return all
}
