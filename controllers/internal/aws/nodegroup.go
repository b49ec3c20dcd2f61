package aws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/eks"
)

// NodegroupExists reports whether EKS still knows the node group, in whatever
// state. It does not exist when its cluster does not.
func (s *Sessions) NodegroupExists(ctx context.Context, roleARN, region, cluster, name string) (bool, error) {
	_, err := s.in(roleARN, region).eks.DescribeNodegroup(ctx,
		&eks.DescribeNodegroupInput{ClusterName: &cluster, NodegroupName: &name})
	if err = classify(err); ClassOf(err) == NotFound {
		return false, nil
	}
	return err == nil, err
}
