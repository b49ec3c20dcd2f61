package bed

import (
	"context"
	"fmt"
	"slices"
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// ackGroups is how the API groups of all ACK controllers end.
const ackGroups = ".services.k8s.aws"

// IsACK tells whether an object belongs to an ACK controller.
func IsACK(obj *unstructured.Unstructured) bool {
	return strings.HasSuffix(obj.GroupVersionKind().Group, ackGroups)
}

// Backup returns what Portolan's users are told to keep of the management cluster: Portolan's
// kinds and ACK's, and of the Environments' namespaces and Argo CD's what else matters. Of the
// metadata it has what Velero restores, which are neither owners nor anything that the API
// server gave (Velero, pkg/restore/restore.go, resetMetadata).
func (b *Bed) Backup(ctx context.Context) ([]*unstructured.Unstructured, error) {
	environments := &v1alpha1.EnvironmentList{}
	if err := b.Client.List(ctx, environments); err != nil {
		return nil, fmt.Errorf("listing Environments: %w", err)
	}
	namespaces := []string{ArgoCDNamespace}
	for _, env := range environments.Items {
		namespaces = append(namespaces, env.Namespace)
	}
	slices.Sort(namespaces)
	custom, err := b.customKinds(ctx)
	if err != nil {
		return nil, err
	}
	var objects []*unstructured.Unstructured
	for _, kept := range []struct {
		kinds []schema.GroupVersionKind
		keep  func(unstructured.Unstructured) bool
	}{
		{[]schema.GroupVersionKind{{Version: "v1", Kind: "Namespace"}}, func(o unstructured.Unstructured) bool {
			return slices.Contains(namespaces, o.GetName())
		}},
		{[]schema.GroupVersionKind{
			{Version: "v1", Kind: "Secret"}, {Version: "v1", Kind: "ConfigMap"},
			{Group: "apps", Version: "v1", Kind: "ControllerRevision"},
		}, func(o unstructured.Unstructured) bool { return slices.Contains(namespaces, o.GetNamespace()) }},
		{custom, func(unstructured.Unstructured) bool { return true }},
	} {
		for _, kind := range kept.kinds {
			list := &unstructured.UnstructuredList{}
			list.SetGroupVersionKind(kind.GroupVersion().WithKind(kind.Kind + "List"))
			if err := b.Client.List(ctx, list); err != nil {
				return nil, fmt.Errorf("listing objects of kind %s: %w", kind.Kind, err)
			}
			for _, obj := range list.Items {
				if kept.keep(obj) {
					objects = append(objects, withoutServerFields(&obj))
				}
			}
		}
	}
	return objects, nil
}

// customKinds are those of Portolan and of ACK.
func (b *Bed) customKinds(ctx context.Context) ([]schema.GroupVersionKind, error) {
	crds := &apiextensionsv1.CustomResourceDefinitionList{}
	if err := b.Client.List(ctx, crds); err != nil {
		return nil, fmt.Errorf("listing CRDs: %w", err)
	}
	var kinds []schema.GroupVersionKind
	for _, crd := range crds.Items {
		if group := crd.Spec.Group; group == v1alpha1.GroupVersion.Group || strings.HasSuffix(group, ackGroups) {
			kinds = append(kinds, schema.GroupVersionKind{Group: group, Version: crd.Spec.Versions[0].Name, Kind: crd.Spec.Names.Kind})
		}
	}
	return kinds, nil
}

func withoutServerFields(obj *unstructured.Unstructured) *unstructured.Unstructured {
	kept := obj.DeepCopy()
	for _, field := range []string{
		"generateName", "selfLink", "uid", "resourceVersion", "generation", "creationTimestamp",
		"deletionTimestamp", "deletionGracePeriodSeconds", "ownerReferences", "managedFields",
	} {
		unstructured.RemoveNestedField(kept.Object, "metadata", field)
	}
	return kept
}

// Restore creates what a backup holds and is not there, with its status if that is asked for.
// As Velero does, it writes the status after the object. ACK stands still meanwhile: an object
// that says that it is managed and does not say as what is created in AWS a second time, for
// kinds that AWS names itself. Without status, ACK's objects are therefore better left out.
func (b *Bed) Restore(ctx context.Context, objects []*unstructured.Unstructured, withStatus bool) error {
	b.ACK.Stop()
	for _, obj := range objects {
		if err := b.restore(ctx, obj, withStatus); err != nil {
			return fmt.Errorf("restoring %s %s: %w", obj.GetKind(), client.ObjectKeyFromObject(obj), err)
		}
	}
	return b.startACK(b.planes.lifetime) //nolint:contextcheck // lives as long as the bed, not as the call
}

func (b *Bed) restore(ctx context.Context, obj *unstructured.Unstructured, withStatus bool) error {
	status, found := obj.Object["status"]
	created := obj.DeepCopy()
	unstructured.RemoveNestedField(created.Object, "status")
	err := b.Client.Create(ctx, created)
	switch {
	case apierrors.IsAlreadyExists(err):
		return nil
	case err != nil:
		return err
	case !withStatus || !found:
		return nil
	}
	created.Object["status"] = status
	return b.Client.Status().Update(ctx, created)
}
