package aws

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// Orphan is what a controller inside a cluster made in AWS and would have to delete.
type Orphan struct {
	// Kind is KindLoadBalancer, KindTargetGroup, KindNetworkInterface or KindSecurityGroup.
	Kind string
	// ID is AWS's, or the name of a load balancer or target group.
	ID string
	// ARN is that of a load balancer or target group.
	ARN string
	// Owner is like that of a Holder.
	Owner string
}

var errNoCluster = errors.New("orphans need a VPC and a cluster to be told apart by")

// Orphans returns what controllers inside a cluster left in its VPC, in the order in
// which it can be deleted: load balancers, target groups and security groups of the AWS
// Load Balancer Controller, and detached network interfaces of the VPC CNI. Only what
// carries the cluster's name in the tag of its maker is an orphan. It is meant for
// clusters that are gone: nothing tells here whether the makers still run. It needs
// elasticloadbalancing:DescribeLoadBalancers, DescribeTargetGroups and DescribeTags,
// ec2:DescribeNetworkInterfaces and ec2:DescribeSecurityGroups.
func (s *Sessions) Orphans(ctx context.Context, roleARN, region, vpcID, cluster string) ([]Orphan, error) {
	if vpcID == "" || cluster == "" {
		return nil, errNoCluster
	}
	c := s.in(roleARN, region)
	var all []Orphan
	for _, look := range []func(ctx context.Context, vpcID, cluster string) ([]Orphan, error){
		c.orphanedLoadBalancers, c.orphanedTargetGroups, c.orphanedInterfaces, c.orphanedGroups,
	} {
		found, err := look(ctx, vpcID, cluster)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	return all, nil
}

func (c *clients) orphanedLoadBalancers(ctx context.Context, vpcID, cluster string) ([]Orphan, error) {
	balancers, err := c.loadBalancersIn(ctx, vpcID)
	if err != nil {
		return nil, err
	}
	var orphans []Orphan
	for _, b := range balancers {
		if b.tags[tagELBCluster] == cluster {
			orphans = append(orphans, Orphan{
				Kind: KindLoadBalancer, ID: aws.ToString(b.LoadBalancerName), ARN: aws.ToString(b.LoadBalancerArn),
				Owner: ownerOfLoadBalancer(b.tags),
			})
		}
	}
	return orphans, nil
}

func (c *clients) orphanedTargetGroups(ctx context.Context, vpcID, cluster string) ([]Orphan, error) {
	groups, err := collect(ctx, elb.NewDescribeTargetGroupsPaginator(c.elb, &elb.DescribeTargetGroupsInput{}),
		func(page *elb.DescribeTargetGroupsOutput) []elbtypes.TargetGroup { return page.TargetGroups })
	if err != nil {
		return nil, err
	}
	groups = slices.DeleteFunc(groups, func(g elbtypes.TargetGroup) bool { return aws.ToString(g.VpcId) != vpcID })
	var arns []string
	for _, g := range groups {
		arns = append(arns, aws.ToString(g.TargetGroupArn))
	}
	tags, err := c.elbTags(ctx, arns)
	if err != nil {
		return nil, err
	}
	var orphans []Orphan
	for _, g := range groups {
		arn := aws.ToString(g.TargetGroupArn)
		if tags[arn][tagELBCluster] == cluster {
			orphans = append(orphans, Orphan{
				Kind: KindTargetGroup, ID: aws.ToString(g.TargetGroupName), ARN: arn, Owner: ownerOfLoadBalancer(tags[arn]),
			})
		}
	}
	return orphans, nil
}

// orphanedInterfaces are those that no instance has any more. The description of the
// VPC CNI does not tell the cluster, so without the tag they are not taken for its own.
func (c *clients) orphanedInterfaces(ctx context.Context, vpcID, cluster string) ([]Orphan, error) {
	interfaces, err := c.networkInterfaces(ctx,
		filter(filterVPC, vpcID), filter("status", string(types.NetworkInterfaceStatusAvailable)), filter("tag:"+tagCNICluster, cluster))
	if err != nil {
		return nil, err
	}
	var orphans []Orphan
	for _, i := range interfaces {
		// A name may be a pattern to EC2's filters, but not to us.
		if tagsOfEC2(i.TagSet)[tagCNICluster] == cluster && i.Status == types.NetworkInterfaceStatusAvailable {
			orphans = append(orphans, Orphan{
				Kind: KindNetworkInterface, ID: aws.ToString(i.NetworkInterfaceId), Owner: ownerOfInterface(i, nil),
			})
		}
	}
	return orphans, nil
}

func (c *clients) orphanedGroups(ctx context.Context, vpcID, cluster string) ([]Orphan, error) {
	groups, err := c.securityGroups(ctx, vpcID)
	if err != nil {
		return nil, err
	}
	groups = slices.DeleteFunc(groups, func(g types.SecurityGroup) bool { return tagsOfEC2(g.Tags)[tagELBCluster] != cluster })
	var orphans []Orphan
	for _, g := range referencingFirst(groups) {
		orphans = append(orphans, Orphan{Kind: KindSecurityGroup, ID: aws.ToString(g.GroupId), Owner: ownerOfGroup(g)})
	}
	return orphans, nil
}

// referencingFirst puts a group after all that name it, as far as there is such an order:
// a group that another one names cannot be deleted.
func referencingFirst(groups []types.SecurityGroup) []types.SecurityGroup {
	referencing := referencesAmong(groups)
	ordered := make([]types.SecurityGroup, 0, len(groups))
	for len(groups) > 0 {
		next := max(0, slices.IndexFunc(groups, func(g types.SecurityGroup) bool {
			return !slices.ContainsFunc(groups, func(other types.SecurityGroup) bool {
				return slices.Contains(referencing[aws.ToString(g.GroupId)], aws.ToString(other.GroupId))
			})
		}))
		ordered = append(ordered, groups[next])
		groups = slices.Delete(groups, next, next+1)
	}
	return ordered
}

// DeleteOrphan deletes what Orphans returned; what is gone already is done. What is
// still in use is an error of class Conflict. It needs
// elasticloadbalancing:DeleteLoadBalancer, elasticloadbalancing:DeleteTargetGroup,
// ec2:DeleteNetworkInterface or ec2:DeleteSecurityGroup.
func (s *Sessions) DeleteOrphan(ctx context.Context, roleARN, region string, o Orphan) error {
	c := s.in(roleARN, region)
	var err error
	switch o.Kind {
	case KindLoadBalancer:
		_, err = c.elb.DeleteLoadBalancer(ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: &o.ARN})
	case KindTargetGroup:
		_, err = c.elb.DeleteTargetGroup(ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: &o.ARN})
	case KindNetworkInterface:
		_, err = c.ec2.DeleteNetworkInterface(ctx, &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: &o.ID})
	case KindSecurityGroup:
		_, err = c.ec2.DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: &o.ID})
	default:
		return fmt.Errorf("%s %s is no orphan that can be deleted", o.Kind, o.ID)
	}
	return unlessNotFound(inUse(classify(err)))
}

// inUse corrects the class of what EC2 answers when an interface was attached meanwhile:
// InvalidParameterValue, "Network interface 'eni-0' is currently in use".
func inUse(err error) error {
	if e, ok := errors.AsType[*Error](err); ok && e.Operation == "ec2:DeleteNetworkInterface" && e.Code == "InvalidParameterValue" {
		e.Class = Conflict
	}
	return err
}
