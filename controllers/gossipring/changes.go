package gossipring

import (
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// changes remember when each ring's world was last seen to be another than before.
type changes struct {
	mu   sync.Mutex
	last map[client.ObjectKey]change
}

type change struct {
	world string
	at    time.Time
}

func newChanges() *changes { return &changes{last: map[client.ObjectKey]change{}} }

// since returns for how long the ring's world has been what it is.
func (c *changes) since(ring client.ObjectKey, world string, clk clock.PassiveClock) time.Duration {
	c.mu.Lock()
	defer c.mu.Unlock()
	current, ok := c.last[ring]
	if !ok || current.world != world {
		current = change{world: world, at: clk.Now()}
		c.last[ring] = current
	}
	return clk.Since(current.at)
}

func (c *changes) forget(ring client.ObjectKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.last, ring)
}

// world is what tells one state of affairs in the regions from another.
func (s *scope) world() string {
	all := make([]string, 0, 2*len(s.members))
	for _, m := range slices.Concat(s.members, s.leavers) {
		all = append(all, m.name, s.question(m))
	}
	return strings.Join(all, "\n")
}
