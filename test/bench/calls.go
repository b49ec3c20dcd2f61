package main

import (
	"maps"
	"slices"
	"strings"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// size is what the number of calls depends on.
type size struct {
	regions, secrets int // that join together
	dials            int // steps in which a region is given its traffic
	endpoints        int // AWS regions that calls go to
}

// Where Portolan calls what is not a region's: the sample's secrets with Route 53 and the
// regions that are opted in to, and Global Accelerator.
var sharedEndpoints = []string{"us-east-1", "us-west-2"}

func sizeOfFleet(regions []string, secrets int) size {
	endpoints := map[string]bool{}
	for _, region := range slices.Concat(regions, sharedEndpoints) {
		endpoints[region] = true
	}
	return size{regions: len(regions), secrets: secrets, dials: dials, endpoints: len(endpoints)}
}

// minimum says how often an operation has to be called until size.regions are Ready.
type minimum struct {
	operation string
	count     func(size) int
	reason    string
}

func once(size) int         { return 1 }
func eachRegion(s size) int { return s.regions }

// rings of the samples; every region of the benchmark is a member of each.
const rings = 2

func eachRingOfRegions(s size) int { return rings * s.regions }

// minima are the calls that cannot be saved, were AWS to answer each at the right moment:
// nothing is asked twice, and nothing that one answer tells about several regions is asked
// for each of them. Every other operation is not needed at all.
var minima = []minimum{
	{"sts:AssumeRole", func(s size) int { return s.endpoints }, "a session for each AWS region with calls, so that none depends on another's STS"},
	{"ec2:DescribeRegions", once, "one answer tells which regions the account has opted in to"},
	{"ec2:DescribeAvailabilityZones", eachRegion, "each region knows its own zones only"},
	{"ec2:DescribeInstanceTypeOfferings", eachRegion, "what each zone offers, all types of the profile in one call"},
	{"ec2:DescribeInstanceTypes", eachRegion, "their vCPUs, which the quota is about"},
	{"servicequotas:GetServiceQuota", func(s size) int { return 5 * s.regions }, "VPCs, addresses, NAT gateways, clusters, vCPUs: one call for one quota"},
	{"ec2:DescribeVpcs", eachRegion, "one answer counts them and shows overlaps"},
	{"ec2:DescribeVpcPeeringConnections", eachRegion, "blocks that are peered with"},
	{"ec2:DescribeAddresses", eachRegion, "how many are used"},
	{"ec2:DescribeNatGateways", func(s size) int { return 2 * s.regions }, "how many are used; which of those with our tags are deleted, at the second look at tags"},
	{"eks:ListClusters", eachRegion, "how many are used"},
	{"ec2:DescribeTags", func(s size) int { return 2 * s.regions }, "what exists already, before the first object; what was created twice, after the last"},
	{"route53:ListHostedZonesByName", once, "the zone is the same for all"},
	{"globalaccelerator:DescribeListener", once, "the listener is the same for all"},
	{"secretsmanager:DescribeSecret", func(s size) int { return 2*s.secrets + rings*s.regions },
		"one answer tells about all regions: it has no copies; all its copies are in sync. The version of each ring's key in each region"},
	{"secretsmanager:ReplicateSecretToRegions", func(s size) int { return s.secrets }, "takes all regions at once"},
	{"elasticloadbalancing:DescribeLoadBalancers", func(s size) int { return (1 + rings) * s.regions }, "the ARN behind the name: of the accelerator's endpoint, and of each ring's"},
	{"elasticloadbalancing:DescribeTargetGroups", eachRingOfRegions, "the target group of each ring's load balancer"},
	{"elasticloadbalancing:DescribeTargetHealth", eachRingOfRegions, "its one target is healthy"},
	{"globalaccelerator:ListEndpointGroups", func(s size) int { return 2 * s.regions }, "there is none; its endpoint is healthy"},
	{"globalaccelerator:CreateEndpointGroup", eachRegion, "takes the endpoint along"},
	{"globalaccelerator:DescribeAccelerator", func(s size) int { return s.dials * s.regions }, "what was done before is in effect, once for each step of the dial"},
	{"globalaccelerator:UpdateEndpointGroup", func(s size) int { return s.dials * s.regions }, "one step of the dial"},
	{"secretsmanager:GetSecretValue", func(size) int { return 0 }, "never: not allowed either"},
}

// roles are those that Portolan acts as on the bed.
var roles = []string{"portolan", "portolan-base"}

// ours tells whether Portolan made a call, as opposed to an ACK controller.
func ours(c cloud.Call) bool {
	_, session, _ := strings.Cut(c.Principal, ":assumed-role/")
	role, _, _ := strings.Cut(session, "/")
	return slices.Contains(roles, role)
}

// countCalls counts Portolan's calls by operation.
func countCalls(calls []cloud.Call) map[string]int {
	counts := map[string]int{}
	for _, c := range calls {
		if ours(c) {
			counts[c.Service+":"+c.Operation]++
		}
	}
	return counts
}

// callRow is one operation with how often it was called and had to be.
type callRow struct {
	Operation string `json:"operation"`
	Calls     int    `json:"calls"`
	Minimum   int    `json:"minimum"`
	Reason    string `json:"reason"`
}

// notNeeded is the reason for which an operation that is in no table has to be called never.
const notNeeded = "not needed"

// compareCalls puts calls beside the minimum, and returns the ratio of the sums.
func compareCalls(counts map[string]int, s size) (rows []callRow, ratio float64) {
	left := maps.Clone(counts)
	calls, least := 0, 0
	for _, m := range minima {
		row := callRow{Operation: m.operation, Calls: left[m.operation], Minimum: m.count(s), Reason: m.reason}
		delete(left, m.operation)
		rows = append(rows, row)
		calls, least = calls+row.Calls, least+row.Minimum
	}
	for _, operation := range slices.Sorted(maps.Keys(left)) {
		rows = append(rows, callRow{Operation: operation, Calls: left[operation], Reason: notNeeded})
		calls += left[operation]
	}
	return rows, quotient(calls, least)
}

func quotient(a, b int) float64 {
	if b == 0 {
		return 0
	}
	return float64(a) / float64(b)
}
