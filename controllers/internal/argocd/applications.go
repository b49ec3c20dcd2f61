package argocd

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// Applications returns the Region's Applications by the application's name.
func (c *Clusters) Applications(ctx context.Context, region *v1alpha1.Region) (map[string]*Application, error) {
	list := &ApplicationList{}
	if err := c.Client.List(ctx, list, client.InNamespace(c.Namespace), client.MatchingLabels(plan.Labels(region))); err != nil {
		return nil, fmt.Errorf("listing Applications: %w", err)
	}
	byName := map[string]*Application{}
	for i := range list.Items {
		byName[list.Items[i].Labels[v1alpha1.LabelApplication]] = &list.Items[i]
	}
	return byName, nil
}

// AllApplications returns an environment's Applications by Region and the application's name.
// They are shared with a cache: nobody may change them.
func (c *Clusters) AllApplications(ctx context.Context, environment string) (map[string]map[string]*Application, error) {
	list := &ApplicationList{}
	if err := c.Client.List(ctx, list, client.InNamespace(c.Namespace),
		client.MatchingLabels{v1alpha1.LabelEnvironment: environment}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing Applications: %w", err)
	}
	all := map[string]map[string]*Application{}
	for i := range list.Items {
		app := &list.Items[i]
		region := app.Labels[v1alpha1.LabelRegion]
		if all[region] == nil {
			all[region] = map[string]*Application{}
		}
		all[region][app.Labels[v1alpha1.LabelApplication]] = app
	}
	return all, nil
}

// DeleteApplications deletes the Region's Applications and everything that they
// deployed, and returns the names of those that are still there, sorted. It has to be
// called while Argo CD still knows the cluster: afterwards it would only forget them
// and leave their load balancers behind.
func (c *Clusters) DeleteApplications(ctx context.Context, region *v1alpha1.Region) ([]string, error) {
	list := &ApplicationList{}
	err := c.Live.List(ctx, list, client.InNamespace(c.Namespace), client.MatchingLabels(plan.Labels(region)))
	if meta.IsNoMatchError(err) {
		return nil, nil // no Argo CD, no Applications
	}
	if err != nil {
		return nil, fmt.Errorf("listing Applications: %w", err)
	}
	var left []string
	for i := range list.Items {
		app := &list.Items[i]
		left = append(left, app.Name)
		if !app.DeletionTimestamp.IsZero() {
			continue
		}
		if err := c.deleteWithResources(ctx, app); err != nil {
			return left, err
		}
	}
	slices.Sort(left)
	return left, nil
}

func (c *Clusters) deleteWithResources(ctx context.Context, app *Application) error {
	before := app.DeepCopy()
	if controllerutil.AddFinalizer(app, ResourcesFinalizer) {
		patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
		if err := c.Client.Patch(ctx, app, patch, client.DisableReadYourWritesConsistency); err != nil {
			return client.IgnoreNotFound(fmt.Errorf("making the deletion of Application %s cascade: %w", app.Name, err))
		}
	}
	if err := c.Client.Delete(ctx, app, client.DisableReadYourWritesConsistency); err != nil {
		return client.IgnoreNotFound(fmt.Errorf("deleting Application %s: %w", app.Name, err))
	}
	return nil
}

// Abandon lets go of the Region's Applications that are being deleted, with whatever they
// deployed: Argo CD would wait for a cluster that does not answer for ever.
func (c *Clusters) Abandon(ctx context.Context, region *v1alpha1.Region) error {
	list := &ApplicationList{}
	if err := c.Live.List(ctx, list, client.InNamespace(c.Namespace), client.MatchingLabels(plan.Labels(region))); err != nil {
		return fmt.Errorf("listing Applications: %w", err)
	}
	for i := range list.Items {
		app := &list.Items[i]
		before := app.DeepCopy()
		app.Finalizers = slices.DeleteFunc(app.Finalizers, func(f string) bool { return strings.Contains(f, "argocd.argoproj.io") })
		if app.DeletionTimestamp.IsZero() || len(app.Finalizers) == len(before.Finalizers) {
			continue
		}
		patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
		err := c.Client.Patch(ctx, app, patch, client.DisableReadYourWritesConsistency)
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("abandoning Application %s: %w", app.Name, err)
		}
	}
	return nil
}
