package region

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	ackv1alpha1 "github.com/aws-controllers-k8s/runtime/apis/core/v1alpha1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/internal/step"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// adoptOrCreate is the adoption policy that takes over what the adoption fields name
// (runtime v0.62.0, pkg/runtime/adoption.go).
const adoptOrCreate = "adopt-or-create"

// labelDuplicateOf names, on an object that takes a leftover over to delete it, the object
// that the leftover was first created for.
const labelDuplicateOf = "portolan.dev/duplicate-of"

// removeDuplicates deletes what ACK created and lost: when its controller ends between
// AWS's answer and the write of the ID, it creates the resource once more, and the first
// one costs money and holds the VPC for ever (ACK community#2062). The leftover carries the
// tag of the object and is not the one that the object names. ACK deletes it: it is adopted
// by an object of its own, which is deleted.
func (r *Reconciler) removeDuplicates(ctx context.Context, s *scope) error {
	what := seenOf(s.region) + "duplicates"
	if s.observe || r.seen.settled(what, s.plan.Revision(), r.Resync) {
		return nil
	}
	role, here := s.environment.Spec.AWS.RoleARN, string(s.region.Spec.AWSRegion)
	r.Finder.ForgetTagged(role, here, s.plan.Cluster)
	tagged, err := r.Finder.TaggedResources(ctx, role, here, s.plan.Cluster)
	if err != nil {
		return r.fromAWS(err)
	}
	if err := r.secondNetworkInUse(ctx, s, tagged[s.plan.Cluster]); err != nil {
		return err
	}
	var left []string
	for _, kind := range ack.Kinds() {
		prefix := idPrefix(kind)
		if prefix == "" {
			continue
		}
		found, err := r.removeDuplicatesOf(ctx, s, kind, prefix, tagged)
		if err != nil {
			return err
		}
		left = append(left, found...)
	}
	if len(left) > 0 {
		slices.Sort(left)
		return step.Poll(r.Poll, v1alpha1.ReasonDuplicate, "deleting what an interrupted creation left in AWS: %s", strings.Join(left, ", "))
	}
	r.seen.settle(what, s.plan.Revision())
	return nil
}

// secondNetworkInUse stops everything when a VPC that looks like a leftover has something in
// it: then it is the region's own, and ACK made another because its objects were restored from
// a backup without their status.
func (r *Reconciler) secondNetworkInUse(ctx context.Context, s *scope, tagged []string) error {
	own := s.region.Status.Network.VPCID
	for _, id := range tagged {
		if !strings.HasPrefix(id, "vpc-") || id == own {
			continue
		}
		interfaces, err := r.Cloud.NetworkInterfaces(ctx, s.environment.Spec.AWS.RoleARN, string(s.region.Spec.AWSRegion), id)
		if err != nil && aws.ClassOf(err) != aws.NotFound {
			return r.fromAWS(err)
		}
		if len(interfaces) > 0 {
			return step.Stuck(r.SlowPoll, v1alpha1.ReasonDuplicate,
				"AWS has two VPCs of the region, and %s, which ACK does not know, is in use: nothing of either is deleted; ACK's objects were probably restored without their status, see docs/recovery.md", id)
		}
	}
	return nil
}

// removeDuplicatesOf works on one kind and returns the IDs of the leftovers.
func (r *Reconciler) removeDuplicatesOf(ctx context.Context, s *scope, kind client.Object, prefix string, tagged map[string][]string) ([]string, error) {
	objects, err := r.objectsOf(ctx, s.region, kind)
	if err != nil {
		return nil, err
	}
	owned := map[string]bool{}
	for i := range objects {
		owned[idOf(&objects[i])] = true
	}
	var left []string
	for i := range objects {
		object := &objects[i]
		if object.GetLabels()[labelDuplicateOf] != "" {
			left = append(left, object.GetName())
			if err := r.deleteAdopted(ctx, object); err != nil {
				return nil, err
			}
			continue
		}
		for _, id := range tagged[object.GetName()] {
			if idOf(object) == "" || !strings.HasPrefix(id, prefix) || owned[id] {
				continue
			}
			left = append(left, id)
			if err := r.adoptLeftover(ctx, object, id); err != nil {
				return nil, err
			}
		}
	}
	return left, nil
}

func (r *Reconciler) objectsOf(ctx context.Context, region *v1alpha1.Region, kind client.Object) ([]unstructured.Unstructured, error) {
	gvk, err := apiutil.GVKForObject(kind, r.Client.Scheme())
	if err != nil {
		return nil, fmt.Errorf("looking up the kind of %T: %w", kind, err)
	}
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
	if err := r.Live.List(ctx, list, client.InNamespace(region.Namespace), client.MatchingLabels(plan.Labels(region))); err != nil {
		return nil, fmt.Errorf("listing objects of kind %s: %w", gvk.Kind, err)
	}
	return list.Items, nil
}

func idOf(obj *unstructured.Unstructured) string {
	id, _, _ := unstructured.NestedString(obj.Object, "status", ack.Identifier(obj.GetKind()))
	return id
}

// adoptLeftover makes an object that takes the leftover over.
func (r *Reconciler) adoptLeftover(ctx context.Context, original *unstructured.Unstructured, id string) error {
	fields, err := json.Marshal(map[string]string{ack.Identifier(original.GetKind()): id})
	if err != nil {
		return fmt.Errorf("describing %s: %w", id, err)
	}
	leftover := &unstructured.Unstructured{}
	leftover.SetGroupVersionKind(original.GroupVersionKind())
	leftover.SetNamespace(original.GetNamespace())
	leftover.SetName(original.GetName() + "-" + id)
	labels := original.GetLabels()
	labels[labelDuplicateOf] = "true"
	leftover.SetLabels(labels)
	leftover.SetAnnotations(map[string]string{
		ack.AnnotationRegion:                 original.GetAnnotations()[ack.AnnotationRegion],
		ackv1alpha1.AnnotationAdoptionPolicy: adoptOrCreate,
		ackv1alpha1.AnnotationAdoptionFields: string(fields),
	})
	leftover.Object["spec"] = original.Object["spec"]
	err = r.Client.Create(ctx, leftover, fieldOwner, client.DisableReadYourWritesConsistency)
	if client.IgnoreAlreadyExists(err) != nil {
		return fmt.Errorf("adopting %s: %w", id, err)
	}
	return nil
}

// deleteAdopted deletes a leftover's object once ACK has it.
func (r *Reconciler) deleteAdopted(ctx context.Context, leftover *unstructured.Unstructured) error {
	if idOf(leftover) == "" || !leftover.GetDeletionTimestamp().IsZero() {
		return nil
	}
	err := r.Client.Delete(ctx, leftover, client.Preconditions{UID: new(leftover.GetUID())}, client.DisableReadYourWritesConsistency)
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting %s: %w", leftover.GetName(), err)
	}
	return nil
}
