package bootstrap

import (
	"context"
	"fmt"

	release "helm.sh/helm/v4/pkg/release/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

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
	case found.Labels[LabelItem] != p.marker.item:
		return invalid
	}
	if err := deleteExactly(ctx, p.client, found, describe(hook)); err != nil {
		return err
	}
	return &notYet{what: describe(hook) + " is being replaced"}
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
