package ack_test

import (
	"fmt"
	"testing"

	. "github.com/onsi/gomega"
)

const gossipRules = `[{ipProtocol: tcp, fromPort: 7947, toPort: 7947, ipRanges: [{cidrIP: 10.0.0.0/8, description: peers}, {cidrIP: 192.0.2.0/24}]}]`

func TestSecurityGroupHasTheRulesOfItsSpecAndNoOthers(t *testing.T) {
	b := newBed(t)
	vpc := b.vpc()
	id := text(vpc, "status", "vpcID")
	group := b.synced(b.apply("SecurityGroup", "gossip", fmt.Sprintf(
		`{name: gossip, description: gossip between regions, vpcID: %s, ingressRules: %s}`, id, gossipRules)))
	b.Expect(group).To(And(
		haveField(MatchRegexp("^sg-0[0-9a-f]{16}$"), "status", "id"),
		haveField(HavePrefix("arn:aws:ec2:"+region+":"+b.cloud.Account()+":security-group/sg-"), "status", "ackResourceMetadata", "arn"),
		haveACKField(ConsistOf(
			And(HaveKeyWithValue("cidrIPv4", "10.0.0.0/8"), HaveKeyWithValue("fromPort", int64(7947)), HaveKeyWithValue("isEgress", false),
				HaveKeyWithValue("description", "peers")),
			HaveKeyWithValue("cidrIPv4", "192.0.2.0/24"),
		), "status", "rules")))
	groupID := text(group, "status", "id")
	b.Expect(b.get("ec2/securitygroup", region, groupID)()).To(HaveField("Data", And(
		HaveKeyWithValue("egressRules", ""), HaveKeyWithValue("name", "gossip"), HaveKeyWithValue("ingressRules", ContainSubstring("7947")))))

	b.edit(group, `{egressRules: [{ipProtocol: "-1", ipRanges: [{cidrIP: 0.0.0.0/0}]}], ingressRules: null}`)
	b.Eventually(b.get("ec2/securitygroup", region, groupID)).Should(HaveField("Data", And(
		HaveKeyWithValue("egressRules", ContainSubstring("0.0.0.0/0")), HaveKeyWithValue("ingressRules", ""))))

	b.delete(vpc)
	b.Eventually(b.refresh(vpc)).Should(haveCondition("ACK.Recoverable", "True", ContainSubstring(groupID)))
	b.delete(group)
	b.gone(group)
	b.gone(vpc)
}

func TestRefusedSecurityGroups(t *testing.T) {
	b := newBed(t)
	id := text(b.vpc(), "status", "vpcID")
	b.synced(b.apply("SecurityGroup", "first", `{name: taken, description: d, vpcID: `+id+`}`))
	cases := map[string]struct {
		spec, want  string
		needsGroups bool
	}{
		"a name that the VPC has": {
			spec: `{name: taken, description: d, vpcID: ` + id + `}`, want: "InvalidGroup.Duplicate",
		},
		"a VPC that does not exist": {
			spec: `{name: other, description: d, vpcID: ` + nowhere + `}`, want: "InvalidVpcID.NotFound",
		},
		"a group that does not exist": {
			spec: `{name: other, description: d, vpcID: ` + id + `, ingressRules: [{ipProtocol: tcp, fromPort: 1, toPort: 1, userIDGroupPairs: [{groupID: sg-1}]}]}`,
			want: "InvalidGroup.NotFound", needsGroups: true,
		},
		"the same rule twice": {
			spec: `{name: other, description: d, vpcID: ` + id + `, ingressRules: [{ipProtocol: udp, fromPort: 1, toPort: 1, ipRanges: [{cidrIP: 10.0.0.0/8}, {cidrIP: 10.0.0.0/8}]}]}`,
			want: "InvalidPermission.Duplicate",
		},
	}
	number := 0
	for name, tc := range cases {
		number++
		if tc.needsGroups && !complete {
			continue // the views of Portolan have no rules about groups
		}
		t.Run(name, func(*testing.T) {
			group := b.apply("SecurityGroup", fmt.Sprintf("refused-%d", number), tc.spec)
			b.Eventually(b.refresh(group)).Should(And(
				haveCondition("ACK.Recoverable", "True", ContainSubstring(tc.want)), lackCondition("ACK.Terminal")))
		})
	}
}

func TestSecurityGroupIsHeldByRulesAndClusters(t *testing.T) {
	if !complete {
		t.Skip("the views of Portolan have no rules about groups")
	}
	b := newBed(t)
	subnets, network := b.subnets()
	id := text(network[2], "status", "vpcID")
	source := b.synced(b.apply("SecurityGroup", "source", `{name: source, description: d, vpcID: `+id+`}`))
	sourceID := text(source, "status", "id")
	user := b.synced(b.apply("SecurityGroup", "user", fmt.Sprintf(
		`{name: user, description: d, vpcID: %s, ingressRules: [{ipProtocol: tcp, fromPort: 1, toPort: 1, userIDGroupPairs: [{groupID: %s}]}]}`, id, sourceID)))
	role := b.role("eks")
	b.synced(b.apply("Cluster", "prod", fmt.Sprintf(
		`{name: prod, roleARN: "%s", resourcesVPCConfig: {subnetIDs: %s, securityGroupIDs: [%s]}}`,
		text(role, "status", "ackResourceMetadata", "arn"), subnets, text(user, "status", "id"))))

	b.delete(source)
	b.Eventually(b.refresh(source)).Should(haveCondition("ACK.Recoverable", "True", ContainSubstring("DependencyViolation")))
	b.delete(user)
	b.Eventually(b.refresh(user)).Should(haveCondition("ACK.Recoverable", "True", ContainSubstring("eks/cluster prod")))
}
