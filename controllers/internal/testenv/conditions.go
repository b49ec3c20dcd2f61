package testenv

import (
	"fmt"
	"strings"

	"github.com/onsi/gomega/gcustom"
	"github.com/onsi/gomega/types"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// HaveCondition matches an object that has the condition with the status and the
// reason (an empty one matches any), and with all the given parts in its message.
func HaveCondition(conditionType string, status metav1.ConditionStatus, reason string, inMessage ...string) types.GomegaMatcher {
	want := fmt.Sprintf("%s=%s (%s)", conditionType, status, reason)
	if len(inMessage) > 0 {
		want += fmt.Sprintf(" with %q in its message", inMessage)
	}
	return gcustom.MakeMatcher(func(obj step.Object) (bool, error) {
		c := meta.FindStatusCondition(*obj.GetConditions(), conditionType)
		if c == nil || c.Status != status || reason != "" && c.Reason != reason {
			return false, nil
		}
		for _, part := range inMessage {
			if !strings.Contains(c.Message, part) {
				return false, nil
			}
		}
		return true, nil
	}).WithTemplate("Expected {{.To}} have {{.Data}}, but the conditions are\n{{range .Actual.GetConditions}}  {{.Type}}={{.Status}} ({{.Reason}}) {{.Message}}\n{{end}}", want)
}

// HaveNoCondition matches an object that lacks the condition.
func HaveNoCondition(conditionType string) types.GomegaMatcher {
	return gcustom.MakeMatcher(func(obj step.Object) (bool, error) {
		return meta.FindStatusCondition(*obj.GetConditions(), conditionType) == nil, nil
	}).WithTemplate("Expected {{.To}} lack the condition {{.Data}}", conditionType)
}
