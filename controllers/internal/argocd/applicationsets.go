package argocd

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// BrokenSets are ApplicationSets that cannot make their Applications, by name, with Argo CD's
// reason. An error in one cluster's parameters stops a set for all clusters.
//
// +kubebuilder:object:generate=false
type BrokenSets map[string]string

// BrokenSets reads the conditions of the ApplicationSets. Without the kind there are none.
func (c *Clusters) BrokenSets(ctx context.Context) (BrokenSets, error) {
	return brokenIn(ctx, c.Client, c.Namespace)
}

// BrokenSetsOf reads the conditions of the ApplicationSets that may make a Region's Applications.
func (c *Clusters) BrokenSetsOf(ctx context.Context, region *v1alpha1.Region) (BrokenSets, error) {
	h, err := c.home(ctx, region)
	if err != nil {
		return nil, err
	}
	var broken BrokenSets
	err = h.read(ctx, &ApplicationSet{}, func(ctx context.Context, from client.Reader) (err error) {
		broken, err = brokenIn(ctx, from, c.Namespace)
		return err
	})
	if meta.IsNoMatchError(err) || errors.Is(err, ErrUnreachable) {
		return nil, nil // they only explain what others show
	}
	return broken, err
}

func brokenIn(ctx context.Context, from client.Reader, namespace string) (BrokenSets, error) {
	list := &ApplicationSetList{}
	err := from.List(ctx, list, client.InNamespace(namespace), client.UnsafeDisableDeepCopy)
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

// annotationRefreshSet makes an ApplicationSet's generators run at once, past the cache of what git
// holds; its controller removes it (applicationset/controllers/applicationset_controller.go).
const annotationRefreshSet = "argocd.argoproj.io/application-set-refresh"

// RefreshSets has the ApplicationSets of some Applications look at git at once.
func (c *Clusters) RefreshSets(ctx context.Context, of []*Application) error {
	asked := map[string]bool{}
	for _, a := range of {
		if a == nil {
			continue
		}
		for _, owner := range a.OwnerReferences {
			set := a.inside.String() + "/" + owner.Name
			if owner.Kind != "ApplicationSet" || asked[set] {
				continue
			}
			asked[set] = true
			writer, err := c.clientOf(ctx, a)
			if err != nil {
				return err
			}
			object := &ApplicationSet{}
			object.Namespace, object.Name = a.Namespace, owner.Name
			patch := []byte(`{"metadata":{"annotations":{"` + annotationRefreshSet + `":"true"}}}`)
			if err := client.IgnoreNotFound(writer.Patch(ctx, object, client.RawPatch(types.MergePatchType, patch))); err != nil {
				return fmt.Errorf("asking ApplicationSet %s to look at git: %w", owner.Name, err)
			}
		}
	}
	return nil
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
