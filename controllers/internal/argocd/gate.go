package argocd

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/runtime"
)

// Verdict is what the gate says of one Application.
//
// +kubebuilder:object:generate=false
type Verdict struct {
	// Healthy is true when the Application is deployed and healthy at the revision.
	Healthy bool
	// Reason is one word for what is missing, empty when healthy.
	Reason string
	// Message adds what Argo CD says, if anything.
	Message string
}

func (v Verdict) String() string {
	if v.Message == "" {
		return v.Reason
	}
	return v.Reason + ": " + v.Message
}

// comparisonErrors are condition types that keep an Application from being compared.
var comparisonErrors = []string{"InvalidSpecError", "ComparisonError", "UnknownError"}

// Evaluate tells whether an Application is healthy at a revision. Synced and
// Healthy are not enough: sync.revision is filled in before anything is rendered,
// health ignores what cannot be rendered, and both lag behind a finished operation.
// Each check closes one of those holes.
func Evaluate(a *Application, revision string) Verdict {
	for _, check := range []func(*Application, string) *Verdict{
		specUpdated, comparisonWorked, operationSettled, compared, healthy,
	} {
		if v := check(a, revision); v != nil {
			return *v
		}
	}
	return Verdict{Healthy: true}
}

func missing(reason, format string, args ...any) *Verdict {
	return &Verdict{Reason: reason, Message: fmt.Sprintf(format, args...)}
}

func specUpdated(a *Application, revision string) *Verdict {
	switch {
	case a == nil:
		return missing("ApplicationMissing", "no Application carries the labels portolan.dev/application, portolan.dev/region and portolan.dev/environment: see docs/argocd.md")
	case !a.DeletionTimestamp.IsZero():
		return missing("ApplicationTerminating", "")
	case a.Spec.SourceHydrator != nil:
		return missing("HydratorNotSupported", "the Application syncs hydrated revisions")
	case a.Spec.Source == nil || a.Spec.Source.TargetRevision != revision:
		return missing("SpecNotUpdated", "the ApplicationSet has not rendered %.7s", revision)
	}
	return nil
}

// comparisonWorked looks for an error of a comparison at this revision. Argo CD reports it
// beside a Synced status and a Healthy one.
func comparisonWorked(a *Application, revision string) *Verdict {
	i := slices.IndexFunc(a.Status.Conditions, func(c Condition) bool { return slices.Contains(comparisonErrors, c.Type) })
	if i < 0 || a.Status.Sync.ComparedTo.Source.TargetRevision != revision {
		return nil
	}
	return missing(a.Status.Conditions[i].Type, "%s", a.Status.Conditions[i].Message)
}

func operationSettled(a *Application, revision string) *Verdict {
	if a.Operation != nil {
		return missing("OperationRequested", "")
	}
	op := a.Status.OperationState
	if op == nil {
		return nil
	}
	switch op.Phase {
	case "Running", "Terminating": // also with finishedAt set: it waits for a retry
		return missing("OperationRunning", "")
	case "Failed", "Error":
		if op.SyncResult != nil && op.SyncResult.Revision == revision {
			return missing("SyncFailed", "%s", op.Message)
		}
	case "Succeeded":
		if op.FinishedAt == nil { // argo-cd #29636
			return missing("StuckOperationState", "the last operation succeeded and never finished: refresh the Application")
		}
	}
	return nil
}

// compared asks for a comparison with this very spec that began after the last operation.
// The operation's revision is not asked for: a commit that changes no manifest starts none.
func compared(a *Application, revision string) *Verdict {
	sync := a.Status.Sync
	if sync.Revision != revision || !sameSource(sync.ComparedTo.Source, *a.Spec.Source) {
		return missing("NotCompared", "")
	}
	if sync.Status != "Synced" {
		return missing("OutOfSync", "sync status is %q", sync.Status)
	}
	op := a.Status.OperationState
	if a.Status.ReconciledAt == nil || (op != nil && op.FinishedAt != nil && a.Status.ReconciledAt.Before(op.FinishedAt)) {
		return missing("StaleAfterOperation", "")
	}
	return nil
}

func healthy(a *Application, _ string) *Verdict {
	switch {
	case len(a.Status.Resources) == 0: // an empty render is Synced and Healthy
		return missing("NothingDeployed", "the Application renders no objects")
	case a.Status.Health.Status != "Healthy":
		return missing("NotHealthy", "health is %q", a.Status.Health.Status)
	}
	return nil
}

func sameSource(a, b Source) bool {
	return a.RepoURL == b.RepoURL && a.Path == b.Path && a.TargetRevision == b.TargetRevision &&
		bytes.Equal(canonical(a.Helm), canonical(b.Helm))
}

// canonical renders Helm values so that the order of keys does not matter.
func canonical(h *Helm) []byte {
	if h == nil || h.ValuesObject == nil || equality.Semantic.DeepEqual(*h.ValuesObject, runtime.RawExtension{}) {
		return nil
	}
	var values any
	if err := json.Unmarshal(h.ValuesObject.Raw, &values); err != nil {
		return h.ValuesObject.Raw
	}
	raw, err := json.Marshal(values)
	if err != nil {
		return h.ValuesObject.Raw
	}
	return raw
}
