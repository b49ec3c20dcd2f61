package status

import (
	"context"
	"testing"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// newClient returns a client that holds a Promotion, and the number of status writes.
func newClient(t *testing.T, objects ...client.Object) (client.Client, *int) {
	t.Helper()
	scheme := runtime.NewScheme()
	NewWithT(t).Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	writes := 0
	c := fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithStatusSubresource(&v1alpha1.Promotion{}).
		WithInterceptorFuncs(interceptor.Funcs{
			SubResourcePatch: func(ctx context.Context, c client.Client, sub string, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
				writes++
				return c.SubResource(sub).Patch(ctx, obj, patch, opts...)
			},
		}).Build()
	return c, &writes
}

func stored(t *testing.T, c client.Client) *v1alpha1.Promotion {
	t.Helper()
	p := &v1alpha1.Promotion{}
	NewWithT(t).Expect(c.Get(t.Context(), client.ObjectKey{Namespace: "fleet", Name: "all"}, p)).To(Succeed())
	return p
}

func promotion() *v1alpha1.Promotion {
	p := &v1alpha1.Promotion{}
	p.Namespace, p.Name = "fleet", "all"
	p.Spec.Revision = "old"
	return p
}

func TestStatusIsWrittenOnce(t *testing.T) {
	g := NewWithT(t)
	c, writes := newClient(t, promotion())
	p := stored(t, c)
	before := p.DeepCopy()
	p.Status.CurrentRevision = "abc"
	p.Spec.Revision = "not the status"
	g.Expect(Patch(t.Context(), c, p, before)).To(Succeed())
	g.Expect(stored(t, c).Status.CurrentRevision).To(BeEquivalentTo("abc"))
	g.Expect(stored(t, c).Spec.Revision).To(BeEquivalentTo("old"))

	p = stored(t, c)
	g.Expect(Patch(t.Context(), c, p, p.DeepCopy())).To(Succeed())
	g.Expect(*writes).To(Equal(1))
}

func TestAnEmptyListIsNoNews(t *testing.T) {
	g := NewWithT(t)
	c, writes := newClient(t, promotion())
	p := stored(t, c)
	before := p.DeepCopy()
	p.Status.History = []v1alpha1.PromotionRecord{}
	g.Expect(Patch(t.Context(), c, p, before)).To(Succeed())
	g.Expect(*writes).To(BeZero())
}

func TestStaleStatusIsRefused(t *testing.T) {
	g := NewWithT(t)
	c, _ := newClient(t, promotion())
	stale := stored(t, c)

	fresh := stored(t, c)
	before := fresh.DeepCopy()
	fresh.Status.CurrentRevision = "meanwhile"
	g.Expect(Patch(t.Context(), c, fresh, before)).To(Succeed())

	before = stale.DeepCopy()
	stale.Status.CurrentRevision = "from a stale cache"
	err := Patch(t.Context(), c, stale, before)
	g.Expect(apierrors.IsConflict(err)).To(BeTrue(), "got %v", err)
	g.Expect(err).To(MatchError(HavePrefix("patching status: ")))
	g.Expect(stored(t, c).Status.CurrentRevision).To(BeEquivalentTo("meanwhile"))
}

func TestAnObjectThatIsGoneHasNoStatus(t *testing.T) {
	g := NewWithT(t)
	c, writes := newClient(t, promotion())
	p := stored(t, c)
	g.Expect(c.Delete(t.Context(), p.DeepCopy())).To(Succeed())
	before := p.DeepCopy()
	p.Status.CurrentRevision = "abc"
	g.Expect(Patch(t.Context(), c, p, before)).To(Succeed())
	g.Expect(*writes).To(Equal(1), "it was tried")
}
