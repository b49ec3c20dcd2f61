package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

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
	// MemberLeaving is being deleted, gone, or not selected any more; peers are dropping its seed.
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
	// uid of the Region: another one of that name starts anew.
	// +optional
	UID types.UID `json:"uid,omitempty"`
	// awsRegion in which it lies.
	// +optional
	AWSRegion AWSRegion `json:"awsRegion,omitempty"`
	// state of the member.
	// +required
	State MemberState `json:"state"`
	// endpoint that peers use as the seed, once it was seen to work.
	// +optional
	Endpoint string `json:"endpoint,omitempty"`
	// source of the endpoint.
	// +optional
	Source EndpointSource `json:"source,omitempty"`
	// addresses that the endpoint was last seen to have; none when its load balancer's own name was
	// not looked up.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	// +optional
	Addresses []string `json:"addresses,omitempty"`
	// healthyTargets of the load balancer's target group that has the fewest.
	// +optional
	HealthyTargets *int32 `json:"healthyTargets,omitempty"`
	// membersSeen is the member's own count of the ring.
	// +optional
	MembersSeen *int32 `json:"membersSeen,omitempty"`
	// keyVersion is the version of the ring's key that the region's copy of the secret has.
	// +optional
	KeyVersion string `json:"keyVersion,omitempty"`
	// desiredSeeds is what the member should run with. Rings of more than 16 members list no
	// seeds, see the hashes.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	// +optional
	DesiredSeeds []string `json:"desiredSeeds,omitempty"`
	// appliedSeeds is what the member's running pods were seen to have.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=16
	// +optional
	AppliedSeeds []string `json:"appliedSeeds,omitempty"`
	// desiredSeedsHash tells lists of seeds apart.
	// +optional
	DesiredSeedsHash string `json:"desiredSeedsHash,omitempty"`
	// writtenSeedsHash equals desiredSeedsHash once the right seeds are where the pods take them from.
	// +optional
	WrittenSeedsHash string `json:"writtenSeedsHash,omitempty"`
	// appliedSeedsHash equals desiredSeedsHash when the running pods have the right seeds. An
	// Unknown member keeps the one with which it was last seen to be converged.
	// +optional
	AppliedSeedsHash string `json:"appliedSeedsHash,omitempty"`
	// missingSeeds are the first of those that the running pods lack.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	// +optional
	MissingSeeds []string `json:"missingSeeds,omitempty"`
	// unexpectedSeeds are the first of those that the running pods should not have.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	// +optional
	UnexpectedSeeds []string `json:"unexpectedSeeds,omitempty"`
	// seedsWrittenAt is when its seeds were last changed, or may have been: the answer was lost.
	// +optional
	SeedsWrittenAt *metav1.Time `json:"seedsWrittenAt,omitempty"`
	// changingSince is since when its pods restart, or are not connected again: meanwhile, it has a turn
	// of the rollout. Absent while it is settled.
	// +optional
	ChangingSince *metav1.Time `json:"changingSince,omitempty"`
	// droppedAt is when no peer had the seed of a leaving member any more: from then on, its
	// workload may go.
	// +optional
	DroppedAt *metav1.Time `json:"droppedAt,omitempty"`
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

// RingPartition is a part of a ring that has split.
type RingPartition struct {
	// members that see each other, by Region.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	// +required
	Members []string `json:"members"`
}

// UnreachableEndpoint is an endpoint that a region's probe cannot talk to.
type UnreachableEndpoint struct {
	// from is the Region whose probe says so.
	// +required
	From string `json:"from"`
	// to is the Region whose endpoint it is.
	// +required
	To string `json:"to"`
	// tcp is what came of a connection.
	// +required
	TCP ProbeResult `json:"tcp"`
	// udp is what came of a packet.
	// +required
	UDP ProbeResult `json:"udp"`
	// since is when it was first seen.
	// +required
	Since metav1.Time `json:"since"`
}

// ProbeResult is what came of a probe.
// +kubebuilder:validation:Enum=OK;Unresolved;Unreachable;KeyRejected;Unknown
type ProbeResult string

// Probe results.
const (
	ProbeOK ProbeResult = "OK"
	// ProbeUnresolved means that the name has no address in the probe's region.
	ProbeUnresolved ProbeResult = "Unresolved"
	// ProbeUnreachable means that nothing answered in time, or that the connection was refused.
	ProbeUnreachable ProbeResult = "Unreachable"
	// ProbeKeyRejected means that a member answered and does not accept the key, or has another.
	ProbeKeyRejected ProbeResult = "KeyRejected"
	// ProbeUnknown means that the probe has not tried yet.
	ProbeUnknown ProbeResult = "Unknown"
)

// RingRejoin is what was done about a ring that has split.
type RingRejoin struct {
	// region whose member was evicted last, so that its successor dials the other side.
	// +required
	Region string `json:"region"`
	// at is when.
	// +required
	At metav1.Time `json:"at"`
	// attempts since the ring split.
	// +required
	Attempts int32 `json:"attempts"`
	// inVain is how many of them there were since the ring last had fewer parts than before.
	// +optional
	InVain int32 `json:"inVain,omitempty"`
	// parts are the fewest that the ring had at any of them; a member that is not seen counts as one.
	// +optional
	Parts int32 `json:"parts,omitempty"`
}

// GossipRingStatus is what was seen of the ring.
type GossipRingStatus struct {
	// conditions: EndpointsReady, KeysMatch, SeedsPropagated, Converged, Probed, Ready.
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

	// convergedAt is when the ring last became whole. It stays when the ring falls apart.
	// +optional
	ConvergedAt *metav1.Time `json:"convergedAt,omitempty"`

	// isolated are the Regions whose members see nobody but themselves.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=256
	// +optional
	Isolated []string `json:"isolated,omitempty"`

	// partitions of a ring that has split, as far as the views determine them; the largest first.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=128
	// +optional
	Partitions []RingPartition `json:"partitions,omitempty"`

	// unreachable are the first endpoints that probes cannot talk to; metrics have all of them.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=32
	// +optional
	Unreachable []UnreachableEndpoint `json:"unreachable,omitempty"`

	// rejoin is what was done about the partition that there is.
	// +optional
	Rejoin *RingRejoin `json:"rejoin,omitempty"`
	// rejoinNewcomers is what was done for members that have never been connected.
	// +optional
	RejoinNewcomers *RingRejoin `json:"rejoinNewcomers,omitempty"`

	// probes are where probes of the ring may be. One is listed until it was removed.
	// +listType=map
	// +listMapKey=region
	// +listMapKey=namespace
	// +optional
	Probes []InstalledProbe `json:"probes,omitempty"`
}

// InstalledProbe is a place of a probe.
type InstalledProbe struct {
	// region is the Region's name.
	// +required
	Region string `json:"region"`
	// namespace in the regional cluster.
	// +required
	Namespace string `json:"namespace"`
}

// RingFinalizer keeps a GossipRing until its probes are removed from the regions that answer.
const RingFinalizer = "portolan.dev/gossipring"

// Conditions of a GossipRing.
const (
	// RingEndpointsReady is True when every member has an endpoint that peers can use.
	RingEndpointsReady = "EndpointsReady"
	// RingKeysMatch is True when every region's copy of the ring's key has the same version.
	RingKeysMatch = "KeysMatch"
	// RingSeedsPropagated is True when the pods of every member run with the right seeds.
	RingSeedsPropagated = "SeedsPropagated"
	// RingConverged is True when every member sees every member.
	RingConverged = "Converged"
	// RingProbed is True when the probes of all regions answer. It does not count for Ready.
	RingProbed = "Probed"
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
	// ReasonInvalidSelector means regionSelector has a key or a value that no label can have.
	ReasonInvalidSelector = "InvalidSelector"
	// ReasonUnknownProfile means profiles has a name that the environment's profiles have not.
	ReasonUnknownProfile = "UnknownProfile"
	// ReasonInvalidHostname means the endpoint's template does not render or lies in none of the environment's zones.
	ReasonInvalidHostname = "InvalidHostname"
	// ReasonNoMembers means no Region is selected.
	ReasonNoMembers = "NoMembers"
	// ReasonServiceShared means an older ring of the environment has the same Service in the same regions.
	ReasonServiceShared = "ServiceShared"
	// ReasonEndpointMismatch means an endpoint that peers use does not, or not any more, lead to the region's load
	// balancer, or is another one than the spec asks for.
	ReasonEndpointMismatch = "EndpointMismatch"
	// ReasonNoHealthyTarget means a load balancer has fewer healthy targets than expected.
	ReasonNoHealthyTarget = "NoHealthyTarget"
	// ReasonTargetsUnknown means the targets of a load balancer cannot be read.
	ReasonTargetsUnknown = "TargetsUnknown"
	// ReasonEndpointUnreachable means probes cannot talk to an endpoint over TCP or over UDP.
	ReasonEndpointUnreachable = "EndpointUnreachable"
	// ReasonKeyMismatch means regions have different versions of the ring's key, or a probe's key was rejected.
	ReasonKeyMismatch = "KeyMismatch"
	// ReasonKeysUnknown means the version of a region's copy of the key cannot be read.
	ReasonKeysUnknown = "KeysUnknown"
	// ReasonInvalidSeeds means that spec.seeds cannot be carried out as it stands.
	ReasonInvalidSeeds = "InvalidSeeds"
	// ReasonSeedsNotDelivered means that seeds could not be written, and not only for a moment.
	ReasonSeedsNotDelivered = "SeedsNotDelivered"
	// ReasonSeedsMalformed means pods have seeds in a form that they would read as one bogus host, or from
	// where nobody can tell what they are.
	ReasonSeedsMalformed = "SeedsMalformed"
	// ReasonRolloutStalled means a region did not connect again after its seeds were written.
	ReasonRolloutStalled = "RolloutStalled"
	// ReasonProbesMissing means probes cannot be installed, do not answer, or are still to be removed.
	ReasonProbesMissing = "ProbesMissing"
	// ReasonPartitioned means the ring has split.
	ReasonPartitioned = "Partitioned"
)
