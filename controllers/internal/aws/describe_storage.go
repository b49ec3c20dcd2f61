package aws

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// PublicAccessBlock is how far a bucket keeps the public out.
type PublicAccessBlock struct {
	BlockPublicACLs, BlockPublicPolicy, IgnorePublicACLs, RestrictPublicBuckets bool
}

// noAccessBlock is what S3 answers for a bucket that keeps nobody out by itself (source:
// S3 API reference, GetPublicAccessBlock).
const noAccessBlock = "NoSuchPublicAccessBlockConfiguration"

// getAccessBlock is the action that allows GetPublicAccessBlock (source: service
// authorization reference, S3).
const getAccessBlock = "s3:GetBucketPublicAccessBlock"

// PublicAccessBlock returns that of a bucket, which needs s3:GetBucketPublicAccessBlock.
// A bucket that does not exist is an error of class NotFound.
func (s *Sessions) PublicAccessBlock(ctx context.Context, roleARN, region, bucket string) (PublicAccessBlock, error) {
	out, err := s.in(roleARN, region).s3.GetPublicAccessBlock(ctx, &s3.GetPublicAccessBlockInput{Bucket: &bucket})
	err = classify(err)
	if hasCode(err, noAccessBlock) {
		return PublicAccessBlock{}, nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		e.Operation = getAccessBlock
		return PublicAccessBlock{}, e
	}
	block := out.PublicAccessBlockConfiguration
	if block == nil {
		return PublicAccessBlock{}, nil
	}
	return PublicAccessBlock{
		BlockPublicACLs: aws.ToBool(block.BlockPublicAcls), BlockPublicPolicy: aws.ToBool(block.BlockPublicPolicy),
		IgnorePublicACLs: aws.ToBool(block.IgnorePublicAcls), RestrictPublicBuckets: aws.ToBool(block.RestrictPublicBuckets),
	}, nil
}

// CertificateExists reports whether ACM knows a certificate, which needs acm:DescribeCertificate.
func (s *Sessions) CertificateExists(ctx context.Context, roleARN, region, arn string) (bool, error) {
	_, err := s.in(roleARN, region).acm.DescribeCertificate(ctx, &acm.DescribeCertificateInput{CertificateArn: &arn})
	if err = classify(err); ClassOf(err) == NotFound {
		return false, nil
	}
	return err == nil, err
}
