package finalizer

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

const other = "example.com/other"

var key = client.ObjectKey{Namespace: "fleet", Name: "dublin"}

// newClient returns a client that holds a Region with the finalizers, and the number of writes.
func newClient(t *testing.T, finalizers ...string) (client.Client, *int) {
	t.Helper()
	scheme := runtime.NewScheme()
	NewWithT(t).Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	region := &v1alpha1.Region{}
	region.Namespace, region.Name, region.Finalizers = key.Namespace, key.Name, finalizers
	writes := 0
	return fake.NewClientBuilder().WithScheme(scheme).WithObjects(region).WithInterceptorFuncs(interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
			writes++
			return c.Patch(ctx, obj, patch, opts...)
		},
	}).Build(), &writes
}

func stored(t *testing.T, c client.Client) *v1alpha1.Region {
	t.Helper()
	region := &v1alpha1.Region{}
	NewWithT(t).Expect(c.Get(t.Context(), key, region)).To(Succeed())
	return region
}

func TestFinalizers(t *testing.T) {
	ours := v1alpha1.RegionFinalizer
	for name, tc := range map[string]struct {
		have       []string
		change     func(context.Context, client.Client, client.Object, string) error
		want       []string
		wantWrites int
	}{
		"ensured":                       {nil, Ensure, []string{ours}, 1},
		"ensured beside another":        {[]string{other}, Ensure, []string{other, ours}, 1},
		"ensured already":               {[]string{ours, other}, Ensure, []string{ours, other}, 0},
		"removed, leaving the other":    {[]string{other, ours}, Remove, []string{other}, 1},
		"removed already":               {[]string{other}, Remove, []string{other}, 0},
		"removed where there were none": {nil, Remove, nil, 0},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			c, writes := newClient(t, tc.have...)
			region := stored(t, c)
			region.Spec.Profile = "not to be written"
			g.Expect(tc.change(t.Context(), c, region, ours)).To(Succeed())
			g.Expect(stored(t, c).Finalizers).To(Equal(tc.want))
			g.Expect(stored(t, c).Spec.Profile).To(BeEmpty())
			g.Expect(*writes).To(Equal(tc.wantWrites))
		})
	}
}

func TestTheLastFinalizerLetsTheObjectGo(t *testing.T) {
	g := NewWithT(t)
	c, _ := newClient(t, v1alpha1.RegionFinalizer)
	g.Expect(c.Delete(t.Context(), stored(t, c))).To(Succeed())
	region := stored(t, c)
	g.Expect(Remove(t.Context(), c, region.DeepCopy(), v1alpha1.RegionFinalizer)).To(Succeed())
	g.Expect(apierrors.IsNotFound(c.Get(t.Context(), key, region.DeepCopy()))).To(BeTrue())
	g.Expect(Remove(t.Context(), c, region, v1alpha1.RegionFinalizer)).To(Succeed(), "it is gone, which is what was wanted")
}

func TestOthersFinalizersAreNotLost(t *testing.T) {
	g := NewWithT(t)
	c, _ := newClient(t)
	stale := stored(t, c)
	g.Expect(Ensure(t.Context(), c, stored(t, c), other)).To(Succeed())
	err := Ensure(t.Context(), c, stale, v1alpha1.RegionFinalizer)
	g.Expect(apierrors.IsConflict(err)).To(BeTrue(), "got %v", err)
	g.Expect(stored(t, c).Finalizers).To(Equal([]string{other}))
}
