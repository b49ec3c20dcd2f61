package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// GossipRingSpec declares the gossip members of one workload across the regions
// of an environment.
type GossipRingSpec struct {
	// environmentRef names the Environment, in the same namespace.
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="environmentRef is immutable"
	// +required
	EnvironmentRef LocalReference `json:"environmentRef"`

	// profiles select the Regions that are members. Default: all of the environment.
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=63
	// +optional
	Profiles []string `json:"profiles,omitempty"`

	// service of type LoadBalancer through which other regions reach a region's members.
	// +required
	Service ServiceReference `json:"service"`

	// endpoint is the name that peers use as the seed. Default: the load balancer's own name.
	// +optional
	Endpoint *RingEndpoint `json:"endpoint,omitempty"`

	// workload finds the member pods and the seeds that they really run with.
	// +required
	Workload RingWorkload `json:"workload"`

	// membership is the metric in which each pod counts the members it sees.
	// +required
	Membership MembershipMetric `json:"membership"`

	// rollout paces changes of seeds, which restart pods.
	// +optional
	Rollout RingRollout `json:"rollout,omitzero"`
}

// ServiceReference names a Service in every regional cluster.
type ServiceReference struct {
	// namespace of the Service.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +required
	Namespace string `json:"namespace"`
	// name of the Service.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +required
	Name string `json:"name"`
}

// RingEndpoint is the friendly name of each region's load balancer.
type RingEndpoint struct {
	// hostname is a template; .environment, .region (the AWS region) and .name (the
	// Region's name) are known, for example "unkey-api-gossip.{{ .region }}.aws.unkey.cloud".
	// It must lie in a zone of the environment.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	Hostname string `json:"hostname"`

	// fallback is what to use while the name is not registered: the load balancer's
	// own name, or nothing. Each switch restarts the peers' pods.
	// +kubebuilder:validation:Enum=LoadBalancer;None
	// +kubebuilder:default=None
	// +optional
	Fallback EndpointFallback `json:"fallback,omitempty"`
}

// EndpointFallback says what stands in for a name that is not registered.
type EndpointFallback string

// Endpoint fallbacks.
const (
	FallbackLoadBalancer EndpointFallback = "LoadBalancer"
	FallbackNone         EndpointFallback = "None"
)

// RingWorkload finds the pods of the ring in a regional cluster, in the Service's namespace.
type RingWorkload struct {
	// matchLabels selects the pods.
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=16
	// +required
	MatchLabels map[string]string `json:"matchLabels"`

	// env is the environment variable that carries the seeds into the pods.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +required
	Env string `json:"env"`
}

// MembershipMetric is a gauge that each pod exports: the number of ring members it sees, itself included.
// A region's view is the largest among its pods, because only the elected bridge is a member.
type MembershipMetric struct {
	// port of the pods' metrics endpoint.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	// +required
	Port int32 `json:"port"`

	// path of the metrics endpoint.
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:default=/metrics
	// +optional
	Path string `json:"path,omitempty"`

	// metric is the gauge's name.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +required
	Metric string `json:"metric"`

	// labels that the sample must carry.
	// +kubebuilder:validation:MaxProperties=8
	// +optional
	Labels map[string]string `json:"labels,omitempty"`
}

// RingRollout paces the change of seeds.
type RingRollout struct {
	// maxConcurrentRegions is how many regions may be restarting their members because
	// of a changed seed at the same time. Each must have converged before the next begins.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=256
	// +kubebuilder:default=1
	// +optional
	MaxConcurrentRegions int32 `json:"maxConcurrentRegions,omitempty"`
}

// MemberState is how far a region has come as a member of a ring.
type MemberState string

// Member states.
const (
	// MemberPending has no endpoint yet.
	MemberPending MemberState = "Pending"
	// MemberEndpointReady has an endpoint that peers can use, but its pods do not run with their seeds yet.
	MemberEndpointReady MemberState = "EndpointReady"
	// MemberSeeded runs with its seeds but does not see the whole ring.
	MemberSeeded MemberState = "Seeded"
	// MemberConverged sees every member that was converged before; a newcomer sees all that
	// take part. It may still be waiting for its turn to get new seeds.
	MemberConverged MemberState = "Converged"
	// MemberIsolated runs with seeds and sees nobody but itself.
	MemberIsolated MemberState = "Isolated"
	// MemberLeaving is being deleted; peers are dropping its seed.
	MemberLeaving MemberState = "Leaving"
	// MemberLeft is in no peer's seeds any more.
	MemberLeft MemberState = "Left"
	// MemberUnknown cannot be observed. Nothing that was known about it is forgotten.
	MemberUnknown MemberState = "Unknown"
)

// EndpointSource says where an endpoint's name came from.
type EndpointSource string

// Endpoint sources.
const (
	// EndpointFromHostname is the friendly name, seen to lead to the load balancer.
	EndpointFromHostname EndpointSource = "Hostname"
	// EndpointFromLoadBalancer is the load balancer's own name.
	EndpointFromLoadBalancer EndpointSource = "LoadBalancer"
)

// RingMember is a region's part in the ring.
type RingMember struct {
	// region is the Region's name.
	// +required
	Region string `json:"region"`
	// state of the member.
	// +required
	State MemberState `json:"state"`
	// endpoint that peers use as the seed, once it was seen to work.
	// +optional
	Endpoint string `json:"endpoint,omitempty"`
	// source of the endpoint.
	// +optional
	Source EndpointSource `json:"source,omitempty"`
	// membersSeen is the member's own count of the ring.
	// +optional
	MembersSeen *int32 `json:"membersSeen,omitempty"`
	// desiredSeeds is what the member should run with.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	// +optional
	DesiredSeeds []string `json:"desiredSeeds,omitempty"`
	// appliedSeeds is what the member's running pods were seen to have.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	// +optional
	AppliedSeeds []string `json:"appliedSeeds,omitempty"`
	// message says what the member waits for.
	// +optional
	Message string `json:"message,omitempty"`
	// joinedAt is when the member was first seen to be converged.
	// +optional
	JoinedAt *metav1.Time `json:"joinedAt,omitempty"`
	// lastTransitionTime is when the state last changed.
	// +optional
	LastTransitionTime metav1.Time `json:"lastTransitionTime,omitzero"`
}

// GossipRingStatus is what was seen of the ring.
type GossipRingStatus struct {
	// conditions: EndpointsReady, SeedsPropagated, Converged, Ready.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation that the status describes.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// members are the regions of the ring, by name.
	// +listType=map
	// +listMapKey=region
	// +kubebuilder:validation:MaxItems=256
	// +optional
	Members []RingMember `json:"members,omitempty"`

	// convergedMembers is "converged/all".
	// +optional
	ConvergedMembers string `json:"convergedMembers,omitempty"`

	// convergedAt is when the ring last became whole.
	// +optional
	ConvergedAt *metav1.Time `json:"convergedAt,omitempty"`
}

// Conditions of a GossipRing.
const (
	// RingEndpointsReady is True when every member has an endpoint that peers can use.
	RingEndpointsReady = "EndpointsReady"
	// RingSeedsPropagated is True when the pods of every member run with the right seeds.
	RingSeedsPropagated = "SeedsPropagated"
	// RingConverged is True when every member sees every member.
	RingConverged = "Converged"
)

// Reasons of a GossipRing's conditions.
const (
	// ReasonWaitingForEndpoints means members have no usable name yet.
	ReasonWaitingForEndpoints = "WaitingForEndpoints"
	// ReasonRollingSeeds means seeds are being rolled out, region by region.
	ReasonRollingSeeds = "RollingSeeds"
	// ReasonNotConverged means members do not all see each other.
	ReasonNotConverged = "NotConverged"
	// ReasonMembersUnknown means some members cannot be observed.
	ReasonMembersUnknown = "MembersUnknown"
	// ReasonInvalidHostname means the endpoint's template does not render or lies in none of the environment's zones.
	ReasonInvalidHostname = "InvalidHostname"
	// ReasonNoMembers means no Region is selected.
	ReasonNoMembers = "NoMembers"
)

// GossipRing connects the gossip members of one workload across regions. Ready
// means that every region was seen to be connected, not that seeds were written.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=ring,categories=portolan
// +kubebuilder:printcolumn:name="Members",type=string,JSONPath=`.status.convergedMembers`
// +kubebuilder:printcolumn:name="Converged",type=string,JSONPath=`.status.conditions[?(@.type=="Converged")].status`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
// +kubebuilder:printcolumn:name="Waits for",type=string,priority=1,JSONPath=`.status.conditions[?(@.type=="Ready")].message`
type GossipRing struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is the ring that is wanted.
	// +required
	Spec GossipRingSpec `json:"spec"`
	// status is written by Portolan only.
	// +optional
	Status GossipRingStatus `json:"status,omitempty"`
}

// GossipRingList is a list of GossipRings.
//
// +kubebuilder:object:root=true
type GossipRingList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []GossipRing `json:"items"`
}

// GetConditions returns the status conditions.
func (g *GossipRing) GetConditions() *[]metav1.Condition { return &g.Status.Conditions }
