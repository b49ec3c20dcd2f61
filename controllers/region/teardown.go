package region

import (
	"context"
	"fmt"
	"slices"

	ackv1alpha1 "github.com/aws-controllers-k8s/runtime/apis/core/v1alpha1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack"
	"github.com/portolan-dev/portolan/controllers/internal/ack/acm"
	"github.com/portolan-dev/portolan/controllers/internal/ack/ec2"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/ack/iam"
	"github.com/portolan-dev/portolan/controllers/internal/ack/route53"
	"github.com/portolan-dev/portolan/controllers/internal/ack/s3"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

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
	if err := r.tearDown(ctx, region, v1alpha1.ReasonDeletingCluster, &eks.Nodegroup{}, &eks.Addon{}, &eks.PodIdentityAssociation{}, &eks.AccessEntry{}); err != nil {
		return err
	}
	if c := region.Status.Cluster; c != nil {
		for _, name := range slices.Clone(c.NodeGroups) {
			exists, err := r.Cloud.NodegroupExists(ctx, region.Status.RoleARN, string(region.Spec.AWSRegion), c.Name, name)
			if err != nil {
				return r.fromAWS(err)
			}
			if exists {
				return step.Poll(r.Poll, v1alpha1.ReasonDeletingCluster, "AWS is deleting node group %s", name)
			}
			c.NodeGroups = slices.DeleteFunc(c.NodeGroups, func(other string) bool { return other == name })
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
	if err := r.natGatewaysGone(ctx, region, v1alpha1.ReasonDeletingNetwork, nil); err != nil {
		return err
	}
	if err := r.removeOrphans(ctx, region); err != nil {
		return err
	}
	if region.Status.Network != nil {
		region.Status.Network.NATAddresses = nil // before they are somebody else's
	}
	for _, kind := range []client.Object{&ec2.ElasticIPAddress{}, &ec2.SecurityGroup{}, &ec2.Subnet{}, &ec2.RouteTable{}, &ec2.InternetGateway{}, &ec2.VPC{}} {
		left, err := r.remnants(ctx, region, kind)
		if err != nil {
			return err
		}
		if len(left) > 0 {
			return r.explainNetwork(ctx, region, left)
		}
	}
	return nil
}

// natGatewaysGone waits until AWS has deleted every gateway that was recorded, but those that stay.
func (r *Reconciler) natGatewaysGone(ctx context.Context, region *v1alpha1.Region, reason string, stay []string) error {
	n := region.Status.Network
	if n == nil {
		return nil
	}
	for _, id := range slices.Clone(n.NATGatewayIDs) {
		if slices.Contains(stay, id) {
			continue
		}
		gone, err := r.Cloud.NATGatewayGone(ctx, region.Status.RoleARN, string(region.Spec.AWSRegion), id)
		if err != nil {
			return r.fromAWS(err)
		}
		if !gone {
			return step.Poll(r.Poll, reason, "AWS is deleting NAT gateway %s", id)
		}
		n.NATGatewayIDs = slices.DeleteFunc(n.NATGatewayIDs, func(other string) bool { return other == id })
	}
	return nil
}

// deleteStorage deletes certificates with their records, and the buckets that were asked to
// go: the others are kept by the deletion policy that they were created with.
func (r *Reconciler) deleteStorage(ctx context.Context, region *v1alpha1.Region) error {
	for _, kind := range []client.Object{&route53.RecordSet{}, &s3.Bucket{}} {
		ours, err := r.labelled(ctx, region, kind)
		if err != nil {
			return err
		}
		if err := r.keepShared(ctx, region, ours); err != nil {
			return err
		}
	}
	return r.tearDown(ctx, region, v1alpha1.ReasonDeletingStorage, &acm.Certificate{}, &route53.RecordSet{}, &s3.Bucket{})
}

// keepShared leaves to another Region what it has as well: Regions of one AWS region share
// their buckets, and ACM asks an account for one record for a name, whatever the AWS region.
func (r *Reconciler) keepShared(ctx context.Context, region *v1alpha1.Region, going []client.Object) error {
	for _, obj := range going {
		shared, err := r.sharedBy(ctx, region, obj)
		if err != nil {
			return err
		}
		if !shared || obj.GetAnnotations()[ackv1alpha1.AnnotationDeletionPolicy] == string(ackv1alpha1.DeletionPolicyRetain) {
			continue
		}
		retain := map[string]any{"metadata": map[string]any{"annotations": map[string]any{ackv1alpha1.AnnotationDeletionPolicy: ackv1alpha1.DeletionPolicyRetain}}}
		if err := ack.PatchSeen(ctx, r.Client, obj, retain); err != nil {
			return fmt.Errorf("keeping %s %s: %w", kindOf(r.Client, obj), obj.GetName(), err)
		}
	}
	return nil
}

// sharedBy tells whether another Region has an object for the same thing in AWS.
func (r *Reconciler) sharedBy(ctx context.Context, region *v1alpha1.Region, obj client.Object) (bool, error) {
	var others client.ObjectList
	switch obj.(type) {
	case *route53.RecordSet:
		others = &route53.RecordSetList{}
	case *s3.Bucket:
		others = &s3.BucketList{}
	default:
		return false, nil
	}
	if err := r.Client.List(ctx, others, client.InNamespace(region.Namespace)); err != nil {
		return false, fmt.Errorf("looking who shares %s: %w", obj.GetName(), err)
	}
	items, err := meta.ExtractList(others)
	if err != nil {
		return false, fmt.Errorf("reading a list: %w", err)
	}
	for _, item := range items {
		other, ok := item.(client.Object)
		if !ok || other.GetLabels()[v1alpha1.LabelRegion] == region.Name || !other.GetDeletionTimestamp().IsZero() || identityOf(other) != identityOf(obj) {
			continue
		}
		if stays, err := r.outlives(ctx, region, other.GetLabels()[v1alpha1.LabelRegion]); stays || err != nil {
			return stays, err
		}
	}
	return false, nil
}

// outlives tells whether what a Region shares with another is left to the other. Of two that
// are being deleted at the same time, the one whose name comes last takes it down.
func (r *Reconciler) outlives(ctx context.Context, region *v1alpha1.Region, other string) (bool, error) {
	found := &v1alpha1.Region{}
	err := r.Live.Get(ctx, client.ObjectKey{Namespace: region.Namespace, Name: other}, found)
	if apierrors.IsNotFound(err) {
		return true, nil // nobody knows whose it is
	}
	if err != nil {
		return false, fmt.Errorf("reading Region %s: %w", other, err)
	}
	return found.DeletionTimestamp.IsZero() || other > region.Name, nil
}

// identityOf is what a record or a bucket is in AWS.
func identityOf(obj client.Object) string {
	switch o := obj.(type) {
	case *route53.RecordSet:
		return deref(o.Spec.HostedZoneID) + " " + deref(o.Spec.Name)
	case *s3.Bucket:
		return deref(o.Spec.Name)
	}
	return ""
}

func (r *Reconciler) deleteIdentity(ctx context.Context, region *v1alpha1.Region) error {
	return r.tearDown(ctx, region, v1alpha1.ReasonDeletingIdentity, &iam.Role{})
}

// tearDown deletes the region's objects of some kinds at once and waits until they are gone.
func (r *Reconciler) tearDown(ctx context.Context, region *v1alpha1.Region, reason string, kinds ...client.Object) error {
	left, err := r.remnants(ctx, region, kinds...)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		return step.Wait(reason, "deleting %s", join(left))
	}
	return nil
}
