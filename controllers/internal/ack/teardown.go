package ack

import (
	"context"
	"fmt"
	"slices"
	"strings"

	ackv1alpha1 "github.com/aws-controllers-k8s/runtime/apis/core/v1alpha1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// Remnant is an object that is still there.
type Remnant struct {
	// Name is kind and name, for example "VPC production001-eu-west-1".
	Name string
	// Refused is what AWS says while it refuses to delete what the object stands for.
	Refused string
}

func (r Remnant) String() string {
	if r.Refused == "" {
		return r.Name
	}
	return r.Name + " (" + r.Refused + ")"
}

// Teardown deletes the objects of one kind that carry the labels and returns those
// that are still there, by name, with what AWS says holds them. It reads past the cache: an
// object created a moment ago must not be overlooked.
func Teardown(ctx context.Context, c client.Client, live client.Reader, kind client.Object, namespace string, labels map[string]string) ([]Remnant, error) {
	return takeDown(ctx, c, live, kind, namespace, labels, unprotect)
}

// Release deletes the objects of one kind that carry the labels, and leaves what they stand
// for in AWS as it is. It returns those that are still there.
func Release(ctx context.Context, c client.Client, live client.Reader, kind client.Object, namespace string, labels map[string]string) ([]Remnant, error) {
	return takeDown(ctx, c, live, kind, namespace, labels, retain)
}

// preparation is what has to be said of an object before it is deleted.
type preparation func(ctx context.Context, c client.Client, obj client.Object, opts ...client.PatchOption) error

func takeDown(ctx context.Context, c client.Client, live client.Reader, kind client.Object, namespace string, labels map[string]string, prepare preparation) ([]Remnant, error) {
	gvk, err := apiutil.GVKForObject(kind, c.Scheme())
	if err != nil {
		return nil, fmt.Errorf("looking up the kind of %T: %w", kind, err)
	}
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
	err = live.List(ctx, list, client.InNamespace(namespace), client.MatchingLabels(labels))
	if meta.IsNoMatchError(err) {
		return nil, nil // no controller of that kind was ever installed
	}
	if err != nil {
		return nil, fmt.Errorf("listing objects of kind %s: %w", gvk.Kind, err)
	}
	var left []Remnant
	for i := range list.Items {
		obj := &list.Items[i]
		left = append(left, Remnant{Name: gvk.Kind + " " + obj.GetName(), Refused: heldBy(obj)})
		if obj.GetDeletionTimestamp() != nil {
			continue
		}
		// Nothing here is read from a cache, and read-your-writes would start one for this view.
		if err := prepare(ctx, c, obj, client.DisableReadYourWritesConsistency); err != nil {
			return left, fmt.Errorf("preparing the deletion of %s %s: %w", gvk.Kind, obj.GetName(), err)
		}
		err := c.Delete(ctx, obj, client.Preconditions{UID: new(obj.GetUID())}, client.DisableReadYourWritesConsistency)
		if client.IgnoreNotFound(err) != nil {
			return left, fmt.Errorf("deleting %s %s: %w", gvk.Kind, obj.GetName(), err)
		}
	}
	slices.SortFunc(left, func(a, b Remnant) int { return strings.Compare(a.Name, b.Name) })
	return left, nil
}

// retain tells ACK to leave what an object stands for in AWS.
func retain(ctx context.Context, c client.Client, obj client.Object, opts ...client.PatchOption) error {
	if obj.GetAnnotations()[ackv1alpha1.AnnotationDeletionPolicy] == string(ackv1alpha1.DeletionPolicyRetain) {
		return nil
	}
	annotations := map[string]any{ackv1alpha1.AnnotationDeletionPolicy: ackv1alpha1.DeletionPolicyRetain}
	return patchSeen(ctx, c, obj, map[string]any{"metadata": map[string]any{"annotations": annotations}}, opts...)
}

// unprotect lifts the protection from deletion of an object that has it, which is a
// cluster. ACK brings it to AWS before it deletes (preDeleteSync, runtime v0.59.0).
func unprotect(ctx context.Context, c client.Client, obj client.Object, opts ...client.PatchOption) error {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		return fmt.Errorf("converting %T: %w", obj, err)
	}
	protected, _, err := unstructured.NestedBool(content, "spec", "deletionProtection")
	if err != nil {
		return fmt.Errorf("reading it: %w", err)
	}
	if !protected {
		return nil
	}
	return patchSeen(ctx, c, obj, map[string]any{"spec": map[string]any{"deletionProtection": false}}, opts...)
}

// heldBy returns what AWS says while it refuses to delete an object.
func heldBy(obj *unstructured.Unstructured) string {
	if obj.GetDeletionTimestamp() == nil {
		return ""
	}
	conditions, err := conditionsOf(obj)
	if err != nil {
		return ""
	}
	for _, t := range []ackv1alpha1.ConditionType{ackv1alpha1.ConditionTypeTerminal, ackv1alpha1.ConditionTypeRecoverable} {
		if c := find(conditions, t); isTrue(c) {
			return textOf(c)
		}
	}
	return ""
}
