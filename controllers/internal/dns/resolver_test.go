package dns

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"
)

const (
	gossipName   = "unkey-api-gossip.eu-west-1.aws.unkey.test"
	loadBalancer = "k8s-api-gossip-0a1b.elb.eu-west-1.amazonaws.test"
)

func addresses(list ...string) []netip.Addr {
	var parsed []netip.Addr
	for _, address := range list {
		parsed = append(parsed, netip.MustParseAddr(address))
	}
	return parsed
}

func unkeyZone(servers ...string) []Zone {
	return []Zone{{Name: "aws.unkey.test", NameServers: servers}}
}

const toLoadBalancer = gossipName + ". 60 CNAME " + loadBalancer + "."

var resolutions = map[string]struct {
	records map[string]func(*dns.Msg)
	zones   []string
	name    string
	want    Answer
	wantErr string
}{
	"addresses are sorted and unique": {
		records: map[string]func(*dns.Msg){
			"A a.unkey.test.": answers("a.unkey.test. 60 A 10.0.0.2", "a.unkey.test. 60 A 10.0.0.1", "a.unkey.test. 60 A 10.0.0.2"),
		},
		name: "a.unkey.test", want: Answer{Addresses: addresses("10.0.0.1", "10.0.0.2")},
	},
	"case and final dot do not matter": {
		records: map[string]func(*dns.Msg){"A a.unkey.test.": answers("a.unkey.test. 60 A 10.0.0.1")},
		zones:   []string{"Unkey.Test."}, name: "A.unkey.TEST.", want: Answer{Addresses: addresses("10.0.0.1")},
	},
	"IPv6 where there is no IPv4": {
		records: map[string]func(*dns.Msg){
			"A a.unkey.test.":    answers(),
			"AAAA a.unkey.test.": answers("a.unkey.test. 60 AAAA 2001:db8::1"),
		},
		name: "a.unkey.test", want: Answer{Addresses: addresses("2001:db8::1")},
	},
	"chain inside the zone in one reply": {
		records: map[string]func(*dns.Msg){
			"A a.unkey.test.": answers("a.unkey.test. 60 CNAME b.unkey.test.", "b.unkey.test. 60 CNAME c.unkey.test.", "c.unkey.test. 60 A 10.0.0.3"),
		},
		name: "a.unkey.test", want: Answer{Addresses: addresses("10.0.0.3"), CNAMEs: []string{"b.unkey.test", "c.unkey.test"}},
	},
	"chain inside the zone in several replies": {
		records: map[string]func(*dns.Msg){
			"A a.unkey.test.": answers("a.unkey.test. 60 CNAME b.unkey.test."),
			"A b.unkey.test.": answers("b.unkey.test. 60 A 10.0.0.3"),
		},
		name: "a.unkey.test", want: Answer{Addresses: addresses("10.0.0.3"), CNAMEs: []string{"b.unkey.test"}},
	},
	"chain through two zones": {
		records: map[string]func(*dns.Msg){
			"A " + gossipName + ".":   answers(toLoadBalancer),
			"A " + loadBalancer + ".": answers(loadBalancer + ". 60 A 52.0.0.1"),
		},
		zones: []string{"unkey.test", "amazonaws.test"}, name: gossipName,
		want: Answer{Addresses: addresses("52.0.0.1"), CNAMEs: []string{loadBalancer}},
	},
	"chain that leaves the zones": {
		records: map[string]func(*dns.Msg){
			"A " + gossipName + ".": answers(toLoadBalancer, loadBalancer+". 60 A 52.0.0.1"),
		},
		name: gossipName, want: Answer{CNAMEs: []string{loadBalancer}},
	},
	"unknown name": {name: gossipName, wantErr: "resolving " + gossipName + ": name is not registered"},
	"name without addresses": {
		records: map[string]func(*dns.Msg){"A a.unkey.test.": answers(), "AAAA a.unkey.test.": answers()},
		name:    "a.unkey.test", wantErr: "resolving a.unkey.test: name is not registered",
	},
	"chain to an unknown name": {
		records: map[string]func(*dns.Msg){"A a.unkey.test.": answers("a.unkey.test. 60 CNAME b.unkey.test.")},
		name:    "a.unkey.test", want: Answer{CNAMEs: []string{"b.unkey.test"}},
		wantErr: "resolving a.unkey.test -> b.unkey.test: name is not registered",
	},
	"circle": {
		records: map[string]func(*dns.Msg){
			"A a.unkey.test.": answers("a.unkey.test. 60 CNAME b.unkey.test."),
			"A b.unkey.test.": answers("b.unkey.test. 60 CNAME a.unkey.test."),
		},
		name: "a.unkey.test", wantErr: "resolving a.unkey.test: chain of more than 8 CNAMEs",
	},
	"circle in one reply": {
		records: map[string]func(*dns.Msg){
			"A a.unkey.test.": answers("a.unkey.test. 60 CNAME b.unkey.test.", "b.unkey.test. 60 CNAME a.unkey.test."),
		},
		name: "a.unkey.test", wantErr: "resolving a.unkey.test: chain of more than 8 CNAMEs",
	},
	"name outside the zones": {name: "example.test", wantErr: "example.test is in none of the zones"},
	"neighbour of a zone":    {name: "notunkey.test", wantErr: "notunkey.test is in none of the zones"},
}

func TestResolve(t *testing.T) {
	for name, tc := range resolutions {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			server := newAuthority(t)
			for question, change := range tc.records {
				server.on(question, change)
			}
			zones := []Zone{{Name: "unkey.test", NameServers: []string{server.address}}}
			if tc.zones != nil {
				zones = nil
			}
			for _, zone := range tc.zones {
				zones = append(zones, Zone{Name: zone, NameServers: []string{server.address}})
			}

			got, err := New().Resolve(t.Context(), zones, tc.name)
			g.Expect(got).To(Equal(tc.want))
			if tc.wantErr == "" {
				g.Expect(err).NotTo(HaveOccurred())
			} else {
				g.Expect(err).To(MatchError(tc.wantErr))
			}
		})
	}
}

func TestNotRegisteredIsToldApartFromNoAnswer(t *testing.T) {
	g := NewWithT(t)
	server := newAuthority(t)
	_, err := New().Resolve(t.Context(), unkeyZone(server.address), gossipName)
	g.Expect(err).To(MatchError(ErrNotRegistered))

	server.on("A "+gossipName+".", fails(dns.RcodeServerFailure))
	_, err = New().Resolve(t.Context(), unkeyZone(server.address), gossipName)
	g.Expect(err).NotTo(MatchError(ErrNotRegistered))
	g.Expect(err).To(MatchError(fmt.Sprintf("resolving %s: no server of aws.unkey.test answers: %s: SERVFAIL", gossipName, server.address)))
}
