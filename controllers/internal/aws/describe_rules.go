package aws

import (
	"cmp"
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// RouteTable is what EC2 says of a route table.
type RouteTable struct {
	Routes []Route
	// Subnets are the IDs of those that are associated with the table by name.
	Subnets []string
	Tags    map[string]string
}

// Route is one of a RouteTable.
type Route struct {
	// Destination is a block of addresses or the ID of a list of them.
	Destination string
	// Target is the ID of what the traffic goes to, or "local".
	Target string
	// Blackhole is true when the target is gone.
	Blackhole bool
	// Propagated is true for what a virtual private gateway has put there.
	Propagated bool
}

// SecurityGroup is what EC2 says of a security group.
type SecurityGroup struct {
	Ingress, Egress []SecurityRule
	Tags            map[string]string
}

// SecurityRule lets traffic of one protocol and range of ports come from, or go to, one peer.
type SecurityRule struct {
	Protocol string
	// FromPort and ToPort are nil when the rule is about all ports.
	FromPort, ToPort *int32
	// Peer is a block of addresses, or the ID of a security group or prefix list.
	Peer string
}

// DescribeRouteTables returns by ID those route tables that exist, which needs
// ec2:DescribeRouteTables.
func (s *Sessions) DescribeRouteTables(ctx context.Context, roleARN, region string, ids []string) (map[string]RouteTable, error) {
	return describe(ids, "route-table-id", func(by types.Filter) ([]types.RouteTable, error) {
		return collect(ctx,
			ec2.NewDescribeRouteTablesPaginator(s.in(roleARN, region).ec2, &ec2.DescribeRouteTablesInput{Filters: []types.Filter{by}}),
			func(page *ec2.DescribeRouteTablesOutput) []types.RouteTable { return page.RouteTables })
	}, readRouteTable)
}

func readRouteTable(t types.RouteTable) (string, RouteTable) {
	table := RouteTable{Tags: tagsOfEC2(t.Tags)}
	for _, association := range t.Associations {
		if association.SubnetId != nil {
			table.Subnets = append(table.Subnets, *association.SubnetId)
		}
	}
	for _, r := range t.Routes {
		table.Routes = append(table.Routes, Route{
			Destination: first(r.DestinationCidrBlock, r.DestinationIpv6CidrBlock, r.DestinationPrefixListId),
			// A NAT instance's route names both the instance and its interface.
			Target: first(r.GatewayId, r.NatGatewayId, r.TransitGatewayId, r.VpcPeeringConnectionId, r.EgressOnlyInternetGatewayId,
				r.CarrierGatewayId, r.LocalGatewayId, r.CoreNetworkArn, r.InstanceId, r.NetworkInterfaceId),
			Blackhole:  r.State == types.RouteStateBlackhole,
			Propagated: r.Origin == types.RouteOriginEnableVgwRoutePropagation,
		})
	}
	return aws.ToString(t.RouteTableId), table
}

// first is the first text that is there.
func first(texts ...*string) string {
	all := make([]string, len(texts))
	for i, text := range texts {
		all[i] = aws.ToString(text)
	}
	return cmp.Or(all...)
}

// DescribeSecurityGroups returns by ID those security groups that exist, which needs
// ec2:DescribeSecurityGroups.
func (s *Sessions) DescribeSecurityGroups(ctx context.Context, roleARN, region string, ids []string) (map[string]SecurityGroup, error) {
	return describe(ids, "group-id", func(by types.Filter) ([]types.SecurityGroup, error) {
		return collect(ctx,
			ec2.NewDescribeSecurityGroupsPaginator(s.in(roleARN, region).ec2, &ec2.DescribeSecurityGroupsInput{Filters: []types.Filter{by}}),
			func(page *ec2.DescribeSecurityGroupsOutput) []types.SecurityGroup { return page.SecurityGroups })
	}, func(g types.SecurityGroup) (string, SecurityGroup) {
		return aws.ToString(g.GroupId), SecurityGroup{
			Ingress: rulesOf(g.IpPermissions), Egress: rulesOf(g.IpPermissionsEgress), Tags: tagsOfEC2(g.Tags),
		}
	})
}

// rulesOf takes apart what EC2 groups by protocol and ports.
func rulesOf(permissions []types.IpPermission) []SecurityRule {
	var rules []SecurityRule
	for _, p := range permissions {
		add := func(peer *string) {
			rules = append(rules, SecurityRule{
				Protocol: aws.ToString(p.IpProtocol), FromPort: p.FromPort, ToPort: p.ToPort, Peer: aws.ToString(peer),
			})
		}
		for _, r := range p.IpRanges {
			add(r.CidrIp)
		}
		for _, r := range p.Ipv6Ranges {
			add(r.CidrIpv6)
		}
		for _, list := range p.PrefixListIds {
			add(list.PrefixListId)
		}
		for _, group := range p.UserIdGroupPairs {
			add(group.GroupId)
		}
	}
	return rules
}
