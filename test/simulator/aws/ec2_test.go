package aws

import (
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

func filter(name string, values ...string) types.Filter {
	return types.Filter{Name: &name, Values: values}
}

func TestDescribeAvailabilityZones(t *testing.T) {
	cases := map[string]struct {
		region  string
		in      *ec2.DescribeAvailabilityZonesInput
		want    map[string]string
		wantErr string
	}{
		"Ireland":             {region: "eu-west-1", want: map[string]string{"eu-west-1a": "euw1-az1", "eu-west-1b": "euw1-az2", "eu-west-1c": "euw1-az3"}},
		"Virginia":            {region: "us-east-1", want: map[string]string{"us-east-1a": "use1-az1", "us-east-1b": "use1-az2", "us-east-1c": "use1-az3", "us-east-1d": "use1-az4", "us-east-1e": "use1-az5", "us-east-1f": "use1-az6"}},
		"Sydney by id":        {region: "ap-southeast-2", in: &ec2.DescribeAvailabilityZonesInput{ZoneIds: []string{"apse2-az2"}}, want: map[string]string{"ap-southeast-2b": "apse2-az2"}},
		"Montreal by name":    {region: "ca-central-1", in: &ec2.DescribeAvailabilityZonesInput{ZoneNames: []string{"ca-central-1a"}}, want: map[string]string{"ca-central-1a": "cac1-az1"}},
		"only available":      {region: "us-gov-west-1", in: &ec2.DescribeAvailabilityZonesInput{Filters: []types.Filter{filter("state", "available"), filter("zone-name", "*c")}}, want: map[string]string{"us-gov-west-1c": "usgw1-az3"}},
		"only unavailable":    {region: "eu-west-1", in: &ec2.DescribeAvailabilityZonesInput{Filters: []types.Filter{filter("state", "impaired")}}, want: map[string]string{}},
		"an unknown filter":   {region: "eu-west-1", in: &ec2.DescribeAvailabilityZonesInput{Filters: []types.Filter{filter("colour", "red")}}, wantErr: "InvalidParameterValue"},
		"no region of AWS at": {region: "nowhere", wantErr: "InvalidParameterValue"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s, _ := start(t)
			cfg := sdk(t, s, BaseAccessKey)
			cfg.Region = tc.region
			out, err := ec2.NewFromConfig(cfg).DescribeAvailabilityZones(t.Context(), tc.in)
			g.Expect(codeOf(err)).To(Equal(tc.wantErr))
			if tc.wantErr != "" {
				return
			}
			got := map[string]string{}
			for _, z := range out.AvailabilityZones {
				g.Expect(z.State).To(Equal(types.AvailabilityZoneStateAvailable))
				got[*z.ZoneName] = *z.ZoneId
			}
			g.Expect(got).To(Equal(tc.want))
		})
	}
}

// world has two VPCs in one region, one in another, and a NAT gateway.
func world(t *testing.T) (*ec2.Client, *cloud.Cloud) {
	t.Helper()
	s, c := start(t)
	here := func(kind, id string) cloud.Key { return cloud.Key{Type: kind, Region: region, ID: id} }
	create(t, c, cloud.Resource{Key: here(typeVPC, "vpc-1"), State: "available",
		Data: map[string]string{"cidr": "10.0.0.0/16,100.64.0.0/16"}, Tags: map[string]string{"Name": "one", "team": "a"}})
	create(t, c, cloud.Resource{Key: here(typeVPC, "vpc-2"), State: "pending", Data: map[string]string{"cidr": "10.1.0.0/16"}})
	create(t, c, cloud.Resource{Key: cloud.Key{Type: typeVPC, Region: "us-east-1", ID: "vpc-3"}, State: "available"})
	create(t, c, cloud.Resource{Key: here(typeSubnet, "subnet-1"), Parents: []cloud.Key{here(typeVPC, "vpc-1")}})
	create(t, c, cloud.Resource{Key: here(typeNATGateway, "nat-1"), State: "available",
		Parents: []cloud.Key{here(typeSubnet, "subnet-1")}, Tags: map[string]string{"Name": "nat"}})
	return ec2.NewFromConfig(sdk(t, s, BaseAccessKey)), c
}

func TestDescribeVPCs(t *testing.T) {
	cases := map[string]struct {
		in      ec2.DescribeVpcsInput
		want    []string
		wantErr string
	}{
		"all of the region":    {want: []string{"vpc-1", "vpc-2"}},
		"by id":                {in: ec2.DescribeVpcsInput{VpcIds: []string{"vpc-2"}}, want: []string{"vpc-2"}},
		"by id filter":         {in: ec2.DescribeVpcsInput{Filters: []types.Filter{filter("vpc-id", "vpc-1", "vpc-9")}}, want: []string{"vpc-1"}},
		"by secondary block":   {in: ec2.DescribeVpcsInput{Filters: []types.Filter{filter("cidr-block-association.cidr-block", "100.64.0.0/16")}}, want: []string{"vpc-1"}},
		"by primary block":     {in: ec2.DescribeVpcsInput{Filters: []types.Filter{filter("cidr", "100.64.0.0/16")}}},
		"by tag":               {in: ec2.DescribeVpcsInput{Filters: []types.Filter{filter("tag:Name", "one"), filter("tag:team", "b", "a")}}, want: []string{"vpc-1"}},
		"by tag, none matches": {in: ec2.DescribeVpcsInput{Filters: []types.Filter{filter("tag:Name", "one"), filter("tag:team", "b")}}},
		"by tag key":           {in: ec2.DescribeVpcsInput{Filters: []types.Filter{filter("tag-key", "te*")}}, want: []string{"vpc-1"}},
		"by state":             {in: ec2.DescribeVpcsInput{Filters: []types.Filter{filter("state", "pending")}}, want: []string{"vpc-2"}},
		"of another region":    {in: ec2.DescribeVpcsInput{VpcIds: []string{"vpc-3"}}, wantErr: "InvalidVpcID.NotFound"},
		"an unknown filter":    {in: ec2.DescribeVpcsInput{Filters: []types.Filter{filter("colour", "red")}}, wantErr: "InvalidParameterValue"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			client, _ := world(t)
			out, err := client.DescribeVpcs(t.Context(), &tc.in)
			g.Expect(codeOf(err)).To(Equal(tc.wantErr))
			if tc.wantErr != "" {
				return
			}
			var got []string
			for _, v := range out.Vpcs {
				got = append(got, *v.VpcId)
			}
			g.Expect(got).To(Equal(tc.want))
		})
	}
}

func TestDescribeVPCFields(t *testing.T) {
	g := NewWithT(t)
	client, _ := world(t)
	out, err := client.DescribeVpcs(t.Context(), &ec2.DescribeVpcsInput{VpcIds: []string{"vpc-1"}})
	g.Expect(err).NotTo(HaveOccurred())
	v := out.Vpcs[0]
	g.Expect(v.State).To(Equal(types.VpcStateAvailable))
	g.Expect(*v.CidrBlock).To(Equal("10.0.0.0/16"))
	g.Expect(v.CidrBlockAssociationSet).To(HaveLen(2))
	g.Expect(*v.CidrBlockAssociationSet[1].CidrBlock).To(Equal("100.64.0.0/16"))
	g.Expect(v.CidrBlockAssociationSet[1].CidrBlockState.State).To(Equal(types.VpcCidrBlockStateCodeAssociated))
	g.Expect(v.Tags).To(HaveLen(2))
	g.Expect(*v.OwnerId).To(Equal(account))
}

func TestDescribeNATGateways(t *testing.T) {
	g := NewWithT(t)
	client, c := world(t)
	byID := &ec2.DescribeNatGatewaysInput{NatGatewayIds: []string{"nat-1"}}
	out, err := client.DescribeNatGateways(t.Context(), byID)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(out.NatGateways[0].State).To(Equal(types.NatGatewayStateAvailable))
	g.Expect(*out.NatGateways[0].VpcId).To(Equal("vpc-1"))
	g.Expect(*out.NatGateways[0].SubnetId).To(Equal("subnet-1"))
	g.Expect(out.NatGateways[0].CreateTime).NotTo(BeNil())

	key := cloud.Key{Type: typeNATGateway, Region: region, ID: "nat-1"}
	g.Expect(c.Update(key, func(r *cloud.Resource) { r.State = "deleting" })).To(Succeed())
	out, err = client.DescribeNatGateways(t.Context(), &ec2.DescribeNatGatewaysInput{Filter: []types.Filter{
		filter("vpc-id", "vpc-1"), filter("subnet-id", "subnet-1"), filter("nat-gateway-id", "nat-1"),
		filter("state", "deleting"), filter("tag:Name", "nat"),
	}})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(out.NatGateways).To(HaveLen(1))

	g.Expect(c.Delete(key)).To(Succeed())
	out, err = client.DescribeNatGateways(t.Context(), byID)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(out.NatGateways[0].State).To(Equal(types.NatGatewayStateDeleted))
}

func TestDepartedNATGatewaysAreForgotten(t *testing.T) {
	g := NewWithT(t)
	all := func(cloud.Resource) bool { return true }
	d := newDeparted(time.Hour)
	d.follow(cloud.Event{Type: cloud.Deleted, Resource: cloud.Resource{Key: cloud.Key{Type: typeNATGateway, ID: "nat-1"}}})
	d.follow(cloud.Event{Type: cloud.Updated, Resource: cloud.Resource{Key: cloud.Key{Type: typeNATGateway, ID: "nat-2"}}})
	d.follow(cloud.Event{Type: cloud.Deleted, Resource: cloud.Resource{Key: cloud.Key{Type: typeVPC, ID: "vpc-1"}}})
	g.Expect(d.list(all, time.Now())).To(HaveLen(1))
	g.Expect(d.list(all, time.Now().Add(2*time.Hour))).To(BeEmpty())
	g.Expect(d.gone).To(BeEmpty())
}

func TestDescribeNATGatewayRefusals(t *testing.T) {
	g := NewWithT(t)
	client, _ := world(t)
	_, err := client.DescribeNatGateways(t.Context(), &ec2.DescribeNatGatewaysInput{NatGatewayIds: []string{"nat-9"}})
	g.Expect(codeOf(err)).To(Equal("NatGatewayNotFound"))
	_, err = client.DescribeNatGateways(t.Context(), &ec2.DescribeNatGatewaysInput{
		Filter: []types.Filter{{Name: awssdk.String("colour"), Values: []string{"red"}}},
	})
	g.Expect(codeOf(err)).To(Equal("InvalidParameterValue"))
}
