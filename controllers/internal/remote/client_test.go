package remote_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/controllers/internal/remote"
)

var _ = Describe("the client of a regional cluster", func() {
	It("writes with the token and reads its own writes", func(ctx context.Context) {
		c := connect(ctx, "cluster-admin").Client()
		ns := namespace(ctx)
		config := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "c"}, Data: map[string]string{"a": "b"}}
		Expect(c.Create(ctx, config)).To(Succeed())

		read := &corev1.ConfigMap{}
		Expect(c.Get(ctx, client.ObjectKeyFromObject(config), read)).To(Succeed())
		Expect(read.Data).To(HaveKeyWithValue("a", "b"))
	})

	It("discovers kinds that are installed after it was first used", func(ctx context.Context) {
		c := connect(ctx, "cluster-admin").Client()
		ns := namespace(ctx)
		first, second := kind("Chart"), kind("Buoy")
		Expect(meta.IsNoMatchError(c.Create(ctx, instance("Chart", ns)))).To(BeTrue())

		for _, crd := range []*apiextensionsv1.CustomResourceDefinition{first, second} { // the second in a group that is known by then
			Expect(c.Create(ctx, definition(crd))).To(Succeed())
			Eventually(func() error { return c.Create(ctx, instance(crd.Spec.Names.Kind, ns)) }).WithContext(ctx).Should(Succeed())
		}
	})

	It("hands on what the API server refuses", func(ctx context.Context) {
		c := connect(ctx, "").Client()
		err := c.Create(ctx, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: namespace(ctx), Name: "c"}})
		Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%v", err)
	})

	It("needs no API server before it is used", func() {
		clusters := remote.New(fixedToken("t"), clock.RealClock{}, 0)
		cluster, err := clusters.Ensure(key, remote.Target{Name: "prod", Endpoint: "https://127.0.0.1:1"})
		Expect(err).NotTo(HaveOccurred())
		Expect(cluster.Client()).NotTo(BeNil())
		Expect(cluster.Endpoint()).To(Equal("https://127.0.0.1:1"))
	})
})

func kind(name string) *apiextensionsv1.CustomResourceDefinition {
	plural := map[string]string{"Chart": "charts", "Buoy": "buoys", "Dinghy": "dinghies"}[name]
	return &apiextensionsv1.CustomResourceDefinition{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apiextensions.k8s.io/v1", Kind: "CustomResourceDefinition"},
		ObjectMeta: metav1.ObjectMeta{Name: plural + ".sea.test"},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: "sea.test", Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: plural, Kind: name},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{{
				Name: "v1", Served: true, Storage: true,
				Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{Type: "object"}},
			}},
		},
	}
}

func definition(crd *apiextensionsv1.CustomResourceDefinition) client.Object {
	GinkgoHelper()
	content, err := runtime.DefaultUnstructuredConverter.ToUnstructured(crd)
	Expect(err).NotTo(HaveOccurred())
	delete(content, "status")
	return &unstructured.Unstructured{Object: content}
}

func instance(kind, namespace string) client.Object {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "sea.test/v1", "kind": kind,
		"metadata": map[string]any{"namespace": namespace, "name": "one"},
	}}
}
