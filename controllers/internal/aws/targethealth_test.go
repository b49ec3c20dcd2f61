package aws

import (
	"net/http"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	clocktesting "k8s.io/utils/clock/testing"
)

const (
	gossipTCP = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/gossip-tcp/0123456789abcdef"
	gossipUDP = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/gossip-udp/0123456789abcdef"

	failedChecks  = "unhealthy Target.FailedHealthChecks"
	initialChecks = "initial Elb.InitialHealthChecking"
	notInUse      = "unused Target.NotInUse"
)

func elbReply(operation, content string) http.HandlerFunc {
	return reply(200, "<"+operation+`Response xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"><`+operation+"Result>"+
		content+"</"+operation+"Result></"+operation+"Response>")
}

func groupsPage(marker string, arns ...string) http.HandlerFunc {
	var members strings.Builder
	for _, arn := range arns {
		members.WriteString("<member><TargetGroupArn>" + arn + "</TargetGroupArn></member>")
	}
	content := "<TargetGroups>" + members.String() + "</TargetGroups>"
	if marker != "" {
		content += "<NextMarker>" + marker + "</NextMarker>"
	}
	return elbReply("DescribeTargetGroups", content)
}

// targets answers with targets that are written "state" or "state reason".
func targets(states ...string) http.HandlerFunc {
	var members strings.Builder
	for _, written := range states {
		state, reason, _ := strings.Cut(written, " ")
		members.WriteString("<member><Target><Id>10.0.0.5</Id><Port>7947</Port></Target><TargetHealth>" +
			"<State>" + state + "</State><Reason>" + reason + "</Reason><Description>2 of 3 checks, eni-0123</Description></TargetHealth></member>")
	}
	return elbReply("DescribeTargetHealth", "<TargetHealthDescriptions>"+members.String()+"</TargetHealthDescriptions>")
}

// byGroup answers for each target group as told.
func byGroup(answers map[string]http.HandlerFunc) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		answer, ok := answers[r.Form.Get("TargetGroupArn")]
		if !ok {
			answer = refuse(describeHealth, 400, "TargetGroupNotFound", "One or more target groups not found")
		}
		answer(rw, r)
	}
}

// gossiping is a wire with one load balancer, which has the target groups.
func gossiping(t *testing.T, groups ...string) (*wire, *Sessions, *clocktesting.FakeClock) {
	t.Helper()
	w := newWire(t)
	s, clk := newSessions(t, w.url)
	w.on(describeLoadBalancers, balancers("", balancer(loadBalancer, apiDNS, LoadBalancerActive)))
	w.on(describeTargets, groupsPage("", groups...))
	return w, s, clk
}

func healthOfAPI(t *testing.T, s *Sessions) TargetHealth {
	t.Helper()
	health, err := s.TargetHealth(t.Context(), "", "eu-west-1", apiDNS)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return health
}

func TestTargetHealthIsThatOfTheWorstGroup(t *testing.T) {
	cases := map[string]struct {
		groups map[string][]string // their targets
		want   TargetHealth
	}{
		"only the elected one listens": {
			groups: map[string][]string{gossipTCP: {failedChecks, "healthy", failedChecks}},
			want:   TargetHealth{Healthy: 1, Groups: 1, Reason: "2 unhealthy (Target.FailedHealthChecks)"},
		},
		"all are healthy": {
			groups: map[string][]string{gossipTCP: {"healthy", "healthy"}},
			want:   TargetHealth{Healthy: 2, Groups: 1},
		},
		"several reasons, in order": {
			groups: map[string][]string{gossipTCP: {failedChecks, initialChecks, "draining Target.DeregistrationInProgress", failedChecks}},
			want: TargetHealth{Groups: 1, Reason: "1 draining (Target.DeregistrationInProgress), " +
				"1 initial (Elb.InitialHealthChecking), 2 unhealthy (Target.FailedHealthChecks)"},
		},
		"a state without a reason": {
			groups: map[string][]string{gossipTCP: {"unavailable"}},
			want:   TargetHealth{Groups: 1, Reason: "1 unavailable"},
		},
		"a target of which nothing is known": {
			groups: map[string][]string{gossipTCP: {""}},
			want:   TargetHealth{Groups: 1, Reason: "1 unknown"},
		},
		"the second group has fewer": {
			groups: map[string][]string{gossipTCP: {"healthy", "healthy"}, gossipUDP: {"healthy", failedChecks}},
			want:   TargetHealth{Healthy: 1, Groups: 2, Reason: "1 unhealthy (Target.FailedHealthChecks)"},
		},
		"the first group has fewer": {
			groups: map[string][]string{gossipTCP: {initialChecks}, gossipUDP: {"healthy", failedChecks}},
			want:   TargetHealth{Groups: 2, Reason: "1 initial (Elb.InitialHealthChecking)"},
		},
		"as many in both: the first by ARN tells why": {
			groups: map[string][]string{gossipTCP: {"healthy", initialChecks}, gossipUDP: {"healthy", failedChecks}},
			want:   TargetHealth{Healthy: 1, Groups: 2, Reason: "1 initial (Elb.InitialHealthChecking)"},
		},
		"nothing is registered": {
			groups: map[string][]string{gossipTCP: {"healthy"}, gossipUDP: nil},
			want:   TargetHealth{Groups: 2, Reason: "no targets are registered"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w, s, _ := gossiping(t)
			answers := map[string]http.HandlerFunc{}
			var groups []string
			for _, arn := range []string{gossipUDP, gossipTCP} { // in no order
				if states, ok := tc.groups[arn]; ok {
					answers[arn] = targets(states...)
					groups = append(groups, arn)
				}
			}
			w.on(describeTargets, groupsPage("", groups...))
			w.on(describeHealth, byGroup(answers))
			g.Expect(healthOfAPI(t, s)).To(Equal(tc.want))
		})
	}
}

func TestTargetHealthAsksInTheRegionAndReadsAllPages(t *testing.T) {
	g := NewWithT(t)
	w, s, _ := gossiping(t)
	w.on(describeTargets, inTurn(groupsPage("page2", gossipTCP), groupsPage("", gossipUDP)))
	w.on(describeHealth, byGroup(map[string]http.HandlerFunc{gossipTCP: targets("healthy"), gossipUDP: targets(failedChecks)}))

	g.Expect(healthOfAPI(t, s)).To(Equal(TargetHealth{Groups: 2, Reason: "1 unhealthy (Target.FailedHealthChecks)"}))
	asked := w.requests(describeTargets)
	g.Expect(asked).To(HaveLen(2))
	g.Expect(asked[0].form.Get("LoadBalancerArn")).To(Equal(loadBalancer))
	g.Expect(asked[1].form.Get("Marker")).To(Equal("page2"))
	for _, action := range []string{describeLoadBalancers, describeTargets, describeHealth} {
		g.Expect(w.requests(action)[0].region).To(Equal("eu-west-1"))
	}
}

func TestTargetHealthRemembersTheGroupsButNotTheirHealth(t *testing.T) {
	g := NewWithT(t)
	w, s, clk := gossiping(t, gossipTCP)
	w.on(describeHealth, inTurn(targets(initialChecks), targets("healthy")))

	g.Expect(healthOfAPI(t, s).Healthy).To(BeZero())
	clk.Step(5*time.Minute - time.Second)
	g.Expect(s.TargetHealth(t.Context(), "", "eu-west-1", strings.ToUpper(apiDNS)+".")).To(Equal(TargetHealth{Healthy: 1, Groups: 1}))
	g.Expect(w.requests(describeLoadBalancers)).To(HaveLen(1))
	g.Expect(w.requests(describeTargets)).To(HaveLen(1))
	g.Expect(w.requests(describeHealth)).To(HaveLen(2))

	w.on(describeTargets, groupsPage("", gossipTCP, gossipUDP))
	clk.Step(time.Second)
	g.Expect(healthOfAPI(t, s).Groups).To(Equal(2), "a group that was added shows after some minutes")
}

func TestTargetHealthOfALoadBalancerWithoutGroups(t *testing.T) {
	g := NewWithT(t)
	w, s, clk := gossiping(t)
	none := TargetHealth{Reason: "the load balancer has no target groups"}
	g.Expect(healthOfAPI(t, s)).To(Equal(none))
	g.Expect(w.requests(describeHealth)).To(BeEmpty())

	w.on(describeTargets, groupsPage("", gossipTCP))
	w.on(describeHealth, targets("healthy"))
	clk.Step(9 * time.Second)
	g.Expect(healthOfAPI(t, s)).To(Equal(none))
	clk.Step(time.Second)
	g.Expect(healthOfAPI(t, s)).To(Equal(TargetHealth{Healthy: 1, Groups: 1}), "it is being made, so that is not remembered for long")
}

func TestTargetHealthFollowsGroupsThatWereReplaced(t *testing.T) {
	g := NewWithT(t)
	w, s, _ := gossiping(t, gossipTCP)
	w.on(describeHealth, targets("healthy"))
	healthOfAPI(t, s)

	w.on(describeTargets, groupsPage("", gossipUDP))
	w.on(describeHealth, byGroup(map[string]http.HandlerFunc{gossipUDP: targets("healthy", "healthy")}))
	g.Expect(healthOfAPI(t, s)).To(Equal(TargetHealth{Healthy: 2, Groups: 1}), "in the same call")
	g.Expect(w.requests(describeLoadBalancers)).To(HaveLen(2))
	healthOfAPI(t, s)
	g.Expect(w.requests(describeLoadBalancers)).To(HaveLen(2), "the new ones are remembered")
}

func TestTargetHealthForgetsGroupsWithoutLoadBalancer(t *testing.T) {
	g := NewWithT(t)
	w, s, _ := gossiping(t, gossipTCP)
	w.on(describeHealth, targets("healthy"))
	healthOfAPI(t, s)

	w.on(describeLoadBalancers, balancers(""))
	w.on(describeHealth, targets(notInUse, notInUse))
	g.Expect(healthOfAPI(t, s)).To(Equal(TargetHealth{Groups: 1, Reason: "2 unused (Target.NotInUse)"}))
	_, err := s.TargetHealth(t.Context(), "", "eu-west-1", apiDNS)
	g.Expect(ClassOf(err)).To(Equal(NotFound))
}

func TestTargetHealthKeepsGroupsOfWhichOneZoneIsUnused(t *testing.T) {
	g := NewWithT(t)
	w, s, _ := gossiping(t, gossipTCP)
	w.on(describeHealth, targets(notInUse, "healthy"))
	healthOfAPI(t, s)
	g.Expect(healthOfAPI(t, s)).To(Equal(TargetHealth{Healthy: 1, Groups: 1, Reason: "1 unused (Target.NotInUse)"}))
	g.Expect(w.requests(describeTargets)).To(HaveLen(1))
}

func TestTargetHealthGivesUpOnGroupsThatKeepVanishing(t *testing.T) {
	g := NewWithT(t)
	w, s, _ := gossiping(t, gossipTCP)
	w.on(describeHealth, byGroup(nil))
	_, err := s.TargetHealth(t.Context(), "", "eu-west-1", apiDNS)
	g.Expect(err).To(MatchError("elasticloadbalancing:DescribeTargetHealth: TargetGroupNotFound: One or more target groups not found"))
	g.Expect(w.requests(describeHealth)).To(HaveLen(2))
}

func TestTargetHealthFailures(t *testing.T) {
	cases := map[string]struct {
		action, code string
		status       int
		want         Class
	}{
		"no load balancer":         {describeLoadBalancers, "LoadBalancerNotFound", 400, NotFound},
		"it went meanwhile":        {describeTargets, "LoadBalancerNotFound", 400, NotFound},
		"may not list the groups":  {describeTargets, "AccessDenied", 403, AccessDenied},
		"may not see their health": {describeHealth, "AccessDenied", 403, AccessDenied},
		"AWS does not know":        {describeHealth, "HealthUnavailable", 400, Unavailable},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w, s, _ := gossiping(t, gossipTCP)
			if tc.action == describeLoadBalancers {
				w.on(describeLoadBalancers, balancers(""))
			} else {
				w.on(tc.action, refuse(tc.action, tc.status, tc.code, "No."))
			}
			_, err := s.TargetHealth(t.Context(), "", "eu-west-1", apiDNS)
			g.Expect(ClassOf(err)).To(Equal(tc.want))
			g.Expect(err).To(MatchError(ContainSubstring(tc.action)))

			w.on(describeLoadBalancers, balancers("", balancer(loadBalancer, apiDNS, LoadBalancerActive)))
			w.on(describeTargets, groupsPage("", gossipTCP))
			w.on(describeHealth, targets("healthy"))
			g.Expect(healthOfAPI(t, s).Healthy).To(BeEquivalentTo(1), "failures are not remembered")
		})
	}
}

func TestTargetHealthIsPerRoleAndRegion(t *testing.T) {
	g := NewWithT(t)
	w, s, _ := gossiping(t, gossipTCP)
	w.on(describeHealth, targets("healthy"))
	healthOfAPI(t, s)
	_, err := s.TargetHealth(t.Context(), "", "us-east-1", apiDNS)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(w.requests(describeTargets)).To(HaveLen(2))
	g.Expect(w.requests(describeHealth)[1].region).To(Equal("us-east-1"))
}
