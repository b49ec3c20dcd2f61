package gossipring

import (
	"maps"
	"slices"
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// departed remembers until when the pods of regions that a ring does not select any more may be
// restarting for its seeds: the ring's status has nothing about them, and nobody looks at them.
type departed struct {
	mu    sync.Mutex
	until map[client.ObjectKey]map[string]time.Time // of each ring, by Region
}

func newDeparted() *departed { return &departed{until: map[client.ObjectKey]map[string]time.Time{}} }

// note remembers a former member.
func (d *departed) note(ring client.ObjectKey, region string, until time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.until[ring] == nil {
		d.until[ring] = map[string]time.Time{}
	}
	d.until[ring][region] = until
}

// at returns those of a ring whose time is not over, by name.
func (d *departed) at(ring client.ObjectKey, now time.Time) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	maps.DeleteFunc(d.until[ring], func(_ string, until time.Time) bool { return !now.Before(until) })
	return slices.Sorted(maps.Keys(d.until[ring]))
}

func (d *departed) forget(ring client.ObjectKey) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.until, ring)
}

// leftMidway tells until when one that leaves has its turn: it was written to a moment ago, and not
// seen to be back when it was a member last.
func (m *member) leftMidway(now time.Time, timeout time.Duration) (until time.Time, midway bool) {
	written := m.before.SeedsWrittenAt
	if !m.joined || written == nil || m.landed() || m.before.DroppedAt != nil {
		return time.Time{}, false
	}
	until = written.Add(timeout)
	return until, now.Before(until)
}

// leave takes down who leaves the ring while its pods may be restarting: others must not restart meanwhile.
func (r *Reconciler) leave(s *scope, former []*member) {
	now, key := r.Clock.Now(), client.ObjectKeyFromObject(s.ring)
	for _, m := range former {
		if until, midway := m.leftMidway(now, s.convergeTimeout()); midway {
			r.departed.note(key, m.name, until)
		}
	}
	for _, m := range s.leavers {
		if _, midway := m.leftMidway(now, s.convergeTimeout()); midway {
			r.lookAfter(s, m)
		}
		if _, midway := m.leftMidway(now, s.convergeTimeout()); midway {
			s.departing = append(s.departing, m.name)
		}
	}
	s.departing = append(s.departing, r.departed.at(key, now)...)
}

// lookAfter sees whether the pods of one that is being deleted run with what was written last.
func (r *Reconciler) lookAfter(s *scope, m *member) {
	cluster, ok := r.Clusters.Get(client.ObjectKeyFromObject(m.region))
	if !ok || cluster.Connected() != nil || s.delivery == nil {
		return
	}
	m.remote = cluster
	if glanceAtPods(s, m); !m.hasPods || m.rolling {
		return
	}
	text, same := s.startedWith(m)
	if seeds, err := s.parse(text); same && m.malformed == nil && err == nil && hashOf(seeds) == m.before.WrittenSeedsHash {
		m.before.AppliedSeedsHash = m.before.WrittenSeedsHash
	}
}
