package argocd

import (
	"errors"
	"time"
)

// HoldAnnotation on an Application keeps it in one of the moments that make its status hard to read,
// from when it next gets there until the annotation is gone or names another one.
const HoldAnnotation = "simulator.portolan.dev/hold"

// Moments in which an Application can be held.
const (
	// HoldBeforeComparison shows the status of the spec before.
	HoldBeforeComparison = "before-comparison"
	// HoldAfterOperation has synced the spec, and still shows what was compared before that.
	HoldAfterOperation = "after-operation"
	// HoldBetweenRetries is Running with a finishing time: the next attempt is to come.
	HoldBetweenRetries = "between-retries"
	// HoldRunningLeftover is Synced and Healthy, and Running with a finishing time though no operation is
	// left (argo-cd #23765).
	HoldRunningLeftover = "running-leftover"
	// HoldSucceededLeftover is Synced and Healthy, and Succeeded without a finishing time (argo-cd #29636).
	HoldSucceededLeftover = "succeeded-leftover"
	// HoldRefresh is Synced and Healthy, and compares nothing anew, not even when it is asked to.
	HoldRefresh = "refresh"
)

var errHeld = errors.New("held by the simulator")

func (a *application) held(moment string) bool {
	return a.object.GetAnnotations()[HoldAnnotation] == moment
}

// stays tells whether an Application that is not being operated on is to be left as it is.
func (a *application) stays() bool {
	_, asked := a.object.GetAnnotations()[refreshAnnotation]
	switch {
	case a.held(HoldBeforeComparison):
		return !a.compared()
	case a.held(HoldAfterOperation):
		return a.Operation == nil && a.attempted() && a.Status.OperationState.Phase == succeeded && a.Status.Sync.Status == outOfSync
	case a.held(HoldRefresh):
		return asked
	}
	return false
}

// betweenRetries gives up an attempt before it is made.
func (r *applications) betweenRetries(app *application) time.Duration {
	if app.Status.OperationState.FinishedAt == nil {
		r.conclude(app, errHeld)
	}
	return resync
}

// leaveOver makes an operation that has ended look as some bugs leave it, or as it should.
func (a *application) leaveOver(now time.Time) {
	state := a.Status.OperationState
	if a.Operation != nil || state == nil || state.Phase == failed {
		return
	}
	done := a.attempted() && a.Status.Sync.Status == synced
	switch {
	case done && a.held(HoldRunningLeftover):
		state.Phase = running
	case done && a.held(HoldSucceededLeftover):
		state.FinishedAt = nil
	case state.Phase == running || state.FinishedAt == nil:
		state.Phase, state.FinishedAt = succeeded, timestamp(now)
	}
}
