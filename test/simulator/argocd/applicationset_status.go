package argocd

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

type applicationSetStatus struct {
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}

// report writes the three conditions by which Argo CD tells that a set works.
func (r *applicationSets) report(ctx context.Context, set *unstructured.Unstructured, failure error) error {
	status := applicationSetStatus{}
	raw, _, err := unstructured.NestedMap(set.Object, "status")
	if err != nil {
		return fmt.Errorf("reading status: %w", err)
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(raw, &status); err != nil {
		return fmt.Errorf("reading status: %w", err)
	}
	before := slices.Clone(status.Conditions)
	for _, c := range conditionsFor(failure) {
		meta.SetStatusCondition(&status.Conditions, c)
	}
	if equality.Semantic.DeepEqual(before, status.Conditions) {
		return nil
	}
	changed := set.DeepCopy()
	if changed.Object["status"], err = runtime.DefaultUnstructuredConverter.ToUnstructured(&status); err != nil {
		return fmt.Errorf("writing status: %w", err)
	}
	if err := r.client.Status().Patch(ctx, changed, client.MergeFrom(set)); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("writing the status of ApplicationSet %s: %w", set.GetName(), err)
	}
	return nil
}

func conditionsFor(failure error) []metav1.Condition {
	if failure != nil {
		return []metav1.Condition{
			{Type: "ErrorOccurred", Status: metav1.ConditionTrue, Reason: "ApplicationGenerationFromParamsError", Message: failure.Error()},
			{Type: "ParametersGenerated", Status: metav1.ConditionFalse, Reason: "ErrorOccurred", Message: failure.Error()},
			{Type: "ResourcesUpToDate", Status: metav1.ConditionFalse, Reason: "ErrorOccurred", Message: failure.Error()},
		}
	}
	return []metav1.Condition{
		{Type: "ErrorOccurred", Status: metav1.ConditionFalse, Reason: "ApplicationSetUpToDate", Message: "All applications have been generated successfully"},
		{Type: "ParametersGenerated", Status: metav1.ConditionTrue, Reason: "ParametersGenerated", Message: "Successfully generated parameters for all Applications"},
		{Type: "ResourcesUpToDate", Status: metav1.ConditionTrue, Reason: "ApplicationSetUpToDate", Message: "All applications have been generated successfully"},
	}
}
