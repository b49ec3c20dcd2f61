// Package iam holds views of the kinds of ACK's IAM controller: only the fields
// that Portolan writes or reads.
//
// +kubebuilder:object:generate=true
// +groupName=iam.services.k8s.aws
// +versionName=v1alpha1
package iam

import (
	ackv1alpha1 "github.com/aws-controllers-k8s/runtime/apis/core/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion of the IAM controller's kinds.
var GroupVersion = schema.GroupVersion{Group: "iam.services.k8s.aws", Version: "v1alpha1"}

// AddToScheme registers the views.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion, &Role{}, &RoleList{})
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}

// Role is an IAM role.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
type Role struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   RoleSpec   `json:"spec,omitempty"`
	Status RoleStatus `json:"status,omitempty"`
}

// RoleSpec is a role's desired state.
type RoleSpec struct {
	Name *string `json:"name,omitempty"`
	// AssumeRolePolicyDocument is the trust policy, JSON.
	AssumeRolePolicyDocument *string `json:"assumeRolePolicyDocument,omitempty"`
	// Policies are the ARNs of the attached policies; the list is authoritative.
	// +optional
	Policies []*string `json:"policies,omitempty"`
	// InlinePolicies are policy documents by name.
	// +optional
	InlinePolicies map[string]string `json:"inlinePolicies,omitempty"`
	// +optional
	Tags []Tag `json:"tags,omitempty"`
}

// Tag of an IAM resource.
type Tag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// RoleStatus is a role's observed state.
type RoleStatus struct {
	// +optional
	ACKResourceMetadata *ackv1alpha1.ResourceMetadata `json:"ackResourceMetadata,omitempty"`
	// +optional
	Conditions []*ackv1alpha1.Condition `json:"conditions,omitempty"`
}

// RoleList is a list of Roles.
//
// +kubebuilder:object:root=true
type RoleList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Role `json:"items"`
}
