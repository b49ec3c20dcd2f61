package aws

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

const (
	typeVPC        = "ec2/vpc"
	typeSubnet     = "ec2/subnet"
	typeNATGateway = "ec2/natgateway"
)

// ec2Operations are reads, for which IAM knows no resources, but for the deletions and DescribeVpcAttribute:
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html.
var ec2Operations = map[string]action{
	"DeleteNetworkInterface": {
		handle: (*Server).deleteNetworkInterface, on: ec2Named(typeInterface, "network-interface", "NetworkInterfaceId"),
	},
	"DeleteSecurityGroup": {
		handle: (*Server).deleteSecurityGroup, on: ec2Named(typeSecurityGroup, "security-group", "GroupId"),
	},
	"DescribeAddresses":             {handle: (*Server).describeAddresses},
	"DescribeAvailabilityZones":     {handle: (*Server).describeAvailabilityZones},
	"DescribeInstanceTypeOfferings": {handle: (*Server).describeInstanceTypeOfferings},
	"DescribeInstanceTypes":         {handle: (*Server).describeInstanceTypes},
	"DescribeInternetGateways":      {handle: (*Server).describeInternetGateways},
	"DescribeNatGateways":           {handle: (*Server).describeNATGateways},
	"DescribeNetworkInterfaces":     {handle: (*Server).describeNetworkInterfaces},
	"DescribeRegions":               {handle: (*Server).describeRegions},
	"DescribeRouteTables":           {handle: (*Server).describeRouteTables},
	"DescribeSecurityGroups":        {handle: (*Server).describeSecurityGroups},
	"DescribeSubnets":               {handle: (*Server).describeSubnets},
	"DescribeTags":                  {handle: (*Server).describeTags},
	"DescribeVpcAttribute":          {handle: (*Server).describeVPCAttribute, on: ec2Named(typeVPC, "vpc", "VpcId")},
	"DescribeVpcEndpoints":          {handle: (*Server).describeVPCEndpoints},
	"DescribeVpcPeeringConnections": {handle: (*Server).describeVPCPeerings},
	"DescribeVpcs":                  {handle: (*Server).describeVPCs},
}

type ec2Tag struct {
	Key   string `xml:"key"`
	Value string `xml:"value"`
}

type vpc struct {
	VPCID     string            `xml:"vpcId"`
	OwnerID   string            `xml:"ownerId"`
	State     string            `xml:"state"`
	CIDRBlock string            `xml:"cidrBlock"`
	CIDRs     []cidrAssociation `xml:"cidrBlockAssociationSet>item"`
	Tenancy   string            `xml:"instanceTenancy"`
	IsDefault bool              `xml:"isDefault"`
	Tags      []ec2Tag          `xml:"tagSet>item"`
}

type cidrAssociation struct {
	ID        string `xml:"associationId"`
	CIDRBlock string `xml:"cidrBlock"`
	State     string `xml:"cidrBlockState>state"`
}

type natGateway struct {
	ID               string   `xml:"natGatewayId"`
	VPCID            string   `xml:"vpcId"`
	SubnetID         string   `xml:"subnetId"`
	State            string   `xml:"state"`
	ConnectivityType string   `xml:"connectivityType"`
	CreateTime       string   `xml:"createTime"`
	Tags             []ec2Tag `xml:"tagSet>item"`
}

func (s *Server) describeVPCs(c *call) (any, error) {
	ids := formList(c.form, "VpcId")
	candidates := s.inRegion(c, typeVPC, ids)
	if missing := firstMissing(ids, candidates); missing != "" {
		return nil, &cloud.Error{
			Code:    "InvalidVpcID.NotFound",
			Message: fmt.Sprintf("The vpc ID '%s' does not exist", missing),
		}
	}
	candidates, err := filtered(c.form, candidates, vpcAttributes)
	if err != nil {
		return nil, err
	}
	vpcs := make([]vpc, len(candidates))
	for i, r := range candidates {
		vpcs[i] = s.vpcFrom(r)
	}
	return ec2Page(c, "vpcSet", vpcs, unpaged)
}

func (s *Server) vpcFrom(r cloud.Resource) vpc {
	v := vpc{
		VPCID: r.ID, OwnerID: s.cloud.Account(), State: r.State, Tenancy: "default", Tags: ec2Tags(r),
	}
	for i, block := range splitList(r.Data["cidr"]) {
		if i == 0 {
			v.CIDRBlock = block
		}
		v.CIDRs = append(v.CIDRs, cidrAssociation{
			ID: fmt.Sprintf("vpc-cidr-assoc-%s-%d", lastDash(r.ID), i), CIDRBlock: block, State: "associated",
		})
	}
	return v
}

func (s *Server) describeNATGateways(c *call) (any, error) {
	ids := formList(c.form, "NatGatewayId")
	wanted := func(r cloud.Resource) bool {
		return r.Type == typeNATGateway && r.Region == c.region && selected(ids, r.ID)
	}
	candidates := append(s.seen(wanted), s.departed.list(wanted, time.Now())...)
	if missing := firstMissing(ids, candidates); missing != "" {
		return nil, &cloud.Error{
			Code:    "NatGatewayNotFound",
			Message: fmt.Sprintf("The Nat Gateway %s was not found", missing),
		}
	}
	candidates, err := filtered(c.form, candidates, s.natGatewayAttributes)
	if err != nil {
		return nil, err
	}
	gateways := make([]natGateway, len(candidates))
	for i, r := range candidates {
		gateways[i] = natGateway{
			ID: r.ID, VPCID: s.vpcOf(r), SubnetID: s.ancestor(r, typeSubnet), State: r.State,
			ConnectivityType: "public", CreateTime: r.CreatedAt.UTC().Format(time.RFC3339), Tags: ec2Tags(r),
		}
	}
	return ec2Page(c, "natGatewaySet", gateways, unpaged)
}

// vpcOf prefers the fact, which outlives the parents.
func (s *Server) vpcOf(r cloud.Resource) string {
	return cmp.Or(r.Data["vpcID"], s.ancestor(r, typeVPC))
}

// ancestor finds what a resource hangs on, directly or through its parents.
func (s *Server) ancestor(r cloud.Resource, kind string) string {
	for _, parent := range r.Parents {
		if parent.Type == kind {
			return parent.ID
		}
	}
	for _, key := range r.Parents {
		if parent, ok := s.cloud.Get(key); ok {
			if id := s.ancestor(parent, kind); id != "" {
				return id
			}
		}
	}
	return ""
}

func ec2Tags(r cloud.Resource) []ec2Tag {
	var tags []ec2Tag
	for _, key := range sortedKeys(r.Tags) {
		tags = append(tags, ec2Tag{Key: key, Value: r.Tags[key]})
	}
	return tags
}

// inRegion are the resources of a kind in the call's region, restricted to the identifiers if there are any.
func (s *Server) inRegion(c *call, kind string, ids []string) []cloud.Resource {
	return s.seen(func(r cloud.Resource) bool {
		return r.Type == kind && r.Region == c.region && selected(ids, r.ID)
	})
}

// selected treats no identifiers as all of them.
func selected(ids []string, id string) bool { return len(ids) == 0 || slices.Contains(ids, id) }

func firstMissing(ids []string, found []cloud.Resource) string {
	for _, id := range ids {
		if !slices.ContainsFunc(found, func(r cloud.Resource) bool { return r.ID == id }) {
			return id
		}
	}
	return ""
}
