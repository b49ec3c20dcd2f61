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

	// profiles select the Regions that are members. The Environment has to have all of them. Default:
	// all Regions of the environment.
	// +listType=set
	// +kubebuilder:validation:MaxItems=16
	// +kubebuilder:validation:items:MaxLength=63
	// +optional
	Profiles []string `json:"profiles,omitempty"`

	// regionSelector selects, by their labels, those of the Regions with such a profile that are
	// members. Default: all of them.
	// +kubebuilder:validation:XValidation:rule="!has(self.matchExpressions) || self.matchExpressions.all(e, e.operator in ['In', 'NotIn', 'Exists', 'DoesNotExist'])",message="operators are In, NotIn, Exists and DoesNotExist"
	// +kubebuilder:validation:XValidation:rule="!has(self.matchExpressions) || self.matchExpressions.all(e, (e.operator in ['In', 'NotIn']) == (has(e.values) && e.values.size() > 0))",message="In and NotIn need values, Exists and DoesNotExist take none"
	// +optional
	RegionSelector *metav1.LabelSelector `json:"regionSelector,omitempty"`

	// service of type LoadBalancer through which other regions reach a region's members.
	// +required
	Service ServiceReference `json:"service"`

	// port on which the members listen for each other, TCP and UDP.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	// +kubebuilder:default=7947
	// +optional
	Port int32 `json:"port,omitempty"`

	// endpoint is the name that peers use as the seed. Default: the load balancer's own name.
	// +optional
	Endpoint *RingEndpoint `json:"endpoint,omitempty"`

	// seeds say who is whose seed, how a list of them is written and where. Default: everybody
	// is everybody's, separated by commas, in the cluster Secret.
	// +optional
	Seeds RingSeeds `json:"seeds,omitzero"`

	// workload finds the member pods and the seeds that they really run with.
	// +required
	Workload RingWorkload `json:"workload"`

	// membership is the metric in which each pod counts the members it sees.
	// +required
	Membership MembershipMetric `json:"membership"`

	// health is what the load balancers should say of their targets.
	// +optional
	Health RingHealth `json:"health,omitzero"`

	// key is the secret that all members encrypt with. Portolan compares which version of it each
	// region's copy has, never its value.
	// +optional
	Key *RingKey `json:"key,omitempty"`

	// probe runs in each region and pings the endpoints of all others as a member does. It tells a
	// blocked port and a wrong key from a region that is down.
	// +optional
	Probe *RingProbe `json:"probe,omitempty"`

	// onPartition says what to do once a ring has split and stays split: members of a gossip ring
	// never look for each other again unless they are completely alone. Rejoin evicts one member at
	// a time, within disruption budgets, whose successor dials the other side; Report does nothing.
	// +kubebuilder:validation:Enum=Rejoin;Report
	// +kubebuilder:default=Rejoin
	// +optional
	OnPartition PartitionAction `json:"onPartition,omitempty"`

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
	// It must lie in a zone of the environment, and be another one in every region.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.contains('.region') || self.contains('.name')",message="hostname must hold {{ .region }} or {{ .name }}: every region has an endpoint of its own"
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

	// peerLabel names the label that carries the AWS region of a member that the pod sees, when the
	// workload exports one sample for each of them instead of a count. Then it is known exactly who
	// sees whom. Samples of value 0 count as not seen.
	// +kubebuilder:validation:MaxLength=128
	// +optional
	PeerLabel string `json:"peerLabel,omitempty"`

	// aggregate makes one view of those of a region's pods: the largest, when only one pod is the
	// member, or the smallest, when each is.
	// +kubebuilder:validation:Enum=Max;Min
	// +kubebuilder:default=Max
	// +optional
	Aggregate ViewAggregate `json:"aggregate,omitempty"`

	// expected is what is counted: one member for each region, or each pod of every region.
	// +kubebuilder:validation:Enum=Regions;Pods
	// +kubebuilder:default=Regions
	// +optional
	Expected MembersExpected `json:"expected,omitempty"`

	// via is how the pods' metrics are reached: through the proxy of the regional API server, or
	// directly at the pods' addresses, which spares that API server and needs a route to them from
	// the management cluster.
	// +kubebuilder:validation:Enum=APIServerProxy;Direct
	// +kubebuilder:default=APIServerProxy
	// +optional
	Via MetricsRoute `json:"via,omitempty"`
}

// MetricsRoute is how pods' metrics are reached.
type MetricsRoute string

// Routes.
const (
	ViaAPIServerProxy MetricsRoute = "APIServerProxy"
	ViaDirect         MetricsRoute = "Direct"
)

// ViewAggregate makes one view of those of a region's pods.
type ViewAggregate string

// View aggregates.
const (
	AggregateMax ViewAggregate = "Max"
	AggregateMin ViewAggregate = "Min"
)

// MembersExpected says what a ring's members are.
type MembersExpected string

// What is counted.
const (
	ExpectRegions MembersExpected = "Regions"
	ExpectPods    MembersExpected = "Pods"
)

// PartitionAction says what to do about a ring that has split.
type PartitionAction string

// Partition actions.
const (
	PartitionRejoin PartitionAction = "Rejoin"
	PartitionReport PartitionAction = "Report"
)

// RingHealth is what the load balancers should say of their targets.
type RingHealth struct {
	// expectedHealthyTargets of every target group. One, because only the elected member of a
	// region listens. 0 leaves the targets out of account.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=1000
	// +kubebuilder:default=1
	// +optional
	ExpectedHealthyTargets *int32 `json:"expectedHealthyTargets,omitempty"`
}

// RingKey names the replicated secret with the members' key.
type RingKey struct {
	// secretName in AWS Secrets Manager, the same in every region.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +required
	SecretName string `json:"secretName"`
}

// RingProbe is a Deployment of Portolan's own image, in the Service's namespace of every region.
type RingProbe struct {
	// keySecretRef is the Kubernetes Secret with the members' key: 16, 24 or 32 bytes, or 16 or 32
	// bytes in base64. Only the probe's pod reads it.
	// +required
	KeySecretRef SecretKeyReference `json:"keySecretRef"`
}

// SecretKeyReference names a key of a Secret.
type SecretKeyReference struct {
	// name of the Secret.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	Name string `json:"name"`
	// key in the Secret's data.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +required
	Key string `json:"key"`
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

	// convergeTimeout is how long a region may take to be connected again after its seeds were
	// written, before the rollout counts as stalled. Nobody else is changed until it is back. It is
	// also how long peers wait for further regions that are being deployed, to be written once for
	// all of them.
	// +kubebuilder:default="10m"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]{1,6}([.][0-9]{1,9})?(h|m|s|ms))+$') && duration(self) > duration('0s')",message="a duration above zero like 90s, 30m or 36h; it has no unit for days"
	// +optional
	ConvergeTimeout *metav1.Duration `json:"convergeTimeout,omitempty"`
}

// GossipRing connects the gossip members of one workload across regions. Ready
// means that every region was seen to be connected, not that seeds were written.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=ring,categories=portolan
// +kubebuilder:validation:XValidation:rule="size(self.metadata.name) <= 53",message="a ring's name has at most 53 characters, so that portolan.dev/wan-seeds.<name> can name an annotation"
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
