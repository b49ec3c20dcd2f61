package region

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/remote"
	"github.com/portolan-dev/portolan/controllers/internal/step"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// retireNodeGroups empties and deletes, one after the other, the node groups that are not in
// the plan any more. EKS would evict the pods as well, but gives up on disruption budgets
// after a quarter of an hour and terminates the nodes.
func (r *Reconciler) retireNodeGroups(ctx context.Context, s *scope) error {
	surplus, err := r.surplus(ctx, s, &eks.Nodegroup{})
	if err != nil {
		return err
	}
	for _, obj := range surplus {
		group, ok := obj.(*eks.Nodegroup)
		if !ok {
			continue
		}
		if !group.DeletionTimestamp.IsZero() {
			return step.Wait(v1alpha1.ReasonRemoving, "deleting node group %s", deref(group.Spec.Name))
		}
		if err := r.drainNodes(ctx, s, deref(group.Spec.Name)); err != nil {
			return err
		}
		if err := r.deleteSeen(ctx, group); err != nil {
			return err
		}
		return step.Wait(v1alpha1.ReasonRemoving, "deleting node group %s", deref(group.Spec.Name))
	}
	return r.nodeGroupsGone(ctx, s)
}

// drainNodes moves the pods off a group as fast as their disruption budgets allow.
func (r *Reconciler) drainNodes(ctx context.Context, s *scope, group string) error {
	left, err := s.remote.Drain(ctx, group)
	switch {
	case apierrors.IsForbidden(err):
		return step.Poll(r.Poll, v1alpha1.ReasonDraining, "draining node group %s: the access that it takes is not in effect yet", group)
	case err != nil && s.remote.Connected() != nil:
		return reachable(s.remote)
	case err != nil:
		return fmt.Errorf("draining node group %s: %w", group, err)
	case len(left.Pods) > 0:
		return step.Poll(r.Poll, v1alpha1.ReasonDraining, "draining node group %s: %s", group, undrained(left.Pods))
	case !left.Done():
		return step.Poll(r.Poll, v1alpha1.ReasonDraining, "draining node group %s: its nodes are being cordoned", group)
	}
	return nil
}

// uncordon gives back the nodes of groups that were being drained and are wanted again.
func (r *Reconciler) uncordon(ctx context.Context, s *scope) error {
	if s.remote == nil {
		return step.Blocked(v1alpha1.RegionAccessReady)
	}
	if err := reachable(s.remote); err != nil {
		return err
	}
	for _, g := range s.plan.NodeGroups {
		name := plan.NodeGroupName(g)
		err := s.remote.Uncordon(ctx, name)
		if apierrors.IsForbidden(err) {
			return step.Poll(r.Poll, v1alpha1.ReasonDraining, "taking back node group %s: the access that it takes is not in effect yet", name)
		}
		if err != nil {
			return fmt.Errorf("taking back node group %s: %w", name, err)
		}
	}
	return nil
}

// undrained names a few of the pods and all that holds them.
func undrained(pods []remote.UndrainedPod) string {
	const few = 3
	var names, why []string
	for _, p := range pods {
		if len(names) < few {
			names = append(names, p.Name.String())
		}
		if p.Why != "" && !slices.Contains(why, p.Why) {
			why = append(why, p.Why)
		}
	}
	text := fmt.Sprintf("%d pods are left, %s", len(pods), strings.Join(names, ", "))
	if len(why) > 0 {
		slices.Sort(why)
		text += "; " + strings.Join(why, ", ")
	}
	return text
}

// nodeGroupsGone waits for AWS, which goes on deleting a group after its object is gone.
func (r *Reconciler) nodeGroupsGone(ctx context.Context, s *scope) error {
	cluster := s.region.Status.Cluster
	wanted := map[string]bool{}
	for _, g := range s.plan.NodeGroups {
		wanted[plan.NodeGroupName(g)] = true
	}
	for _, name := range slices.Clone(cluster.NodeGroups) {
		if wanted[name] {
			continue
		}
		exists, err := r.Cloud.NodegroupExists(ctx, s.environment.Spec.AWS.RoleARN, string(s.region.Spec.AWSRegion), cluster.Name, name)
		if err != nil {
			return r.fromAWS(err)
		}
		if exists {
			return step.Poll(r.Poll, v1alpha1.ReasonRemoving, "AWS is deleting node group %s", name)
		}
		cluster.NodeGroups = slices.DeleteFunc(cluster.NodeGroups, func(n string) bool { return n == name })
	}
	return nil
}
