package aws

import (
	"net/http"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

const apiDNS = "k8s-unkey-api-0a1b2c3d4e-0123456789abcdef.elb.eu-west-1.amazonaws.com"

func balancer(arn, dns, state string) string {
	return "<member><LoadBalancerArn>" + arn + "</LoadBalancerArn><DNSName>" + dns + "</DNSName><State><Code>" + state + "</Code></State></member>"
}

func balancers(marker string, members ...string) http.HandlerFunc {
	next := ""
	if marker != "" {
		next = "<NextMarker>" + marker + "</NextMarker>"
	}
	return reply(200, `<DescribeLoadBalancersResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"><DescribeLoadBalancersResult>
		<LoadBalancers>`+strings.Join(members, "")+`</LoadBalancers>`+next+`</DescribeLoadBalancersResult></DescribeLoadBalancersResponse>`)
}

func TestLoadBalancerIsFoundByItsName(t *testing.T) {
	for _, state := range []string{LoadBalancerActive, LoadBalancerProvisioning, LoadBalancerFailed, LoadBalancerActiveImpaired} {
		t.Run(state, func(t *testing.T) {
			g := NewWithT(t)
			w := newWire(t)
			s, _ := newSessions(t, w.url)
			w.on(describeLoadBalancers, balancers("", balancer(loadBalancer, strings.ToUpper(apiDNS), state)))
			g.Expect(s.LoadBalancer(t.Context(), "", "eu-west-1", apiDNS+".")).To(Equal(LoadBalancer{ARN: loadBalancer, State: state}))
			asked := w.requests(describeLoadBalancers)
			g.Expect(asked).To(HaveLen(1))
			g.Expect(asked[0].region).To(Equal("eu-west-1"))
			g.Expect(asked[0].form.Get("Names.member.1")).To(Equal("k8s-unkey-api-0a1b2c3d4e"))
		})
	}
}

func TestLoadBalancerIsSearchedForWhenItsNameDoesNotHelp(t *testing.T) {
	search := []http.HandlerFunc{
		balancers("page2", balancer("arn:one", "one-1.elb.eu-west-1.amazonaws.com", "active")),
		balancers("", balancer(loadBalancer, apiDNS, "active")),
	}
	cases := map[string]http.HandlerFunc{
		"no such name":         refuse(describeLoadBalancers, 400, "LoadBalancerNotFound", "One or more load balancers not found"),
		"another of that name": balancers("", balancer("arn:new", "k8s-unkey-api-0a1b2c3d4e-fedcba9876543210.elb.eu-west-1.amazonaws.com", "active")),
		"an invalid name":      refuse(describeLoadBalancers, 400, "ValidationError", "The name is too long"),
	}
	for name, byName := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWire(t)
			s, _ := newSessions(t, w.url)
			w.on(describeLoadBalancers, inTurn(append([]http.HandlerFunc{byName}, search...)...))
			g.Expect(s.LoadBalancer(t.Context(), "", "eu-west-1", apiDNS)).To(Equal(LoadBalancer{ARN: loadBalancer, State: LoadBalancerActive}))
			asked := w.requests(describeLoadBalancers)
			g.Expect(asked).To(HaveLen(3))
			g.Expect(asked[1].form.Has("Names.member.1")).To(BeFalse())
			g.Expect(asked[2].form.Get("Marker")).To(Equal("page2"))
		})
	}
}

func TestLoadBalancerThatDoesNotExist(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(describeLoadBalancers, balancers(""))
	_, err := s.LoadBalancer(t.Context(), "", "eu-west-1", apiDNS)
	g.Expect(ClassOf(err)).To(Equal(NotFound))
	g.Expect(err).To(MatchError("elasticloadbalancing:DescribeLoadBalancers: LoadBalancerNotFound: no load balancer has the DNS name " + apiDNS))
}

func TestLoadBalancerIsNotSearchedForAfterAnotherFailure(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(describeLoadBalancers, refuse(describeLoadBalancers, 403, "AccessDenied", "No."))
	g.Expect(ClassOf(call(t.Context(), s, describeLoadBalancers))).To(Equal(AccessDenied))
	g.Expect(w.requests(describeLoadBalancers)).To(HaveLen(1))
}

func TestNameIn(t *testing.T) {
	cases := map[string]struct {
		dnsName, want string
		wantNone      bool
	}{
		"network load balancer": {dnsName: apiDNS, want: "k8s-unkey-api-0a1b2c3d4e"},
		"short name":            {dnsName: "a-0123.elb.eu-west-1.amazonaws.com", want: "a"},
		"in China":              {dnsName: "api-0123.elb.cn-north-1.amazonaws.com.cn", want: "api"},
		"without ID":            {dnsName: "api.elb.eu-west-1.amazonaws.com", wantNone: true},
		"hyphen first":          {dnsName: "-0123.elb.eu-west-1.amazonaws.com", wantNone: true},
		"an address":            {dnsName: "192.0.2.1", wantNone: true},
		"empty":                 {wantNone: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			got, ok := nameIn(tc.dnsName)
			g.Expect(got).To(Equal(tc.want))
			g.Expect(ok).To(Equal(!tc.wantNone))
		})
	}
}
