package plan

import "net/netip"

// Facts are what was read from AWS and git before anything is created.
type Facts struct {
	// OptedIn tells whether the account may use the AWS region. It says nothing where Unchecked
	// has LookOptIn.
	OptedIn bool
	// InstanceTypes are those of the profile that exist in the region, by name.
	InstanceTypes map[string]InstanceType
	// Quotas are limits with what is used of them.
	Quotas []Quota
	// Networks are the VPCs of the account in the region and what they are peered with.
	Networks []Network
	// AddonVersions are the versions that EKS offers for the profile's Kubernetes version, by
	// add-on; an add-on without any is unknown to EKS.
	AddonVersions map[string][]AddonVersion
	// HostedZones are those of the environment's zones that the account has, by name.
	HostedZones map[string]HostedZone
	// MissingSecrets are secrets of the profile that do not exist in the primary region.
	MissingSecrets []string
	// MissingListeners are ARNs of Global Accelerator listeners that do not exist.
	MissingListeners []string
	// MissingFiles are configuration files that a pinned revision does not have.
	MissingFiles []RevisionFiles
	// MalformedFiles are configuration files that a pinned revision has, and nobody can parse, with what is wrong
	// with each, for example "a.yaml, which is no YAML (line 3: …)".
	MalformedFiles []RevisionFiles
	// PeerAddresses is how many public addresses the environment's other regions connect from.
	PeerAddresses int
	// Account is the account that ACK is told to act in for the namespace; "" if it is told none.
	Account string
	// Unchecked is what could not be read. Each becomes a warning.
	Unchecked []Unchecked
}

// InstanceType is an EC2 instance type in one AWS region.
type InstanceType struct {
	VCPUs int32
	// Zones that offer it, sorted.
	Zones []string
}

// AddonVersion is a version of an EKS add-on.
type AddonVersion struct {
	Version string
	// Default tells that EKS chooses it for the Kubernetes version.
	Default bool
}

// Quotas that a region draws on.
const (
	QuotaVPCs        = "VPCs"
	QuotaElasticIPs  = "Elastic IPs"
	QuotaNATGateways = "NAT gateways per availability zone"
	QuotaClusters    = "EKS clusters"
	QuotaVCPUs       = "Running On-Demand Standard vCPUs"
	QuotaGroupRules  = "Inbound rules per security group"
)

// Quota is a limit of the account in one AWS region.
type Quota struct {
	// Name is one of the constants above.
	Name string
	// Service and Code are those of Service Quotas, to ask for more.
	Service, Code string
	// Limit, and Used of it; Used is 0 where AWS does not count cheaply.
	Limit, Used float64
}

// Network is a VPC that exists.
type Network struct {
	// ID of the VPC.
	ID    string
	CIDRs []netip.Prefix
	// PeeredWith is the ID of a VPC in this account and region that it is peered with; "" for
	// a VPC of this account and region itself.
	PeeredWith string
	Tags       map[string]string
}

// HostedZone is a public hosted zone of Route 53.
type HostedZone struct{ ID, Name string }

// RevisionFiles are files at the revision that an application is pinned to.
type RevisionFiles struct {
	Application, Revision string
	Files                 []string
}

// LookOptIn is the look that OptedIn comes from.
const LookOptIn = "the account's opt-in"

// Unchecked is a look that failed.
type Unchecked struct {
	// What was looked for, for example "quotas".
	What string
	Why  string
}
