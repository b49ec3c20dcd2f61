package aws

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// RoleTags returns the tags of an IAM role, which needs iam:GetRole. A role that
// does not exist is an error of class NotFound.
func (s *Sessions) RoleTags(ctx context.Context, roleARN, name string) (map[string]string, error) {
	out, err := s.in(roleARN, s.homeOf(roleARN)).iam.GetRole(ctx, &iam.GetRoleInput{RoleName: &name})
	if err != nil {
		return nil, classify(err)
	}
	tags := map[string]string{}
	for _, t := range out.Role.Tags {
		tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return tags, nil
}

// ClusterTags returns the tags of an EKS cluster, which needs eks:DescribeCluster. A
// cluster that does not exist is an error of class NotFound.
func (s *Sessions) ClusterTags(ctx context.Context, roleARN, region, name string) (map[string]string, error) {
	out, err := s.in(roleARN, region).eks.DescribeCluster(ctx, &eks.DescribeClusterInput{Name: &name})
	if err != nil {
		return nil, classify(err)
	}
	if out.Cluster.Tags == nil {
		return map[string]string{}, nil
	}
	return out.Cluster.Tags, nil
}

// noTags is what S3 answers for a bucket without tags (source: S3 API reference, GetBucketTagging).
const noTags = "NoSuchTagSet"

// BucketTags returns the tags of an S3 bucket, which needs s3:GetBucketTagging. A
// bucket that does not exist is an error of class NotFound, one of another account of
// class AccessDenied, and one in another region of class Conflict.
func (s *Sessions) BucketTags(ctx context.Context, roleARN, region, name string) (map[string]string, error) {
	out, err := s.in(roleARN, region).s3.GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: &name})
	if hasCode(classify(err), noTags) {
		return map[string]string{}, nil
	}
	if err != nil {
		return nil, classify(err)
	}
	tags := make(map[string]string, len(out.TagSet))
	for _, t := range out.TagSet {
		tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return tags, nil
}

func hasCode(err error, code string) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Code == code
}
