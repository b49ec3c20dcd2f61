package argocd

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// BrokenSets are ApplicationSets that cannot make their Applications, by name, with Argo CD's
// reason. An error in one cluster's parameters stops a set for all clusters.
//
// +kubebuilder:object:generate=false
type BrokenSets map[string]string

// BrokenSets reads the conditions of the ApplicationSets. Without the kind there are none.
func (c *Clusters) BrokenSets(ctx context.Context) (BrokenSets, error) {
	list := &ApplicationSetList{}
	err := c.Client.List(ctx, list, client.InNamespace(c.Namespace), client.UnsafeDisableDeepCopy)
	if meta.IsNoMatchError(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing ApplicationSets: %w", err)
	}
	broken := BrokenSets{}
	for i := range list.Items {
		for _, condition := range list.Items[i].Status.Conditions {
			if condition.Type == "ErrorOccurred" && condition.Status == string(metav1.ConditionTrue) {
				broken[list.Items[i].Name] = condition.Message
			}
		}
	}
	return broken, nil
}

// Explain adds to a verdict on what an ApplicationSet has not rendered why that may be.
func (b BrokenSets) Explain(a *Application, v Verdict) Verdict {
	if len(b) == 0 || v.Reason != reasonSpecNotUpdated && v.Reason != reasonApplicationMissing {
		return v
	}
	if a != nil {
		for _, owner := range a.OwnerReferences {
			if message, found := b[owner.Name]; found && owner.Kind == "ApplicationSet" {
				v.Message += fmt.Sprintf("; ApplicationSet %s: %s", owner.Name, message)
			}
		}
		return v
	}
	first := slices.Min(slices.Collect(maps.Keys(b)))
	v.Message += fmt.Sprintf("; ApplicationSet %s makes no Applications: %s", first, b[first])
	return v
}
