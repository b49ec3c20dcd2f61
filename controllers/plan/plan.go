// Package plan computes what a region consists of. It is pure: it reads nothing
// but its arguments, so that the reconciler, tools and tests agree.
package plan

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// Plan is everything that a Region follows from.
type Plan struct {
	// Profile is the region's profile with all that it extends merged in.
	Profile v1alpha1.Profile
	// Cluster is the name of the EKS cluster and the prefix of every other name in AWS.
	Cluster string
	// CIDR is the VPC's block.
	CIDR netip.Prefix
	// Subnets are one public and one private subnet in each zone, private ones first.
	Subnets []Subnet
	// NATZones are the zones that get a NAT gateway.
	NATZones []string
	// Tags go on everything that is created in AWS.
	Tags map[string]string
	// NodeGroups are the profile's with the Region's sizes.
	NodeGroups []v1alpha1.NodeGroup
	// Addons are the profile's with their tolerations in place.
	Addons []Addon
	// PodRoles are the IAM roles of the profile's pod identities.
	PodRoles []PodRole
	// Buckets are the S3 buckets.
	Buckets []Bucket
	// Certificates are the ACM certificates.
	Certificates []Certificate
	// Gossip is what the gossip security group lets in; nil for none.
	Gossip *v1alpha1.GossipIngress
	// Traffic are the endpoints of Global Accelerator.
	Traffic []Traffic

	// settings of the environment that no object of the plan shows but checks depend on.
	settings settings
}

// Addon is an EKS add-on.
type Addon struct {
	Name, Version string
	// Configuration is the configurationValues, a JSON object or "".
	Configuration string
	// NeedsNodes tells that the add-on fails when it is created before there are nodes.
	NeedsNodes bool
}

// PodRole is the IAM role of a service account's pods.
type PodRole struct {
	// Suffix follows the cluster's name in the names of the role and the association.
	Suffix                    string
	Namespace, ServiceAccount string
	// PolicyARNs are attached managed policies.
	PolicyARNs []string
	// Inline are policy documents by name.
	Inline map[string]string
}

// Bucket is an S3 bucket.
type Bucket struct {
	Name string
	// Retain keeps the bucket when the Region goes.
	Retain bool
}

// Certificate is an ACM certificate.
type Certificate struct {
	// Suffix follows the cluster's name in the name of the object.
	Suffix string
	Domain string
	// Names are all names of the certificate, the domain first: ACK loops without it.
	Names []string
	// Validations are the names to validate, without wildcards and repetitions, by the suffix of
	// the record's object.
	Validations map[string]string
}

// Traffic is an endpoint of Global Accelerator.
type Traffic struct {
	Name        string
	Service     v1alpha1.ServiceReference
	ListenerARN string
	// HealthCheckPort is 0 for the listener's own.
	HealthCheckPort int32
	Dial            []int32
}

// Subnet is one subnet of the plan.
type Subnet struct {
	Zone   string
	CIDR   netip.Prefix
	Public bool
}

// Finding is something that keeps a region from being planned.
type Finding struct {
	// Reason is one of the API's condition reasons.
	Reason string
	// Message says what is wrong and how to put it right.
	Message string
}

func (f *Finding) Error() string { return f.Message }

func finding(reason, format string, args ...any) *Finding {
	return &Finding{Reason: reason, Message: fmt.Sprintf(format, args...)}
}

// Limits of AWS that names derived from environment and Region must keep.
const (
	// maxRole is IAM's limit for the name of a role.
	maxRole = 64
	// maxRoleName leaves room for the longest fixed suffix that is appended to a cluster's name.
	maxRoleName = maxRole - len("-cluster")
	// maxPodRoleName leaves room for the shortest suffix that tells the roles of pods apart.
	maxPodRoleName = maxRole - len("-") - minPodSuffix
)

// ClusterName is the name of a Region's EKS cluster. It derives from the Region's
// name, not its AWS region, so that two Regions can share an AWS region while one
// replaces the other.
func ClusterName(region *v1alpha1.Region) string {
	return region.Spec.EnvironmentRef.Name + "-" + region.Name
}

// Labels find everything that belongs to a Region: its ACK objects, its cluster Secret
// and its Applications.
func Labels(region *v1alpha1.Region) map[string]string {
	return map[string]string{
		v1alpha1.LabelEnvironment: region.Spec.EnvironmentRef.Name,
		v1alpha1.LabelRegion:      region.Name,
	}
}

// For computes a Region's plan from its environment, the block it was given and
// the usable zones of its AWS region.
func For(env *v1alpha1.Environment, region *v1alpha1.Region, block netip.Prefix, zones []string) (*Plan, error) {
	profile, err := Profile(env, region.Spec.Profile)
	if err != nil {
		return nil, err
	}
	name := ClusterName(region)
	longest := maxRoleName
	if len(profile.PodIdentities) > 0 {
		longest = maxPodRoleName
	}
	if len(name) > longest {
		return nil, finding(v1alpha1.ReasonNameTooLong,
			"the name %s is longer than %d characters, the limit of IAM role names: shorten the environment's or the Region's name", name, longest)
	}
	want := int(env.Spec.Network.AvailabilityZones)
	if len(zones) < want {
		return nil, finding(v1alpha1.ReasonTooFewZones,
			"%s has %d zones that EKS can use and the environment asks for %d: lower spec.network.availabilityZones", region.Spec.AWSRegion, len(zones), want)
	}
	zones = zones[:want]
	p := &Plan{
		Profile:  profile,
		Cluster:  name,
		CIDR:     block,
		Subnets:  subnets(block, zones),
		NATZones: natZones(env.Spec.Network.NATGateways, zones),
		Tags:     tags(env, region),
		Gossip:   gossip(env),
		settings: settingsOf(env, region),
	}
	if err := p.addProfile(env, region); err != nil {
		return nil, err
	}
	return p, nil
}

// defaultGossipPort is the API's default.
const defaultGossipPort = 7947

func gossip(env *v1alpha1.Environment) *v1alpha1.GossipIngress {
	ingress := env.Spec.Network.Gossip.DeepCopy()
	if ingress != nil && ingress.Port == 0 {
		ingress.Port = defaultGossipPort
	}
	return ingress
}

func tags(env *v1alpha1.Environment, region *v1alpha1.Region) map[string]string {
	all := map[string]string{}
	maps.Copy(all, env.Spec.AWS.Tags)
	maps.Copy(all, Labels(region))
	return all
}

func natZones(mode v1alpha1.NATGatewayMode, zones []string) []string {
	switch mode {
	case v1alpha1.NATGatewaysNone:
		return nil
	case v1alpha1.NATGatewaysSingle:
		return zones[:1]
	default:
		return slices.Clone(zones)
	}
}

// subnets divides the block among the zones: each zone gets a quarter of the block
// (a half with two zones), of which the private subnet takes the first half and the
// public subnet the first quarter of the other half. The rest is room to grow.
func subnets(block netip.Prefix, zones []string) []Subnet {
	bits := 1
	for 1<<bits < len(zones) {
		bits++
	}
	var private, public []Subnet
	for i, zone := range zones {
		share := nth(block, bits, i)
		private = append(private, Subnet{Zone: zone, CIDR: nth(share, 1, 0)})
		public = append(public, Subnet{Zone: zone, CIDR: nth(nth(share, 1, 1), 2, 0), Public: true})
	}
	return append(private, public...)
}

// nth returns the n-th of the 2^bits equal parts of an IPv4 block.
func nth(block netip.Prefix, bits, n int) netip.Prefix {
	length := block.Bits() + bits
	base := block.Addr().As4()
	address := uint32(base[0])<<24 | uint32(base[1])<<16 | uint32(base[2])<<8 | uint32(base[3])
	address += uint32(n) << (32 - length)
	return netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(address >> 24), byte(address >> 16), byte(address >> 8), byte(address)}), length)
}
