package argocd

import (
	"context"
	"fmt"
	"time"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// annotationRefresh asks Argo CD for a comparison: "normal", or "hard" past its caches. A
// comparison removes it only if it was there when the comparison began, so its disappearance
// proves one that knew all that was written before (persistReconciliationStatus in
// controller/appcontroller.go).
const annotationRefresh = "argocd.argoproj.io/refresh"

// Refresh asks Argo CD to compare an Application once more, past its cache of what git holds
// if it is to be hard. One that is asked for already is left to happen.
func (c *Clusters) Refresh(ctx context.Context, a *Application, hard bool) error {
	how := "normal"
	if hard {
		how = "hard"
	}
	if current := a.Annotations[annotationRefresh]; current == how || current == "hard" {
		return nil
	}
	patch := []byte(`{"metadata":{"annotations":{"` + annotationRefresh + `":"` + how + `"}}}`)
	writer, err := c.clientOf(ctx, a)
	if err != nil {
		return err
	}
	if err := writer.Patch(ctx, a.DeepCopy(), client.RawPatch(types.MergePatchType, patch)); err != nil {
		return client.IgnoreNotFound(fmt.Errorf("asking for a refresh of Application %s: %w", a.Name, err))
	}
	return nil
}

// skew is how far Argo CD's clock may be behind without anybody waiting for it.
const skew = time.Minute

// Confirmed tells whether Argo CD has made the comparison that was asked for at a time. Its
// clock may be another one: after a while the request's disappearance is enough.
func Confirmed(a *Application, requested, now time.Time) bool {
	if a == nil || a.Annotations[annotationRefresh] != "" || a.Status.ReconciledAt == nil {
		return false
	}
	return !a.Status.ReconciledAt.Time.Before(requested.Truncate(time.Second)) || now.Sub(requested) >= skew
}
