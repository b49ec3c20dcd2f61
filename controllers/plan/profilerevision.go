package plan

import (
	"fmt"
	"maps"
	"strings"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// ProfileRevision is what an Environment says about the regions of one profile, at one time.
// It is what reaches the regions in turn; all else of an Environment counts at once. Its JSON
// outlives the operator's version: fields are added as optional ones and never renamed, or
// every region would have to have its turn after an upgrade.
type ProfileRevision struct {
	// Profile has all that it extends merged in.
	Profile           v1alpha1.Profile               `json:"profile"`
	Tags              map[string]string              `json:"tags,omitempty"`
	NATGateways       v1alpha1.NATGatewayMode        `json:"natGateways,omitempty"`
	Gossip            *v1alpha1.GossipIngress        `json:"gossip,omitempty"`
	ArgoCDRoleARN     string                         `json:"argocdRoleARN,omitempty"`
	ClusterLabels     map[string]v1alpha1.LabelValue `json:"clusterLabels,omitempty"`
	GlobalAccelerator *v1alpha1.GlobalAccelerator    `json:"globalAccelerator,omitempty"`
	Secrets           *v1alpha1.SecretSource         `json:"secrets,omitempty"`
}

// ProfileRevisionOf returns what the Environment says now about the regions of a profile. It fails with
// the Finding of Profile.
func ProfileRevisionOf(env *v1alpha1.Environment, profile string) (*ProfileRevision, error) {
	merged, err := Profile(env, profile)
	if err != nil {
		return nil, err
	}
	spec := env.Spec.DeepCopy()
	return &ProfileRevision{
		Profile:           *merged.DeepCopy(),
		Tags:              spec.AWS.Tags,
		NATGateways:       spec.Network.NATGateways,
		Gossip:            spec.Network.Gossip,
		ArgoCDRoleARN:     spec.ArgoCD.RoleARN,
		ClusterLabels:     spec.ArgoCD.ClusterLabels,
		GlobalAccelerator: spec.GlobalAccelerator,
		Secrets:           spec.Secrets,
	}, nil
}

// Name identifies the content: "<profile>-<hash>".
func (r *ProfileRevision) Name() string {
	const length = 10
	content, err := canonical(r)
	if err != nil { // every field is plain data; the values of a chart are JSON by admission
		content = err.Error()
	}
	return fmt.Sprintf("%s-%s", r.Profile.Name, hash(content, length))
}

// Onto returns a copy of the Environment that says what the revision says and has the live
// settings of env. Its only profile is the revision's.
func (r *ProfileRevision) Onto(env *v1alpha1.Environment) *v1alpha1.Environment {
	as := env.DeepCopy()
	as.Spec.Profiles = []v1alpha1.Profile{*r.Profile.DeepCopy()}
	as.Spec.AWS.Tags = maps.Clone(r.Tags)
	as.Spec.Network.NATGateways = r.NATGateways
	as.Spec.Network.Gossip = r.Gossip.DeepCopy()
	as.Spec.ArgoCD.RoleARN = r.ArgoCDRoleARN
	as.Spec.ArgoCD.ClusterLabels = maps.Clone(r.ClusterLabels)
	as.Spec.GlobalAccelerator = r.GlobalAccelerator.DeepCopy()
	as.Spec.Secrets = r.Secrets.DeepCopy()
	return as
}

// ProfileOf returns the profile's name in the name of a revision.
func ProfileOf(revisionName string) string {
	return revisionName[:max(strings.LastIndex(revisionName, "-"), 0)] // a hash has no dash
}
