package argocd

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
)

type applicationSetSpec struct {
	GoTemplate        bool             `json:"goTemplate"`
	GoTemplateOptions []string         `json:"goTemplateOptions"`
	Generators        []map[string]any `json:"generators"`
	Template          map[string]any   `json:"template"`
	SyncPolicy        setSyncPolicy    `json:"syncPolicy"`
}

type setSyncPolicy struct {
	ApplicationsSync            string `json:"applicationsSync"`
	PreserveResourcesOnDeletion bool   `json:"preserveResourcesOnDeletion"`
}

func (p setSyncPolicy) mayUpdate() bool {
	return p.ApplicationsSync != "create-only" && p.ApplicationsSync != "create-delete"
}

func (p setSyncPolicy) mayDelete() bool {
	return p.ApplicationsSync != "create-only" && p.ApplicationsSync != "create-update"
}

type clustersGenerator struct {
	Selector metav1.LabelSelector `json:"selector"`
}

func parseSet(set *unstructured.Unstructured) (applicationSetSpec, error) {
	spec := applicationSetSpec{}
	raw, _, err := unstructured.NestedMap(set.Object, "spec")
	if err != nil {
		return spec, fmt.Errorf("reading spec: %w", err)
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(raw, &spec); err != nil {
		return spec, fmt.Errorf("reading spec: %w", err)
	}
	if !spec.GoTemplate {
		return spec, fmt.Errorf("only goTemplate ApplicationSets are simulated")
	}
	return spec, nil
}

// generate renders the Applications of a set: all of them, or none and the first error.
func generate(set *unstructured.Unstructured, secrets []corev1.Secret) ([]*unstructured.Unstructured, error) {
	spec, err := parseSet(set)
	if err != nil {
		return nil, err
	}
	selected, err := selectClusters(spec.Generators, secrets)
	if err != nil {
		return nil, err
	}
	byName := map[string]*unstructured.Unstructured{}
	for _, secret := range selected {
		app, err := renderApplication(set, spec, secret)
		if err != nil {
			return nil, err
		}
		if byName[app.GetName()] != nil {
			return nil, fmt.Errorf("ApplicationSet %s contains applications with duplicate name: %s", set.GetName(), app.GetName())
		}
		byName[app.GetName()] = app
	}
	var apps []*unstructured.Unstructured
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		apps = append(apps, byName[name])
	}
	return apps, nil
}

func selectClusters(generators []map[string]any, secrets []corev1.Secret) ([]*corev1.Secret, error) {
	var selected []*corev1.Secret
	for _, generator := range generators {
		selector, err := selectorOf(generator)
		if err != nil {
			return nil, err
		}
		for i := range secrets {
			if selector.Matches(labels.Set(secrets[i].Labels)) {
				selected = append(selected, &secrets[i])
			}
		}
	}
	return selected, nil
}

func selectorOf(generator map[string]any) (labels.Selector, error) {
	raw, ok := generator["clusters"].(map[string]any)
	if !ok || len(generator) != 1 {
		return nil, fmt.Errorf("only the clusters generator is simulated, not %v", slices.Sorted(maps.Keys(generator)))
	}
	parsed := clustersGenerator{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(raw, &parsed, true); err != nil {
		return nil, fmt.Errorf("reading clusters generator: %w", err)
	}
	selector, err := metav1.LabelSelectorAsSelector(&parsed.Selector)
	if err != nil {
		return nil, fmt.Errorf("reading cluster selector: %w", err)
	}
	return selector, nil
}

// renderApplication renders the template for one cluster. A template without
// finalizers gets Argo CD's own, unless resources are to outlive Applications.
func renderApplication(set *unstructured.Unstructured, spec applicationSetSpec, secret *corev1.Secret) (*unstructured.Unstructured, error) {
	rendered, err := renderTree(spec.Template, spec.GoTemplateOptions, parametersOf(secret))
	if err != nil {
		return nil, err
	}
	template, _ := rendered.(map[string]any)
	app := objectOf(applicationKind)
	for _, field := range []string{"metadata", "spec"} {
		app.Object[field] = template[field]
	}
	app.SetNamespace(set.GetNamespace())
	if len(app.GetFinalizers()) == 0 && !spec.SyncPolicy.PreserveResourcesOnDeletion {
		app.SetFinalizers([]string{resourcesFinalizer})
	}
	app.SetOwnerReferences([]metav1.OwnerReference{*metav1.NewControllerRef(set, applicationSetKind)})
	return app, nil
}
