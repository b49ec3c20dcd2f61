package fake

import (
	"context"
	"maps"

	"k8s.io/utils/ptr"

	"github.com/portolan-dev/portolan/controllers/internal/ack/acm"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/ack/iam"
	"github.com/portolan-dev/portolan/controllers/internal/ack/s3"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
)

const active = "ACTIVE"

// DescribeCluster is like aws.Sessions.DescribeCluster.
func (f *AWS) DescribeCluster(ctx context.Context, _, _, name string) (aws.Cluster, error) {
	return one(ctx, f, DescribeCluster, name, func(c *eks.Cluster) (string, aws.Cluster) {
		network := c.Spec.ResourcesVPCConfig
		cluster := aws.Cluster{
			Status: active, Version: ptr.Deref(c.Spec.Version, ""), DeletionProtection: ptr.Deref(c.Spec.DeletionProtection, false),
			PublicAccess: ptr.Deref(network.EndpointPublicAccess, true), PrivateAccess: ptr.Deref(network.EndpointPrivateAccess, false),
			PublicCIDRs: texts(network.PublicAccessCIDRs), Tags: pairs(c.Spec.Tags),
		}
		for _, setup := range ptr.Deref(c.Spec.Logging, eks.Logging{}).ClusterLogging {
			if ptr.Deref(setup.Enabled, false) {
				cluster.Logging = append(cluster.Logging, texts(setup.Types)...)
			}
		}
		return ptr.Deref(c.Spec.Name, ""), cluster
	})
}

// DescribeNodegroup is like aws.Sessions.DescribeNodegroup.
func (f *AWS) DescribeNodegroup(ctx context.Context, _, _, cluster, name string) (aws.Nodegroup, error) {
	return one(ctx, f, DescribeNodegroup, join(cluster, name), func(g *eks.Nodegroup) (string, aws.Nodegroup) {
		scaling := ptr.Deref(g.Spec.ScalingConfig, eks.ScalingConfig{})
		group := aws.Nodegroup{
			Status: active, MinSize: ptr.Deref(scaling.MinSize, 0), MaxSize: ptr.Deref(scaling.MaxSize, 0),
			Labels: pairs(g.Spec.Labels), Tags: pairs(g.Spec.Tags),
		}
		for _, t := range g.Spec.Taints {
			group.Taints = append(group.Taints, aws.Taint{Key: ptr.Deref(t.Key, ""), Value: ptr.Deref(t.Value, ""), Effect: ptr.Deref(t.Effect, "")})
		}
		return join(ptr.Deref(g.Spec.ClusterName, ""), ptr.Deref(g.Spec.Name, "")), group
	})
}

// DescribeAddon is like aws.Sessions.DescribeAddon.
func (f *AWS) DescribeAddon(ctx context.Context, _, _, cluster, name string) (aws.Addon, error) {
	return one(ctx, f, DescribeAddon, join(cluster, name), func(a *eks.Addon) (string, aws.Addon) {
		return join(ptr.Deref(a.Spec.ClusterName, ""), ptr.Deref(a.Spec.Name, "")), aws.Addon{
			Status: active, Version: ptr.Deref(a.Spec.AddonVersion, "v1.0.0-eksbuild.1"),
			Configuration: ptr.Deref(a.Spec.ConfigurationValues, ""), Tags: pairs(a.Spec.Tags),
		}
	})
}

// AccessPolicies is like aws.Sessions.AccessPolicies; Edit and Remove know the entry by
// the cluster and the principal.
func (f *AWS) AccessPolicies(ctx context.Context, _, _, cluster, principalARN string) ([]aws.AccessPolicy, error) {
	return one(ctx, f, AccessPolicies, join(cluster, principalARN), func(e *eks.AccessEntry) (string, []aws.AccessPolicy) {
		var policies []aws.AccessPolicy
		for _, p := range e.Spec.AccessPolicies {
			scope := ptr.Deref(p.AccessScope, eks.AccessScope{})
			policies = append(policies, aws.AccessPolicy{
				ARN: ptr.Deref(p.PolicyARN, ""), Scope: ptr.Deref(scope.Type, ""), Namespaces: texts(scope.Namespaces),
			})
		}
		return join(ptr.Deref(e.Spec.ClusterName, ""), ptr.Deref(e.Spec.PrincipalARN, "")), policies
	})
}

// DescribePodIdentity is like aws.Sessions.DescribePodIdentity.
func (f *AWS) DescribePodIdentity(ctx context.Context, _, _, cluster, id string) (aws.PodIdentity, error) {
	return one(ctx, f, DescribePodIdentity, join(cluster, id), func(p *eks.PodIdentityAssociation) (string, aws.PodIdentity) {
		return join(ptr.Deref(p.Spec.ClusterName, ""), ptr.Deref(p.Status.AssociationID, "")),
			aws.PodIdentity{RoleARN: ptr.Deref(p.Spec.RoleARN, ""), Tags: pairs(p.Spec.Tags)}
	})
}

// DescribeRole is like aws.Sessions.DescribeRole.
func (f *AWS) DescribeRole(ctx context.Context, _, name string) (aws.Role, error) {
	return one(ctx, f, DescribeRole, name, func(r *iam.Role) (string, aws.Role) {
		role := aws.Role{Trust: ptr.Deref(r.Spec.AssumeRolePolicyDocument, ""), Tags: map[string]string{}}
		for _, t := range r.Spec.Tags {
			role.Tags[t.Key] = t.Value
		}
		return ptr.Deref(r.Spec.Name, ""), role
	})
}

// AttachedPolicies is like aws.Sessions.AttachedPolicies.
func (f *AWS) AttachedPolicies(ctx context.Context, _, name string) ([]string, error) {
	return one(ctx, f, AttachedPolicies, name, func(r *iam.Role) (string, []string) {
		return ptr.Deref(r.Spec.Name, ""), texts(r.Spec.Policies)
	})
}

// InlinePolicies is like aws.Sessions.InlinePolicies.
func (f *AWS) InlinePolicies(ctx context.Context, _, name string) (map[string]string, error) {
	return one(ctx, f, InlinePolicies, name, func(r *iam.Role) (string, map[string]string) {
		return ptr.Deref(r.Spec.Name, ""), maps.Clone(r.Spec.InlinePolicies)
	})
}

// PublicAccessBlock is like aws.Sessions.PublicAccessBlock.
func (f *AWS) PublicAccessBlock(ctx context.Context, _, _, bucket string) (aws.PublicAccessBlock, error) {
	return one(ctx, f, PublicAccessBlock, bucket, func(b *s3.Bucket) (string, aws.PublicAccessBlock) {
		block := ptr.Deref(b.Spec.PublicAccessBlock, s3.PublicAccessBlock{})
		return ptr.Deref(b.Spec.Name, ""), aws.PublicAccessBlock{
			BlockPublicACLs: ptr.Deref(block.BlockPublicACLs, false), BlockPublicPolicy: ptr.Deref(block.BlockPublicPolicy, false),
			IgnorePublicACLs: ptr.Deref(block.IgnorePublicACLs, false), RestrictPublicBuckets: ptr.Deref(block.RestrictPublicBuckets, false),
		}
	})
}

// CertificateExists is like aws.Sessions.CertificateExists.
func (f *AWS) CertificateExists(ctx context.Context, _, _, arn string) (bool, error) {
	found, err := list(ctx, f, CertificateExists, []string{arn}, func(c *acm.Certificate) (string, bool) {
		if c.Status.ACKResourceMetadata == nil {
			return "", false
		}
		return string(ptr.Deref(c.Status.ACKResourceMetadata.ARN, "")), true
	})
	return found[arn], err
}
