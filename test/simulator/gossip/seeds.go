package gossip

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

const seedLookupTimeout = 2 * time.Second

// resolveSeeds returns the addresses behind the seeds. A name that does not
// resolve is left out for good: the workload never looks it up again.
func resolveSeeds(ctx context.Context, resolver Resolver, seeds string) []string {
	var addresses []string
	for seed := range strings.SplitSeq(seeds, ",") {
		if seed = strings.TrimSpace(seed); seed == "" {
			continue
		}
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
