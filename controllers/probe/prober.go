package probe

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/utils/clock"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

const (
	// concurrency is how many targets are tried at the same time.
	concurrency = 16
	// maxAddresses of a name are tried.
	maxAddresses = 8
	// share is the time that each target gets, at least, of the time between two rounds. There is a
	// probe for each target, so it is also the time between two of them at one endpoint: each asks
	// for the endpoint's whole list of members, and takes a little of its gossip.
	share = 500 * time.Millisecond
	// defaultInterval is the time between two rounds, unless there are many targets.
	defaultInterval = 10 * time.Second
)

// resolver is what net.Resolver does for a probe.
type resolver interface {
	LookupNetIP(ctx context.Context, network, host string) ([]netip.Addr, error)
}

// prober tries all targets, round by round.
type prober struct {
	options

	clock    clock.Clock
	resolver resolver
	log      *slog.Logger
	record   record

	targets []Target          // as they were when they could be read last
	said    map[string]string // the last complaint about each file
}

// run goes on until ctx ends.
func (p *prober) run(ctx context.Context) {
	for {
		started := p.clock.Now()
		p.round(ctx)
		timer := p.clock.NewTimer(p.pause() - p.clock.Since(started))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C():
		}
	}
}

// Round is how old what an installed probe says of so many targets may be.
func Round(targets int) time.Duration { return max(defaultInterval, time.Duration(targets)*share) }

// pause is the time from the beginning of a round to that of the next.
func (p *prober) pause() time.Duration {
	return max(p.interval, time.Duration(len(p.targets))*share)
}

// round reads the files, which may change at any time, and tries everything once. One that is cut
// short has found out nothing.
func (p *prober) round(ctx context.Context) {
	targets, err := readTargets(p.targetsFile)
	p.complain(p.targetsFile, err)
	if err == nil {
		p.targets = targets
	}
	key, err := readKey(p.keyFile)
	p.complain(p.keyFile, err)

	rows := make([]Row, len(p.targets))
	var trying errgroup.Group
	trying.SetLimit(concurrency)
	for i, t := range p.targets {
		rows[i] = Row{To: t.Region, TCP: v1alpha1.ProbeUnknown, UDP: v1alpha1.ProbeUnknown}
		if key == nil {
			continue
		}
		trying.Go(func() error {
			rows[i] = p.try(ctx, key, t)
			return nil
		})
	}
	_ = trying.Wait() // nothing fails
	if ctx.Err() != nil {
		return
	}
	p.report(p.record.set(rows, key != nil, p.clock.Now()), rows)
}

// try asks the first address of a target and, unless all is well there, all others at once.
func (p *prober) try(ctx context.Context, key []byte, t Target) Row {
	addresses := p.resolve(ctx, t)
	if len(addresses) == 0 {
		return Row{To: t.Region, TCP: v1alpha1.ProbeUnresolved, UDP: v1alpha1.ProbeUnresolved}
	}
	row := p.visit(ctx, key, addresses[0])
	if !row.ok() {
		others := make([]Row, len(addresses)-1)
		var trying sync.WaitGroup
		for i, to := range addresses[1:] {
			trying.Go(func() { others[i] = p.visit(ctx, key, to) })
		}
		trying.Wait()
		for _, other := range others {
			row = row.better(other)
		}
	}
	row.To = t.Region
	return row.inferred()
}

// resolve returns the addresses of a target, none when it cannot be resolved, whatever the reason:
// a member could not resolve it either.
func (p *prober) resolve(ctx context.Context, t Target) []netip.AddrPort {
	host, port, err := t.split()
	if err != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	found, err := p.resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil
	}
	addresses := make([]netip.AddrPort, 0, len(found))
	for _, a := range found {
		addresses = append(addresses, netip.AddrPortFrom(a.Unmap(), port))
	}
	return addresses[:min(len(addresses), maxAddresses)]
}

// report logs results that changed.
func (p *prober) report(before, rows []Row) {
	for _, row := range rows {
		old := Row{TCP: v1alpha1.ProbeUnknown, UDP: v1alpha1.ProbeUnknown}
		if i := slices.IndexFunc(before, func(b Row) bool { return b.To == row.To }); i >= 0 {
			old = before[i]
		}
		if old.TCP != row.TCP || old.UDP != row.UDP {
			p.log.Info("Result changed", "to", row.To, "tcp", row.TCP, "udp", row.UDP, "tcpBefore", old.TCP, "udpBefore", old.UDP)
		}
	}
}

// complain logs once what is wrong with a file.
func (p *prober) complain(file string, err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	if text == p.said[file] {
		return
	}
	p.said[file] = text
	if err != nil {
		p.log.Error("File cannot be used", "file", file, "error", text)
		return
	}
	p.log.Info("File can be used again", "file", file)
}
