// Package route53 holds views of the kinds of ACK's Route 53 controller: only the fields
// that Portolan writes or reads.
//
// +kubebuilder:object:generate=true
// +groupName=route53.services.k8s.aws
// +versionName=v1alpha1
package route53

import (
	ackv1alpha1 "github.com/aws-controllers-k8s/runtime/apis/core/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion of the Route 53 controller's kinds.
var GroupVersion = schema.GroupVersion{Group: "route53.services.k8s.aws", Version: "v1alpha1"}

// AddToScheme registers the views.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion, &RecordSet{}, &RecordSetList{})
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}

// RecordSet is a DNS record.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
type RecordSet struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   RecordSetSpec   `json:"spec,omitempty"`
	Status RecordSetStatus `json:"status,omitempty"`
}

// RecordSetSpec is a record's desired state.
type RecordSetSpec struct {
	// +optional
	HostedZoneID *string `json:"hostedZoneID,omitempty"`
	// Name with a trailing dot; without, it is relative to the zone.
	// +optional
	Name       *string `json:"name,omitempty"`
	RecordType *string `json:"recordType,omitempty"`
	// +optional
	TTL *int64 `json:"ttl,omitempty"`
	// +optional
	ResourceRecords []ResourceRecord `json:"resourceRecords,omitempty"`
}

// ResourceRecord is one value of a record.
type ResourceRecord struct {
	// +optional
	Value *string `json:"value,omitempty"`
}

// RecordSetStatus is a record's observed state.
type RecordSetStatus struct {
	// +optional
	ACKResourceMetadata *ackv1alpha1.ResourceMetadata `json:"ackResourceMetadata,omitempty"`
	// +optional
	Conditions []*ackv1alpha1.Condition `json:"conditions,omitempty"`
	// Status is PENDING until all of Route 53's servers have the record, then INSYNC.
	// +optional
	Status *string `json:"status,omitempty"`
}

// RecordSetList is a list of RecordSets.
//
// +kubebuilder:object:root=true
type RecordSetList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []RecordSet `json:"items"`
}
