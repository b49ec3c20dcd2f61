package aws

import (
	"cmp"
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// Kinds of a Holder and of an Orphan.
const (
	KindLoadBalancer      = "LoadBalancer"
	KindNetworkInterface  = "NetworkInterface"
	KindPeeringConnection = "PeeringConnection"
	KindSecurityGroup     = "SecurityGroup"
	KindSubnet            = "Subnet"
	KindTargetGroup       = "TargetGroup"
	KindVPCEndpoint       = "VPCEndpoint"
)

// Holder is something in a VPC that keeps the VPC, or a part of it, from being deleted.
type Holder struct {
	// Kind is one of the constants above.
	Kind string
	// ID is AWS's, or the name of a load balancer.
	ID string
	// ARN is empty where AWS does not tell it.
	ARN string
	// Description is AWS's: of a network interface, for example "GlobalAccelerator
	// configured ENI"; of a VPC endpoint, its service.
	Description string
	// Owner tells people whose it is, for example "Service api/gossip", "instance i-0abc" or
	// "NAT gateway nat-0abc". It is empty when that is not known.
	Owner string
	// ReferencedBy are the security groups whose rules name this one, sorted.
	ReferencedBy []string
	Tags         map[string]string
	// In are the VPC, the subnets and the security groups that it holds, sorted.
	In []string
}

// Holders returns what is in a VPC and keeps it or its parts from being deleted, sorted
// by Kind and ID: network interfaces, load balancers, VPC endpoints, peering
// connections, subnets, and security groups but the default one, which goes with the
// VPC (source: EC2 API reference, DeleteVpc). It needs the ec2:Describe actions for them,
// elasticloadbalancing:DescribeLoadBalancers and elasticloadbalancing:DescribeTags.
func (s *Sessions) Holders(ctx context.Context, roleARN, region, vpcID string) ([]Holder, error) {
	c := s.in(roleARN, region)
	balancers, err := c.loadBalancersIn(ctx, vpcID)
	if err != nil {
		return nil, err
	}
	holders := holdingLoadBalancers(balancers)
	interfaces, err := c.networkInterfaces(ctx, filter(filterVPC, vpcID))
	if err != nil {
		return nil, err
	}
	holders = append(holders, holdingInterfaces(interfaces, balancers)...)
	for _, look := range []func(context.Context, string) ([]Holder, error){
		c.holdingGroups, c.holdingSubnets, c.holdingEndpoints, c.holdingPeerings,
	} {
		found, err := look(ctx, vpcID)
		if err != nil {
			return nil, err
		}
		holders = append(holders, found...)
	}
	for i := range holders {
		holders[i].In = sortedIDs(append(holders[i].In, vpcID)...)
	}
	slices.SortFunc(holders, func(a, b Holder) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.ID, b.ID)) })
	return holders, nil
}

// sortedIDs leaves out what is empty or there twice.
func sortedIDs(ids ...string) []string {
	ids = slices.DeleteFunc(ids, func(id string) bool { return id == "" })
	slices.Sort(ids)
	return slices.Compact(ids)
}

func holdingLoadBalancers(balancers []taggedLoadBalancer) []Holder {
	holders := make([]Holder, 0, len(balancers))
	for _, b := range balancers {
		in := slices.Clone(b.SecurityGroups)
		for _, zone := range b.AvailabilityZones {
			in = append(in, aws.ToString(zone.SubnetId))
		}
		holders = append(holders, Holder{
			Kind: KindLoadBalancer, ID: aws.ToString(b.LoadBalancerName), ARN: aws.ToString(b.LoadBalancerArn),
			Owner: ownerOfLoadBalancer(b.tags), Tags: b.tags, In: in,
		})
	}
	return holders
}

func holdingInterfaces(interfaces []types.NetworkInterface, balancers []taggedLoadBalancer) []Holder {
	holders := make([]Holder, 0, len(interfaces))
	for _, i := range interfaces {
		in := []string{aws.ToString(i.SubnetId)}
		for _, group := range i.Groups {
			in = append(in, aws.ToString(group.GroupId))
		}
		holders = append(holders, Holder{
			Kind: KindNetworkInterface, ID: aws.ToString(i.NetworkInterfaceId), Description: aws.ToString(i.Description),
			Owner: ownerOfInterface(i, balancers), Tags: tagsOfEC2(i.TagSet), In: in,
		})
	}
	return holders
}

// taggedLoadBalancer is a load balancer with its tags.
type taggedLoadBalancer struct {
	elbtypes.LoadBalancer

	tags map[string]string
}
