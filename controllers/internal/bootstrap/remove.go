package bootstrap

import (
	"context"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// keepPolicy is Helm's way for a chart to say that an object outlives it.
	keepPolicy = "helm.sh/resource-policy"
	// argoTracking is how Argo CD marks what an Application has taken over (Argo CD,
	// "Resource Tracking"). It co-owns fields, so that ours stay in managedFields.
	argoTracking = "argocd.argoproj.io/tracking-id"
)

var claimKind = schema.GroupKind{Kind: "PersistentVolumeClaim"}

// tracked is an item whose marker follows what is done with it.
type tracked struct {
	client client.Client
	marker *marker
}

// enter gives an item that is installed for the first time its place after all others.
func (t *tracked) enter(ctx context.Context) error {
	if t.marker.uid != "" {
		return nil
	}
	last, err := lastOrder(ctx, t.client)
	t.marker.order = last + 1
	return err
}

func (t *tracked) record(ctx context.Context, next *marker) error {
	if t.marker.equal(next) {
		return nil
	}
	next.item, next.order, next.uid = t.marker.item, t.marker.order, t.marker.uid
	if err := next.write(ctx, t.client); err != nil {
		return err
	}
	t.marker = next
	return nil
}

// clear deletes objects in the reverse order of their installation, and returns those that
// are not gone yet. Kinds go one after the other: what a controller still has to clean up
// is gone before the controller is.
func (t *tracked) clear(ctx context.Context, objects []reference) (left []reference, err error) {
	objects = slices.DeleteFunc(slices.Clone(objects), func(r reference) bool { return outlives(r.groupKind()) })
	if len(objects) == 0 {
		return nil, nil
	}
	others, err := t.others(ctx)
	if err != nil {
		return objects, err
	}
	for len(objects) > 0 {
		before, last := splitLastKind(objects)
		for _, r := range last {
			if slices.ContainsFunc(others, func(m *marker) bool { return m.lists(r) }) {
				continue
			}
			gone, err := t.delete(ctx, r)
			switch {
			case err != nil:
				return objects, err
			case !gone:
				left = append(left, r)
			}
		}
		if len(left) > 0 {
			return slices.Concat(before, left), nil
		}
		objects = before
	}
	return nil, nil
}

// others returns the markers of all other items.
func (t *tracked) others(ctx context.Context) ([]*marker, error) {
	all, err := readMarkers(ctx, t.client)
	return slices.DeleteFunc(all, func(m *marker) bool { return m.item == t.marker.item }), err
}

// splitLastKind splits off the objects at the end that are of one kind.
func splitLastKind(objects []reference) (before, last []reference) {
	kind, start := objects[len(objects)-1].groupKind(), len(objects)-1
	for start > 0 && objects[start-1].groupKind() == kind {
		start--
	}
	return objects[:start], objects[start:]
}

// delete deletes an object, unless it is not ours any more, and tells whether there is
// nothing left to do about it.
func (t *tracked) delete(ctx context.Context, r reference) (gone bool, err error) {
	found, err := t.read(ctx, r)
	switch {
	case err != nil:
		return false, err
	case found == nil || !isOurs(found):
		return true, nil
	case found.DeletionTimestamp.IsZero():
		if err := deleteExactly(ctx, t.client, found, r.String()); err != nil {
			return false, err
		}
	}
	uid := found.UID
	found, err = t.read(ctx, r)
	return err == nil && (found == nil || found.UID != uid), err
}

// read returns the metadata of an object, or nil when there is none.
func (t *tracked) read(ctx context.Context, r reference) (*metav1.PartialObjectMetadata, error) {
	found := &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: r.APIVersion, Kind: r.Kind}}
	err := t.client.Get(ctx, client.ObjectKey{Namespace: r.Namespace, Name: r.Name}, found)
	switch {
	case apierrors.IsNotFound(err) || meta.IsNoMatchError(err):
		return nil, nil //nolint:nilnil // absence is an answer
	case err != nil:
		return nil, fmt.Errorf("reading %s: %w", r, err)
	}
	return found, nil
}

// isOurs tells whether an object is there because of an item and for nothing else.
func isOurs(found *metav1.PartialObjectMetadata) bool {
	applied := slices.ContainsFunc(found.ManagedFields, func(f metav1.ManagedFieldsEntry) bool {
		return f.Manager == FieldOwner && f.Operation == metav1.ManagedFieldsOperationApply
	})
	return applied && found.Labels[LabelItem] != "" &&
		found.Annotations[keepPolicy] != "keep" && found.Annotations[argoTracking] == ""
}

// outlives tells what stays when an item goes: what other objects rest on, and data.
func outlives(kind schema.GroupKind) bool { return isFoundation(kind) || kind == claimKind }

// deleteExactly deletes the object that was looked at, not one of the same name.
func deleteExactly(ctx context.Context, c client.Client, found *metav1.PartialObjectMetadata, what string) error {
	uid := found.UID
	err := c.Delete(ctx, found, client.Preconditions{UID: &uid}, client.PropagationPolicy(metav1.DeletePropagationBackground))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting %s: %w", what, err)
	}
	return nil
}
