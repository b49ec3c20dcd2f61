package gossipring

import (
	"slices"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// member is what one pass has seen of a region in the ring. What could not be seen is
// nil, and what was known before of an endpoint is kept.
type member struct {
	name    string // the Region's
	cluster string // the EKS cluster's

	endpoint string
	source   v1alpha1.EndpointSource
	message  string // what the endpoint waits for

	registered bool     // Argo CD knows the region
	written    []string // the seeds in its cluster Secret
	desired    []string // the seeds that it should have

	reachable bool     // its API server answers
	hasPods   bool     // it has pods that are not being deleted
	rolling   bool     // its pods differ or are not all Ready
	applied   []string // the seeds that its pods have, unless they differ
	seen      *int32   // its own count of the ring
	joined    bool     // it was once seen to be converged
}

// live tells whether the member takes part in gossip as far as it was seen.
func (m *member) live() bool { return m.seen != nil && *m.seen > 0 }

// changing tells whether the member's pods are still to pick up what was written, or
// have not come back from it. Only members that were connected before count: others
// cannot be made worse.
func (m *member) changing(live map[string]*member) bool {
	if !m.registered || !m.hasPods {
		return false
	}
	if m.rolling || !slices.Equal(m.applied, m.written) {
		return true
	}
	return m.joined && !m.seesSeeds(live)
}

// seesSeeds tells whether the member counts at least itself and each live member
// among its seeds.
func (m *member) seesSeeds(live map[string]*member) bool {
	if m.seen == nil {
		return false
	}
	reached := int32(1)
	for _, other := range live {
		if other != m && slices.Contains(m.applied, other.endpoint) {
			reached++
		}
	}
	return *m.seen >= reached
}

func liveMembers(members []*member) map[string]*member {
	live := map[string]*member{}
	for _, m := range members {
		if m.live() {
			live[m.name] = m
		}
	}
	return live
}

// nextWrites returns the members whose seeds may be written now, in the order in
// which to write them. Every write restarts the region's members, so at most
// maxConcurrent regions change at once, and each has come back before the next.
//
// A region that is connected already and would only learn about more peers is left
// alone while another is about to get its endpoint: regions that join together cost
// their peers one restart.
func nextWrites(members []*member, maxConcurrent int) []*member {
	live := liveMembers(members)
	changing := 0
	var candidates []*member
	for _, m := range members {
		switch {
		case m.changing(live):
			changing++
		case m.registered && !slices.Equal(m.written, m.desired) && (m.urgent(live) || !anyExpected(members)):
			candidates = append(candidates, m)
		}
	}
	slices.SortStableFunc(candidates, func(a, b *member) int { return rank(a, live) - rank(b, live) })
	return candidates[:min(len(candidates), max(0, maxConcurrent-changing))]
}

// urgent tells whether the ring is worse off without the write: the member is not
// connected to all others, or dials somebody who is not there any more.
func (m *member) urgent(live map[string]*member) bool {
	if m.seen == nil || int(*m.seen) < len(live) {
		return true
	}
	return slices.ContainsFunc(m.written, func(seed string) bool { return !slices.Contains(m.desired, seed) })
}

func rank(m *member, live map[string]*member) int {
	if m.urgent(live) {
		return 0
	}
	return 1
}

// anyExpected tells whether a region that is being deployed will soon have an endpoint.
func anyExpected(members []*member) bool {
	return slices.ContainsFunc(members, func(m *member) bool { return m.registered && m.reachable && m.endpoint == "" })
}

// stateOf sums up a member and says what it waits for. Connection is what counts: a
// member that sees the others is converged also while its turn to get new seeds has
// not come; the ring's SeedsPropagated tells about those.
func stateOf(m *member, members []*member) (v1alpha1.MemberState, string) {
	switch {
	case m.endpoint == "":
		return v1alpha1.MemberPending, m.message
	case !m.reachable:
		return v1alpha1.MemberUnknown, "its API server does not answer; what is known of it is kept"
	case !m.hasPods:
		return v1alpha1.MemberPending, "it has no member pods"
	case m.seen == nil:
		return v1alpha1.MemberUnknown, "its pods' membership metric cannot be read"
	case int(*m.seen) >= expected(m, liveMembers(members)):
		return v1alpha1.MemberConverged, ""
	case !slices.Equal(m.written, m.desired):
		return v1alpha1.MemberEndpointReady, "its turn to get new seeds has not come"
	case m.rolling || !slices.Equal(m.applied, m.desired):
		return v1alpha1.MemberEndpointReady, "its pods are restarting with new seeds"
	case *m.seen <= 1:
		return v1alpha1.MemberIsolated, "it sees nobody but itself: check port and key"
	}
	return v1alpha1.MemberSeeded, "it does not see every member"
}

// expected is how many members one has to see: all that are live, itself at least.
// Who was converged before is not held against members that are only just joining.
func expected(m *member, live map[string]*member) int {
	if !m.joined {
		return max(1, len(live))
	}
	established := 0
	for _, other := range live {
		if other.joined {
			established++
		}
	}
	return max(1, established)
}
