package ack

import (
	"context"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

var (
	atOnce    = states{ready: "available"}
	natStates = states{creating: "pending", ready: "available", deleting: "deleting", failed: "failed"}
)

var vpc = &kind{
	service: "ec2", name: "VPC", awsType: "ec2/vpc", idField: "vpcID", idPrefix: "vpc", states: atOnce,
	terminal: []string{"InvalidParameterValue"},
	mutable:  []string{"enableDNSSupport", "enableDNSHostnames"},
	describe: func(r request) cloud.Resource {
		return r.resource(map[string]string{
			"cidr":               strings.Join(r.spec.texts("cidrBlocks"), ","),
			"enableDNSSupport":   r.spec.flag("enableDNSSupport"),
			"enableDNSHostnames": r.spec.flag("enableDNSHostnames"),
		})
	},
	admit: func(_ account, r *cloud.Resource) error {
		for block := range strings.SplitSeq(r.Data["cidr"], ",") {
			if _, err := parseCIDR(block); err != nil {
				return err
			}
		}
		return nil
	},
	status: func(a account, r cloud.Resource) map[string]any {
		var blocks []any
		for i, block := range strings.Split(r.Data["cidr"], ",") {
			blocks = append(blocks, map[string]any{
				"associationID": fmt.Sprintf("vpc-cidr-assoc-%s-%d", suffix(r.ID), i), "cidrBlock": block,
				"cidrBlockState": map[string]any{"state": "associated"},
			})
		}
		return map[string]any{"state": r.State, "ownerID": a.Account(), "isDefault": false, "cidrBlockAssociationSet": blocks}
	},
	initialises: true,
	answers: func(cloud.Resource) map[string]any {
		return map[string]any{"instanceTenancy": "default", "enableNetworkAddressUsageMetrics": false}
	},
}

var subnet = &kind{
	service: "ec2", name: "Subnet", awsType: "ec2/subnet", idField: "subnetID", idPrefix: "subnet", states: atOnce,
	terminal: []string{"InvalidParameterValue"},
	mutable:  []string{"routeTables", "mapPublicIPOnLaunch"},
	arn: func(a account, r cloud.Resource) string {
		return a.ARN("ec2", r.Region, "subnet/"+r.ID)
	},
	// The association with a route table is the subnet's: it holds the table and ends with the subnet.
	describe: func(r request) cloud.Resource {
		tables := r.spec.texts("routeTables")
		vpcID, zone := r.spec.text("vpcID"), r.spec.text("availabilityZone")
		if zone == "" {
			zone = r.region + "a"
		}
		return r.resource(map[string]string{
			"cidr": r.spec.text("cidrBlock"), "vpcID": vpcID, "availabilityZone": zone,
			"routeTables": strings.Join(tables, ","), "mapPublicIPOnLaunch": r.spec.flag("mapPublicIPOnLaunch"),
		}, append(r.parents("ec2/routetable", tables), r.parent("ec2/vpc", vpcID))...)
	},
	admit: admitSubnet,
	status: func(a account, r cloud.Resource) map[string]any {
		addresses := int64(0)
		if block, err := netip.ParsePrefix(r.Data["cidr"]); err == nil {
			addresses = 1<<(block.Addr().BitLen()-block.Bits()) - 5 // AWS keeps five of each subnet
		}
		return map[string]any{
			"state": r.State, "ownerID": a.Account(), "defaultForAZ": false, "availableIPAddressCount": addresses,
		}
	},
	answers: func(r cloud.Resource) map[string]any {
		return map[string]any{
			"availabilityZone": r.Data["availabilityZone"], "assignIPv6AddressOnCreation": false,
			"enableDNS64": false, "ipv6Native": false, "mapPublicIPOnLaunch": false,
		}
	},
	afterCreate: "Reconciling to sync additional fields",
}

// admitSubnet refuses blocks that leave the VPC or overlap with another subnet.
func admitSubnet(a account, r *cloud.Resource) error {
	block, err := parseCIDR(r.Data["cidr"])
	if err != nil {
		return err
	}
	if zone := r.Data["availabilityZone"]; !strings.HasPrefix(zone, r.Region) {
		return refuse("InvalidParameterValue", "Value (%s) for parameter availabilityZone is invalid.", zone)
	}
	owner, _ := a.Get(cloud.Key{Type: "ec2/vpc", Region: r.Region, ID: r.Data["vpcID"]})
	if !within(block, strings.Split(owner.Data["cidr"], ",")) {
		return refuse("InvalidSubnet.Range", "The CIDR '%s' is invalid.", block)
	}
	rivals := a.List(func(other cloud.Resource) bool {
		taken, err := netip.ParsePrefix(other.Data["cidr"])
		return other.Type == "ec2/subnet" && other.Region == r.Region && other.ID != r.ID &&
			other.Data["vpcID"] == r.Data["vpcID"] && err == nil && taken.Overlaps(block)
	})
	if len(rivals) > 0 {
		return refuse("InvalidSubnet.Conflict", "The CIDR '%s' conflicts with another subnet", block)
	}
	return nil
}

var internetGateway = &kind{
	service: "ec2", name: "InternetGateway", awsType: "ec2/internetgateway",
	idField: "internetGatewayID", idPrefix: "igw", states: atOnce,
	describe: func(r request) cloud.Resource {
		vpcID := r.spec.text("vpc")
		return r.resource(map[string]string{"vpcID": vpcID}, r.parent("ec2/vpc", vpcID))
	},
	release: func(a account, r cloud.Resource) error {
		if mapped := natGatewaysOf(a, r.Region, r.Data["vpcID"]); len(mapped) > 0 {
			return refuse(cloud.CodeDependencyViolation, "Network %s has some mapped public address(es). "+
				"Please unmap those public address(es) before detaching the gateway: %s", r.Data["vpcID"], mapped[0].ID)
		}
		return nil
	},
	status: func(a account, r cloud.Resource) map[string]any {
		return map[string]any{"ownerID": a.Account(), "attachments": []any{
			map[string]any{"state": "available", "vpcID": r.Data["vpcID"]},
		}}
	},
}

func natGatewaysOf(a account, region, vpcID string) []cloud.Resource {
	return a.List(func(r cloud.Resource) bool {
		return r.Type == "ec2/natgateway" && r.Region == region && r.Data["vpcID"] == vpcID
	})
}

var elasticIP = &kind{
	service: "ec2", name: "ElasticIPAddress", awsType: "ec2/elasticip",
	idField: "allocationID", idPrefix: "eipalloc", states: atOnce,
	terminal: []string{"InvalidParameterCombination", "InvalidParameterValue"},
	describe: func(r request) cloud.Resource { return r.resource(map[string]string{}) },
	admit: func(_ account, r *cloud.Resource) error {
		r.Data["publicIP"] = addressOf(r.ID, 3)
		return nil
	},
	status: func(_ account, r cloud.Resource) map[string]any {
		return map[string]any{"publicIP": r.Data["publicIP"]}
	},
	answers: func(r cloud.Resource) map[string]any {
		return map[string]any{"networkBorderGroup": r.Region, "publicIPv4Pool": "amazon"}
	},
}

var natGateway = &kind{
	service: "ec2", name: "NATGateway", awsType: "ec2/natgateway",
	idField: "natGatewayID", idPrefix: "nat", states: natStates, deletion: abandoned,
	terminal:     []string{"InvalidSubnet", "InvalidElasticIpID.Malformed", "MissingParameter"},
	whilePending: "resource is pending",
	describe: func(r request) cloud.Resource {
		subnetID, allocationID := r.spec.text("subnetID"), r.spec.text("allocationID")
		return r.resource(map[string]string{"subnetID": subnetID, "allocationID": allocationID},
			r.parent("ec2/subnet", subnetID), r.parent("ec2/elasticip", allocationID))
	},
	admit: func(a account, r *cloud.Resource) error {
		home, _ := a.Get(cloud.Key{Type: "ec2/subnet", Region: r.Region, ID: r.Data["subnetID"]})
		r.Data["vpcID"] = home.Data["vpcID"]
		return nil
	},
	// AWS takes the call and fails later when the VPC has no way to the internet.
	provision: func(_ context.Context, a account, r cloud.Resource) (map[string]string, error) {
		gateways := a.List(func(other cloud.Resource) bool {
			return other.Type == "ec2/internetgateway" && other.Region == r.Region && other.Data["vpcID"] == r.Data["vpcID"]
		})
		if len(gateways) == 0 {
			return nil, refuse("Gateway.NotAttached", "Network %s has no Internet gateway attached", r.Data["vpcID"])
		}
		return nil, nil
	},
	status: func(a account, r cloud.Resource) map[string]any {
		address, _ := a.Get(cloud.Key{Type: "ec2/elasticip", Region: r.Region, ID: r.Data["allocationID"]})
		status := map[string]any{
			"state": r.State, "vpcID": r.Data["vpcID"], "createTime": r.CreatedAt.UTC().Format(time.RFC3339),
			"natGatewayAddresses": []any{map[string]any{
				"allocationID": r.Data["allocationID"], "publicIP": address.Data["publicIP"],
			}},
		}
		if r.State == natStates.failed {
			status["failureCode"], status["failureMessage"] = r.Data[failureCode], r.Data[failureMessage]
		}
		return status
	},
	answers: func(r cloud.Resource) map[string]any {
		return map[string]any{"connectivityType": "public", "vpcID": r.Data["vpcID"]}
	},
}

// parseCIDR accepts what AWS accepts as the block of a VPC or subnet.
func parseCIDR(text string) (netip.Prefix, error) {
	block, err := netip.ParsePrefix(text)
	if err != nil || block != block.Masked() || block.Bits() < 16 || block.Bits() > 28 {
		return block, refuse("InvalidParameterValue", "Value (%s) for parameter cidrBlock is invalid.", text)
	}
	return block, nil
}

func within(block netip.Prefix, ranges []string) bool {
	for _, text := range ranges {
		if outer, err := netip.ParsePrefix(text); err == nil && outer.Bits() <= block.Bits() && outer.Overlaps(block) {
			return true
		}
	}
	return false
}

func suffix(id string) string { return id[strings.LastIndex(id, "-")+1:] }
