package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/miekg/dns"
)

// serversOf returns the zone's servers as "host:port". Without given ones it looks
// for the closest name that has NS records: what is called a zone may be a part of one.
func (r *Resolver) serversOf(ctx context.Context, zone Zone) ([]string, error) {
	if len(zone.NameServers) > 0 {
		servers := make([]string, 0, len(zone.NameServers))
		for _, server := range zone.NameServers {
			servers = append(servers, r.withPort(server))
		}
		return servers, nil
	}
	apex := zone.Name
	for {
		records, err := r.system.LookupNS(ctx, apex)
		if err == nil {
			return r.serversNamed(records), nil
		}
		parent, ok := parentOf(apex)
		if failure, is := errors.AsType[*net.DNSError](err); !is || !failure.IsNotFound || !ok {
			return nil, fmt.Errorf("finding the name servers of %s: %w", display(zone.Name), reason(err))
		}
		apex = parent
	}
}

// parentOf returns the name one label up, if that is not a top-level domain.
func parentOf(name string) (string, bool) {
	if dns.CountLabel(name) <= 2 {
		return "", false
	}
	next, _ := dns.NextLabel(name, 0)
	return name[next:], true
}

// serversNamed sorts: resolvers rotate the records, and messages quote the servers in order.
func (r *Resolver) serversNamed(records []*net.NS) []string {
	servers := make([]string, 0, len(records))
	for _, record := range records {
		servers = append(servers, r.withPort(display(record.Host)))
	}
	slices.Sort(servers)
	return servers
}

func (r *Resolver) withPort(server string) string {
	if _, _, err := net.SplitHostPort(server); err == nil {
		return server
	}
	return net.JoinHostPort(strings.Trim(server, "[]"), r.port)
}

// ask returns an authoritative reply, following delegations below the zone.
func (r *Resolver) ask(ctx context.Context, zone string, servers []string, q *dns.Msg) (*dns.Msg, error) {
	for range maxDelegations {
		reply, err := r.askInOrder(ctx, zone, servers, q)
		if err != nil || reply.Authoritative {
			return reply, err
		}
		zone, servers = r.delegation(reply)
	}
	return nil, fmt.Errorf("delegated more than %d times, last to %s", maxDelegations, display(zone))
}

func (r *Resolver) askInOrder(ctx context.Context, zone string, servers []string, q *dns.Msg) (*dns.Msg, error) {
	var failures []string
	for _, server := range servers {
		reply, err := r.exchange(ctx, server, q)
		if err == nil {
			err = check(reply, zone, q)
		}
		if err == nil {
			return reply, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		failures = append(failures, fmt.Sprintf("%s: %s", server, err))
	}
	return nil, fmt.Errorf("no server of %s answers: %s", display(zone), strings.Join(failures, "; "))
}

// check accepts what the zone's servers are entitled to say: an authoritative yes
// or no, or a delegation of a part of the zone.
func check(reply *dns.Msg, zone string, q *dns.Msg) error {
	if len(reply.Question) != 1 || !sameQuestion(reply.Question[0], q.Question[0]) {
		return errors.New("reply to another question")
	}
	if reply.Rcode != dns.RcodeSuccess && reply.Rcode != dns.RcodeNameError {
		return errors.New(dns.RcodeToString[reply.Rcode])
	}
	if reply.Authoritative {
		return nil
	}
	owner, ok := delegatedName(reply)
	if !ok || len(reply.Answer) > 0 || !dns.IsSubDomain(owner, q.Question[0].Name) ||
		!dns.IsSubDomain(zone, owner) || dns.CountLabel(owner) <= dns.CountLabel(zone) {
		return errors.New("not authoritative")
	}
	return nil
}

func sameQuestion(a, b dns.Question) bool {
	return a.Qtype == b.Qtype && a.Qclass == b.Qclass && dns.CanonicalName(a.Name) == dns.CanonicalName(b.Name)
}

func delegatedName(reply *dns.Msg) (string, bool) {
	for _, record := range reply.Ns {
		if _, ok := record.(*dns.NS); ok {
			return dns.CanonicalName(record.Header().Name), true
		}
	}
	return "", false
}

func (r *Resolver) delegation(reply *dns.Msg) (zone string, servers []string) {
	zone, _ = delegatedName(reply)
	for _, record := range reply.Ns {
		ns, ok := record.(*dns.NS)
		if !ok || dns.CanonicalName(ns.Hdr.Name) != zone {
			continue
		}
		host := dns.CanonicalName(ns.Ns)
		glue := addressesOf(reply.Extra, host)
		for _, address := range glue {
			servers = append(servers, r.withPort(address.String()))
		}
		if len(glue) == 0 {
			servers = append(servers, r.withPort(display(host)))
		}
	}
	slices.Sort(servers)
	return zone, servers
}

// exchange repeats a truncated answer over TCP.
func (r *Resolver) exchange(ctx context.Context, server string, q *dns.Msg) (*dns.Msg, error) {
	for _, transport := range []string{"udp", "tcp"} {
		reply, err := r.exchangeOver(ctx, transport, server, q)
		if err != nil || !reply.Truncated {
			return reply, err
		}
	}
	return nil, errors.New("truncated even over TCP")
}

func (r *Resolver) exchangeOver(ctx context.Context, transport, server string, q *dns.Msg) (*dns.Msg, error) {
	ctx, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	client := &dns.Client{Net: transport, Dialer: &net.Dialer{Resolver: r.system}}
	conn, err := client.DialContext(ctx, server)
	if err != nil {
		return nil, reason(err)
	}
	// The library heeds the context's deadline only, not its cancellation.
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer func() {
		if stop() {
			_ = conn.Close()
		}
	}()
	reply, _, err := client.ExchangeWithConnContext(ctx, q, conn)
	if err != nil && ctx.Err() != nil {
		return nil, errNoAnswer
	}
	return reply, reason(err)
}

var errNoAnswer = errors.New("no answer in time")

// reason leaves out our own address, whose port differs on every attempt.
func reason(err error) error {
	if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		return errNoAnswer
	}
	if lookup, ok := errors.AsType[*net.DNSError](err); ok {
		return fmt.Errorf("cannot resolve %s", lookup.Name)
	}
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Err
	}
	return err
}
