package region

import (
	"context"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack"
	"github.com/portolan-dev/portolan/controllers/internal/ack/iam"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// reconcileIdentity declares the roles of the control plane and the nodes.
func (r *Reconciler) reconcileIdentity(ctx context.Context, s *scope) error {
	if s.plan == nil {
		return step.Blocked(v1alpha1.RegionPlanned)
	}
	a := r.applier()
	b := blueprint{plan: s.plan, region: s.region}
	if role, ok := ack.Ensure(ctx, a, b.role("cluster", "eks.amazonaws.com", "AmazonEKSClusterPolicy")); ok {
		s.clusterRole = roleARN(role)
	}
	node := b.role("node", "ec2.amazonaws.com",
		"AmazonEKSWorkerNodePolicy", "AmazonEKS_CNI_Policy", "AmazonEC2ContainerRegistryPullOnly")
	if role, ok := ack.Ensure(ctx, a, node); ok {
		s.nodeRole = roleARN(role)
	}
	return a.Outcome()
}

func roleARN(role *iam.Role) string {
	if m := role.Status.ACKResourceMetadata; m != nil && m.ARN != nil {
		return string(*m.ARN)
	}
	return ""
}
