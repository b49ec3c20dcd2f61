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
)

const (
	// rejoinAfter is for how many looks a ring has to be split before anything is done: members
	// that lose each other for a moment find each other again by themselves.
	rejoinAfter = 2
	// patientRejoins is how often evicting a member is tried in vain before people are asked; from then
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
	for _, m := range r.asked(able) {
		switch err := m.remote.EvictPod(ctx, m.bridge); {
		case err == nil:
			r.recordEviction(s, m)
			return "a member of " + m.name + " was evicted, so that its successor dials the other side"
		case errors.Is(err, remote.ErrBudget):
			kept = cmp.Or(kept, fmt.Sprintf("a disruption budget protects pod %s/%s of %s, whose successor would dial the other side", m.bridge.Namespace, m.bridge.Name, m.name))
		case errors.Is(err, remote.ErrRefused):
			kept = cmp.Or(kept, fmt.Sprintf("pod %s/%s of %s is not evicted: %s", m.bridge.Namespace, m.bridge.Name, m.name, remote.Explain(err)))
		default: // it may be on its way out
			r.recordEviction(s, m)
			return fmt.Sprintf("whether a member of %s was evicted is not known: %s", m.name, remote.Explain(err))
		}
	}
	return kept
}

// asked are those to try in one pass: first whose turn it is, then from one look to the next others.
func (r *Reconciler) asked(able []*member) []*member {
	if len(able) <= mostTried {
		return able
	}
	rest := able[1:]
	at := int(r.Clock.Now().UnixNano()/int64(r.Poll)) * (mostTried - 1) % len(rest)
	return slices.Concat(able[:1], rest[at:], rest[:at])[:mostTried]
}

// rejoins is where evictions are noted: those of newcomers are for none of those who were connected.
func (s *scope) rejoins() **v1alpha1.RingRejoin {
	if s.newcomers {
		return &s.ring.Status.RejoinNewcomers
	}
	return &s.ring.Status.Rejoin
}

func (r *Reconciler) recordEviction(s *scope, m *member) {
	done := v1alpha1.RingRejoin{Region: m.name, At: metav1.NewTime(r.Clock.Now()), Attempts: 1, InVain: 1, Parts: s.parts()}
	if last := *s.rejoins(); last != nil {
		done.Attempts, done.InVain = last.Attempts+1, s.inVain()+1
		if last.Parts > 0 {
			done.Parts = min(last.Parts, done.Parts)
		}
	}
	*s.rejoins() = &done
}

// parts are those that the ring has at least, with members that are not seen, each of which may be one.
func (s *scope) parts() int32 {
	parts := s.split.AtLeast
	for _, m := range s.members {
		if m.joined && !m.live() {
			parts++
		}
	}
	return int32(parts)
}

// attempts are the evictions for this split.
func (s *scope) attempts() int {
	if done := *s.rejoins(); done != nil {
		return int(done.Attempts)
	}
	return 0
}

// inVain are those since the ring last had fewer parts than ever before: as long as they help, the next
// one is not waited for longer and longer.
func (s *scope) inVain() int32 {
	done := *s.rejoins()
	if done == nil || s.parts() < done.Parts {
		return 0
	}
	return done.InVain
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
	done, inVain := *s.rejoins(), s.inVain()
	switch {
	case done == nil || r.Clock.Since(done.At.Time) >= r.rejoinPause(s, inVain):
	case inVain >= patientRejoins:
		return fmt.Sprintf("evicting a member was tried %d times in vain, the last in %s, and will be every %s: look whether the regions reach each other at port %d, over TCP and UDP",
			inVain, done.Region, r.rejoinPause(s, inVain), s.port()), true
	default:
		return "a member of " + done.Region + " was evicted, so that its successor dials the other side", true
	}
	return "", false
}

// rejoinPause doubles with every attempt in vain, and is long after many. However soon members should be
// back, no pause is shorter than the first.
func (r *Reconciler) rejoinPause(s *scope, inVain int32) time.Duration {
	const first = 4 * rejoinAfter
	longest := max(s.convergeTimeout(), first*r.Poll)
	if inVain >= patientRejoins {
		return seldom * longest
	}
	return min(longest, (first/2*r.Poll)<<max(1, inVain))
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
