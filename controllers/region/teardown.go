package region

import (
	"context"
	"fmt"
	"strings"

	ackv1alpha1 "github.com/aws-controllers-k8s/runtime/apis/core/v1alpha1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
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
	"github.com/portolan-dev/portolan/controllers/plan"
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
	for _, kind := range []client.Object{&ec2.ElasticIPAddress{}, &ec2.SecurityGroup{}, &ec2.Subnet{}, &ec2.RouteTable{}, &ec2.InternetGateway{}, &ec2.VPC{}} {
		if err := r.tearDown(ctx, region, v1alpha1.ReasonDeletingNetwork, kind); err != nil {
			return err
		}
	}
	return nil
}

// deleteStorage deletes certificates with their records, and lets go of the buckets:
// they are kept, by the deletion policy that they were created with.
func (r *Reconciler) deleteStorage(ctx context.Context, region *v1alpha1.Region) error {
	if err := r.keepSharedRecords(ctx, region); err != nil {
		return err
	}
	return r.tearDown(ctx, region, v1alpha1.ReasonDeletingStorage, &acm.Certificate{}, &route53.RecordSet{}, &s3.Bucket{})
}

// keepSharedRecords leaves a validation record to another Region that needs the same: ACM
// asks an account for one record for a name, whatever the AWS region.
func (r *Reconciler) keepSharedRecords(ctx context.Context, region *v1alpha1.Region) error {
	records := &route53.RecordSetList{}
	err := r.Live.List(ctx, records, client.InNamespace(region.Namespace))
	if meta.IsNoMatchError(err) {
		return nil // its controller was never installed
	}
	if err != nil {
		return fmt.Errorf("listing RecordSets: %w", err)
	}
	needed := map[string]bool{}
	for i := range records.Items {
		if record := &records.Items[i]; record.Labels[v1alpha1.LabelRegion] != region.Name && record.DeletionTimestamp.IsZero() {
			needed[recordKey(record)] = true
		}
	}
	retain := client.RawPatch(types.MergePatchType,
		[]byte(`{"metadata":{"annotations":{"`+ackv1alpha1.AnnotationDeletionPolicy+`":"retain"}}}`))
	for i := range records.Items {
		record := &records.Items[i]
		if record.Labels[v1alpha1.LabelRegion] != region.Name || !needed[recordKey(record)] ||
			record.Annotations[ackv1alpha1.AnnotationDeletionPolicy] == "retain" {
			continue
		}
		if err := r.Client.Patch(ctx, record, retain); client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("keeping RecordSet %s: %w", record.Name, err)
		}
	}
	return nil
}

func recordKey(r *route53.RecordSet) string {
	return deref(r.Spec.HostedZoneID) + " " + deref(r.Spec.Name)
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
			return err
		}
		left = append(left, names...)
	}
	if len(left) > 0 {
		return step.Wait(reason, "deleting %s", strings.Join(left, ", "))
	}
	return nil
}
