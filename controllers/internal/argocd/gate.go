package argocd

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Verdict is what the gate says of one Application.
//
// +kubebuilder:object:generate=false
type Verdict struct {
	// Healthy is true when the Application is deployed and healthy at the revision.
	Healthy bool
	// Class says what kind of thing is missing, empty when healthy.
	Class Class
	// Reason is one word for what is missing, empty when healthy.
	Reason string
	// Message adds what Argo CD says, if anything.
	Message string
	// Since is when the health or the error that it speaks of began, as far as Argo CD tells.
	Since time.Time
}

// Class of a verdict: what may come of it.
type Class string

// Classes of verdicts.
const (
	// Pending passes by itself.
	Pending Class = "Pending"
	// Stale passes when Argo CD compares once more.
	Stale Class = "Stale"
	// Blocked needs somebody.
	Blocked Class = "Blocked"
	// Failed is a sync of this revision that failed.
	Failed Class = "Failed"
	// Degraded is an application that runs badly at this revision.
	Degraded Class = "Degraded"
	// Unreachable says nothing of the application: Argo CD does not get through to its cluster.
	Unreachable Class = "Unreachable"
)

func (v Verdict) String() string {
	if v.Message == "" {
		return v.Reason
	}
	return v.Reason + ": " + v.Message
}

// Evaluate tells whether an Application is healthy at a revision. Synced and
// Healthy are not enough: sync.revision is filled in before anything is rendered,
// health ignores what cannot be rendered, and both lag behind a finished operation.
// Each check closes one of those holes. What it cannot see in one look is whether the
// comparison knew the newest spec: Confirmed tells.
func Evaluate(a *Application, revision string) Verdict {
	for _, check := range []func(*Application, string) *Verdict{
		seen, unambiguous, specUpdated, comparisonWorked, operationSettled, compared, healthy,
	} {
		if v := check(a, revision); v != nil {
			return *v
		}
	}
	return Verdict{Healthy: true, Since: a.Status.Health.since()}
}

// Reasons that an ApplicationSet may be the cause of.
const (
	reasonApplicationMissing = "ApplicationMissing"
	reasonSpecNotUpdated     = "SpecNotUpdated"
)

const reasonAmbiguousApplication = "AmbiguousApplication"

func missing(class Class, reason, format string, args ...any) *Verdict {
	return &Verdict{Class: class, Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// unseen is why nothing is known of an Application; the zero value is for those that are seen.
//
// +kubebuilder:object:generate=false
type unseen struct{ reason, message string }

// Seen tells whether the Application is what its Argo CD has now: if not, nothing is known of it.
func (a *Application) Seen() bool { return a == nil || a.unseen == (unseen{}) }

func seen(a *Application, _ string) *Verdict {
	if a.Seen() {
		return nil
	}
	return missing(Unreachable, a.unseen.reason, "%s", a.unseen.message)
}

// unambiguous refuses to choose: a leftover would pass for the one that counts, or fail for it.
func unambiguous(a *Application, _ string) *Verdict {
	if a == nil || len(a.namesakes) == 0 {
		return nil
	}
	return missing(Blocked, reasonAmbiguousApplication, "%s have the same three labels: delete all but one", strings.Join(a.namesakes, ", "))
}

func specUpdated(a *Application, revision string) *Verdict {
	switch {
	case a == nil:
		return missing(Pending, reasonApplicationMissing,
			"no Application carries the labels portolan.dev/application, portolan.dev/region and portolan.dev/environment: see docs/argocd.md")
	case !a.DeletionTimestamp.IsZero():
		return missing(Pending, "ApplicationTerminating", "")
	case a.Spec.SourceHydrator != nil:
		return missing(Blocked, "HydratorNotSupported", "the Application syncs hydrated revisions")
	case !slices.Contains(targets(a.sources()), revision):
		return missing(Pending, reasonSpecNotUpdated, "the ApplicationSet has not rendered %.7s", revision)
	}
	return nil
}

func operationSettled(a *Application, revision string) *Verdict {
	if a.Operation != nil {
		return missing(Pending, "OperationRequested", "")
	}
	op := a.Status.OperationState
	if op == nil {
		return nil
	}
	switch op.Phase {
	case "Running", "Terminating": // also with finishedAt set: it waits for a retry
		return missing(Pending, "OperationRunning", "")
	case "Failed", "Error":
		if op.SyncResult != nil && (op.SyncResult.Revision == revision || slices.Contains(op.SyncResult.Revisions, revision)) {
			if clusterUnreachable(op.Message) && !a.comparedAfter(op) { // else it is back, and Argo CD does not try again
				return missing(Unreachable, reasonClusterUnreachable, "%s", op.Message)
			}
			return missing(Failed, "SyncFailed", "%s", op.Message)
		}
	case "Succeeded":
		if op.FinishedAt == nil { // argo-cd #29636
			return missing(Blocked, "StuckOperationState", "the last operation succeeded and never finished: refresh the Application")
		}
	}
	return nil
}

// compared asks for a comparison with this very spec that began after the last operation.
// The operation's revision is not asked for: a commit that changes no manifest starts none.
func compared(a *Application, revision string) *Verdict {
	if !a.comparedAt(revision) {
		return missing(Pending, "NotCompared", "")
	}
	if status := a.Status.Sync.Status; status != "Synced" {
		return missing(Pending, "OutOfSync", "sync status is %q", status)
	}
	if !a.comparedAfter(a.Status.OperationState) {
		return missing(Stale, "StaleAfterOperation", "")
	}
	return nil
}

// comparedAfter tells whether the last comparison began after an operation, and came to a result.
func (a *Application) comparedAfter(op *OperationState) bool {
	began := a.Status.ReconciledAt
	return began != nil && a.Status.Sync.Status != "Unknown" && (op == nil || op.FinishedAt == nil || !began.Before(op.FinishedAt))
}

func healthy(a *Application, _ string) *Verdict {
	var v *Verdict
	switch health := a.Status.Health; {
	case len(a.Status.Resources) == 0: // an empty render is Synced and Healthy
		v = missing(Blocked, "NothingDeployed", "the Application renders no objects")
	case health.Status == "Degraded":
		v = missing(Degraded, "NotHealthy", "health is %q", health.Status)
	case health.Status != "Healthy":
		v = missing(Pending, "NotHealthy", "health is %q", health.Status)
	default:
		return nil
	}
	v.Since = a.Status.Health.since()
	return v
}

// since is when the health began; Argo CD cuts off what is less than a second.
func (h Health) since() time.Time {
	if h.LastTransitionTime == nil {
		return time.Time{}
	}
	return h.LastTransitionTime.Add(time.Second)
}
