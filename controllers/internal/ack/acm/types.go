// Package acm holds views of the kinds of ACK's ACM controller: only the fields
// that Portolan writes or reads.
//
// +kubebuilder:object:generate=true
// +groupName=acm.services.k8s.aws
// +versionName=v1alpha1
package acm

import (
	ackv1alpha1 "github.com/aws-controllers-k8s/runtime/apis/core/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion of the ACM controller's kinds.
var GroupVersion = schema.GroupVersion{Group: "acm.services.k8s.aws", Version: "v1alpha1"}

// AddToScheme registers the views.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion, &Certificate{}, &CertificateList{})
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}

// Certificate is a TLS certificate of AWS Certificate Manager.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
type Certificate struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   CertificateSpec   `json:"spec,omitempty"`
	Status CertificateStatus `json:"status,omitempty"`
}

// CertificateSpec is a certificate's desired state.
type CertificateSpec struct {
	// +optional
	DomainName *string `json:"domainName,omitempty"`
	// SubjectAlternativeNames repeat the domain name: ACK loops without it.
	// +optional
	SubjectAlternativeNames []*string `json:"subjectAlternativeNames,omitempty"`
	// +optional
	KeyAlgorithm *string `json:"keyAlgorithm,omitempty"`
	// +optional
	Options *CertificateOptions `json:"options,omitempty"`
	// +optional
	Tags []Tag `json:"tags,omitempty"`
}

// CertificateOptions say whether the certificate is logged publicly.
type CertificateOptions struct {
	// +optional
	CertificateTransparencyLoggingPreference *string `json:"certificateTransparencyLoggingPreference,omitempty"`
}

// Tag of a certificate.
type Tag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// DomainValidation is how one name of a certificate is proven.
type DomainValidation struct {
	// +optional
	DomainName *string `json:"domainName,omitempty"`
	// +optional
	ValidationStatus *string `json:"validationStatus,omitempty"`
	// ResourceRecord appears some seconds after the certificate.
	// +optional
	ResourceRecord *ResourceRecord `json:"resourceRecord,omitempty"`
}

// ResourceRecord has to be in the DNS for a name to be proven.
type ResourceRecord struct {
	// +optional
	Name *string `json:"name,omitempty"`
	// +optional
	Type *string `json:"type_,omitempty"`
	// +optional
	Value *string `json:"value,omitempty"`
}

// CertificateStatus is a certificate's observed state.
type CertificateStatus struct {
	// +optional
	ACKResourceMetadata *ackv1alpha1.ResourceMetadata `json:"ackResourceMetadata,omitempty"`
	// +optional
	Conditions []*ackv1alpha1.Condition `json:"conditions,omitempty"`
	// Status is ACM's: PENDING_VALIDATION, ISSUED, FAILED …
	// +optional
	Status *string `json:"status,omitempty"`
	// +optional
	FailureReason *string `json:"failureReason,omitempty"`
	// +optional
	DomainValidations []DomainValidation `json:"domainValidations,omitempty"`
}

// CertificateList is a list of Certificates.
//
// +kubebuilder:object:root=true
type CertificateList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Certificate `json:"items"`
}
