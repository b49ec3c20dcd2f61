package aws

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

const (
	describeVPCAttribute = "ec2:DescribeVpcAttribute"
	describeGateways     = "ec2:DescribeInternetGateways"
	describeTables       = "ec2:DescribeRouteTables"
	describeGroups       = "ec2:DescribeSecurityGroups"
)

// teamTag is the tag of all that is described.
const teamTag = "<tagSet><item><key>Team</key><value>core</value></item></tagSet>"

var team = map[string]string{"Team": "core"}

func TestDescribesVPCsByFilter(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(describeVPCs, ec2Reply(describeVPCs, "<vpcSet><item><vpcId>vpc-1</vpcId>"+teamTag+"</item></vpcSet>"))
	known, err := s.DescribeVPCs(t.Context(), "", "eu-west-1", []string{"vpc-2", "vpc-1", "vpc-2"})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(known).To(Equal(map[string]VPC{"vpc-1": {Tags: team}}))
	g.Expect(filtersOf(w.requests(describeVPCs)[0])).To(Equal([]string{"vpc-id=vpc-1,vpc-2"}))
}

func TestDescribesNothingWithoutACall(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	g.Expect(s.DescribeVPCs(t.Context(), "", "eu-west-1", nil)).To(BeEmpty())
	g.Expect(w.requests(describeVPCs)).To(BeEmpty())
}

func TestDescribesMoreThanAFilterTakes(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(describeAddresses, ec2Reply(describeAddresses, "<addressesSet><item><allocationId>eipalloc-000</allocationId>"+teamTag+"</item></addressesSet>"))
	var ids []string
	for i := range maxFilterValues + 1 {
		ids = append(ids, fmt.Sprintf("eipalloc-%03d", i))
	}
	known, err := s.DescribeAddresses(t.Context(), "", "eu-west-1", ids)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(known).To(Equal(map[string]Address{"eipalloc-000": {Tags: team}}))
	g.Expect(w.requests(describeAddresses)).To(HaveLen(2))
	g.Expect(filtersOf(w.requests(describeAddresses)[1])).To(Equal([]string{"allocation-id=eipalloc-200"}))
}

func TestVPCAttributes(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(describeVPCAttribute, func(rw http.ResponseWriter, r *http.Request) {
		attribute := r.FormValue("Attribute")
		ec2Reply(describeVPCAttribute, fmt.Sprintf("<vpcId>%s</vpcId><%s><value>%t</value></%s>",
			r.FormValue("VpcId"), attribute, attribute == "enableDnsSupport", attribute))(rw, r)
	})
	support, hostnames, err := s.VPCAttributes(t.Context(), "", "eu-west-1", "vpc-1")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(support).To(BeTrue())
	g.Expect(hostnames).To(BeFalse())

	w.on(describeVPCAttribute, refuse(describeVPCAttribute, 400, "InvalidVpcID.NotFound", "No."))
	_, _, err = s.VPCAttributes(t.Context(), "", "eu-west-1", "vpc-1")
	g.Expect(ClassOf(err)).To(Equal(NotFound))
}

func TestDescribesSubnetsAndGateways(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(describeSubnets, ec2Reply(describeSubnets, `<subnetSet><item><subnetId>subnet-1</subnetId><mapPublicIpOnLaunch>true</mapPublicIpOnLaunch>`+teamTag+`</item></subnetSet>`))
	w.on(describeNATs, ec2Reply(describeNATs, `<natGatewaySet><item><natGatewayId>nat-1</natGatewayId><state>deleting</state>`+teamTag+`</item></natGatewaySet>`))
	w.on(describeGateways, ec2Reply(describeGateways, `<internetGatewaySet><item><internetGatewayId>igw-1</internetGatewayId>
		<attachmentSet><item><vpcId>vpc-1</vpcId><state>available</state></item></attachmentSet>`+teamTag+`</item></internetGatewaySet>`))

	g.Expect(s.DescribeSubnets(t.Context(), "", "eu-west-1", []string{"subnet-1"})).To(
		Equal(map[string]Subnet{"subnet-1": {MapPublicIPOnLaunch: true, Tags: team}}))
	g.Expect(s.DescribeNATGateways(t.Context(), "", "eu-west-1", []string{"nat-1"})).To(
		Equal(map[string]NATGateway{"nat-1": {State: NATGatewayDeleting, Tags: team}}))
	g.Expect(s.DescribeInternetGateways(t.Context(), "", "eu-west-1", []string{"igw-1"})).To(
		Equal(map[string]InternetGateway{"igw-1": {VPCs: []string{"vpc-1"}, Tags: team}}))
	g.Expect(filtersOf(w.requests(describeSubnets)[0])).To(Equal([]string{"subnet-id=subnet-1"}))
	g.Expect(filtersOf(w.requests(describeNATs)[0])).To(Equal([]string{"nat-gateway-id=nat-1"}))
	g.Expect(filtersOf(w.requests(describeGateways)[0])).To(Equal([]string{"internet-gateway-id=igw-1"}))
}

func TestDescribesRouteTables(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	route := func(content string) string { return "<item>" + content + "</item>" }
	w.on(describeTables, ec2Reply(describeTables, `<routeTableSet><item><routeTableId>rtb-1</routeTableId>`+teamTag+`<routeSet>`+strings.Join([]string{
		route(`<destinationCidrBlock>10.0.0.0/16</destinationCidrBlock><gatewayId>local</gatewayId><origin>CreateRouteTable</origin><state>active</state>`),
		route(`<destinationIpv6CidrBlock>::/0</destinationIpv6CidrBlock><egressOnlyInternetGatewayId>eigw-1</egressOnlyInternetGatewayId><state>active</state>`),
		route(`<destinationPrefixListId>pl-1</destinationPrefixListId><gatewayId>vpce-1</gatewayId><state>active</state>`),
		route(`<destinationCidrBlock>0.0.0.0/0</destinationCidrBlock><natGatewayId>nat-1</natGatewayId><state>blackhole</state>`),
		route(`<destinationCidrBlock>172.16.0.0/12</destinationCidrBlock><gatewayId>vgw-1</gatewayId><origin>EnableVgwRoutePropagation</origin>`),
		route(`<destinationCidrBlock>192.0.2.0/24</destinationCidrBlock><instanceId>i-1</instanceId><networkInterfaceId>eni-1</networkInterfaceId>`),
	}, "")+`</routeSet><associationSet><item><main>true</main></item><item><subnetId>subnet-1</subnetId></item></associationSet></item></routeTableSet>`))

	known, err := s.DescribeRouteTables(t.Context(), "", "eu-west-1", []string{"rtb-1"})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(known).To(Equal(map[string]RouteTable{"rtb-1": {Tags: team, Subnets: []string{"subnet-1"}, Routes: []Route{
		{Destination: "10.0.0.0/16", Target: "local"},
		{Destination: "::/0", Target: "eigw-1"},
		{Destination: "pl-1", Target: "vpce-1"},
		{Destination: "0.0.0.0/0", Target: "nat-1", Blackhole: true},
		{Destination: "172.16.0.0/12", Target: "vgw-1", Propagated: true},
		{Destination: "192.0.2.0/24", Target: "i-1"},
	}}}))
	g.Expect(filtersOf(w.requests(describeTables)[0])).To(Equal([]string{"route-table-id=rtb-1"}))
}

func TestDescribesSecurityGroups(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(describeGroups, ec2Reply(describeGroups, `<securityGroupInfo><item><groupId>sg-1</groupId>`+teamTag+`<ipPermissions><item>
		<ipProtocol>tcp</ipProtocol><fromPort>22</fromPort><toPort>23</toPort>
		<ipRanges><item><cidrIp>10.0.0.0/8</cidrIp></item><item><cidrIp>192.0.2.0/24</cidrIp></item></ipRanges>
		<ipv6Ranges><item><cidrIpv6>::/0</cidrIpv6></item></ipv6Ranges><prefixListIds><item><prefixListId>pl-1</prefixListId></item></prefixListIds>
		<groups><item><groupId>sg-2</groupId></item></groups></item></ipPermissions>
		<ipPermissionsEgress><item><ipProtocol>-1</ipProtocol><ipRanges><item><cidrIp>0.0.0.0/0</cidrIp></item></ipRanges></item></ipPermissionsEgress>
		</item></securityGroupInfo>`))

	known, err := s.DescribeSecurityGroups(t.Context(), "", "eu-west-1", []string{"sg-1"})
	g.Expect(err).NotTo(HaveOccurred())
	var ingress []SecurityRule
	for _, peer := range []string{"10.0.0.0/8", "192.0.2.0/24", "::/0", "pl-1", "sg-2"} {
		ingress = append(ingress, SecurityRule{Protocol: "tcp", FromPort: new(int32(22)), ToPort: new(int32(23)), Peer: peer})
	}
	g.Expect(known).To(Equal(map[string]SecurityGroup{
		"sg-1": {Ingress: ingress, Egress: []SecurityRule{{Protocol: "-1", Peer: "0.0.0.0/0"}}, Tags: team},
	}))
	g.Expect(filtersOf(w.requests(describeGroups)[0])).To(Equal([]string{"group-id=sg-1"}))
}

func TestDescribingByIDReportsFailures(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(describeTables, refuse(describeTables, 403, "UnauthorizedOperation", "No."))
	_, err := s.DescribeRouteTables(t.Context(), "", "eu-west-1", []string{"rtb-1"})
	g.Expect(ClassOf(err)).To(Equal(AccessDenied))
	g.Expect(err).To(MatchError(ContainSubstring(describeTables)))
}
