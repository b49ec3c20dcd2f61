package aws

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/controllers/plan"
)

func hostedZone(id, name string, private bool) string {
	return fmt.Sprintf(`<HostedZone><Id>/hostedzone/%s</Id><Name>%s</Name><CallerReference>c</CallerReference><Config><PrivateZone>%t</PrivateZone></Config></HostedZone>`,
		id, name, private)
}

func hostedZones(next string, zones ...string) http.HandlerFunc {
	return reply(200, `<ListHostedZonesByNameResponse xmlns="https://route53.amazonaws.com/doc/2013-04-01/"><HostedZones>`+strings.Join(zones, "")+
		fmt.Sprintf(`</HostedZones><IsTruncated>%t</IsTruncated>%s<MaxItems>100</MaxItems></ListHostedZonesByNameResponse>`, next != "", next))
}

func TestHostedZonesArePublicAndOfTheName(t *testing.T) {
	cases := map[string]struct {
		answer http.HandlerFunc
		want   map[string]plan.HostedZone
	}{
		"public": {
			answer: hostedZones("", hostedZone("Z1", "example.com.", false)),
			want:   map[string]plan.HostedZone{"example.com": {ID: "Z1", Name: "example.com"}},
		},
		"private first": {
			answer: hostedZones("", hostedZone("Z1", "example.com.", true), hostedZone("Z2", "example.com.", false)),
			want:   map[string]plan.HostedZone{"example.com": {ID: "Z2", Name: "example.com"}},
		},
		"the first of two": {
			answer: hostedZones("", hostedZone("Z1", "example.com.", false), hostedZone("Z2", "example.com.", false)),
			want:   map[string]plan.HostedZone{"example.com": {ID: "Z1", Name: "example.com"}},
		},
		"private only":   {answer: hostedZones("", hostedZone("Z1", "example.com.", true)), want: map[string]plan.HostedZone{}},
		"the next name":  {answer: hostedZones("", hostedZone("Z1", "a.example.com.", false)), want: map[string]plan.HostedZone{}},
		"none":           {answer: hostedZones(""), want: map[string]plan.HostedZone{}},
		"written LARGER": {answer: hostedZones("", hostedZone("Z1", "EXAMPLE.com.", false)), want: map[string]plan.HostedZone{"example.com": {ID: "Z1", Name: "example.com"}}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			w := newWire(t)
			s, _ := newSessions(t, w.url)
			w.on(listZones, tc.answer)
			g.Expect(s.HostedZones(t.Context(), "", "example.com")).To(Equal(tc.want))
			g.Expect(w.requests(listZones)).To(HaveLen(1))
			g.Expect(w.requests(listZones)[0].form.Get("dnsname")).To(Equal("example.com"))
		})
	}
}

func TestHostedZonesReadsOnWhilePrivateOnesFillThePage(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(listZones, inTurn(
		hostedZones("<NextDNSName>example.com.</NextDNSName><NextHostedZoneId>Z2</NextHostedZoneId>", hostedZone("Z1", "example.com.", true)),
		hostedZones("", hostedZone("Z2", "example.com.", false))))
	g.Expect(s.HostedZones(t.Context(), "", "example.com.")).To(Equal(map[string]plan.HostedZone{
		"example.com.": {ID: "Z2", Name: "example.com"}}))
	asked := w.requests(listZones)
	g.Expect(asked).To(HaveLen(2))
	g.Expect(asked[1].form.Get("dnsname")).To(Equal("example.com."))
	g.Expect(asked[1].form.Get("hostedzoneid")).To(Equal("Z2"))
}

func TestHostedZonesAreRememberedEachForItself(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, clk := newSessions(t, w.url)
	created := false
	w.on(listZones, func(rw http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Query().Get("dnsname") == "example.com":
			hostedZones("", hostedZone("Z1", "example.com.", false))(rw, r)
		case created:
			hostedZones("", hostedZone("Z2", "example.org.", false))(rw, r)
		default:
			hostedZones("")(rw, r)
		}
	})
	ask := func() map[string]plan.HostedZone {
		zones, err := s.HostedZones(t.Context(), "", "example.com", "example.org")
		g.Expect(err).NotTo(HaveOccurred())
		return zones
	}
	g.Expect(ask()).To(HaveLen(1))
	g.Expect(ask()).To(HaveLen(1))
	g.Expect(w.requests(listZones)).To(HaveLen(2))

	created = true
	clk.Step(absentTTL)
	g.Expect(ask()).To(HaveLen(2), "a zone that was missing is looked for again soon")
	g.Expect(w.requests(listZones)).To(HaveLen(3))
	clk.Step(factsTTL - absentTTL - time.Second)
	ask()
	g.Expect(w.requests(listZones)).To(HaveLen(3))
	clk.Step(time.Second)
	ask()
	g.Expect(w.requests(listZones)).To(HaveLen(4))
}

func TestHostedZonesFailTogether(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.on(listZones, inTurn(hostedZones("", hostedZone("Z1", "example.com.", false)), refuse(listZones, 403, "AccessDenied", "No.")))
	zones, err := s.HostedZones(t.Context(), "", "example.com", "example.org")
	g.Expect(zones).To(BeNil())
	g.Expect(ClassOf(err)).To(Equal(AccessDenied))
}
