package gossipring

import (
	"slices"
	"strings"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// takeLeave takes down who leaves the ring: Regions that are being deleted, and former members, which
// are those of the status that the ring does not select any more or that are gone. A former member
// may run on, and in another ring: as long as a peer has its seed, the two may become one.
func (s *scope) takeLeave(regions []v1alpha1.Region) {
	for i := range regions {
		m := known(s.ring, &regions[i])
		m.former = !s.selects(m.region)
		if m.former && m.before.Region != "" || !m.former && !m.region.DeletionTimestamp.IsZero() {
			s.leavers = append(s.leavers, m)
		}
	}
	byName := make(map[string]*v1alpha1.Region, len(regions))
	for i := range regions {
		byName[regions[i].Name] = &regions[i]
	}
	for _, before := range s.ring.Status.Members {
		if is := byName[before.Region]; is != nil && isOf(s.ring, before, is) {
			continue
		}
		region := &v1alpha1.Region{}
		region.Namespace, region.Name, region.UID = s.ring.Namespace, before.Region, before.UID
		region.Spec.AWSRegion, region.Spec.EnvironmentRef = before.AWSRegion, s.ring.Spec.EnvironmentRef
		m := known(s.ring, region)
		m.former = true
		s.leavers = append(s.leavers, m)
	}
	slices.SortStableFunc(s.leavers, func(a, b *member) int { return strings.Compare(a.name, b.name) })
}

// isOf tells whether what was reported is about this Region, and not about one before it of that name.
// A report that is older than the ring comes from a backup, with which all UIDs have changed.
func isOf(ring *v1alpha1.GossipRing, before v1alpha1.RingMember, region *v1alpha1.Region) bool {
	restored := before.LastTransitionTime.Before(&ring.CreationTimestamp)
	return before.Region == region.Name && (before.UID == "" || before.UID == region.UID || restored)
}

// leftMidway tells whether one that leaves has its turn: it was written to a moment ago, and was not
// seen to be back when it was a member last.
func (m *member) leftMidway(now time.Time, timeout time.Duration) bool {
	written := m.before.SeedsWrittenAt
	return m.joined && written != nil && !m.landed() && m.before.DroppedAt == nil && now.Before(written.Add(timeout))
}

// depart takes down who leaves the ring while its pods may be restarting: others must not restart meanwhile.
func (r *Reconciler) depart(s *scope) {
	now := r.Clock.Now()
	for _, m := range s.leavers {
		if m.leftMidway(now, s.convergeTimeout()) {
			r.lookAfter(s, m)
		}
		if m.leftMidway(now, s.convergeTimeout()) {
			s.departing = append(s.departing, m.name)
		}
	}
}

// lookAfter sees whether the pods of one that leaves run with what was written last.
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
