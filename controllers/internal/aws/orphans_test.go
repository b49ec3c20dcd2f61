package aws

import (
	"net/http"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	. "github.com/onsi/gomega"
)

const otherClusterTag = "elbv2.k8s.aws/cluster=prod-euw10"

func targetGroupIn(vpcID, name string) string {
	return "<member><TargetGroupArn>" + elbARN("targetgroup", name) + "</TargetGroupArn><TargetGroupName>" + name + "</TargetGroupName><VpcId>" + vpcID + "</VpcId></member>"
}

func detached(id, status string, tags ...string) string {
	return "<item><networkInterfaceId>" + id + "</networkInterfaceId><status>" + status + "</status><description>aws-K8S-i-0abc</description>" + ec2TagSet(tags...) + "</item>"
}

func TestOrphansAreWhatCarriesTheTagOfTheCluster(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(describeLoadBalancers, balancers("", balancerIn("vpc-0", "api"), balancerIn("vpc-0", "other"), balancerIn("vpc-0", "mine"), balancerIn("vpc-1", "elsewhere")))
	w.on(describeTargets, inTurn(
		members(describeTargets, "TargetGroups", "more", targetGroupIn("vpc-0", "tg-other"), targetGroupIn("vpc-1", "tg-elsewhere")),
		members(describeTargets, "TargetGroups", "", targetGroupIn("vpc-0", "tg-api"))))
	w.on(describeELBTags, elbTagged(map[string][]string{
		elbARN("loadbalancer/net", "api"): {clusterTag, "service.k8s.aws/stack=api/gossip"}, elbARN("loadbalancer/net", "other"): {otherClusterTag},
		elbARN("loadbalancer/net", "mine"): {}, elbARN("targetgroup", "tg-api"): {clusterTag}, elbARN("targetgroup", "tg-other"): {otherClusterTag},
	}))
	const node = "cluster.k8s.amazonaws.com/name="
	w.on(describeInterfaces, ec2Reply(describeInterfaces, "<networkInterfaceSet>"+detached("eni-2", "available", node+"prod-euw1")+
		detached("eni-3", "in-use", node+"prod-euw1")+detached("eni-4", "available", node+"prod-euw10")+detached("eni-5", "available")+"</networkInterfaceSet>"))
	w.on(describeFirewalls, ec2Reply(describeFirewalls, "<securityGroupInfo>"+
		firewall("sg-0", "default", nil)+firewall("sg-1", "backend", nil, clusterTag)+firewall("sg-2", "frontend", []string{"sg-1"}, clusterTag)+
		firewall("sg-3", "other", nil, otherClusterTag)+"</securityGroupInfo>"))

	g.Expect(s.Orphans(t.Context(), "", "eu-west-1", "vpc-0", "prod-euw1")).To(Equal([]Orphan{
		{Kind: KindLoadBalancer, ID: "api", ARN: elbARN("loadbalancer/net", "api"), Owner: "Service api/gossip"},
		{Kind: KindTargetGroup, ID: "tg-api", ARN: elbARN("targetgroup", "tg-api"), Owner: "cluster prod-euw1"},
		{Kind: KindNetworkInterface, ID: "eni-2", Owner: "VPC CNI of instance i-0abc"},
		{Kind: KindSecurityGroup, ID: "sg-2", Owner: "cluster prod-euw1"},
		{Kind: KindSecurityGroup, ID: "sg-1", Owner: "cluster prod-euw1"},
	}))
	g.Expect(filtersOf(w.requests(describeInterfaces)[0])).To(Equal([]string{
		"vpc-id=vpc-0", "status=available", "tag:cluster.k8s.amazonaws.com/name=prod-euw1",
	}))
	g.Expect(w.requests(describeTargets)[1].form.Get("Marker")).To(Equal("more"))
}

func TestNothingIsAnOrphanOfNobody(t *testing.T) {
	for name, asked := range map[string][2]string{"no cluster": {"vpc-0", ""}, "no VPC": {"", "prod"}} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWire(t)
			s, _ := newSessions(t, w.url)
			found, err := s.Orphans(t.Context(), "", "eu-west-1", asked[0], asked[1])
			g.Expect(found).To(BeNil())
			g.Expect(err).To(MatchError(errNoCluster))
		})
	}
}

func TestOrphansFailWithEachOfTheirLooks(t *testing.T) {
	for _, action := range []string{describeLoadBalancers, describeTargets, describeELBTags, describeInterfaces, describeFirewalls} {
		t.Run(action, func(t *testing.T) {
			g := NewWithT(t)
			w := newWire(t)
			s, _ := newSessions(t, w.url)
			w.empty()
			w.on(describeTargets, members(describeTargets, "TargetGroups", "", targetGroupIn("vpc-0", "tg")))
			w.on(action, refuse(action, 403, "AccessDenied", "No."))
			found, err := s.Orphans(t.Context(), "", "eu-west-1", "vpc-0", "prod-euw1")
			g.Expect(found).To(BeNil())
			g.Expect(err).To(MatchError(HavePrefix(action)))
		})
	}
}

func TestReferencingFirst(t *testing.T) {
	cases := map[string]struct {
		named map[string][]string // by group, in the order of the IDs
		want  []string
	}{
		"none of each other":     {map[string][]string{"a": nil, "b": nil}, []string{"a", "b"}},
		"a chain":                {map[string][]string{"a": nil, "b": {"a"}, "c": {"b"}}, []string{"c", "b", "a"}},
		"one that names itself":  {map[string][]string{"a": {"a"}, "b": {"a"}}, []string{"b", "a"}},
		"two that name another":  {map[string][]string{"a": nil, "b": {"a"}, "c": {"a"}}, []string{"b", "c", "a"}},
		"a circle, and who asks": {map[string][]string{"a": {"b"}, "b": {"a"}, "c": {"a"}}, []string{"c", "a", "b"}},
		"nothing":                {nil, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var groups []types.SecurityGroup
			for _, id := range []string{"a", "b", "c"} {
				named, ok := tc.named[id]
				if !ok {
					continue
				}
				group := types.SecurityGroup{GroupId: new(id), IpPermissionsEgress: []types.IpPermission{{}}}
				for _, other := range named {
					pairs := &group.IpPermissionsEgress[0].UserIdGroupPairs
					*pairs = append(*pairs, types.UserIdGroupPair{GroupId: new(other)})
				}
				groups = append(groups, group)
			}
			var got []string
			for _, group := range referencingFirst(groups) {
				got = append(got, aws.ToString(group.GroupId))
			}
			NewWithT(t).Expect(got).To(Equal(tc.want))
		})
	}
}

func TestDeleteOrphan(t *testing.T) {
	done := func(action string) http.HandlerFunc {
		if action == deleteFirewall || action == deleteInterface {
			return ec2Reply(action, "")
		}
		return members(action, "None", "")
	}
	deletions := map[string]struct{ action, parameter, want, gone string }{
		KindLoadBalancer:     {deleteBalancer, "LoadBalancerArn", "arn:1", "LoadBalancerNotFound"},
		KindTargetGroup:      {deleteTargets, "TargetGroupArn", "arn:1", "TargetGroupNotFound"},
		KindNetworkInterface: {deleteInterface, "NetworkInterfaceId", "id-1", "InvalidNetworkInterfaceID.NotFound"},
		KindSecurityGroup:    {deleteFirewall, "GroupId", "id-1", "InvalidGroup.NotFound"},
	}
	for kind, tc := range deletions {
		t.Run(kind, func(t *testing.T) {
			g := NewWithT(t)
			w := newWire(t)
			s, _ := newSessions(t, w.url)
			orphan := Orphan{Kind: kind, ID: "id-1", ARN: "arn:1"}
			w.on(tc.action, inTurn(done(tc.action), refuse(tc.action, 400, tc.gone, "No."), refuse(tc.action, 403, "AccessDenied", "No.")))
			g.Expect(s.DeleteOrphan(t.Context(), "", "eu-west-1", orphan)).To(Succeed())
			g.Expect(s.DeleteOrphan(t.Context(), "", "eu-west-1", orphan)).To(Succeed(), "it is gone")
			g.Expect(ClassOf(s.DeleteOrphan(t.Context(), "", "eu-west-1", orphan))).To(Equal(AccessDenied))
			made := w.requests(tc.action)
			g.Expect(made).To(HaveLen(3))
			g.Expect(made[0].form.Get(tc.parameter)).To(Equal(tc.want))
			g.Expect(made[0].region).To(Equal("eu-west-1"))
		})
	}
}

func TestOrphansInUseAreConflicts(t *testing.T) {
	for name, tc := range map[string]struct{ kind, action, code string }{
		"a protected load balancer":  {KindLoadBalancer, deleteBalancer, "OperationNotPermitted"},
		"a used target group":        {KindTargetGroup, deleteTargets, "ResourceInUse"},
		"an attached interface":      {KindNetworkInterface, deleteInterface, "InvalidParameterValue"},
		"a group of another's rules": {KindSecurityGroup, deleteFirewall, "DependencyViolation"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWire(t)
			s, _ := newSessions(t, w.url)
			w.on(tc.action, refuse(tc.action, 400, tc.code, "It is in use."))
			err := s.DeleteOrphan(t.Context(), "", "eu-west-1", Orphan{Kind: tc.kind, ID: "id-1", ARN: "arn:1"})
			g.Expect(ClassOf(err)).To(Equal(Conflict))
		})
	}
}

func TestDeleteOrphanDeletesNothingElse(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	for _, kind := range []string{KindSubnet, KindVPCEndpoint, KindPeeringConnection, ""} {
		g.Expect(s.DeleteOrphan(t.Context(), "", "eu-west-1", Orphan{Kind: kind, ID: "x"})).To(MatchError(ContainSubstring("is no orphan")))
	}
	g.Expect(w.seen).To(BeEmpty())
}
