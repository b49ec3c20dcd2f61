package v1alpha1

import "strings"

// PinDelivery is the way by which pins reach Argo CD; without any field, the cluster Secret's. Whatever
// the way, the annotation portolan.dev/revision.<application> of the region's cluster Secret
// says in the end what was pinned.
//
// +kubebuilder:validation:XValidation:rule="[has(self.clusterSecret), has(self.git), has(self.application)].filter(x, x).size() <= 1",message="at most one of clusterSecret, git and application"
type PinDelivery struct {
	// clusterSecret leaves it to ApplicationSets that read the annotation. The default.
	// +optional
	ClusterSecret *ClusterSecretDelivery `json:"clusterSecret,omitempty"`

	// git commits files that ApplicationSets read with their git generator.
	// +optional
	Git *PinFiles `json:"git,omitempty"`

	// application sets spec.source.targetRevision of Applications that nobody else manages: no
	// ApplicationSet, and no other Application.
	// +optional
	Application *ApplicationDelivery `json:"application,omitempty"`
}

// ApplicationDelivery has no settings.
type ApplicationDelivery struct{}

// PinFiles are files with one pin each. All regions that move together are one commit. A file
// that is not there is made; of one that is, only the value changes.
type PinFiles struct {
	GitBranch `json:",inline"`

	// path of an application's file; it holds {{ .application }}, and {{ .region }} or {{ .name }}
	// where regions are to move one after the other: a file that all regions share moves them all
	// at once. It may hold {{ .environment }}. For example
	// promotions/{{ .environment }}/{{ .name }}/{{ .application }}.yaml .
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="self.contains('.application')",message="path must hold {{ .application }}: every application has a file of its own"
	// +required
	Path string `json:"path"`

	// key of the value: names of mappings, separated by dots. A dot within a name is written as \\. .
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:default=revision
	// +optional
	Key string `json:"key,omitempty"`

	// summary is the path of a file that Portolan writes as a whole: revision and overrides of the
	// environment, as new regions would get them when a pin last moved: a halted rollout's stays there.
	// It may hold {{ .environment }}. Default: none.
	// +kubebuilder:validation:MaxLength=512
	// +optional
	Summary string `json:"summary,omitempty"`
}

// Shared tells whether all regions read the same files.
func (f *PinFiles) Shared() bool {
	return !strings.Contains(f.Path, ".region") && !strings.Contains(f.Path, ".name")
}
