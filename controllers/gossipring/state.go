package gossipring

import (
	"slices"
	"strings"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

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
		return v1alpha1.MemberUnknown, strings.TrimSuffix("its pods' membership metric cannot be read: "+m.unread, ": ")
	case *m.seen >= expected(m, members) && !m.aloneBeside(members):
		return v1alpha1.MemberConverged, m.message
	case m.malformed != nil:
		return v1alpha1.MemberEndpointReady, m.malformed.Error()
	case m.behind():
		return v1alpha1.MemberEndpointReady, "its turn to get new seeds has not come"
	case m.rolling || !slices.Equal(m.applied, m.desired):
		return v1alpha1.MemberEndpointReady, "its pods are restarting with new seeds"
	case *m.seen <= m.weightOf():
		return v1alpha1.MemberIsolated, isolation(m, members)
	}
	return v1alpha1.MemberSeeded, "it does not see every member"
}

// expected is how many members one has to see: all that are live, itself at least.
// Who was converged before is not held against members that are only just joining.
func expected(m *member, members []*member) int32 {
	var all int32
	for _, other := range members {
		if (other.live() || other.doubted) && (!m.joined || other.joined) {
			all += other.weightOf()
		}
	}
	return max(m.weightOf(), all)
}

// aloneBeside tells whether a newcomer counts nobody but itself in a ring that others formed before:
// it has not joined those, also while none of them can be looked at.
func (m *member) aloneBeside(members []*member) bool {
	return !m.joined && *m.seen <= m.weightOf() && slices.ContainsFunc(members, func(other *member) bool { return other.joined })
}

// leaverState is Leaving while a member has the leaver among its seeds, written or in a pod
// (then dropped is false), and while one still counts it. A seed that is now a member's is no longer
// the leaver's. Who cannot be seen is not waited
// for once its seeds were written, nor after some time: it may have no turn before it is back.
func leaverState(leaver *member, members []*member) (state v1alpha1.MemberState, dropped bool) {
	dialed := leaver.endpoint != "" && !slices.ContainsFunc(members, func(m *member) bool { return m.endpoint == leaver.endpoint })
	for _, m := range members {
		if dialed && (!m.lost && slices.Contains(m.written, leaver.endpoint) || m.reachable && slices.Contains(m.applied, leaver.endpoint)) {
			return v1alpha1.MemberLeaving, false
		}
	}
	present := weightOfAll(members)
	if leaver.joined && slices.ContainsFunc(members, func(m *member) bool { return m.reachable && m.seen != nil && *m.seen > present }) {
		return v1alpha1.MemberLeaving, true
	}
	return v1alpha1.MemberLeft, true
}
