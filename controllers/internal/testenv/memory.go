package testenv

import (
	"context"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/apiutil"
)

// memory keeps what the API server said until something is written that could change it. A
// pass reads some eighty objects and lists, mostly what it has read before. Portolan reads
// them from a cache; asking the API server each time took most of the time of a suite.
//
// It never says less than the API server would: every client of an Env writes through the
// same memory, and in envtest nobody else writes. A write forgets what it may have changed
// before it returns, so nobody can read what was before it afterwards.
type memory struct {
	mu     sync.Mutex
	writes int
	said   map[subject]map[string]answered // by the type that was asked for
}

// subject is one object, or all of a namespace when the name is empty, or all there are
// when both are.
type subject struct {
	kind            schema.GroupKind
	namespace, name string
}

// answered is what the API server found, or that it found nothing.
type answered struct {
	found runtime.Object
	err   error
}

func newMemory() *memory {
	return &memory{said: map[subject]map[string]answered{}}
}

// clear forgets everything.
func (m *memory) clear() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.writes++
	clear(m.said)
}

// recall reads from memory, or else into obj from the API server.
func (m *memory) recall(about subject, version string, obj runtime.Object, read func() error) error {
	asked := wanted(version, obj)
	m.mu.Lock()
	known, ok := m.said[about][asked]
	before := m.writes
	m.mu.Unlock()
	if ok {
		if known.err == nil {
			reflect.ValueOf(obj).Elem().Set(reflect.ValueOf(known.found.DeepCopyObject()).Elem())
		}
		return known.err
	}

	err := read()
	if err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	if err := stripManagedFields(obj); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.writes == before { // else it may be what was before a write
		m.keep(about, asked, answered{found: obj.DeepCopyObject(), err: err})
	}
	return err
}

// wanted names the answers that do for an object or list of the type.
func wanted(version string, obj runtime.Object) string { return fmt.Sprintf("%s as %T", version, obj) }

func (m *memory) keep(about subject, asked string, a answered) {
	if m.said[about] == nil {
		m.said[about] = map[string]answered{}
	}
	m.said[about][asked] = a
}

// forget drops what was said of an object and the lists that it is in.
func (m *memory) forget(about subject) {
	m.writes++
	delete(m.said, about)
	delete(m.said, subject{about.kind, about.namespace, ""})
	delete(m.said, subject{about.kind, "", ""})
}

// stripManagedFields leaves out what the manager's cache leaves out.
func stripManagedFields(found runtime.Object) error {
	if obj, ok := found.(client.Object); ok {
		obj.SetManagedFields(nil)
		return nil
	}
	return meta.EachListItem(found, stripManagedFields) //nolint:wrapcheck // the spec judges it
}

// write forgets the object once it is written, also when that failed: the server may have
// done it without telling, or somebody else came first. If the answer tells what is stored,
// it is kept instead.
func (m *memory) write(c client.Client, obj client.Object, tells bool, do func() error) error {
	gvk, err := apiutil.GVKForObject(obj, c.Scheme())
	if err != nil {
		return err //nolint:wrapcheck // the spec judges it
	}
	m.mu.Lock()
	before := m.writes
	m.mu.Unlock()
	err = do()

	about := subject{gvk.GroupKind(), obj.GetNamespace(), obj.GetName()} // a generated name is known now
	gone := obj.GetDeletionTimestamp() != nil && len(obj.GetFinalizers()) == 0
	m.mu.Lock()
	defer m.mu.Unlock()
	alone := m.writes == before
	m.forget(about)
	if err == nil && tells && alone && !gone {
		stored, _ := obj.DeepCopyObject().(client.Object) // a copy is of the same type
		stored.SetManagedFields(nil)
		m.keep(about, wanted(gvk.Version, obj), answered{found: stored})
	}
	return err
}

func (m *memory) get(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
	gvk, err := apiutil.GVKForObject(obj, c.Scheme())
	if err != nil || len(opts) > 0 {
		return c.Get(ctx, key, obj, opts...) //nolint:wrapcheck // the spec judges it
	}
	about := subject{gvk.GroupKind(), key.Namespace, key.Name}
	return m.recall(about, gvk.Version, obj, func() error { return c.Get(ctx, key, obj) })
}

// list asks for all of a namespace and picks what a selector wants, as a cache does.
func (m *memory) list(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
	o := (&client.ListOptions{}).ApplyOptions(opts)
	gvk, err := apiutil.GVKForObject(list, c.Scheme())
	if err != nil || o.FieldSelector != nil || o.Limit != 0 || o.Continue != "" || o.Raw != nil {
		return c.List(ctx, list, opts...) //nolint:wrapcheck // the spec judges it
	}
	about := subject{schema.GroupKind{Group: gvk.Group, Kind: strings.TrimSuffix(gvk.Kind, "List")}, o.Namespace, ""}
	err = m.recall(about, gvk.Version, list, func() error { return c.List(ctx, list, client.InNamespace(o.Namespace)) })
	if err != nil || o.LabelSelector == nil {
		return err
	}
	all, err := meta.ExtractList(list)
	if err != nil {
		return err //nolint:wrapcheck // the spec judges it
	}
	selected := slices.DeleteFunc(all, func(item runtime.Object) bool {
		obj, ok := item.(client.Object)
		return !ok || !o.LabelSelector.Matches(labels.Set(obj.GetLabels()))
	})
	return meta.SetList(list, selected) //nolint:wrapcheck // the spec judges it
}
