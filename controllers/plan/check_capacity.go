package plan

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// instanceTypes finds types that the plan's zones do not offer. One that only some zones
// offer still gives nodes, in those.
func (c checker) instanceTypes() []v1alpha1.PlanFinding {
	if c.facts.InstanceTypes == nil {
		return nil
	}
	groups := map[string][]string{} // by instance type
	for _, g := range c.plan.NodeGroups {
		for _, t := range g.InstanceTypes {
			groups[t] = append(groups[t], g.Name)
		}
	}
	var all []v1alpha1.PlanFinding
	for _, name := range sortedKeys(groups) {
		offered := c.facts.InstanceTypes[name].Zones
		without := slices.DeleteFunc(c.plan.zones(), func(z string) bool { return slices.Contains(offered, z) })
		switch {
		case len(without) == 0:
		case len(without) == len(c.plan.zones()):
			where := "nowhere in " + string(c.region.Spec.AWSRegion)
			if len(offered) > 0 {
				where = "only in " + listing(offered)
			}
			all = append(all, failure(v1alpha1.ReasonInstanceTypeNotOffered,
				"%s of node group %s is offered in none of the region's zones (%s) and %s: choose another instance type",
				name, listing(groups[name]), strings.Join(c.plan.zones(), ", "), where))
		default:
			all = append(all, warning(v1alpha1.ReasonInstanceTypeNotOffered,
				"%s of node group %s is not offered in %s: nodes come up in the other zones only, unless the group lists a further type",
				name, listing(groups[name]), listing(without)))
		}
	}
	return all
}

// need is what the region draws of a quota: to begin with, and when its node groups have grown.
type need struct {
	quota        string
	begin, grown float64
}

// quotas compares what the region needs with what is left.
func (c checker) quotas() []v1alpha1.PlanFinding {
	var all []v1alpha1.PlanFinding
	for _, n := range c.needs() {
		i := slices.IndexFunc(c.facts.Quotas, func(q Quota) bool { return q.Name == n.quota })
		if i < 0 {
			continue
		}
		q := c.facts.Quotas[i]
		room := fmt.Sprintf("%s allowed, %s in use: ask for more (Service Quotas %s %s)", number(q.Limit), number(q.Used), q.Service, q.Code)
		switch left := q.Limit - q.Used; {
		case n.begin > 0 && n.begin > left:
			all = append(all, failure(v1alpha1.ReasonQuotaTooLow, "%s in %s: %s needed, %s", n.quota, c.region.Spec.AWSRegion, number(n.begin), room))
		case n.grown > 0 && n.grown > left:
			all = append(all, warning(v1alpha1.ReasonQuotaTooLow, "%s in %s: %s needed once every node group has grown to its max, %s",
				n.quota, c.region.Spec.AWSRegion, number(n.grown), room))
		}
	}
	return all
}

// needs leaves out what the Region has already: that is in use.
func (c checker) needs() []need {
	vpcs, gateways, clusters, rules := 1, len(c.plan.NATZones), 1, c.gossipRules()
	if n := c.region.Status.Network; n != nil {
		if n.VPCID != "" {
			vpcs, rules = 0, 0
		}
		gateways = max(0, gateways-len(n.NATGatewayIDs))
	}
	if k := c.region.Status.Cluster; k != nil && k.ARN != "" {
		clusters = 0
	}
	begin, grown := c.vCPUs()
	return []need{
		{quota: QuotaVPCs, begin: float64(vpcs)},
		{quota: QuotaElasticIPs, begin: float64(gateways)},
		{quota: QuotaNATGateways, begin: float64(min(gateways, 1))},
		{quota: QuotaClusters, begin: float64(clusters)},
		{quota: QuotaVCPUs, begin: begin, grown: grown},
		{quota: QuotaGroupRules, begin: float64(rules)},
	}
}

// gossipRules is how many rules the gossip security group needs, one for each range and protocol.
// Those of the peers need no more once the region's addresses are among them.
func (c checker) gossipRules() int {
	switch g := c.plan.Gossip; {
	case g == nil:
		return 0
	case g.AllowRegions:
		return 2 * (len(g.AllowFrom) + c.facts.PeerAddresses + len(c.plan.NATZones))
	default:
		return 2 * len(g.AllowFrom)
	}
}

// vCPUs counts those of the largest type of each group, because EKS may choose it. Spot has
// a quota of its own. Types that nobody knows count nothing: they are a finding themselves.
func (c checker) vCPUs() (begin, grown float64) {
	for _, g := range c.plan.NodeGroups {
		if g.CapacityType == v1alpha1.CapacitySpot {
			continue
		}
		largest := int32(0)
		for _, t := range g.InstanceTypes {
			if standard(t) {
				largest = max(largest, c.facts.InstanceTypes[t].VCPUs)
			}
		}
		now := Desired(g)
		if k := c.region.Status.Cluster; k != nil && slices.Contains(k.NodeGroups, NodeGroupName(g)) {
			grown -= float64(now) * float64(largest) // these are in use
			now = 0
		}
		begin += float64(now) * float64(largest)
		grown += float64(g.Max) * float64(largest)
	}
	return begin, grown
}

// standardFamilies draw on one quota together (Amazon EC2 User Guide, "On-Demand Instance
// quotas": Standard is A, C, D, H, I, M, R, T and Z). The others have quotas of their own.
var standardFamilies = []string{"a", "c", "d", "h", "i", "im", "is", "m", "r", "t", "z"}

func standard(instanceType string) bool {
	family, _, _ := strings.Cut(instanceType, ".")
	if i := strings.IndexAny(family, "0123456789"); i >= 0 {
		family = family[:i]
	}
	return slices.Contains(standardFamilies, family)
}

func number(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }
