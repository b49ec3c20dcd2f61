package ack_test

import (
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gcustom"
	"github.com/onsi/gomega/types"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// haveCondition matches a custom resource by one of its conditions.
func haveCondition(of, status string, message any) types.GomegaMatcher {
	return WithTransform(func(cr *unstructured.Unstructured) map[string]any { return conditionOf(cr, of) },
		And(HaveKeyWithValue("status", status), HaveKeyWithValue("message", message)))
}

// lackCondition matches a custom resource without such a condition.
func lackCondition(of string) types.GomegaMatcher {
	return WithTransform(func(cr *unstructured.Unstructured) map[string]any { return conditionOf(cr, of) }, BeNil())
}

func conditionOf(cr *unstructured.Unstructured, of string) map[string]any {
	list, _, _ := unstructured.NestedSlice(cr.Object, "status", "conditions")
	for _, item := range list {
		if entry, ok := item.(map[string]any); ok && entry["type"] == of {
			return entry
		}
	}
	return nil
}

// haveField matches a custom resource by the value at path.
func haveField(want any, path ...string) types.GomegaMatcher {
	return gcustom.MakeMatcher(func(cr *unstructured.Unstructured) (bool, error) {
		value, _, err := unstructured.NestedFieldNoCopy(cr.Object, path...)
		if err != nil {
			return false, err
		}
		matcher, ok := want.(types.GomegaMatcher)
		if !ok {
			matcher = Equal(want)
		}
		return matcher.Match(value)
	}).WithTemplate("Expected {{.To}} have {{format .Data}} in\n{{.FormattedActual}}", append(path, "="))
}

// haveACKField is haveField for fields that only the real CRDs have.
func haveACKField(want any, path ...string) types.GomegaMatcher {
	if !complete {
		return Not(BeNil())
	}
	return haveField(want, path...)
}

func text(cr *unstructured.Unstructured, path ...string) string {
	value, _, _ := unstructured.NestedString(cr.Object, path...)
	return value
}
