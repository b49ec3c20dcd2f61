package watch

import (
	"context"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
)

type readers []string

func (r *readers) Reconcile(_ context.Context, obj *corev1.ConfigMap) (reconcile.Result, error) {
	*r = append(*r, obj.Name)
	return reconcile.Result{}, nil
}

func TestObjectsThatAreGoneAreForgotten(t *testing.T) {
	g := NewWithT(t)
	there := &corev1.ConfigMap{}
	there.Namespace, there.Name = "fleet", "there"
	var read readers
	var forgotten []string
	objects := Objects[*corev1.ConfigMap](fake.NewClientBuilder().WithObjects(there).Build(), &read, func(key client.ObjectKey) { forgotten = append(forgotten, key.String()) })
	for _, name := range []string{"there", "gone"} {
		_, err := objects.Reconcile(t.Context(), reconcile.Request{NamespacedName: client.ObjectKey{Namespace: "fleet", Name: name}})
		g.Expect(err).NotTo(HaveOccurred())
	}
	g.Expect([]string(read)).To(Equal([]string{"there"}))
	g.Expect(forgotten).To(Equal([]string{"fleet/gone"}))
}
