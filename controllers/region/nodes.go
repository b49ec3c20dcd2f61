package region

import (
	"context"
	"slices"

	"k8s.io/utils/ptr"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// reconcileNodes declares the node groups and waits until their nodes are Ready.
func (r *Reconciler) reconcileNodes(ctx context.Context, s *scope) error {
	switch {
	case s.cluster == nil:
		return step.Blocked(v1alpha1.RegionControlPlaneReady)
	case s.nodeRole == "":
		return step.Blocked(v1alpha1.RegionIdentityReady)
	}
	a := r.applier(s)
	b := s.blueprint()
	want := int64(0)
	for _, g := range s.plan.NodeGroups {
		desired := b.nodegroup(g, s.nodeRole, s.subnets)
		recordNodeGroup(s.region.Status.Cluster, g.Name)
		observed, _ := ack.Ensure(ctx, a, desired, func(o *eks.Nodegroup) error {
			return inState("Nodegroup "+o.Name, o.Status.Status, o.Status.Health)
		})
		want += ptr.Deref(observed.Status.DesiredSize, int64(g.Min))
	}
	if err := a.Outcome(); err != nil || s.observe {
		return err
	}
	return nodesReady(s, want)
}

func nodesReady(s *scope, want int64) error {
	if s.remote == nil {
		return step.Blocked(v1alpha1.RegionAccessReady)
	}
	ready, err := s.remote.ReadyNodes()
	switch {
	case err != nil:
		return reachable(s.remote)
	case int64(ready) < want:
		return step.Wait(v1alpha1.ReasonNodesNotReady, "%d of %d nodes are Ready", ready, want)
	}
	return nil
}

// recordNodeGroup notes the name for good: AWS keeps deleting a group after its object is gone.
func recordNodeGroup(cluster *v1alpha1.RegionCluster, name string) {
	if !slices.Contains(cluster.NodeGroups, name) {
		cluster.NodeGroups = append(cluster.NodeGroups, name)
	}
}
