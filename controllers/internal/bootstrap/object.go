package bootstrap

import (
	"context"
	"fmt"

	release "helm.sh/helm/v4/pkg/release/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// keepPolicy is Helm's way for a chart to say that an object outlives it.
const keepPolicy = "helm.sh/resource-policy"

// remove deletes an object, unless it has gone over to another item or is to be kept.
func (p *installation) remove(ctx context.Context, former reference) error {
	if isFoundation(former.groupKind()) {
		return nil
	}
	found := &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: former.APIVersion, Kind: former.Kind}}
	err := p.client.Get(ctx, client.ObjectKey{Namespace: former.Namespace, Name: former.Name}, found)
	switch {
	case apierrors.IsNotFound(err) || meta.IsNoMatchError(err):
		return nil
	case err != nil:
		return fmt.Errorf("reading %s: %w", former, err)
	case found.Labels[LabelItem] != p.item || found.Annotations[keepPolicy] == "keep":
		return nil
	}
	return p.remover(ctx, found, former.String())
}

// replace deletes a hook that cannot be changed, which most Jobs cannot: Helm creates
// hooks anew each time. The next pass applies it.
func (p *installation) replace(ctx context.Context, hook *unstructured.Unstructured, invalid error) error {
	found := &metav1.PartialObjectMetadata{TypeMeta: metav1.TypeMeta{APIVersion: hook.GetAPIVersion(), Kind: hook.GetKind()}}
	err := p.client.Get(ctx, client.ObjectKeyFromObject(hook), found)
	switch {
	case apierrors.IsNotFound(err):
		return invalid
	case err != nil:
		return fmt.Errorf("reading %s: %w", describe(hook), err)
	case found.Labels[LabelItem] != p.item:
		return invalid
	}
	if err := p.remover(ctx, found, describe(hook)); err != nil {
		return err
	}
	return &notYet{what: describe(hook) + " is being replaced"}
}

// remover deletes exactly the object that was looked at, not one of the same name.
func (p *installation) remover(ctx context.Context, found *metav1.PartialObjectMetadata, what string) error {
	uid := found.UID
	err := p.client.Delete(ctx, found, client.Preconditions{UID: &uid}, client.PropagationPolicy(metav1.DeletePropagationBackground))
	if client.IgnoreNotFound(err) != nil {
		return fmt.Errorf("deleting %s: %w", what, err)
	}
	return nil
}

// established tells from the API server's answer whether the kind of a CRD can be used.
func established(crd *unstructured.Unstructured) error {
	conditions, _, _ := unstructured.NestedSlice(crd.Object, "status", "conditions")
	for _, c := range conditions {
		condition, _ := c.(map[string]any)
		switch {
		case condition["type"] == "NamesAccepted" && condition["status"] == "False":
			return &notYet{what: fmt.Sprintf("CustomResourceDefinition %s is not accepted: %v", crd.GetName(), condition["message"])}
		case condition["type"] == "Established" && condition["status"] == "True":
			return nil
		}
	}
	return &notYet{what: "CustomResourceDefinition " + crd.GetName() + " is not established yet"}
}

func isHook(o *unstructured.Unstructured) bool {
	return o.GetAnnotations()[release.HookAnnotation] != ""
}

func isSecret(o *unstructured.Unstructured) bool {
	return groupKind(o).Group == "" && o.GetKind() == "Secret"
}

func describe(o *unstructured.Unstructured) string { return referenceOf(o).String() }
