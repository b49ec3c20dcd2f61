package gossipring

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/remote"
)

// member is what one pass has seen of a region in the ring. What could not be seen is
// nil, and what was known before of an endpoint is kept.
type member struct {
	region  *v1alpha1.Region
	name    string // the Region's
	cluster string // the EKS cluster's
	before  v1alpha1.RingMember

	remote   *remote.Cluster // nil while it is not connected
	balancer string          // its load balancer's own name
	pods     []*corev1.Pod   // of the workload, without those that are being deleted
	probes   []*corev1.Pod   // of the probe, likewise

	endpoint  string
	source    v1alpha1.EndpointSource
	addresses []string
	message   string // what the endpoint waits for
	astray    bool   // it was found not to lead to the region's load balancer, or not to be what the spec asks for

	deliverable bool      // there is something to write its seeds into
	text        string    // its seeds as they are written
	written     []string  // and what they say
	reform      bool      // they are written in another form than they should be
	unfinished  bool      // they are written, and what takes them to the pods is not
	foreign     bool      // they are written by somebody else, or for another delivery, and do not reach the pods
	undelivered error     // why they could not be read or written
	failing     bool      // its last write has failed
	triedAt     time.Time // when that was
	unheard     bool      // nobody knows whether it was written lately: the answer was lost
	hidden      bool      // whether they are written, and what they say, is not known
	desired     []string  // the seeds that it should have
	writtenAt   *metav1.Time

	reachable bool     // its API server answers
	unmet     bool     // it is not known yet whether it does
	hasPods   bool     // it has pods that are not being deleted
	vacant    bool     // it was seen to have none
	rolling   bool     // its pods differ or are not all Ready
	applied   []string // the seeds that its pods have, unless they differ
	malformed error    // what is wrong with the form of its pods' seeds
	concealed bool     // nobody knows which they have
	guessed   bool     // that may be wrong: its pods may be about to restart with them
	seen      *int32   // its own count of the ring
	peers     []string // the Regions that it sees, when the metric tells
	unread    string   // why its own count could not be read
	half      bool     // one of its pods could not be asked
	doubted   bool     // it is live, and whether the others are connected to it is not known
	bridge    *corev1.Pod
	weight    int32 // the members that it should have itself
	former    bool  // it leaves without being deleted by its Region's controller
	joined    bool  // it was once seen to be converged
	away      bool  // it is not seen whether its pods are back from its last write
	lost      bool  // it has been out of sight for longer than anybody waits
	stranded  bool  // it runs, and was not connected for longer than anybody waits

	targets *targetSight // nil when they were not looked at
	key     string       // version of the ring's key
	keyNote string       // why that is not known
	probing bool         // its probe answers
	findings
}

// live tells whether the member takes part in gossip as far as it was seen.
func (m *member) live() bool { return m.seen != nil && *m.seen > 0 }

// weightOf is how many members of the gossip a region counts for.
func (m *member) weightOf() int32 { return max(1, m.weight) }

// behind tells whether its configuration does not hold what it should.
func (m *member) behind() bool {
	return m.reform || m.unfinished || !slices.Equal(m.written, m.desired)
}

// landed tells whether its pods were last seen to run with what was last written for it.
func (m *member) landed() bool {
	return !m.unheard && m.before.AppliedSeedsHash != "" && m.before.AppliedSeedsHash == m.before.WrittenSeedsHash
}

// unrecorded tells whether something else is written for one that nobody has met than was last known to
// be: the operator was killed before it could say so, and may have known of a newer endpoint.
func (m *member) unrecorded() bool {
	return m.unmet && m.outOfSight() && m.deliverable && m.before.WrittenSeedsHash != "" && hashOf(m.written) != m.before.WrittenSeedsHash
}

// outOfSight tells whether it was connected and cannot be looked at now.
func (m *member) outOfSight() bool { return m.joined && !m.reachable }

// vanished tells whether it has been out of sight for longer than anybody waits.
func (m *member) vanished(now time.Time, timeout time.Duration) bool {
	return !m.reachable && m.before.State == v1alpha1.MemberUnknown && now.Sub(m.before.LastTransitionTime.Time) >= timeout
}

// mayHave takes down since when the member may have seeds of which nobody heard: that counts for as long as
// anybody waits for a restart.
func (m *member) mayHave(lost, now time.Time, timeout time.Duration) {
	m.unheard = m.joined && !lost.IsZero() && now.Sub(lost) < timeout
	if m.unheard && (m.writtenAt == nil || m.writtenAt.Time.Before(lost)) {
		m.writtenAt = &metav1.Time{Time: lost}
	}
}

// changing tells whether the member's pods are still to pick up what was written, or
// have not come back from it. Only members that were connected before count: others
// cannot be made worse.
func (m *member) changing(live alive) bool {
	switch {
	case m.away, m.unheard && m.writtenInSight():
		return true
	case !m.hasPods || !m.deliverable && !m.joined:
		return false
	case m.rolling || m.deliverable && !m.unfinished && !slices.Equal(m.applied, m.written):
		return true
	}
	return m.joined && !m.seesSeeds(live)
}

// seesSeeds tells whether the member counts at least itself and each live member
// among its seeds.
func (m *member) seesSeeds(live alive) bool {
	switch {
	case m.seen == nil:
		return false
	case m.live() && *m.seen >= live.weight: // whatever its seeds are
		return true
	case m.concealed && m.before.ChangingSince != nil: // it has its turn, and is not seen to be back
		return false
	}
	return *m.seen >= m.reach(m.applied, live)
}

// reach is how many members the seeds lead to, with the member's own.
func (m *member) reach(seeds []string, live alive) int32 {
	reached := m.weightOf()
	for _, other := range live.members {
		if _, found := slices.BinarySearch(seeds, other.endpoint); found && other != m {
			reached += other.weightOf()
		}
	}
	return reached
}

// alive are the members that take part in gossip, by name, and how many they count for.
type alive struct {
	members map[string]*member
	weight  int32
}

func liveMembers(members []*member) alive {
	live := alive{members: map[string]*member{}}
	for _, m := range members {
		if m.live() {
			live.members[m.name] = m
			live.weight += m.weightOf()
		}
	}
	return live
}

// weightOfAll is how many members of the gossip there should be.
func weightOfAll(members []*member) int32 {
	var total int32
	for _, m := range members {
		total += m.weightOf()
	}
	return total
}
