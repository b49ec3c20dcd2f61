package bootstrap

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
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
	progressKey     = "progress"
)

// marker is what is known of an item in a cluster.
type marker struct {
	// hash of what is installed completely, or empty.
	hash string
	// inventory is everything that may exist because of the item.
	inventory []reference
	// progress tells that all but what is missing is applied.
	progress string
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

// with returns the inventory and what it lacks of the references.
func (m *marker) with(references []reference) []reference {
	all := slices.Clone(m.inventory)
	for _, r := range references {
		if !slices.ContainsFunc(all, r.same) {
			all = append(all, r)
		}
	}
	return all
}

func (m *marker) equal(other *marker) bool {
	return m.hash == other.hash && m.progress == other.progress && slices.Equal(m.inventory, other.inventory)
}

func readMarker(ctx context.Context, c client.Client, item string) (*marker, error) {
	stored := &corev1.ConfigMap{}
	err := c.Get(ctx, client.ObjectKey{Namespace: markerNamespace, Name: markerPrefix + item}, stored)
	if client.IgnoreNotFound(err) != nil {
		return nil, fmt.Errorf("reading ConfigMap %s/%s: %w", markerNamespace, markerPrefix+item, err)
	}
	m := &marker{hash: stored.Data[hashKey], progress: stored.Data[progressKey]}
	if raw := stored.Data[inventoryKey]; raw != "" {
		if err := json.Unmarshal([]byte(raw), &m.inventory); err != nil {
			return nil, fmt.Errorf("ConfigMap %s/%s was damaged: %w; delete it, then everything is applied again", markerNamespace, stored.Name, err)
		}
	}
	return m, nil
}

func (m *marker) write(ctx context.Context, c client.Client, item string) error {
	inventory, err := json.Marshal(m.inventory)
	if err != nil {
		return fmt.Errorf("writing the inventory: %w", err)
	}
	data := map[string]string{inventoryKey: string(inventory)}
	if m.hash != "" {
		data[hashKey] = m.hash
	}
	if m.progress != "" {
		data[progressKey] = m.progress
	}
	stored := corev1apply.ConfigMap(markerPrefix+item, markerNamespace).WithData(data)
	if err := c.Apply(ctx, stored, client.FieldOwner(FieldOwner), client.ForceOwnership); err != nil {
		return fmt.Errorf("writing ConfigMap %s/%s: %w", markerNamespace, markerPrefix+item, err)
	}
	return nil
}
