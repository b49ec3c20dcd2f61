package aws

import (
	"context"
	"maps"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
)

// maxTagged is how many resources DescribeTags takes (source: Elastic Load Balancing API
// reference, version 2015-12-01).
const maxTagged = 20

// loadBalancersIn returns those of a VPC with their tags. AWS cannot filter them.
func (c *clients) loadBalancersIn(ctx context.Context, vpcID string) ([]taggedLoadBalancer, error) {
	all, err := collect(ctx, elb.NewDescribeLoadBalancersPaginator(c.elb, &elb.DescribeLoadBalancersInput{}),
		func(page *elb.DescribeLoadBalancersOutput) []types.LoadBalancer { return page.LoadBalancers })
	if err != nil {
		return nil, err
	}
	arns := map[string]types.LoadBalancer{}
	for _, b := range all {
		if aws.ToString(b.VpcId) == vpcID {
			arns[aws.ToString(b.LoadBalancerArn)] = b
		}
	}
	tags, err := c.elbTags(ctx, slices.Sorted(maps.Keys(arns)))
	if err != nil {
		return nil, err
	}
	balancers := make([]taggedLoadBalancer, 0, len(tags))
	for _, arn := range slices.Sorted(maps.Keys(tags)) {
		balancers = append(balancers, taggedLoadBalancer{LoadBalancer: arns[arn], tags: tags[arn]})
	}
	return balancers, nil
}

// elbTags returns the tags of load balancers or target groups by ARN, without those that
// are gone by now.
func (c *clients) elbTags(ctx context.Context, arns []string) (map[string]map[string]string, error) {
	tags := make(map[string]map[string]string, len(arns))
	for some := range slices.Chunk(arns, maxTagged) {
		err := c.addELBTags(ctx, some, tags)
		if ClassOf(err) == NotFound && len(some) > 1 {
			// AWS refuses all of them when one is gone, without telling which.
			err = c.addELBTagsEach(ctx, some, tags)
		}
		if unlessNotFound(err) != nil {
			return nil, err
		}
	}
	return tags, nil
}

func (c *clients) addELBTagsEach(ctx context.Context, arns []string, tags map[string]map[string]string) error {
	for _, arn := range arns {
		if err := unlessNotFound(c.addELBTags(ctx, []string{arn}, tags)); err != nil {
			return err
		}
	}
	return nil
}

func (c *clients) addELBTags(ctx context.Context, arns []string, tags map[string]map[string]string) error {
	out, err := c.elb.DescribeTags(ctx, &elb.DescribeTagsInput{ResourceArns: arns})
	if err != nil {
		return classify(err)
	}
	for _, described := range out.TagDescriptions {
		of := make(map[string]string, len(described.Tags))
		for _, t := range described.Tags {
			of[aws.ToString(t.Key)] = aws.ToString(t.Value)
		}
		tags[aws.ToString(described.ResourceArn)] = of
	}
	return nil
}
