package region

import (
	"maps"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack"
	"github.com/portolan-dev/portolan/controllers/internal/ack/ec2"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/ack/iam"
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

func (b blueprint) name(suffix string) string {
	if suffix == "" {
		return b.plan.Cluster
	}
	return b.plan.Cluster + "-" + suffix
}

func (b blueprint) tags(suffix string, more ...ec2.Tag) []ec2.Tag {
	tags := []ec2.Tag{{Key: "Name", Value: b.name(suffix)}}
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

// role builds an IAM role that an AWS service assumes.
func (b blueprint) role(suffix, service string, policies ...string) *iam.Role {
	role := &iam.Role{
		ObjectMeta: b.meta(suffix),
		Spec: iam.RoleSpec{
			Name: new(b.name(suffix)),
			AssumeRolePolicyDocument: new(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"` +
				service + `"},"Action":"sts:AssumeRole"}]}`),
		},
	}
	for _, p := range policies {
		role.Spec.Policies = append(role.Spec.Policies, new("arn:"+partition(b.region.Spec.AWSRegion)+":iam::aws:policy/"+p))
	}
	for _, t := range b.tags(suffix) {
		role.Spec.Tags = append(role.Spec.Tags, iam.Tag(t))
	}
	return role
}

func (b blueprint) cluster(roleARN string, subnetIDs []string) *eks.Cluster {
	return &eks.Cluster{
		ObjectMeta: b.meta(""),
		Spec: eks.ClusterSpec{
			Name:    new(b.plan.Cluster),
			Version: new(b.plan.Profile.KubernetesVersion),
			RoleARN: &roleARN,
			AccessConfig: &eks.AccessConfig{
				AuthenticationMode:                      new("API"),
				BootstrapClusterCreatorAdminPermissions: new(false),
			},
			BootstrapSelfManagedAddons: new(false),
			DeletionProtection:         new(false), // left out, ACK's late initialisation never ends
			ResourcesVPCConfig: eks.VPCConfig{
				EndpointPrivateAccess: new(true),
				EndpointPublicAccess:  new(true),
				SubnetIDs:             pointers(subnetIDs),
			},
			UpgradePolicy: &eks.UpgradePolicy{SupportType: new("STANDARD")},
			Tags:          b.eksTags(),
		},
	}
}

func (b blueprint) accessEntry(suffix, principalARN, policy string) *eks.AccessEntry {
	return &eks.AccessEntry{
		ObjectMeta: b.meta(suffix),
		Spec: eks.AccessEntrySpec{
			ClusterName:  new(b.plan.Cluster),
			PrincipalARN: &principalARN,
			Type:         new("STANDARD"),
			AccessPolicies: []eks.AccessPolicy{{
				PolicyARN:   new("arn:" + partition(b.region.Spec.AWSRegion) + ":eks::aws:cluster-access-policy/" + policy),
				AccessScope: &eks.AccessScope{Type: new("cluster")},
			}},
			Tags: b.eksTags(),
		},
	}
}

func (b blueprint) addon(a v1alpha1.Addon) *eks.Addon {
	addon := &eks.Addon{
		ObjectMeta: b.meta(a.Name),
		Spec: eks.AddonSpec{
			Name:             new(a.Name),
			ClusterName:      new(b.plan.Cluster),
			ResolveConflicts: new("OVERWRITE"),
			Tags:             b.eksTags(),
		},
	}
	if a.Version != "" {
		addon.Spec.AddonVersion = new(a.Version)
	}
	if a.Configuration != "" {
		addon.Spec.ConfigurationValues = new(a.Configuration)
	}
	return addon
}

// annotationDesiredSize makes ACK leave the desired size alone after the creation of a
// node group (eks-controller, apis/v1alpha1/annotation.go).
const annotationDesiredSize = "eks.services.k8s.aws/desired-size-managed-by"

// eksEffects translates taint effects to EKS's spelling.
var eksEffects = map[string]string{
	"NoSchedule": "NO_SCHEDULE", "NoExecute": "NO_EXECUTE", "PreferNoSchedule": "PREFER_NO_SCHEDULE",
}

func (b blueprint) nodegroup(g v1alpha1.NodeGroup, roleARN string, subnetIDs []string) *eks.Nodegroup {
	group := &eks.Nodegroup{
		ObjectMeta: b.meta(g.Name),
		Spec: eks.NodegroupSpec{
			Name:          new(g.Name),
			ClusterName:   new(b.plan.Cluster),
			NodeRole:      &roleARN,
			Subnets:       pointers(subnetIDs),
			InstanceTypes: pointers(g.InstanceTypes),
			ScalingConfig: &eks.ScalingConfig{
				MinSize:     new(int64(g.Min)),
				MaxSize:     new(int64(g.Max)),
				DesiredSize: new(int64(ptr.Deref(g.Desired, g.Min))),
			},
			Tags: b.eksTags(),
		},
	}
	group.Annotations[annotationDesiredSize] = "external-autoscaler"
	if len(g.Labels) > 0 {
		group.Spec.Labels = map[string]*string{}
		for k, v := range g.Labels {
			group.Spec.Labels[k] = new(v)
		}
	}
	for _, t := range g.Taints {
		group.Spec.Taints = append(group.Spec.Taints, eks.Taint{
			Key: new(t.Key), Value: new(t.Value), Effect: new(eksEffects[t.Effect]),
		})
	}
	return group
}

func pointers(values []string) []*string {
	all := make([]*string, 0, len(values))
	for _, v := range values {
		all = append(all, new(v))
	}
	return all
}
