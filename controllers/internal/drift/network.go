package drift

import (
	"context"
	"slices"

	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/controllers/internal/ack/ec2"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
)

func atNetwork(ctx context.Context, l *look, objects []client.Object) {
	atVPCs(ctx, l, of[*ec2.VPC](objects))
	atRouting(ctx, l, objects)
	compareListed(ctx, l, of[*ec2.InternetGateway](objects),
		func(g *ec2.InternetGateway) *string { return g.Status.InternetGatewayID }, l.DescribeInternetGateways,
		func(g *ec2.InternetGateway, known aws.InternetGateway) ([]string, bool) {
			fields := tags(known.Tags, ec2Tags(g.Spec.Tags))
			if g.Spec.VPC != nil {
				fields = append(fields, set("vpc", lacks, known.VPCs, []string{*g.Spec.VPC})...)
			}
			return fields, false
		})
	compareListed(ctx, l, of[*ec2.ElasticIPAddress](objects),
		func(a *ec2.ElasticIPAddress) *string { return a.Status.AllocationID }, l.DescribeAddresses,
		func(a *ec2.ElasticIPAddress, known aws.Address) ([]string, bool) {
			return tags(known.Tags, ec2Tags(a.Spec.Tags)), false
		})
	compareListed(ctx, l, of[*ec2.NATGateway](objects),
		func(g *ec2.NATGateway) *string { return g.Status.NATGatewayID }, l.DescribeNATGateways,
		func(g *ec2.NATGateway, known aws.NATGateway) ([]string, bool) {
			return tags(known.Tags, ec2Tags(g.Spec.Tags)), slices.Contains(deadNATGateways, known.State)
		})
	compareListed(ctx, l, of[*ec2.SecurityGroup](objects),
		func(g *ec2.SecurityGroup) *string { return g.Status.ID }, l.DescribeSecurityGroups, compareSecurityGroup)
}

// deadNATGateways are the states that no NAT gateway comes back from (source: EC2 user
// guide, "NAT gateway states").
var deadNATGateways = []string{aws.NATGatewayDeleting, aws.NATGatewayDeleted, aws.NATGatewayFailed}

// atVPCs asks for the attributes apart, because describing a VPC leaves them out.
func atVPCs(ctx context.Context, l *look, vpcs []*ec2.VPC) {
	compareListed(ctx, l, vpcs, func(v *ec2.VPC) *string { return v.Status.VPCID }, l.DescribeVPCs,
		func(v *ec2.VPC, known aws.VPC) ([]string, bool) {
			return append(l.vpcAttributes(ctx, v), tags(known.Tags, ec2Tags(v.Spec.Tags))...), false
		})
}

func (l *look) vpcAttributes(ctx context.Context, v *ec2.VPC) []string {
	if l.halted || v.Spec.EnableDNSSupport == nil && v.Spec.EnableDNSHostnames == nil {
		return nil
	}
	support, hostnames, err := l.VPCAttributes(ctx, l.roleARN, l.region, *v.Status.VPCID)
	if aws.ClassOf(err) == aws.NotFound || l.failed(err) {
		return nil // deleted since it was described: the next look tells
	}
	return append(value("enableDNSSupport", support, v.Spec.EnableDNSSupport),
		value("enableDNSHostnames", hostnames, v.Spec.EnableDNSHostnames)...)
}

// atRouting looks at subnets together with route tables, because it is a table that tells which
// subnets are associated with it.
func atRouting(ctx context.Context, l *look, objects []client.Object) {
	subnets, tables := of[*ec2.Subnet](objects), of[*ec2.RouteTable](objects)
	routing, asked := l.routing(ctx, subnets, tables)
	compareListed(ctx, l, subnets, func(s *ec2.Subnet) *string { return s.Status.SubnetID }, l.DescribeSubnets,
		func(s *ec2.Subnet, known aws.Subnet) ([]string, bool) {
			fields := append(value("mapPublicIPOnLaunch", known.MapPublicIPOnLaunch, s.Spec.MapPublicIPOnLaunch),
				tags(known.Tags, ec2Tags(s.Spec.Tags))...)
			if asked && len(s.Spec.RouteTables) > 0 {
				fields = append(fields, set("routeTables", lacks, tablesOf(*s.Status.SubnetID, routing), texts(s.Spec.RouteTables))...)
			}
			return fields, false
		})
	if !asked {
		return
	}
	compareListed(ctx, l, tables, func(t *ec2.RouteTable) *string { return t.Status.RouteTableID },
		func(context.Context, string, string, []string) (map[string]aws.RouteTable, error) {
			return routing, nil
		},
		compareRouteTable)
}

// routing returns the route tables that the objects are or name, by ID.
func (l *look) routing(ctx context.Context, subnets []*ec2.Subnet, tables []*ec2.RouteTable) (map[string]aws.RouteTable, bool) {
	var ids []string
	for _, t := range tables {
		ids = append(ids, ptr.Deref(t.Status.RouteTableID, ""))
	}
	for _, s := range subnets {
		ids = append(ids, texts(s.Spec.RouteTables)...)
	}
	ids = slices.DeleteFunc(ids, func(id string) bool { return id == "" })
	if l.halted || len(ids) == 0 {
		return nil, false
	}
	slices.Sort(ids)
	routing, err := l.DescribeRouteTables(ctx, l.roleARN, l.region, slices.Compact(ids))
	return routing, !l.failed(err)
}

func tablesOf(subnetID string, routing map[string]aws.RouteTable) []string {
	var ids []string
	for id, table := range routing {
		if slices.Contains(table.Subnets, subnetID) {
			ids = append(ids, id)
		}
	}
	return ids
}

func ec2Tags(list []ec2.Tag) map[string]string {
	all := make(map[string]string, len(list))
	for _, t := range list {
		all[t.Key] = t.Value
	}
	return all
}
