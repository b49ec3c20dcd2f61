package dns

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	. "github.com/onsi/gomega"
)

func TestServersAreTriedInOrder(t *testing.T) {
	cases := map[string]func(*dns.Msg){
		"SERVFAIL":           fails(dns.RcodeServerFailure),
		"REFUSED":            fails(dns.RcodeRefused),
		"a cached answer":    func(m *dns.Msg) { m.Authoritative = false; m.Answer = parse([]string{gossipName + ". 60 A 10.9.9.9"}) },
		"a cached denial":    func(m *dns.Msg) { m.Authoritative = false; m.Rcode = dns.RcodeNameError },
		"another question":   func(m *dns.Msg) { m.Question[0].Name = "other.unkey.test." },
		"an upward referral": delegates([]string{"test. 60 NS ns.test."}),
		"silence":            func(m *dns.Msg) { m.Opcode = silence },
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			first, second, third := newAuthority(t), newAuthority(t), newAuthority(t)
			first.on("A "+gossipName+".", change)
			second.on("A "+gossipName+".", answers(gossipName+". 60 A 10.0.0.1"))
			resolver := New()
			resolver.timeout = 50 * time.Millisecond

			got, err := resolver.Resolve(t.Context(), unkeyZone(first.address, second.address, third.address), gossipName)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(got.Addresses).To(Equal(addresses("10.0.0.1")))
			g.Expect(first.questions()).To(HaveLen(1))
			g.Expect(third.questions()).To(BeEmpty())
		})
	}
}

func TestDenialOfTheFirstServerIsFinal(t *testing.T) {
	g := NewWithT(t)
	first, second := newAuthority(t), newAuthority(t)
	_, err := New().Resolve(t.Context(), unkeyZone(first.address, second.address), gossipName)
	g.Expect(err).To(MatchError(ErrNotRegistered))
	g.Expect(second.questions()).To(BeEmpty())
}

func TestTruncatedAnswersAreAskedForAgainOverTCP(t *testing.T) {
	g := NewWithT(t)
	server := newAuthority(t)
	server.on("udp A "+gossipName+".", func(m *dns.Msg) { m.Truncated = true })
	var records []string
	for i := range 100 {
		records = append(records, fmt.Sprintf("%s. 60 A 10.0.0.%d", gossipName, i))
	}
	server.on("tcp A "+gossipName+".", answers(records...))

	got, err := New().Resolve(t.Context(), unkeyZone(server.address), gossipName)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(got.Addresses).To(HaveLen(100))
	g.Expect(server.questions()).To(Equal([]string{"udp A " + gossipName + ".", "tcp A " + gossipName + "."}))
}

func TestDelegationsAreFollowed(t *testing.T) {
	g := NewWithT(t)
	parent, child := newAuthority(t), newAuthority(t)
	parent.on("A "+gossipName+".", delegates([]string{"eu-west-1.aws.unkey.test. 60 NS ns1.eu-west-1.aws.unkey.test."},
		"ns1.eu-west-1.aws.unkey.test. 60 A 127.0.0.1", "unrelated.unkey.test. 60 A 127.0.0.99"))
	child.on("A "+gossipName+".", answers(gossipName+". 60 A 10.0.0.1"))
	resolver := New()
	resolver.port = child.port()

	got, err := resolver.Resolve(t.Context(), unkeyZone(parent.address), gossipName)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(got.Addresses).To(Equal(addresses("10.0.0.1")))
}

func TestDelegationsEnd(t *testing.T) {
	g := NewWithT(t)
	server := newAuthority(t)
	const deep = "a.b.c.d.e.aws.unkey.test."
	var depth atomic.Int32
	server.on("A "+deep, func(m *dns.Msg) {
		owners := []string{"e", "d.e", "c.d.e", "b.c.d.e", "a.b.c.d.e"}
		delegates([]string{owners[depth.Add(1)-1] + ".aws.unkey.test. 60 NS ns.unkey.test."}, "ns.unkey.test. 60 A 127.0.0.1")(m)
	})
	resolver := New()
	resolver.port = server.port()

	_, err := resolver.Resolve(t.Context(), unkeyZone(server.address), deep)
	g.Expect(err).To(MatchError(HaveSuffix("delegated more than 4 times, last to b.c.d.e.aws.unkey.test")))
}

// systemThrough is a system resolver that asks the given server, as a recursive one.
func systemThrough(address string) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, address)
	}}
}

func TestNameServersAreFoundThroughTheSystem(t *testing.T) {
	cases := map[string]map[string]func(*dns.Msg){
		"of the zone": {
			"NS aws.unkey.test.": answers("aws.unkey.test. 60 NS ns1.unkey.test."),
		},
		"of the name above, when the zone is part of it": {
			"NS unkey.test.": answers("unkey.test. 60 NS ns1.unkey.test."),
		},
	}
	for name, records := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			recursive, authoritative := newAuthority(t), newAuthority(t)
			for question, change := range records {
				recursive.on(question, change)
			}
			recursive.on("A ns1.unkey.test.", answers("ns1.unkey.test. 60 A 127.0.0.1"))
			recursive.on("AAAA ns1.unkey.test.", answers())
			authoritative.on("A "+gossipName+".", answers(gossipName+". 60 A 10.0.0.1"))
			resolver := &Resolver{system: systemThrough(recursive.address), port: authoritative.port(), timeout: serverTimeout}

			got, err := resolver.Resolve(t.Context(), unkeyZone(), gossipName)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(got.Addresses).To(Equal(addresses("10.0.0.1")))
			g.Expect(recursive.questions()).NotTo(ContainElement(HaveSuffix(gossipName+".")), "never a cache")
		})
	}
}

func TestZoneWithoutNameServers(t *testing.T) {
	g := NewWithT(t)
	recursive := newAuthority(t)
	resolver := &Resolver{system: systemThrough(recursive.address), port: "1", timeout: serverTimeout}
	_, err := resolver.Resolve(t.Context(), unkeyZone(), gossipName)
	g.Expect(err).To(MatchError(HaveSuffix("finding the name servers of aws.unkey.test: cannot resolve unkey.test.")))
	g.Expect(err).NotTo(MatchError(ErrNotRegistered))
}

func TestFailureMessagesNameTheServersAndStayTheSame(t *testing.T) {
	g := NewWithT(t)
	silent := newAuthority(t)
	silent.on("A "+gossipName+".", func(m *dns.Msg) { m.Opcode = silence })
	resolver := &Resolver{system: systemThrough(newAuthority(t).address), port: "53", timeout: 50 * time.Millisecond}

	for range 2 {
		_, err := resolver.Resolve(t.Context(), unkeyZone(silent.address, "ns.absent.test"), gossipName)
		g.Expect(err).To(MatchError(fmt.Sprintf(
			"resolving %s: no server of aws.unkey.test answers: %s: no answer in time; ns.absent.test:53: cannot resolve ns.absent.test",
			gossipName, silent.address)))
	}
}

func TestCancellationEndsAWaitAtOnce(t *testing.T) {
	g := NewWithT(t)
	server := newAuthority(t)
	ctx, cancel := context.WithCancel(t.Context())
	server.on("A "+gossipName+".", func(m *dns.Msg) {
		m.Opcode = silence
		cancel()
	})
	resolver := New()
	resolver.timeout = time.Hour

	_, err := resolver.Resolve(ctx, unkeyZone(server.address), gossipName)
	g.Expect(err).To(MatchError(context.Canceled))
}

func TestServerAddresses(t *testing.T) {
	cases := map[string]string{
		"ns.unkey.test":      "ns.unkey.test:53",
		"ns.unkey.test:5353": "ns.unkey.test:5353",
		"192.0.2.1":          "192.0.2.1:53",
		"2001:db8::1":        "[2001:db8::1]:53",
		"[2001:db8::1]":      "[2001:db8::1]:53",
		"[2001:db8::1]:5353": "[2001:db8::1]:5353",
	}
	for server, want := range cases {
		t.Run(server, func(t *testing.T) {
			NewWithT(t).Expect(New().withPort(server)).To(Equal(want))
		})
	}
}
