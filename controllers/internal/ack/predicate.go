package ack

import (
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/event"
	"sigs.k8s.io/controller-runtime/pkg/predicate"
)

// Substantial lets an update of an ACK object through only when more changed than the
// bookkeeping that ACK renews on every reconcile: the transition times of conditions.
func Substantial() predicate.Predicate {
	return predicate.Funcs{UpdateFunc: func(e event.UpdateEvent) bool {
		return !equality.Semantic.DeepEqual(substance(e.ObjectOld), substance(e.ObjectNew))
	}}
}

// substance returns an object without its bookkeeping. Of a condition's time it keeps
// whether ACK has looked at the newest spec, which may be all that a sync changes.
func substance(obj client.Object) map[string]any {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		return map[string]any{"unreadable": err.Error()}
	}
	for _, field := range []string{"resourceVersion", "managedFields"} {
		unstructured.RemoveNestedField(content, "metadata", field)
	}
	unstructured.RemoveNestedField(content, "status", "conditions")
	conditions, err := conditionsOf(obj)
	if err != nil {
		return map[string]any{"unreadable": err.Error()}
	}
	last := lastApply(obj)
	for _, c := range conditions {
		content[string(c.Type)] = []any{c.Status, c.Message, c.Reason, last.predates(c)}
	}
	return content
}
