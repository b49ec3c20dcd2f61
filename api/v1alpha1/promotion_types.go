package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// GitRevision is a full commit hash. Argo CD passes shorter ones through
// unresolved, so that it could never be told whether they are deployed.
// +kubebuilder:validation:MaxLength=40
// +kubebuilder:validation:Pattern=`^[0-9a-f]{40}$`
type GitRevision string

// PromotionSpec pins applications to a git revision. The object is kept in git:
// a new commit of it moves the pins, a revert moves them back.
type PromotionSpec struct {
	// environmentRef names the Environment, in the same namespace.
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="environmentRef is immutable"
	// +required
	EnvironmentRef LocalReference `json:"environmentRef"`

	// applications that this promotion pins. Default: every application of the
	// environment that no other Promotion names.
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=40
	// +optional
	Applications []string `json:"applications,omitempty"`

	// revision is a full commit hash: 40 hexadecimal digits, never a branch or a tag.
	// +required
	Revision GitRevision `json:"revision"`

	// overrides pin single applications elsewhere.
	// +listType=map
	// +listMapKey=application
	// +kubebuilder:validation:MaxItems=64
	// +optional
	Overrides []RevisionOverride `json:"overrides,omitempty"`
}

// RevisionOverride pins one application.
type RevisionOverride struct {
	// application that is pinned.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	// +required
	Application string `json:"application"`
	// revision it is pinned to.
	// +required
	Revision GitRevision `json:"revision"`
}

// RegionPins is how far one region has come.
type RegionPins struct {
	// region is the Region's name.
	// +required
	Region string `json:"region"`
	// pinned is how many of the applications carry the wanted pin.
	// +optional
	Pinned int32 `json:"pinned,omitempty"`
	// applications is how many applications of the region this promotion pins.
	// +optional
	Applications int32 `json:"applications,omitempty"`
	// healthy says whether all of them are healthy at the wanted revision.
	// +optional
	Healthy bool `json:"healthy,omitempty"`
	// message says what the region waits for.
	// +optional
	Message string `json:"message,omitempty"`
}

// PromotionStatus is what was seen of the promotion.
type PromotionStatus struct {
	// conditions: Valid, RolledOut, Ready.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation that the status describes.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// currentRevision is the revision that every region was last seen to run healthily.
	// +optional
	CurrentRevision GitRevision `json:"currentRevision,omitempty"`

	// regions is how far each region has come, in the order in which they move.
	// +listType=map
	// +listMapKey=region
	// +kubebuilder:validation:MaxItems=256
	// +optional
	Regions []RegionPins `json:"regions,omitempty"`
}

// Conditions of a Promotion besides Ready.
const (
	// PromotionValid is True when no other Promotion claims the same applications.
	PromotionValid = "Valid"
	// PromotionRolledOut is True when every region runs the revision healthily.
	PromotionRolledOut = "RolledOut"
)

// Reasons of a Promotion's conditions.
const (
	// ReasonRollingOut means a region is moving to the revision.
	ReasonRollingOut = "RollingOut"
	// ReasonConflict means another Promotion of the environment claims the same application.
	ReasonConflict = "Conflict"
)

// Promotion is to a git revision what a Deployment is to an image: the pins of an
// environment's applications, moved one region at a time.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:categories=portolan
// +kubebuilder:printcolumn:name="Environment",type=string,JSONPath=`.spec.environmentRef.name`
// +kubebuilder:printcolumn:name="Revision",type=string,JSONPath=`.spec.revision`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Waits for",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
type Promotion struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the pins that are wanted.
	// +required
	Spec PromotionSpec `json:"spec"`
	// status is written by Portolan only.
	// +optional
	Status PromotionStatus `json:"status,omitempty"`
}

// PromotionList is a list of Promotions.
//
// +kubebuilder:object:root=true
type PromotionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Promotion `json:"items"`
}

// GetConditions returns the status conditions.
func (p *Promotion) GetConditions() *[]metav1.Condition { return &p.Status.Conditions }
