package gossipring

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

const (
	// mostMembers fit into a ring's status.
	mostMembers = 256
	// mostListed is up to how many members a ring's status lists every seed: N members list
	// N² of them.
	mostListed = 16
	// mostDifferences of a member's seeds are listed in any ring.
	mostDifferences = 8
	// mostPartitions are listed, the largest ones.
	mostPartitions = 128
	// mostUnreachable pairs are listed.
	mostUnreachable = 32
	// hashLength is enough to tell apart the lists that one ring ever had.
	hashLength = 12
)

// report writes the members into the status. A member keeps the time of its last
// transition while its state stays.
func (r *Reconciler) report(s *scope) {
	now := metav1.NewTime(r.Clock.Now())
	members := make([]v1alpha1.RingMember, 0, len(s.members)+len(s.leavers))
	converged, together := 0, !s.isSplit()
	var isolated []string
	live := liveMembers(s.members)
	for _, m := range s.members {
		state, message := stateOf(m, s.members)
		switch state {
		case v1alpha1.MemberConverged:
			converged++
		case v1alpha1.MemberIsolated:
			isolated = append(isolated, m.name)
		default:
		}
		// Whoever was evicted is in no part while its pods restart: that is not the end of the split.
		together = together && (!m.joined && !s.wasEvicted(m) || state == v1alpha1.MemberConverged)
		described := s.describe(m, state, message, now)
		described.ChangingSince = m.changingSince(live, now)
		members = append(members, described)
	}
	members = append(members, s.describeLeavers(now)...)
	slices.SortFunc(members, func(a, b v1alpha1.RingMember) int { return strings.Compare(a.Region, b.Region) })
	status := &s.ring.Status
	was := wasConverged(status.ConvergedMembers)
	status.Members, status.Isolated = members, isolated
	status.ConvergedMembers = fmt.Sprintf("%d/%d", converged, len(s.members))
	if wasConverged(status.ConvergedMembers) && (!was || status.ConvergedAt == nil) {
		status.ConvergedAt = &now
	}
	status.Partitions = nil
	if s.isSplit() {
		for _, part := range s.split.Partitions[:min(len(s.split.Partitions), mostPartitions)] {
			status.Partitions = append(status.Partitions, v1alpha1.RingPartition{Members: part})
		}
	}
	r.endRejoin(s, together)
	status.Unreachable = keepSince(unreachablePairs(s.members), status.Unreachable, now)
	matrix.report(s)
}

// endRejoin forgets the evictions when all are together, or when there has been no such split for longer
// than whoever was evicted may be away, even if somebody else stays away for other reasons: the next
// split is another one. Who was never connected is no part of any until it has been outside for long,
// each time.
func (r *Reconciler) endRejoin(s *scope, together bool) {
	status := &s.ring.Status
	over := func(done *v1alpha1.RingRejoin) bool {
		return done != nil && r.Clock.Since(done.At.Time) > max(s.convergeTimeout(), r.rejoinPause(s, done.InVain))
	}
	if together || (!s.isSplit() || s.newcomers) && over(status.Rejoin) {
		status.Rejoin = nil
	}
	outside := slices.ContainsFunc(s.members, func(m *member) bool { return s.wasEvicted(m) && !m.joined && m.hasPods })
	if together || !s.isSplit() && !outside && over(status.RejoinNewcomers) {
		status.RejoinNewcomers = nil
	}
}

// wasEvicted tells whether the last eviction was one of the member's pods.
func (s *scope) wasEvicted(m *member) bool {
	of := func(done *v1alpha1.RingRejoin) bool { return done != nil && done.Region == m.name }
	return of(s.ring.Status.Rejoin) || of(s.ring.Status.RejoinNewcomers)
}

// wasConverged tells whether a "converged/all" says all of some.
func wasConverged(text string) bool {
	converged, all, found := strings.Cut(text, "/")
	return found && converged == all && all != "0"
}

// keepSince lets a pair keep the time when it was first seen.
func keepSince(pairs, before []v1alpha1.UnreachableEndpoint, now metav1.Time) []v1alpha1.UnreachableEndpoint {
	for i, p := range pairs {
		pairs[i].Since = now
		for _, b := range before {
			if b.From == p.From && b.To == p.To {
				pairs[i].Since = b.Since
			}
		}
	}
	return pairs
}

func (s *scope) describe(m *member, state v1alpha1.MemberState, message string, now metav1.Time) v1alpha1.RingMember {
	described := v1alpha1.RingMember{
		Region: m.name, UID: m.region.UID, AWSRegion: m.region.Spec.AWSRegion, State: state, Message: message,
		Endpoint: m.endpoint, Source: m.source, Addresses: m.addresses,
		MembersSeen: m.seen, KeyVersion: m.key,
		SeedsWrittenAt: m.writtenAt, JoinedAt: m.before.JoinedAt, LastTransitionTime: now,
	}
	if m.targets != nil && m.targets.known {
		described.HealthyTargets = &m.targets.healthy
	}
	if m.before.State == state {
		described.LastTransitionTime = m.before.LastTransitionTime
	}
	if described.JoinedAt == nil && state == v1alpha1.MemberConverged {
		described.JoinedAt = &now
	}
	s.describeSeeds(m, &described)
	return described
}

// describeSeeds tells what the member should run with and what it runs with: in full where
// that stays readable, else what differs.
func (s *scope) describeSeeds(m *member, described *v1alpha1.RingMember) {
	desired := s.memo.hashOf(m.name, m.desired)
	// Hashing is more work than comparing, and most members have what they should.
	hash := func(seeds []string) string {
		if slices.Equal(seeds, m.desired) {
			return desired
		}
		return hashOf(seeds)
	}
	described.DesiredSeedsHash = desired
	switch m.remember(described); {
	case m.unheard:
		described.WrittenSeedsHash = ""
	case m.deliverable && !m.unfinished && !m.reform && !m.foreign && !m.unrecorded():
		described.WrittenSeedsHash = hash(m.written)
	}
	described.DesiredSeeds = s.listed(m.desired)
	if !m.hasPods || m.rolling || m.malformed != nil || m.concealed {
		return // they differ, or cannot be read
	}
	described.AppliedSeedsHash = hash(m.applied)
	described.AppliedSeeds = s.listed(m.applied)
	described.MissingSeeds = firstWithout(m.desired, m.applied)
	described.UnexpectedSeeds = firstWithout(m.applied, m.desired)
}

// listed returns the seeds where a status has room for them. Pods of a ring that became smaller
// run with the seeds of more members than it has, until their turn comes.
func (s *scope) listed(seeds []string) []string {
	if len(s.members) > mostListed || len(seeds) > mostListed {
		return nil
	}
	return seeds
}

// remember keeps what was known of one that is out of sight, or of what is written for it: of what
// runs there, only what was seen to be whole.
func (m *member) remember(described *v1alpha1.RingMember) {
	if !m.reachable || !m.deliverable {
		described.WrittenSeedsHash = m.before.WrittenSeedsHash
	}
	if m.reachable && !m.hidden {
		return
	}
	if m.reachable || m.before.State == v1alpha1.MemberConverged || m.before.State == v1alpha1.MemberUnknown {
		described.AppliedSeedsHash = m.before.AppliedSeedsHash
	}
}

// firstWithout returns the first of all that are not among the others. Both are sorted.
func firstWithout(all, others []string) []string {
	if slices.Equal(all, others) {
		return nil
	}
	var first []string
	for _, seed := range all {
		if _, found := slices.BinarySearch(others, seed); !found && len(first) < mostDifferences {
			first = append(first, seed)
		}
	}
	return first
}

func hashOf(seeds []string) string {
	sum := sha256.Sum256([]byte(strings.Join(seeds, ",")))
	return hex.EncodeToString(sum[:])[:hashLength]
}

// settling tells whether a member that was given seeds a moment ago is not connected again: the
// leaver's members must not go while another region's are away.
func (s *scope) settling(now metav1.Time) bool {
	live := liveMembers(s.members)
	return slices.ContainsFunc(s.members, func(m *member) bool {
		return m.writtenAt != nil && m.changing(live) && now.Sub(m.writtenAt.Time) < s.convergeTimeout()
	})
}

// obscured tells whether nobody knows if peers still have a leaver's seed: what is written for one
// cannot be read, and was not without it when it last could, or none of them can be seen. A region
// that has vanished is not waited for.
func (s *scope) obscured() bool {
	if s.rival != nil || s.placed != nil {
		return false // nothing is written for this ring
	}
	var anySeen, lately bool
	for _, m := range s.members {
		if !m.joined {
			continue
		}
		if m.hidden && !m.lost && m.before.WrittenSeedsHash != s.memo.hashOf(m.name, m.desired) {
			return true
		}
		anySeen, lately = anySeen || m.reachable, lately || !m.lost
	}
	return lately && !anySeen
}

// describeLeavers leaves out former members that no peer dials any more, unless they may be restarting,
// and those in whose name another Region has come.
func (s *scope) describeLeavers(now metav1.Time) []v1alpha1.RingMember {
	var described []v1alpha1.RingMember
	room := mostMembers - len(s.members)
	for _, m := range s.leavers {
		d := s.describeLeaver(m, now)
		switch {
		case !m.former:
		case len(described) >= room, slices.ContainsFunc(slices.Concat(s.members, s.leavers), func(o *member) bool { return !o.former && o.name == m.name }):
			continue
		case d.DroppedAt != nil:
			continue
		}
		described = append(described, d)
	}
	return described
}

// leaves is how far a leaver has come: it is held while nobody knows whether it is dialed, and for
// others that restart. A former member has nobody else to remember that it may be restarting itself.
func (s *scope) leaves(m *member, now metav1.Time) (state v1alpha1.MemberState, dropped bool) {
	held := s.settling(now) || m.endpoint != "" && s.obscured() || m.former && slices.Contains(s.departing, m.name)
	state, dropped = leaverState(m, s.members)
	if dropped && m.before.DroppedAt == nil && held {
		return v1alpha1.MemberLeaving, false
	}
	return state, dropped
}

func (s *scope) describeLeaver(m *member, now metav1.Time) v1alpha1.RingMember {
	state, dropped := s.leaves(m, now)
	described := v1alpha1.RingMember{
		Region: m.name, UID: m.region.UID, AWSRegion: m.region.Spec.AWSRegion, State: state,
		Endpoint: m.endpoint, Source: m.source, JoinedAt: m.before.JoinedAt, LastTransitionTime: now,
		SeedsWrittenAt: m.before.SeedsWrittenAt, WrittenSeedsHash: m.before.WrittenSeedsHash, AppliedSeedsHash: m.before.AppliedSeedsHash,
	}
	switch {
	case dropped && m.before.DroppedAt != nil:
		described.DroppedAt = m.before.DroppedAt
	case dropped:
		described.DroppedAt = &now
	default:
		described.Message = "peers are dropping its seed, one region after the other"
	}
	if dropped && state == v1alpha1.MemberLeaving {
		described.Message = "no peer has its seed any more, and some still count it: its workload may go"
	}
	if m.before.State == state {
		described.LastTransitionTime = m.before.LastTransitionTime
	}
	return described
}
