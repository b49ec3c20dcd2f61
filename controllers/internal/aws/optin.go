package aws

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
)

const notOptedIn = "not-opted-in"

// OptedIn tells whether the account may use the AWS region, which needs
// ec2:DescribeRegions. It asks in the partition's primary region, because a region
// that is not opted in refuses every call (source: EC2 API reference,
// DescribeRegions). All regions of a role are remembered together for ten minutes.
func (s *Sessions) OptedIn(ctx context.Context, roleARN, region string) (bool, error) {
	primary := primaryOf(region)
	usable, err := s.optIns.get(ctx, session{roleARN: roleARN, region: primary},
		func(ctx context.Context) ([]string, error) {
			out, err := s.in(roleARN, primary).ec2.DescribeRegions(ctx, &ec2.DescribeRegionsInput{AllRegions: new(true)})
			if err != nil {
				return nil, classify(err)
			}
			var usable []string
			for _, r := range out.Regions {
				if aws.ToString(r.OptInStatus) != notOptedIn {
					usable = append(usable, aws.ToString(r.RegionName))
				}
			}
			return usable, nil
		})
	return slices.Contains(usable, region), err
}
