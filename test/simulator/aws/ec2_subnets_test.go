package aws

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// subnetsOf has two subnets of one VPC, in two zones, and one of another region.
func subnetsOf(t *testing.T, c *cloud.Cloud) {
	t.Helper()
	vpc := here(typeVPC, "vpc-1")
	create(t, c, cloud.Resource{Key: vpc})
	create(t, c, cloud.Resource{
		Key: here(typeSubnet, "subnet-a"), State: "available", Parents: []cloud.Key{vpc}, Tags: map[string]string{"team": "a"},
		Data: map[string]string{"cidr": "10.0.0.0/20", "availabilityZone": "eu-west-1a"},
	})
	create(t, c, cloud.Resource{
		Key: here(typeSubnet, "subnet-b"), State: "available",
		Data: map[string]string{"cidr": "10.0.16.0/20", "availabilityZone": "eu-west-1b", "vpcID": "vpc-2"},
	})
	create(t, c, cloud.Resource{
		Key: cloud.Key{Type: typeSubnet, Region: "us-east-1", ID: "subnet-c"}, Data: map[string]string{"availabilityZone": "us-east-1a"},
	})
}

func TestDescribeSubnets(t *testing.T) {
	cases := map[string]struct {
		in      ec2.DescribeSubnetsInput
		want    []string
		wantErr string
	}{
		"all of the region":   {want: []string{"subnet-a", "subnet-b"}},
		"by id":               {in: ec2.DescribeSubnetsInput{SubnetIds: []string{"subnet-b"}}, want: []string{"subnet-b"}},
		"by id filter":        {in: ec2.DescribeSubnetsInput{Filters: []types.Filter{filter("subnet-id", "subnet-a", "subnet-9")}}, want: []string{"subnet-a"}},
		"by VPC":              {in: ec2.DescribeSubnetsInput{Filters: []types.Filter{filter("vpc-id", "vpc-2")}}, want: []string{"subnet-b"}},
		"by zone":             {in: ec2.DescribeSubnetsInput{Filters: []types.Filter{filter("availability-zone", "eu-west-1a")}}, want: []string{"subnet-a"}},
		"by zone ID":          {in: ec2.DescribeSubnetsInput{Filters: []types.Filter{filter("availability-zone-id", "euw1-az2")}}, want: []string{"subnet-b"}},
		"by tag":              {in: ec2.DescribeSubnetsInput{Filters: []types.Filter{filter("tag:team", "a")}}, want: []string{"subnet-a"}},
		"none":                {in: ec2.DescribeSubnetsInput{Filters: []types.Filter{filter("vpc-id", "vpc-9")}}},
		"an id of elsewhere":  {in: ec2.DescribeSubnetsInput{SubnetIds: []string{"subnet-c"}}, wantErr: "InvalidSubnetID.NotFound"},
		"an unknown filter":   {in: ec2.DescribeSubnetsInput{Filters: []types.Filter{filter("colour", "red")}}, wantErr: "InvalidParameterValue"},
		"an impossible token": {in: ec2.DescribeSubnetsInput{NextToken: new("x")}, wantErr: "InvalidParameterValue"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s, c := start(t)
			subnetsOf(t, c)
			out, err := ec2.NewFromConfig(sdk(t, s, BaseAccessKey)).DescribeSubnets(t.Context(), &tc.in)
			g.Expect(codeOf(err)).To(Equal(tc.wantErr))
			if tc.wantErr != "" {
				return
			}
			var got []string
			for _, subnet := range out.Subnets {
				got = append(got, *subnet.SubnetId)
			}
			g.Expect(got).To(Equal(tc.want))
		})
	}
}

func TestSubnetsAreDescribed(t *testing.T) {
	g := NewWithT(t)
	s, c := start(t)
	subnetsOf(t, c)
	out, err := ec2.NewFromConfig(sdk(t, s, BaseAccessKey)).DescribeSubnets(t.Context(), &ec2.DescribeSubnetsInput{SubnetIds: []string{"subnet-a"}})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(out.Subnets).To(ConsistOf(types.Subnet{
		SubnetId: new("subnet-a"), SubnetArn: new("arn:aws:ec2:eu-west-1:111122223333:subnet/subnet-a"), OwnerId: new(account),
		State: types.SubnetStateAvailable, VpcId: new("vpc-1"), CidrBlock: new("10.0.0.0/20"),
		AvailabilityZone: new("eu-west-1a"), AvailabilityZoneId: new("euw1-az1"), DefaultForAz: new(false), MapPublicIpOnLaunch: new(false),
		Tags: []types.Tag{{Key: new("team"), Value: new("a")}},
	}))
}
