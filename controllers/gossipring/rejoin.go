package gossipring

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/remote"
	"github.com/portolan-dev/portolan/controllers/probe"
)

const (
	// rejoinAfter is for how many looks a ring has to be split before anything is done: members
	// that lose each other for a moment find each other again by themselves.
	rejoinAfter = 2
	// patientRejoins is how often evicting a member is tried before people are asked; from then
	// on it is tried seldom, so that a ring heals whose network is whole again.
	patientRejoins = 5
	// mostTried are asked for in one pass, where budgets protect them.
	mostTried = 8
	// seldom is how many convergeTimeouts lie between such attempts.
	seldom = 6
)

// rejoin evicts one member of a part whose seeds are on another side, so that its successor
// dials them: members of a gossip ring forget who has been dead for long, and never look for
// anybody unless they are completely alone.
func (r *Reconciler) rejoin(ctx context.Context, s *scope) string {
	if why, held := r.holdsRejoin(s); held {
		return why
	}
	able := s.bridgesToOthers()
	if len(able) == 0 {
		return "no member that could be evicted has a seed on another side and, as far as probes know, gets through to it"
	}
	var kept string
	for _, m := range able[:min(len(able), mostTried)] {
		switch err := m.remote.EvictPod(ctx, m.bridge); {
		case err == nil:
			r.recordEviction(s, m)
			return "a member of " + m.name + " was evicted, so that its successor dials the other side"
		case errors.Is(err, remote.ErrBudget):
			kept = cmp.Or(kept, fmt.Sprintf("a disruption budget protects pod %s/%s of %s, whose successor would dial the other side", m.bridge.Namespace, m.bridge.Name, m.name))
		case errors.Is(err, remote.ErrRefused):
			kept = cmp.Or(kept, fmt.Sprintf("the API server of %s evicts no pod: %s", m.name, remote.Explain(err)))
		default: // it may be on its way out
			r.recordEviction(s, m)
			return fmt.Sprintf("whether a member of %s was evicted is not known: %s", m.name, remote.Explain(err))
		}
	}
	return kept
}

func (r *Reconciler) recordEviction(s *scope, m *member) {
	s.ring.Status.Rejoin = &v1alpha1.RingRejoin{Region: m.name, At: metav1.NewTime(r.Clock.Now()), Attempts: s.attempts() + 1}
}

// lastRejoin is the last eviction for this split; those of newcomers are for none of those who were
// connected.
func (s *scope) lastRejoin() *v1alpha1.RingRejoin {
	if !s.newcomers && slices.ContainsFunc(s.members, func(m *member) bool { return s.wasEvicted(m) && !m.joined }) {
		return nil
	}
	return s.ring.Status.Rejoin
}

func (s *scope) attempts() int32 {
	if done := s.lastRejoin(); done != nil {
		return done.Attempts
	}
	return 0
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
	done := s.lastRejoin()
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

// bridgesToOthers are members, the best one first, whose successors would find somebody new. Who was
// connected goes for newcomers only where nobody else can.
func (s *scope) bridgesToOthers() []*member {
	able := s.bridgesAmong(func(m *member) bool { return !s.newcomers || !m.joined })
	if len(able) == 0 && s.newcomers {
		able = s.bridgesAmong(func(*member) bool { return true })
	}
	return able
}

// bridgesAmong are those who have a seed in another part and, as far as probes know, get through to it: one
// of each part, by name, of the smallest first, and with each attempt of the next, because one part may be
// cut off for good; then the others of these parts. The largest part's are among them only where nobody
// else's are.
func (s *scope) bridgesAmong(may func(*member) bool) []*member {
	byName, part := s.byPart()
	var first, more []*member
	for i, names := range slices.Backward(s.split.Partitions) {
		if i == 0 && len(first) > 0 && len(s.split.Partitions) >= s.split.AtLeast {
			break
		}
		var able []*member
		for _, name := range names {
			if m := byName[name]; m.evictable() && may(m) && s.dialsAnotherPart(m, part) {
				able = append(able, m)
			}
		}
		if len(able) > 0 {
			first, more = append(first, able[0]), append(more, able[1:]...)
		}
	}
	if len(s.split.Partitions)+1 < s.split.AtLeast { // more than one part has no names
		first = append(first, s.lonely(may, slices.Concat(first, more))...)
	}
	if len(first) == 0 {
		return nil
	}
	next := int(s.attempts()) % len(first)
	return slices.Concat(first[next:], first[:next], more)
}

// byPart indexes the members, and tells in which part each is.
func (s *scope) byPart() (byName map[string]*member, part map[string]int) {
	byName, part = map[string]*member{}, map[string]int{}
	for _, m := range s.members {
		byName[m.name], part[m.name] = m, noPart
	}
	for i, p := range s.split.Partitions {
		for _, name := range p {
			part[name] = i
		}
	}
	return byName, part
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

// lonely are those who see fewest first, where counts do not say who is with whom: all that, as far as
// their probes know, get through to more than they see.
func (s *scope) lonely(may func(*member) bool, but []*member) []*member {
	var lonely []*member
	for _, m := range s.members {
		if m.evictable() && may(m) && s.takesPart(m) && m.live() && len(m.applied) > 0 && *m.seen < s.within(m) && !slices.Contains(but, m) {
			lonely = append(lonely, m)
		}
	}
	slices.SortStableFunc(lonely, func(a, b *member) int { return cmp.Compare(*a.seen, *b.seen) })
	return lonely
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
