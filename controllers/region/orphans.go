package region

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/internal/step"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// removeOrphans deletes what controllers inside the cluster made in the VPC and could not
// delete before the cluster went: load balancers and their groups, when its API server did
// not answer, and network interfaces that the VPC CNI leaked. All of it carries the tags of
// the cluster, which is gone by now.
func (r *Reconciler) removeOrphans(ctx context.Context, region *v1alpha1.Region) error {
	n := region.Status.Network
	what := seenOf(region) + "orphans"
	if n == nil || n.VPCID == "" || r.seen.recall(what) == n.VPCID {
		return nil
	}
	role, here := region.Status.RoleARN, string(region.Spec.AWSRegion)
	orphans, err := r.Cloud.Orphans(ctx, role, here, n.VPCID, plan.ClusterName(region))
	if err != nil && aws.ClassOf(err) != aws.NotFound {
		return r.fromAWS(err)
	}
	var left []string
	var denied error
	for _, o := range orphans {
		left = append(left, strings.ToLower(o.Kind)+" "+o.ID)
		// Any other refusal passes: what another orphan uses goes when that one is gone.
		if err := r.Cloud.DeleteOrphan(ctx, role, here, o); aws.ClassOf(err) == aws.AccessDenied {
			denied = cmp.Or(denied, err)
		}
	}
	if denied != nil {
		return r.fromAWS(denied)
	}
	if len(left) > 0 {
		slices.Sort(left)
		return step.Poll(r.Poll, v1alpha1.ReasonDeletingNetwork, "deleting what the cluster left behind: %s", strings.Join(left, ", "))
	}
	r.seen.settle(what, n.VPCID)
	return nil
}
