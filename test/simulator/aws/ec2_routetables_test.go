package aws

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// routing has a VPC with a gateway of each sort, a table for both and a subnet that follows it.
func routing(t *testing.T, c *cloud.Cloud) {
	t.Helper()
	vpc, subnet := here(typeVPC, "vpc-1"), here(typeSubnet, "subnet-1")
	create(t, c, cloud.Resource{Key: vpc, Data: map[string]string{"cidr": "10.0.0.0/16", "enableDNSHostnames": "true"}})
	create(t, c, cloud.Resource{
		Key: here(typeInternetGateway, "igw-1"), Parents: []cloud.Key{vpc}, Data: map[string]string{"vpcID": "vpc-1"}, Tags: map[string]string{"team": "a"},
	})
	create(t, c, cloud.Resource{Key: here(typeInternetGateway, "igw-2"), Data: map[string]string{}})
	create(t, c, cloud.Resource{
		Key: subnet, Parents: []cloud.Key{vpc}, Data: map[string]string{"routeTables": "rtb-1", "mapPublicIPOnLaunch": "true"},
	})
	create(t, c, cloud.Resource{Key: here(typeNATGateway, "nat-1"), State: "available", Parents: []cloud.Key{subnet}})
	create(t, c, cloud.Resource{
		Key: here(typeRouteTable, "rtb-1"), Parents: []cloud.Key{vpc}, Tags: map[string]string{"team": "a"},
		Data: map[string]string{"vpcID": "vpc-1", "routes": `[{"destinationCIDRBlock":"0.0.0.0/0","gatewayID":"igw-1"},
			{"destinationCIDRBlock":"192.168.0.0/16","natGatewayID":"nat-1"},{"destinationCIDRBlock":"172.16.0.0/12","vpcPeeringConnectionID":"pcx-1"}]`},
	})
	create(t, c, cloud.Resource{Key: here(typeRouteTable, "rtb-2"), Data: map[string]string{"vpcID": "vpc-2"}})
}

func TestDescribeRouteTables(t *testing.T) {
	by := func(name string, values ...string) ec2.DescribeRouteTablesInput {
		return ec2.DescribeRouteTablesInput{Filters: []types.Filter{filter(name, values...)}}
	}
	cases := map[string]struct {
		in      ec2.DescribeRouteTablesInput
		want    []string
		wantErr string
	}{
		"all":               {want: []string{"rtb-1", "rtb-2"}},
		"by id":             {in: ec2.DescribeRouteTablesInput{RouteTableIds: []string{"rtb-2"}}, want: []string{"rtb-2"}},
		"by id filter":      {in: by("route-table-id", "rtb-1", "rtb-9"), want: []string{"rtb-1"}},
		"by VPC":            {in: by("vpc-id", "vpc-2"), want: []string{"rtb-2"}},
		"by subnet":         {in: by("association.subnet-id", "subnet-1"), want: []string{"rtb-1"}},
		"by tag":            {in: by("tag:team", "a"), want: []string{"rtb-1"}},
		"an id that is not": {in: ec2.DescribeRouteTablesInput{RouteTableIds: []string{"rtb-9"}}, wantErr: "InvalidRouteTableID.NotFound"},
		"an unknown filter": {in: by("colour", "red"), wantErr: "InvalidParameterValue"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s, c := start(t)
			routing(t, c)
			out, err := ec2.NewFromConfig(sdk(t, s, BaseAccessKey)).DescribeRouteTables(t.Context(), &tc.in)
			g.Expect(codeOf(err)).To(Equal(tc.wantErr))
			if tc.wantErr != "" {
				return
			}
			var got []string
			for _, table := range out.RouteTables {
				got = append(got, *table.RouteTableId)
			}
			g.Expect(got).To(Equal(tc.want))
		})
	}
}

func TestRoutesAreDescribed(t *testing.T) {
	g := NewWithT(t)
	s, c := start(t)
	routing(t, c)
	client := ec2.NewFromConfig(sdk(t, s, BaseAccessKey))
	describe := func() types.RouteTable {
		out, err := client.DescribeRouteTables(t.Context(), &ec2.DescribeRouteTablesInput{RouteTableIds: []string{"rtb-1"}})
		g.Expect(err).NotTo(HaveOccurred())
		return out.RouteTables[0]
	}
	made := func(r types.Route) types.Route {
		r.Origin, r.State = types.RouteOriginCreateRoute, types.RouteStateActive
		return r
	}
	table := describe()
	g.Expect(table.Routes).To(Equal([]types.Route{
		{DestinationCidrBlock: new("10.0.0.0/16"), GatewayId: new("local"), Origin: types.RouteOriginCreateRouteTable, State: types.RouteStateActive},
		made(types.Route{DestinationCidrBlock: new("0.0.0.0/0"), GatewayId: new("igw-1")}),
		made(types.Route{DestinationCidrBlock: new("192.168.0.0/16"), NatGatewayId: new("nat-1")}),
		made(types.Route{DestinationCidrBlock: new("172.16.0.0/12"), VpcPeeringConnectionId: new("pcx-1")}),
	}))
	g.Expect(table.Associations).To(HaveLen(1))
	g.Expect(*table.Associations[0].SubnetId).To(Equal("subnet-1"))
	g.Expect(*table.Associations[0].Main).To(BeFalse())

	g.Expect(c.Update(here(typeNATGateway, "nat-1"), func(r *cloud.Resource) { r.State = "deleting" })).To(Succeed())
	g.Expect(c.Delete(here(typeInternetGateway, "igw-1"))).To(Succeed())
	var states []types.RouteState
	for _, r := range describe().Routes {
		states = append(states, r.State)
	}
	g.Expect(states).To(Equal([]types.RouteState{"active", "blackhole", "blackhole", "active"}))
}

func TestDescribeInternetGateways(t *testing.T) {
	g := NewWithT(t)
	s, c := start(t)
	routing(t, c)
	client := ec2.NewFromConfig(sdk(t, s, BaseAccessKey))
	out, err := client.DescribeInternetGateways(t.Context(), &ec2.DescribeInternetGatewaysInput{Filters: []types.Filter{filter("internet-gateway-id", "igw-*")}})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(out.InternetGateways).To(HaveLen(2))
	g.Expect(out.InternetGateways[0].Attachments).To(Equal([]types.InternetGatewayAttachment{{VpcId: new("vpc-1"), State: "available"}}))
	g.Expect(out.InternetGateways[0].Tags).To(Equal([]types.Tag{{Key: new("team"), Value: new("a")}}))
	g.Expect(out.InternetGateways[1].Attachments).To(BeEmpty(), "it was detached")

	out, err = client.DescribeInternetGateways(t.Context(), &ec2.DescribeInternetGatewaysInput{Filters: []types.Filter{filter("attachment.vpc-id", "vpc-1")}})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(out.InternetGateways).To(HaveLen(1))
	_, err = client.DescribeInternetGateways(t.Context(), &ec2.DescribeInternetGatewaysInput{InternetGatewayIds: []string{"igw-9"}})
	g.Expect(codeOf(err)).To(Equal("InvalidInternetGatewayID.NotFound"))
}

func TestDescribeVPCAttribute(t *testing.T) {
	g := NewWithT(t)
	s, c := start(t)
	routing(t, c)
	client := ec2.NewFromConfig(sdk(t, s, BaseAccessKey))
	attribute := func(id string, name types.VpcAttributeName) (*ec2.DescribeVpcAttributeOutput, error) {
		return client.DescribeVpcAttribute(t.Context(), &ec2.DescribeVpcAttributeInput{VpcId: &id, Attribute: name})
	}
	out, err := attribute("vpc-1", types.VpcAttributeNameEnableDnsSupport)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(*out.VpcId).To(Equal("vpc-1"))
	g.Expect(*out.EnableDnsSupport.Value).To(BeTrue(), "as AWS makes it")
	g.Expect(out.EnableDnsHostnames).To(BeNil())
	out, err = attribute("vpc-1", types.VpcAttributeNameEnableDnsHostnames)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(*out.EnableDnsHostnames.Value).To(BeTrue())
	_, err = attribute("vpc-9", types.VpcAttributeNameEnableDnsSupport)
	g.Expect(codeOf(err)).To(Equal("InvalidVpcID.NotFound"))
	_, err = attribute("vpc-1", "colour")
	g.Expect(codeOf(err)).To(Equal("InvalidParameterValue"))
}

func TestSubnetsTellWhetherTheyArePublic(t *testing.T) {
	g := NewWithT(t)
	s, c := start(t)
	routing(t, c)
	out, err := ec2.NewFromConfig(sdk(t, s, BaseAccessKey)).DescribeSubnets(t.Context(), nil)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(*out.Subnets[0].MapPublicIpOnLaunch).To(BeTrue())
}
