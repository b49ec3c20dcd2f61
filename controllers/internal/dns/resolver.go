package dns

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/miekg/dns"
)

const (
	maxChain       = 8
	maxDelegations = 4
	dnsPort        = "53"
	serverTimeout  = 2 * time.Second
)

// ErrNotRegistered means that the responsible servers know no address for the
// name, as opposed to not having answered.
var ErrNotRegistered = errors.New("name is not registered")

// Zone is a part of the DNS tree and the servers responsible for it.
type Zone struct {
	// Name is the zone's apex, for example aws.unkey.cloud.
	Name string
	// NameServers are "host" or "host:port" and are tried in order. When there
	// are none, the zone's NS records are looked up by the system resolver.
	NameServers []string
}

// Answer is where a name leads.
type Answer struct {
	// Addresses are sorted. They are empty when the chain leaves the zones.
	Addresses []netip.Addr
	// CNAMEs are the names that the asked one leads to, in order and without
	// their final dot; the last may lie outside the zones.
	CNAMEs []string
}

// Resolver resolves names authoritatively. It keeps no state between calls.
type Resolver struct {
	system  *net.Resolver
	port    string
	timeout time.Duration
}

// New returns a Resolver that finds name servers through the system's resolver.
func New() *Resolver {
	return &Resolver{system: net.DefaultResolver, port: dnsPort, timeout: serverTimeout}
}

// Resolve follows the name through the zones. The error is ErrNotRegistered when
// the name, or the name that it leads to within the zones, does not exist; the
// Answer then still has the chain up to there.
func (r *Resolver) Resolve(ctx context.Context, zones []Zone, name string) (Answer, error) {
	zones, current := canonical(zones), dns.CanonicalName(name)
	zone, ok := zoneOf(zones, current)
	if !ok {
		return Answer{}, fmt.Errorf("%s is in none of the zones", display(current))
	}
	var answer Answer
	for ok && len(answer.CNAMEs) <= maxChain {
		found, err := r.lookup(ctx, zone, zones, current)
		if err != nil {
			return answer, fmt.Errorf("resolving %s: %w", strings.Join(append([]string{display(name)}, answer.CNAMEs...), " -> "), err)
		}
		answer.CNAMEs = append(answer.CNAMEs, found.CNAMEs...)
		if len(found.Addresses) > 0 {
			answer.Addresses = found.Addresses
			return answer, nil
		}
		current = dns.CanonicalName(found.CNAMEs[len(found.CNAMEs)-1])
		zone, ok = zoneOf(zones, current)
	}
	if ok {
		return Answer{}, fmt.Errorf("resolving %s: chain of more than %d CNAMEs", display(name), maxChain)
	}
	return answer, nil
}

// lookup asks one zone and returns at least an address, a CNAME or an error. IPv6
// addresses count only where there is no IPv4 one.
func (r *Resolver) lookup(ctx context.Context, zone Zone, zones []Zone, name string) (Answer, error) {
	servers, err := r.serversOf(ctx, zone)
	if err != nil {
		return Answer{}, err
	}
	for _, kind := range []uint16{dns.TypeA, dns.TypeAAAA} {
		reply, err := r.ask(ctx, zone.Name, servers, question(name, kind))
		if err != nil {
			return Answer{}, err
		}
		found := follow(reply.Answer, name, zones)
		if len(found.Addresses) > 0 || len(found.CNAMEs) > 0 {
			return found, nil
		}
		if reply.Rcode == dns.RcodeNameError {
			break
		}
	}
	return Answer{}, ErrNotRegistered
}

// follow walks the CNAMEs of one reply from the name to its addresses, or until
// they leave the zones: what a server adds about foreign names is not its to tell.
func follow(records []dns.RR, name string, zones []Zone) Answer {
	targets := map[string]string{}
	for _, record := range records {
		if cname, ok := record.(*dns.CNAME); ok {
			targets[dns.CanonicalName(cname.Hdr.Name)] = dns.CanonicalName(cname.Target)
		}
	}
	var found Answer
	for _, inside := zoneOf(zones, name); inside && len(found.CNAMEs) <= maxChain; _, inside = zoneOf(zones, name) {
		target, ok := targets[name]
		if !ok {
			found.Addresses = addressesOf(records, name)
			break
		}
		found.CNAMEs = append(found.CNAMEs, display(target))
		name = target
	}
	return found
}

func addressesOf(records []dns.RR, name string) []netip.Addr {
	var addresses []netip.Addr
	for _, record := range records {
		if dns.CanonicalName(record.Header().Name) != name {
			continue
		}
		var raw net.IP
		switch typed := record.(type) {
		case *dns.A:
			raw = typed.A
		case *dns.AAAA:
			raw = typed.AAAA
		}
		if address, ok := netip.AddrFromSlice(raw); ok {
			addresses = append(addresses, address.Unmap())
		}
	}
	slices.SortFunc(addresses, netip.Addr.Compare)
	return slices.Compact(addresses)
}

func canonical(zones []Zone) []Zone {
	zones = slices.Clone(zones)
	for i := range zones {
		zones[i].Name = dns.CanonicalName(zones[i].Name)
	}
	return zones
}

// zoneOf returns the most specific of the zones that hold the name.
func zoneOf(zones []Zone, name string) (Zone, bool) {
	var best Zone
	found := false
	for _, zone := range zones {
		if dns.IsSubDomain(zone.Name, name) && (!found || dns.CountLabel(zone.Name) > dns.CountLabel(best.Name)) {
			best, found = zone, true
		}
	}
	return best, found
}

func question(name string, kind uint16) *dns.Msg {
	q := new(dns.Msg).SetQuestion(name, kind)
	q.RecursionDesired = false
	return q
}

func display(name string) string { return strings.TrimSuffix(name, ".") }
