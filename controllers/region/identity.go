package region

import (
	"context"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/ack/iam"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// reconcileIdentity declares the roles of the control plane, the nodes and the pods.
func (r *Reconciler) reconcileIdentity(ctx context.Context, s *scope) error {
	if s.plan == nil {
		return step.Blocked(v1alpha1.RegionPlanned)
	}
	a := r.applier(s)
	b := s.blueprint()
	cluster := b.role("cluster", trustEKS, b.managed("AmazonEKSClusterPolicy"))
	s.clusterRole = r.ensureRole(ctx, a, s.region, cluster)
	node := b.role("node", trustEC2,
		b.managed("AmazonEKSWorkerNodePolicy"), b.managed("AmazonEKS_CNI_Policy"), b.managed("AmazonEC2ContainerRegistryPullOnly"))
	s.nodeRole = r.ensureRole(ctx, a, s.region, node)
	s.podRoles = map[string]string{}
	for _, p := range s.plan.PodRoles {
		s.podRoles[p.Suffix] = r.ensureRole(ctx, a, s.region, b.podRole(p))
	}
	if err := a.Outcome(); err != nil {
		return err
	}
	associations, err := r.surplus(ctx, s, &eks.PodIdentityAssociation{})
	if err != nil || len(associations) > 0 {
		return err // pods use their roles until then
	}
	return r.prune(ctx, s, &iam.Role{})
}

// ensureRole returns the role's ARN. A new cluster waits until the role is complete,
// because EKS refuses for good one that it cannot assume; one that exists does not
// wait for a change of its role.
func (r *Reconciler) ensureRole(ctx context.Context, a *ack.Applier, region *v1alpha1.Region, desired *iam.Role) string {
	role, ok := ack.Ensure(ctx, a, desired)
	if !ok && region.Status.Cluster == nil {
		return ""
	}
	return roleARN(role)
}

func roleARN(role *iam.Role) string {
	if m := role.Status.ACKResourceMetadata; m != nil && m.ARN != nil {
		return string(*m.ARN)
	}
	return ""
}
