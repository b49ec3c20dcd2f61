package gossipring

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// defaultConvergeTimeout is the API's default, for rings that were stored before it had one.
const defaultConvergeTimeout = 10 * time.Minute

func (s *scope) convergeTimeout() time.Duration {
	if t := s.ring.Spec.Rollout.ConvergeTimeout; t != nil {
		return t.Duration
	}
	return defaultConvergeTimeout
}

func (s *scope) maxConcurrent() int { return max(1, int(s.ring.Spec.Rollout.MaxConcurrentRegions)) }

// whoseTurn returns the members to write in this pass.
func (r *Reconciler) whoseTurn(s *scope) []*member {
	for _, m := range s.members {
		r.recallWrites(s, m)
		s.refusing = s.refusing || m.failing
		// It has yet to be found out that it cannot be written.
		m.failing = m.failing || !m.reachable && s.inRegions()
	}
	return nextWrites(s.members, s.maxConcurrent()-len(s.departing), r.awaited(s))
}

// recallWrites tells what came of a member's last writes.
func (r *Reconciler) recallWrites(s *scope, m *member) {
	key, now, timeout := client.ObjectKeyFromObject(s.ring), r.Clock.Now(), s.convergeTimeout()
	if m.deliverable && !m.behind() { // it has what it should, by whomever
		r.failures.note(key, m.name, nil, now, timeout)
	}
	last, failing := r.failures.of(key, m.name)
	m.failing, m.triedAt = failing, last.at
	m.mayHave(last.lost, now, timeout)
}

// nextWrites returns the members whose seeds may be written now, in the order in
// which to write them. Every write restarts the region's members, so at most
// maxConcurrent regions change at once, and each has come back before the next. One that
// has lost others counts as well, and may be written itself while no more restart than may:
// everybody misses a region for a moment whose members restart. No more than maxConcurrent
// regions out of sight carry what nobody has seen to land: nobody knows when they will restart,
// and they may all do so together.
//
// A region that is connected already and would only learn about more peers is left
// alone while another is about to get its endpoint: regions that join together cost
// their peers one restart. A write whose answer was lost is repeated before all others, because the region
// may be restarting; those whose last write has failed otherwise come after them, in turn.
//
// While the pods of one read what was written for it as one bogus host, those of all others may:
// nobody is written then who has something to lose.
func nextWrites(members []*member, maxConcurrent int, awaited func(*member) bool) []*member {
	live, expecting := liveMembers(members), slices.ContainsFunc(members, awaited)
	left := places{healthy: maxConcurrent, cures: maxConcurrent, unseen: maxConcurrent}
	changing, misread := map[*member]bool{}, slices.ContainsFunc(members, (*member).misreads)
	var urgent, others []*member
	for _, m := range members {
		if changing[m] = m.changing(live) || m.unrecorded() && !m.lost; changing[m] { // it may restart just now
			left.occupy(m)
		}
		if m.outOfSight() && (!m.landed() || m.unrecorded()) {
			left.unseen--
		}
		switch {
		case !m.writable(changing[m]), misread && !m.hasNothingToLose():
		case m.unheard, m.urgent(live):
			urgent = append(urgent, m)
		case !expecting:
			others = append(others, m)
		}
	}
	turn := slices.Concat(urgent, others)
	slices.SortStableFunc(turn, func(a, b *member) int { return cmp.Or(cmp.Compare(a.rank(), b.rank()), a.triedAt.Compare(b.triedAt)) })
	return slices.DeleteFunc(turn, func(m *member) bool { return !left.take(m, changing[m], live) })
}

// writable tells whether the member lacks something that it can be given now.
func (m *member) writable(changing bool) bool {
	return m.deliverable && m.behind() && !m.unrecorded() && (!changing || m.settledDown())
}

// misreads tells whether the member's pods do not get what was written for it as they should. Those
// that have their seeds from elsewhere until the first are written are about to.
func (m *member) misreads() bool { return m.malformed != nil && !m.guessed && len(m.written) > 0 }

// hasNothingToLose tells whether new seeds cannot cut the member off, in whatever form its pods get
// them: none run, or they are alone, with seeds in another form than they should have.
func (m *member) hasNothingToLose() bool {
	switch {
	case m.vacant && !m.joined, m.unfinished && !m.live():
		return true
	default:
		return m.reform && m.seen != nil && *m.seen <= m.weightOf()
	}
}

// rank is -1 for those that come first, and 1 for those that come last: one that cannot be written at all
// would have the turn in every pass.
func (m *member) rank() int {
	switch {
	case m.unheard && m.reachable:
		return -1
	case m.failing:
		return 1
	default:
		return 0
	}
}

// urgent tells whether the ring is worse off without the write: the member is not
// connected to all others, or dials somebody who is not there any more, or cannot read what
// it has.
func (m *member) urgent(live alive) bool {
	if m.seen == nil || m.reform {
		return true
	}
	// A newcomer counts the others before their next look shows that they count it. Who was
	// connected, or was born with seeds a moment ago, misses only those that it dials itself.
	dialed := m.joined || m.endpoint == "" && len(m.written) > 0
	if *m.seen < live.weight && (!dialed || *m.seen < m.reach(m.written, live)) {
		return true
	}
	return slices.ContainsFunc(m.written, func(seed string) bool {
		_, found := slices.BinarySearch(m.desired, seed)
		return !found
	})
}

// awaited tells whether a region that is being deployed will soon have an endpoint, or be
// connected by the seeds that it was born with. It is waited for only so long: a region that
// never comes up must not keep others from seeds, nor one that comes up again and again. Who has an endpoint can be written to, even
// if the last look found nothing to write into.
func (r *Reconciler) awaited(s *scope) func(*member) bool {
	live, now := liveMembers(s.members), r.Clock.Now()
	return func(m *member) bool {
		return m.isNew(s, now) && m.comingUp(live, now.Sub(m.deploying(now)) < s.convergeTimeout())
	}
}

// comingUp tells whether the member is about to get what it lacks; recent is whether it began a moment ago.
func (m *member) comingUp(live alive, recent bool) bool {
	pending := m.before.State == v1alpha1.MemberPending
	switch {
	case !m.reachable: // for a moment, if it was registered a moment ago
		return !m.joined && m.registered() && recent
	case m.endpoint == "":
		return (m.deliverable || m.undelivered != nil) && (!pending || recent)
	case !m.hasPods: // its Service has its name before they are there
		return !m.joined && recent
	default:
		return m.arriving(live) && (pending || recent)
	}
}

// deploying is since when the member is expected to come up: its state may be as old as its
// Region, and building a cluster takes longer than anybody waits for pods.
func (m *member) deploying(now time.Time) time.Time {
	since := m.before.LastTransitionTime.Time
	registered := meta.FindStatusCondition(m.region.Status.Conditions, v1alpha1.RegionRegistered)
	switch {
	case registered == nil:
		return since
	case registered.Reason == v1alpha1.ReasonSyncing: // at this moment
		return now
	case registered.Status == metav1.ConditionTrue && registered.LastTransitionTime.After(since):
		return registered.LastTransitionTime.Time
	}
	return since
}

// patience is how many convergeTimeouts a newcomer has in all, however often its state changes.
const patience = 3

// isNew tells whether the member was registered, or the ring made, not too long ago.
func (m *member) isNew(s *scope, now time.Time) bool {
	since := s.ring.CreationTimestamp.Time
	registered := meta.FindStatusCondition(m.region.Status.Conditions, v1alpha1.RegionRegistered)
	if registered == nil || registered.Status != metav1.ConditionTrue {
		return true
	}
	if registered.LastTransitionTime.After(since) {
		since = registered.LastTransitionTime.Time
	}
	return now.Sub(since) < patience*s.convergeTimeout()
}

func (m *member) registered() bool {
	return meta.IsStatusConditionTrue(m.region.Status.Conditions, v1alpha1.RegionRegistered)
}

// arriving tells whether the member runs and was never yet connected to all others.
func (m *member) arriving(live alive) bool {
	return !m.joined && (m.seen == nil || *m.seen < live.weight)
}

// holds tells whether the member has a turn, so that others wait for theirs.
func (m *member) holds(live alive) bool { return !m.foreign && m.changing(live) }

// changingSince is since when the member has its turn: from when its seeds were written, or its
// pods began to restart by themselves.
func (m *member) changingSince(live alive, now metav1.Time) *metav1.Time {
	switch {
	case !m.holds(live):
		return nil
	case m.before.ChangingSince != nil:
		return m.before.ChangingSince
	case m.writtenAt != nil && (m.before.SeedsWrittenAt == nil || m.writtenAt.After(m.before.SeedsWrittenAt.Time)):
		return m.writtenAt
	}
	return &now
}

// overdue says which regions have not connected again in time, and after what.
func (r *Reconciler) overdue(s *scope) string {
	live := liveMembers(s.members)
	var written, restarted []string
	for _, m := range s.members {
		since := m.before.ChangingSince
		if since == nil || !m.holds(live) {
			continue
		}
		turn := &restarted
		if m.writtenAt != nil && !m.writtenAt.Before(since) {
			since, turn = m.writtenAt, &written
		}
		if r.Clock.Since(since.Time) > s.convergeTimeout() {
			*turn = append(*turn, m.name)
		}
	}
	var late []string
	if len(written) > 0 {
		late = append(late, fmt.Sprintf("%s after its seeds were written: %s", s.convergeTimeout(), strings.Join(written, ", ")))
	}
	if len(restarted) > 0 {
		late = append(late, fmt.Sprintf("%s after its pods began to restart: %s", s.convergeTimeout(), strings.Join(restarted, ", ")))
	}
	return strings.Join(late, ", ")
}

// turns says for whom others are waiting. Who was written in this pass is not worth a word.
func (s *scope) turns() string {
	live := liveMembers(s.members)
	holders, waiting := slices.Clone(s.departing), false
	for _, m := range s.members {
		switch {
		case !m.holds(live):
			waiting = waiting || m.behind()
		case m.before.ChangingSince != nil:
			holders = append(holders, m.name)
		}
	}
	if !waiting || len(holders) == 0 {
		return ""
	}
	return "; the turn is with " + strings.Join(holders, ", ")
}
