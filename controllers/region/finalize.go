package region

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack"
	"github.com/portolan-dev/portolan/controllers/internal/ack/ec2"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/ack/iam"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
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
		{v1alpha1.ReasonLeavingRings, r.leaveRings},
		{v1alpha1.ReasonRemovingApplications, r.removeApplications},
		{v1alpha1.ReasonUnregistering, r.unregister},
		{v1alpha1.ReasonStoppingReplication, r.stopReplication},
		{v1alpha1.ReasonDeletingCluster, r.deleteCluster},
		{v1alpha1.ReasonDeletingNetwork, r.deleteNetwork},
		{v1alpha1.ReasonDeletingIdentity, r.deleteIdentity},
	}
}

// finalize takes the region down, stage by stage, and lets the Region go when nothing is left.
func (r *Reconciler) finalize(ctx context.Context, region *v1alpha1.Region) (reconcile.Result, error) {
	if !controllerutil.ContainsFinalizer(region, v1alpha1.RegionFinalizer) {
		return reconcile.Result{}, nil
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
	step.Forget(kind, key)
	return reconcile.Result{}, finalizer.Remove(ctx, r.Client, region, v1alpha1.RegionFinalizer) //nolint:wrapcheck // named there
}

// reportStage says in Deleting and Ready which stage runs and what it waits for.
func (r *Reconciler) reportStage(ctx context.Context, region *v1alpha1.Region, reason string, because error) (reconcile.Result, error) {
	before := region.DeepCopy()
	for _, c := range []metav1.Condition{
		{Type: v1alpha1.ConditionDeleting, Status: metav1.ConditionTrue},
		{Type: v1alpha1.ConditionReady, Status: metav1.ConditionUnknown},
		{Type: v1alpha1.ConditionReconciling, Status: metav1.ConditionTrue},
	} {
		c.Reason, c.Message = reason, because.Error()
		c.ObservedGeneration = region.Generation
		c.LastTransitionTime = metav1.NewTime(r.Clock.Now())
		meta.SetStatusCondition(&region.Status.Conditions, c)
	}
	meta.RemoveStatusCondition(&region.Status.Conditions, v1alpha1.ConditionStalled)
	region.Status.ObservedGeneration = region.Generation
	err := status.Patch(ctx, r.Client, region, before)
	if !step.IsWaiting(because) {
		return reconcile.Result{}, errors.Join(because, err)
	}
	after := step.PollAfter(because)
	if after == 0 {
		after = r.Resync
	}
	return reconcile.Result{RequeueAfter: after}, err //nolint:wrapcheck // named there
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
		return err //nolint:wrapcheck // named there
	}
	left, err := r.ArgoCD.DeleteApplications(ctx, region)
	switch {
	case err != nil:
		return err //nolint:wrapcheck // named there
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
		return err //nolint:wrapcheck // named there
	}
	return r.ArgoCD.Delete(ctx, cluster) //nolint:wrapcheck // named there
}

// stopReplication removes the region's copies, unless another Region of the
// environment still needs them in the same AWS region.
func (r *Reconciler) stopReplication(ctx context.Context, region *v1alpha1.Region) error {
	shared, err := r.sharesAWSRegion(ctx, region)
	if err != nil || shared {
		return err
	}
	here := string(region.Spec.AWSRegion)
	for _, s := range region.Status.Secrets {
		if s.State == secretPrimary || s.State == secretMissing || s.PrimaryRegion == "" {
			continue
		}
		states, err := r.Secrets.ReplicaStates(ctx, region.Status.RoleARN, string(s.PrimaryRegion), s.Name)
		if aws.ClassOf(err) == aws.NotFound {
			continue
		}
		if err != nil {
			return r.fromAWS(err)
		}
		if _, copied := states[here]; !copied {
			continue
		}
		if err := r.Secrets.StopReplication(ctx, region.Status.RoleARN, string(s.PrimaryRegion), s.Name, here); err != nil {
			return r.fromAWS(err)
		}
	}
	return nil
}

func (r *Reconciler) sharesAWSRegion(ctx context.Context, region *v1alpha1.Region) (bool, error) {
	regions := &v1alpha1.RegionList{}
	if err := r.Live.List(ctx, regions, client.InNamespace(region.Namespace)); err != nil {
		return false, fmt.Errorf("listing Regions: %w", err)
	}
	for _, other := range regions.Items {
		if other.Name != region.Name && other.DeletionTimestamp.IsZero() &&
			other.Spec.EnvironmentRef == region.Spec.EnvironmentRef && other.Spec.AWSRegion == region.Spec.AWSRegion {
			return true, nil
		}
	}
	return false, nil
}

// deleteCluster deletes what is in the cluster and then the cluster. ACK forgets node
// groups when AWS has only begun to delete them, so AWS itself is asked.
func (r *Reconciler) deleteCluster(ctx context.Context, region *v1alpha1.Region) error {
	if err := r.tearDown(ctx, region, v1alpha1.ReasonDeletingCluster, &eks.Nodegroup{}, &eks.Addon{}, &eks.AccessEntry{}); err != nil {
		return err
	}
	if c := region.Status.Cluster; c != nil {
		for _, name := range c.NodeGroups {
			exists, err := r.Cloud.NodegroupExists(ctx, region.Status.RoleARN, string(region.Spec.AWSRegion), c.Name, name)
			if err != nil {
				return r.fromAWS(err)
			}
			if exists {
				return step.Poll(r.Poll, v1alpha1.ReasonDeletingCluster, "AWS is deleting node group %s", name)
			}
		}
	}
	r.Clusters.Remove(client.ObjectKeyFromObject(region))
	return r.tearDown(ctx, region, v1alpha1.ReasonDeletingCluster, &eks.Cluster{})
}

// deleteNetwork deletes from the inside out. An address cannot be released before AWS
// has finished deleting the gateway that holds it.
func (r *Reconciler) deleteNetwork(ctx context.Context, region *v1alpha1.Region) error {
	if err := r.tearDown(ctx, region, v1alpha1.ReasonDeletingNetwork, &ec2.NATGateway{}); err != nil {
		return err
	}
	if n := region.Status.Network; n != nil {
		for _, id := range n.NATGatewayIDs {
			gone, err := r.Cloud.NATGatewayGone(ctx, region.Status.RoleARN, string(region.Spec.AWSRegion), id)
			if err != nil {
				return r.fromAWS(err)
			}
			if !gone {
				return step.Poll(r.Poll, v1alpha1.ReasonDeletingNetwork, "AWS is deleting NAT gateway %s", id)
			}
		}
	}
	for _, kind := range []client.Object{&ec2.ElasticIPAddress{}, &ec2.Subnet{}, &ec2.RouteTable{}, &ec2.InternetGateway{}, &ec2.VPC{}} {
		if err := r.tearDown(ctx, region, v1alpha1.ReasonDeletingNetwork, kind); err != nil {
			return err
		}
	}
	return nil
}

func (r *Reconciler) deleteIdentity(ctx context.Context, region *v1alpha1.Region) error {
	return r.tearDown(ctx, region, v1alpha1.ReasonDeletingIdentity, &iam.Role{})
}

// tearDown deletes the region's objects of some kinds at once and waits until they are gone.
func (r *Reconciler) tearDown(ctx context.Context, region *v1alpha1.Region, reason string, kinds ...client.Object) error {
	var left []string
	for _, k := range kinds {
		names, err := ack.Teardown(ctx, r.Client, r.Live, k, region.Namespace, plan.Labels(region))
		if err != nil {
			return err //nolint:wrapcheck // named there
		}
		left = append(left, names...)
	}
	if len(left) > 0 {
		return step.Wait(reason, "deleting %s", strings.Join(left, ", "))
	}
	return nil
}
