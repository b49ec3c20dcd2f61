package gossip

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

const seedLookupTimeout = 2 * time.Second

// SeedFormat is the form of a list of seeds.
type SeedFormat string

// The formats.
const (
	SeedsComma SeedFormat = "comma"
	SeedsJSON  SeedFormat = "json"
	SeedsSpace SeedFormat = "space"
)

// splitSeeds reads a list as the workload does, which takes what is in no form that it
// knows for the name of a host.
func splitSeeds(text string, format SeedFormat) ([]string, error) {
	switch format {
	case SeedsComma, "":
		return trimmed(strings.Split(text, ",")), nil
	case SeedsSpace:
		return strings.Fields(text), nil
	case SeedsJSON:
		var seeds []string
		if json.Unmarshal([]byte(text), &seeds) != nil {
			seeds = []string{text}
		}
		return trimmed(seeds), nil
	default:
		return nil, fmt.Errorf("%q is no format", format)
	}
}

func trimmed(seeds []string) []string {
	var kept []string
	for _, seed := range seeds {
		if seed = strings.TrimSpace(seed); seed != "" {
			kept = append(kept, seed)
		}
	}
	return kept
}

// resolveSeeds returns the addresses behind the seeds. A name that does not
// resolve is left out for good: the workload never looks it up again.
func resolveSeeds(ctx context.Context, resolver Resolver, seeds []string) []string {
	var addresses []string
	for _, seed := range seeds {
		host, port := splitSeed(seed)
		for _, ip := range lookup(ctx, resolver, host) {
			addresses = append(addresses, net.JoinHostPort(ip.String(), port))
		}
	}
	return addresses
}

func splitSeed(seed string) (host, port string) {
	if host, port, err := net.SplitHostPort(seed); err == nil {
		return host, port
	}
	return seed, strconv.Itoa(WANPort)
}

func lookup(ctx context.Context, resolver Resolver, host string) []netip.Addr {
	if ip, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{ip}
	}
	ctx, cancel := context.WithTimeout(ctx, seedLookupTimeout)
	defer cancel()
	ips, err := resolver.LookupHost(ctx, host)
	if err != nil {
		return nil
	}
	return ips
}
