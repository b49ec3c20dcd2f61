package aws

import (
	"fmt"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

type subnet struct {
	ID          string   `xml:"subnetId"`
	ARN         string   `xml:"subnetArn"`
	OwnerID     string   `xml:"ownerId"`
	State       string   `xml:"state"`
	VPCID       string   `xml:"vpcId"`
	CIDRBlock   string   `xml:"cidrBlock"`
	Zone        string   `xml:"availabilityZone"`
	ZoneID      string   `xml:"availabilityZoneId,omitempty"`
	DefaultInAZ bool     `xml:"defaultForAz"`
	MapPublicIP bool     `xml:"mapPublicIpOnLaunch"`
	Tags        []ec2Tag `xml:"tagSet>item"`
}

func (s *Server) describeSubnets(c *call) (any, error) {
	ids := formList(c.form, "SubnetId")
	candidates := s.inRegion(c, typeSubnet, ids)
	if missing := firstMissing(ids, candidates); missing != "" {
		return nil, invalid("InvalidSubnetID.NotFound", fmt.Sprintf("The subnet ID '%s' does not exist", missing))
	}
	candidates, err := filtered(c.form, candidates, s.subnetAttributes)
	if err != nil {
		return nil, err
	}
	subnets := make([]subnet, len(candidates))
	for i, r := range candidates {
		subnets[i] = subnet{
			ID: r.ID, ARN: s.cloud.ARN("ec2", r.Region, "subnet/"+r.ID), OwnerID: s.cloud.Account(), State: r.State,
			VPCID: s.vpcOf(r), CIDRBlock: r.Data["cidr"], Zone: r.Data["availabilityZone"], ZoneID: zoneIDOf(r), Tags: ec2Tags(r),
			MapPublicIP: r.Data["mapPublicIPOnLaunch"] == "true",
		}
	}
	return ec2Page(c, "subnetSet", subnets, unpaged)
}

// zoneIDOf is empty for zones that the region does not have.
func zoneIDOf(r cloud.Resource) string {
	for _, zone := range zonesOf(r.Region) {
		if zone.ID == r.Data["availabilityZone"] {
			return zone.Data["zoneID"]
		}
	}
	return ""
}

func (s *Server) subnetAttributes(r cloud.Resource, filter string) ([]string, bool) {
	return attribute(r, filter, map[string]string{
		"subnet-id": r.ID, "vpc-id": s.vpcOf(r), "state": r.State, "cidr-block": r.Data["cidr"],
		"availability-zone": r.Data["availabilityZone"], "availability-zone-id": zoneIDOf(r),
	})
}
