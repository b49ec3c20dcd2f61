package aws

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// VPC is what EC2 says of a VPC.
type VPC struct{ Tags map[string]string }

// Subnet is what EC2 says of a subnet.
type Subnet struct {
	MapPublicIPOnLaunch bool
	Tags                map[string]string
}

// InternetGateway is what EC2 says of an internet gateway.
type InternetGateway struct {
	// VPCs are the IDs of those that it is attached to: none or one.
	VPCs []string
	Tags map[string]string
}

// Address is what EC2 says of an elastic IP address.
type Address struct{ Tags map[string]string }

// States of a NATGateway that route nothing any more.
const (
	NATGatewayFailed   = string(types.NatGatewayStateFailed)
	NATGatewayDeleting = string(types.NatGatewayStateDeleting)
	NATGatewayDeleted  = string(types.NatGatewayStateDeleted)
)

// NATGateway is what EC2 says of a NAT gateway. One that is deleted stays known for about an hour.
type NATGateway struct {
	State string
	Tags  map[string]string
}

// DescribeVPCs returns by ID those VPCs that exist, which needs ec2:DescribeVpcs. Like
// all that describe by ID here, it asks by filter: asked by ID, EC2 fails as a whole when
// it does not know one of them.
func (s *Sessions) DescribeVPCs(ctx context.Context, roleARN, region string, ids []string) (map[string]VPC, error) {
	return describe(ids, filterVPC, func(by types.Filter) ([]types.Vpc, error) {
		return collect(ctx,
			ec2.NewDescribeVpcsPaginator(s.in(roleARN, region).ec2, &ec2.DescribeVpcsInput{Filters: []types.Filter{by}}),
			func(page *ec2.DescribeVpcsOutput) []types.Vpc { return page.Vpcs })
	}, func(v types.Vpc) (string, VPC) {
		return aws.ToString(v.VpcId), VPC{Tags: tagsOfEC2(v.Tags)}
	})
}

// VPCAttributes tells whether a VPC's resolver answers and whether its hosts get names,
// which needs ec2:DescribeVpcAttribute. A VPC that does not exist is an error of class NotFound.
func (s *Sessions) VPCAttributes(ctx context.Context, roleARN, region, id string) (dnsSupport, dnsHostnames bool, err error) {
	client := s.in(roleARN, region).ec2
	support, err := client.DescribeVpcAttribute(ctx,
		&ec2.DescribeVpcAttributeInput{VpcId: &id, Attribute: types.VpcAttributeNameEnableDnsSupport})
	if err != nil {
		return false, false, classify(err)
	}
	hostnames, err := client.DescribeVpcAttribute(ctx,
		&ec2.DescribeVpcAttributeInput{VpcId: &id, Attribute: types.VpcAttributeNameEnableDnsHostnames})
	if err != nil {
		return false, false, classify(err)
	}
	return isOn(support.EnableDnsSupport), isOn(hostnames.EnableDnsHostnames), nil
}

func isOn(attribute *types.AttributeBooleanValue) bool {
	return attribute != nil && aws.ToBool(attribute.Value)
}

// DescribeSubnets returns by ID those subnets that exist, which needs ec2:DescribeSubnets.
func (s *Sessions) DescribeSubnets(ctx context.Context, roleARN, region string, ids []string) (map[string]Subnet, error) {
	return describe(ids, "subnet-id", func(by types.Filter) ([]types.Subnet, error) {
		return collect(ctx,
			ec2.NewDescribeSubnetsPaginator(s.in(roleARN, region).ec2, &ec2.DescribeSubnetsInput{Filters: []types.Filter{by}}),
			func(page *ec2.DescribeSubnetsOutput) []types.Subnet { return page.Subnets })
	}, func(n types.Subnet) (string, Subnet) {
		return aws.ToString(n.SubnetId), Subnet{MapPublicIPOnLaunch: aws.ToBool(n.MapPublicIpOnLaunch), Tags: tagsOfEC2(n.Tags)}
	})
}

// DescribeInternetGateways returns by ID those internet gateways that exist, which needs
// ec2:DescribeInternetGateways.
func (s *Sessions) DescribeInternetGateways(ctx context.Context, roleARN, region string, ids []string) (map[string]InternetGateway, error) {
	return describe(ids, "internet-gateway-id", func(by types.Filter) ([]types.InternetGateway, error) {
		return collect(ctx,
			ec2.NewDescribeInternetGatewaysPaginator(s.in(roleARN, region).ec2, &ec2.DescribeInternetGatewaysInput{Filters: []types.Filter{by}}),
			func(page *ec2.DescribeInternetGatewaysOutput) []types.InternetGateway { return page.InternetGateways })
	}, func(g types.InternetGateway) (string, InternetGateway) {
		gateway := InternetGateway{Tags: tagsOfEC2(g.Tags)}
		for _, attachment := range g.Attachments {
			gateway.VPCs = append(gateway.VPCs, aws.ToString(attachment.VpcId))
		}
		return aws.ToString(g.InternetGatewayId), gateway
	})
}

// DescribeAddresses returns by allocation ID those elastic IP addresses that exist, which
// needs ec2:DescribeAddresses.
func (s *Sessions) DescribeAddresses(ctx context.Context, roleARN, region string, ids []string) (map[string]Address, error) {
	return describe(ids, "allocation-id", func(by types.Filter) ([]types.Address, error) {
		out, err := s.in(roleARN, region).ec2.DescribeAddresses(ctx, &ec2.DescribeAddressesInput{Filters: []types.Filter{by}})
		if err != nil {
			return nil, classify(err)
		}
		return out.Addresses, nil
	}, func(a types.Address) (string, Address) {
		return aws.ToString(a.AllocationId), Address{Tags: tagsOfEC2(a.Tags)}
	})
}

// DescribeNATGateways returns by ID those NAT gateways that EC2 knows, deleted ones
// included, which needs ec2:DescribeNatGateways.
func (s *Sessions) DescribeNATGateways(ctx context.Context, roleARN, region string, ids []string) (map[string]NATGateway, error) {
	return describe(ids, "nat-gateway-id", func(by types.Filter) ([]types.NatGateway, error) {
		return s.in(roleARN, region).natGateways(ctx, by)
	}, func(g types.NatGateway) (string, NATGateway) {
		return aws.ToString(g.NatGatewayId), NATGateway{State: string(g.State), Tags: tagsOfEC2(g.Tags)}
	})
}

// describe lists what has one of the IDs, in as few calls as EC2 allows, and none for no IDs.
func describe[Item, Known any](ids []string, by string, list func(types.Filter) ([]Item, error), read func(Item) (string, Known)) (map[string]Known, error) {
	known := make(map[string]Known, len(ids))
	for some := range slices.Chunk(slices.Compact(slices.Sorted(slices.Values(ids))), maxFilterValues) {
		items, err := list(filter(by, some...))
		if err != nil {
			return nil, err
		}
		for _, item := range items {
			id, described := read(item)
			known[id] = described
		}
	}
	return known, nil
}
