// Package s3 holds views of the kinds of ACK's S3 controller: only the fields
// that Portolan writes or reads.
//
// +kubebuilder:object:generate=true
// +groupName=s3.services.k8s.aws
// +versionName=v1alpha1
package s3

import (
	ackv1alpha1 "github.com/aws-controllers-k8s/runtime/apis/core/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion of the S3 controller's kinds.
var GroupVersion = schema.GroupVersion{Group: "s3.services.k8s.aws", Version: "v1alpha1"}

// AddToScheme registers the views.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion, &Bucket{}, &BucketList{})
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}

// Bucket is an S3 bucket.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
type Bucket struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   BucketSpec   `json:"spec,omitempty"`
	Status BucketStatus `json:"status,omitempty"`
}

// BucketSpec is a bucket's desired state.
type BucketSpec struct {
	Name *string `json:"name,omitempty"`
	// CreateBucketConfiguration is left out in us-east-1.
	// +optional
	CreateBucketConfiguration *CreateBucketConfiguration `json:"createBucketConfiguration,omitempty"`
	// PublicAccessBlock is always there: ACK deletes AWS's own when it is left out.
	// +optional
	PublicAccessBlock *PublicAccessBlock `json:"publicAccessBlock,omitempty"`
	// +optional
	OwnershipControls *OwnershipControls `json:"ownershipControls,omitempty"`
	// +optional
	Encryption *Encryption `json:"encryption,omitempty"`
	// +optional
	Versioning *Versioning `json:"versioning,omitempty"`
	// +optional
	Tagging *Tagging `json:"tagging,omitempty"`
}

// CreateBucketConfiguration says where the bucket is.
type CreateBucketConfiguration struct {
	// +optional
	LocationConstraint *string `json:"locationConstraint,omitempty"`
}

// PublicAccessBlock keeps the public out.
type PublicAccessBlock struct {
	// +optional
	BlockPublicACLs *bool `json:"blockPublicACLs,omitempty"`
	// +optional
	BlockPublicPolicy *bool `json:"blockPublicPolicy,omitempty"`
	// +optional
	IgnorePublicACLs *bool `json:"ignorePublicACLs,omitempty"`
	// +optional
	RestrictPublicBuckets *bool `json:"restrictPublicBuckets,omitempty"`
}

// OwnershipControls say who owns what is uploaded.
type OwnershipControls struct {
	// +optional
	Rules []OwnershipRule `json:"rules,omitempty"`
}

// OwnershipRule is BucketOwnerEnforced where access lists are off.
type OwnershipRule struct {
	// +optional
	ObjectOwnership *string `json:"objectOwnership,omitempty"`
}

// Encryption of what is uploaded.
type Encryption struct {
	// +optional
	Rules []EncryptionRule `json:"rules,omitempty"`
}

// EncryptionRule is how objects are encrypted that do not say so themselves.
type EncryptionRule struct {
	// +optional
	ApplyServerSideEncryptionByDefault *EncryptionByDefault `json:"applyServerSideEncryptionByDefault,omitempty"`
	// +optional
	BucketKeyEnabled *bool `json:"bucketKeyEnabled,omitempty"`
}

// EncryptionByDefault names the algorithm.
type EncryptionByDefault struct {
	// +optional
	SSEAlgorithm *string `json:"sseAlgorithm,omitempty"`
}

// Versioning is Enabled or Suspended.
type Versioning struct {
	// +optional
	Status *string `json:"status,omitempty"`
}

// Tagging holds a bucket's tags.
type Tagging struct {
	// +optional
	TagSet []Tag `json:"tagSet,omitempty"`
}

// Tag of a bucket.
type Tag struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// BucketStatus is a bucket's observed state.
type BucketStatus struct {
	// +optional
	ACKResourceMetadata *ackv1alpha1.ResourceMetadata `json:"ackResourceMetadata,omitempty"`
	// +optional
	Conditions []*ackv1alpha1.Condition `json:"conditions,omitempty"`
}

// BucketList is a list of Buckets.
//
// +kubebuilder:object:root=true
type BucketList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Bucket `json:"items"`
}
