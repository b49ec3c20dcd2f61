package dns

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/miekg/dns"
)

const (
	maxAliases    = 8
	answerTimeout = 10 * time.Second
)

// LookupHost resolves a name to its IPv4 addresses as a client in the simulated
// world would: over the wire, without a cache, following aliases from zone to
// zone. A name without addresses is a *net.DNSError with IsNotFound.
func (s *Server) LookupHost(ctx context.Context, name string) ([]netip.Addr, error) {
	next := dns.Fqdn(name)
	for range maxAliases {
		response, err := s.exchange(ctx, next)
		if err != nil {
			return nil, s.failure(name, err.Error())
		}
		addresses, alias := read(response)
		switch {
		case len(addresses) > 0:
			return addresses, nil
		case response.Rcode == dns.RcodeRefused:
			return nil, s.failure(name, "refused")
		case alias == "" || response.Rcode != dns.RcodeSuccess || len(response.Ns) > 0:
			notFound := s.failure(name, "no such host")
			notFound.IsNotFound = true
			return nil, notFound
		}
		next = alias
	}
	return nil, s.failure(name, "too many aliases")
}

func (s *Server) exchange(ctx context.Context, name string) (*dns.Msg, error) {
	question := new(dns.Msg).SetQuestion(name, dns.TypeA)
	response, _, err := (&dns.Client{Timeout: answerTimeout}).ExchangeContext(ctx, question, s.addr)
	if err == nil && response.Truncated {
		response, _, err = (&dns.Client{Net: "tcp", Timeout: answerTimeout}).ExchangeContext(ctx, question, s.addr)
	}
	return response, err
}

func (s *Server) failure(name, what string) *net.DNSError {
	return &net.DNSError{Err: what, Name: name, Server: s.addr}
}

// read returns the addresses in a response and the alias it ends with.
func read(response *dns.Msg) (addresses []netip.Addr, alias string) {
	for _, rr := range response.Answer {
		switch rr := rr.(type) {
		case *dns.A:
			ip, _ := netip.AddrFromSlice(rr.A.To4())
			addresses = append(addresses, ip)
		case *dns.CNAME:
			alias = rr.Target
		}
	}
	slices.SortFunc(addresses, netip.Addr.Compare)
	return addresses, alias
}
