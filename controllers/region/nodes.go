package region

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/step"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// reconcileNodes declares the node groups, waits until their nodes are Ready, and then moves
// the pods off groups that are not in the plan any more and deletes those.
func (r *Reconciler) reconcileNodes(ctx context.Context, s *scope) error {
	switch {
	case s.cluster == nil:
		return step.Blocked(v1alpha1.RegionControlPlaneReady)
	case s.nodeRole == "":
		return step.Blocked(v1alpha1.RegionIdentityReady)
	}
	a := r.applier(s)
	want := map[string]int64{}
	for _, g := range s.plan.NodeGroups {
		observed, err := r.ensureNodeGroup(ctx, s, a, g)
		if err != nil {
			return err
		}
		want[plan.NodeGroupName(g)] = ptr.Deref(observed.Status.DesiredSize, int64(g.Min))
	}
	if err := a.Outcome(); err != nil || s.observe {
		return err
	}
	if err := r.uncordon(ctx, s); err != nil {
		return err
	}
	if err := nodesReady(s, want); err != nil {
		return err
	}
	return r.retireNodeGroups(ctx, s)
}

func (r *Reconciler) ensureNodeGroup(ctx context.Context, s *scope, a *ack.Applier, g v1alpha1.NodeGroup) (*eks.Nodegroup, error) {
	version, err := r.nodeVersion(ctx, s)
	if err != nil {
		return nil, err
	}
	desired := s.blueprint().nodegroup(g, s.nodeRole, s.subnets, version)
	current := &eks.Nodegroup{}
	if err := r.Client.Get(ctx, client.ObjectKeyFromObject(desired), current); client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("reading Nodegroup %s: %w", desired.Name, err)
	}
	replaced, err := r.replacedSize(ctx, s, g)
	if err != nil {
		return nil, err
	}
	sized(desired, current, replaced)
	if !s.observe {
		recordNodeGroup(s.region.Status.Cluster, deref(desired.Spec.Name))
		if err := r.followVersion(ctx, current, version); err != nil {
			return nil, err
		}
	}
	observed, _ := ack.Ensure(ctx, a, desired, func(o *eks.Nodegroup) error {
		return inState("Nodegroup "+o.Name, o.Status.Status, o.Status.Health)
	})
	return observed, nil
}

// nodeVersion is the control plane's, once every add-on has followed it: a node must not be
// ahead of kube-proxy and the CNI that run on it.
func (r *Reconciler) nodeVersion(ctx context.Context, s *scope) (string, error) {
	addons, err := r.labelled(ctx, s.region, &eks.Addon{})
	if err != nil {
		return "", err
	}
	if !slices.ContainsFunc(addons, func(obj client.Object) bool {
		a, ok := obj.(*eks.Addon)
		return ok && !followed(a, s.version)
	}) {
		return s.version, nil
	}
	groups, err := r.labelled(ctx, s.region, &eks.Nodegroup{})
	if err != nil {
		return "", err
	}
	oldest := s.version
	for _, obj := range groups {
		if g, ok := obj.(*eks.Nodegroup); ok && g.Spec.Version != nil && plan.CompareVersions(*g.Spec.Version, oldest) < 0 {
			oldest = *g.Spec.Version
		}
	}
	return oldest, nil
}

// replacedSize is how many nodes a group has whose place the wanted one takes.
func (r *Reconciler) replacedSize(ctx context.Context, s *scope, g v1alpha1.NodeGroup) (int64, error) {
	surplus, err := r.surplus(ctx, s, &eks.Nodegroup{})
	if err != nil {
		return 0, err
	}
	size := int64(0)
	for _, obj := range surplus {
		if old, ok := obj.(*eks.Nodegroup); ok && old.Labels[labelNodeGroup] == g.Name {
			size = max(size, deref64(old.Status.DesiredSize))
		}
	}
	return size, nil
}

// nodesReady counts the nodes of the wanted groups only: those of a group that goes are no help.
func nodesReady(s *scope, want map[string]int64) error {
	if s.remote == nil {
		return step.Blocked(v1alpha1.RegionAccessReady)
	}
	groups, err := s.remote.NodeGroups()
	if err != nil {
		return reachable(s.remote)
	}
	ready, all := int64(0), int64(0)
	short := false
	for group, wanted := range want {
		there := int64(groups[group].Ready)
		ready, all = ready+min(there, wanted), all+wanted
		short = short || there < wanted
	}
	if short {
		return step.Wait(v1alpha1.ReasonNodesNotReady, "%d of %d nodes are Ready", ready, all)
	}
	return nil
}

// recordNodeGroup notes the name for good: AWS keeps deleting a group after its object is gone.
func recordNodeGroup(cluster *v1alpha1.RegionCluster, name string) {
	if !slices.Contains(cluster.NodeGroups, name) {
		cluster.NodeGroups = append(cluster.NodeGroups, name)
	}
}
