package aws

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

const (
	typeSecurityGroup = "ec2/securitygroup"
	defaultGroupName  = "default"

	// Facts of a group: its rules in JSON, as ACK's SecurityGroup specifies them.
	dataIngress = "ingressRules"
	dataEgress  = "egressRules"
)

type securityGroup struct {
	ID          string       `xml:"groupId"`
	ARN         string       `xml:"securityGroupArn"`
	Name        string       `xml:"groupName"`
	Description string       `xml:"groupDescription"`
	OwnerID     string       `xml:"ownerId"`
	VPCID       string       `xml:"vpcId"`
	Ingress     []permission `xml:"ipPermissions>item"`
	Egress      []permission `xml:"ipPermissionsEgress>item"`
	Tags        []ec2Tag     `xml:"tagSet>item"`
}

// permission is read from a fact and written to the wire.
type permission struct {
	Protocol string      `json:"ipProtocol" xml:"ipProtocol"`
	From     *int        `json:"fromPort" xml:"fromPort,omitempty"`
	To       *int        `json:"toPort" xml:"toPort,omitempty"`
	Groups   []groupPair `json:"userIDGroupPairs" xml:"groups>item"`
	Ranges   []ipRange   `json:"ipRanges" xml:"ipRanges>item"`
	Ranges6  []ipRange6  `json:"ipv6Ranges" xml:"ipv6Ranges>item"`
}

type groupPair struct {
	GroupID     string `json:"groupID" xml:"groupId"`
	Description string `json:"description" xml:"description,omitempty"`
}

type ipRange struct {
	CIDR        string `json:"cidrIP" xml:"cidrIp"`
	Description string `json:"description" xml:"description,omitempty"`
}

type ipRange6 struct {
	CIDR        string `json:"cidrIPv6" xml:"cidrIpv6"`
	Description string `json:"description" xml:"description,omitempty"`
}

func (s *Server) describeSecurityGroups(c *call) (any, error) {
	ids := formList(c.form, "GroupId")
	candidates := s.securityGroupsIn(c, ids)
	if missing := firstMissing(ids, candidates); missing != "" {
		return nil, noGroup(missing)
	}
	candidates, err := filtered(c.form, candidates, s.securityGroupAttributes)
	if err != nil {
		return nil, err
	}
	groups := make([]securityGroup, len(candidates))
	for i, r := range candidates {
		groups[i] = securityGroup{
			ID: r.ID, ARN: s.groupARN(r.Region, r.ID), Name: r.Data["name"], Description: r.Data["description"],
			OwnerID: s.cloud.Account(), VPCID: s.vpcOf(r), Tags: ec2Tags(r),
			Ingress: permissionsOf(r, dataIngress), Egress: permissionsOf(r, dataEgress),
		}
	}
	return ec2Page(c, "securityGroupInfo", groups, unpaged)
}

func noGroup(id string) error {
	return invalid("InvalidGroup.NotFound", fmt.Sprintf("The security group '%s' does not exist", id))
}

func (s *Server) groupARN(region, id string) string {
	return s.cloud.ARN("ec2", region, "security-group/"+id)
}

// securityGroupsIn are those that somebody made and those that come and go with a VPC or a
// cluster, which are no resources of their own.
func (s *Server) securityGroupsIn(c *call, ids []string) []cloud.Resource {
	groups := s.inRegion(c, typeSecurityGroup, ids)
	for _, vpc := range s.inRegion(c, typeVPC, nil) {
		groups = append(groups, defaultGroupOf(vpc))
	}
	for _, cluster := range s.inRegion(c, typeCluster, nil) {
		if cluster.Data["securityGroupID"] != "" {
			groups = append(groups, s.clusterGroupOf(cluster))
		}
	}
	var wanted []cloud.Resource
	for _, r := range groups {
		if selected(ids, r.ID) {
			wanted = append(wanted, r)
		}
	}
	return wanted
}

func defaultGroupOf(vpc cloud.Resource) cloud.Resource {
	id := "sg-" + strings.TrimPrefix(vpc.ID, "vpc-")
	return cloud.Resource{
		Key: cloud.Key{Type: typeSecurityGroup, Region: vpc.Region, ID: id},
		Data: map[string]string{
			"name": defaultGroupName, "description": "default VPC security group", "vpcID": vpc.ID,
			dataIngress: `[{"ipProtocol":"-1","userIDGroupPairs":[{"groupID":"` + id + `"}]}]`,
			dataEgress:  `[{"ipProtocol":"-1","ipRanges":[{"cidrIP":"0.0.0.0/0"}]}]`,
		},
	}
}

// clusterGroupOf is what EKS makes for the control plane and the managed nodes:
// https://docs.aws.amazon.com/eks/latest/userguide/sec-group-reqs.html.
func (s *Server) clusterGroupOf(cluster cloud.Resource) cloud.Resource {
	id := cluster.Data["securityGroupID"]
	return cloud.Resource{
		Key:  cloud.Key{Type: typeSecurityGroup, Region: cluster.Region, ID: id},
		Tags: map[string]string{"aws:eks:cluster-name": cluster.ID, "kubernetes.io/cluster/" + cluster.ID: "owned"},
		Data: map[string]string{
			"name": "eks-cluster-sg-" + cluster.ID, "vpcID": s.vpcOf(cluster),
			"description": "EKS created security group applied to ENI that is attached to EKS Control Plane master nodes, as well as any managed workloads.",
			dataIngress:   `[{"ipProtocol":"-1","userIDGroupPairs":[{"groupID":"` + id + `"}]}]`,
			dataEgress:    `[{"ipProtocol":"-1","ipRanges":[{"cidrIP":"0.0.0.0/0"}]}]`,
		},
	}
}

// permissionsOf is empty when the fact is missing or unreadable.
func permissionsOf(r cloud.Resource, direction string) []permission {
	var permissions []permission
	if json.Unmarshal([]byte(r.Data[direction]), &permissions) != nil {
		return nil
	}
	return permissions
}

func groupsNamed(permissions []permission) []string {
	var ids []string
	for _, p := range permissions {
		for _, pair := range p.Groups {
			ids = append(ids, pair.GroupID)
		}
	}
	return ids
}

func (s *Server) securityGroupAttributes(r cloud.Resource, filter string) ([]string, bool) {
	switch filter {
	case "ip-permission.group-id":
		return groupsNamed(permissionsOf(r, dataIngress)), true
	case "egress.ip-permission.group-id":
		return groupsNamed(permissionsOf(r, dataEgress)), true
	}
	return attribute(r, filter, map[string]string{
		"group-id": r.ID, "group-name": r.Data["name"], "vpc-id": s.vpcOf(r), "description": r.Data["description"],
		"owner-id": s.cloud.Account(),
	})
}
