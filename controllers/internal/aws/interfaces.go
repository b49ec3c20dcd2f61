package aws

import (
	"cmp"
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// NetworkInterface is what can hold a VPC that is to be deleted.
type NetworkInterface struct {
	ID string
	// Description tells who made it, for example "ELB net/api/0123456789abcdef".
	Description string
	// Status is available, associated, attaching, in-use or detaching.
	Status string
}

// NetworkInterfaces returns those of a VPC, sorted by ID. It needs
// ec2:DescribeNetworkInterfaces.
func (s *Sessions) NetworkInterfaces(ctx context.Context, roleARN, region, vpcID string) ([]NetworkInterface, error) {
	found, err := s.in(roleARN, region).networkInterfaces(ctx, filter(filterVPC, vpcID))
	if err != nil {
		return nil, err
	}
	interfaces := make([]NetworkInterface, 0, len(found))
	for _, i := range found {
		interfaces = append(interfaces, NetworkInterface{
			ID: aws.ToString(i.NetworkInterfaceId), Description: aws.ToString(i.Description), Status: string(i.Status),
		})
	}
	slices.SortFunc(interfaces, func(a, b NetworkInterface) int { return cmp.Compare(a.ID, b.ID) })
	return interfaces, nil
}

func (c *clients) networkInterfaces(ctx context.Context, filters ...types.Filter) ([]types.NetworkInterface, error) {
	return collect(ctx,
		ec2.NewDescribeNetworkInterfacesPaginator(c.ec2, &ec2.DescribeNetworkInterfacesInput{Filters: filters}),
		func(page *ec2.DescribeNetworkInterfacesOutput) []types.NetworkInterface {
			return page.NetworkInterfaces
		})
}
