package probe

import (
	"context"
	"errors"
	"io"
	"log"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// pings is how often a ping is tried: that a packet is lost between regions is nothing to report.
const pings = 3

// name is what members see as the sender of a ping.
const name = "portolan-probe"

var (
	errStranger = errors.New("a probe knows nobody")
	errMember   = errors.New("the probe would have been a member")
)

// stranger keeps a memberlist's list of nodes empty. It turns away every node, the memberlist's own
// included, and every merge, of which it keeps only the count.
type stranger struct {
	heard   bool
	members int32
}

// NotifyAlive implements memberlist.AliveDelegate.
func (s *stranger) NotifyAlive(*memberlist.Node) error { return errStranger }

// NotifyMerge implements memberlist.MergeDelegate. Only what came under our key arrives here.
func (s *stranger) NotifyMerge(nodes []*memberlist.Node) error {
	s.heard = true
	for _, node := range nodes {
		// As memberlist.NumMembers counts: who is suspected is a member still.
		if node.State == memberlist.StateAlive || node.State == memberlist.StateSuspect {
			s.members++
		}
	}
	return errStranger
}

// settings of a memberlist that does nothing of itself.
func (s *stranger) settings(t memberlist.Transport, key []byte, timeout time.Duration) *memberlist.Config {
	c := memberlist.DefaultWANConfig()
	c.Name = name
	c.SecretKey = key
	c.Transport = t
	c.Alive = s
	c.Merge = s
	c.TCPTimeout = timeout
	c.ProbeTimeout = timeout
	// Ping waits for an acknowledgement no longer than this (state.go, setProbeChannels), so it is
	// not 0. An empty list has nobody to probe.
	c.ProbeInterval = 2 * timeout
	c.PushPullInterval = 0
	c.GossipInterval = 0
	c.Logger = log.New(io.Discard, "", 0)
	return c
}

// visit asks one address over TCP and UDP at the same time. The memberlist lasts no longer: making
// one takes less than the connection.
func (p *prober) visit(ctx context.Context, key []byte, to netip.AddrPort) Row {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	t, s := newTransport(ctx, p.clock, to), &stranger{}
	list, err := memberlist.Create(s.settings(t, key, p.timeout))
	if err != nil {
		_ = t.Shutdown()
		return p.unable(err)
	}
	defer func() { _ = list.Shutdown() }() // which has no way to fail
	if list.NumMembers() > 0 {
		return p.unable(errMember)
	}

	row := Row{TCP: v1alpha1.ProbeUnreachable, UDP: v1alpha1.ProbeUnreachable}
	var asking sync.WaitGroup
	asking.Go(func() {
		_, _ = list.Join([]string{to.String()}) // always fails, at the latest at the merge
		switch {
		case s.heard:
			row.TCP, row.Members = v1alpha1.ProbeOK, s.members
		case t.answer.fromMember():
			row.TCP = v1alpha1.ProbeKeyRejected
		}
	})
	asking.Go(func() {
		if rtt, ok := ping(ctx, list, to); ok {
			row.UDP, row.RTTSeconds = v1alpha1.ProbeOK, rtt.Seconds()
		}
	})
	asking.Wait()
	return row
}

// unable says that nobody could be asked.
func (p *prober) unable(err error) Row {
	p.log.Error("Memberlist cannot be used", "error", err)
	return Row{TCP: v1alpha1.ProbeUnknown, UDP: v1alpha1.ProbeUnknown}
}

// ping returns how long an address took to answer. Whoever answers is asked by no name.
func ping(ctx context.Context, list *memberlist.Memberlist, to netip.AddrPort) (time.Duration, bool) {
	for range pings {
		rtt, err := list.Ping("", net.UDPAddrFromAddrPort(to))
		if err == nil {
			// memberlist notes the time of sending late, so that an answer may seem to precede it.
			return max(rtt, time.Microsecond), true
		}
		if ctx.Err() != nil {
			break
		}
	}
	return 0, false
}
