package drift_test

import (
	"testing"

	ackv1alpha1 "github.com/aws-controllers-k8s/runtime/apis/core/v1alpha1"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/controllers/internal/ack/acm"
	"github.com/portolan-dev/portolan/controllers/internal/ack/ec2"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/ack/iam"
	"github.com/portolan-dev/portolan/controllers/internal/ack/s3"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/internal/aws/fake"
	"github.com/portolan-dev/portolan/controllers/internal/drift"
)

const (
	awsRegion = "eu-west-1"
	trust     = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"eks.amazonaws.com"},"Action":"sts:AssumeRole"}]}`
	certARN   = "arn:aws:acm:eu-west-1:111122223333:certificate/1"
	principal = "arn:aws:iam::111122223333:role/argocd"
	viewARN   = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSAdminViewPolicy"
	adminARN  = "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
	readARN   = "arn:aws:iam::aws:policy/ReadOnlyAccess"
	workerARN = "arn:aws:iam::aws:policy/AmazonEKSWorkerNodePolicy"
)

// settled is the status of what ACK has nothing more to do about.
func settled() ec2.Observed {
	return ec2.Observed{
		ACKResourceMetadata: &ackv1alpha1.ResourceMetadata{ARN: new(ackv1alpha1.AWSResourceName(certARN))},
		Conditions:          []*ackv1alpha1.Condition{{Type: ackv1alpha1.ConditionTypeResourceSynced, Status: corev1.ConditionTrue}},
	}
}

func named(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Name: name} }

func pointers(texts ...string) []*string {
	all := make([]*string, len(texts))
	for i := range texts {
		all[i] = &texts[i]
	}
	return all
}

func open(port int64, cidrs ...string) ec2.IPPermission {
	p := ec2.IPPermission{IPProtocol: new("tcp"), FromPort: &port, ToPort: &port}
	for _, cidr := range cidrs {
		p.IPRanges = append(p.IPRanges, ec2.IPRange{CIDRIP: new(cidr), Description: new("gossip")})
	}
	return p
}

var (
	ours    = []ec2.Tag{{Key: "portolan.dev/region", Value: "one"}, {Key: "Team", Value: "core"}}
	eksOurs = map[string]*string{"portolan.dev/region": new("one"), "Team": new("core")}
)

func network() []client.Object {
	return []client.Object{
		&ec2.VPC{
			ObjectMeta: named("vpc"), Status: ec2.VPCStatus{Observed: settled(), VPCID: new("vpc-1")},
			Spec: ec2.VPCSpec{EnableDNSSupport: new(true), EnableDNSHostnames: new(true), Tags: ours},
		},
		&ec2.Subnet{
			ObjectMeta: named("subnet"), Status: ec2.SubnetStatus{Observed: settled(), SubnetID: new("subnet-1")},
			Spec: ec2.SubnetSpec{MapPublicIPOnLaunch: new(true), RouteTables: pointers("rtb-1"), Tags: ours},
		},
		&ec2.InternetGateway{
			ObjectMeta: named("gateway"), Status: ec2.InternetGatewayStatus{Observed: settled(), InternetGatewayID: new("igw-1")},
			Spec: ec2.InternetGatewaySpec{VPC: new("vpc-1"), Tags: ours},
		},
		&ec2.RouteTable{
			ObjectMeta: named("table"), Status: ec2.RouteTableStatus{Observed: settled(), RouteTableID: new("rtb-1")},
			Spec: ec2.RouteTableSpec{Tags: ours, Routes: []ec2.Route{
				{DestinationCIDRBlock: new("0.0.0.0/0"), GatewayID: new("igw-1")},
				{DestinationCIDRBlock: new("192.168.0.0/16"), NATGatewayID: new("nat-1")},
			}},
		},
		&ec2.ElasticIPAddress{
			ObjectMeta: named("address"), Status: ec2.ElasticIPAddressStatus{Observed: settled(), AllocationID: new("eipalloc-1")},
			Spec: ec2.ElasticIPAddressSpec{Tags: ours},
		},
		&ec2.NATGateway{
			ObjectMeta: named("nat"), Status: ec2.NATGatewayStatus{Observed: settled(), NATGatewayID: new("nat-1")},
			Spec: ec2.NATGatewaySpec{Tags: ours},
		},
		&ec2.SecurityGroup{
			ObjectMeta: named("gossip"), Status: ec2.SecurityGroupStatus{Observed: settled(), ID: new("sg-7")},
			Spec: ec2.SecurityGroupSpec{
				IngressRules: []ec2.IPPermission{open(7947, "10.0.0.0/9", "10.128.0.0/9"), open(7946, "10.0.0.0/8")},
				EgressRules:  []ec2.IPPermission{{IPProtocol: new("-1"), IPRanges: []ec2.IPRange{{CIDRIP: new("0.0.0.0/0")}}}}, Tags: ours,
			},
		},
	}
}

func cluster() []client.Object {
	return []client.Object{
		&eks.Cluster{
			ObjectMeta: named("cluster"), Status: eks.ClusterStatus{Observed: eks.Observed(settled())},
			Spec: eks.ClusterSpec{
				Name: new("prod"), Version: new("1.34"), DeletionProtection: new(true), Tags: eksOurs,
				ResourcesVPCConfig: eks.VPCConfig{
					EndpointPublicAccess: new(true), EndpointPrivateAccess: new(true), PublicAccessCIDRs: pointers("198.51.100.0/24", "203.0.113.0/24"),
				},
				Logging: &eks.Logging{ClusterLogging: []eks.LogSetup{
					{Enabled: new(true), Types: pointers("api", "audit")}, {Enabled: new(false), Types: pointers("scheduler")},
				}},
			},
		},
		&eks.Nodegroup{
			ObjectMeta: named("nodes"), Status: eks.NodegroupStatus{Observed: eks.Observed(settled())},
			Spec: eks.NodegroupSpec{
				Name: new("system"), ClusterName: new("prod"), Tags: eksOurs, Labels: map[string]*string{"pool": new("system"), "tier": new("a")},
				ScalingConfig: &eks.ScalingConfig{MinSize: new(int64(1)), MaxSize: new(int64(3)), DesiredSize: new(int64(1))},
				Taints: []eks.Taint{
					{Key: new("a"), Value: new("b"), Effect: new("NO_SCHEDULE")}, {Key: new("c"), Effect: new("NO_EXECUTE")},
				},
			},
		},
		&eks.Addon{
			ObjectMeta: named("coredns"), Status: eks.AddonStatus{Observed: eks.Observed(settled())},
			Spec: eks.AddonSpec{
				Name: new("coredns"), ClusterName: new("prod"), AddonVersion: new("v1.11.4-eksbuild.2"),
				ConfigurationValues: new(`{"replicaCount":2}`), Tags: eksOurs,
			},
		},
		&eks.AccessEntry{
			ObjectMeta: named("argocd"), Status: eks.AccessEntryStatus{Observed: eks.Observed(settled())},
			Spec: eks.AccessEntrySpec{ClusterName: new("prod"), PrincipalARN: new(principal), AccessPolicies: []eks.AccessPolicy{
				{PolicyARN: new(viewARN), AccessScope: &eks.AccessScope{Type: new("cluster")}},
				{PolicyARN: new(adminARN), AccessScope: &eks.AccessScope{Type: new("namespace"), Namespaces: pointers("b", "a")}},
			}},
		},
		&eks.PodIdentityAssociation{
			ObjectMeta: named("dns"), Status: eks.PodIdentityAssociationStatus{Observed: eks.Observed(settled()), AssociationID: new("a-1")},
			Spec: eks.PodIdentityAssociationSpec{ClusterName: new("prod"), RoleARN: new("arn:aws:iam::111122223333:role/dns"), Tags: eksOurs},
		},
	}
}

func others() []client.Object {
	return []client.Object{
		&s3.Bucket{
			ObjectMeta: named("bucket"), Status: s3.BucketStatus{Conditions: settled().Conditions},
			Spec: s3.BucketSpec{Name: new("logs"), PublicAccessBlock: &s3.PublicAccessBlock{
				BlockPublicACLs: new(true), BlockPublicPolicy: new(true), IgnorePublicACLs: new(true), RestrictPublicBuckets: new(true),
			}},
		},
		&acm.Certificate{
			ObjectMeta: named("certificate"),
			Status:     acm.CertificateStatus{ACKResourceMetadata: settled().ACKResourceMetadata, Conditions: settled().Conditions},
		},
		&iam.Role{
			ObjectMeta: named("role"), Status: iam.RoleStatus{Conditions: settled().Conditions},
			Spec: iam.RoleSpec{
				Name: new("prod-node"), AssumeRolePolicyDocument: new(trust), Policies: pointers(readARN, workerARN),
				InlinePolicies: map[string]string{"own": `{"Statement":[]}`, "extra": `{"Statement":[]}`},
				Tags:           []iam.Tag{{Key: "portolan.dev/region", Value: "one"}, {Key: "Team", Value: "core"}},
			},
		},
	}
}

// region has one object of every kind.
func region() []client.Object { return append(append(network(), cluster()...), others()...) }

// mirror is an AWS that has what the objects say.
func mirror(objects []client.Object) *fake.AWS {
	f := fake.New()
	f.Mirror(func() []client.Object { return objects })
	return f
}

func find(t *testing.T, f drift.Reader, objects []client.Object) []drift.Finding {
	t.Helper()
	findings, err := drift.Find(t.Context(), f, "", awsRegion, objects)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return findings
}

// fields are those of the only finding, nil if there is none.
func fields(t *testing.T, findings []drift.Finding) []string {
	t.Helper()
	if len(findings) == 0 {
		return nil
	}
	NewWithT(t).Expect(findings).To(HaveLen(1))
	NewWithT(t).Expect(findings[0].Deleted).To(BeFalse())
	return findings[0].Fields
}

func rule(protocol string, from, to int32, peer string) aws.SecurityRule {
	return aws.SecurityRule{Protocol: protocol, FromPort: new(from), ToPort: new(to), Peer: peer}
}
