package step

import (
	"errors"
	"fmt"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// signal is an outcome that is not a failure to retry.
type signal struct {
	reason   string
	after    time.Duration
	terminal bool
	done     bool
	err      error
}

func (s *signal) Error() string { return s.err.Error() }
func (s *signal) Unwrap() error { return s.err }

// Wait reports that all is well and a watch will wake the object.
func Wait(reason, format string, args ...any) error {
	return &signal{reason: reason, err: fmt.Errorf(format, args...)}
}

// Poll is Wait for things that cannot be watched.
func Poll(after time.Duration, reason, format string, args ...any) error {
	return &signal{reason: reason, after: after, err: fmt.Errorf(format, args...)}
}

// Blocked reports that another step has to finish first.
func Blocked(on string) error {
	return Wait(v1alpha1.ReasonBlocked, "waiting for %s", on)
}

// Terminal reports that only a change to a spec can help. Missing permissions
// and exhausted quotas are not terminal: they are fixed elsewhere.
func Terminal(reason, format string, args ...any) error {
	return &signal{reason: reason, terminal: true, err: fmt.Errorf(format, args...)}
}

// Stuck is Terminal for what somebody may put right elsewhere, so that it is looked at
// again after the given time.
func Stuck(after time.Duration, reason, format string, args ...any) error {
	return &signal{reason: reason, after: after, terminal: true, err: fmt.Errorf(format, args...)}
}

// NotRequired reports that the spec asks for nothing that this step provides.
func NotRequired(format string, args ...any) error {
	return &signal{reason: v1alpha1.ReasonNotRequired, done: true, err: fmt.Errorf(format, args...)}
}

// DoneUntil reports that all is done for now and has to be looked at again after
// the given time, because nothing will announce a change.
func DoneUntil(after time.Duration) error {
	return &signal{reason: v1alpha1.ReasonSucceeded, after: after, done: true, err: errors.New("")}
}

// Within reports what err does, to be looked at again after the given time at the latest: something
// else is due then. A failure is retried at its own pace.
func Within(after time.Duration, err error) error {
	sig, ok := errors.AsType[*signal](err)
	if !ok || sig.after > 0 && sig.after <= after {
		return err
	}
	sooner := *sig
	sooner.after, sooner.err = after, err
	return &sooner
}

// IsTerminal tells whether err came from Terminal or Stuck.
func IsTerminal(err error) bool {
	sig, ok := errors.AsType[*signal](err)
	return ok && sig.terminal
}

// IsWaiting tells whether err came from Wait, Poll or Blocked.
func IsWaiting(err error) bool {
	sig, ok := errors.AsType[*signal](err)
	return ok && !sig.terminal && !sig.done
}

// IsDone tells whether err came from NotRequired or DoneUntil.
func IsDone(err error) bool {
	sig, ok := errors.AsType[*signal](err)
	return ok && sig.done
}

// ReasonOf returns the reason that err carries: Succeeded for nil, Retrying for a failure.
func ReasonOf(err error) string {
	return outcome("", err).Reason
}

// PollAfter returns when err asks to be looked at again, or zero.
func PollAfter(err error) time.Duration {
	if sig, ok := errors.AsType[*signal](err); ok {
		return sig.after
	}
	return 0
}

// maxMessage keeps conditions readable and far below the API's limit of 32 KiB. It is
// the API's limit of an event's note.
const maxMessage = 1024

func outcome(conditionType string, err error) metav1.Condition {
	c := metav1.Condition{Type: conditionType, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonSucceeded}
	if err == nil {
		return c
	}
	c.Message = Truncate(err.Error())
	sig, ok := errors.AsType[*signal](err)
	switch {
	case !ok:
		c.Status, c.Reason = metav1.ConditionUnknown, v1alpha1.ReasonRetrying
	case sig.done:
		c.Reason = sig.reason
	case sig.terminal:
		c.Status, c.Reason = metav1.ConditionFalse, sig.reason
	default:
		c.Status, c.Reason = metav1.ConditionUnknown, sig.reason
	}
	return c
}

// Truncate shortens a message to what conditions hold. It never leaves half a character: the API server would store another text
// than was written, so that every pass would write it again.
func Truncate(message string) string {
	if len(message) <= maxMessage {
		return message
	}
	return strings.ToValidUTF8(message[:maxMessage-len("…")], "") + "…"
}
