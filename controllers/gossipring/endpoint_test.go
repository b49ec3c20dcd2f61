package gossipring

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
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

// addressBook is a System that knows the addresses beforehand.
type addressBook map[string]string

func (b addressBook) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	address, ok := b[host]
	if !ok {
		return nil, errors.New("no such host")
	}
	return []netip.Addr{netip.MustParseAddr(address)}, nil
}

func TestLookAtName(t *testing.T) {
	const (
		name     = "gossip.eu-west-1.aws.unkey.cloud"
		balancer = "k8s-api-0f.elb.eu-west-1.amazonaws.com"
		old      = "old.elb.eu-west-1.amazonaws.com"
	)
	own, another := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.9")
	for testName, tc := range map[string]struct {
		answer *dns.Answer
		err    error
		book   addressBook
		want   nameSight
	}{
		"an alias to the load balancer": {answer: &dns.Answer{CNAMEs: []string{balancer}}, want: nameSight{leads: true}},
		"in other letters":              {answer: &dns.Answer{CNAMEs: []string{strings.ToUpper(balancer)}}, want: nameSight{leads: true}},
		"by another alias":              {answer: &dns.Answer{CNAMEs: []string{"x.aws.unkey.cloud", balancer}}, want: nameSight{leads: true}},
		"the load balancer's address": {
			answer: &dns.Answer{Addresses: []netip.Addr{own}}, book: addressBook{balancer: "192.0.2.1"},
			want: nameSight{leads: true, addresses: []string{"192.0.2.1"}},
		},
		"one of several addresses": {
			answer: &dns.Answer{Addresses: []netip.Addr{own, another}}, book: addressBook{balancer: "192.0.2.9"},
			want: nameSight{leads: true, addresses: []string{"192.0.2.1", "192.0.2.9"}},
		},
		"another address": {
			answer: &dns.Answer{Addresses: []netip.Addr{another}}, book: addressBook{balancer: "192.0.2.1"},
			want: nameSight{astray: true, addresses: []string{"192.0.2.9"}, note: name + " leads to 192.0.2.9 and not to the load balancer " + balancer +
				": ExternalDNS has not followed, or another record is in the way"},
		},
		"an alias to another load balancer": {
			answer: &dns.Answer{CNAMEs: []string{old}}, book: addressBook{balancer: "192.0.2.1"},
			want: nameSight{astray: true, note: name + " leads to " + old + " and not to the load balancer " + balancer +
				": ExternalDNS has not followed, or another record is in the way"},
		},
		"an alias to another load balancer, while the new one does not resolve yet": {
			answer: &dns.Answer{CNAMEs: []string{old}},
			want: nameSight{astray: true, note: name + " leads to " + old + " and not to the load balancer " + balancer +
				": ExternalDNS has not followed, or another record is in the way"},
		},
		"a load balancer that does not resolve yet": {
			answer: &dns.Answer{Addresses: []netip.Addr{own}},
			want:   nameSight{addresses: []string{"192.0.2.1"}, note: name + " has addresses and the load balancer " + balancer + " does not resolve"},
		},
		"not registered": {want: nameSight{astray: true, note: name + " is not registered: ExternalDNS has not written it, or has removed it; its logs in the region say why"}},
		"nobody answers": {err: errors.New("timeout"), want: nameSight{note: "asking for " + name + ": timeout"}},
	} {
		t.Run(testName, func(t *testing.T) {
			g := NewWithT(t)
			resolver := &zoneFile{err: tc.err, answers: map[string]dns.Answer{}}
			if tc.answer != nil {
				resolver.answers[name] = *tc.answer
			}
			r := &Reconciler{Deps: Deps{DNS: resolver, System: tc.book}}
			g.Expect(r.lookAtName(t.Context(), environmentWith("aws.unkey.cloud"), name, balancer)).To(Equal(tc.want))
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
		"one name for all":         {"gossip.aws.unkey.cloud", []string{"aws.unkey.cloud"}, MatchError(ContainSubstring("would be the name of every region"))},
		"there are no zones":       {"gossip.{{ .name }}.unkey.com", nil, MatchError(ContainSubstring("none of the environment's zones"))},
		"only the ending looks so": {"gossip.{{ .name }}notaws.unkey.cloud", []string{"aws.unkey.cloud"}, HaveOccurred()},
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
