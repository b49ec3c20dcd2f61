package ack

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

var routeTable = &kind{
	service: "ec2", name: "RouteTable", awsType: "ec2/routetable",
	idField: "routeTableID", idPrefix: "rtb", states: atOnce,
	mutable: []string{"routes"},
	describe: func(r request) cloud.Resource {
		vpcID := r.spec.text("vpcID")
		return r.resource(map[string]string{"vpcID": vpcID, "routes": r.spec.json("routes")}, r.parent("ec2/vpc", vpcID))
	},
	admit:  admitRoutes,
	status: routeTableStatus,
}

// targets are the fields of a route that this simulator knows, with AWS's words
// for a target that does not exist. A route does not hold its target: when the
// target goes, the route becomes a blackhole.
var targets = []struct{ field, awsType, missing string }{
	{"gatewayID", "ec2/internetgateway", "InvalidGatewayID.NotFound"},
	{"natGatewayID", "ec2/natgateway", "InvalidNatGatewayID.NotFound"},
}

func admitRoutes(a account, r *cloud.Resource) error {
	for _, route := range routesOf(*r) {
		for _, target := range targets {
			id := route.text(target.field)
			if id == "" {
				continue
			}
			if found, ok := a.Get(cloud.Key{Type: target.awsType, Region: r.Region, ID: id}); !ok || unusable(found) {
				return refuse(target.missing, "The %s ID '%s' does not exist", target.awsType, id)
			}
		}
	}
	return nil
}

func unusable(target cloud.Resource) bool {
	return target.State == natStates.deleting || target.State == natStates.failed
}

func routeTableStatus(a account, r cloud.Resource) map[string]any {
	home, _ := a.Get(cloud.Key{Type: "ec2/vpc", Region: r.Region, ID: r.Data["vpcID"]})
	local := map[string]any{
		"destinationCIDRBlock": home.Data["cidr"], "gatewayID": "local", "origin": "CreateRouteTable", "state": "active",
	}
	routes := []any{local}
	for _, route := range routesOf(r) {
		routes = append(routes, routeStatus(a, r.Region, route))
	}
	return map[string]any{"ownerID": a.Account(), "routeStatuses": routes, "associations": associations(a, r)}
}

func routeStatus(a account, region string, route fields) map[string]any {
	status := map[string]any{
		"destinationCIDRBlock": route.text("destinationCIDRBlock"), "origin": "CreateRoute", "state": "active",
	}
	for _, target := range targets {
		id := route.text(target.field)
		if id == "" {
			continue
		}
		status[target.field] = id
		if found, ok := a.Get(cloud.Key{Type: target.awsType, Region: region, ID: id}); !ok || unusable(found) {
			status["state"] = "blackhole"
		}
	}
	return status
}

// associations lists the subnets that name the table.
func associations(a account, table cloud.Resource) []any {
	subnets := a.List(func(r cloud.Resource) bool {
		return r.Type == "ec2/subnet" && r.Region == table.Region &&
			slices.Contains(strings.Split(r.Data["routeTables"], ","), table.ID)
	})
	list := []any{}
	for _, subnet := range subnets {
		list = append(list, map[string]any{
			"routeTableAssociationID": "rtbassoc-" + suffix(subnet.ID), "routeTableID": table.ID, "subnetID": subnet.ID,
			"main": false, "associationState": map[string]any{"state": "associated"},
		})
	}
	return list
}

func routesOf(r cloud.Resource) []fields {
	return fields{"routes": decode(r.Data["routes"])}.list("routes")
}

// addressOf derives a stable address from an identifier.
func addressOf(id string, first byte) string {
	number, _ := strconv.ParseUint(suffix(id), 16, 64) // identifiers end in hexadecimal digits
	return fmt.Sprintf("%d.%d.%d.%d", first, byte(number>>16), byte(number>>8), byte(number))
}
