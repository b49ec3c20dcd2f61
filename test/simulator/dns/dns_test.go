package dns_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"

	simulated "github.com/portolan-dev/portolan/test/simulator/dns"
)

var first, second = netip.MustParseAddr("52.1.2.3"), netip.MustParseAddr("52.4.5.6")

func start(t *testing.T) *simulated.Server {
	t.Helper()
	s, err := simulated.Start("aws.example.test", "amazonaws.com", "nested.aws.example.test")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	t.Cleanup(s.Stop)

	s.SetA("lb.elb.amazonaws.com", first, second)
	s.SetA("dual.aws.example.test", first, netip.MustParseAddr("2001:db8::1"))
	s.SetCNAME("gossip.aws.example.test", "LB.elb.amazonaws.com")
	s.SetCNAME("near.aws.example.test", "dual.aws.example.test")
	s.SetCNAME("dangling.aws.example.test", "gone.aws.example.test")
	s.SetCNAME("loop.aws.example.test", "pool.aws.example.test")
	s.SetCNAME("pool.aws.example.test", "loop.aws.example.test")
	s.SetA("host.nested.aws.example.test", first)
	return s
}

func TestAnswers(t *testing.T) {
	cases := map[string]struct {
		name       string
		qtype      uint16
		wantRcode  int
		wantTypes  []uint16
		wantSOA    bool
		wantNotOur bool
	}{
		"addresses":                        {name: "lb.elb.amazonaws.com.", qtype: dns.TypeA, wantTypes: []uint16{dns.TypeA, dns.TypeA}},
		"whatever the case":                {name: "LB.ELB.AmazonAWS.com.", qtype: dns.TypeA, wantTypes: []uint16{dns.TypeA, dns.TypeA}},
		"the family that was asked for":    {name: "dual.aws.example.test.", qtype: dns.TypeAAAA, wantTypes: []uint16{dns.TypeAAAA}},
		"an alias within the zone":         {name: "near.aws.example.test.", qtype: dns.TypeA, wantTypes: []uint16{dns.TypeCNAME, dns.TypeA}},
		"only the alias across zones":      {name: "gossip.aws.example.test.", qtype: dns.TypeA, wantTypes: []uint16{dns.TypeCNAME}},
		"an alias that was asked for":      {name: "near.aws.example.test.", qtype: dns.TypeCNAME, wantTypes: []uint16{dns.TypeCNAME}},
		"an alias of nothing":              {name: "dangling.aws.example.test.", qtype: dns.TypeA, wantRcode: dns.RcodeNameError, wantTypes: []uint16{dns.TypeCNAME}, wantSOA: true},
		"aliases in a circle":              {name: "loop.aws.example.test.", qtype: dns.TypeA, wantTypes: []uint16{dns.TypeCNAME, dns.TypeCNAME}, wantSOA: true},
		"a missing type":                   {name: "lb.elb.amazonaws.com.", qtype: dns.TypeTXT, wantSOA: true},
		"a name with only names below":     {name: "elb.amazonaws.com.", qtype: dns.TypeA, wantSOA: true},
		"a missing name":                   {name: "other.amazonaws.com.", qtype: dns.TypeA, wantRcode: dns.RcodeNameError, wantSOA: true},
		"the name servers of the zone":     {name: "amazonaws.com.", qtype: dns.TypeNS, wantTypes: []uint16{dns.TypeNS}},
		"the start of authority":           {name: "amazonaws.com.", qtype: dns.TypeSOA, wantTypes: []uint16{dns.TypeSOA}},
		"an address for the name server":   {name: "ns-1.amazonaws.com.", qtype: dns.TypeA, wantTypes: []uint16{dns.TypeA}},
		"from the most specific zone":      {name: "host.nested.aws.example.test.", qtype: dns.TypeA, wantTypes: []uint16{dns.TypeA}},
		"refuses a name outside its zones": {name: "example.com.", qtype: dns.TypeA, wantRcode: dns.RcodeRefused, wantNotOur: true},
	}
	s := start(t)
	for name, tc := range cases {
		for _, protocol := range []string{"udp", "tcp"} {
			t.Run(name+" over "+protocol, func(t *testing.T) {
				g := NewWithT(t)
				response := ask(g, s, protocol, tc.name, tc.qtype)
				g.Expect(dns.RcodeToString[response.Rcode]).To(Equal(dns.RcodeToString[tc.wantRcode]))
				g.Expect(response.Authoritative).To(Equal(!tc.wantNotOur))
				g.Expect(typesOf(response.Answer)).To(Equal(tc.wantTypes))
				g.Expect(response.Ns).To(HaveLen(map[bool]int{true: 1}[tc.wantSOA]))
			})
		}
	}
}

func TestNegativeAnswersHaveALifetime(t *testing.T) {
	g := NewWithT(t)
	response := ask(g, start(t), "udp", "other.amazonaws.com.", dns.TypeA)
	soa := response.Ns[0].(*dns.SOA)
	g.Expect(soa.Hdr.Name).To(Equal("amazonaws.com."))
	g.Expect(min(soa.Hdr.Ttl, soa.Minttl)).To(BeEquivalentTo(900))
}

func TestSerialRisesWithEachChange(t *testing.T) {
	g := NewWithT(t)
	s := start(t)
	serial := func() uint32 {
		return ask(g, s, "udp", "amazonaws.com.", dns.TypeSOA).Answer[0].(*dns.SOA).Serial
	}
	before := serial()
	s.SetA("new.amazonaws.com", first)
	g.Expect(serial()).To(Equal(before + 1))
}

func TestTruncation(t *testing.T) {
	g := NewWithT(t)
	s := start(t)
	ips := make([]netip.Addr, 100)
	for i := range ips {
		ips[i] = netip.AddrFrom4([4]byte{52, 0, 0, byte(i)})
	}
	s.SetA("many.amazonaws.com", ips...)

	g.Expect(ask(g, s, "udp", "many.amazonaws.com.", dns.TypeA).Truncated).To(BeTrue())
	g.Expect(ask(g, s, "tcp", "many.amazonaws.com.", dns.TypeA).Answer).To(HaveLen(100))
	g.Expect(s.LookupHost(t.Context(), "many.amazonaws.com")).To(Equal(ips))
}

func TestLookupHost(t *testing.T) {
	cases := map[string]struct {
		name         string
		want         []netip.Addr
		wantNotFound bool
		wantError    string
	}{
		"an address":             {name: "lb.elb.amazonaws.com", want: []netip.Addr{first, second}},
		"an alias across zones":  {name: "gossip.aws.example.test", want: []netip.Addr{first, second}},
		"an alias in the zone":   {name: "near.aws.example.test", want: []netip.Addr{first}},
		"a missing name":         {name: "other.amazonaws.com", wantNotFound: true, wantError: "no such host"},
		"a name without address": {name: "elb.amazonaws.com", wantNotFound: true, wantError: "no such host"},
		"an alias of nothing":    {name: "dangling.aws.example.test", wantNotFound: true, wantError: "no such host"},
		"aliases in a circle":    {name: "loop.aws.example.test", wantNotFound: true, wantError: "no such host"},
		"a foreign name":         {name: "example.com", wantError: "refused"},
	}
	s := start(t)
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			got, err := s.LookupHost(t.Context(), tc.name)
			g.Expect(got).To(Equal(tc.want))
			if tc.wantError == "" {
				g.Expect(err).NotTo(HaveOccurred())
				return
			}
			failure, ok := errors.AsType[*net.DNSError](err)
			g.Expect(ok).To(BeTrue())
			g.Expect(failure.IsNotFound).To(Equal(tc.wantNotFound))
			g.Expect(failure.Err).To(Equal(tc.wantError))
		})
	}
}

func TestChangesShowAtOnce(t *testing.T) {
	g := NewWithT(t)
	s := start(t)
	before := s.Queries()
	s.SetA("lb.elb.amazonaws.com", second)
	g.Expect(s.LookupHost(t.Context(), "lb.elb.amazonaws.com")).To(Equal([]netip.Addr{second}))
	s.Remove("lb.elb.amazonaws.com")
	_, err := s.LookupHost(t.Context(), "lb.elb.amazonaws.com")
	g.Expect(err).To(MatchError(ContainSubstring("no such host")))
	g.Expect(s.Queries()).To(Equal(before + 2))
}

func TestStop(t *testing.T) {
	g := NewWithT(t)
	s := start(t)
	s.Stop()
	s.Stop()
	l, err := net.Listen("tcp", s.Addr())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(l.Close()).To(Succeed())
	packets, err := net.ListenPacket("udp", s.Addr())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(packets.Close()).To(Succeed())
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = s.LookupHost(ctx, "lb.elb.amazonaws.com")
	g.Expect(err).To(HaveOccurred())
}

func ask(g *WithT, s *simulated.Server, protocol, name string, qtype uint16) *dns.Msg {
	client := &dns.Client{Net: protocol, Timeout: time.Minute}
	response, _, err := client.Exchange(new(dns.Msg).SetQuestion(name, qtype), s.Addr())
	g.Expect(err).NotTo(HaveOccurred(), fmt.Sprintf("asking for %s over %s", name, protocol))
	return response
}

func typesOf(rrs []dns.RR) []uint16 {
	var types []uint16
	for _, rr := range rrs {
		types = append(types, rr.Header().Rrtype)
	}
	return types
}
