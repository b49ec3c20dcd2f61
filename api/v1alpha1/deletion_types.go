package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// DeletionPolicy says what becomes of what was made, once its declaration is deleted.
// +kubebuilder:validation:Enum=Delete;Retain
type DeletionPolicy string

// Deletion policies.
const (
	DeletionDelete DeletionPolicy = "Delete"
	DeletionRetain DeletionPolicy = "Retain"
)

// RegionDeletion is how far a region is taken down.
type RegionDeletion struct {
	// stage that runs: the reason of the condition Deleting.
	// +required
	Stage string `json:"stage"`

	// startedAt is when the stage began.
	// +required
	StartedAt metav1.Time `json:"startedAt"`

	// holders are what keeps the stage from ending.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	// +optional
	Holders []Holder `json:"holders,omitempty"`
}

// Holder is something in AWS that keeps something else from being deleted.
type Holder struct {
	// resource that is held, for example vpc-0abc.
	// +kubebuilder:validation:MaxLength=256
	// +required
	Resource string `json:"resource"`

	// heldBy is what holds it, for example "eni-0def (GlobalAccelerator configured ENI)".
	// +kubebuilder:validation:MaxLength=512
	// +required
	HeldBy string `json:"heldBy"`

	// since is when it was first seen.
	// +required
	Since metav1.Time `json:"since"`

	// normally is how long that usually takes, for example "5 to 20 minutes"; empty when it does
	// not go by itself.
	// +kubebuilder:validation:MaxLength=64
	// +optional
	Normally string `json:"normally,omitempty"`

	// remedy is what to do, once it has taken longer than normally.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Remedy string `json:"remedy,omitempty"`
}
