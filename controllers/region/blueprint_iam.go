package region

import (
	"github.com/portolan-dev/portolan/controllers/internal/ack/iam"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// Principals that assume roles, with what they have to be allowed. EKS Pod Identity tags
// its sessions (reference of EKS: pod identity, trust policy).
const (
	trustEKS = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"eks.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	trustEC2 = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ec2.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	trustPod = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"pods.eks.amazonaws.com"},"Action":["sts:AssumeRole","sts:TagSession"]}]}`
)

// managed returns the ARN of a policy of AWS.
func (b blueprint) managed(policy string) string {
	return "arn:" + plan.Partition(b.region.Spec.AWSRegion) + ":iam::aws:policy/" + policy
}

// podRole builds the role of a service account's pods.
func (b blueprint) podRole(p plan.PodRole) *iam.Role {
	role := b.role(p.Suffix, trustPod, p.PolicyARNs...)
	role.Spec.InlinePolicies = p.Inline
	return role
}

// role builds an IAM role with managed policies.
func (b blueprint) role(suffix, trust string, policyARNs ...string) *iam.Role {
	role := &iam.Role{
		ObjectMeta: b.meta(suffix),
		Spec:       iam.RoleSpec{Name: new(b.name(suffix)), AssumeRolePolicyDocument: &trust, Policies: pointers(policyARNs)},
	}
	for _, t := range b.tags(suffix) {
		role.Spec.Tags = append(role.Spec.Tags, iam.Tag(t))
	}
	return role
}
