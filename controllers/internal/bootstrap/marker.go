package bootstrap

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	corev1apply "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Where the regional cluster itself remembers what is installed: it stays true when the
// management cluster is restored from a backup.
const (
	markerNamespace = metav1.NamespaceSystem
	markerPrefix    = "portolan-bootstrap-"
	hashKey         = "hash"
	inventoryKey    = "inventory"
	formerKey       = "former"
	progressKey     = "progress"
	orderKey        = "order"
)

// marker is what is known of an item in a cluster.
type marker struct {
	item string
	// hash of what is installed completely, or empty.
	hash string
	// inventory is everything that may exist because of the item, and is to be there.
	inventory []reference
	// former is what may still exist, but does not belong to what is installed.
	former []reference
	// progress tells that all but what is missing is applied.
	progress string
	// order of the item among all that were ever installed.
	order int
	// uid of the ConfigMap, or empty while there is none.
	uid types.UID
}

// reference names an object.
type reference struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Namespace  string `json:"namespace,omitempty"`
	Name       string `json:"name"`
}

func referenceOf(o *unstructured.Unstructured) reference {
	return reference{APIVersion: o.GetAPIVersion(), Kind: o.GetKind(), Namespace: o.GetNamespace(), Name: o.GetName()}
}

func referencesOf(objects []*unstructured.Unstructured) []reference {
	references := make([]reference, 0, len(objects))
	for _, o := range objects {
		references = append(references, referenceOf(o))
	}
	return references
}

func (r reference) groupKind() schema.GroupKind {
	return schema.FromAPIVersionAndKind(r.APIVersion, r.Kind).GroupKind()
}

// same tells whether both name one object, which may be served at several versions.
func (r reference) same(other reference) bool {
	return r.groupKind() == other.groupKind() && r.Namespace == other.Namespace && r.Name == other.Name
}

func (r reference) String() string {
	if r.Namespace == "" {
		return r.Kind + " " + r.Name
	}
	return r.Kind + " " + r.Namespace + "/" + r.Name
}

// with returns everything that may exist, and what that lacks of the references.
func (m *marker) with(references []reference) []reference {
	all := slices.Clone(m.inventory)
	for _, r := range slices.Concat(m.former, references) {
		if !slices.ContainsFunc(all, r.same) {
			all = append(all, r)
		}
	}
	return all
}

func (m *marker) lists(r reference) bool {
	return slices.ContainsFunc(m.inventory, r.same) || slices.ContainsFunc(m.former, r.same)
}

func (m *marker) equal(other *marker) bool {
	return m.hash == other.hash && m.progress == other.progress &&
		slices.Equal(m.inventory, other.inventory) && slices.Equal(m.former, other.former)
}

func readMarker(ctx context.Context, c client.Client, item string) (*marker, error) {
	stored := &corev1.ConfigMap{}
	err := c.Get(ctx, client.ObjectKey{Namespace: markerNamespace, Name: markerPrefix + item}, stored)
	switch {
	case apierrors.IsNotFound(err):
		return &marker{item: item}, nil
	case err != nil:
		return nil, fmt.Errorf("reading ConfigMap %s/%s: %w", markerNamespace, markerPrefix+item, err)
	}
	return markerFrom(stored)
}

func listMarkers(ctx context.Context, c client.Client) ([]corev1.ConfigMap, error) {
	stored := &corev1.ConfigMapList{}
	if err := c.List(ctx, stored, client.InNamespace(markerNamespace)); err != nil {
		return nil, fmt.Errorf("listing ConfigMaps in %s: %w", markerNamespace, err)
	}
	return slices.DeleteFunc(stored.Items, func(m corev1.ConfigMap) bool { return !strings.HasPrefix(m.Name, markerPrefix) }), nil
}

// lastOrder returns the order of the item that was the last to be installed. A damaged
// marker holds up no other item.
func lastOrder(ctx context.Context, c client.Client) (int, error) {
	stored, err := listMarkers(ctx, c)
	last := 0
	for _, m := range stored {
		if order, err := strconv.Atoi(m.Data[orderKey]); err == nil {
			last = max(last, order)
		}
	}
	return last, err
}

// readMarkers returns the markers of all items in the order of their installation.
func readMarkers(ctx context.Context, c client.Client) ([]*marker, error) {
	stored, err := listMarkers(ctx, c)
	if err != nil {
		return nil, err
	}
	all := make([]*marker, 0, len(stored))
	for i := range stored {
		m, err := markerFrom(&stored[i])
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	slices.SortStableFunc(all, func(a, b *marker) int { return cmp.Compare(a.order, b.order) })
	return all, nil
}

func markerFrom(stored *corev1.ConfigMap) (*marker, error) {
	m := &marker{
		item: strings.TrimPrefix(stored.Name, markerPrefix), uid: stored.UID,
		hash: stored.Data[hashKey], progress: stored.Data[progressKey],
	}
	for key, value := range map[string]any{inventoryKey: &m.inventory, formerKey: &m.former, orderKey: &m.order} {
		raw := stored.Data[key]
		if raw == "" {
			continue
		}
		if err := json.Unmarshal([]byte(raw), value); err != nil {
			return nil, fmt.Errorf("ConfigMap %s/%s was damaged: %w; delete it, then everything is applied again", stored.Namespace, stored.Name, err)
		}
	}
	return m, nil
}

func (m *marker) write(ctx context.Context, c client.Client) error {
	data := map[string]string{orderKey: strconv.Itoa(m.order)}
	for key, references := range map[string][]reference{inventoryKey: m.inventory, formerKey: m.former} {
		if len(references) == 0 && key == formerKey {
			continue
		}
		raw, err := json.Marshal(references)
		if err != nil {
			return fmt.Errorf("writing the inventory: %w", err)
		}
		data[key] = string(raw)
	}
	if m.hash != "" {
		data[hashKey] = m.hash
	}
	if m.progress != "" {
		data[progressKey] = m.progress
	}
	stored := corev1apply.ConfigMap(markerPrefix+m.item, markerNamespace).WithData(data)
	if err := c.Apply(ctx, stored, client.FieldOwner(FieldOwner), client.ForceOwnership); err != nil {
		return fmt.Errorf("writing ConfigMap %s/%s: %w", markerNamespace, markerPrefix+m.item, err)
	}
	return nil
}

// remove forgets the item.
func (m *marker) remove(ctx context.Context, c client.Client) error {
	stored := &corev1.ConfigMap{}
	stored.Namespace, stored.Name = markerNamespace, markerPrefix+m.item
	if err := c.Delete(ctx, stored, client.Preconditions{UID: &m.uid}); client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting ConfigMap %s/%s: %w", markerNamespace, stored.Name, err)
	}
	return nil
}
