package aws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"

	"github.com/portolan-dev/portolan/controllers/plan"
)

// limits are the quotas that a region draws on, with how to count what is used
// (codes: Service Quotas console and the quota pages of each service's user guide).
var limits = []struct {
	name, service, code string
	used                func(*clients, context.Context) (int, error)
}{
	{plan.QuotaVPCs, "vpc", "L-F678F1CE", (*clients).countVPCs},
	{plan.QuotaElasticIPs, "ec2", "L-0263D0A3", (*clients).countAddresses},
	{plan.QuotaNATGateways, "vpc", "L-FE5A380F", (*clients).countNATGatewaysOfFullestZone},
	{plan.QuotaClusters, "eks", "L-1194D53C", (*clients).countClusters},
	{plan.QuotaVCPUs, "ec2", "L-1216C47A", (*clients).countNothing},
	{plan.QuotaGroupRules, "vpc", "L-0EA8095F", (*clients).countNothing},
}

// countNothing is for what nobody can count cheaply, or what only a new region draws on.
func (c *clients) countNothing(context.Context) (int, error) { return 0, nil }

// Quotas returns the limits that a region draws on and what is used of them in the
// AWS region. A quota that Service Quotas does not know there is left out. It needs
// servicequotas:GetServiceQuota, ec2:DescribeVpcs, ec2:DescribeAddresses,
// ec2:DescribeNatGateways, ec2:DescribeSubnets and eks:ListClusters.
func (s *Sessions) Quotas(ctx context.Context, roleARN, region string) ([]plan.Quota, error) {
	c := s.in(roleARN, region)
	quotas := make([]plan.Quota, 0, len(limits))
	for _, l := range limits {
		out, err := c.quotas.GetServiceQuota(ctx,
			&servicequotas.GetServiceQuotaInput{ServiceCode: &l.service, QuotaCode: &l.code})
		if err = classify(err); ClassOf(err) == NotFound {
			continue
		}
		if err != nil {
			return nil, err
		}
		if out.Quota == nil || out.Quota.Value == nil {
			continue
		}
		used, err := l.used(c, ctx)
		if err != nil {
			return nil, err
		}
		quotas = append(quotas, plan.Quota{
			Name: l.name, Service: l.service, Code: l.code, Limit: *out.Quota.Value, Used: float64(used),
		})
	}
	return quotas, nil
}

func (c *clients) countVPCs(ctx context.Context) (int, error) {
	vpcs, err := c.vpcs(ctx)
	return len(vpcs), err
}

func (c *clients) countAddresses(ctx context.Context) (int, error) {
	out, err := c.ec2.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{})
	if err != nil {
		return 0, classify(err)
	}
	return len(out.Addresses), nil
}

func (c *clients) countClusters(ctx context.Context) (int, error) {
	names, err := collect(ctx, eks.NewListClustersPaginator(c.eks, &eks.ListClustersInput{}),
		func(page *eks.ListClustersOutput) []string { return page.Clusters })
	return len(names), err
}

// countNATGatewaysOfFullestZone counts in the zone that has most, because the quota
// is one per zone.
func (c *clients) countNATGatewaysOfFullestZone(ctx context.Context) (int, error) {
	gateways, err := c.natGateways(ctx, filter("state",
		string(types.NatGatewayStatePending), string(types.NatGatewayStateAvailable)))
	if err != nil {
		return 0, err
	}
	zoneOf, err := c.zonesOfSubnets(ctx, gateways)
	if err != nil {
		return 0, err
	}
	inZone, highest := map[string]int{}, 0
	for _, gateway := range gateways {
		for zone := range zonesOfGateway(gateway, zoneOf) {
			inZone[zone]++
			highest = max(highest, inZone[zone])
		}
	}
	return highest, nil
}

// zonesOfGateway returns the zone of the gateway's subnet. A regional NAT gateway has
// no subnet; its addresses name the zones it serves.
func zonesOfGateway(gateway types.NatGateway, zoneOf map[string]string) map[string]bool {
	zones := map[string]bool{}
	if zone, ok := zoneOf[aws.ToString(gateway.SubnetId)]; ok {
		zones[zone] = true
		return zones
	}
	for _, address := range gateway.NatGatewayAddresses {
		if zone := aws.ToString(address.AvailabilityZone); zone != "" {
			zones[zone] = true
		}
	}
	return zones
}
