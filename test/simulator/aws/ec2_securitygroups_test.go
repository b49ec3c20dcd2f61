package aws

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// groupsIn has a VPC with two groups, of which sg-nodes names sg-api, and a cluster.
func groupsIn(t *testing.T, c *cloud.Cloud) {
	t.Helper()
	vpc := here(typeVPC, "vpc-1")
	create(t, c, cloud.Resource{Key: vpc})
	create(t, c, cloud.Resource{
		Key: here(typeSecurityGroup, "sg-api"), Parents: []cloud.Key{vpc}, Tags: map[string]string{"team": "a"},
		Data: map[string]string{"name": "api", "description": "of the API", dataIngress: `[{"ipProtocol":"tcp","fromPort":443,"toPort":443,
			"ipRanges":[{"cidrIP":"0.0.0.0/0","description":"all"}],"ipv6Ranges":[{"cidrIPv6":"::/0"}]}]`},
	})
	create(t, c, cloud.Resource{
		Key: here(typeSecurityGroup, "sg-nodes"), Parents: []cloud.Key{vpc},
		Data: map[string]string{"name": "nodes", dataEgress: `[{"ipProtocol":"-1","userIDGroupPairs":[{"groupID":"sg-api","description":"to it"}]}]`},
	})
	subnet := here(typeSubnet, "subnet-1")
	create(t, c, cloud.Resource{Key: subnet, Parents: []cloud.Key{vpc}})
	create(t, c, cloud.Resource{
		Key: here(typeCluster, "prod"), Parents: []cloud.Key{subnet}, Data: map[string]string{"securityGroupID": "sg-eks"},
	})
	create(t, c, cloud.Resource{Key: cloud.Key{Type: typeVPC, Region: "us-east-1", ID: "vpc-9"}})
}

func TestDescribeSecurityGroups(t *testing.T) {
	by := func(name string, values ...string) ec2.DescribeSecurityGroupsInput {
		return ec2.DescribeSecurityGroupsInput{Filters: []types.Filter{filter(name, values...)}}
	}
	cases := map[string]struct {
		in      ec2.DescribeSecurityGroupsInput
		want    []string
		wantErr string
	}{
		"all, with those of VPC and cluster": {want: []string{"sg-api", "sg-nodes", "sg-1", "sg-eks"}},
		"by id":                              {in: ec2.DescribeSecurityGroupsInput{GroupIds: []string{"sg-1"}}, want: []string{"sg-1"}},
		"by VPC":                             {in: by("vpc-id", "vpc-1"), want: []string{"sg-api", "sg-nodes", "sg-1", "sg-eks"}},
		"by another VPC":                     {in: by("vpc-id", "vpc-9")},
		"by name":                            {in: by("group-name", "default", "api"), want: []string{"sg-api", "sg-1"}},
		"by tag":                             {in: by("tag:team", "a"), want: []string{"sg-api"}},
		"by the tag of EKS":                  {in: by("tag:aws:eks:cluster-name", "prod"), want: []string{"sg-eks"}},
		"by whom they let out to":            {in: by("egress.ip-permission.group-id", "sg-api"), want: []string{"sg-nodes"}},
		"by whom they let in":                {in: by("ip-permission.group-id", "sg-1"), want: []string{"sg-1"}},
		"an id that is not":                  {in: ec2.DescribeSecurityGroupsInput{GroupIds: []string{"sg-9"}}, wantErr: "InvalidGroup.NotFound"},
		"an unknown filter":                  {in: by("colour", "red"), wantErr: "InvalidParameterValue"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s, c := start(t)
			groupsIn(t, c)
			out, err := ec2.NewFromConfig(sdk(t, s, BaseAccessKey)).DescribeSecurityGroups(t.Context(), &tc.in)
			g.Expect(codeOf(err)).To(Equal(tc.wantErr))
			if tc.wantErr != "" {
				return
			}
			var got []string
			for _, group := range out.SecurityGroups {
				got = append(got, *group.GroupId)
				g.Expect(*group.VpcId).To(Equal("vpc-1"))
				g.Expect(*group.SecurityGroupArn).To(Equal("arn:aws:ec2:eu-west-1:111122223333:security-group/" + *group.GroupId))
			}
			g.Expect(got).To(Equal(tc.want))
		})
	}
}

func TestSecurityGroupsTellTheirRules(t *testing.T) {
	g := NewWithT(t)
	s, c := start(t)
	groupsIn(t, c)
	out, err := ec2.NewFromConfig(sdk(t, s, BaseAccessKey)).DescribeSecurityGroups(t.Context(),
		&ec2.DescribeSecurityGroupsInput{GroupIds: []string{"sg-api", "sg-nodes"}})
	g.Expect(err).NotTo(HaveOccurred())
	api, nodes := out.SecurityGroups[0], out.SecurityGroups[1]
	g.Expect(*api.GroupName).To(Equal("api"))
	g.Expect(*api.Description).To(Equal("of the API"))
	g.Expect(api.Tags).To(HaveLen(1))
	g.Expect(api.IpPermissionsEgress).To(BeEmpty())
	g.Expect(api.IpPermissions).To(HaveLen(1))
	rule := api.IpPermissions[0]
	g.Expect(*rule.IpProtocol).To(Equal("tcp"))
	g.Expect([]int32{*rule.FromPort, *rule.ToPort}).To(Equal([]int32{443, 443}))
	g.Expect(*rule.IpRanges[0].CidrIp).To(Equal("0.0.0.0/0"))
	g.Expect(*rule.IpRanges[0].Description).To(Equal("all"))
	g.Expect(*rule.Ipv6Ranges[0].CidrIpv6).To(Equal("::/0"))
	g.Expect(rule.UserIdGroupPairs).To(BeEmpty())
	g.Expect(*nodes.IpPermissionsEgress[0].UserIdGroupPairs[0].GroupId).To(Equal("sg-api"))
	g.Expect(nodes.IpPermissionsEgress[0].FromPort).To(BeNil())
}

func TestDeleteSecurityGroup(t *testing.T) {
	cases := map[string]struct {
		id      string
		before  func(*testing.T, *cloud.Cloud)
		wantErr string
	}{
		"nobody's":               {id: "sg-nodes"},
		"one that another names": {id: "sg-api", wantErr: "DependencyViolation"},
		"one that nobody names now": {id: "sg-api", before: func(t *testing.T, c *cloud.Cloud) {
			NewWithT(t).Expect(c.Delete(here(typeSecurityGroup, "sg-nodes"))).To(Succeed())
		}},
		"one that an interface has":    {id: "sg-nodes", before: withInterface, wantErr: "DependencyViolation"},
		"the default one":              {id: "sg-1", wantErr: "CannotDelete"},
		"one of a cluster that exists": {id: "sg-eks", wantErr: "DependencyViolation"},
		"one that is not":              {id: "sg-9", wantErr: "InvalidGroup.NotFound"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s, c := start(t)
			groupsIn(t, c)
			if tc.before != nil {
				tc.before(t, c)
			}
			_, err := ec2.NewFromConfig(sdk(t, s, BaseAccessKey)).DeleteSecurityGroup(t.Context(), &ec2.DeleteSecurityGroupInput{GroupId: &tc.id})
			g.Expect(codeOf(err)).To(Equal(tc.wantErr))
			_, there := c.Get(here(typeSecurityGroup, tc.id))
			g.Expect(there).To(Equal(tc.wantErr == "DependencyViolation" && tc.id != "sg-eks"))
		})
	}
}

func withInterface(t *testing.T, c *cloud.Cloud) {
	t.Helper()
	create(t, c, cloud.Resource{Key: here(typeInterface, "eni-1"), State: "in-use", Parents: []cloud.Key{here(typeSecurityGroup, "sg-nodes")}})
}

func TestDeleteNetworkInterface(t *testing.T) {
	g := NewWithT(t)
	s, c := start(t)
	subnet := here(typeSubnet, "subnet-1")
	create(t, c, cloud.Resource{Key: subnet})
	for id, state := range map[string]string{"eni-free": "available", "eni-used": "in-use"} {
		create(t, c, cloud.Resource{Key: here(typeInterface, id), State: state, Parents: []cloud.Key{subnet}})
	}
	client := ec2.NewFromConfig(sdk(t, s, BaseAccessKey))
	for id, want := range map[string]string{"eni-free": "", "eni-used": "InvalidParameterValue", "eni-9": "InvalidNetworkInterfaceID.NotFound"} {
		_, err := client.DeleteNetworkInterface(t.Context(), &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: &id})
		g.Expect(codeOf(err)).To(Equal(want), id)
	}
	_, there := c.Get(here(typeInterface, "eni-free"))
	g.Expect(there).To(BeFalse())
	_, there = c.Get(here(typeInterface, "eni-used"))
	g.Expect(there).To(BeTrue())
}

func TestInterfacesTellTheirGroupsAndInstance(t *testing.T) {
	g := NewWithT(t)
	s, c := start(t)
	create(t, c, cloud.Resource{Key: here(typeSecurityGroup, "sg-a")})
	create(t, c, cloud.Resource{
		Key: here(typeInterface, "eni-1"), State: "in-use", Parents: []cloud.Key{here(typeSecurityGroup, "sg-a")},
		Data: map[string]string{"attachmentID": "eni-attach-1", "instanceID": "i-1", "securityGroups": "sg-b"},
	})
	out, err := ec2.NewFromConfig(sdk(t, s, BaseAccessKey)).DescribeNetworkInterfaces(t.Context(), nil)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(out.NetworkInterfaces).To(HaveLen(1))
	g.Expect(*out.NetworkInterfaces[0].Attachment.InstanceId).To(Equal("i-1"))
	g.Expect(out.NetworkInterfaces[0].Groups).To(HaveLen(2))
	g.Expect(*out.NetworkInterfaces[0].Groups[0].GroupId).To(Equal("sg-a"))
	g.Expect(*out.NetworkInterfaces[0].Groups[1].GroupId).To(Equal("sg-b"))
}

func TestDescribeVPCEndpoints(t *testing.T) {
	by := func(name, value string) ec2.DescribeVpcEndpointsInput {
		return ec2.DescribeVpcEndpointsInput{Filters: []types.Filter{filter(name, value)}}
	}
	cases := map[string]struct {
		in      ec2.DescribeVpcEndpointsInput
		want    []string
		wantErr string
	}{
		"all of the region": {want: []string{"vpce-1", "vpce-2"}},
		"by id":             {in: ec2.DescribeVpcEndpointsInput{VpcEndpointIds: []string{"vpce-2"}}, want: []string{"vpce-2"}},
		"by VPC":            {in: by("vpc-id", "vpc-1"), want: []string{"vpce-1"}},
		"by type":           {in: by("vpc-endpoint-type", "Gateway"), want: []string{"vpce-2"}},
		"an id that is not": {in: ec2.DescribeVpcEndpointsInput{VpcEndpointIds: []string{"vpce-9"}}, wantErr: "InvalidVpcEndpointId.NotFound"},
		"an unknown filter": {in: by("colour", "red"), wantErr: "InvalidParameterValue"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s, c := start(t)
			subnetsOf(t, c)
			create(t, c, cloud.Resource{Key: here(typeSecurityGroup, "sg-1")})
			create(t, c, cloud.Resource{
				Key: here(typeVPCEndpoint, "vpce-1"), Parents: []cloud.Key{here(typeSubnet, "subnet-a"), here(typeSecurityGroup, "sg-1")},
				Data: map[string]string{"service": "com.amazonaws.eu-west-1.ecr.api", "type": "Interface"},
			})
			create(t, c, cloud.Resource{Key: here(typeVPCEndpoint, "vpce-2"), Data: map[string]string{"vpcID": "vpc-2"}})
			out, err := ec2.NewFromConfig(sdk(t, s, BaseAccessKey)).DescribeVpcEndpoints(t.Context(), &tc.in)
			g.Expect(codeOf(err)).To(Equal(tc.wantErr))
			var got []string
			if err == nil {
				for _, endpoint := range out.VpcEndpoints {
					got = append(got, *endpoint.VpcEndpointId)
					g.Expect(string(endpoint.State)).To(Equal("available"))
				}
			}
			g.Expect(got).To(Equal(tc.want))
			if len(got) == 1 && got[0] == "vpce-1" {
				g.Expect(out.VpcEndpoints[0].SubnetIds).To(Equal([]string{"subnet-a"}))
				g.Expect(*out.VpcEndpoints[0].Groups[0].GroupId).To(Equal("sg-1"))
				g.Expect(*out.VpcEndpoints[0].ServiceName).To(Equal("com.amazonaws.eu-west-1.ecr.api"))
			}
		})
	}
}
