package aws

import (
	"context"
	"fmt"
	"net/url"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/iam/types"
)

// Role is what IAM says of a role.
type Role struct {
	// Trust is the policy of who may assume it, JSON.
	Trust string
	Tags  map[string]string
}

// DescribeRole returns a role, which needs iam:GetRole. One that does not exist is an
// error of class NotFound.
func (s *Sessions) DescribeRole(ctx context.Context, roleARN, name string) (Role, error) {
	out, err := s.iam(roleARN).GetRole(ctx, &iam.GetRoleInput{RoleName: &name})
	if err != nil {
		return Role{}, classify(err)
	}
	trust, err := decodeDocument(out.Role.AssumeRolePolicyDocument)
	if err != nil {
		return Role{}, fmt.Errorf("reading the trust policy of role %s: %w", name, err)
	}
	tags := make(map[string]string, len(out.Role.Tags))
	for _, t := range out.Role.Tags {
		tags[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	return Role{Trust: trust, Tags: tags}, nil
}

// AttachedPolicies returns the ARNs of the managed policies that a role has, which needs
// iam:ListAttachedRolePolicies.
func (s *Sessions) AttachedPolicies(ctx context.Context, roleARN, name string) ([]string, error) {
	found, err := collect(ctx,
		iam.NewListAttachedRolePoliciesPaginator(s.iam(roleARN), &iam.ListAttachedRolePoliciesInput{RoleName: &name}),
		func(page *iam.ListAttachedRolePoliciesOutput) []types.AttachedPolicy { return page.AttachedPolicies })
	if err != nil {
		return nil, err
	}
	arns := make([]string, len(found))
	for i, policy := range found {
		arns[i] = aws.ToString(policy.PolicyArn)
	}
	return arns, nil
}

// InlinePolicies returns the documents of a role's own policies by name, which needs
// iam:ListRolePolicies and iam:GetRolePolicy.
func (s *Sessions) InlinePolicies(ctx context.Context, roleARN, name string) (map[string]string, error) {
	client := s.iam(roleARN)
	names, err := collect(ctx,
		iam.NewListRolePoliciesPaginator(client, &iam.ListRolePoliciesInput{RoleName: &name}),
		func(page *iam.ListRolePoliciesOutput) []string { return page.PolicyNames })
	if err != nil {
		return nil, err
	}
	documents := make(map[string]string, len(names))
	for _, policy := range names {
		out, err := client.GetRolePolicy(ctx, &iam.GetRolePolicyInput{RoleName: &name, PolicyName: &policy})
		if err = classify(err); ClassOf(err) == NotFound {
			continue // deleted since it was listed
		}
		if err != nil {
			return nil, err
		}
		if documents[policy], err = decodeDocument(out.PolicyDocument); err != nil {
			return nil, fmt.Errorf("reading policy %s of role %s: %w", policy, name, err)
		}
	}
	return documents, nil
}

func (s *Sessions) iam(roleARN string) *iam.Client { return s.in(roleARN, s.homeOf(roleARN)).iam }

// decodeDocument reads a policy in the encoding of URLs, as IAM answers all of them. A
// plus is a plus there (source: IAM API reference, GetRole; RFC 3986).
func decodeDocument(encoded *string) (string, error) {
	return url.PathUnescape(aws.ToString(encoded)) //nolint:wrapcheck // both callers say what they were reading
}
