package ack

import (
	"context"
	"time"

	ackv1alpha1 "github.com/aws-controllers-k8s/runtime/apis/core/v1alpha1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// AnnotationAdopted is "true" on objects whose resource ACK has taken over.
const AnnotationAdopted = annotationAdopted

// Settled tells whether ACK has applied the very spec that an object has.
func Settled(obj client.Object) bool {
	conditions, err := conditionsOf(obj)
	return err == nil && obj.GetDeletionTimestamp().IsZero() && synced(obj.GetName(), conditions, lastApply(obj)) == nil
}

// Refused tells whether AWS refused an object's spec for good.
func Refused(obj client.Object) bool {
	conditions, err := conditionsOf(obj)
	return err == nil && isTrue(find(conditions, ackv1alpha1.ConditionTypeTerminal))
}

// StateOf is the state that EKS's kinds report in EKS's words, or "".
func StateOf(obj client.Object) string {
	r, err := reportOf(obj)
	if err != nil {
		return ""
	}
	return ptr.Deref(r.Status, "")
}

// AppliedAt is when an object's spec was last applied, or zero if Portolan did not.
func AppliedAt(obj client.Object) time.Time { return lastApply(obj).at }

// PatchSeen merges fields into the very object that was seen, not into one that took its place.
func PatchSeen(ctx context.Context, c client.Client, obj client.Object, patch map[string]any, opts ...client.PatchOption) error {
	return patchSeen(ctx, c, obj, patch, opts...)
}
