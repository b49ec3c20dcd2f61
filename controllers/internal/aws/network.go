package aws

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// zonesWithoutEKS are the zone IDs where EKS cannot place a control plane.
var zonesWithoutEKS = []string{"use1-az3", "usw1-az2", "cac1-az3"}

// AvailabilityZones returns the names of the region's zones that an EKS control
// plane can use now, sorted. Answers are remembered for ten minutes.
func (s *Sessions) AvailabilityZones(ctx context.Context, roleARN, region string) ([]string, error) {
	zones, err := s.zones.get(ctx, session{roleARN: roleARN, region: region},
		func(ctx context.Context) ([]string, error) {
			out, err := s.in(roleARN, region).ec2.DescribeAvailabilityZones(ctx, &ec2.DescribeAvailabilityZonesInput{})
			if err != nil {
				return nil, classify(err)
			}
			return usableZones(out.AvailabilityZones), nil
		})
	return slices.Clone(zones), err
}

func usableZones(zones []types.AvailabilityZone) []string {
	var names []string
	for _, z := range zones {
		if z.State == types.AvailabilityZoneStateAvailable && isAvailabilityZone(z) &&
			!slices.Contains(zonesWithoutEKS, aws.ToString(z.ZoneId)) {
			names = append(names, aws.ToString(z.ZoneName))
		}
	}
	slices.Sort(names)
	return names
}

// isAvailabilityZone is false for local and wavelength zones, which AWS lists as well.
func isAvailabilityZone(z types.AvailabilityZone) bool {
	kind := aws.ToString(z.ZoneType)
	return kind == "" || kind == "availability-zone"
}

// NATGatewayGone reports whether AWS has finished deleting the NAT gateway, or
// never knew it. A gateway that is still being deleted holds its subnet and address.
func (s *Sessions) NATGatewayGone(ctx context.Context, roleARN, region, id string) (bool, error) {
	out, err := s.in(roleARN, region).ec2.DescribeNatGateways(ctx,
		&ec2.DescribeNatGatewaysInput{NatGatewayIds: []string{id}})
	if err = classify(err); ClassOf(err) == NotFound {
		return true, nil
	}
	if err != nil {
		return false, err
	}
	alive := slices.ContainsFunc(out.NatGateways, func(gateway types.NatGateway) bool {
		return gateway.State != types.NatGatewayStateDeleted
	})
	return !alive, nil
}
