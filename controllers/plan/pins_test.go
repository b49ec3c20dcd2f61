package plan

import (
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

func promotion(name, revision string, applications ...string) v1alpha1.Promotion {
	p := v1alpha1.Promotion{}
	p.Name = name
	p.Spec.EnvironmentRef.Name = "production001"
	p.Spec.Revision = v1alpha1.GitRevision(revision)
	p.Spec.Applications = applications
	return p
}

func TestPin(t *testing.T) {
	elsewhere := promotion("elsewhere", "e")
	elsewhere.Spec.EnvironmentRef.Name = "staging"
	leaving := promotion("a-leaving", "l", "api")
	deleted := metav1.Unix(1, 0)
	leaving.DeletionTimestamp = &deleted
	overriding := promotion("all", "g")
	overriding.Spec.Overrides = []v1alpha1.RevisionOverride{{Application: "frontline", Revision: "f"}, {Application: "api", Revision: "o"}}

	for name, tc := range map[string]struct {
		promotions   []v1alpha1.Promotion
		wantRevision v1alpha1.GitRevision
		wantPinned   bool
	}{
		"no Promotion":                            {},
		"one of another environment":              {promotions: []v1alpha1.Promotion{elsewhere}},
		"one that names other applications":       {promotions: []v1alpha1.Promotion{promotion("p", "r", "frontline")}},
		"one that is being deleted":               {promotions: []v1alpha1.Promotion{leaving}},
		"one that pins all":                       {[]v1alpha1.Promotion{promotion("all", "g")}, "g", true},
		"one that names the application":          {[]v1alpha1.Promotion{promotion("p", "r", "frontline", "api")}, "r", true},
		"the name wins over all":                  {[]v1alpha1.Promotion{promotion("a", "g"), promotion("z", "r", "api")}, "r", true},
		"all stands in while the named one goes":  {[]v1alpha1.Promotion{leaving, promotion("z", "g")}, "g", true},
		"of two that name it, the first by name":  {[]v1alpha1.Promotion{promotion("b", "2", "api"), promotion("a", "1", "api")}, "1", true},
		"of two that pin all, the first by name":  {[]v1alpha1.Promotion{promotion("b", "2"), promotion("a", "1")}, "1", true},
		"an override of this application":         {[]v1alpha1.Promotion{overriding}, "o", true},
		"an override of the less specific is not": {[]v1alpha1.Promotion{overriding, promotion("p", "r", "api")}, "r", true},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			revision, pinned := Pin(tc.promotions, "production001", "api")
			g.Expect(revision).To(Equal(tc.wantRevision))
			g.Expect(pinned).To(Equal(tc.wantPinned))
		})
	}
}

func TestOverrideLeavesOtherApplicationsAlone(t *testing.T) {
	p := promotion("all", "g")
	p.Spec.Overrides = []v1alpha1.RevisionOverride{{Application: "frontline", Revision: "f"}}
	g := NewWithT(t)
	g.Expect(RevisionOf(&p, "frontline")).To(BeEquivalentTo("f"))
	g.Expect(RevisionOf(&p, "api")).To(BeEquivalentTo("g"))
}
