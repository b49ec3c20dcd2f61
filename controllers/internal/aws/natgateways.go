package aws

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// natGateways lists by filter: asked by ID, AWS fails when it has forgotten one of them.
func (c *clients) natGateways(ctx context.Context, by types.Filter) ([]types.NatGateway, error) {
	return collect(ctx,
		ec2.NewDescribeNatGatewaysPaginator(c.ec2, &ec2.DescribeNatGatewaysInput{Filter: []types.Filter{by}}),
		func(page *ec2.DescribeNatGatewaysOutput) []types.NatGateway { return page.NatGateways })
}

// zonesOfSubnets returns the zones of the gateways' subnets by subnet ID, which AWS
// does not tell about a gateway itself.
func (c *clients) zonesOfSubnets(ctx context.Context, gateways []types.NatGateway) (map[string]string, error) {
	var ids []string
	for _, gateway := range gateways {
		if gateway.SubnetId != nil {
			ids = append(ids, *gateway.SubnetId)
		}
	}
	slices.Sort(ids)
	zones := map[string]string{}
	for some := range slices.Chunk(slices.Compact(ids), maxFilterValues) {
		subnets, err := collect(ctx,
			ec2.NewDescribeSubnetsPaginator(c.ec2, &ec2.DescribeSubnetsInput{Filters: []types.Filter{filter("subnet-id", some...)}}),
			func(page *ec2.DescribeSubnetsOutput) []types.Subnet { return page.Subnets })
		if err != nil {
			return nil, err
		}
		for _, subnet := range subnets {
			zones[aws.ToString(subnet.SubnetId)] = aws.ToString(subnet.AvailabilityZone)
		}
	}
	return zones, nil
}
