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
	h, err := c.home(ctx, plan.ClusterName(region))
	if err != nil {
		return nil, err
	}
	var found map[string]*Application
	err = h.read(ctx, &Application{}, func(ctx context.Context, from client.Reader) (err error) {
		found, err = c.listed(ctx, from, h, region)
		return err
	})
	return found, err
}

// listed returns the Region's Applications. They are shared with a cache only as far as nobody
// changes them: they know where they are.
func (c *Clusters) listed(ctx context.Context, from client.Reader, h *home, region *v1alpha1.Region) (map[string]*Application, error) {
	list := &ApplicationList{}
	if err := from.List(ctx, list, client.InNamespace(c.Namespace), client.MatchingLabels(plan.Labels(region))); err != nil {
		return nil, fmt.Errorf("listing Applications: %w", err)
	}
	byName := map[string]*Application{}
	for i := range list.Items {
		app := &list.Items[i]
		if h.regional() {
			app.cluster = plan.ClusterName(region)
		}
		note(byName, app)
	}
	return byName, nil
}

// note adds an Application to those of its Region. Of several for one application none is the right one,
// whatever order they are listed in: the first by name stands for all of them, and knows so.
func note(byName map[string]*Application, app *Application) {
	name := app.Labels[v1alpha1.LabelApplication]
	if other := byName[name]; other != nil {
		names := append([]string{app.Name}, other.namesakes...)
		if len(other.namesakes) == 0 {
			names = append(names, other.Name)
		}
		slices.Sort(names)
		if other.Name < app.Name {
			app = other
		}
		app.namesakes = names
	}
	byName[name] = app
}

// AllApplications returns an environment's Applications by Region and the application's name.
// They are shared with a cache: nobody may change them. In a Region whose own Argo CD cannot be
// asked, every application of its profile has one of which nothing is known.
func (c *Clusters) AllApplications(ctx context.Context, environment string) (map[string]map[string]*Application, error) {
	all, err := c.regionalApplications(ctx, environment)
	if err != nil || all != nil {
		return all, err
	}
	list := &ApplicationList{}
	if err := c.Client.List(ctx, list, client.InNamespace(c.Namespace),
		client.MatchingLabels{v1alpha1.LabelEnvironment: environment}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing Applications: %w", err)
	}
	all = map[string]map[string]*Application{}
	for i := range list.Items {
		app := &list.Items[i]
		region := app.Labels[v1alpha1.LabelRegion]
		if all[region] == nil {
			all[region] = map[string]*Application{}
		}
		note(all[region], app)
	}
	return all, nil
}

// regionalApplications returns nil unless the environment's regions have an Argo CD each.
func (c *Clusters) regionalApplications(ctx context.Context, environment string) (map[string]map[string]*Application, error) {
	environments, err := c.Homes.environments(ctx)
	if err != nil {
		return nil, err
	}
	var all map[string]map[string]*Application
	for _, env := range environments {
		if env.Name != environment {
			continue
		}
		regions, err := c.Homes.regions(ctx, env)
		if err != nil {
			return nil, err
		}
		if all == nil {
			all = map[string]map[string]*Application{}
		}
		for _, region := range regions {
			all[region.Name] = c.applicationsIn(ctx, env, region)
		}
	}
	return all, nil
}

// applicationsIn never fails: a region that cannot be asked must not hold up the others.
func (c *Clusters) applicationsIn(ctx context.Context, env *v1alpha1.Environment, region *v1alpha1.Region) map[string]*Application {
	h := c.homeOf(region) //nolint:contextcheck // the watches live as long as the connection, not as the call
	var found map[string]*Application
	look := func(ctx context.Context, from client.Reader) (err error) {
		found, err = c.listed(ctx, from, h, region)
		return err
	}
	err := h.read(ctx, &Application{}, look)
	if err == nil {
		return found
	}
	why := unseen{reasonClusterUnreachable, err.Error()}
	if meta.IsNoMatchError(err) {
		why = unseen{v1alpha1.ReasonArgoCDNotInstalled, notInstalled}
	}
	if !h.remembered(ctx, &Application{}, look) {
		found = map[string]*Application{}
	}
	if profile, err := plan.Profile(env, region.Spec.Profile); err == nil { // the Region itself reports it
		for _, app := range profile.Applications {
			if found[app.Name] == nil {
				found[app.Name] = &Application{}
			}
		}
	}
	for _, app := range found {
		app.unseen = why
	}
	return found
}

// notInstalled is said of a region that is to have an Argo CD of its own.
const notInstalled = "its cluster has no kind Application: put Argo CD on the bootstrap list of the profile"

// clientOf returns the client for the Argo CD that has an Application.
func (c *Clusters) clientOf(ctx context.Context, a *Application) (client.Client, error) {
	if a.cluster == "" {
		return c.Client, nil
	}
	h, err := c.reachable(ctx, a.cluster)
	if err != nil {
		return nil, err
	}
	return h.client, nil
}

// DeleteApplications deletes the Region's Applications and everything that they
// deployed, and returns the names of those that are still there, sorted. It has to be
// called while Argo CD still knows the cluster: afterwards it would only forget them
// and leave their load balancers behind.
func (c *Clusters) DeleteApplications(ctx context.Context, region *v1alpha1.Region) ([]string, error) {
	h, err := c.reachable(ctx, plan.ClusterName(region))
	if err != nil {
		return nil, err
	}
	list := &ApplicationList{}
	err = h.live.List(ctx, list, client.InNamespace(c.Namespace), client.MatchingLabels(plan.Labels(region)))
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
		if err := deleteWithResources(ctx, h.client, app); err != nil {
			return left, err
		}
	}
	slices.Sort(left)
	return left, nil
}

func deleteWithResources(ctx context.Context, c client.Client, app *Application) error {
	before := app.DeepCopy()
	if controllerutil.AddFinalizer(app, ResourcesFinalizer) {
		patch := client.MergeFromWithOptions(before, client.MergeFromWithOptimisticLock{})
		if err := c.Patch(ctx, app, patch, client.DisableReadYourWritesConsistency); err != nil {
			return client.IgnoreNotFound(fmt.Errorf("making the deletion of Application %s cascade: %w", app.Name, err))
		}
	}
	if err := c.Delete(ctx, app, client.DisableReadYourWritesConsistency); err != nil {
		return client.IgnoreNotFound(fmt.Errorf("deleting Application %s: %w", app.Name, err))
	}
	return nil
}

// Abandon lets go of the Region's Applications that are being deleted, with whatever they
// deployed: Argo CD would wait for a cluster that does not answer for ever.
func (c *Clusters) Abandon(ctx context.Context, region *v1alpha1.Region) error {
	h, err := c.reachable(ctx, plan.ClusterName(region))
	if err != nil {
		return err
	}
	list := &ApplicationList{}
	if err := h.live.List(ctx, list, client.InNamespace(c.Namespace), client.MatchingLabels(plan.Labels(region))); err != nil {
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
		err := h.client.Patch(ctx, app, patch, client.DisableReadYourWritesConsistency)
		if client.IgnoreNotFound(err) != nil {
			return fmt.Errorf("abandoning Application %s: %w", app.Name, err)
		}
	}
	return nil
}
