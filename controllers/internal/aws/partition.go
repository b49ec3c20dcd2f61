package aws

import (
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws/arn"
)

// The regions that every account of a partition may always use, and in which its
// global services, IAM and Route 53, are called.
const (
	primaryOfChina    = "cn-north-1"
	primaryOfGovCloud = "us-gov-west-1"
)

// primaryOf returns the primary region of a region's partition.
func primaryOf(region string) string {
	switch {
	case strings.HasPrefix(region, "cn-"):
		return primaryOfChina
	case strings.HasPrefix(region, "us-gov-"):
		return primaryOfGovCloud
	default:
		return regionOfLastResort
	}
}

// homeOf returns the primary region of the partition that the role is in, or else
// of the one that we are configured for.
func (s *Sessions) homeOf(roleARN string) string {
	role, err := arn.Parse(roleARN)
	switch {
	case err != nil:
		return primaryOf(s.base.Region)
	case role.Partition == "aws-cn":
		return primaryOfChina
	case role.Partition == "aws-us-gov":
		return primaryOfGovCloud
	default:
		return regionOfLastResort
	}
}
