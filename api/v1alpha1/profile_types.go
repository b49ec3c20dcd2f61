package v1alpha1

// Profile is what a region of one class contains.
// +kubebuilder:validation:XValidation:rule="!has(self.extends) || self.extends != self.name",message="a profile cannot extend itself"
type Profile struct {
	// name by which Regions and GossipRings select the profile.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +required
	Name string `json:"name"`

	// extends names a profile whose content this one adds to. Lists merge by name,
	// with this profile's entries winning.
	// +kubebuilder:validation:MaxLength=63
	// +optional
	Extends string `json:"extends,omitempty"`

	// kubernetesVersion of the control plane, for example "1.34". EKS creates node groups
	// with the version that the control plane has at that moment.
	// Required here or in a profile that this one extends.
	// +kubebuilder:validation:Pattern=`^1\.[0-9]{2}$`
	// +optional
	KubernetesVersion string `json:"kubernetesVersion,omitempty"`

	// controlPlane says how the API server is reached, logged and protected.
	// +optional
	ControlPlane *ControlPlane `json:"controlPlane,omitempty"`

	// nodeGroups are the managed node groups.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	// +optional
	NodeGroups []NodeGroup `json:"nodeGroups,omitempty"`

	// addons are the EKS add-ons.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	// +optional
	Addons []Addon `json:"addons,omitempty"`

	// podIdentities give the pods of service accounts an IAM role, before the first
	// application starts. Entries merge by namespace and serviceAccount.
	// +listType=map
	// +listMapKey=namespace
	// +listMapKey=serviceAccount
	// +kubebuilder:validation:MaxItems=64
	// +optional
	PodIdentities []PodIdentity `json:"podIdentities,omitempty"`

	// buckets are private S3 buckets in the region. They are kept when the Region is deleted.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	// +optional
	Buckets []Bucket `json:"buckets,omitempty"`

	// certificates are ACM certificates in the region, validated through DNS.
	// +listType=map
	// +listMapKey=domain
	// +kubebuilder:validation:MaxItems=16
	// +optional
	Certificates []Certificate `json:"certificates,omitempty"`

	// bootstrap is installed into the cluster in this order before Argo CD is told of it:
	// CRDs, the load balancer controller and whatever else applications take for granted.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	// +optional
	Bootstrap []BootstrapItem `json:"bootstrap,omitempty"`

	// globalTraffic attaches load balancers of the region to AWS Global Accelerator.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	// +optional
	GlobalTraffic []GlobalTraffic `json:"globalTraffic,omitempty"`

	// applications are expected to become healthy in the region. Their
	// ApplicationSets are the user's; see docs/argocd.md.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	// +optional
	Applications []Application `json:"applications,omitempty"`

	// secrets are replicated from spec.secrets.primaryRegion, by name.
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=512
	// +optional
	Secrets []string `json:"secrets,omitempty"`
}

// NodeGroup is an EKS managed node group.
// +kubebuilder:validation:XValidation:rule="self.min <= self.max",message="min must not exceed max"
// +kubebuilder:validation:XValidation:rule="!has(self.desired) || (self.min <= self.desired && self.desired <= self.max)",message="desired must lie between min and max"
type NodeGroup struct {
	// name of the group.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +required
	Name string `json:"name"`

	// instanceTypes that EKS may choose from, for example c7a.xlarge.
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=20
	// +kubebuilder:validation:items:MaxLength=32
	// +required
	InstanceTypes []string `json:"instanceTypes"`

	// min is the smallest number of nodes.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=450
	// +required
	Min int32 `json:"min"`

	// max is the largest number of nodes.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=450
	// +required
	Max int32 `json:"max"`

	// desired is the number of nodes to begin with; from then on it is an autoscaler's to
	// change. Default: min.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=450
	// +optional
	Desired *int32 `json:"desired,omitempty"`

	// capacityType of the instances. It never changes: AWS does not change it in place.
	// +kubebuilder:default=OnDemand
	// +optional
	CapacityType CapacityType `json:"capacityType,omitempty"`

	// amiType is EKS's name of the machine image, for example AL2023_ARM_64_STANDARD or
	// BOTTLEROCKET_x86_64. Default: EKS chooses by instance type.
	// +kubebuilder:validation:Pattern=`^[A-Za-z0-9_]+$`
	// +kubebuilder:validation:MaxLength=64
	// +optional
	AMIType string `json:"amiType,omitempty"`

	// diskSize of each node in GiB. Default: EKS's, 20.
	// +kubebuilder:validation:Minimum=10
	// +kubebuilder:validation:Maximum=16384
	// +optional
	DiskSize int32 `json:"diskSize,omitempty"`

	// labels of the nodes.
	// +kubebuilder:validation:MaxProperties=32
	// +optional
	Labels map[string]string `json:"labels,omitempty"`

	// taints of the nodes.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	// +optional
	Taints []Taint `json:"taints,omitempty"`
}

// CapacityType says how instances are paid for.
// +kubebuilder:validation:Enum=OnDemand;Spot
type CapacityType string

// Capacity types.
const (
	CapacityOnDemand CapacityType = "OnDemand"
	CapacitySpot     CapacityType = "Spot"
)

// Taint keeps pods without a matching toleration off a node group.
type Taint struct {
	// key of the taint.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +required
	Key string `json:"key"`

	// value of the taint.
	// +kubebuilder:validation:MaxLength=63
	// +optional
	Value string `json:"value,omitempty"`

	// effect in Kubernetes' spelling.
	// +kubebuilder:validation:Enum=NoSchedule;NoExecute;PreferNoSchedule
	// +required
	Effect string `json:"effect"`
}

// Addon is an EKS add-on.
type Addon struct {
	// name as EKS knows it, for example vpc-cni.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=100
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +required
	Name string `json:"name"`

	// version of the add-on. Default: EKS chooses the one for the cluster's version.
	// +kubebuilder:validation:MaxLength=64
	// +optional
	Version string `json:"version,omitempty"`

	// tolerations of the add-on's pods, from its first second. They are merged into
	// configuration at the place where this add-on reads them. Default: everything is tolerated
	// by coredns, eks-pod-identity-agent, metrics-server and aws-ebs-csi-driver, unless
	// configuration says otherwise; vpc-cni and kube-proxy tolerate everything by themselves.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	// +optional
	Tolerations []Toleration `json:"tolerations,omitempty"`

	// configuration is the add-on's configurationValues, a JSON object, for example
	// '{"replicaCount":3}'.
	// +kubebuilder:validation:MaxLength=16384
	// +optional
	Configuration string `json:"configuration,omitempty"`
}

// Application is an Argo CD Application that a region is expected to run.
type Application struct {
	// name of the application, without environment or region.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +required
	Name string `json:"name"`
}
