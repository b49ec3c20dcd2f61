package ack

import (
	"context"
	"fmt"
	"slices"

	ackv1alpha1 "github.com/aws-controllers-k8s/runtime/apis/core/v1alpha1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// Teardown deletes the objects of one kind that carry the labels and returns those
// that are still there, with what AWS says holds them. It reads past the cache: an
// object created a moment ago must not be overlooked.
func Teardown(ctx context.Context, c client.Client, live client.Reader, kind client.Object, namespace string, labels map[string]string) ([]string, error) {
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
	var left []string
	for i := range list.Items {
		obj := &list.Items[i]
		left = append(left, gvk.Kind+" "+obj.GetName()+heldBy(obj))
		if obj.GetDeletionTimestamp() != nil {
			continue
		}
		// Nothing here is read from a cache, and read-your-writes would start one for this view.
		if err := unprotect(ctx, c, obj, client.DisableReadYourWritesConsistency); err != nil {
			return left, fmt.Errorf("lifting the deletion protection of %s %s: %w", gvk.Kind, obj.GetName(), err)
		}
		err := c.Delete(ctx, obj, client.Preconditions{UID: new(obj.GetUID())}, client.DisableReadYourWritesConsistency)
		if client.IgnoreNotFound(err) != nil {
			return left, fmt.Errorf("deleting %s %s: %w", gvk.Kind, obj.GetName(), err)
		}
	}
	slices.Sort(left)
	return left, nil
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
			return " (" + textOf(c) + ")"
		}
	}
	return ""
}
