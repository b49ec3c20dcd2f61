package plan

import (
	"cmp"
	"slices"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// settings of the environment that no object of the plan shows, although what is checked
// before creation depends on them.
type settings struct {
	AWSRegion     v1alpha1.AWSRegion
	Account, Role string
	Zones         []v1alpha1.DNSZone
	Secrets       *v1alpha1.SecretSource
	ArgoCDRole    string
	Repository    *v1alpha1.ConfigRepository
}

func settingsOf(env *v1alpha1.Environment, region *v1alpha1.Region) settings {
	zones := slices.Clone(env.Spec.DNS.Zones)
	slices.SortFunc(zones, func(a, b v1alpha1.DNSZone) int { return cmp.Compare(a.Name, b.Name) })
	return settings{
		AWSRegion:  region.Spec.AWSRegion,
		Account:    env.Spec.AWS.AccountID,
		Role:       env.Spec.AWS.RoleARN,
		Zones:      zones,
		Secrets:    env.Spec.Secrets,
		ArgoCDRole: env.Spec.ArgoCD.RoleARN,
		Repository: env.Spec.ArgoCD.Repository,
	}
}

// Revision identifies the plan's content in twelve hex characters: it changes when the region's
// size, the profile or what the environment says about the region does.
func (p *Plan) Revision() string {
	const length = 12
	content, err := canonical(struct {
		Plan
		Settings settings
	}{*p, p.settings})
	if err != nil { // every field is plain data; the values of a chart are JSON by admission
		content = err.Error()
	}
	return hash(content, length)
}
