package aws

import (
	"cmp"
	"fmt"
	"time"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

const typeVPCEndpoint = "ec2/vpcendpoint"

type vpcEndpoint struct {
	ID        string          `xml:"vpcEndpointId"`
	Type      string          `xml:"vpcEndpointType"`
	VPCID     string          `xml:"vpcId"`
	Service   string          `xml:"serviceName"`
	State     string          `xml:"state"`
	OwnerID   string          `xml:"ownerId"`
	CreatedAt string          `xml:"creationTimestamp"`
	SubnetIDs []string        `xml:"subnetIdSet>item"`
	Groups    []attachedGroup `xml:"groupSet>item"`
	Tags      []ec2Tag        `xml:"tagSet>item"`
}

// describeVPCEndpoints has the facts service and type, Gateway unless it says Interface.
// Subnets and groups are parents.
func (s *Server) describeVPCEndpoints(c *call) (any, error) {
	ids := formList(c.form, "VpcEndpointId")
	candidates := s.inRegion(c, typeVPCEndpoint, ids)
	if missing := firstMissing(ids, candidates); missing != "" {
		return nil, invalid("InvalidVpcEndpointId.NotFound", fmt.Sprintf("The Vpc Endpoint Id '%s' does not exist", missing))
	}
	candidates, err := filtered(c.form, candidates, s.vpcEndpointAttributes)
	if err != nil {
		return nil, err
	}
	endpoints := make([]vpcEndpoint, len(candidates))
	for i, r := range candidates {
		endpoints[i] = vpcEndpoint{
			ID: r.ID, Type: endpointType(r), VPCID: s.vpcOf(r), Service: r.Data["service"], State: endpointState(r),
			OwnerID: s.cloud.Account(), CreatedAt: r.CreatedAt.UTC().Format(time.RFC3339),
			SubnetIDs: parents(r, typeSubnet), Groups: attachedGroups(r), Tags: ec2Tags(r),
		}
	}
	return ec2Page(c, "vpcEndpointSet", endpoints, unpaged)
}

func endpointType(r cloud.Resource) string { return cmp.Or(r.Data["type"], "Gateway") }

func endpointState(r cloud.Resource) string { return cmp.Or(r.State, "available") }

func (s *Server) vpcEndpointAttributes(r cloud.Resource, filter string) ([]string, bool) {
	return attribute(r, filter, map[string]string{
		"vpc-endpoint-id": r.ID, "vpc-id": s.vpcOf(r), "service-name": r.Data["service"],
		"vpc-endpoint-type": endpointType(r), "vpc-endpoint-state": endpointState(r),
	})
}
