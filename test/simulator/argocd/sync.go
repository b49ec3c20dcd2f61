package argocd

import (
	"context"
	"fmt"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// The phases of an operation that the simulator uses.
const (
	running   = "Running"
	succeeded = "Succeeded"
	failed    = "Failed"
)

const (
	syncDuration      = "argocd/sync"
	historyLimit      = 10
	defaultRetryLimit = int64(5) // of automated syncs without spec.syncPolicy.retry
)

// needsSync reports whether automation starts an operation. It does not try the
// same source again: success is left to self-healing, failure to people.
func (a *application) needsSync() bool {
	policy := a.Spec.SyncPolicy.Automated
	if policy == nil || a.Operation != nil || a.Status.Sync.Status != outOfSync || !a.canConverge(policy.Prune) {
		return false
	}
	state := a.Status.OperationState
	if !a.attempted() {
		return true
	}
	return state.Phase == succeeded && policy.SelfHeal
}

// canConverge is false when all that differs is left over and pruning is off.
func (a *application) canConverge(prune bool) bool {
	return slices.ContainsFunc(a.Status.Resources, func(r resource) bool {
		return r.Status == outOfSync && (prune || !r.RequiresPruning)
	})
}

// attempted reports whether the last operation was about the present source.
func (a *application) attempted() bool {
	state := a.Status.OperationState
	return state != nil && state.SyncResult != nil && equality.Semantic.DeepEqual(state.SyncResult.Source, a.Spec.Source)
}

// syncError explains why automation does nothing about an Application that is out of sync.
func (a *application) syncError(found comparison) *condition {
	if a.Spec.SyncPolicy.Automated == nil || found.status != outOfSync || !a.attempted() || a.Status.OperationState.Phase != failed {
		return nil
	}
	state := a.Status.OperationState
	return &condition{Type: "SyncError", Message: fmt.Sprintf("Failed last sync attempt to [%s]: %s", state.SyncResult.Revision, state.Message)}
}

func (a *application) automatedSync() map[string]any {
	sync := map[string]any{"revision": revision(a.Spec.Source), "prune": a.Spec.SyncPolicy.Automated.Prune}
	if options := a.Spec.SyncPolicy.SyncOptions; len(options) > 0 {
		list := make([]any, 0, len(options))
		for _, option := range options {
			list = append(list, option)
		}
		sync["syncOptions"] = list
	}
	retry := map[string]any{"limit": defaultRetryLimit}
	if a.Spec.SyncPolicy.Retry != nil {
		retry = runtime.DeepCopyJSON(a.Spec.SyncPolicy.Retry)
	}
	return map[string]any{"initiatedBy": map[string]any{"automated": true}, "retry": retry, "sync": sync}
}

// operate starts the requested operation, or carries it out once it has taken long
// enough. It returns how long there is to wait; app.Operation is nil when it ended.
func (r *applications) operate(ctx context.Context, app *application, target cluster) (time.Duration, error) {
	now := time.Now()
	if state := app.Status.OperationState; state == nil || state.Phase != running {
		app.Status.OperationState = app.begin(now)
		r.memory.scheduleOperation(app.name(), now.Add(r.durations.Sample(syncDuration)))
		return time.Until(r.memory.operationAt(app.name())), r.save(ctx, app)
	}
	due := r.memory.operationAt(app.name())
	if due.IsZero() { // started before a restart of this controller
		due = now.Add(r.durations.Sample(syncDuration))
		r.memory.scheduleOperation(app.name(), due)
	}
	if now.Before(due) {
		return due.Sub(now), nil
	}
	if app.held(HoldBetweenRetries) {
		return r.betweenRetries(app), r.save(ctx, app)
	}
	app.Status.OperationState.FinishedAt = nil
	backoff := r.conclude(app, r.deploy(ctx, app, target))
	return backoff, r.save(ctx, app)
}

func (a *application) begin(now time.Time) *operationState {
	wanted, _, _ := unstructured.NestedString(a.Operation, "sync", "revision")
	if wanted == "" {
		wanted = revision(a.Spec.Source)
	}
	return &operationState{
		Phase:      running,
		Operation:  runtime.DeepCopyJSON(a.Operation),
		StartedAt:  *timestamp(now),
		SyncResult: &syncResult{Revision: wanted, Source: runtime.DeepCopyJSON(a.Spec.Source)},
	}
}

// conclude records an attempt. One that is to be repeated stays Running with a
// finishing time, as in Argo CD, and conclude returns how long until then.
func (r *applications) conclude(app *application, outcome error) time.Duration {
	now := time.Now()
	state := app.Status.OperationState
	state.FinishedAt = timestamp(now)
	limit, _, _ := unstructured.NestedInt64(app.Operation, "retry", "limit")
	switch {
	case outcome == nil:
		state.Phase, state.Message = succeeded, "successfully synced (all tasks run)"
		app.appendHistory(state)
	case limit < 0 || state.RetryCount < limit:
		state.RetryCount++
		state.Message = fmt.Sprintf("one or more objects failed to apply, reason: %v. Retrying attempt #%d.", outcome, state.RetryCount)
		backoff := r.durations.Sample(syncDuration) << min(state.RetryCount, 5)
		r.memory.scheduleOperation(app.name(), now.Add(backoff))
		return backoff
	default:
		state.Phase = failed
		state.Message = fmt.Sprintf("one or more objects failed to apply, reason: %v (retried %d times).", outcome, state.RetryCount)
	}
	app.Operation = nil
	r.memory.finishOperation(app.name())
	return 0
}

func (a *application) appendHistory(state *operationState) {
	entry := deployment{
		Revision:        state.SyncResult.Revision,
		DeployStartedAt: state.StartedAt,
		DeployedAt:      *state.FinishedAt,
		Source:          state.SyncResult.Source,
	}
	entry.InitiatedBy, _, _ = unstructured.NestedMap(state.Operation, "initiatedBy")
	history := a.Status.History
	if len(history) > 0 {
		entry.ID = history[len(history)-1].ID + 1
	}
	history = append(history, entry)
	a.Status.History = history[max(0, len(history)-historyLimit):]
}

// deploy applies what the operation began with: a spec that changed since then is
// the next operation's.
func (r *applications) deploy(ctx context.Context, app *application, target cluster) error {
	if target.name == "" {
		return fmt.Errorf("there are no clusters with this name: %s", app.Spec.Destination.Name)
	}
	to, err := r.destinations.get(ctx, target.server)
	if err != nil {
		return err
	}
	result := app.Status.OperationState.SyncResult
	from := runtime.DeepCopyJSON(result.Source)
	from["targetRevision"] = result.Revision
	wanted, err := app.manifests(from, target, to)
	if err != nil {
		return err
	}
	if err := to.ensureNamespace(ctx, app); err != nil {
		return err
	}
	for _, object := range wanted {
		if err := to.Apply(ctx, client.ApplyConfigurationFromUnstructured(object), fieldOwner, client.ForceOwnership); err != nil {
			return fmt.Errorf("applying %s %s: %w", object.GetKind(), object.GetName(), err)
		}
	}
	if prune, _, _ := unstructured.NestedBool(app.Operation, "sync", "prune"); !prune {
		return nil
	}
	_, err = to.remove(ctx, app.name(), notAmong(app.Status.Resources, wanted))
	return err
}

// ensureNamespace follows the sync option CreateNamespace. A namespace made this
// way belongs to no Application, and survives all of them.
func (d *destination) ensureNamespace(ctx context.Context, app *application) error {
	options, _, _ := unstructured.NestedStringSlice(app.Operation, "sync", "syncOptions")
	if !slices.Contains(options, "CreateNamespace=true") {
		return nil
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: app.Spec.Destination.Namespace}}
	if err := d.Create(ctx, namespace); client.IgnoreAlreadyExists(err) != nil {
		return fmt.Errorf("creating namespace %s: %w", namespace.Name, err)
	}
	return nil
}
