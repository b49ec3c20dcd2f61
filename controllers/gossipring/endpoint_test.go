package gossipring

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	corev1 "k8s.io/api/core/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/dns"
)

// zoneFile is a Resolver that knows the answers beforehand.
type zoneFile struct {
	answers map[string]dns.Answer
	err     error
	asked   []dns.Zone // in the last question
}

func (z *zoneFile) Resolve(_ context.Context, zones []dns.Zone, name string) (dns.Answer, error) {
	z.asked = zones
	answer, ok := z.answers[name]
	switch {
	case z.err != nil:
		return dns.Answer{}, z.err
	case !ok:
		return dns.Answer{}, fmt.Errorf("resolving %s: %w", name, dns.ErrNotRegistered)
	}
	return answer, nil
}

func environmentWith(zones ...string) *v1alpha1.Environment {
	env := &v1alpha1.Environment{}
	env.Namespace, env.Name = "fleet", "production001"
	for _, z := range zones {
		env.Spec.DNS.Zones = append(env.Spec.DNS.Zones, v1alpha1.DNSZone{Name: z, NameServers: []string{"ns." + z}})
	}
	return env
}

func ringWith(hostname string) *v1alpha1.GossipRing {
	ring := &v1alpha1.GossipRing{}
	ring.Namespace, ring.Name = "fleet", "api"
	ring.Spec.EnvironmentRef.Name = "production001"
	if hostname != "" {
		ring.Spec.Endpoint = &v1alpha1.RingEndpoint{Hostname: hostname}
	}
	return ring
}

func TestLeadsTo(t *testing.T) {
	const name = "gossip.eu-west-1.aws.unkey.cloud"
	const balancer = "k8s-api-0f.elb.eu-west-1.amazonaws.com"
	loopback := netip.MustParseAddr("127.0.0.1")
	for testName, tc := range map[string]struct {
		balancer string
		answer   *dns.Answer
		err      error
		want     types.GomegaMatcher
	}{
		"an alias to the load balancer":             {balancer, &dns.Answer{CNAMEs: []string{balancer}}, nil, Succeed()},
		"in other letters":                          {balancer, &dns.Answer{CNAMEs: []string{strings.ToUpper(balancer)}}, nil, Succeed()},
		"by another alias":                          {balancer, &dns.Answer{CNAMEs: []string{"x.aws.unkey.cloud", balancer}}, nil, Succeed()},
		"the load balancer's address":               {"127.0.0.1", &dns.Answer{Addresses: []netip.Addr{loopback}}, nil, Succeed()},
		"one of several addresses":                  {"127.0.0.1", &dns.Answer{Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1"), loopback}}, nil, Succeed()},
		"another address":                           {"127.0.0.1", &dns.Answer{Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}, nil, MatchError(ContainSubstring("leads somewhere else than to the load balancer 127.0.0.1"))},
		"an alias to another load balancer":         {"127.0.0.1", &dns.Answer{CNAMEs: []string{"old.elb.eu-west-1.amazonaws.com"}}, nil, MatchError(ContainSubstring("leads somewhere else"))},
		"a load balancer that does not resolve yet": {"no such name", &dns.Answer{Addresses: []netip.Addr{loopback}}, nil, MatchError(ContainSubstring("does not resolve"))},
		"not registered":                            {balancer, nil, nil, MatchError(name + " is not registered: ExternalDNS has not written it yet")},
		"nobody answers":                            {balancer, nil, errors.New("timeout"), MatchError("asking for " + name + ": timeout")},
	} {
		t.Run(testName, func(t *testing.T) {
			g := NewWithT(t)
			resolver := &zoneFile{err: tc.err, answers: map[string]dns.Answer{}}
			if tc.answer != nil {
				resolver.answers[name] = *tc.answer
			}
			r := &Reconciler{Deps: Deps{DNS: resolver}}
			g.Expect(r.leadsTo(t.Context(), environmentWith("aws.unkey.cloud"), name, tc.balancer)).To(tc.want)
			g.Expect(resolver.asked).To(Equal([]dns.Zone{{Name: "aws.unkey.cloud", NameServers: []string{"ns.aws.unkey.cloud"}}}))
		})
	}
}

func TestHostname(t *testing.T) {
	for name, tc := range map[string]struct {
		template string
		want     string
		wantErr  types.GomegaMatcher
	}{
		"everything it knows": {template: "{{ .name }}-{{ .environment }}.{{ .region }}.aws.unkey.cloud", want: "dublin-production001.eu-west-1.aws.unkey.cloud"},
		"a fixed name":        {template: "gossip.aws.unkey.cloud", want: "gossip.aws.unkey.cloud"},
		"something unknown":   {template: "{{ .zone }}.unkey.cloud", wantErr: MatchError(HavePrefix("spec.endpoint.hostname: \"{{ .zone }}.unkey.cloud\" has the unknown key .zone"))},
		"no template":         {template: "{{ .region", wantErr: MatchError(ContainSubstring("is not a template that Portolan expands"))},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			region := &v1alpha1.Region{}
			region.Name, region.Spec.AWSRegion, region.Spec.EnvironmentRef.Name = "dublin", "eu-west-1", "production001"
			got, err := hostname(ringWith(tc.template), region)
			if tc.wantErr != nil {
				g.Expect(err).To(tc.wantErr)
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(got).To(Equal(tc.want))
		})
	}
}

func TestCheckHostname(t *testing.T) {
	for name, tc := range map[string]struct {
		template string
		zones    []string
		want     types.GomegaMatcher
	}{
		"no endpoint asked for":    {"", nil, Succeed()},
		"in one of the zones":      {"gossip.{{ .region }}.aws.unkey.cloud", []string{"unkey.dev", "aws.unkey.cloud"}, Succeed()},
		"in none of the zones":     {"gossip.{{ .region }}.unkey.com", []string{"aws.unkey.cloud"}, MatchError("gossip.us-east-1.unkey.com lies in none of the environment's zones: add its zone to spec.dns.zones")},
		"there are no zones":       {"gossip.unkey.com", nil, MatchError(ContainSubstring("none of the environment's zones"))},
		"only the ending looks so": {"gossip.notaws.unkey.cloud", []string{"aws.unkey.cloud"}, HaveOccurred()},
		"the zone itself":          {"aws.unkey.cloud", []string{"aws.unkey.cloud"}, HaveOccurred()},
		"no template":              {"{{", []string{"aws.unkey.cloud"}, MatchError(ContainSubstring("is not a template that Portolan expands"))},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(checkHostname(ringWith(tc.template), environmentWith(tc.zones...))).To(tc.want)
		})
	}
}

func TestLoadBalancer(t *testing.T) {
	g := NewWithT(t)
	g.Expect(loadBalancer(nil)).To(BeEmpty())
	service := &corev1.Service{}
	g.Expect(loadBalancer(service)).To(BeEmpty())
	service.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{Hostname: "a.elb.amazonaws.com"}}
	g.Expect(loadBalancer(service)).To(Equal("a.elb.amazonaws.com"))
}

func TestSeedsOfAPod(t *testing.T) {
	pod := &corev1.Pod{}
	pod.Spec.Containers = []corev1.Container{
		{Env: []corev1.EnvVar{{Name: "OTHER", Value: "x"}}},
		{Env: []corev1.EnvVar{{Name: "OTHER", Value: "x"}, {Name: "SEEDS", Value: "b,a"}}},
	}
	g := NewWithT(t)
	g.Expect(seedsOf(pod, "SEEDS")).To(Equal([]string{"a", "b"}))
	g.Expect(seedsOf(pod, "ABSENT")).To(BeEmpty())
}

func TestSplit(t *testing.T) {
	for name, tc := range map[string]struct {
		seeds string
		want  []string
	}{
		"none":            {"", []string{}},
		"one":             {"a:7947", []string{"a:7947"}},
		"in any order":    {"b,c,a", []string{"a", "b", "c"}},
		"with blanks":     {" b , a ", []string{"a", "b"}},
		"with empty ones": {",,a,", []string{"a"}},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(split(tc.seeds)).To(HaveExactElements(tc.want))
		})
	}
}

func FuzzSplit(f *testing.F) {
	f.Add("b, a,,c")
	f.Fuzz(func(t *testing.T, seeds string) {
		all := split(seeds)
		if !slices.IsSorted(all) || slices.ContainsFunc(all, func(s string) bool { return s == "" || strings.ContainsAny(s, ", ") }) {
			t.Errorf("%q becomes %q", seeds, all)
		}
		if again := split(strings.Join(all, ",")); !slices.Equal(again, all) {
			t.Errorf("%q becomes %q, and again %q", seeds, all, again)
		}
		if got, want := len(strings.Join(all, "")), len(seeds)-strings.Count(seeds, ",")-strings.Count(seeds, " "); got != want {
			t.Errorf("%q becomes %q", seeds, all)
		}
	})
}
