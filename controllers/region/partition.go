package region

import (
	"strings"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// partition returns the AWS partition of a region, the second part of every ARN in it.
func partition(region v1alpha1.AWSRegion) string {
	switch {
	case strings.HasPrefix(string(region), "cn-"):
		return "aws-cn"
	case strings.HasPrefix(string(region), "us-gov-"):
		return "aws-us-gov"
	default:
		return "aws"
	}
}
