package aws

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

const typeRouteTable = "ec2/routetable"

type routeTable struct {
	ID           string             `xml:"routeTableId"`
	VPCID        string             `xml:"vpcId"`
	OwnerID      string             `xml:"ownerId"`
	Routes       []tableRoute       `xml:"routeSet>item"`
	Associations []tableAssociation `xml:"associationSet>item"`
	Tags         []ec2Tag           `xml:"tagSet>item"`
}

// tableRoute is read from the fact "routes", as ACK's RouteTable specifies them, and written to the wire.
type tableRoute struct {
	Destination    string `json:"destinationCIDRBlock" xml:"destinationCidrBlock,omitempty"`
	GatewayID      string `json:"gatewayID" xml:"gatewayId,omitempty"`
	NATGatewayID   string `json:"natGatewayID" xml:"natGatewayId,omitempty"`
	TransitGateway string `json:"transitGatewayID" xml:"transitGatewayId,omitempty"`
	Peering        string `json:"vpcPeeringConnectionID" xml:"vpcPeeringConnectionId,omitempty"`
	Origin         string `json:"-" xml:"origin"`
	State          string `json:"-" xml:"state"`
}

type tableAssociation struct {
	ID       string `xml:"routeTableAssociationId"`
	TableID  string `xml:"routeTableId"`
	SubnetID string `xml:"subnetId"`
	Main     bool   `xml:"main"`
	State    string `xml:"associationState>state"`
}

func (s *Server) describeRouteTables(c *call) (any, error) {
	ids := formList(c.form, "RouteTableId")
	candidates := s.inRegion(c, typeRouteTable, ids)
	if missing := firstMissing(ids, candidates); missing != "" {
		return nil, invalid("InvalidRouteTableID.NotFound", fmt.Sprintf("The routeTable ID '%s' does not exist", missing))
	}
	candidates, err := filtered(c.form, candidates, s.routeTableAttributes)
	if err != nil {
		return nil, err
	}
	tables := make([]routeTable, len(candidates))
	for i, r := range candidates {
		tables[i] = routeTable{
			ID: r.ID, VPCID: s.vpcOf(r), OwnerID: s.cloud.Account(), Tags: ec2Tags(r),
			Routes: s.routesOf(r), Associations: s.associationsOf(r),
		}
	}
	return ec2Page(c, "routeTableSet", tables, unpaged)
}

// routesOf begins with the route inside of the VPC, which every table has.
func (s *Server) routesOf(table cloud.Resource) []tableRoute {
	home, _ := s.cloud.Get(cloud.Key{Type: typeVPC, Region: table.Region, ID: s.vpcOf(table)})
	var routes, specified []tableRoute
	for _, block := range splitList(home.Data["cidr"]) {
		routes = append(routes, tableRoute{Destination: block, GatewayID: "local", Origin: "CreateRouteTable", State: "active"})
	}
	if json.Unmarshal([]byte(table.Data["routes"]), &specified) != nil {
		return routes // none are specified
	}
	for _, r := range specified {
		r.Origin, r.State = "CreateRoute", s.stateOf(table.Region, r)
		routes = append(routes, r)
	}
	return routes
}

// stateOf knows the targets that a route leads nowhere without.
func (s *Server) stateOf(region string, r tableRoute) string {
	for kind, id := range map[string]string{typeInternetGateway: r.GatewayID, typeNATGateway: r.NATGatewayID} {
		if id == "" {
			continue
		}
		target, ok := s.cloud.Get(cloud.Key{Type: kind, Region: region, ID: id})
		if !ok || target.State == "deleting" || target.State == "failed" {
			return "blackhole"
		}
	}
	return "active"
}

// associationsOf are those of the subnets that name the table.
func (s *Server) associationsOf(table cloud.Resource) []tableAssociation {
	var associations []tableAssociation
	for _, r := range s.cloud.List(func(r cloud.Resource) bool {
		return r.Type == typeSubnet && r.Region == table.Region && slices.Contains(splitList(r.Data["routeTables"]), table.ID)
	}) {
		associations = append(associations, tableAssociation{
			ID: "rtbassoc-" + lastDash(r.ID), TableID: table.ID, SubnetID: r.ID, State: "associated",
		})
	}
	return associations
}

func (s *Server) routeTableAttributes(r cloud.Resource, filter string) ([]string, bool) {
	if filter == "association.subnet-id" {
		var ids []string
		for _, association := range s.associationsOf(r) {
			ids = append(ids, association.SubnetID)
		}
		return ids, true
	}
	return attribute(r, filter, map[string]string{"route-table-id": r.ID, "vpc-id": s.vpcOf(r)})
}
