package region

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/internal/remote"
	"github.com/portolan-dev/portolan/controllers/internal/step"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// outOfReach is how long Applications and load balancers are waited for when their cluster
// does not answer or does not let them go. What they leave in AWS is deleted after the cluster.
const outOfReach = 10 * time.Minute

// removeApplications has Argo CD delete what it deployed while it still can, and waits
// until the load balancers are gone: they hold the VPC.
func (r *Reconciler) removeApplications(ctx context.Context, region *v1alpha1.Region) error {
	connection, err := r.lastConnection(ctx, region)
	if err != nil {
		return err
	}
	left, err := r.deleteApplications(ctx, region)
	switch {
	case errors.Is(err, argocd.ErrUnreachable):
		return r.outOfTouch(ctx, region, connection)
	case err != nil:
		return err
	case len(left) == 0:
		return r.loadBalancersGone(ctx, region, connection)
	}
	why := ""
	if connection == nil || connection.Connected() != nil {
		lost, err := r.lost(ctx, region, connection)
		if err != nil {
			return err
		}
		if lost {
			if err := r.ArgoCD.Abandon(ctx, region); err != nil {
				return err
			}
		}
		why = ": " + unheard(region, connection)
	}
	return step.Poll(r.Poll, v1alpha1.ReasonRemovingApplications, "Argo CD is deleting Applications %s%s", strings.Join(left, ", "), why)
}

func (r *Reconciler) deleteApplications(ctx context.Context, region *v1alpha1.Region) (left []string, err error) {
	if err := r.ArgoCD.Deselect(ctx, region); err != nil {
		return nil, err
	}
	return r.ArgoCD.DeleteApplications(ctx, region)
}

// outOfTouch waits for a region whose own Argo CD cannot be told to delete anything, as long as
// its cluster may come back. The Applications go with it; what they leave in AWS is deleted after it.
func (r *Reconciler) outOfTouch(ctx context.Context, region *v1alpha1.Region, connection *remote.Cluster) error {
	if connection == nil || r.wasEmptied(region) {
		return nil
	}
	lost, err := r.lost(ctx, region, connection)
	if err != nil || lost {
		return err
	}
	return step.Poll(r.Poll, v1alpha1.ReasonRemovingApplications,
		"its Argo CD cannot be told to delete the Applications: %s", unheard(region, connection))
}

// unheard says why nothing is known of a cluster.
func unheard(region *v1alpha1.Region, connection *remote.Cluster) string {
	if connection != nil && errors.Is(connection.Connected(), remote.ErrNotObserved) {
		return "cluster " + plan.ClusterName(region) + " has not been observed yet"
	}
	return "the API server of " + plan.ClusterName(region) + " does not answer"
}

// lost tells whether a cluster of which nothing is known is not waited for any more: EKS does not
// have it, or it was silent for all the time that it is given. How long the stage takes tells
// nothing of that: healthy Applications may take longer. That EKS was asked shows that the
// credentials work.
func (r *Reconciler) lost(ctx context.Context, region *v1alpha1.Region, connection *remote.Cluster) (bool, error) {
	_, err := r.Cloud.ClusterVersion(ctx, region.Status.RoleARN, string(region.Spec.AWSRegion), plan.ClusterName(region))
	switch {
	case aws.ClassOf(err) == aws.NotFound:
		return true, nil
	case err != nil:
		return false, r.fromAWS(err)
	}
	silent := connection == nil || connection.Silence() >= r.patiently(outOfReach)
	d := region.Status.Deletion
	waited := d != nil && d.Stage == v1alpha1.ReasonRemovingApplications && r.Clock.Since(d.StartedAt.Time) >= r.patiently(outOfReach)
	return silent && waited, nil
}

// wasEmptied tells whether a later stage was reached: it takes the access to the cluster away,
// so that nothing can be looked for in there any more.
func (r *Reconciler) wasEmptied(region *v1alpha1.Region) bool {
	stages := r.stages()
	index := func(reason string) int {
		return slices.IndexFunc(stages, func(s stage) bool { return s.reason == reason })
	}
	d := region.Status.Deletion
	return d != nil && index(d.Stage) > index(v1alpha1.ReasonRemovingApplications)
}

// loadBalancersGone looks into the regional cluster. What those leave that do not go, and a cluster
// that is lost, is deleted after it.
func (r *Reconciler) loadBalancersGone(ctx context.Context, region *v1alpha1.Region, connection *remote.Cluster) error {
	if connection == nil || r.wasEmptied(region) {
		return nil
	}
	services, err := connection.LoadBalancers()
	if err != nil {
		lost, failed := r.lost(ctx, region, connection)
		if failed != nil || lost {
			return failed
		}
		return step.Poll(r.Poll, v1alpha1.ReasonRemovingApplications, "looking for load balancers: %w", err)
	}
	h := &held{}
	now := metav1.NewTime(r.Clock.Now())
	first := now
	for _, s := range services {
		one := hold{
			resource: networkOf(region), by: "the load balancer of Service " + s, longest: outOfReach, normally: "a minute or two",
		}
		if since := firstSeen(region.Status.Deletion, one, now); since.Before(&first) {
			first = since
		}
		h.holds = append(h.holds, one)
	}
	if len(services) == 0 || now.Sub(first.Time) >= r.patiently(outOfReach) {
		return nil
	}
	return step.Poll(r.Poll, v1alpha1.ReasonRemovingApplications, "%w", h)
}

// networkOf names the region's VPC.
func networkOf(region *v1alpha1.Region) string {
	if n := region.Status.Network; n != nil && n.VPCID != "" {
		return n.VPCID
	}
	return "the VPC"
}

// lastConnection returns the connection to the region's cluster, or nil if its API cannot be used.
func (r *Reconciler) lastConnection(ctx context.Context, region *v1alpha1.Region) (*remote.Cluster, error) {
	cluster := &eks.Cluster{}
	key := client.ObjectKey{Namespace: region.Namespace, Name: plan.ClusterName(region)}
	if err := r.Live.Get(ctx, key, cluster); err != nil {
		if client.IgnoreNotFound(err) != nil {
			return nil, fmt.Errorf("reading Cluster %s: %w", key.Name, err)
		}
		return nil, nil //nolint:nilnil // absence is an answer
	}
	if !cluster.DeletionTimestamp.IsZero() || !servesAPI(cluster) {
		return nil, nil //nolint:nilnil // as good as absent
	}
	return r.connect(region, cluster)
}
