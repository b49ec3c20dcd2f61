package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// EnvironmentSpec describes one AWS account's worth of regions: addresses, DNS
// zones, the secrets' home and what a region of each profile contains.
//
// +kubebuilder:validation:XValidation:rule="(has(self.argocd) && has(self.argocd.mode) ? self.argocd.mode : 'Hub') == (has(oldSelf.argocd) && has(oldSelf.argocd.mode) ? oldSelf.argocd.mode : 'Hub')",message="argocd.mode is immutable: the Argo CD that has the applications would not give them up. Create another Environment"
type EnvironmentSpec struct {
	// aws is the account that the environment's regions live in.
	// +required
	AWS AWSAccount `json:"aws"`

	// network is the address plan and the shape of every region's VPC.
	// +required
	Network NetworkPlan `json:"network"`

	// dns lists the zones that the regions' names live in.
	// +optional
	DNS DNS `json:"dns,omitzero"`

	// secrets says where the environment's secrets have their primary copy.
	// Required when a profile lists secrets.
	// +optional
	Secrets *SecretSource `json:"secrets,omitempty"`

	// argocd says how the regions are presented to Argo CD.
	// +optional
	ArgoCD ArgoCD `json:"argocd,omitzero"`

	// globalAccelerator is where profiles' globalTraffic goes.
	// +optional
	GlobalAccelerator *GlobalAccelerator `json:"globalAccelerator,omitempty"`

	// rollout says how a change of this Environment reaches the regions that are built.
	// +optional
	Rollout Rollout `json:"rollout,omitzero"`

	// protection Confirm keeps Regions from being deleted by mistake: a deletion needs the
	// annotation portolan.dev/confirm-delete with the Region's name.
	// +kubebuilder:default=Confirm
	// +optional
	Protection Protection `json:"protection,omitempty"`

	// profiles are the classes of region. A Region picks one by name.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +required
	Profiles []Profile `json:"profiles"`
}

// AWSAccount identifies the account and how to act in it.
// +kubebuilder:validation:XValidation:rule="!has(self.roleARN) || self.roleARN.split(':')[4] == self.accountID",message="roleARN is a role of another account than accountID"
type AWSAccount struct {
	// accountID is the account's twelve digits.
	// +kubebuilder:validation:Pattern=`^[0-9]{12}$`
	// +required
	AccountID string `json:"accountID"`

	// roleARN is assumed for Portolan's own calls; each cluster gets an access entry for it.
	// Default: the operator's own role.
	// +kubebuilder:validation:Pattern=`^arn:aws[a-z-]*:iam::[0-9]{12}:role/.+$`
	// +kubebuilder:validation:MaxLength=512
	// +optional
	RoleARN string `json:"roleARN,omitempty"`

	// tags are put on everything that is created in AWS.
	// +kubebuilder:validation:MaxProperties=40
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.startsWith('aws:') && size(k) <= 128 && size(self[k]) <= 256)",message="tag keys are at most 128 characters and never start with aws:, values at most 256"
	// +optional
	Tags map[string]string `json:"tags,omitempty"`
}

// NetworkPlan gives every region its addresses.
//
// +kubebuilder:validation:XValidation:rule="!(has(self.gossip) && has(self.gossip.allowRegions) && self.gossip.allowRegions && has(self.natGateways) && self.natGateways == 'None')",message="gossip.allowRegions is about the addresses of NAT gateways, and natGateways is None: use gossip.allowFrom"
type NetworkPlan struct {
	// assignments fix the block of each AWS region: the networks table.
	// +listType=map
	// +listMapKey=awsRegion
	// +kubebuilder:validation:MaxItems=64
	// +optional
	Assignments []CIDRAssignment `json:"assignments,omitempty"`

	// pool gives a block to every region that has no assignment: the first that is free.
	// +optional
	Pool *AddressPool `json:"pool,omitempty"`

	// gossip opens every region's gossip port to its peers by a security group of its own,
	// whose ID the cluster Secret carries for the Service's annotations. Default: no security group.
	// +optional
	Gossip *GossipIngress `json:"gossip,omitempty"`

	// reserved ranges, for example legacy and peered networks, never overlap a region.
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +optional
	Reserved []CIDR `json:"reserved,omitempty"`

	// availabilityZones is the number of zones that each region spans. It never changes:
	// every region's block is divided by it.
	// +kubebuilder:validation:Minimum=2
	// +kubebuilder:validation:Maximum=4
	// +kubebuilder:validation:XValidation:rule="self == oldSelf",message="availabilityZones is immutable: AWS does not change a subnet's block"
	// +kubebuilder:default=3
	// +optional
	AvailabilityZones int32 `json:"availabilityZones,omitempty"`

	// natGateways says how private subnets reach the internet: one gateway in each
	// zone, a single one for the region, or none.
	// +kubebuilder:default=PerZone
	// +optional
	NATGateways NATGatewayMode `json:"natGateways,omitempty"`
}

// CIDR is an IPv4 block in canonical form, for example 10.12.0.0/18.
// +kubebuilder:validation:MaxLength=18
// +kubebuilder:validation:XValidation:rule="isCIDR(self) && cidr(self).ip().family() == 4 && cidr(self) == cidr(self).masked()",message="must be an IPv4 CIDR block with no host bits set, for example 10.12.0.0/18"
type CIDR string

// VPCCIDR is a CIDR of a size that AWS accepts for a VPC and that can be divided among zones.
// +kubebuilder:validation:MaxLength=18
// +kubebuilder:validation:XValidation:rule="isCIDR(self) && cidr(self).ip().family() == 4 && cidr(self) == cidr(self).masked()",message="must be an IPv4 CIDR block with no host bits set, for example 10.12.0.0/18"
// +kubebuilder:validation:XValidation:rule="!isCIDR(self) || (cidr(self).prefixLength() >= 16 && cidr(self).prefixLength() <= 22)",message="must be a /16 to a /22: AWS allows a VPC at most a /16, and smaller blocks leave no room for three zones"
type VPCCIDR string

// CIDRAssignment fixes one AWS region's block.
type CIDRAssignment struct {
	// awsRegion is the AWS region code.
	// +required
	AWSRegion AWSRegion `json:"awsRegion"`

	// cidr is the block of that region's VPC.
	// +required
	CIDR VPCCIDR `json:"cidr"`
}

// AddressPool gives blocks of one size.
// +kubebuilder:validation:XValidation:rule="self.cidrs.all(c, !isCIDR(c) || cidr(c).prefixLength() <= self.prefixLength)",message="prefixLength is shorter than that of a block of the pool, so nothing fits"
type AddressPool struct {
	// cidrs are the ranges that blocks are taken from, in this order.
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=16
	// +required
	CIDRs []CIDR `json:"cidrs"`

	// prefixLength of every block.
	// +kubebuilder:validation:Minimum=16
	// +kubebuilder:validation:Maximum=22
	// +kubebuilder:default=18
	// +optional
	PrefixLength int32 `json:"prefixLength,omitempty"`
}

// GossipIngress opens one port over TCP and UDP.
//
// +kubebuilder:validation:XValidation:rule="has(self.allowFrom) || has(self.allowRegions) && self.allowRegions",message="allowFrom, allowRegions or both"
type GossipIngress struct {
	// port of gossip between regions.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=65535
	// +kubebuilder:default=7947
	// +optional
	Port int32 `json:"port,omitempty"`

	// allowFrom are the ranges that may connect, for example 0.0.0.0/0.
	// +listType=set
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=50
	// +optional
	AllowFrom []CIDR `json:"allowFrom,omitempty"`

	// allowRegions lets the other regions of the environment connect from the addresses of their NAT
	// gateways, which are followed as regions come and go. Each address takes two of the rules that
	// a security group may have, 60 unless AWS was asked for more.
	// +optional
	AllowRegions bool `json:"allowRegions,omitempty"`
}

// GlobalAccelerator is an accelerator's listener.
type GlobalAccelerator struct {
	// listenerARN of the listener that regions are attached to.
	// +kubebuilder:validation:Pattern=`^arn:aws[a-z-]*:globalaccelerator::[0-9]{12}:accelerator/.+/listener/.+$`
	// +kubebuilder:validation:MaxLength=512
	// +required
	ListenerARN string `json:"listenerARN"`
}

// NATGatewayMode says how many NAT gateways a region has.
// +kubebuilder:validation:Enum=PerZone;Single;None
type NATGatewayMode string

// NAT gateway modes.
const (
	NATGatewaysPerZone NATGatewayMode = "PerZone"
	NATGatewaysSingle  NATGatewayMode = "Single"
	NATGatewaysNone    NATGatewayMode = "None"
)

// DNS lists the zones in which Portolan waits for names.
type DNS struct {
	// zones are asked directly, never through a caching resolver.
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	// +optional
	Zones []DNSZone `json:"zones,omitempty"`
}

// DNSZone is a zone and, where they differ from its NS records, its servers.
type DNSZone struct {
	// name of the zone, for example aws.unkey.cloud.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:Pattern=`^([a-z0-9]([-a-z0-9]*[a-z0-9])?\.)*[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	// +required
	Name string `json:"name"`

	// nameServers are asked instead of those in the zone's NS records: host or host:port.
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:MaxLength=260
	// +optional
	NameServers []string `json:"nameServers,omitempty"`
}

// SecretSource says where secrets are replicated from.
type SecretSource struct {
	// primaryRegion is the AWS region that holds the original of every secret.
	// +required
	PrimaryRegion AWSRegion `json:"primaryRegion"`

	// kmsKeyID encrypts the replicas. Default: the account's aws/secretsmanager key.
	// +kubebuilder:validation:MaxLength=2048
	// +optional
	KMSKeyID string `json:"kmsKeyID,omitempty"`
}

// EnvironmentStatus is what the controllers recorded and saw.
type EnvironmentStatus struct {
	// conditions: AddressPlanValid, ProfilesValid, RolledOut, Ready.
	// +listType=map
	// +listMapKey=type
	// +optional
	Conditions []metav1.Condition `json:"conditions,omitempty"`

	// observedGeneration is the generation that the status describes.
	// +optional
	ObservedGeneration int64 `json:"observedGeneration,omitempty"`

	// allocations records which Region holds which block. It is the one place in
	// which a block is given away, so that two Regions never get the same one.
	// +listType=map
	// +listMapKey=region
	// +kubebuilder:validation:MaxItems=256
	// +optional
	Allocations []Allocation `json:"allocations,omitempty"`

	// revisions records which revision of its profile each region that was once Ready may
	// have. It is the one place in which a region gets its turn.
	// +listType=map
	// +listMapKey=region
	// +kubebuilder:validation:MaxItems=256
	// +optional
	Revisions []RegionRevision `json:"revisions,omitempty"`

	// regions is the number of Regions of this environment.
	// +optional
	Regions int32 `json:"regions,omitempty"`

	// readyRegions is how many of them are Ready.
	// +optional
	ReadyRegions int32 `json:"readyRegions,omitempty"`
}

// Allocation is a block in use by a Region.
type Allocation struct {
	// region is the Region's name.
	// +kubebuilder:validation:MaxLength=63
	// +required
	Region string `json:"region"`

	// cidr is the Region's block.
	// +kubebuilder:validation:MaxLength=18
	// +required
	CIDR string `json:"cidr"`

	// retained tells that the Region was forgotten with deletionPolicy Retain and its network
	// lives on. The block is given to a Region of the same name only.
	// +optional
	Retained bool `json:"retained,omitempty"`
}

// Conditions of an Environment besides Ready.
const (
	// EnvironmentAddressPlanValid is True when no blocks of the plan contradict one another.
	EnvironmentAddressPlanValid = "AddressPlanValid"
	// EnvironmentProfilesValid is True when every profile is complete with what it extends.
	EnvironmentProfilesValid = "ProfilesValid"
	// EnvironmentRolledOut is True when every region has the newest revision of its profile.
	// It does not count for Ready.
	EnvironmentRolledOut = "RolledOut"
)

// Reasons of an Environment's conditions.
const (
	// ReasonInvalidPlan means the address plan contradicts itself; the message names the blocks.
	ReasonInvalidPlan = "InvalidPlan"
	// ReasonInvalidProfile means a profile extends a missing one or itself, or lacks what every region needs.
	ReasonInvalidProfile = "InvalidProfile"
	// ReasonRolloutHeld means no further region is changed: one is not Ready, or spec.rollout.paused is true.
	ReasonRolloutHeld = "RolloutHeld"
)

// Environment is one AWS account's regions and everything they have in common.
//
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:resource:shortName=penv,categories=portolan
// +kubebuilder:printcolumn:name="Account",type=string,JSONPath=`.spec.aws.accountID`
// +kubebuilder:printcolumn:name="Regions",type=integer,JSONPath=`.status.regions`
// +kubebuilder:printcolumn:name="RegionsReady",type=integer,JSONPath=`.status.readyRegions`
// +kubebuilder:printcolumn:name="RolledOut",type=string,JSONPath=`.status.conditions[?(@.type=="RolledOut")].reason`
// +kubebuilder:printcolumn:name="Ready",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].status`
// +kubebuilder:printcolumn:name="Status",type=string,JSONPath=`.status.conditions[?(@.type=="Ready")].reason`
// +kubebuilder:printcolumn:name="Age",type=date,JSONPath=`.metadata.creationTimestamp`
type Environment struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// spec is what the environment's regions have in common.
	// +required
	Spec EnvironmentSpec `json:"spec"`
	// status is written by Portolan only.
	// +optional
	Status EnvironmentStatus `json:"status,omitempty"`
}

// EnvironmentList is a list of Environments.
//
// +kubebuilder:object:root=true
type EnvironmentList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Environment `json:"items"`
}

// GetConditions returns the status conditions.
func (e *Environment) GetConditions() *[]metav1.Condition { return &e.Status.Conditions }
