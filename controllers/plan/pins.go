package plan

import (
	"slices"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// Pin returns the revision at which an environment's Promotions want an application,
// and whether any of them pins it.
func Pin(promotions []v1alpha1.Promotion, environment, application string) (v1alpha1.GitRevision, bool) {
	p := Responsible(promotions, environment, application)
	if p == nil {
		return "", false
	}
	return RevisionOf(p, application), true
}

// Responsible returns the Promotion that pins an application, or nil. One that names
// the application wins over one that pins all; among equals the first by name wins.
func Responsible(promotions []v1alpha1.Promotion, environment, application string) *v1alpha1.Promotion {
	var named, general *v1alpha1.Promotion
	for i := range promotions {
		p := &promotions[i]
		switch {
		case p.Spec.EnvironmentRef.Name != environment || !p.DeletionTimestamp.IsZero():
		case slices.Contains(p.Spec.Applications, application):
			named = firstByName(named, p)
		case len(p.Spec.Applications) == 0:
			general = firstByName(general, p)
		}
	}
	if named != nil {
		return named
	}
	return general
}

func firstByName(a, b *v1alpha1.Promotion) *v1alpha1.Promotion {
	if a == nil || b.Name < a.Name {
		return b
	}
	return a
}

// RevisionOf returns the revision at which one Promotion wants an application.
func RevisionOf(p *v1alpha1.Promotion, application string) v1alpha1.GitRevision {
	for _, o := range p.Spec.Overrides {
		if o.Application == application {
			return o.Revision
		}
	}
	return p.Spec.Revision
}
