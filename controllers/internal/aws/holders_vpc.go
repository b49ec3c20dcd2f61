package aws

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

const (
	// filterVPC is the filter by VPC of all of EC2's lists that have one.
	filterVPC = "vpc-id"
	// defaultGroup is the name of the group that comes and goes with its VPC.
	defaultGroup = "default"
)

func (c *clients) holdingGroups(ctx context.Context, vpcID string) ([]Holder, error) {
	groups, err := c.securityGroups(ctx, vpcID)
	if err != nil {
		return nil, err
	}
	referencing := referencesAmong(groups)
	var holders []Holder
	for _, g := range groups {
		if aws.ToString(g.GroupName) == defaultGroup {
			continue
		}
		id := aws.ToString(g.GroupId)
		holders = append(holders, Holder{
			Kind: KindSecurityGroup, ID: id, ARN: aws.ToString(g.SecurityGroupArn), Description: aws.ToString(g.Description),
			Owner: ownerOfGroup(g), ReferencedBy: referencing[id], Tags: tagsOfEC2(g.Tags),
		})
	}
	return holders, nil
}

func (c *clients) securityGroups(ctx context.Context, vpcID string) ([]types.SecurityGroup, error) {
	return collect(ctx,
		ec2.NewDescribeSecurityGroupsPaginator(c.ec2, &ec2.DescribeSecurityGroupsInput{Filters: []types.Filter{filter(filterVPC, vpcID)}}),
		func(page *ec2.DescribeSecurityGroupsOutput) []types.SecurityGroup { return page.SecurityGroups })
}

// referencesAmong returns by group which others name it in their rules, sorted. Only
// rules of the same VPC keep a group: those of a peered one become stale (source: EC2
// API reference, DeleteSecurityGroup).
func referencesAmong(groups []types.SecurityGroup) map[string][]string {
	referencing := map[string][]string{}
	for _, g := range groups {
		id := aws.ToString(g.GroupId)
		for _, permission := range slices.Concat(g.IpPermissions, g.IpPermissionsEgress) {
			for _, pair := range permission.UserIdGroupPairs {
				if named := aws.ToString(pair.GroupId); named != id {
					referencing[named] = append(referencing[named], id)
				}
			}
		}
	}
	for id := range referencing {
		referencing[id] = sortedIDs(referencing[id]...)
	}
	return referencing
}

func (c *clients) holdingSubnets(ctx context.Context, vpcID string) ([]Holder, error) {
	subnets, err := collect(ctx,
		ec2.NewDescribeSubnetsPaginator(c.ec2, &ec2.DescribeSubnetsInput{Filters: []types.Filter{filter(filterVPC, vpcID)}}),
		func(page *ec2.DescribeSubnetsOutput) []types.Subnet { return page.Subnets })
	if err != nil {
		return nil, err
	}
	holders := make([]Holder, 0, len(subnets))
	for _, subnet := range subnets {
		holders = append(holders, Holder{
			Kind: KindSubnet, ID: aws.ToString(subnet.SubnetId), ARN: aws.ToString(subnet.SubnetArn), Tags: tagsOfEC2(subnet.Tags),
		})
	}
	return holders, nil
}

func (c *clients) holdingEndpoints(ctx context.Context, vpcID string) ([]Holder, error) {
	endpoints, err := collect(ctx,
		ec2.NewDescribeVpcEndpointsPaginator(c.ec2, &ec2.DescribeVpcEndpointsInput{Filters: []types.Filter{filter(filterVPC, vpcID)}}),
		func(page *ec2.DescribeVpcEndpointsOutput) []types.VpcEndpoint { return page.VpcEndpoints })
	if err != nil {
		return nil, err
	}
	var holders []Holder
	for _, endpoint := range endpoints {
		// The SDK begins its word with a capital letter, EC2 does not.
		if strings.EqualFold(string(endpoint.State), string(types.StateDeleted)) {
			continue
		}
		in := slices.Clone(endpoint.SubnetIds)
		for _, group := range endpoint.Groups {
			in = append(in, aws.ToString(group.GroupId))
		}
		holders = append(holders, Holder{
			Kind: KindVPCEndpoint, ID: aws.ToString(endpoint.VpcEndpointId), Description: aws.ToString(endpoint.ServiceName),
			Tags: tagsOfEC2(endpoint.Tags), In: in,
		})
	}
	return holders, nil
}

// holdingStates are those of peering connections that still exist.
var holdingStates = []string{
	string(types.VpcPeeringConnectionStateReasonCodeActive),
	string(types.VpcPeeringConnectionStateReasonCodeInitiatingRequest),
	string(types.VpcPeeringConnectionStateReasonCodePendingAcceptance),
	string(types.VpcPeeringConnectionStateReasonCodeProvisioning),
	string(types.VpcPeeringConnectionStateReasonCodeDeleting),
}

func (c *clients) holdingPeerings(ctx context.Context, vpcID string) ([]Holder, error) {
	var holders []Holder
	for _, end := range []string{"requester-vpc-info.vpc-id", "accepter-vpc-info.vpc-id"} {
		peerings, err := c.peerings(ctx, filter(end, vpcID), filter("status-code", holdingStates...))
		if err != nil {
			return nil, err
		}
		for _, peering := range peerings {
			holders = append(holders, Holder{
				Kind: KindPeeringConnection, ID: aws.ToString(peering.VpcPeeringConnectionId),
				Owner: otherEnd(peering, vpcID), Tags: tagsOfEC2(peering.Tags),
			})
		}
	}
	return holders, nil
}

func otherEnd(peering types.VpcPeeringConnection, vpcID string) string {
	for _, end := range []*types.VpcPeeringConnectionVpcInfo{peering.RequesterVpcInfo, peering.AccepterVpcInfo} {
		if end != nil && aws.ToString(end.VpcId) != vpcID {
			return "peering with " + aws.ToString(end.VpcId)
		}
	}
	return ""
}
