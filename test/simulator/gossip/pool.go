package gossip

import (
	"fmt"
	"log"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/memberlist"
)

const (
	leaveTimeout = time.Second
	// deadTime is how long memberlist goes on gossiping to a member that it holds for
	// dead. Afterwards it forgets it, and a ring that was cut in two stays in two.
	deadTime = 5 * time.Second
)

// pool is a bridge's membership of its ring.
type pool struct {
	list     *memberlist.Memberlist
	lastJoin time.Time
}

func openPool(o Options) (*pool, error) {
	logger := log.New(o.Log, fmt.Sprintf("gossip %s/%s/%s ", o.Ring, o.Region, o.Name), log.Ltime|log.Lmicroseconds)
	transport, err := newTransport(o, logger)
	if err != nil {
		return nil, err
	}
	list, err := memberlist.Create(poolConfig(o, transport, logger))
	if err != nil {
		_ = transport.Shutdown()
		return nil, fmt.Errorf("creating the member list: %w", err)
	}
	return &pool{list: list}, nil
}

// poolConfig tightens memberlist's LAN timings so that joins and failures show
// within a second or two.
func poolConfig(o Options, transport memberlist.NodeAwareTransport, logger *log.Logger) *memberlist.Config {
	config := memberlist.DefaultLANConfig()
	config.Name = o.Region + "/" + o.Name
	config.Transport = transport
	config.AdvertiseAddr = o.Pod.String()
	config.AdvertisePort = WANPort
	config.BindPort = WANPort
	config.SecretKey = o.Key
	config.Logger = logger
	config.TCPTimeout = 2 * time.Second
	config.ProbeInterval = 500 * time.Millisecond
	config.ProbeTimeout = 250 * time.Millisecond
	config.SuspicionMult = 3
	config.SuspicionMaxTimeoutMult = 2
	config.GossipInterval = 50 * time.Millisecond
	config.GossipToTheDeadTime = deadTime
	config.PushPullInterval = 3 * time.Second
	config.EnableCompression = false // costs more than the loopback it saves
	return config
}

func (p *pool) members() int { return p.list.NumMembers() }

// regions are the first parts of the members' names.
func (p *pool) regions() []string {
	var regions []string
	for _, member := range p.list.Members() {
		region, _, _ := strings.Cut(member.Name, "/")
		regions = append(regions, region)
	}
	slices.Sort(regions)
	return slices.Compact(regions)
}

// join fails when no seed answers; the agent tries again while it is alone.
func (p *pool) join(seeds []string) {
	p.lastJoin = time.Now()
	_, _ = p.list.Join(seeds)
}

// leave tells the others before it goes; peers that miss it find out by probing.
func (p *pool) leave() {
	_ = p.list.Leave(leaveTimeout)
	_ = p.list.Shutdown()
}
