package gossipring

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

func TestOneThatWentAwayWhileItRestartedHoldsTheOthers(t *testing.T) {
	const a, b, c = "a.example", "b.example", "c.example"
	gone := func(m *member) { m.reachable, m.hasPods, m.seen, m.applied = false, false, nil, nil }
	away := func(m *member) { gone(m); m.away = true }
	undeliverable := func(m *member) { away(m); m.deliverable, m.written = false, nil }
	blurred := func(m *member) { m.seen, m.deliverable, m.written = nil, false, nil }
	others := []*member{settled("b", 2, a).but(wants(a, c)), settled("c", 2, a, b)}
	lost := []*member{settled("b", 1, a, c).but(wants("d.example")), settled("c", 2, a, b)}
	for name, tc := range map[string]struct {
		first  func(*member)
		others []*member
		want   []string
	}{
		"it was back before": {first: gone, others: others, want: []string{"b"}},
		"it was not":         {first: away, others: others},
		"and what it was given is where nobody gets now":                          {first: undeliverable, others: others},
		"and one that has lost others would restart as well":                      {first: undeliverable, others: lost},
		"its pods are there, and neither its view nor what it was given is known": {first: blurred, others: others},
		"it is behind itself, and what is there is not known":                     {first: func(m *member) { away(m); wants(b)(m) }, others: others},
	} {
		t.Run(name, func(t *testing.T) {
			members := append([]*member{settled("a", 3, b, c).but(tc.first)}, tc.others...)
			NewWithT(t).Expect(names(nextWrites(members, 1, func(*member) bool { return false }))).To(Equal(tc.want))
		})
	}
}

func TestWhoWentAway(t *testing.T) {
	const timeout = 10 * time.Minute
	restarting := func() *member {
		written := metav1.NewTime(start.Add(-time.Minute))
		return &member{joined: true, deliverable: true, writtenAt: &written, before: v1alpha1.RingMember{WrittenSeedsHash: "new"}}
	}
	for name, tc := range map[string]struct {
		but  func(*member)
		want bool
	}{
		"pods that differed when they were last seen":     {want: true},
		"pods that had the seeds of before":               {but: func(m *member) { m.before.AppliedSeedsHash = "old" }, want: true},
		"pods that were back":                             {but: func(m *member) { m.before.AppliedSeedsHash = "new" }},
		"pods that are seen":                              {but: func(m *member) { m.hasPods = true }},
		"pods that are seen, and what was written is not": {but: func(m *member) { m.hasPods, m.deliverable = true, false }, want: true},
		"a newcomer":    {but: func(m *member) { m.joined = false }},
		"never written": {but: func(m *member) { m.writtenAt = nil }},
		"out of sight since it was written": {but: func(m *member) {
			m.before.State, m.before.LastTransitionTime = v1alpha1.MemberUnknown, *m.writtenAt
		}, want: true},
		"written to while it was out of sight": {but: func(m *member) {
			m.before.State, m.before.LastTransitionTime = v1alpha1.MemberUnknown, metav1.NewTime(m.writtenAt.Add(-time.Second))
		}},
		"for longer than anybody waits": {but: func(m *member) {
			m.writtenAt = &metav1.Time{Time: start.Add(-timeout - time.Second)}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			m := restarting()
			if tc.but != nil {
				tc.but(m)
			}
			NewWithT(t).Expect(m.wentAway(start, timeout)).To(Equal(tc.want))
		})
	}
}

func TestAnUnknownMemberKeepsWhatItWasLastSeenToRunWith(t *testing.T) {
	for name, tc := range map[string]struct {
		state     v1alpha1.MemberState
		reachable bool
		want      string
	}{
		"seen to be converged":            {state: v1alpha1.MemberConverged, want: "known"},
		"unknown for some time":           {state: v1alpha1.MemberUnknown, want: "known"},
		"not yet back":                    {state: v1alpha1.MemberSeeded},
		"there, but its pods all deleted": {state: v1alpha1.MemberConverged, reachable: true},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			m := settled("a", 2, "b.example").but(func(m *member) {
				m.reachable, m.hasPods = tc.reachable, false
				m.before = v1alpha1.RingMember{State: tc.state, AppliedSeedsHash: "known", WrittenSeedsHash: "written"}
				m.deliverable = false
			})
			described := passOver(m).describe(m, v1alpha1.MemberUnknown, "", metav1.NewTime(start))
			g.Expect(described.AppliedSeedsHash).To(Equal(tc.want))
			g.Expect(described.WrittenSeedsHash).To(Equal("written"))
		})
	}
}
