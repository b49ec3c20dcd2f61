package ack

import (
	"errors"
	"time"

	ackv1alpha1 "github.com/aws-controllers-k8s/runtime/apis/core/v1alpha1"
	corev1 "k8s.io/api/core/v1"
)

// Messages of the ACK runtime.
const (
	syncedMessage        = "Resource synced successfully"
	notSyncedMessage     = "Resource not synced"
	unknownSyncedMessage = "Unable to determine if desired resource state matches latest observed state"
	initialisedMessage   = "Late initialization successful"
	notManagedMessage    = "Resource already exists"
	notManagedReason     = "This resource already exists but is not managed by ACK. " +
		"To bring the resource under ACK management, you should explicitly adopt the resource."
)

// conditions are rebuilt at every pass, with new transition times, because ACK
// does so: whoever watches them has to cope with the noise.
func (o outcome) conditions(now time.Time) []any {
	var list []any
	if o.adopted {
		list = append(list, stamped(ackv1alpha1.ConditionTypeAdopted, corev1.ConditionTrue, "", "", now))
	}
	if o.terminal != "" {
		list = append(list, condition(ackv1alpha1.ConditionTypeTerminal, corev1.ConditionTrue, o.terminal, o.terminalReason))
	}
	if o.recoverable != "" {
		list = append(list, condition(ackv1alpha1.ConditionTypeRecoverable, corev1.ConditionTrue, o.recoverable, ""))
	}
	if o.initialised {
		list = append(list, stamped(ackv1alpha1.ConditionTypeLateInitialized, corev1.ConditionTrue, initialisedMessage, "", now))
	}
	status, message, reason := o.synced()
	list = append(list, stamped(ackv1alpha1.ConditionTypeResourceSynced, status, message, reason, now))
	status, message, reason = o.ready()
	return append(list, stamped(ackv1alpha1.ConditionTypeReady, status, message, reason, now))
}

func (o outcome) synced() (status corev1.ConditionStatus, message, reason string) {
	switch {
	case o.terminal != "":
		return corev1.ConditionFalse, notSyncedMessage, "resource is in terminal condition"
	case o.err != nil:
		return corev1.ConditionUnknown, unknownSyncedMessage, o.err.Error()
	case o.pending != "":
		return corev1.ConditionFalse, o.pending, ""
	default:
		return corev1.ConditionTrue, syncedMessage, ""
	}
}

func (o outcome) ready() (status corev1.ConditionStatus, message, reason string) {
	switch {
	case o.terminal != "":
		return corev1.ConditionFalse, o.terminal, string(ackv1alpha1.ConditionTypeTerminal)
	case o.recoverable != "":
		return corev1.ConditionFalse, o.recoverable, string(ackv1alpha1.ConditionTypeRecoverable)
	default:
		return o.synced()
	}
}

// recoverableText is what ACK reports of an error that it will retry: AWS's answers only.
func recoverableText(err error) string {
	if call, ok := errors.AsType[*callError](err); ok {
		return call.brief()
	}
	return ""
}

// withRecoverable replaces the Recoverable condition and leaves the others as they were.
func withRecoverable(list []any, message string) []any {
	kept := make([]any, 0, len(list)+1)
	for _, item := range list {
		if entry, ok := item.(map[string]any); ok && entry["type"] == string(ackv1alpha1.ConditionTypeRecoverable) {
			continue
		}
		kept = append(kept, item)
	}
	return append(kept, condition(ackv1alpha1.ConditionTypeRecoverable, corev1.ConditionTrue, message, ""))
}

func condition(of ackv1alpha1.ConditionType, status corev1.ConditionStatus, message, reason string) map[string]any {
	entry := map[string]any{"type": string(of), "status": string(status)}
	if message != "" {
		entry["message"] = message
	}
	if reason != "" {
		entry["reason"] = reason
	}
	return entry
}

// stamped is a condition with a transition time, which Terminal and Recoverable lack.
func stamped(of ackv1alpha1.ConditionType, status corev1.ConditionStatus, message, reason string, now time.Time) map[string]any {
	entry := condition(of, status, message, reason)
	entry["lastTransitionTime"] = now.UTC().Format(time.RFC3339)
	return entry
}
