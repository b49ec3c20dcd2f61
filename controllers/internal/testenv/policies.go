package testenv

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// probePolicy is the one by which it is known that all are in effect: it is installed and
// removed last, and it guards objects that every API server here has.
const (
	probePolicy = "confirm-crd-deletion"
	probeObject = "regions.portolan.dev"
)

// policyPatience is how long the API server may take to act on new policies, which it looks
// for once a second.
const policyPatience = time.Minute

// InstallPolicies puts the admission policies of config/admission into effect, for the
// whole API server, until the node that calls it ends: a spec or a suite.
func InstallPolicies(ctx context.Context, c client.Client) {
	GinkgoHelper()
	root, err := moduleRoot()
	Expect(err).NotTo(HaveOccurred())
	rendered, err := render(filepath.Join(root, "config", "admission"))
	Expect(err).NotTo(HaveOccurred())
	ordered := probeLast(rendered)
	for _, obj := range ordered {
		Expect(c.Create(ctx, obj)).To(Succeed())
	}
	Eventually(probe).WithContext(ctx).WithTimeout(policyPatience).WithArguments(c).Should(MatchError(apierrors.IsForbidden, "refused by a policy"))

	DeferCleanup(func(ctx context.Context) {
		for _, obj := range ordered {
			Expect(c.Delete(ctx, obj)).To(Succeed())
		}
		Eventually(probe).WithContext(ctx).WithTimeout(policyPatience).WithArguments(c).Should(Succeed())
	})
}

// render returns what `kubectl apply -k` would apply.
func render(folder string) ([]*unstructured.Unstructured, error) {
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		return nil, fmt.Errorf("building %s: %w", folder, err)
	}
	var objs []*unstructured.Unstructured
	for _, r := range resources.Resources() {
		content, err := r.Map()
		if err != nil {
			return nil, fmt.Errorf("reading %s: %w", r.CurId(), err)
		}
		objs = append(objs, &unstructured.Unstructured{Object: content})
	}
	return objs, nil
}

// probeLast puts the probed policy behind the others and its binding at the end: the API
// server watches policies and bindings each in the order of their creation.
func probeLast(objs []*unstructured.Unstructured) []*unstructured.Unstructured {
	var others, last []*unstructured.Unstructured
	for _, obj := range objs {
		if obj.GetName() == probePolicy {
			last = append(last, obj)
		} else {
			others = append(others, obj)
		}
	}
	return append(others, last...)
}

// probe tries to delete what the probed policy guards, without doing it.
func probe(ctx context.Context, c client.Client) error {
	if err := c.Delete(ctx, definition(probeObject), client.DryRunAll); err != nil {
		return fmt.Errorf("trying to delete CRD %s: %w", probeObject, err)
	}
	return nil
}

func definition(name string) *unstructured.Unstructured {
	crd := &unstructured.Unstructured{}
	crd.SetGroupVersionKind(apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinition"))
	crd.SetName(name)
	return crd
}
