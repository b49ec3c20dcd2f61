package argocd

import (
	"context"
	"errors"
	"testing"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
)

func TestAbandonLetsGoOfWhatIsBeingDeleted(t *testing.T) {
	g := NewWithT(t)
	const theirs, background = "example.com/audit", "resources-finalizer.argocd.argoproj.io/background"
	elsewhere := applicationOf("core", "dublin", ResourcesFinalizer)
	elsewhere.Namespace = "other"
	h := newHub(t,
		applicationOf("alone", "dublin", ResourcesFinalizer), applicationOf("background", "dublin", background),
		applicationOf("shared", "dublin", theirs, ResourcesFinalizer), applicationOf("foreign", "dublin", theirs),
		applicationOf("running", "dublin", ResourcesFinalizer), applicationOf("core", "paris", ResourcesFinalizer), elsewhere)
	for _, name := range []string{"alone-dublin", "background-dublin", "shared-dublin", "foreign-dublin", "core-paris"} {
		going := &Application{}
		g.Expect(h.WithWatch.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: name}, going)).To(Succeed())
		g.Expect(h.WithWatch.Delete(t.Context(), going)).To(Succeed())
	}
	g.Expect(h.WithWatch.Delete(t.Context(), elsewhere)).To(Succeed())
	for range 2 {
		g.Expect(h.Abandon(t.Context(), dublin())).To(Succeed())
	}
	g.Expect(h.writes).To(Equal(3), "once for each that Argo CD holds")

	left := map[string][]string{}
	all := &ApplicationList{}
	g.Expect(h.List(t.Context(), all)).To(Succeed())
	for i := range all.Items {
		left[all.Items[i].Namespace+"/"+all.Items[i].Name] = all.Items[i].Finalizers
		g.Expect(all.Items[i].Status).NotTo(Equal(ApplicationStatus{}), "the view holds a part of the fields and must not write them")
	}
	g.Expect(left).To(Equal(map[string][]string{
		namespace + "/shared-dublin":  {theirs},
		namespace + "/foreign-dublin": {theirs},
		namespace + "/running-dublin": {ResourcesFinalizer},
		namespace + "/core-paris":     {ResourcesFinalizer},
		"other/core-dublin":           {ResourcesFinalizer},
	}))
}

func TestFailuresOfAbandon(t *testing.T) {
	refused := errors.New("refused")
	for name, tc := range map[string]struct {
		list, patch, want error
	}{
		"they cannot be listed":  {list: refused, want: refused},
		"one cannot be let go":   {patch: refused, want: refused},
		"one is gone by itself":  {patch: apierrors.NewNotFound(schema.GroupResource{Resource: "applications"}, "core-dublin")},
		"somebody else wrote it": {patch: apierrors.NewConflict(schema.GroupResource{}, "core-dublin", refused), want: refused},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			h := newHub(t, applicationOf("core", "dublin", ResourcesFinalizer))
			_, err := h.DeleteApplications(t.Context(), dublin())
			g.Expect(err).NotTo(HaveOccurred())
			h.Live = interceptor.NewClient(h.WithWatch, interceptor.Funcs{
				List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
					if tc.list != nil {
						return tc.list
					}
					return c.List(ctx, list, opts...)
				},
			})
			h.Client = interceptor.NewClient(h.WithWatch, interceptor.Funcs{
				Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
					return tc.patch
				},
			})
			err = h.Abandon(t.Context(), dublin())
			switch {
			case tc.want == nil:
				g.Expect(err).NotTo(HaveOccurred())
			case apierrors.IsConflict(tc.patch):
				g.Expect(apierrors.IsConflict(err)).To(BeTrue(), "%v", err)
			default:
				g.Expect(err).To(MatchError(tc.want))
			}
		})
	}
}
