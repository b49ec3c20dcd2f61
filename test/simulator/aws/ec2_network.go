package aws

import (
	"cmp"
	"fmt"
	"time"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

const (
	typeAddress   = "ec2/elasticip"
	typeInterface = "ec2/networkinterface"
	typePeering   = "ec2/vpcpeeringconnection"
)

type peering struct {
	ID        string      `xml:"vpcPeeringConnectionId"`
	Requester peeredVPC   `xml:"requesterVpcInfo"`
	Accepter  peeredVPC   `xml:"accepterVpcInfo"`
	Status    peeringCode `xml:"status"`
	Tags      []ec2Tag    `xml:"tagSet>item"`
}

type peeringCode struct {
	Code    string `xml:"code"`
	Message string `xml:"message"`
}

type peeredVPC struct {
	VPCID     string         `xml:"vpcId"`
	OwnerID   string         `xml:"ownerId"`
	Region    string         `xml:"region"`
	CIDRBlock string         `xml:"cidrBlock,omitempty"`
	CIDRs     []cidrBlockSet `xml:"cidrBlockSet>item"`
}

type cidrBlockSet struct {
	CIDRBlock string `xml:"cidrBlock"`
}

// describeVPCPeerings shows a connection in the regions of both ends. The facts of an end are
// requesterVPC, requesterCIDR, requesterOwner, requesterRegion and those of the accepter.
func (s *Server) describeVPCPeerings(c *call) (any, error) {
	ids := formList(c.form, "VpcPeeringConnectionId")
	candidates := s.seen(func(r cloud.Resource) bool {
		here := r.Region == c.region || r.Data["accepterRegion"] == c.region || r.Data["requesterRegion"] == c.region
		return r.Type == typePeering && here && selected(ids, r.ID)
	})
	if missing := firstMissing(ids, candidates); missing != "" {
		return nil, invalid("InvalidVpcPeeringConnectionID.NotFound",
			fmt.Sprintf("The vpcPeeringConnection ID '%s' does not exist", missing))
	}
	candidates, err := filtered(c.form, candidates, peeringAttributes)
	if err != nil {
		return nil, err
	}
	peerings := make([]peering, len(candidates))
	for i, r := range candidates {
		status := peeringStatus(r)
		peerings[i] = peering{
			ID: r.ID, Requester: s.endOf(r, "requester"), Accepter: s.endOf(r, "accepter"),
			Status: peeringCode{Code: status, Message: status}, Tags: ec2Tags(r),
		}
	}
	return ec2Page(c, "vpcPeeringConnectionSet", peerings, unpaged)
}

func (s *Server) endOf(r cloud.Resource, side string) peeredVPC {
	end := peeredVPC{
		VPCID:   r.Data[side+"VPC"],
		OwnerID: cmp.Or(r.Data[side+"Owner"], s.cloud.Account()),
		Region:  cmp.Or(r.Data[side+"Region"], r.Region),
	}
	for i, block := range splitList(r.Data[side+"CIDR"]) {
		if i == 0 {
			end.CIDRBlock = block
		}
		end.CIDRs = append(end.CIDRs, cidrBlockSet{CIDRBlock: block})
	}
	return end
}

func peeringStatus(r cloud.Resource) string { return cmp.Or(r.State, "active") }

func peeringAttributes(r cloud.Resource, filter string) ([]string, bool) {
	return attribute(r, filter, map[string]string{
		"vpc-peering-connection-id":     r.ID,
		"status-code":                   peeringStatus(r),
		"requester-vpc-info.vpc-id":     r.Data["requesterVPC"],
		"requester-vpc-info.owner-id":   r.Data["requesterOwner"],
		"accepter-vpc-info.vpc-id":      r.Data["accepterVPC"],
		"accepter-vpc-info.owner-id":    r.Data["accepterOwner"],
		"requester-vpc-info.cidr-block": r.Data["requesterCIDR"],
		"accepter-vpc-info.cidr-block":  r.Data["accepterCIDR"],
	})
}

type address struct {
	AllocationID  string   `xml:"allocationId"`
	PublicIP      string   `xml:"publicIp"`
	Domain        string   `xml:"domain"`
	AssociationID string   `xml:"associationId,omitempty"`
	BorderGroup   string   `xml:"networkBorderGroup"`
	Pool          string   `xml:"publicIpv4Pool"`
	Tags          []ec2Tag `xml:"tagSet>item"`
}

// describeAddresses has no pages. An address is associated while a NAT gateway hangs on it.
func (s *Server) describeAddresses(c *call) (any, error) {
	ids := formList(c.form, "AllocationId")
	candidates := s.inRegion(c, typeAddress, ids)
	if missing := firstMissing(ids, candidates); missing != "" {
		return nil, invalid("InvalidAllocationID.NotFound", fmt.Sprintf("The allocation ID '%s' does not exist", missing))
	}
	candidates, err := filtered(c.form, candidates, addressAttributes)
	if err != nil {
		return nil, err
	}
	used := s.usedAddresses(c.region)
	addresses := make([]address, len(candidates))
	for i, r := range candidates {
		addresses[i] = address{
			AllocationID: r.ID, PublicIP: r.Data["publicIP"], Domain: "vpc", BorderGroup: r.Region, Pool: "amazon", Tags: ec2Tags(r),
		}
		if gateway, ok := used[r.ID]; ok {
			addresses[i].AssociationID = "eipassoc-" + lastDash(gateway)
		}
	}
	return ec2Set{name: "addressesSet", items: addresses}, nil
}

// usedAddresses are the NAT gateways of a region by the address that they use.
func (s *Server) usedAddresses(region string) map[string]string {
	used := map[string]string{}
	for _, r := range s.cloud.List(func(r cloud.Resource) bool { return r.Type == typeNATGateway && r.Region == region }) {
		for _, id := range parents(r, typeAddress) {
			used[id] = r.ID
		}
	}
	return used
}

func addressAttributes(r cloud.Resource, filter string) ([]string, bool) {
	return attribute(r, filter, map[string]string{
		"allocation-id": r.ID, "public-ip": r.Data["publicIP"], "domain": "vpc", "network-border-group": r.Region,
	})
}

type networkInterface struct {
	ID               string               `xml:"networkInterfaceId"`
	Description      string               `xml:"description"`
	Type             string               `xml:"interfaceType"`
	OwnerID          string               `xml:"ownerId"`
	RequesterManaged bool                 `xml:"requesterManaged"`
	Status           string               `xml:"status"`
	VPCID            string               `xml:"vpcId"`
	SubnetID         string               `xml:"subnetId,omitempty"`
	Groups           []attachedGroup      `xml:"groupSet>item"`
	Attachment       *interfaceAttachment `xml:"attachment"`
	Tags             []ec2Tag             `xml:"tagSet>item"`
}

type interfaceAttachment struct {
	ID         string `xml:"attachmentId"`
	InstanceID string `xml:"instanceId,omitempty"`
	Time       string `xml:"attachTime"`
}

type attachedGroup struct {
	ID string `xml:"groupId"`
}

// attachedGroups are parents, which cannot go before, or in the fact securityGroups.
func attachedGroups(r cloud.Resource) []attachedGroup {
	var groups []attachedGroup
	for _, id := range append(parents(r, typeSecurityGroup), splitList(r.Data["securityGroups"])...) {
		groups = append(groups, attachedGroup{ID: id})
	}
	return groups
}

func (s *Server) describeNetworkInterfaces(c *call) (any, error) {
	ids := formList(c.form, "NetworkInterfaceId")
	candidates := s.inRegion(c, typeInterface, ids)
	if missing := firstMissing(ids, candidates); missing != "" {
		return nil, noInterface(missing)
	}
	candidates, err := filtered(c.form, candidates, s.interfaceAttributes)
	if err != nil {
		return nil, err
	}
	interfaces := make([]networkInterface, len(candidates))
	for i, r := range candidates {
		interfaces[i] = networkInterface{
			ID: r.ID, Description: r.Data["description"], Type: interfaceType(r), OwnerID: s.cloud.Account(),
			RequesterManaged: r.Data["requesterManaged"] == "true", Status: r.State,
			VPCID: s.vpcOf(r), SubnetID: subnetOf(r), Groups: attachedGroups(r), Tags: ec2Tags(r),
		}
		if attachment := r.Data["attachmentID"]; attachment != "" {
			interfaces[i].Attachment = &interfaceAttachment{
				ID: attachment, InstanceID: r.Data["instanceID"], Time: r.CreatedAt.UTC().Format(time.RFC3339),
			}
		}
	}
	return ec2Page(c, "networkInterfaceSet", interfaces, unpaged)
}

func noInterface(id string) error {
	return invalid("InvalidNetworkInterfaceID.NotFound", fmt.Sprintf("The networkInterface ID '%s' does not exist", id))
}

func interfaceType(r cloud.Resource) string { return cmp.Or(r.Data["interfaceType"], "interface") }

func subnetOf(r cloud.Resource) string {
	if ids := parents(r, typeSubnet); len(ids) > 0 {
		return ids[0]
	}
	return r.Data["subnetID"]
}

func (s *Server) interfaceAttributes(r cloud.Resource, filter string) ([]string, bool) {
	return attribute(r, filter, map[string]string{
		"network-interface-id": r.ID, "description": r.Data["description"], "status": r.State,
		"vpc-id": s.vpcOf(r), "subnet-id": subnetOf(r), "interface-type": interfaceType(r),
		"requester-managed": cmp.Or(r.Data["requesterManaged"], "false"),
	})
}
