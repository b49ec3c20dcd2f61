package aws

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/portolan-dev/portolan/controllers/plan"
)

// Networks returns the IPv4 ranges of the account's VPCs in the AWS region and of
// the VPCs elsewhere that they are actively peered with, sorted by ID. A VPC that
// is peered with two of ours is there twice. It needs ec2:DescribeVpcs and
// ec2:DescribeVpcPeeringConnections.
func (s *Sessions) Networks(ctx context.Context, roleARN, region string) ([]plan.Network, error) {
	c := s.in(roleARN, region)
	vpcs, err := c.vpcs(ctx)
	if err != nil {
		return nil, err
	}
	peerings, err := c.peerings(ctx, filter("status-code", string(types.VpcPeeringConnectionStateReasonCodeActive)))
	if err != nil {
		return nil, err
	}
	return networksOf(vpcs, peerings)
}

func (c *clients) vpcs(ctx context.Context) ([]types.Vpc, error) {
	return collect(ctx, ec2.NewDescribeVpcsPaginator(c.ec2, &ec2.DescribeVpcsInput{}),
		func(page *ec2.DescribeVpcsOutput) []types.Vpc { return page.Vpcs })
}

func (c *clients) peerings(ctx context.Context, filters ...types.Filter) ([]types.VpcPeeringConnection, error) {
	return collect(ctx,
		ec2.NewDescribeVpcPeeringConnectionsPaginator(c.ec2, &ec2.DescribeVpcPeeringConnectionsInput{Filters: filters}),
		func(page *ec2.DescribeVpcPeeringConnectionsOutput) []types.VpcPeeringConnection {
			return page.VpcPeeringConnections
		})
}

func networksOf(vpcs []types.Vpc, peerings []types.VpcPeeringConnection) ([]plan.Network, error) {
	var networks []plan.Network
	own := map[string]bool{}
	for _, v := range vpcs {
		id := aws.ToString(v.VpcId)
		own[id] = true
		cidrs, err := prefixes(id, v.CidrBlock, blocksOf(v)...)
		if err != nil {
			return nil, err
		}
		networks = append(networks, plan.Network{ID: id, CIDRs: cidrs, Tags: tagsOfEC2(v.Tags)})
	}
	for _, p := range peerings {
		for _, ends := range [][2]*types.VpcPeeringConnectionVpcInfo{
			{p.RequesterVpcInfo, p.AccepterVpcInfo}, {p.AccepterVpcInfo, p.RequesterVpcInfo},
		} {
			if ends[0] == nil || ends[1] == nil {
				continue
			}
			here, there := aws.ToString(ends[0].VpcId), aws.ToString(ends[1].VpcId)
			if !own[here] || own[there] {
				continue
			}
			cidrs, err := prefixes(there, ends[1].CidrBlock, ends[1].CidrBlockSet...)
			if err != nil {
				return nil, err
			}
			networks = append(networks, plan.Network{ID: there, CIDRs: cidrs, PeeredWith: here})
		}
	}
	slices.SortFunc(networks, func(a, b plan.Network) int {
		return cmp.Or(cmp.Compare(a.ID, b.ID), cmp.Compare(a.PeeredWith, b.PeeredWith))
	})
	return networks, nil
}

// blocksOf returns the ranges that the VPC has or is being given.
func blocksOf(v types.Vpc) []types.CidrBlock {
	var blocks []types.CidrBlock
	for _, association := range v.CidrBlockAssociationSet {
		state := association.CidrBlockState
		if state == nil || state.State == types.VpcCidrBlockStateCodeAssociated || state.State == types.VpcCidrBlockStateCodeAssociating {
			blocks = append(blocks, types.CidrBlock{CidrBlock: association.CidrBlock})
		}
	}
	return blocks
}

// prefixes are sorted; AWS lists the primary block of a VPC twice.
func prefixes(vpc string, primary *string, blocks ...types.CidrBlock) ([]netip.Prefix, error) {
	var all []netip.Prefix
	for _, block := range append(blocks, types.CidrBlock{CidrBlock: primary}) {
		if block.CidrBlock == nil {
			continue
		}
		prefix, err := netip.ParsePrefix(*block.CidrBlock)
		if err != nil {
			return nil, fmt.Errorf("reading addresses of %s: %w", vpc, err)
		}
		all = append(all, prefix)
	}
	slices.SortFunc(all, netip.Prefix.Compare)
	return slices.Compact(all), nil
}

func tagsOfEC2(tags []types.Tag) map[string]string {
	all := make(map[string]string, len(tags))
	for _, t := range tags {
		all[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return all
}
