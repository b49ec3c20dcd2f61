package aws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
)

// ClusterVersion returns the Kubernetes version of an EKS cluster's control plane, such
// as "1.33", which needs eks:DescribeCluster. A cluster that does not exist is an error of
// class NotFound.
func (s *Sessions) ClusterVersion(ctx context.Context, roleARN, region, name string) (string, error) {
	out, err := s.in(roleARN, region).eks.DescribeCluster(ctx, &eks.DescribeClusterInput{Name: &name})
	if err != nil {
		return "", classify(err)
	}
	return aws.ToString(out.Cluster.Version), nil
}
