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
	h, err := c.home(ctx, region)
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
			app.inside = client.ObjectKeyFromObject(region)
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
// asked, every application of its profile has one of which nothing is known. A Region whose name
// another one has has none.
func (c *Clusters) AllApplications(ctx context.Context, env *v1alpha1.Environment) (map[string]map[string]*Application, error) {
	regions, err := c.regions(ctx, env)
	if err != nil {
		return nil, err
	}
	all := map[string]map[string]*Application{}
	if c.Homes != nil && env.Spec.ArgoCD.Mode == v1alpha1.ArgoCDPerCluster {
		for _, region := range regions {
			all[region.Name] = c.applicationsIn(ctx, env, region)
		}
		return all, nil
	}
	list := &ApplicationList{}
	if err := c.Client.List(ctx, list, client.InNamespace(c.Namespace),
		client.MatchingLabels{v1alpha1.LabelEnvironment: env.Name}, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing Applications: %w", err)
	}
	for _, region := range regions {
		all[region.Name] = map[string]*Application{}
	}
	for i := range list.Items {
		app := &list.Items[i]
		if ours := all[app.Labels[v1alpha1.LabelRegion]]; ours != nil {
			note(ours, app)
		}
	}
	return all, nil
}

// regions are those of an Environment that have their names.
func (c *Clusters) regions(ctx context.Context, env *v1alpha1.Environment) ([]*v1alpha1.Region, error) {
	list := &v1alpha1.RegionList{}
	if err := c.Client.List(ctx, list, client.UnsafeDisableDeepCopy); err != nil {
		return nil, fmt.Errorf("listing Regions: %w", err)
	}
	var found []*v1alpha1.Region
	for _, region := range plan.Holders(list.Items) {
		if region.Namespace == env.Namespace && region.Spec.EnvironmentRef.Name == env.Name {
			found = append(found, region)
		}
	}
	return found, nil
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
func (c *Clusters) clientOf(_ context.Context, a *Application) (client.Client, error) {
	if a.inside.Name == "" {
		return c.Client, nil
	}
	region := &v1alpha1.Region{}
	region.Namespace, region.Name = a.inside.Namespace, a.inside.Name
	h := c.homeOf(region) //nolint:contextcheck // the watches live as long as the connection, not as the call
	return h.client, h.gone
}

// DeleteApplications deletes the Region's Applications and everything that they
// deployed, and returns the names of those that are still there, sorted. It has to be
// called while Argo CD still knows the cluster: afterwards it would only forget them
// and leave their load balancers behind. Those of another Region of the name are left alone.
func (c *Clusters) DeleteApplications(ctx context.Context, region *v1alpha1.Region) ([]string, error) {
	h, err := c.reachable(ctx, region)
	if err != nil {
		return nil, err
	}
	if _, holder, err := c.live(ctx, h, region); err != nil || holder != "" && holder != nobody {
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
	h, err := c.reachable(ctx, region)
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
