package region

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/step"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// prune deletes the region's objects of some kinds that are not in the plan any more, and
// waits until they are gone. It comes after what the step declares, so that what takes the
// place of something is there first.
func (r *Reconciler) prune(ctx context.Context, s *scope, kinds ...client.Object) error {
	if s.observe {
		return nil
	}
	var left []string
	for _, kind := range kinds {
		surplus, err := r.surplus(ctx, s, kind)
		if err != nil {
			return err
		}
		for _, obj := range surplus {
			left = append(left, kindOf(r.Client, obj)+" "+obj.GetName())
			if err := r.deleteSeen(ctx, obj); err != nil {
				return err
			}
		}
	}
	if len(left) == 0 {
		return nil
	}
	slices.Sort(left)
	return step.Wait(v1alpha1.ReasonRemoving, "deleting what the profile does not list any more: %s", strings.Join(left, ", "))
}

// surplus are the region's objects of one kind that are not in the plan, by name. Objects
// that only take over a leftover to delete it are not meant.
func (r *Reconciler) surplus(ctx context.Context, s *scope, kind client.Object) ([]client.Object, error) {
	all, err := r.labelled(ctx, s.region, kind)
	if err != nil {
		return nil, err
	}
	planned := s.plan.Objects(s.region, s.environment)
	i := slices.IndexFunc(planned, func(p v1alpha1.PlannedObjects) bool { return p.Kind == kindOf(r.Client, kind) })
	return slices.DeleteFunc(all, func(obj client.Object) bool {
		return obj.GetLabels()[labelDuplicateOf] != "" || i >= 0 && slices.Contains(planned[i].Names, obj.GetName())
	}), nil
}

// labelled returns the region's objects of one kind from the cache, by name. A kind whose
// controller is not installed has none.
func (r *Reconciler) labelled(ctx context.Context, region *v1alpha1.Region, kind client.Object) ([]client.Object, error) {
	gvk, err := apiutil.GVKForObject(kind, r.Client.Scheme())
	if err != nil {
		return nil, fmt.Errorf("looking up the kind of %T: %w", kind, err)
	}
	made, err := r.Client.Scheme().New(gvk.GroupVersion().WithKind(gvk.Kind + "List"))
	if err != nil {
		return nil, fmt.Errorf("making a list of %s: %w", gvk.Kind, err)
	}
	list, ok := made.(client.ObjectList)
	if !ok {
		return nil, fmt.Errorf("%T is not a list", made)
	}
	err = r.Client.List(ctx, list, client.InNamespace(region.Namespace), client.MatchingLabels(plan.Labels(region)))
	if meta.IsNoMatchError(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("listing objects of kind %s: %w", gvk.Kind, err)
	}
	items, err := meta.ExtractList(list)
	if err != nil {
		return nil, fmt.Errorf("reading a list of %s: %w", gvk.Kind, err)
	}
	objects := make([]client.Object, 0, len(items))
	for _, item := range items {
		if obj, ok := item.(client.Object); ok {
			objects = append(objects, obj)
		}
	}
	slices.SortFunc(objects, func(a, b client.Object) int { return strings.Compare(a.GetName(), b.GetName()) })
	return objects, nil
}

// kindOf is the kind of a view, or "" for what the scheme does not have.
func kindOf(c client.Client, obj client.Object) string {
	gvk, err := apiutil.GVKForObject(obj, c.Scheme())
	if err != nil {
		return ""
	}
	return gvk.Kind
}

// deleteSeen deletes the very object that was seen.
func (r *Reconciler) deleteSeen(ctx context.Context, obj client.Object) error {
	if !obj.GetDeletionTimestamp().IsZero() {
		return nil
	}
	err := r.Client.Delete(ctx, obj, client.Preconditions{UID: new(obj.GetUID())})
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting %s %s: %w", kindOf(r.Client, obj), obj.GetName(), err)
	}
	return nil
}
