package aws

import (
	"context"
	"fmt"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/sts"
)

// regionOfLastResort is asked for our identity when the configuration names no region.
const regionOfLastResort = "us-east-1"

// RoleARN returns the IAM principal that Portolan acts as, the one an EKS access
// entry has to name: the given role, else the one behind our own credentials.
//
// AWS does not tell the path of a role that is already assumed. When Portolan's
// own role has a path, configure its ARN instead.
func (s *Sessions) RoleARN(ctx context.Context, roleARN string) (string, error) {
	if roleARN != "" {
		return roleARN, nil
	}
	region := s.base.Region
	if region == "" {
		region = regionOfLastResort
	}
	return s.identities.get(ctx, session{region: region}, func(ctx context.Context) (string, error) {
		out, err := s.in("", region).sts.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})
		if err != nil {
			return "", classify(err)
		}
		return principalOf(aws.ToString(out.Arn))
	})
}

// principalOf turns the ARN of a caller into the ARN of the IAM principal behind
// it: a role for the session of a role, the user itself for a user.
func principalOf(caller string) (string, error) {
	parsed, err := arn.Parse(caller)
	if err != nil || parsed.AccountID == "" {
		return "", fmt.Errorf("%q is not the ARN of an AWS caller", caller)
	}
	kind, name, _ := strings.Cut(parsed.Resource, "/")
	switch {
	case parsed.Service == "sts" && kind == "assumed-role":
		role, session, _ := strings.Cut(name, "/")
		if role == "" || session == "" || strings.Contains(session, "/") {
			return "", fmt.Errorf("%q is not the ARN of a role's session", caller)
		}
		parsed.Service, parsed.Region, parsed.Resource = "iam", "", "role/"+role
		return parsed.String(), nil
	case parsed.Service == "iam" && (kind == "user" || kind == "role") && name != "":
		return caller, nil
	default:
		return "", fmt.Errorf("%s is neither a role nor a user, so no EKS access entry can name it", caller)
	}
}
