package region

import (
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack"
	"github.com/portolan-dev/portolan/controllers/internal/ack/ec2"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// blueprint turns the plan into ACK objects. Its methods are pure.
//
// The objects carry no owner reference: a foreground deletion of the Region, which is
// what Argo CD does when it prunes, would make the garbage collector delete them all
// at once, and their order is ours to keep.
type blueprint struct {
	plan   *plan.Plan
	region *v1alpha1.Region
}

func (s *scope) blueprint() blueprint { return blueprint{plan: s.plan, region: s.region} }

// meta names an object in the cluster and, because ACK needs it from the first
// moment on, the AWS region that it is for.
func (b blueprint) meta(suffix string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace:   b.region.Namespace,
		Name:        b.name(suffix),
		Labels:      plan.Labels(b.region),
		Annotations: map[string]string{ack.AnnotationRegion: string(b.region.Spec.AWSRegion)},
	}
}

func (b blueprint) name(suffix string) string { return b.plan.Name(suffix) }

func (b blueprint) tags(suffix string, more ...ec2.Tag) []ec2.Tag {
	tags := []ec2.Tag{{Key: "Name", Value: b.name(suffix)}, {Key: v1alpha1.TagObject, Value: b.name(suffix)}}
	for _, k := range slices.Sorted(maps.Keys(b.plan.Tags)) {
		tags = append(tags, ec2.Tag{Key: k, Value: b.plan.Tags[k]})
	}
	return append(tags, more...)
}

func (b blueprint) eksTags() map[string]*string {
	tags := map[string]*string{}
	for k, v := range b.plan.Tags {
		tags[k] = new(v)
	}
	return tags
}

func (b blueprint) vpc() *ec2.VPC {
	return &ec2.VPC{
		ObjectMeta: b.meta(""),
		Spec: ec2.VPCSpec{
			CIDRBlocks:         []string{b.plan.CIDR.String()},
			EnableDNSSupport:   new(true),
			EnableDNSHostnames: new(true),
			Tags:               b.tags(""),
		},
	}
}

func (b blueprint) internetGateway(vpcID string) *ec2.InternetGateway {
	return &ec2.InternetGateway{ObjectMeta: b.meta(""), Spec: ec2.InternetGatewaySpec{VPC: &vpcID, Tags: b.tags("")}}
}

func (b blueprint) publicRouteTable(vpcID, gatewayID string) *ec2.RouteTable {
	return &ec2.RouteTable{
		ObjectMeta: b.meta("public"),
		Spec: ec2.RouteTableSpec{
			VPCID:  &vpcID,
			Routes: []ec2.Route{{DestinationCIDRBlock: new(anywhere), GatewayID: &gatewayID}},
			Tags:   b.tags("public"),
		},
	}
}

func (b blueprint) privateRouteTable(zone, vpcID, natGatewayID string) *ec2.RouteTable {
	suffix := "private-" + zone
	table := &ec2.RouteTable{ObjectMeta: b.meta(suffix), Spec: ec2.RouteTableSpec{VPCID: &vpcID, Tags: b.tags(suffix)}}
	if natGatewayID != "" {
		table.Spec.Routes = []ec2.Route{{DestinationCIDRBlock: new(anywhere), NATGatewayID: &natGatewayID}}
	}
	return table
}

const anywhere = "0.0.0.0/0"

func (b blueprint) subnet(s plan.Subnet, vpcID, routeTableID string) *ec2.Subnet {
	suffix, role := "private-"+s.Zone, "kubernetes.io/role/internal-elb"
	if s.Public {
		suffix, role = "public-"+s.Zone, "kubernetes.io/role/elb"
	}
	return &ec2.Subnet{
		ObjectMeta: b.meta(suffix),
		Spec: ec2.SubnetSpec{
			VPCID:                           &vpcID,
			CIDRBlock:                       new(s.CIDR.String()),
			AvailabilityZone:                new(s.Zone),
			RouteTables:                     []*string{&routeTableID},
			MapPublicIPOnLaunch:             new(s.Public),
			AssignIPv6AddressOnCreation:     new(false),
			EnableDNS64:                     new(false),
			EnableResourceNameDNSARecord:    new(false),
			EnableResourceNameDNSAAAARecord: new(false),
			HostnameType:                    new("ip-name"),
			Tags: b.tags(suffix,
				ec2.Tag{Key: role, Value: "1"},
				ec2.Tag{Key: "kubernetes.io/cluster/" + b.plan.Cluster, Value: "shared"}),
		},
	}
}

func (b blueprint) elasticIP(zone string) *ec2.ElasticIPAddress {
	return &ec2.ElasticIPAddress{ObjectMeta: b.meta("nat-" + zone), Spec: ec2.ElasticIPAddressSpec{Tags: b.tags("nat-" + zone)}}
}

func (b blueprint) natGateway(zone, subnetID, allocationID string) *ec2.NATGateway {
	return &ec2.NATGateway{
		ObjectMeta: b.meta("nat-" + zone),
		Spec: ec2.NATGatewaySpec{
			SubnetID:         &subnetID,
			AllocationID:     &allocationID,
			ConnectivityType: new("public"),
			Tags:             b.tags("nat-" + zone),
		},
	}
}

// gossipGroup lets peers reach the gossip port. The egress rule is AWS's default, which
// ACK would take away if it were left out.
func (b blueprint) gossipGroup(vpcID string, ingress v1alpha1.GossipIngress) *ec2.SecurityGroup {
	group := &ec2.SecurityGroup{
		ObjectMeta: b.meta("gossip"),
		Spec: ec2.SecurityGroupSpec{
			Name:        new(b.name("gossip")),
			Description: new("Gossip between the regions of " + b.region.Spec.EnvironmentRef.Name),
			VPCID:       &vpcID,
			EgressRules: []ec2.IPPermission{{IPProtocol: new("-1"), IPRanges: []ec2.IPRange{{CIDRIP: new("0.0.0.0/0")}}}},
			Tags:        b.tags("gossip"),
		},
	}
	if len(ingress.AllowFrom) == 0 {
		return group // a rule needs somebody to let in
	}
	var ranges []ec2.IPRange
	for _, from := range ingress.AllowFrom {
		ranges = append(ranges, ec2.IPRange{CIDRIP: new(string(from)), Description: new("gossip")})
	}
	for _, protocol := range []string{"tcp", "udp"} {
		group.Spec.IngressRules = append(group.Spec.IngressRules, ec2.IPPermission{
			IPProtocol: &protocol, FromPort: new(int64(ingress.Port)), ToPort: new(int64(ingress.Port)), IPRanges: ranges,
		})
	}
	return group
}
