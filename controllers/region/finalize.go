package region

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/finalizer"
	"github.com/portolan-dev/portolan/controllers/internal/status"
	"github.com/portolan-dev/portolan/controllers/internal/step"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// stage is one part of the way down. It returns nil once the world shows that nothing
// of it is left; only then does the next one start.
type stage struct {
	reason string
	run    func(context.Context, *v1alpha1.Region) error
}

// stages are in the order that AWS and Argo CD need. All that they take down is found
// by label or in the Region's status: neither the profile nor the Environment is needed.
func (r *Reconciler) stages() []stage {
	return []stage{
		{v1alpha1.ReasonDrainingTraffic, r.drainTraffic},
		{v1alpha1.ReasonLeavingRings, r.leaveRings},
		{v1alpha1.ReasonRemovingApplications, r.removeApplications},
		{v1alpha1.ReasonUnregistering, r.unregister},
		{v1alpha1.ReasonStoppingReplication, r.stopReplication},
		{v1alpha1.ReasonDeletingCluster, r.deleteCluster},
		{v1alpha1.ReasonDeletingNetwork, r.deleteNetwork},
		{v1alpha1.ReasonDeletingStorage, r.deleteStorage},
		{v1alpha1.ReasonDeletingIdentity, r.deleteIdentity},
	}
}

// finalize takes the region down, stage by stage, and lets the Region go when nothing is left.
func (r *Reconciler) finalize(ctx context.Context, region *v1alpha1.Region) (reconcile.Result, error) {
	if !controllerutil.ContainsFinalizer(region, v1alpha1.RegionFinalizer) {
		return reconcile.Result{}, nil
	}
	if region.Spec.ManagementPolicy == v1alpha1.ManagementObserve {
		return r.reportStage(ctx, region, v1alpha1.ReasonObserving, step.Wait(v1alpha1.ReasonObserving,
			"managementPolicy is Observe, so nothing is deleted: set it to Manage to take the region down"))
	}
	for _, st := range r.stages() {
		if err := st.run(ctx, region); err != nil {
			return r.reportStage(ctx, region, st.reason, err)
		}
	}
	if err := r.release(ctx, region); err != nil {
		return reconcile.Result{}, err
	}
	key := client.ObjectKeyFromObject(region)
	r.Clusters.Remove(key)
	r.seen.forget(seenOf(region))
	step.Forget(kind, key)
	return reconcile.Result{}, finalizer.Remove(ctx, r.Client, region, v1alpha1.RegionFinalizer)
}

// reportStage says in Deleting and Ready which stage runs and what it waits for.
func (r *Reconciler) reportStage(ctx context.Context, region *v1alpha1.Region, reason string, because error) (reconcile.Result, error) {
	before := region.DeepCopy()
	r.pipeline.Stage(region, reason, because.Error())
	region.Status.ObservedGeneration = region.Generation
	err := status.Patch(ctx, r.Client, region, before)
	if !step.IsWaiting(because) {
		return reconcile.Result{}, errors.Join(because, err)
	}
	after := step.PollAfter(because)
	if after == 0 {
		after = r.Resync
	}
	return reconcile.Result{RequeueAfter: after}, err
}

// leaveRings waits until no peer has the region's endpoint among its seeds.
func (r *Reconciler) leaveRings(ctx context.Context, region *v1alpha1.Region) error {
	rings, err := r.rings(ctx, region)
	if err != nil {
		return err
	}
	for _, ring := range rings {
		for _, m := range ring.Status.Members {
			if m.Region == region.Name && m.State != v1alpha1.MemberLeft {
				return step.Wait(v1alpha1.ReasonLeavingRings, "the peers in ring %s are dropping its seed, one region at a time", ring.Name)
			}
		}
	}
	return nil
}

// removeApplications has Argo CD delete what it deployed while it still can, and waits
// until the load balancers are gone: they hold the VPC.
func (r *Reconciler) removeApplications(ctx context.Context, region *v1alpha1.Region) error {
	if err := r.ArgoCD.Deselect(ctx, plan.ClusterName(region)); err != nil {
		return err
	}
	left, err := r.ArgoCD.DeleteApplications(ctx, region)
	switch {
	case err != nil:
		return err
	case len(left) > 0:
		return step.Poll(r.Poll, v1alpha1.ReasonRemovingApplications, "Argo CD is deleting Applications %s", strings.Join(left, ", "))
	}
	return r.loadBalancersGone(ctx, region)
}

// loadBalancersGone looks into the regional cluster. One that does not answer proves
// nothing; AWS then names what is left when it refuses to delete the VPC.
func (r *Reconciler) loadBalancersGone(ctx context.Context, region *v1alpha1.Region) error {
	cluster, err := r.lastCluster(ctx, region)
	if err != nil || cluster == nil {
		return err
	}
	connection, err := r.connect(region, cluster)
	if err != nil {
		return err
	}
	services, err := connection.LoadBalancers()
	if err == nil && len(services) > 0 {
		return step.Wait(v1alpha1.ReasonRemovingApplications, "load balancers of Services %s are being deleted", strings.Join(services, ", "))
	}
	if err != nil && !connection.Failed() {
		return step.Wait(v1alpha1.ReasonRemovingApplications, "looking for load balancers: %w", err)
	}
	return nil
}

// lastCluster returns the region's EKS cluster if its API can be used, else nil.
func (r *Reconciler) lastCluster(ctx context.Context, region *v1alpha1.Region) (*eks.Cluster, error) {
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
	return cluster, nil
}

func (r *Reconciler) unregister(ctx context.Context, region *v1alpha1.Region) error {
	cluster := plan.ClusterName(region)
	foreign, err := r.ArgoCD.Foreign(ctx, cluster, region.Name)
	if err != nil || foreign {
		return err
	}
	return r.ArgoCD.Delete(ctx, cluster)
}
