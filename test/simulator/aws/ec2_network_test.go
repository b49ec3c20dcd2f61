package aws

import (
	"fmt"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

func here(kind, id string) cloud.Key { return cloud.Key{Type: kind, Region: region, ID: id} }

func TestDescribeVPCPeerings(t *testing.T) {
	cases := map[string]struct {
		region  string
		in      ec2.DescribeVpcPeeringConnectionsInput
		want    []string
		wantErr string
	}{
		"all":                 {want: []string{"pcx-1", "pcx-2"}},
		"of the other side":   {region: "us-east-1", want: []string{"pcx-2"}},
		"of nobody":           {region: "eu-central-1"},
		"by id":               {in: ec2.DescribeVpcPeeringConnectionsInput{VpcPeeringConnectionIds: []string{"pcx-1"}}, want: []string{"pcx-1"}},
		"by requester":        {in: ec2.DescribeVpcPeeringConnectionsInput{Filters: []types.Filter{filter("requester-vpc-info.vpc-id", "vpc-1")}}, want: []string{"pcx-1", "pcx-2"}},
		"by accepter":         {in: ec2.DescribeVpcPeeringConnectionsInput{Filters: []types.Filter{filter("accepter-vpc-info.vpc-id", "vpc-9")}}, want: []string{"pcx-2"}},
		"by status":           {in: ec2.DescribeVpcPeeringConnectionsInput{Filters: []types.Filter{filter("status-code", "active")}}, want: []string{"pcx-1"}},
		"by an id that isn't": {in: ec2.DescribeVpcPeeringConnectionsInput{VpcPeeringConnectionIds: []string{"pcx-7"}}, wantErr: "InvalidVpcPeeringConnectionID.NotFound"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s, c := start(t)
			create(t, c, cloud.Resource{Key: here(typePeering, "pcx-1"), Data: map[string]string{
				"requesterVPC": "vpc-1", "requesterCIDR": "10.0.0.0/16", "accepterVPC": "vpc-2", "accepterCIDR": "10.1.0.0/16,10.2.0.0/16"}})
			create(t, c, cloud.Resource{Key: here(typePeering, "pcx-2"), State: "pending-acceptance", Data: map[string]string{
				"requesterVPC": "vpc-1", "accepterVPC": "vpc-9", "accepterRegion": "us-east-1", "accepterOwner": "999988887777"}})
			cfg := sdk(t, s, BaseAccessKey)
			if tc.region != "" {
				cfg.Region = tc.region
			}
			out, err := ec2.NewFromConfig(cfg).DescribeVpcPeeringConnections(t.Context(), &tc.in)
			g.Expect(codeOf(err)).To(Equal(tc.wantErr))
			if tc.wantErr != "" {
				return
			}
			var got []string
			for _, p := range out.VpcPeeringConnections {
				got = append(got, *p.VpcPeeringConnectionId)
				if *p.VpcPeeringConnectionId == "pcx-1" {
					g.Expect(*p.RequesterVpcInfo.VpcId).To(Equal("vpc-1"))
					g.Expect(*p.RequesterVpcInfo.OwnerId).To(Equal(account))
					g.Expect(*p.AccepterVpcInfo.CidrBlock).To(Equal("10.1.0.0/16"))
					g.Expect(p.AccepterVpcInfo.CidrBlockSet).To(HaveLen(2))
					g.Expect(p.Status.Code).To(Equal(types.VpcPeeringConnectionStateReasonCodeActive))
				} else {
					g.Expect(*p.AccepterVpcInfo.Region).To(Equal("us-east-1"))
					g.Expect(*p.AccepterVpcInfo.OwnerId).To(Equal("999988887777"))
				}
			}
			g.Expect(got).To(Equal(tc.want))
		})
	}
}

func TestDescribeAddresses(t *testing.T) {
	g := NewWithT(t)
	s, c := start(t)
	create(t, c, cloud.Resource{Key: here(typeAddress, "eipalloc-1"), Data: map[string]string{"publicIP": "3.0.0.1"}, Tags: map[string]string{"region": "one"}})
	create(t, c, cloud.Resource{Key: here(typeAddress, "eipalloc-2"), Data: map[string]string{"publicIP": "3.0.0.2"}})
	create(t, c, cloud.Resource{Key: here(typeNATGateway, "nat-2"), Parents: []cloud.Key{here(typeAddress, "eipalloc-2")}})
	client := ec2.NewFromConfig(sdk(t, s, BaseAccessKey))

	out, err := client.DescribeAddresses(t.Context(), &ec2.DescribeAddressesInput{})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(out.Addresses).To(HaveLen(2))
	g.Expect(*out.Addresses[0].PublicIp).To(Equal("3.0.0.1"))
	g.Expect(out.Addresses[0].Domain).To(Equal(types.DomainTypeVpc))
	g.Expect(out.Addresses[0].AssociationId).To(BeNil())
	g.Expect(*out.Addresses[1].AssociationId).To(Equal("eipassoc-2"))

	out, err = client.DescribeAddresses(t.Context(), &ec2.DescribeAddressesInput{Filters: []types.Filter{filter("tag:region", "one")}})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(out.Addresses).To(HaveLen(1))
	_, err = client.DescribeAddresses(t.Context(), &ec2.DescribeAddressesInput{AllocationIds: []string{"eipalloc-9"}})
	g.Expect(codeOf(err)).To(Equal("InvalidAllocationID.NotFound"))
}

func TestDescribeNetworkInterfaces(t *testing.T) {
	g := NewWithT(t)
	s, c := start(t)
	create(t, c, cloud.Resource{Key: here(typeVPC, "vpc-1")})
	create(t, c, cloud.Resource{Key: here(typeInterface, "eni-1"), State: "in-use", Parents: []cloud.Key{here(typeVPC, "vpc-1")},
		Data: map[string]string{"description": "ELB net/x", "subnetID": "subnet-1", "attachmentID": "eni-attach-1"}})
	create(t, c, cloud.Resource{Key: here(typeInterface, "eni-2"), State: "available", Data: map[string]string{"vpcID": "vpc-2"}})
	client := ec2.NewFromConfig(sdk(t, s, BaseAccessKey))
	out, err := client.DescribeNetworkInterfaces(t.Context(), &ec2.DescribeNetworkInterfacesInput{Filters: []types.Filter{
		filter("vpc-id", "vpc-1"), filter("description", "ELB *"), filter("status", "in-use"),
	}})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(out.NetworkInterfaces).To(HaveLen(1))
	g.Expect(*out.NetworkInterfaces[0].NetworkInterfaceId).To(Equal("eni-1"))
	g.Expect(*out.NetworkInterfaces[0].VpcId).To(Equal("vpc-1"))
	g.Expect(*out.NetworkInterfaces[0].SubnetId).To(Equal("subnet-1"))
	g.Expect(*out.NetworkInterfaces[0].Attachment.AttachmentId).To(Equal("eni-attach-1"))
	g.Expect(out.NetworkInterfaces[0].Attachment.AttachTime).NotTo(BeNil())

	out, err = client.DescribeNetworkInterfaces(t.Context(), &ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: []string{"eni-2"}})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(out.NetworkInterfaces[0].Attachment).To(BeNil())
	_, err = client.DescribeNetworkInterfaces(t.Context(), &ec2.DescribeNetworkInterfacesInput{NetworkInterfaceIds: []string{"eni-9"}})
	g.Expect(codeOf(err)).To(Equal("InvalidNetworkInterfaceID.NotFound"))
}

func TestDescribeTags(t *testing.T) {
	cases := map[string]struct {
		filters []types.Filter
		want    []string
		wantErr string
	}{
		"by key":            {filters: []types.Filter{filter("key", "portolan.dev/region")}, want: []string{"natgateway nat-1 one", "route-table rtb-1 one", "vpc vpc-1 one", "vpc vpc-2 two"}},
		"by key and value":  {filters: []types.Filter{filter("key", "portolan.dev/*"), filter("value", "t*")}, want: []string{"vpc vpc-2 two"}},
		"by type":           {filters: []types.Filter{filter("key", "portolan.dev/region"), filter("resource-type", "vpc", "natgateway")}, want: []string{"natgateway nat-1 one", "vpc vpc-1 one", "vpc vpc-2 two"}},
		"by resource":       {filters: []types.Filter{filter("resource-id", "rtb-1")}, want: []string{"route-table rtb-1 one"}},
		"by tag":            {filters: []types.Filter{filter("tag:Name", "x")}, want: []string{"vpc vpc-1 x"}},
		"an unknown filter": {filters: []types.Filter{filter("colour", "red")}, wantErr: "InvalidParameterValue"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s, c := start(t)
			tags := func(value string) map[string]string { return map[string]string{"portolan.dev/region": value} }
			create(t, c, cloud.Resource{Key: here(typeVPC, "vpc-1"), Tags: map[string]string{"portolan.dev/region": "one", "Name": "x"}})
			create(t, c, cloud.Resource{Key: here(typeVPC, "vpc-2"), Tags: tags("two")})
			create(t, c, cloud.Resource{Key: cloud.Key{Type: typeVPC, Region: "us-east-1", ID: "vpc-3"}, Tags: tags("one")})
			create(t, c, cloud.Resource{Key: here("ec2/routetable", "rtb-1"), Tags: tags("one")})
			create(t, c, cloud.Resource{Key: here(typeCluster, "one"), Tags: tags("one")})
			create(t, c, cloud.Resource{Key: here(typeNATGateway, "nat-1"), Tags: tags("one")})
			g.Expect(c.Delete(here(typeNATGateway, "nat-1"))).To(Succeed()) // still shown for a while
			out, err := ec2.NewFromConfig(sdk(t, s, BaseAccessKey)).DescribeTags(t.Context(), &ec2.DescribeTagsInput{Filters: tc.filters})
			g.Expect(codeOf(err)).To(Equal(tc.wantErr))
			if tc.wantErr != "" {
				return
			}
			var got []string
			for _, tag := range out.Tags {
				got = append(got, fmt.Sprintf("%s %s %s", tag.ResourceType, *tag.ResourceId, *tag.Value))
			}
			g.Expect(got).To(ConsistOf(tc.want))
		})
	}
}

func TestDescribeTagsPages(t *testing.T) {
	g := NewWithT(t)
	s, c := start(t)
	for i := range 12 {
		create(t, c, cloud.Resource{Key: here(typeSubnet, fmt.Sprintf("subnet-%02d", i)), Tags: map[string]string{"a": "b"}})
	}
	pager := ec2.NewDescribeTagsPaginator(ec2.NewFromConfig(sdk(t, s, BaseAccessKey)), &ec2.DescribeTagsInput{MaxResults: awssdk.Int32(5)})
	var got []string
	for pager.HasMorePages() {
		out, err := pager.NextPage(t.Context())
		g.Expect(err).NotTo(HaveOccurred())
		for _, tag := range out.Tags {
			got = append(got, *tag.ResourceId)
		}
	}
	g.Expect(got).To(HaveLen(12))
	g.Expect(got[11]).To(Equal("subnet-11"))
}
