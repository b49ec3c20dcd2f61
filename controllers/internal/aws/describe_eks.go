package aws

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	"github.com/aws/aws-sdk-go-v2/service/eks/types"
)

// States of what EKS makes in which it is about to become something else.
const (
	EKSCreating = string(types.ClusterStatusCreating)
	EKSUpdating = string(types.ClusterStatusUpdating)
	EKSDeleting = string(types.ClusterStatusDeleting)
)

// Cluster is what EKS says of a control plane.
type Cluster struct {
	Status, Version string
	// Logging are the types of logs that are on.
	Logging                     []string
	PublicAccess, PrivateAccess bool
	PublicCIDRs                 []string
	DeletionProtection          bool
	Tags                        map[string]string
}

// Nodegroup is what EKS says of a managed node group.
type Nodegroup struct {
	Status           string
	MinSize, MaxSize int64
	Labels           map[string]string
	Taints           []Taint
	Tags             map[string]string
}

// Taint of a Nodegroup in EKS's spelling.
type Taint struct{ Key, Value, Effect string }

// Addon is what EKS says of an add-on.
type Addon struct {
	Status, Version string
	// Configuration is JSON or YAML.
	Configuration string
	Tags          map[string]string
}

// AccessPolicy is one that an access entry has.
type AccessPolicy struct {
	ARN string
	// Scope is cluster or namespace.
	Scope      string
	Namespaces []string
}

// PodIdentity is what EKS says of a pod identity association.
type PodIdentity struct {
	RoleARN string
	Tags    map[string]string
}

// DescribeCluster returns a cluster, which needs eks:DescribeCluster. One that does not
// exist is an error of class NotFound, and so it is with what is in it.
func (s *Sessions) DescribeCluster(ctx context.Context, roleARN, region, name string) (Cluster, error) {
	out, err := s.in(roleARN, region).eks.DescribeCluster(ctx, &eks.DescribeClusterInput{Name: &name})
	if err != nil {
		return Cluster{}, classify(err)
	}
	c := out.Cluster
	cluster := Cluster{
		Status: string(c.Status), Version: aws.ToString(c.Version),
		DeletionProtection: aws.ToBool(c.DeletionProtection), Tags: c.Tags,
	}
	if network := c.ResourcesVpcConfig; network != nil {
		cluster.PublicAccess, cluster.PrivateAccess = network.EndpointPublicAccess, network.EndpointPrivateAccess
		cluster.PublicCIDRs = network.PublicAccessCidrs
	}
	if c.Logging != nil {
		cluster.Logging = enabledLogs(c.Logging.ClusterLogging)
	}
	return cluster, nil
}

func enabledLogs(setups []types.LogSetup) []string {
	var on []string
	for _, setup := range setups {
		if !aws.ToBool(setup.Enabled) {
			continue
		}
		for _, kind := range setup.Types {
			on = append(on, string(kind))
		}
	}
	return on
}

// DescribeNodegroup returns a node group, which needs eks:DescribeNodegroup.
func (s *Sessions) DescribeNodegroup(ctx context.Context, roleARN, region, cluster, name string) (Nodegroup, error) {
	out, err := s.in(roleARN, region).eks.DescribeNodegroup(ctx,
		&eks.DescribeNodegroupInput{ClusterName: &cluster, NodegroupName: &name})
	if err != nil {
		return Nodegroup{}, classify(err)
	}
	n := out.Nodegroup
	group := Nodegroup{Status: string(n.Status), Labels: n.Labels, Tags: n.Tags}
	if scaling := n.ScalingConfig; scaling != nil {
		group.MinSize, group.MaxSize = int64(aws.ToInt32(scaling.MinSize)), int64(aws.ToInt32(scaling.MaxSize))
	}
	for _, t := range n.Taints {
		group.Taints = append(group.Taints, Taint{Key: aws.ToString(t.Key), Value: aws.ToString(t.Value), Effect: string(t.Effect)})
	}
	return group, nil
}

// DescribeAddon returns an add-on, which needs eks:DescribeAddon.
func (s *Sessions) DescribeAddon(ctx context.Context, roleARN, region, cluster, name string) (Addon, error) {
	out, err := s.in(roleARN, region).eks.DescribeAddon(ctx, &eks.DescribeAddonInput{ClusterName: &cluster, AddonName: &name})
	if err != nil {
		return Addon{}, classify(err)
	}
	a := out.Addon
	return Addon{
		Status: string(a.Status), Version: aws.ToString(a.AddonVersion), Configuration: aws.ToString(a.ConfigurationValues), Tags: a.Tags,
	}, nil
}

// AccessPolicies returns the policies of an access entry, which needs
// eks:ListAssociatedAccessPolicies.
func (s *Sessions) AccessPolicies(ctx context.Context, roleARN, region, cluster, principalARN string) ([]AccessPolicy, error) {
	found, err := collect(ctx,
		eks.NewListAssociatedAccessPoliciesPaginator(s.in(roleARN, region).eks,
			&eks.ListAssociatedAccessPoliciesInput{ClusterName: &cluster, PrincipalArn: &principalARN}),
		func(page *eks.ListAssociatedAccessPoliciesOutput) []types.AssociatedAccessPolicy {
			return page.AssociatedAccessPolicies
		})
	if err != nil {
		return nil, err
	}
	policies := make([]AccessPolicy, len(found))
	for i, p := range found {
		policies[i].ARN = aws.ToString(p.PolicyArn)
		if scope := p.AccessScope; scope != nil {
			policies[i].Scope, policies[i].Namespaces = string(scope.Type), scope.Namespaces
		}
	}
	return policies, nil
}

// DescribePodIdentity returns an association by its ID, which needs
// eks:DescribePodIdentityAssociation. Lists of them leave out the role.
func (s *Sessions) DescribePodIdentity(ctx context.Context, roleARN, region, cluster, id string) (PodIdentity, error) {
	out, err := s.in(roleARN, region).eks.DescribePodIdentityAssociation(ctx,
		&eks.DescribePodIdentityAssociationInput{ClusterName: &cluster, AssociationId: &id})
	if err != nil {
		return PodIdentity{}, classify(err)
	}
	return PodIdentity{RoleARN: aws.ToString(out.Association.RoleArn), Tags: out.Association.Tags}, nil
}
