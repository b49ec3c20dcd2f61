package aws

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"

	"github.com/portolan-dev/portolan/controllers/plan"
)

// maxDescribedTypes is how many types DescribeInstanceTypes takes (source: EC2 API reference).
const maxDescribedTypes = 100

type instanceTypesKey struct {
	session
	names string
}

// InstanceTypes returns those of the named types that the AWS region offers in at
// least one zone. It needs ec2:DescribeInstanceTypeOfferings and
// ec2:DescribeInstanceTypes. Answers are remembered for ten minutes.
func (s *Sessions) InstanceTypes(ctx context.Context, roleARN, region string, names ...string) (map[string]plan.InstanceType, error) {
	names = slices.Compact(slices.Sorted(slices.Values(names)))
	if len(names) == 0 {
		return map[string]plan.InstanceType{}, nil
	}
	key := instanceTypesKey{session: session{roleARN: roleARN, region: region}, names: strings.Join(names, " ")}
	offered, err := s.instanceTypes.get(ctx, key, func(ctx context.Context) (map[string]plan.InstanceType, error) {
		return s.in(roleARN, region).instanceTypes(ctx, names)
	})
	offered = maps.Clone(offered)
	for name, t := range offered {
		t.Zones = slices.Clone(t.Zones)
		offered[name] = t
	}
	return offered, err
}

func (c *clients) instanceTypes(ctx context.Context, names []string) (map[string]plan.InstanceType, error) {
	zones, err := c.zonesOfTypes(ctx, names)
	if err != nil {
		return nil, err
	}
	offered := make(map[string]plan.InstanceType, len(zones))
	for some := range slices.Chunk(slices.Sorted(maps.Keys(zones)), maxDescribedTypes) {
		described, err := collect(ctx,
			ec2.NewDescribeInstanceTypesPaginator(c.ec2, &ec2.DescribeInstanceTypesInput{InstanceTypes: some}),
			func(page *ec2.DescribeInstanceTypesOutput) []types.InstanceTypeInfo { return page.InstanceTypes })
		if err != nil {
			return nil, err
		}
		for _, t := range described {
			offered[string(t.InstanceType)] = plan.InstanceType{VCPUs: vCPUsOf(t), Zones: zones[t.InstanceType]}
		}
	}
	return offered, nil
}

// zonesOfTypes returns the zones of each named type that the region has, sorted.
func (c *clients) zonesOfTypes(ctx context.Context, names []string) (map[types.InstanceType][]string, error) {
	zones := map[types.InstanceType][]string{}
	for some := range slices.Chunk(names, maxFilterValues) {
		offerings, err := collect(ctx,
			ec2.NewDescribeInstanceTypeOfferingsPaginator(c.ec2, &ec2.DescribeInstanceTypeOfferingsInput{
				LocationType: types.LocationTypeAvailabilityZone,
				Filters:      []types.Filter{filter("instance-type", some...)},
			}),
			func(page *ec2.DescribeInstanceTypeOfferingsOutput) []types.InstanceTypeOffering {
				return page.InstanceTypeOfferings
			})
		if err != nil {
			return nil, err
		}
		for _, o := range offerings {
			// A name may be a pattern to EC2's filters, but not to us.
			if slices.Contains(some, string(o.InstanceType)) {
				zones[o.InstanceType] = append(zones[o.InstanceType], aws.ToString(o.Location))
			}
		}
	}
	for name := range zones {
		slices.Sort(zones[name])
	}
	return zones, nil
}

func vCPUsOf(t types.InstanceTypeInfo) int32 {
	if t.VCpuInfo == nil {
		return 0
	}
	return aws.ToInt32(t.VCpuInfo.DefaultVCpus)
}
