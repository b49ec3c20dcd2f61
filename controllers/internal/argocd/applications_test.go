package argocd

import (
	"context"
	"errors"
	"testing"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

func dublin() *v1alpha1.Region {
	region := &v1alpha1.Region{}
	region.Namespace, region.Name, region.Spec.EnvironmentRef.Name = "production", "dublin", "production001"
	return region
}

// applicationOf is the Application of an application in a Region.
func applicationOf(application, region string, finalizers ...string) *Application {
	a := settled(oldSHA)
	a.Name, a.Finalizers = application+"-"+region, finalizers
	a.Labels = map[string]string{
		v1alpha1.LabelApplication: application, v1alpha1.LabelRegion: region, v1alpha1.LabelEnvironment: "production001",
	}
	return a
}

func TestApplicationsOfARegion(t *testing.T) {
	g := NewWithT(t)
	elsewhere, unlabelled := applicationOf("core", "dublin"), applicationOf("core", "dublin")
	elsewhere.Namespace = "other"
	unlabelled.Name, unlabelled.Labels = "by-hand", nil
	h := newHub(t, applicationOf("unkey-api", "dublin"), applicationOf("frontline", "dublin"), applicationOf("core", "paris"), elsewhere, unlabelled)
	found, err := h.Applications(t.Context(), dublin())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(found).To(HaveLen(2))
	g.Expect(found["unkey-api"].Name).To(Equal("unkey-api-dublin"))
	g.Expect(found["frontline"].Name).To(Equal("frontline-dublin"))
}

func TestApplicationsAreDeletedWithWhatTheyDeployed(t *testing.T) {
	g := NewWithT(t)
	h := newHub(t, applicationOf("unkey-api", "dublin"), applicationOf("frontline", "dublin", ResourcesFinalizer), applicationOf("core", "paris"))
	for range 2 {
		left, err := h.DeleteApplications(t.Context(), dublin())
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(left).To(Equal([]string{"frontline-dublin", "unkey-api-dublin"}))
	}
	g.Expect(h.writes).To(Equal(1), "only one lacked the finalizer")

	all := &ApplicationList{}
	g.Expect(h.List(t.Context(), all, client.InNamespace(namespace))).To(Succeed())
	g.Expect(all.Items).To(HaveLen(3))
	for i := range all.Items {
		a := &all.Items[i]
		if a.Name == "core-paris" {
			g.Expect(a.DeletionTimestamp.IsZero()).To(BeTrue())
			continue
		}
		g.Expect(a.DeletionTimestamp.IsZero()).To(BeFalse(), a.Name)
		g.Expect(a.Finalizers).To(Equal([]string{ResourcesFinalizer}), a.Name)
		g.Expect(a.Status).NotTo(Equal(ApplicationStatus{}), "the view holds a part of the fields and must not write them")
		a.Finalizers = nil
		g.Expect(h.WithWatch.Update(t.Context(), a)).To(Succeed())
	}
	g.Expect(h.DeleteApplications(t.Context(), dublin())).To(BeEmpty())
}

func TestDeletingApplicationsWithoutArgoCD(t *testing.T) {
	g := NewWithT(t)
	h := newHub(t)
	refused := errors.New("refused")
	answer := error(&meta.NoKindMatchError{GroupKind: schema.GroupKind{Kind: "Application"}})
	h.Live = interceptor.NewClient(h.WithWatch, interceptor.Funcs{
		List: func(context.Context, client.WithWatch, client.ObjectList, ...client.ListOption) error { return answer },
	})
	g.Expect(h.DeleteApplications(t.Context(), dublin())).To(BeEmpty())

	answer = refused
	_, err := h.DeleteApplications(t.Context(), dublin())
	g.Expect(err).To(MatchError(refused))
}

func TestFailuresOfDeletingApplications(t *testing.T) {
	refused := errors.New("refused")
	gone := apierrors.NewNotFound(schema.GroupResource{Resource: "applications"}, "core-dublin")
	for name, tc := range map[string]struct {
		patch, del error
		wantErr    error
	}{
		"the finalizer cannot be added": {patch: refused, wantErr: refused},
		"it cannot be deleted":          {del: refused, wantErr: refused},
		"it went before the finalizer":  {patch: gone},
		"it went before the deletion":   {del: gone},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			h := newHub(t, applicationOf("core", "dublin"))
			deleted := false
			h.Client = interceptor.NewClient(h.WithWatch, interceptor.Funcs{
				Patch: func(context.Context, client.WithWatch, client.Object, client.Patch, ...client.PatchOption) error {
					return tc.patch
				},
				Delete: func(context.Context, client.WithWatch, client.Object, ...client.DeleteOption) error {
					deleted = true
					return tc.del
				},
			})
			left, err := h.DeleteApplications(t.Context(), dublin())
			g.Expect(left).To(Equal([]string{"core-dublin"}))
			if tc.wantErr == nil {
				g.Expect(err).NotTo(HaveOccurred())
			} else {
				g.Expect(err).To(MatchError(tc.wantErr))
			}
			g.Expect(deleted).To(Equal(tc.patch == nil), "without the finalizer, its load balancers would be left behind")
		})
	}
}
