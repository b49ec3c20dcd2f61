package gossipring

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/plan"
	"github.com/portolan-dev/portolan/controllers/probe"
)

// splitOf finds out from the views into which parts a ring has fallen. Members that restart are in
// none, nor are those that have yet to be connected and may still be: who stays outside has missed
// them all when it started, and would never look for them again.
func splitOf(s *scope) plan.Partitioning {
	names := map[string][]string{} // the Regions of each AWS region
	for _, m := range s.members {
		here := string(m.region.Spec.AWSRegion)
		names[here] = append(names[here], m.name)
	}
	// Members of one AWS region cannot be told apart by it.
	exact := s.ring.Spec.Membership.PeerLabel != "" && len(names) == len(s.members)
	var views []plan.RingView
	for _, m := range s.members {
		if m.rolling || !m.live() || !m.joined && !m.stranded {
			continue
		}
		v := plan.RingView{Region: m.name, Seen: m.seen, Weight: m.weightOf()}
		if exact {
			v.Peers = []string{}
			for _, peer := range m.peers {
				v.Peers = append(v.Peers, names[peer]...)
			}
		}
		views = append(views, v)
	}
	return plan.PartitionRing(views, weightOfAll(s.members))
}

// staysOutside tells whether one that was never connected runs with its seeds and has not seen all
// others for longer than anybody waits.
func (m *member) staysOutside(now time.Time, timeout time.Duration) bool {
	outside := m.before.State == v1alpha1.MemberIsolated || m.before.State == v1alpha1.MemberSeeded
	return !m.joined && outside && slices.Equal(m.applied, m.desired) && now.Sub(m.before.LastTransitionTime.Time) >= timeout
}

// isSplit tells whether the views prove that there are parts that do not see each other.
func (s *scope) isSplit() bool { return s.split.AtLeast > 1 }

// lasting tells whether the ring has been split from one look to the next. Members that lose
// each other for a moment find each other again by themselves.
func (r *Reconciler) lasting(s *scope) bool {
	apart := ""
	if s.isSplit() {
		apart = "split"
	}
	return r.splits.since(client.ObjectKeyFromObject(s.ring), apart, r.Clock) >= r.Poll && s.isSplit()
}

// describeSplit names the parts, as far as they are known.
func (s *scope) describeSplit() string {
	var parts []string
	for _, p := range s.split.Partitions {
		parts = append(parts, strings.Join(p, ", "))
	}
	switch known := strings.Join(parts, " | "); {
	case len(parts) >= s.split.AtLeast:
		return "the ring has split: " + known
	case len(parts) > 0 && len(parts) == s.split.AtLeast-1:
		return "the ring has split: " + known + " | the others"
	case len(parts) > 0:
		return fmt.Sprintf("the ring has split into at least %d parts, of which are known: %s", s.split.AtLeast, known)
	default:
		return fmt.Sprintf("the ring has split into at least %d parts (counts do not tell more; spec.membership.peerLabel does)", s.split.AtLeast)
	}
}

// isolation says why a member sees nobody, as far as anybody can tell.
func isolation(m *member, members []*member) string {
	for _, row := range m.rows {
		switch {
		case row.TCP == v1alpha1.ProbeKeyRejected && keyRejectedBy(m, members) > 1:
			return "it sees nobody but itself: it has another key than the others; compare its copy of the secret, then restart its pods"
		case row.TCP == v1alpha1.ProbeUnreachable && row.UDP == v1alpha1.ProbeUnreachable:
			return "it sees nobody but itself, and its probe gets no answer: check the security groups of the load balancers and its NAT gateways"
		}
	}
	if len(m.applied) == 0 && len(members) > 1 {
		return "it sees nobody but itself, and its pods have no seeds"
	}
	return "it sees nobody but itself: check port and key"
}

// keyRejectedBy is how many members' probes and the member's own do not get on with its key.
func keyRejectedBy(m *member, members []*member) int {
	var odd int
	for _, other := range members {
		if other != m && slices.Contains(other.rejected, m.name) {
			odd++
		}
	}
	if len(m.rejected) > 0 {
		odd++
	}
	return odd
}

const (
	// rejoinAfter is for how many looks a ring has to be split before anything is done: members
	// that lose each other for a moment find each other again by themselves.
	rejoinAfter = 2
	// patientRejoins is how often evicting a member is tried before people are asked; from then
	// on it is tried seldom, so that a ring heals whose network is whole again.
	patientRejoins = 5
	// seldom is how many convergeTimeouts lie between such attempts.
	seldom = 6
)

// rejoin evicts one member of a part whose seeds are on another side, so that its successor
// dials them: members of a gossip ring forget who has been dead for long, and never look for
// anybody unless they are completely alone.
func (r *Reconciler) rejoin(ctx context.Context, s *scope) (string, error) {
	if why, held := r.holdsRejoin(s); held {
		return why, nil
	}
	m := s.bridgeToOthers()
	if m == nil {
		return "no member that could be evicted has a seed on another side and, as far as probes know, gets through to it", nil
	}
	evicted, err := m.remote.Evict(ctx, types.NamespacedName{Namespace: m.bridge.Namespace, Name: m.bridge.Name}, m.bridge.UID)
	switch {
	case err != nil:
		return "", fmt.Errorf("evicting the bridge of %s: %w", m.name, err)
	case !evicted:
		return fmt.Sprintf("a disruption budget protects pod %s/%s of %s, whose successor would dial the other side", m.bridge.Namespace, m.bridge.Name, m.name), nil
	}
	attempts := int32(1)
	if done := s.ring.Status.Rejoin; done != nil {
		attempts += done.Attempts
	}
	s.ring.Status.Rejoin = &v1alpha1.RingRejoin{Region: m.name, At: metav1.NewTime(r.Clock.Now()), Attempts: attempts}
	return "a member of " + m.name + " was evicted, so that its successor dials the other side", nil
}

// holdsRejoin tells whether it is not the time to evict anybody, and why if there is more to
// say than that it is early.
func (r *Reconciler) holdsRejoin(s *scope) (why string, held bool) {
	since, split := sinceReason(s.ring, v1alpha1.RingConverged, v1alpha1.ReasonPartitioned)
	switch {
	case s.ring.Spec.OnPartition == v1alpha1.PartitionReport:
		return "spec.onPartition is Report: restart the members of one side, one region at a time", true
	case hasReason(s.ring, v1alpha1.RingKeysMatch, v1alpha1.ReasonKeyMismatch):
		return "no member is evicted while keys differ", true
	case !split || r.Clock.Since(since.Time) < rejoinAfter*r.Poll:
		return "", true
	}
	if restless := r.restless(s); len(restless) > 0 {
		return fmt.Sprintf("no member is evicted while those of %s restart", strings.Join(restless, ", ")), true
	}
	done := s.ring.Status.Rejoin
	switch {
	case done == nil || r.Clock.Since(done.At.Time) >= r.rejoinPause(s, done.Attempts):
	case done.Attempts >= patientRejoins:
		return fmt.Sprintf("evicting a member was tried %d times, the last in %s, and will be every %s: look whether the regions reach each other at port %d, over TCP and UDP",
			done.Attempts, done.Region, r.rejoinPause(s, done.Attempts), s.port()), true
	default:
		return "a member of " + done.Region + " was evicted, so that its successor dials the other side", true
	}
	return "", false
}

// rejoinPause doubles with every attempt, and is long after many. However soon members should be
// back, no pause is shorter than the first.
func (r *Reconciler) rejoinPause(s *scope, attempts int32) time.Duration {
	const first = 4 * rejoinAfter
	longest := max(s.convergeTimeout(), first*r.Poll)
	if attempts >= patientRejoins {
		return seldom * longest
	}
	return min(longest, (first/2*r.Poll)<<attempts)
}

// restless are those that restart or are about to: one change at a time. Who takes longer than
// anybody waits for does not keep the others apart.
func (r *Reconciler) restless(s *scope) []string {
	live, now := liveMembers(s.members), metav1.NewTime(r.Clock.Now())
	var names []string
	for _, m := range s.members {
		stirs := m.hasPods && (m.rolling || m.deliverable && !slices.Equal(m.applied, m.desired))
		if stirs && now.Sub(m.stirredAt(live, now)) < s.convergeTimeout() {
			names = append(names, m.name)
		}
	}
	return names
}

// stirredAt is when the member last began something: its turn, which lasts as long as a split, a
// write, or a pod.
func (m *member) stirredAt(live alive, now metav1.Time) time.Time {
	var last time.Time
	for _, at := range []*metav1.Time{m.changingSince(live, now), m.writtenAt} {
		if at != nil && at.After(last) {
			last = at.Time
		}
	}
	for _, pod := range m.pods {
		if made := pod.CreationTimestamp; made.After(last) {
			last = made.Time
		}
	}
	return last
}

// bridgeToOthers picks a member that has a seed in another part and, as far as probes know,
// gets through to it: of the smallest part, and by name.
func (s *scope) bridgeToOthers() *member {
	byName, part := map[string]*member{}, map[string]int{}
	for _, m := range s.members {
		byName[m.name], part[m.name] = m, noPart
	}
	for i, p := range s.split.Partitions {
		for _, name := range p {
			part[name] = i
		}
	}
	for _, p := range slices.Backward(s.split.Partitions) {
		for _, name := range p {
			if m := byName[name]; m.evictable() && s.dialsAnotherPart(m, part) {
				return m
			}
		}
	}
	if len(s.split.Partitions)+1 >= s.split.AtLeast { // one part at most has no names
		return nil
	}
	return s.lonely()
}

// noPart is the part of those of which it is not known which one it is.
const noPart = -1

// dialsAnotherPart tells whether a successor of the member would find somebody new.
func (s *scope) dialsAnotherPart(m *member, part map[string]int) bool {
	return slices.ContainsFunc(s.members, func(o *member) bool {
		return part[o.name] != part[m.name] && slices.Contains(m.applied, o.endpoint) && m.reaches(o.name) && o.reaches(m.name)
	})
}

// evictable tells whether the pod that is the member is known.
func (m *member) evictable() bool { return m.bridge != nil && m.remote != nil }

// lonely picks one of those that see fewest, where counts do not say who is with whom: one
// that, as far as its probe knows, gets through to more than it sees.
func (s *scope) lonely() *member {
	var least *member
	for _, m := range s.members {
		if m.evictable() && (m.joined || m.stranded) && m.live() && len(m.applied) > 0 && *m.seen < s.within(m) &&
			(least == nil || *m.seen < *least.seen) {
			least = m
		}
	}
	return least
}

// within is how many members of the gossip there are where the member gets through to, its own included.
func (s *scope) within(m *member) int32 {
	var reached int32
	for _, other := range s.members {
		if other == m || m.reaches(other.name) {
			reached += other.weightOf()
		}
	}
	return reached
}

// reaches tells whether the member's probe gets through to a region, or has not said that it does not.
func (m *member) reaches(region string) bool {
	return !slices.ContainsFunc(m.rows, func(r probe.Row) bool {
		return r.To == region && r.TCP != v1alpha1.ProbeOK && r.TCP != v1alpha1.ProbeUnknown
	})
}
