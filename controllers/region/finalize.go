package region

import (
	"context"
	"errors"
	"fmt"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
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
	// normally is the longest that the stage takes when nothing is wrong.
	normally time.Duration
	// remedy is what to do when it takes longer; %[1]s is the AWS region, %[2]s the cluster.
	remedy string
}

// stages are in the order that AWS and Argo CD need. All that they take down is found
// by label or in the Region's status: neither the profile nor the Environment is needed.
func (r *Reconciler) stages() []stage {
	return []stage{
		{v1alpha1.ReasonDrainingTraffic, r.drainTraffic, 30 * time.Minute,
			"look at the endpoint groups of %[1]s: aws globalaccelerator list-endpoint-groups --region us-west-2 --listener-arn …"},
		{v1alpha1.ReasonLeavingRings, r.leaveRings, 30 * time.Minute,
			"see what the ring waits for: kubectl describe gossiprings"},
		{v1alpha1.ReasonRemovingApplications, r.removeApplications, 20 * time.Minute,
			"see what Argo CD waits for: kubectl get applications -A -l portolan.dev/region, and whether the API server of %[2]s answers"},
		{v1alpha1.ReasonUnregistering, r.unregister, 5 * time.Minute, "see who holds the cluster Secret of %[2]s"},
		{v1alpha1.ReasonStoppingReplication, r.stopReplication, 10 * time.Minute, "see the secrets' replicas in %[1]s"},
		{v1alpha1.ReasonDeletingCluster, r.deleteCluster, 45 * time.Minute,
			"see that ACK's eks controller runs, and: aws eks describe-cluster --region %[1]s --name %[2]s"},
		{v1alpha1.ReasonDeletingNetwork, r.deleteNetwork, 20 * time.Minute,
			"see that ACK's ec2 controller runs, and delete what the message names"},
		{v1alpha1.ReasonDeletingStorage, r.deleteStorage, 10 * time.Minute,
			"empty the buckets that were asked to go, and see that ACK's s3, acm and route53 controllers run"},
		{v1alpha1.ReasonDeletingIdentity, r.deleteIdentity, 10 * time.Minute, "see that ACK's iam controller runs"},
	}
}

// finalize takes the region down, stage by stage, and lets the Region go when nothing is left.
func (r *Reconciler) finalize(ctx context.Context, region *v1alpha1.Region) (reconcile.Result, error) {
	if !controllerutil.ContainsFinalizer(region, v1alpha1.RegionFinalizer) {
		return reconcile.Result{}, nil
	}
	before := region.DeepCopy()
	stages := r.stages()
	releasing := stage{v1alpha1.ReasonReleasing, r.retain, 10 * time.Minute, "see that the ACK controllers run"}
	holder, err := r.otherHolder(ctx, region)
	if err != nil {
		return reconcile.Result{}, err
	}
	switch waits, err := r.unconfirmed(ctx, region, holder); {
	case err != nil:
		return reconcile.Result{}, err
	case region.Spec.DeletionPolicy == v1alpha1.DeletionRetain:
		stages = []stage{releasing}
	case waits != nil:
		return r.reportStage(ctx, region, before, stage{reason: step.ReasonOf(waits)}, waits)
	case holder != nil:
		stages = []stage{releasing}
	}
	for _, st := range stages {
		if err := st.run(ctx, region); err != nil {
			return r.reportStage(ctx, region, before, st, err)
		}
	}
	if err := r.release(ctx, region); err != nil {
		return reconcile.Result{}, err
	}
	key := client.ObjectKeyFromObject(region)
	r.Clusters.Remove(key)
	r.seen.forget(seenOf(region))
	r.drifted.forget(region.UID)
	step.Forget(kind, key)
	return reconcile.Result{}, finalizer.Remove(ctx, r.Client, region, v1alpha1.RegionFinalizer)
}

// unconfirmed says why nothing may be taken down yet. Admission asks for the confirmation as
// well, but does not see every way in which an object is deleted.
func (r *Reconciler) unconfirmed(ctx context.Context, region, holder *v1alpha1.Region) (waits, err error) {
	if region.Spec.ManagementPolicy == v1alpha1.ManagementObserve {
		return step.Wait(v1alpha1.ReasonObserving,
			"managementPolicy is Observe, so nothing is deleted: set it to Manage to take the region down, or deletionPolicy to Retain to forget it"), nil
	}
	if holder != nil && plan.Built(region) {
		return step.Wait(v1alpha1.ReasonNameTaken,
			"Region %s/%s has the name %s as well, and what this one made in AWS may be the other's: to forget it, set spec.deletionPolicy to Retain",
			holder.Namespace, holder.Name, plan.ClusterName(region)), nil
	}
	if !plan.Built(region) || confirmed(region) {
		return nil, nil //nolint:nilnil // nothing waits
	}
	env, err := r.environment(ctx, region)
	if err != nil || env != nil && env.Spec.Protection == v1alpha1.ProtectionNone {
		return nil, err
	}
	return step.Wait(v1alpha1.ReasonAwaitingConfirmation,
		"nothing is taken down before the deletion is confirmed: kubectl annotate region -n %[1]s %[2]s %[3]s=%[2]s; to keep everything in AWS, set spec.deletionPolicy to Retain",
		region.Namespace, region.Name, v1alpha1.AnnotationConfirmDelete), nil
}

func confirmed(region *v1alpha1.Region) bool {
	return region.Annotations[v1alpha1.AnnotationConfirmDelete] == region.Name
}

// reportStage says in Deleting and Ready which stage runs, what it waits for and, once that
// takes longer than it normally does, what to do.
func (r *Reconciler) reportStage(ctx context.Context, region, before *v1alpha1.Region, st stage, because error) (reconcile.Result, error) {
	if step.ReasonOf(because) == v1alpha1.ReasonAwaitingConfirmation {
		st = stage{reason: v1alpha1.ReasonAwaitingConfirmation} // nobody knows how long that takes
	}
	message, due := r.progress(region, st, because)
	now := r.Clock.Now()
	stuck := !due.IsZero() && !now.Before(due)
	if stuck && st.remedy != "" {
		message += "; it takes longer than normal: " + fmt.Sprintf(st.remedy, region.Spec.AWSRegion, plan.ClusterName(region))
	}
	r.pipeline.Stage(region, st.reason, message, stuck)
	region.Status.ObservedGeneration = region.Generation
	err := status.Patch(ctx, r.Client, region, before)
	if !step.IsWaiting(because) {
		return reconcile.Result{}, errors.Join(because, err)
	}
	after := step.PollAfter(because)
	if after == 0 {
		after = r.Resync
	}
	if !stuck && !due.IsZero() {
		after = min(after, due.Sub(now))
	}
	return reconcile.Result{RequeueAfter: after}, err
}

// leaveRings waits until no peer has the region's endpoint among its seeds, also in rings that do not
// select the region any more.
func (r *Reconciler) leaveRings(ctx context.Context, region *v1alpha1.Region) error {
	rings, err := r.allRings(ctx, region)
	if err != nil {
		return err
	}
	for _, ring := range rings {
		if !ring.DeletionTimestamp.IsZero() {
			continue
		}
		for _, m := range ring.Status.Members {
			if m.Region == region.Name && m.State != v1alpha1.MemberLeft && m.DroppedAt == nil {
				return step.Wait(v1alpha1.ReasonLeavingRings, "the peers in ring %s are dropping its seed, one region at a time", ring.Name)
			}
		}
	}
	return nil
}

func (r *Reconciler) unregister(ctx context.Context, region *v1alpha1.Region) error {
	err := r.ArgoCD.Delete(ctx, region)
	if errors.Is(err, argocd.ErrUnreachable) {
		return nil // it goes with the cluster that it is in
	}
	return err
}
