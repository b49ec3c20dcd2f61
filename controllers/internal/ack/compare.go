package ack

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// contentOf returns what an object says, without what only the server says.
func contentOf(obj client.Object) (map[string]any, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		return nil, fmt.Errorf("converting %T: %w", obj, err)
	}
	delete(content, "status")
	unstructured.RemoveNestedField(content, "metadata", "creationTimestamp")
	return content, nil
}

// differences returns the paths of the fields of want that are not in have, sorted. What
// is a list differs as a whole, and so does an object that is not there at all.
func differences(path string, have, want any) []string {
	wanted, isObject := want.(map[string]any)
	found, both := have.(map[string]any)
	if !isObject || !both {
		if contains(have, want) {
			return nil
		}
		return []string{path}
	}
	var paths []string
	for _, field := range slices.Sorted(maps.Keys(wanted)) {
		paths = append(paths, differences(path+"."+field, found[field], wanted[field])...)
	}
	return paths
}

// contains tells whether every field of want is in have. Lists are ACK's atomic
// unit, so they have to be equal element by element.
func contains(have, want any) bool {
	switch want := want.(type) {
	case map[string]any:
		have, ok := have.(map[string]any)
		if !ok {
			return false
		}
		for k, v := range want {
			if !contains(have[k], v) {
				return false
			}
		}
		return true
	case []any:
		have, ok := have.([]any)
		if !ok || len(have) != len(want) {
			return false
		}
		for i := range want {
			if !contains(have[i], want[i]) {
				return false
			}
		}
		return true
	default:
		return reflect.DeepEqual(have, want)
	}
}
