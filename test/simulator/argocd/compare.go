package argocd

import (
	"context"
	"fmt"
	"slices"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const fieldOwner = client.FieldOwner("argocd-controller")

// Argo CD's words for the sync status.
const (
	synced    = "Synced"
	outOfSync = "OutOfSync"
)

// comparison is what was found at the destination. A failure leaves the sync
// status Unknown; health is told from what could be read all the same.
type comparison struct {
	status    string
	health    string
	resources []resource
	failure   *condition
}

// compare renders the source and holds it against the live objects. It never
// fails: what goes wrong is part of the answer.
func (r *applications) compare(ctx context.Context, app *application, target cluster) comparison {
	if target.name == "" {
		return app.incomparable("InvalidSpecError", unknown, fmt.Errorf("there are no clusters with this name: %s", app.Spec.Destination.Name))
	}
	to, err := r.destinations.get(ctx, target.server)
	if err != nil {
		return app.incomparable("ComparisonError", app.health(), fmt.Errorf("failed to load live state: %w", err))
	}
	wanted, renderError := app.manifests(app.Spec.Source, target, to)
	found, err := to.inspect(ctx, wanted, app.Status.Resources)
	if err != nil {
		return app.incomparable("ComparisonError", app.health(), fmt.Errorf("failed to load live state: %w", err))
	}
	if renderError != nil {
		return app.incomparable("ComparisonError", found.health, fmt.Errorf("failed to generate manifest: %w", renderError))
	}
	return found
}

// incomparable keeps the inventory, so that nothing deployed earlier is forgotten.
func (a *application) incomparable(kind, health string, cause error) comparison {
	return comparison{
		status:    unknown,
		health:    health,
		resources: a.Status.Resources,
		failure:   &condition{Type: kind, Message: cause.Error()},
	}
}

// manifests returns what an Application wants at its destination, marked as its own.
func (a *application) manifests(from map[string]any, target cluster, to *destination) ([]*unstructured.Unstructured, error) {
	objects, err := manifests(from, target.region, a.name())
	if err != nil {
		return nil, err
	}
	for _, object := range objects {
		namespaced, err := to.IsObjectNamespaced(object)
		if err != nil {
			return nil, fmt.Errorf("looking up %s: %w", object.GroupVersionKind(), err)
		}
		if namespaced && object.GetNamespace() == "" {
			object.SetNamespace(a.Spec.Destination.Namespace)
		}
		annotations := object.GetAnnotations()
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[trackingAnnotation] = trackingID(a.name(), resourceOf(object))
		object.SetAnnotations(annotations)
	}
	return objects, nil
}

func trackingID(application string, r resource) string {
	return fmt.Sprintf("%s:%s/%s:%s/%s", application, r.Group, r.Kind, r.Namespace, r.Name)
}

// inspect judges the wanted objects, and those of the inventory that are not wanted any more.
func (d *destination) inspect(ctx context.Context, wanted []*unstructured.Unstructured, inventory []resource) (comparison, error) {
	found := comparison{status: synced, health: healthy}
	for _, object := range wanted {
		live, same, err := d.hold(ctx, object)
		if err != nil {
			return comparison{}, err
		}
		if err := found.add(resourceOf(object), live, same); err != nil {
			return comparison{}, err
		}
	}
	for _, leftover := range notAmong(inventory, wanted) {
		live, err := d.read(ctx, leftover)
		if err != nil {
			return comparison{}, err
		}
		if live == nil {
			continue
		}
		leftover.RequiresPruning = true
		if err := found.add(leftover, live, false); err != nil {
			return comparison{}, err
		}
	}
	return found, nil
}

func (c *comparison) add(r resource, live *unstructured.Unstructured, same bool) error {
	r.Status = synced
	if !same {
		r.Status, c.status = outOfSync, outOfSync
	}
	c.resources = append(c.resources, r)
	if live == nil {
		c.health = worse(c.health, missing)
		return nil
	}
	health, err := healthOf(live)
	if err != nil {
		return fmt.Errorf("judging %s %s: %w", r.Kind, r.Name, err)
	}
	c.health = worse(c.health, health)
	return nil
}

// read returns a live object, nil when there is none.
func (d *destination) read(ctx context.Context, r resource) (*unstructured.Unstructured, error) {
	live := objectOf(schema.GroupVersionKind{Group: r.Group, Version: r.Version, Kind: r.Kind})
	err := d.Get(ctx, client.ObjectKey{Namespace: r.Namespace, Name: r.Name}, live)
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading %s %s: %w", r.Kind, r.Name, err)
	}
	return live, nil
}

// hold returns the live object and whether a sync would leave it as it is. An
// object that moved in between is read again: it would differ without being out of sync.
func (d *destination) hold(ctx context.Context, wanted *unstructured.Unstructured) (live *unstructured.Unstructured, same bool, err error) {
	const attempts = 3
	for range attempts {
		if live, err = d.read(ctx, resourceOf(wanted)); live == nil || err != nil {
			return nil, false, err
		}
		predicted, err := d.predict(ctx, wanted)
		if err != nil {
			return nil, false, err
		}
		same = equality.Semantic.DeepEqual(declared(live), declared(predicted))
		if same || live.GetResourceVersion() == predicted.GetResourceVersion() {
			break
		}
	}
	return live, same, nil
}

// predict asks the API server what a sync would make of the live object: that
// counts fields which disappeared from the manifest, and none that were defaulted.
func (d *destination) predict(ctx context.Context, wanted *unstructured.Unstructured) (*unstructured.Unstructured, error) {
	predicted := wanted.DeepCopy()
	if err := d.Apply(ctx, client.ApplyConfigurationFromUnstructured(predicted), fieldOwner, client.ForceOwnership, client.DryRunAll); err != nil {
		return nil, fmt.Errorf("predicting %s %s: %w", wanted.GetKind(), wanted.GetName(), err)
	}
	return predicted, nil
}

// declared leaves out what the API server and controllers keep for themselves.
func declared(object *unstructured.Unstructured) map[string]any {
	stripped := object.DeepCopy()
	for _, field := range []string{"managedFields", "resourceVersion", "generation"} {
		unstructured.RemoveNestedField(stripped.Object, "metadata", field)
	}
	delete(stripped.Object, "status")
	return stripped.Object
}

func resourceOf(object *unstructured.Unstructured) resource {
	kind := object.GroupVersionKind()
	return resource{Group: kind.Group, Version: kind.Version, Kind: kind.Kind, Namespace: object.GetNamespace(), Name: object.GetName()}
}

// notAmong returns the resources of an inventory that no manifest describes.
func notAmong(inventory []resource, wanted []*unstructured.Unstructured) []resource {
	var rest []resource
	for _, known := range inventory {
		known.Status, known.RequiresPruning = "", false
		if !slices.ContainsFunc(wanted, func(object *unstructured.Unstructured) bool { return resourceOf(object) == known }) {
			rest = append(rest, known)
		}
	}
	return rest
}
