package aws

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

type taggedKey struct {
	session
	prefix string
}

// TaggedResources returns the IDs of EC2 resources, sorted, by the value of their
// tag portolan.dev/object, of those values that begin with prefix. NAT gateways that
// are deleted or being deleted are left out: they keep their tags for about an hour.
// It needs ec2:DescribeTags and ec2:DescribeNatGateways. Answers are remembered for
// ten minutes or until ForgetTagged.
func (s *Sessions) TaggedResources(ctx context.Context, roleARN, region, prefix string) (map[string][]string, error) {
	key := taggedKey{session: session{roleARN: roleARN, region: region}, prefix: prefix}
	found, err := s.tagged.get(ctx, key, func(ctx context.Context) (map[string][]string, error) {
		return s.in(roleARN, region).tagged(ctx, prefix)
	})
	if err != nil {
		return nil, err
	}
	copied := make(map[string][]string, len(found))
	for object, ids := range found {
		copied[object] = slices.Clone(ids)
	}
	return copied, nil
}

// ForgetTagged makes the next TaggedResources ask AWS.
func (s *Sessions) ForgetTagged(roleARN, region, prefix string) {
	s.tagged.drop(taggedKey{session: session{roleARN: roleARN, region: region}, prefix: prefix})
}

func (c *clients) tagged(ctx context.Context, prefix string) (map[string][]string, error) {
	tags, err := collect(ctx,
		ec2.NewDescribeTagsPaginator(c.ec2, &ec2.DescribeTagsInput{
			Filters: []types.Filter{filter("key", v1alpha1.TagObject), filter("value", prefix+"*")},
		}),
		func(page *ec2.DescribeTagsOutput) []types.TagDescription { return page.Tags })
	if err != nil {
		return nil, err
	}
	gone, err := c.goneAmong(ctx, tags)
	if err != nil {
		return nil, err
	}
	found := map[string][]string{}
	for _, t := range tags {
		object, id := aws.ToString(t.Value), aws.ToString(t.ResourceId)
		if strings.HasPrefix(object, prefix) && !gone[id] {
			found[object] = append(found[object], id)
		}
	}
	for object := range found {
		slices.Sort(found[object])
	}
	return found, nil
}

// goneAmong returns the NAT gateways that cannot be used any more. One that AWS does
// not list yet is not among them: it was just made.
func (c *clients) goneAmong(ctx context.Context, tags []types.TagDescription) (map[string]bool, error) {
	var ids []string
	for _, t := range tags {
		if t.ResourceType == types.ResourceTypeNatgateway {
			ids = append(ids, aws.ToString(t.ResourceId))
		}
	}
	gone := map[string]bool{}
	for some := range slices.Chunk(ids, maxFilterValues) {
		gateways, err := c.natGateways(ctx, filter("nat-gateway-id", some...))
		if err != nil {
			return nil, err
		}
		for _, gateway := range gateways {
			if gateway.State == types.NatGatewayStateDeleting || gateway.State == types.NatGatewayStateDeleted {
				gone[aws.ToString(gateway.NatGatewayId)] = true
			}
		}
	}
	return gone, nil
}
