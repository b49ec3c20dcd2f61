// Package ack applies objects of AWS Controllers for Kubernetes and explains what
// their conditions mean. Its sub-packages are views of the kinds.
package ack

import (
	"fmt"
	"strings"

	ackv1alpha1 "github.com/aws-controllers-k8s/runtime/apis/core/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// AnnotationRegion steers a resource into an AWS region. It is on every object
// from its creation: the controller's and the namespace's default can race.
const AnnotationRegion = ackv1alpha1.AnnotationRegion

// synced explains what ACK's conditions mean for the object's owner.
//
// ACK's conditions carry no observedGeneration, so they describe the previous spec
// until ACK has looked at the new one. They count only when Synced, which ACK renews
// on every reconcile, does not predate the last change of the spec.
func synced(name string, conditions []*ackv1alpha1.Condition, last record) error {
	if last.predatesAll(conditions) {
		return step.Wait(v1alpha1.ReasonSyncing, "%s", name)
	}
	if t := find(conditions, ackv1alpha1.ConditionTypeTerminal); isTrue(t) {
		return step.Terminal(v1alpha1.ReasonRejectedByAWS, "%s: %s", name, textOf(t))
	}
	c := find(conditions, ackv1alpha1.ConditionTypeResourceSynced)
	if isTrue(c) {
		return nil
	}
	if r := find(conditions, ackv1alpha1.ConditionTypeRecoverable); isTrue(r) && !benign(textOf(r)) {
		return step.Wait(v1alpha1.ReasonRetryingInAWS, "%s: %s", name, textOf(r))
	}
	if c == nil {
		return step.Wait(v1alpha1.ReasonCreating, "%s", name)
	}
	return step.Wait(v1alpha1.ReasonSyncing, "%s", name)
}

// benignMessages are what ACK reports as recoverable while all is well.
var benignMessages = []string{
	"resource is pending", "requeuing", "Reconciling to sync additional fields",
	"has started asynchronously", "cannot be modified until", "is not synced yet",
}

func benign(message string) bool {
	for _, m := range benignMessages {
		if strings.Contains(message, m) {
			return true
		}
	}
	return false
}

// notManaged is what ACK says, word for word, of an object whose name AWS has already
// (NotManagedMessage of its runtime). What else begins like that is about another
// region or account.
const notManaged = "Resource already exists"

// conflicts tells whether ACK refuses an object because AWS has its name already.
func conflicts(conditions []*ackv1alpha1.Condition) bool {
	t := find(conditions, ackv1alpha1.ConditionTypeTerminal)
	return isTrue(t) && ptr.Deref(t.Message, "") == notManaged
}

func find(conditions []*ackv1alpha1.Condition, conditionType ackv1alpha1.ConditionType) *ackv1alpha1.Condition {
	for _, c := range conditions {
		if c.Type == conditionType {
			return c
		}
	}
	return nil
}

func isTrue(c *ackv1alpha1.Condition) bool {
	return c != nil && c.Status == corev1.ConditionTrue
}

// textOf joins message and reason: ACK puts the remedy of some errors in the reason.
// The request IDs in AWS's messages would differ on every retry.
func textOf(c *ackv1alpha1.Condition) string {
	var parts []string
	for _, p := range []*string{c.Message, c.Reason} {
		if p != nil && *p != "" && !strings.HasPrefix(*p, "ACK.") {
			parts = append(parts, withoutRequestID(*p))
		}
	}
	return strings.Join(parts, ": ")
}

const requestID = "RequestID: "

func withoutRequestID(message string) string {
	first, rest, _ := strings.Cut(message, requestID)
	var kept strings.Builder
	kept.WriteString(first)
	for part := range strings.SplitSeq(rest, requestID) {
		_, after, _ := strings.Cut(part, ", ")
		kept.WriteString(after)
	}
	return kept.String()
}

// report is what the status of every kind has in common.
type report struct {
	ACKResourceMetadata *ackv1alpha1.ResourceMetadata `json:"ackResourceMetadata"`
	Conditions          []*ackv1alpha1.Condition      `json:"conditions"`
	// Status is the state of EKS's kinds, in EKS's words.
	Status *string `json:"status"`
}

func reportOf(obj client.Object) (report, error) {
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(obj)
	if err != nil {
		return report{}, fmt.Errorf("converting %T: %w", obj, err)
	}
	var view struct {
		Status report `json:"status"`
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(content, &view); err != nil {
		return report{}, fmt.Errorf("reading the status of %T: %w", obj, err)
	}
	return view.Status, nil
}

// conditionsOf reads status.conditions of any kind of ACK.
func conditionsOf(obj client.Object) ([]*ackv1alpha1.Condition, error) {
	r, err := reportOf(obj)
	return r.Conditions, err
}

// account is the AWS account that ACK acted in, or "" while it does not say.
func (r report) account() string {
	if r.ACKResourceMetadata == nil {
		return ""
	}
	return string(ptr.Deref(r.ACKResourceMetadata.OwnerAccountID, ""))
}
