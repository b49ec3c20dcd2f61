package regional

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// as is a client of somebody in a group only.
func (s *site) as(t *testing.T, group string) client.Client {
	t.Helper()
	config := *s.options.Config
	config.Impersonate.UserName, config.Impersonate.Groups = "portolan", []string{group}
	c, err := client.New(&config, client.Options{})
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return c
}

func settings(namespace string) *corev1.ConfigMap {
	return &corev1.ConfigMap{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "ConfigMap"}, ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "settings"},
	}
}

func (b *bed) testNamespaceAdmin(t *testing.T) {
	g := NewWithT(t)
	const later = "later"
	editor, newcomer := b.east.as(t, NamespaceAdminGroup("api")), b.east.as(t, NamespaceAdminGroup(later))
	apply := func(c client.Client, object client.Object) error {
		return c.Patch(t.Context(), object, client.Apply, client.FieldOwner("test")) //nolint:staticcheck // as the operator's typed objects
	}
	g.Eventually(func() error { return apply(editor, settings("api")) }).Within(patience).Should(Succeed())
	g.Expect(editor.List(t.Context(), &corev1.SecretList{}, client.InNamespace("api"))).To(Succeed())
	g.Expect(editor.Delete(t.Context(), settings("api"))).To(Succeed())

	for what, err := range map[string]error{
		"another namespace":          apply(editor, settings(metav1.NamespaceDefault)),
		"another namespace's pods":   editor.List(t.Context(), &corev1.PodList{}, client.InNamespace(metav1.NamespaceSystem)),
		"all namespaces at once":     editor.List(t.Context(), &corev1.PodList{}),
		"what is in no namespace":    editor.List(t.Context(), &corev1.NodeList{}),
		"roles of the whole cluster": editor.Create(t.Context(), &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{Name: "mine"}}),
	} {
		g.Expect(apierrors.IsForbidden(err)).To(BeTrue(), "%s: %v", what, err)
	}

	for range 2 { // a namespace may go and come again
		namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: later}}
		g.Expect(b.east.client.Create(t.Context(), namespace)).To(Succeed())
		g.Eventually(func() error { return apply(newcomer, settings(later)) }).Within(patience).Should(Succeed())
		g.Expect(apierrors.IsForbidden(apply(editor, settings(later)))).To(BeTrue())
		g.Expect(b.east.client.Delete(t.Context(), namespace)).To(Succeed())
		g.Eventually(b.east.gone(t, namespace)).Within(patience).Should(BeTrue())
		bindings := &rbacv1.RoleBindingList{}
		g.Expect(b.east.client.List(t.Context(), bindings, client.InNamespace(later))).To(Succeed())
		g.Expect(bindings.Items).To(BeEmpty())
	}
}
