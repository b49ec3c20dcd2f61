package dns

import (
	"net/netip"

	"github.com/miekg/dns"
)

// recordTTL is what AWS gives to load balancers and ExternalDNS to its records.
const recordTTL = 60

// Set makes rrs the only records of the name; each is filed under the name
// whatever its header says. Names outside the zones are never answered for.
func (s *Server) Set(name string, rrs ...dns.RR) {
	name = dns.CanonicalName(name)
	owned := make([]dns.RR, 0, len(rrs))
	for _, rr := range rrs {
		rr = dns.Copy(rr)
		rr.Header().Name = name
		owned = append(owned, rr)
	}
	s.change(name, func(z *zone) { z.set(name, owned) })
}

// SetA gives the name addresses, IPv4 or IPv6, as its only records.
func (s *Server) SetA(name string, ips ...netip.Addr) {
	rrs := make([]dns.RR, 0, len(ips))
	for _, ip := range ips {
		rrs = append(rrs, addressRecord(ip))
	}
	s.Set(name, rrs...)
}

// SetCNAME makes the name an alias of target.
func (s *Server) SetCNAME(name, target string) {
	s.Set(name, &dns.CNAME{
		Hdr:    header(dns.TypeCNAME, recordTTL),
		Target: dns.CanonicalName(target),
	})
}

// Remove deletes every record of the name.
func (s *Server) Remove(name string) {
	name = dns.CanonicalName(name)
	s.change(name, func(z *zone) { z.set(name, nil) })
}

func (s *Server) change(name string, edit func(*zone)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if z := s.zoneOf(name); z != nil {
		edit(z)
	}
}

func addressRecord(ip netip.Addr) dns.RR {
	if ip = ip.Unmap(); ip.Is4() {
		return &dns.A{Hdr: header(dns.TypeA, recordTTL), A: ip.AsSlice()}
	}
	return &dns.AAAA{Hdr: header(dns.TypeAAAA, recordTTL), AAAA: ip.AsSlice()}
}

func header(rrtype uint16, ttl uint32) dns.RR_Header {
	return dns.RR_Header{Rrtype: rrtype, Class: dns.ClassINET, Ttl: ttl}
}
