package ack

import (
	"fmt"
	"maps"
	"strconv"
	"strings"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// securityGroup has no rules but those of the spec: ACK removes the one that AWS
// adds, which lets everything out.
var securityGroup = &kind{
	service: "ec2", name: "SecurityGroup", awsType: "ec2/securitygroup", idField: "id", idPrefix: "sg",
	mutable: []string{"ingressRules", "egressRules"},
	arn: func(a account, r cloud.Resource) string {
		return a.ARN("ec2", r.Region, "security-group/"+r.ID)
	},
	describe: func(r request) cloud.Resource {
		vpcID := r.spec.text("vpcID")
		return r.resource(map[string]string{
			"name": r.spec.text("name"), "description": r.spec.text("description"), "vpcID": vpcID,
			"ingressRules": r.spec.json("ingressRules"), "egressRules": r.spec.json("egressRules"),
		}, r.parent("ec2/vpc", vpcID))
	},
	admit: admitSecurityGroup,
	release: func(a account, r cloud.Resource) error {
		users := securityGroupsOf(a, r.Region, func(other cloud.Resource) bool {
			return other.ID != r.ID && strings.Contains(other.Data["ingressRules"]+other.Data["egressRules"], `"`+r.ID+`"`)
		})
		if len(users) > 0 {
			return refuse(cloud.CodeDependencyViolation, "resource %s has a dependent object: %s", r.ID, users[0].ID)
		}
		return nil
	},
	status: func(_ account, r cloud.Resource) map[string]any {
		rules := append(rulesOf(r, "ingressRules"), rulesOf(r, "egressRules")...)
		list := make([]any, len(rules))
		for i, one := range rules {
			one.entry["securityGroupRuleID"] = "sgr-" + suffix(r.ID) + "-" + strconv.Itoa(i)
			list[i] = one.entry
		}
		return map[string]any{"rules": list}
	},
}

func securityGroupsOf(a account, region string, match func(cloud.Resource) bool) []cloud.Resource {
	return a.List(func(r cloud.Resource) bool {
		return r.Type == "ec2/securitygroup" && r.Region == region && match(r)
	})
}

func admitSecurityGroup(a account, r *cloud.Resource) error {
	name, vpcID := r.Data["name"], r.Data["vpcID"]
	namesakes := securityGroupsOf(a, r.Region, func(other cloud.Resource) bool {
		return other.ID != r.ID && other.Data["vpcID"] == vpcID && other.Data["name"] == name
	})
	switch {
	case len(namesakes) > 0:
		return refuse("InvalidGroup.Duplicate", "The security group '%s' already exists for VPC '%s'", name, vpcID)
	case strings.HasPrefix(name, "sg-"):
		return refuse("InvalidParameterValue", "Value (%s) for parameter GroupName is invalid. Group names may not be in the format sg-*.", name)
	}
	for _, direction := range []string{"ingressRules", "egressRules"} {
		if err := admitRules(a, r, direction); err != nil {
			return err
		}
	}
	return nil
}

func admitRules(a account, r *cloud.Resource, direction string) error {
	seen := map[string]bool{}
	for _, one := range rulesOf(*r, direction) {
		if seen[one.identity] {
			return refuse("InvalidPermission.Duplicate", "the specified rule %q already exists", one.identity)
		}
		seen[one.identity] = true
		if group := one.group; group != "" && group != r.ID && !groupExists(a, r.Region, group) {
			return refuse("InvalidGroup.NotFound", "The security group '%s' does not exist", group)
		}
	}
	return nil
}

// groupExists also knows the groups that EKS makes for its clusters.
func groupExists(a account, region, id string) bool {
	if _, found := a.Get(cloud.Key{Type: "ec2/securitygroup", Region: region, ID: id}); found {
		return true
	}
	return len(a.List(func(r cloud.Resource) bool {
		return r.Type == "eks/cluster" && r.Region == region && r.Data["securityGroupID"] == id
	})) > 0
}

// rule is one source or destination of a permission, which AWS keeps as one rule.
type rule struct {
	identity string
	group    string
	entry    map[string]any
}

func rulesOf(r cloud.Resource, direction string) []rule {
	var rules []rule
	for _, permission := range (fields{"rules": decode(r.Data[direction])}).list("rules") {
		base := map[string]any{"isEgress": direction == "egressRules", "ipProtocol": permission.text("ipProtocol")}
		from, to := portOf(permission, "fromPort"), portOf(permission, "toPort")
		base["fromPort"], base["toPort"] = from, to
		ports := fmt.Sprintf("%s %d-%d", permission.text("ipProtocol"), from, to)
		for _, peer := range peers {
			for _, item := range permission.list(peer.list) {
				rules = append(rules, peer.rule(base, ports, item))
			}
		}
	}
	return rules
}

// portOf reads a number that went through JSON; -1 stands for all ports.
func portOf(permission fields, field string) int64 {
	value, _ := permission.at(field)
	if number, ok := value.(float64); ok {
		return int64(number)
	}
	return -1
}

// peers are the lists of a permission, with the field of an item and that of the rule.
var peers = []peer{
	{"ipRanges", "cidrIP", "cidrIPv4"}, {"ipv6Ranges", "cidrIPv6", "cidrIPv6"},
	{"prefixListIDs", "prefixListID", "prefixListID"}, {"userIDGroupPairs", "groupID", ""},
}

type peer struct{ list, field, reported string }

func (p peer) rule(base map[string]any, ports string, item fields) rule {
	one := rule{identity: ports + " " + item.text(p.field), entry: maps.Clone(base)}
	if description := item.text("description"); description != "" {
		one.entry["description"] = description
	}
	if p.reported != "" {
		one.entry[p.reported] = item.text(p.field)
	} else {
		one.group = item.text(p.field)
	}
	return one
}
