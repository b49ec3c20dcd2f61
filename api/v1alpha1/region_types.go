package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// AWSRegion is an AWS region code.
// +kubebuilder:validation:Enum=af-south-1;ap-east-1;ap-east-2;ap-northeast-1;ap-northeast-2;ap-northeast-3;ap-south-1;ap-south-2;ap-southeast-1;ap-southeast-2;ap-southeast-3;ap-southeast-4;ap-southeast-5;ap-southeast-6;ap-southeast-7;ca-central-1;ca-west-1;eu-central-1;eu-central-2;eu-north-1;eu-south-1;eu-south-2;eu-west-1;eu-west-2;eu-west-3;il-central-1;me-central-1;me-south-1;mx-central-1;sa-east-1;us-east-1;us-east-2;us-west-1;us-west-2;us-gov-east-1;us-gov-west-1;cn-north-1;cn-northwest-1
type AWSRegion string

// RegionSpec declares one AWS region of an environment. Everything else about
// the region follows from its profile.
//
// +kubebuilder:validation:XValidation:rule="has(oldSelf.cidr) == has(self.cidr)",message="cidr cannot be added or removed later: create a new Region beside this one and delete this one"
type RegionSpec struct {
	// environmentRef names the Environment, in the same namespace.
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="environmentRef is immutable"
	// +required
	EnvironmentRef LocalReference `json:"environmentRef"`

	// awsRegion is the AWS region code, for example eu-west-1.
	// It never changes: to move, create a new Region and delete this one.
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="awsRegion is immutable: create a new Region and delete this one"
	// +required
	AWSRegion AWSRegion `json:"awsRegion"`

	// profile of the environment that says what the region contains.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +required
	Profile string `json:"profile"`

	// cidr overrides the environment's address plan.
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="cidr is immutable"
	// +optional
	CIDR VPCCIDR `json:"cidr,omitempty"`

	// nodeGroups are sizes that differ in this region from the profile's, by name.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	// +optional
	NodeGroups []NodeGroupSize `json:"nodeGroups,omitempty"`

	// managementPolicy Observe plans the region and reports what would be created and
	// changed, but writes nothing anywhere.
	// +kubebuilder:default=Manage
	// +optional
	ManagementPolicy ManagementPolicy `json:"managementPolicy,omitempty"`

	// paused leaves everything as it is until it is set to false. It never blocks deletion.
	// +optional
	Paused bool `json:"paused,omitempty"`

	// deletionPolicy Retain makes the deletion of this Region forget it: everything in AWS, in
	// its cluster and in Argo CD stays as it is, and a Region of the same name takes it over.
	// +kubebuilder:default=Delete
	// +optional
	DeletionPolicy DeletionPolicy `json:"deletionPolicy,omitempty"`
}

// ManagementPolicy says whether Portolan acts on what it sees.
// +kubebuilder:validation:Enum=Manage;Observe
type ManagementPolicy string

// Management policies.
const (
	ManagementManage  ManagementPolicy = "Manage"
	ManagementObserve ManagementPolicy = "Observe"
)

// NodeGroupSize is a node group's size in one region.
// +kubebuilder:validation:XValidation:rule="!has(self.min) || !has(self.max) || self.min <= self.max",message="min must not exceed max"
type NodeGroupSize struct {
	// name of a node group of the profile.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=40
	// +required
	Name string `json:"name"`

	// min is the smallest number of nodes. Default: the profile's.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=450
	// +optional
	Min *int32 `json:"min,omitempty"`

	// max is the largest number of nodes. Default: the profile's.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=450
	// +optional
	Max *int32 `json:"max,omitempty"`

	// desired is the number of nodes to begin with. Default: the profile's.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=450
	// +optional
	Desired *int32 `json:"desired,omitempty"`
}

// RegionStatus is what Portolan recorded and saw.
type RegionStatus struct {
	// conditions, one for each step; Ready is their summary.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation that the status describes.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// roleARN is the role that Portolan assumed for the region, recorded so that the
	// region can be deleted when the environment is gone.
	// +optional
	RoleARN string `json:"roleARN,omitempty"`

	// argoMode says where the region's Argo CD is, recorded so that its Applications can be
	// deleted when the environment is gone.
	// +optional
	ArgoMode ArgoCDMode `json:"argoMode,omitempty"`

	// profileRevision is the revision of the profile that the region was last Ready with:
	// "<profile>-<hash>".
	// +kubebuilder:validation:MaxLength=80
	// +optional
	ProfileRevision string `json:"profileRevision,omitempty"`

	// deletion is how far the region is taken down.
	// +optional
	Deletion *RegionDeletion `json:"deletion,omitempty"`

	// plan is what the region consists of, and what was found before anything was created.
	// +optional
	Plan *RegionPlan `json:"plan,omitempty"`

	// drift is how AWS differs from the plan: what managementPolicy Observe would create or
	// change, else what somebody edited or deleted in AWS and is being put right.
	// +listType=map
	// +listMapKey=object
	// +kubebuilder:validation:MaxItems=256
	// +optional
	Drift []Drift `json:"drift,omitempty"`

	// network is the region's addresses and VPC.
	// +optional
	Network *RegionNetwork `json:"network,omitempty"`

	// cluster is the region's EKS cluster.
	// +optional
	Cluster *RegionCluster `json:"cluster,omitempty"`

	// secrets is the replication state of each secret of the profile.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=256
	// +optional
	Secrets []SecretStatus `json:"secrets,omitempty"`

	// certificates is the state of each certificate of the profile.
	// +listType=map
	// +listMapKey=domain
	// +kubebuilder:validation:MaxItems=256
	// +optional
	Certificates []CertificateStatus `json:"certificates,omitempty"`

	// bootstrap is the state of each item of the profile's bootstrap list.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=256
	// +optional
	Bootstrap []BootstrapStatus `json:"bootstrap,omitempty"`

	// traffic is the state of each entry of the profile's globalTraffic.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=128
	// +optional
	Traffic []TrafficStatus `json:"traffic,omitempty"`

	// restartedPods counts pods that were evicted because they had started before
	// their pod identity was effective.
	// +optional
	RestartedPods int32 `json:"restartedPods,omitempty"`

	// applications counts the profile's applications by health.
	// +optional
	Applications *ApplicationsStatus `json:"applications,omitempty"`

	// rings is the region's part in each ring that selects it.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=64
	// +optional
	Rings []RingStatus `json:"rings,omitempty"`

	// joinedRings is "converged/all" of the rings that select the region.
	// +optional
	JoinedRings string `json:"joinedRings,omitempty"`

	// steps records when each step began and when it was first done.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	// +optional
	Steps []StepTimes `json:"steps,omitempty"`
}

// RegionNetwork is what the region occupies.
type RegionNetwork struct {
	// cidr is the block allocated to the region; it never changes.
	// +kubebuilder:validation:MaxLength=18
	// +optional
	CIDR string `json:"cidr,omitempty"`

	// zones are the availability zones in use, fixed at the first plan.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=6
	// +optional
	Zones []string `json:"zones,omitempty"`

	// vpcID is the VPC's ID.
	// +optional
	VPCID string `json:"vpcID,omitempty"`

	// gossipSecurityGroupID is the ID of the gossip security group, where there is one.
	// +optional
	GossipSecurityGroupID string `json:"gossipSecurityGroupID,omitempty"`

	// subnetIDs are the IDs of all subnets, private ones first.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	// +optional
	SubnetIDs []string `json:"subnetIDs,omitempty"`

	// natAddresses are the public addresses from which the region's nodes reach the outside: those
	// of its NAT gateways, in IPv4, sorted.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	// +optional
	NATAddresses []string `json:"natAddresses,omitempty"`

	// natGatewayIDs are the IDs of all NAT gateways. AWS goes on deleting them after
	// their ACK objects are gone.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=128
	// +optional
	NATGatewayIDs []string `json:"natGatewayIDs,omitempty"`
}

// RegionCluster is the region's EKS cluster.
type RegionCluster struct {
	// name of the EKS cluster.
	// +optional
	Name string `json:"name,omitempty"`
	// arn of the EKS cluster.
	// +optional
	ARN string `json:"arn,omitempty"`
	// endpoint of the Kubernetes API.
	// +optional
	Endpoint string `json:"endpoint,omitempty"`
	// version of the control plane.
	// +optional
	Version string `json:"version,omitempty"`
	// status in EKS's words: CREATING, ACTIVE …
	// +optional
	Status string `json:"status,omitempty"`
	// nodeGroups are the names of all node groups. AWS goes on deleting them after
	// their ACK objects are gone.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=128
	// +optional
	NodeGroups []string `json:"nodeGroups,omitempty"`
}

// SecretStatus is the replication state of one secret.
type SecretStatus struct {
	// name of the secret.
	// +required
	Name string `json:"name"`
	// state in AWS's words: InSync, InProgress, Failed; Primary where the original is,
	// Missing when there is none, Kept when the profile does not list the secret any more.
	// +optional
	State string `json:"state,omitempty"`
	// primaryRegion is where the secret is replicated from, recorded so that the copy can
	// be removed when the environment is gone.
	// +optional
	PrimaryRegion AWSRegion `json:"primaryRegion,omitempty"`
	// message of AWS, when it failed.
	// +optional
	Message string `json:"message,omitempty"`
}

// ApplicationsStatus counts applications.
type ApplicationsStatus struct {
	// total is the number of applications of the profile.
	// +optional
	Total int32 `json:"total,omitempty"`
	// healthy is how many run healthily at their pinned revision.
	// +optional
	Healthy int32 `json:"healthy,omitempty"`
	// blocked lists those that do not, with the reason.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=256
	// +optional
	Blocked []BlockedApplication `json:"blocked,omitempty"`
}

// BlockedApplication is an application that is not healthy at its pin.
type BlockedApplication struct {
	// name of the application.
	// +required
	Name string `json:"name"`
	// reason it is not healthy.
	// +required
	Reason string `json:"reason"`
}

// RingStatus is the region's part in one ring.
type RingStatus struct {
	// name of the GossipRing.
	// +required
	Name string `json:"name"`
	// state of the region in the ring.
	// +required
	State MemberState `json:"state"`
}

// StepTimes are the moments at which a step began and was first done.
type StepTimes struct {
	// name is the step's condition type.
	// +required
	Name string `json:"name"`
	// startedAt is when the step first had something to do and could begin.
	// +optional
	StartedAt *metav1.Time `json:"startedAt,omitempty"`
	// finishedAt is when the step was first done.
	// +optional
	FinishedAt *metav1.Time `json:"finishedAt,omitempty"`
}

// RegionFinalizer keeps a Region until nothing of it is left in AWS.
const RegionFinalizer = "portolan.dev/region"

// Region is one AWS region of an environment, with exactly one EKS cluster.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:categories=portolan
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 40",message="a Region's name is at most 40 characters: names in AWS derive from it"
// +kubebuilder:printcolumn:name="Environment",type=string,JSONPath=`.spec.environmentRef.name`
// +kubebuilder:printcolumn:name="AWS Region",type=string,JSONPath=`.spec.awsRegion`
// +kubebuilder:printcolumn:name="Profile",type=string,JSONPath=`.spec.profile`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Version",type=string,JSONPath=`.status.cluster.version`
// +kubebuilder:printcolumn:name="CIDR",type=string,JSONPath=`.status.network.cidr`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Waits for",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
// +kubebuilder:printcolumn:name="Apps",type=integer,priority=1,JSONPath=`.status.applications.healthy`
// +kubebuilder:printcolumn:name="Rings",type=string,priority=1,JSONPath=`.status.joinedRings`
// +kubebuilder:printcolumn:name="Revision",type=string,priority=1,JSONPath=`.status.profileRevision`
// +kubebuilder:printcolumn:name="Endpoint",type=string,priority=1,JSONPath=`.status.cluster.endpoint`
type Region struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the region that is wanted.
	// +required
	Spec RegionSpec `json:"spec"`
	// status is written by Portolan only.
	// +optional
	Status RegionStatus `json:"status,omitempty"`
}

// RegionList is a list of Regions.
//
// +kubebuilder:object:root=true
type RegionList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Region `json:"items"`
}

// GetConditions returns the status conditions.
func (r *Region) GetConditions() *[]metav1.Condition { return &r.Status.Conditions }
