// Package step runs the steps of a reconciler and turns what they return into
// conditions, events and a requeue. Steps never write conditions themselves.
package step

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// Object is a kind whose status carries conditions.
type Object interface {
	client.Object
	GetConditions() *[]metav1.Condition
}

// Step advances one aspect of an object and owns exactly one condition on it.
type Step[S any] struct {
	// Condition is the type of the condition that the step owns.
	Condition string
	// Run does the work. Its error is one of this package's outcomes or a failure to retry.
	Run func(context.Context, S) error
	// Informational conditions are reported but do not count for Ready.
	Informational bool
}

// Pipeline runs every step on every pass, so a stuck step never starves the others.
type Pipeline[S any] struct {
	// Kind labels the metrics.
	Kind string
	// Steps in the order in which they become true.
	Steps  []Step[S]
	Clock  clock.PassiveClock
	Events events.EventRecorder
	// Resync is how long a settled object is left alone.
	Resync time.Duration
}

// Run executes the steps and records their outcomes in obj's conditions, which
// the caller persists. An outcome must be returned alone: joined with a failure,
// it would hide the failure.
func (p *Pipeline[S]) Run(ctx context.Context, obj Object, scope S) (reconcile.Result, error) {
	next := p.Resync
	var retry []error
	for _, s := range p.Steps {
		started := p.Clock.Now()
		err := s.Run(ctx, scope)
		observeDuration(p.Kind, s.Condition, p.Clock.Since(started))
		p.record(obj, outcome(s.Condition, err))

		switch sig, ok := errors.AsType[*signal](err); {
		case err == nil:
		case !ok:
			retry = append(retry, fmt.Errorf("%s: %w", s.Condition, err))
		case sig.after > 0:
			next = min(next, sig.after)
		}
	}
	p.summarize(obj)

	// Terminal steps stop at their condition. Joined with a retryable error, they
	// would make controller-runtime drop the retry as well.
	if len(retry) > 0 {
		return reconcile.Result{}, errors.Join(retry...)
	}
	return reconcile.Result{RequeueAfter: next}, nil
}

// record sets the condition of a step and announces it when it changed.
func (p *Pipeline[S]) record(obj Object, c metav1.Condition) {
	before := meta.FindStatusCondition(*obj.GetConditions(), c.Type)
	news := c.Reason != v1alpha1.ReasonBlocked && (before == nil || before.Status != c.Status || before.Reason != c.Reason)
	p.set(obj, c)
	if news {
		p.announce(obj, c)
	}
}

func (p *Pipeline[S]) announce(obj Object, c metav1.Condition) {
	kind := corev1.EventTypeNormal
	if c.Status == metav1.ConditionFalse || c.Reason == v1alpha1.ReasonRetrying ||
		c.Reason == v1alpha1.ReasonAccessDenied || c.Reason == v1alpha1.ReasonQuotaExceeded {
		kind = corev1.EventTypeWarning
	}
	p.Events.Eventf(obj, nil, kind, c.Reason, c.Type, "%s", eventNote(c))
}

func eventNote(c metav1.Condition) string {
	if c.Message == "" {
		return c.Type + " is " + string(c.Status)
	}
	return Truncate(c.Type + ": " + c.Message)
}

func (p *Pipeline[S]) set(obj Object, c metav1.Condition) {
	c.ObservedGeneration = obj.GetGeneration()
	c.LastTransitionTime = metav1.NewTime(p.Clock.Now())
	meta.SetStatusCondition(obj.GetConditions(), c)
	observeCondition(p.Kind, obj, c)
}

// summarize sets Ready and its companions from the steps' conditions. Ready is
// announced when it comes and goes; in between, the steps speak for themselves.
func (p *Pipeline[S]) summarize(obj Object) {
	ready := metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonSucceeded}
	if unmet := p.unmet(*obj.GetConditions()); unmet != nil {
		ready.Status, ready.Reason = unmet.Status, unmet.Reason
		ready.Message = Truncate(unmet.Type + ": " + unmet.Message)
	}
	wasReady := meta.IsStatusConditionTrue(*obj.GetConditions(), v1alpha1.ConditionReady)
	p.set(obj, ready)
	if wasReady != (ready.Status == metav1.ConditionTrue) {
		p.announce(obj, ready)
	}
	p.setWhile(obj, ready.Status == metav1.ConditionFalse, v1alpha1.ConditionStalled, ready)
	p.setWhile(obj, ready.Status == metav1.ConditionUnknown, v1alpha1.ConditionReconciling, ready)
}

// Stage reports that an object is being taken down: the stage in Deleting and in Ready,
// and what it waits for. Each stage is announced once, and so is that it is stuck.
func (p *Pipeline[S]) Stage(obj Object, reason, message string, stuck bool) {
	p.record(obj, metav1.Condition{Type: v1alpha1.ConditionDeleting, Status: metav1.ConditionTrue, Reason: reason, Message: Truncate(message)})
	ready := metav1.Condition{Type: v1alpha1.ConditionReady, Status: metav1.ConditionUnknown, Reason: reason, Message: Truncate(message)}
	stalled := metav1.Condition{Type: v1alpha1.ConditionStalled, Status: metav1.ConditionTrue, Reason: v1alpha1.ReasonStuck, Message: Truncate(message)}
	if stuck {
		ready.Status = metav1.ConditionFalse
		if !meta.IsStatusConditionTrue(*obj.GetConditions(), v1alpha1.ConditionStalled) {
			p.Events.Eventf(obj, nil, corev1.EventTypeWarning, v1alpha1.ReasonStuck, reason, "%s", eventNote(stalled))
		}
	}
	p.set(obj, ready)
	p.setWhile(obj, stuck, v1alpha1.ConditionStalled, stalled)
	p.setWhile(obj, !stuck, v1alpha1.ConditionReconciling, ready)
}

// setWhile keeps a condition that is present only while it is true.
func (p *Pipeline[S]) setWhile(obj Object, holds bool, conditionType string, because metav1.Condition) {
	if !holds {
		meta.RemoveStatusCondition(obj.GetConditions(), conditionType)
		forgetCondition(p.Kind, obj, conditionType)
		return
	}
	p.set(obj, metav1.Condition{
		Type: conditionType, Status: metav1.ConditionTrue, Reason: because.Reason, Message: because.Message,
	})
}

// unmet returns the step that stands for all that are not True: the first that is
// False, else the first that is not merely blocked by another.
func (p *Pipeline[S]) unmet(conditions []metav1.Condition) *metav1.Condition {
	var waiting, blocked *metav1.Condition
	for _, s := range p.Steps {
		c := meta.FindStatusCondition(conditions, s.Condition)
		switch {
		case s.Informational || c.Status == metav1.ConditionTrue:
		case c.Status == metav1.ConditionFalse:
			return c
		case c.Reason == v1alpha1.ReasonBlocked && blocked == nil:
			blocked = c
		case c.Reason != v1alpha1.ReasonBlocked && waiting == nil:
			waiting = c
		}
	}
	if waiting != nil {
		return waiting
	}
	return blocked
}
