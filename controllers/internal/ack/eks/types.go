// Package eks holds views of the kinds of ACK's EKS controller: only the fields
// that Portolan writes or reads.
//
// +kubebuilder:object:generate=true
// +groupName=eks.services.k8s.aws
// +versionName=v1alpha1
package eks

import (
	ackv1alpha1 "github.com/aws-controllers-k8s/runtime/apis/core/v1alpha1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// GroupVersion of the EKS controller's kinds.
var GroupVersion = schema.GroupVersion{Group: "eks.services.k8s.aws", Version: "v1alpha1"}

// AddToScheme registers the views.
func AddToScheme(scheme *runtime.Scheme) error {
	scheme.AddKnownTypes(GroupVersion,
		&Cluster{}, &ClusterList{}, &Nodegroup{}, &NodegroupList{},
		&Addon{}, &AddonList{}, &AccessEntry{}, &AccessEntryList{},
		&PodIdentityAssociation{}, &PodIdentityAssociationList{},
	)
	metav1.AddToGroupVersion(scheme, GroupVersion)
	return nil
}

// Observed is what every kind's status has in common.
type Observed struct {
	// +optional
	ACKResourceMetadata *ackv1alpha1.ResourceMetadata `json:"ackResourceMetadata,omitempty"`
	// +optional
	Conditions []*ackv1alpha1.Condition `json:"conditions,omitempty"`
}

// Health lists what EKS finds wrong with a resource. Failures of node groups and
// add-ons are reported here and in the status only, never as ACK.Terminal.
type Health struct {
	// +optional
	Issues []Issue `json:"issues,omitempty"`
}

// Issue is one thing that is wrong.
type Issue struct {
	// +optional
	Code *string `json:"code,omitempty"`
	// +optional
	Message *string `json:"message,omitempty"`
}

// Cluster is an EKS control plane.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
type Cluster struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   ClusterSpec   `json:"spec,omitempty"`
	Status ClusterStatus `json:"status,omitempty"`
}

// ClusterSpec is a cluster's desired state.
type ClusterSpec struct {
	Name *string `json:"name,omitempty"`
	// +optional
	Version *string `json:"version,omitempty"`
	// +optional
	RoleARN *string `json:"roleARN,omitempty"`
	// +optional
	AccessConfig *AccessConfig `json:"accessConfig,omitempty"`
	// +optional
	BootstrapSelfManagedAddons *bool `json:"bootstrapSelfManagedAddons,omitempty"`
	// +optional
	DeletionProtection *bool     `json:"deletionProtection,omitempty"`
	ResourcesVPCConfig VPCConfig `json:"resourcesVPCConfig"`
	// +optional
	Logging *Logging `json:"logging,omitempty"`
	// +optional
	UpgradePolicy *UpgradePolicy `json:"upgradePolicy,omitempty"`
	// +optional
	Tags map[string]*string `json:"tags,omitempty"`
}

// AccessConfig says how principals are authenticated.
type AccessConfig struct {
	// +optional
	AuthenticationMode *string `json:"authenticationMode,omitempty"`
	// +optional
	BootstrapClusterCreatorAdminPermissions *bool `json:"bootstrapClusterCreatorAdminPermissions,omitempty"`
}

// VPCConfig is where the control plane's interfaces are and who may reach the API.
type VPCConfig struct {
	// +optional
	EndpointPrivateAccess *bool `json:"endpointPrivateAccess,omitempty"`
	// +optional
	EndpointPublicAccess *bool `json:"endpointPublicAccess,omitempty"`
	// +optional
	PublicAccessCIDRs []*string `json:"publicAccessCIDRs,omitempty"`
	// +optional
	SubnetIDs []*string `json:"subnetIDs,omitempty"`
}

// Logging says which of the control plane's logs go to CloudWatch. ACK compares the
// list as it stands, so it names the types that are off as well.
type Logging struct {
	// +optional
	ClusterLogging []LogSetup `json:"clusterLogging,omitempty"`
}

// LogSetup turns types of logs on or off.
type LogSetup struct {
	// +optional
	Enabled *bool `json:"enabled,omitempty"`
	// +optional
	Types []*string `json:"types,omitempty"`
}

// UpgradePolicy says what happens at the end of a version's standard support.
type UpgradePolicy struct {
	// +optional
	SupportType *string `json:"supportType,omitempty"`
}

// ClusterStatus is a cluster's observed state.
type ClusterStatus struct {
	Observed `json:",inline"`
	// +optional
	Status *string `json:"status,omitempty"`
	// +optional
	Endpoint *string `json:"endpoint,omitempty"`
	// +optional
	CertificateAuthority *CertificateAuthority `json:"certificateAuthority,omitempty"`
	// +optional
	Health *Health `json:"health,omitempty"`
}

// CertificateAuthority signs the API server's certificate.
type CertificateAuthority struct {
	// Data is base64-encoded PEM.
	// +optional
	Data *string `json:"data,omitempty"`
}

// ClusterList is a list of Clusters.
//
// +kubebuilder:object:root=true
type ClusterList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Cluster `json:"items"`
}

// Nodegroup is a managed node group.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
type Nodegroup struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   NodegroupSpec   `json:"spec,omitempty"`
	Status NodegroupStatus `json:"status,omitempty"`
}

// NodegroupSpec is a node group's desired state.
type NodegroupSpec struct {
	Name *string `json:"name,omitempty"`
	// +optional
	ClusterName *string `json:"clusterName,omitempty"`
	// +optional
	NodeRole *string `json:"nodeRole,omitempty"`
	// +optional
	Subnets []*string `json:"subnets,omitempty"`
	// +optional
	AMIType *string `json:"amiType,omitempty"`
	// +optional
	CapacityType *string `json:"capacityType,omitempty"`
	// +optional
	DiskSize *int64 `json:"diskSize,omitempty"`
	// Version of Kubernetes. Changing it needs releaseVersion, which ACK wrote at the creation, to go.
	// +optional
	Version *string `json:"version,omitempty"`
	// +optional
	InstanceTypes []*string `json:"instanceTypes,omitempty"`
	// +optional
	ScalingConfig *ScalingConfig `json:"scalingConfig,omitempty"`
	// +optional
	Labels map[string]*string `json:"labels,omitempty"`
	// +optional
	Taints []Taint `json:"taints,omitempty"`
	// +optional
	Tags map[string]*string `json:"tags,omitempty"`
}

// ScalingConfig bounds the number of nodes.
type ScalingConfig struct {
	// +optional
	MinSize *int64 `json:"minSize,omitempty"`
	// +optional
	MaxSize *int64 `json:"maxSize,omitempty"`
	// +optional
	DesiredSize *int64 `json:"desiredSize,omitempty"`
}

// Taint in EKS's spelling: the effect is NO_SCHEDULE, NO_EXECUTE or PREFER_NO_SCHEDULE.
type Taint struct {
	// +optional
	Key *string `json:"key,omitempty"`
	// +optional
	Value *string `json:"value,omitempty"`
	// +optional
	Effect *string `json:"effect,omitempty"`
}

// NodegroupStatus is a node group's observed state.
type NodegroupStatus struct {
	Observed `json:",inline"`
	// +optional
	Status *string `json:"status,omitempty"`
	// +optional
	DesiredSize *int64 `json:"desiredSize,omitempty"`
	// +optional
	Health *Health `json:"health,omitempty"`
}

// NodegroupList is a list of Nodegroups.
//
// +kubebuilder:object:root=true
type NodegroupList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Nodegroup `json:"items"`
}

// Addon is an EKS add-on.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
type Addon struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   AddonSpec   `json:"spec,omitempty"`
	Status AddonStatus `json:"status,omitempty"`
}

// AddonSpec is an add-on's desired state.
type AddonSpec struct {
	Name *string `json:"name,omitempty"`
	// +optional
	ClusterName *string `json:"clusterName,omitempty"`
	// +optional
	AddonVersion *string `json:"addonVersion,omitempty"`
	// +optional
	ResolveConflicts *string `json:"resolveConflicts,omitempty"`
	// +optional
	ConfigurationValues *string `json:"configurationValues,omitempty"`
	// +optional
	Tags map[string]*string `json:"tags,omitempty"`
}

// AddonStatus is an add-on's observed state.
type AddonStatus struct {
	Observed `json:",inline"`
	// +optional
	Status *string `json:"status,omitempty"`
	// +optional
	Health *Health `json:"health,omitempty"`
}

// AddonList is a list of Addons.
//
// +kubebuilder:object:root=true
type AddonList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Addon `json:"items"`
}

// AccessEntry lets an IAM principal use the cluster's API.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:path=accessentries
type AccessEntry struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   AccessEntrySpec   `json:"spec,omitempty"`
	Status AccessEntryStatus `json:"status,omitempty"`
}

// AccessEntrySpec is an access entry's desired state.
type AccessEntrySpec struct {
	PrincipalARN *string `json:"principalARN,omitempty"`
	// +optional
	ClusterName *string `json:"clusterName,omitempty"`
	// +optional
	Type *string `json:"type,omitempty"`
	// +optional
	AccessPolicies []AccessPolicy `json:"accessPolicies,omitempty"`
	// +optional
	Tags map[string]*string `json:"tags,omitempty"`
}

// AccessPolicy grants an EKS access policy. ACK panics when either field is absent.
type AccessPolicy struct {
	// +optional
	PolicyARN *string `json:"policyARN,omitempty"`
	// +optional
	AccessScope *AccessScope `json:"accessScope,omitempty"`
}

// AccessScope is cluster or namespace.
type AccessScope struct {
	// +optional
	Type *string `json:"type,omitempty"`
	// Namespaces are those of a scope of type namespace.
	// +optional
	Namespaces []*string `json:"namespaces,omitempty"`
}

// AccessEntryStatus is an access entry's observed state.
type AccessEntryStatus struct {
	Observed `json:",inline"`
}

// AccessEntryList is a list of AccessEntries.
//
// +kubebuilder:object:root=true
type AccessEntryList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []AccessEntry `json:"items"`
}

// PodIdentityAssociation gives a service account's pods an IAM role.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
type PodIdentityAssociation struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   PodIdentityAssociationSpec   `json:"spec,omitempty"`
	Status PodIdentityAssociationStatus `json:"status,omitempty"`
}

// PodIdentityAssociationSpec is an association's desired state.
type PodIdentityAssociationSpec struct {
	// +optional
	ClusterName    *string `json:"clusterName,omitempty"`
	Namespace      *string `json:"namespace,omitempty"`
	ServiceAccount *string `json:"serviceAccount,omitempty"`
	// +optional
	RoleARN *string `json:"roleARN,omitempty"`
	// +optional
	Tags map[string]*string `json:"tags,omitempty"`
}

// PodIdentityAssociationStatus is an association's observed state.
type PodIdentityAssociationStatus struct {
	Observed `json:",inline"`
	// +optional
	AssociationID *string `json:"associationID,omitempty"`
	// +optional
	AssociationARN *string `json:"associationARN,omitempty"`
}

// PodIdentityAssociationList is a list of PodIdentityAssociations.
//
// +kubebuilder:object:root=true
type PodIdentityAssociationList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []PodIdentityAssociation `json:"items"`
}
