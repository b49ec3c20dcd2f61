package aws

import (
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
)

// currentStage is the staging label of the version that readers get (source: Secrets Manager
// API reference, DescribeSecret).
const currentStage = "AWSCURRENT"

// SecretVersion returns the ID of the version of a secret that is current in the region,
// never its value. A replica is a secret of its own there, of the same name, with the
// primary's data and metadata, and cannot be changed by itself (source: Secrets Manager user
// guide, "Replicate AWS Secrets Manager secrets across Regions" and "Promote a replica secret
// to a standalone secret"), so it has the primary's version ID once it is in sync. Without
// a copy, or a version in it, the error is of class NotFound. It needs
// secretsmanager:DescribeSecret in that region.
func (s *Sessions) SecretVersion(ctx context.Context, roleARN, region, secret string) (string, error) {
	out, err := s.in(roleARN, region).secrets.DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: &secret})
	if err != nil {
		return "", classify(err)
	}
	for version, stages := range out.VersionIdsToStages {
		if slices.Contains(stages, currentStage) {
			return version, nil
		}
	}
	return "", &Error{
		Operation: "secretsmanager:DescribeSecret",
		Code:      "ResourceNotFoundException",
		Message:   "secret " + secret + " has no version that is " + currentStage,
		Class:     NotFound,
	}
}
