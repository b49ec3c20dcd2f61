package bootstrap

import (
	"cmp"
	"maps"
	"path"
	"slices"

	release "helm.sh/helm/v4/pkg/release/v1"
	releaseutil "helm.sh/helm/v4/pkg/release/v1/util"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// sorted returns the objects of rendered templates: hooks of before the installation by
// their weights, everything else in the order of installation, hooks of after it.
func sorted(files map[string]string) ([]*unstructured.Unstructured, error) {
	files = maps.Clone(files)
	maps.DeleteFunc(files, func(name, _ string) bool { return path.Base(name) == "NOTES.txt" })
	hooks, manifests, err := releaseutil.SortManifests(files, nil, releaseutil.InstallOrder)
	if err != nil {
		return nil, oneLine(err)
	}
	slices.SortStableFunc(hooks, func(a, b *release.Hook) int { return cmp.Compare(a.Weight, b.Weight) })

	var before, during, after []*unstructured.Unstructured
	for _, m := range manifests {
		objects, err := decode(m.Name, m.Content)
		if err != nil {
			return nil, err
		}
		during = append(during, objects...)
	}
	for _, h := range hooks {
		objects, err := decode(h.Path, h.Manifest)
		switch {
		case err != nil:
			return nil, err
		case slices.Contains(h.Events, release.HookPreInstall):
			before = append(before, objects...)
		case slices.Contains(h.Events, release.HookPostInstall):
			after = append(after, objects...)
		}
	}
	return slices.Concat(before, installOrder(during), after), nil
}

// installOrder sorts by kind as Helm does, and keeps the order of kinds that Helm does not know.
func installOrder(objects []*unstructured.Unstructured) []*unstructured.Unstructured {
	rank := func(o *unstructured.Unstructured) int {
		if i := slices.Index(releaseutil.InstallOrder, o.GetKind()); i >= 0 {
			return i
		}
		return len(releaseutil.InstallOrder)
	}
	slices.SortStableFunc(objects, func(a, b *unstructured.Unstructured) int { return cmp.Compare(rank(a), rank(b)) })
	return objects
}

var (
	crdKind       = schema.GroupKind{Group: "apiextensions.k8s.io", Kind: "CustomResourceDefinition"}
	namespaceKind = schema.GroupKind{Kind: "Namespace"}
)

// foundationFirst moves CRDs and then Namespaces to the front.
func foundationFirst(objects []*unstructured.Unstructured) []*unstructured.Unstructured {
	rank := map[schema.GroupKind]int{crdKind: -2, namespaceKind: -1}
	slices.SortStableFunc(objects, func(a, b *unstructured.Unstructured) int {
		return cmp.Compare(rank[groupKind(a)], rank[groupKind(b)])
	})
	return objects
}

func groupKind(o *unstructured.Unstructured) schema.GroupKind {
	return o.GroupVersionKind().GroupKind()
}

// isFoundation tells what other objects rest on. It is never deleted: everything that
// anybody made of it would go with it.
func isFoundation(kind schema.GroupKind) bool { return kind == crdKind || kind == namespaceKind }

// inNamespace adds the namespace that a chart is installed in, unless the chart has it.
func inNamespace(name string, objects []*unstructured.Unstructured) []*unstructured.Unstructured {
	isIt := func(o *unstructured.Unstructured) bool { return groupKind(o) == namespaceKind && o.GetName() == name }
	if !slices.ContainsFunc(objects, isIt) {
		namespace := &unstructured.Unstructured{}
		namespace.SetAPIVersion("v1")
		namespace.SetKind(namespaceKind.Kind)
		namespace.SetName(name)
		objects = append(objects, namespace)
	}
	return foundationFirst(objects)
}
