package ack

import (
	"strings"
	"testing"
	"time"

	ackv1alpha1 "github.com/aws-controllers-k8s/runtime/apis/core/v1alpha1"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

const (
	isSynced      = ackv1alpha1.ConditionTypeResourceSynced
	isTerminal    = ackv1alpha1.ConditionTypeTerminal
	isRecoverable = ackv1alpha1.ConditionTypeRecoverable
)

// applied is when the tests' specs were applied.
var applied = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

type conditions = []*ackv1alpha1.Condition

// says is a condition of ACK; generated code of ACK leaves out the time.
func says(conditionType ackv1alpha1.ConditionType, status corev1.ConditionStatus, message string) *ackv1alpha1.Condition {
	c := &ackv1alpha1.Condition{Type: conditionType, Status: status}
	if message != "" {
		c.Message = &message
	}
	return c
}

func at(moment time.Time, c *ackv1alpha1.Condition) *ackv1alpha1.Condition {
	c.LastTransitionTime = &metav1.Time{Time: moment}
	return c
}

func because(reason string, c *ackv1alpha1.Condition) *ackv1alpha1.Condition {
	c.Reason = &reason
	return c
}

func TestSynced(t *testing.T) {
	for name, tc := range map[string]struct {
		conditions   conditions
		wantDone     bool
		wantReason   string
		wantMessage  string
		wantTerminal bool
	}{
		"nothing said yet": {
			wantReason: v1alpha1.ReasonCreating, wantMessage: "VPC x",
		},
		"conditions, but none about syncing": {
			conditions: conditions{says(ackv1alpha1.ConditionTypeReferencesResolved, "True", "")},
			wantReason: v1alpha1.ReasonCreating, wantMessage: "VPC x",
		},
		"synced after the apply": {
			conditions: conditions{at(applied.Add(time.Second), says(isSynced, "True", ""))}, wantDone: true,
		},
		"synced in the second of the apply": {
			conditions: conditions{at(applied, says(isSynced, "True", ""))}, wantDone: true,
		},
		"synced, at no known time": {
			conditions: conditions{says(isSynced, "True", "")}, wantDone: true,
		},
		"synced before the apply, so about the spec before": {
			conditions: conditions{at(applied.Add(-time.Second), says(isSynced, "True", ""))},
			wantReason: v1alpha1.ReasonSyncing, wantMessage: "VPC x",
		},
		"synced since, by a clock that is behind ours": {
			conditions: conditions{at(applied.Add(-500*time.Millisecond), says(isSynced, "True", ""))}, wantDone: true,
		},
		"refused, but the spec before": {
			conditions: conditions{at(applied.Add(-time.Second), says(isSynced, "False", "")), says(isTerminal, "True", "bad block")},
			wantReason: v1alpha1.ReasonSyncing, wantMessage: "VPC x",
		},
		"not synced": {
			conditions: conditions{at(applied.Add(time.Second), says(isSynced, "False", "Resource not synced"))},
			wantReason: v1alpha1.ReasonSyncing, wantMessage: "VPC x",
		},
		"it cannot be told": {
			conditions: conditions{at(applied, says(isSynced, "Unknown", ""))},
			wantReason: v1alpha1.ReasonSyncing, wantMessage: "VPC x",
		},
		"refused": {
			conditions: conditions{says(isSynced, "False", ""), says(isTerminal, "True", "InvalidParameter: bad block")},
			wantReason: v1alpha1.ReasonRejectedByAWS, wantMessage: "VPC x: InvalidParameter: bad block", wantTerminal: true,
		},
		"refused, with the remedy in the reason": {
			conditions: conditions{because("adopt it", says(isTerminal, "True", "Resource already exists"))},
			wantReason: v1alpha1.ReasonRejectedByAWS, wantMessage: "VPC x: Resource already exists: adopt it", wantTerminal: true,
		},
		"refused earlier": {
			conditions: conditions{says(isTerminal, "False", "bad block"), says(isSynced, "True", "")}, wantDone: true,
		},
		"retrying": {
			conditions: conditions{says(isSynced, "False", ""), says(isRecoverable, "True", "VpcLimitExceeded: too many")},
			wantReason: v1alpha1.ReasonRetryingInAWS, wantMessage: "VPC x: VpcLimitExceeded: too many",
		},
		"retrying, with ACK's word for it as the reason": {
			conditions: conditions{because("ACK.Recoverable", says(isRecoverable, "True", "too many"))},
			wantReason: v1alpha1.ReasonRetryingInAWS, wantMessage: "VPC x: too many",
		},
		"synced again after a retry": {
			conditions: conditions{says(isSynced, "True", ""), says(isRecoverable, "True", "throttled")}, wantDone: true,
		},
		"waiting for what it creates is no error": {
			conditions: conditions{says(isSynced, "False", ""), says(isRecoverable, "True", "resource is pending")},
			wantReason: v1alpha1.ReasonSyncing, wantMessage: "VPC x",
		},
		"waiting for a reference is no error": {
			conditions: conditions{says(isRecoverable, "True", "the referenced resource is not synced yet. resource:VPC, name: x")},
			wantReason: v1alpha1.ReasonCreating, wantMessage: "VPC x",
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			err := synced("VPC x", tc.conditions, record{at: applied, syncedBefore: applied.Add(-time.Second)})
			if tc.wantDone {
				g.Expect(err).NotTo(HaveOccurred())
				return
			}
			g.Expect(err).To(MatchError(tc.wantMessage))
			g.Expect(step.ReasonOf(err)).To(Equal(tc.wantReason))
			g.Expect(step.IsTerminal(err)).To(Equal(tc.wantTerminal))
			g.Expect(step.IsWaiting(err)).To(Equal(!tc.wantTerminal))
		})
	}
}

func TestConflicts(t *testing.T) {
	for name, tc := range map[string]struct {
		conditions conditions
		want       bool
	}{
		"nothing said":           {nil, false},
		"AWS has the name":       {refusedAsExisting(), true},
		"no longer":              {conditions{says(isTerminal, "False", "Resource already exists")}, false},
		"another account has it": {conditions{says(isTerminal, "True", "Resource already exists in account 222222222222, but")}, false},
		"something else":         {conditions{says(isTerminal, "True", "bad block")}, false},
		"no message":             {conditions{says(isTerminal, "True", "")}, false},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(conflicts(tc.conditions)).To(Equal(tc.want))
		})
	}
}

func TestWithoutRequestID(t *testing.T) {
	for name, tc := range map[string]struct{ message, want string }{
		"none":    {"InvalidParameter: bad block", "InvalidParameter: bad block"},
		"empty":   {"", ""},
		"of AWS":  {"operation error EC2: CreateVpc, https response error StatusCode: 400, RequestID: 0f-1a, api error VpcLimitExceeded: too many", "operation error EC2: CreateVpc, https response error StatusCode: 400, api error VpcLimitExceeded: too many"},
		"the end": {"StatusCode: 400, RequestID: 0f-1a", "StatusCode: 400, "},
		"two": {
			"StatusCode: 400, RequestID: 0f-1a, api error A; StatusCode: 500, RequestID: 9c-7e, api error B",
			"StatusCode: 400, api error A; StatusCode: 500, api error B",
		},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(withoutRequestID(tc.message)).To(Equal(tc.want))
		})
	}
}

func FuzzWithoutRequestID(f *testing.F) {
	f.Add("StatusCode: 400, ", "0f-1a", ", api error X")
	f.Add("", "", "")
	f.Add("RequestID: a", "b", ", RequestID: c")
	f.Fuzz(func(t *testing.T, before, id, after string) {
		if strings.Contains(id, ", ") || strings.Contains(id, "RequestID: ") {
			t.Skip("no request ID")
		}
		message := before + "RequestID: " + id + ", " + after
		first := withoutRequestID(message)
		if again := withoutRequestID(before + "RequestID: another" + ", " + after); first != again {
			t.Errorf("%q becomes %q with one ID and %q with another", message, first, again)
		}
	})
}

func TestContains(t *testing.T) {
	type object = map[string]any
	type list = []any
	for name, tc := range map[string]struct {
		have, want any
		wantHolds  bool
	}{
		"equal values":                       {"a", "a", true},
		"other values":                       {"a", "b", false},
		"other types":                        {int64(1), "1", false},
		"fields that we do not own":          {object{"a": "x", "late": "y"}, object{"a": "x"}, true},
		"a field that is missing":            {object{}, object{"a": "x"}, false},
		"a field that changed":               {object{"a": "y"}, object{"a": "x"}, false},
		"nested":                             {object{"a": object{"b": "x", "late": true}}, object{"a": object{"b": "x"}}, true},
		"nested and changed":                 {object{"a": object{"b": "y"}}, object{"a": object{"b": "x"}}, false},
		"no object where there should be":    {object{"a": "x"}, object{"a": object{"b": "x"}}, false},
		"nothing where there should be one":  {nil, object{"b": "x"}, false},
		"equal lists":                        {list{"a", "b"}, list{"a", "b"}, true},
		"a list in another order":            {list{"b", "a"}, list{"a", "b"}, false},
		"a longer list":                      {list{"a", "b"}, list{"a"}, false},
		"a shorter list":                     {list{"a"}, list{"a", "b"}, false},
		"no list where there should be one":  {"a", list{"a"}, false},
		"late fields within a list":          {list{object{"a": "x", "late": "y"}}, list{object{"a": "x"}}, true},
		"a changed field within a list":      {list{object{"a": "y"}}, list{object{"a": "x"}}, false},
		"nothing wanted of an object":        {object{"late": "y"}, object{}, true},
		"nothing wanted of what is not here": {object{}, object{"a": nil}, true},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(contains(tc.have, tc.want)).To(Equal(tc.wantHolds))
		})
	}
}

func TestConditionsAreFoundInEveryKind(t *testing.T) {
	for _, kind := range Kinds() {
		gvk := describeForTest(t, kind)
		t.Run(gvk, func(t *testing.T) {
			g := NewWithT(t)
			obj := withConditions(t, kind, conditions{says(isTerminal, "True", "no")})
			found, err := conditionsOf(obj)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(found).To(HaveLen(1))
			g.Expect(ptr.Deref(found[0].Message, "")).To(Equal("no"))
		})
	}
}
