package bed

import (
	"maps"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

func object(kind schema.GroupVersionKind, namespace, name string, more map[string]any) *unstructured.Unstructured {
	obj := &unstructured.Unstructured{Object: map[string]any{}}
	maps.Copy(obj.Object, more)
	obj.SetGroupVersionKind(kind)
	obj.SetNamespace(namespace)
	obj.SetName(name)
	return obj
}

func crd(kind schema.GroupVersionKind) *apiextensionsv1.CustomResourceDefinition {
	c := &apiextensionsv1.CustomResourceDefinition{}
	c.Name = kind.Kind + "." + kind.Group
	c.Spec.Group, c.Spec.Names.Kind = kind.Group, kind.Kind
	c.Spec.Versions = []apiextensionsv1.CustomResourceDefinitionVersion{{Name: kind.Version}}
	return c
}

// administered is a bed of which nothing runs but a management cluster with some objects.
func administered(t *testing.T, objects ...client.Object) *Bed {
	t.Helper()
	g, s := NewWithT(t), runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{scheme.AddToScheme, v1alpha1.AddToScheme, apiextensionsv1.AddToScheme} {
		g.Expect(add(s)).To(Succeed())
	}
	return &Bed{Client: fake.NewClientBuilder().WithScheme(s).WithStatusSubresource(&v1alpha1.Environment{}).WithObjects(objects...).Build()}
}

var (
	vpcs         = schema.GroupVersionKind{Group: "ec2.services.k8s.aws", Version: "v1alpha1", Kind: "VPC"}
	others       = schema.GroupVersionKind{Group: "example.com", Version: "v1", Kind: "Other"}
	environments = v1alpha1.GroupVersion.WithKind("Environment")
)

func TestBackupHoldsWhatARestoreNeeds(t *testing.T) {
	g := NewWithT(t)
	vpc := object(vpcs, "fleet", "vpc", map[string]any{"status": map[string]any{"vpcID": "vpc-1"}})
	vpc.SetFinalizers([]string{"finalizers.ec2.services.k8s.aws/VPC"})
	vpc.SetUID("1")
	b := administered(t, crd(vpcs), crd(others), crd(environments), vpc,
		object(others, "fleet", "other", nil),
		object(environments, "fleet", "production001", nil),
		object(corev1.SchemeGroupVersion.WithKind("Namespace"), "", "fleet", nil),
		object(corev1.SchemeGroupVersion.WithKind("Namespace"), "", "elsewhere", nil),
		object(corev1.SchemeGroupVersion.WithKind("Secret"), ArgoCDNamespace, "cluster", nil),
		object(corev1.SchemeGroupVersion.WithKind("ConfigMap"), "fleet", "classes", nil),
		object(corev1.SchemeGroupVersion.WithKind("ConfigMap"), "elsewhere", "classes", nil),
	)
	backup, err := b.Backup(t.Context())
	g.Expect(err).NotTo(HaveOccurred())
	var names []string
	for _, obj := range backup {
		names = append(names, obj.GetKind()+" "+obj.GetName())
		g.Expect(obj.GetUID()).To(BeEmpty())
		g.Expect(obj.GetResourceVersion()).To(BeEmpty())
		g.Expect(IsACK(obj)).To(Equal(obj.GetKind() == "VPC"))
	}
	g.Expect(names).To(HaveExactElements("Namespace fleet", "Secret cluster", "ConfigMap classes", "Environment production001", "VPC vpc"))
	kept := backup[len(backup)-1]
	g.Expect(kept.GetFinalizers()).NotTo(BeEmpty())
	g.Expect(kept.Object["status"]).To(HaveKeyWithValue("vpcID", "vpc-1"))
}

func TestRestoreWritesStatusOnlyWhenAsked(t *testing.T) {
	status := map[string]any{"allocations": []any{map[string]any{"region": "dublin", "cidr": "10.0.0.0/18"}}}
	for name, withStatus := range map[string]bool{"with status": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			g, b := NewWithT(t), administered(t)
			g.Expect(b.restore(t.Context(), object(environments, "fleet", "new", map[string]any{"status": status}), withStatus)).To(Succeed())
			env := &v1alpha1.Environment{}
			g.Expect(b.Client.Get(t.Context(), client.ObjectKey{Namespace: "fleet", Name: "new"}, env)).To(Succeed())
			if withStatus {
				g.Expect(env.Status.Allocations).To(HaveLen(1))
			} else {
				g.Expect(env.Status.Allocations).To(BeEmpty())
			}
		})
	}
}

func TestRestoreLeavesAloneWhatIsThere(t *testing.T) {
	g, b := NewWithT(t), administered(t, object(environments, "fleet", "new", nil))
	lost := object(environments, "fleet", "new", map[string]any{"status": map[string]any{"allocations": []any{map[string]any{"region": "dublin", "cidr": "10.0.0.0/18"}}}})
	g.Expect(b.restore(t.Context(), lost, true)).To(Succeed())
	env := &v1alpha1.Environment{}
	g.Expect(b.Client.Get(t.Context(), client.ObjectKey{Namespace: "fleet", Name: "new"}, env)).To(Succeed())
	g.Expect(env.Status.Allocations).To(BeEmpty())
}
