package dns

import (
	"net"

	"github.com/miekg/dns"
)

// The lifetimes of Route 53: a negative answer lives as long as the shorter of
// the SOA's own TTL and its minimum.
const (
	soaTTL      = 900
	negativeTTL = 86400
	nsTTL       = 172800
)

// zone holds the records of one zone; the Server's lock guards it.
type zone struct {
	origin   string
	records  map[string][]dns.RR
	withheld map[string]bool // names that are answered for as if they had no records
	soa      *dns.SOA
	ns       []dns.RR
}

func newZone(name string) *zone {
	origin := dns.CanonicalName(name)
	nameServer := "ns-1." + origin
	z := &zone{
		origin:   origin,
		records:  map[string][]dns.RR{},
		withheld: map[string]bool{},
		soa: &dns.SOA{
			Hdr: header(dns.TypeSOA, soaTTL), Ns: nameServer, Mbox: "hostmaster." + origin,
			Serial: 1, Refresh: 7200, Retry: 900, Expire: 1209600, Minttl: negativeTTL,
		},
		ns: []dns.RR{&dns.NS{Hdr: header(dns.TypeNS, nsTTL), Ns: nameServer}},
	}
	z.soa.Hdr.Name, z.ns[0].Header().Name = origin, origin
	z.records[nameServer] = []dns.RR{&dns.A{Hdr: header(dns.TypeA, nsTTL), A: net.IPv4(127, 0, 0, 1)}}
	z.records[nameServer][0].Header().Name = nameServer
	return z
}

// set replaces the SOA instead of changing it: answers under way still hold it.
func (z *zone) set(name string, rrs []dns.RR) {
	if len(rrs) == 0 {
		delete(z.records, name)
	} else {
		z.records[name] = rrs
	}
	soa := *z.soa
	soa.Serial++
	z.soa = &soa
}

func (z *zone) answer(request *dns.Msg) *dns.Msg {
	question := request.Question[0]
	response := new(dns.Msg).SetReply(request)
	response.Authoritative = true

	answer, last := z.resolve(dns.CanonicalName(question.Name), question.Qtype)
	response.Answer = answer
	switch {
	case !dns.IsSubDomain(z.origin, last): // the alias of a name in another zone
	case !z.exists(last):
		response.Rcode = dns.RcodeNameError
		response.Ns = []dns.RR{z.soa}
	case len(answer) == 0 || !matches(answer[len(answer)-1], question.Qtype):
		response.Ns = []dns.RR{z.soa}
	}
	return response
}

// resolve collects what the zone knows about a name, following its aliases, and
// returns the last name it arrived at.
func (z *zone) resolve(name string, qtype uint16) (answer []dns.RR, last string) {
	seen := map[string]bool{}
	for !seen[name] {
		seen[name] = true
		records := z.at(name)
		found := selectType(records, qtype)
		if len(found) > 0 {
			return append(answer, found...), name
		}
		alias, ok := aliasAmong(records)
		if !ok {
			return answer, name
		}
		answer = append(answer, alias)
		name = dns.CanonicalName(alias.Target)
	}
	return answer, name
}

func (z *zone) at(name string) []dns.RR {
	records := z.records[name]
	if z.withheld[name] {
		return nil
	}
	if name != z.origin {
		return records
	}
	apex := append([]dns.RR{z.soa}, z.ns...)
	return append(apex, records...)
}

// exists is also true for a name that only has names below it: it has no
// records, but denying it would deny those.
func (z *zone) exists(name string) bool {
	if name == z.origin {
		return true
	}
	for owner := range z.records {
		if dns.IsSubDomain(name, owner) && !z.withheld[owner] {
			return true
		}
	}
	return false
}

func selectType(records []dns.RR, qtype uint16) []dns.RR {
	var found []dns.RR
	for _, rr := range records {
		if matches(rr, qtype) {
			found = append(found, rr)
		}
	}
	return found
}

func matches(rr dns.RR, qtype uint16) bool {
	return qtype == dns.TypeANY || rr.Header().Rrtype == qtype
}

func aliasAmong(records []dns.RR) (*dns.CNAME, bool) {
	for _, rr := range records {
		if alias, ok := rr.(*dns.CNAME); ok {
			return alias, true
		}
	}
	return nil, false
}
