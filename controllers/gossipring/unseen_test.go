package gossipring

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// unseen is a member that was connected and settled when it was last seen.
func unseen(m *member) {
	m.reachable, m.hasPods, m.seen, m.applied = false, false, nil, nil
	m.before = v1alpha1.RingMember{State: v1alpha1.MemberUnknown, WrittenSeedsHash: "known", AppliedSeedsHash: "known"}
}

// unlanded is one that was written to meanwhile.
func unlanded(m *member) {
	unseen(m)
	m.before.WrittenSeedsHash = "new"
}

// unmet is one that nobody has tried to reach yet.
func unmet(m *member) { m.unmet = true }

func TestMembersOutOfSightAreNotAllWritten(t *testing.T) {
	const a, b, c, d = "a.example", "b.example", "c.example", "d.example"
	visible := func() *member { return settled("a", 1, b, c, d) }
	for name, tc := range map[string]struct {
		members       []*member
		maxConcurrent int
		want          []string
	}{
		"one of them may be": {
			members:       []*member{visible(), settled("b", 0, a).but(unseen).but(wants(a, c)), settled("c", 0, a).but(unseen).but(wants(a, b))},
			maxConcurrent: 1, want: []string{"b"},
		},
		"the next has to wait until it is seen to have landed": {
			members:       []*member{visible(), settled("b", 0, a, c).but(unlanded), settled("c", 0, a).but(unseen).but(wants(a, b))},
			maxConcurrent: 1,
		},
		"or two at a time": {
			members: []*member{
				visible(), settled("b", 0, a, c).but(unlanded), settled("c", 0, a).but(unseen).but(wants(a, b)), settled("d", 0, a).but(unseen).but(wants(a, b)),
			},
			maxConcurrent: 2, want: []string{"c"},
		},
		"who carries one restarts anyway": {
			members:       []*member{visible(), settled("b", 0, a).but(unlanded).but(wants(a, c)), settled("c", 0, a).but(unseen).but(wants(a, b))},
			maxConcurrent: 1, want: []string{"b"},
		},
		"what an operator wrote that was killed is left alone until its region is met": {
			members: []*member{
				visible(), settled("b", 0, a, c).but(unseen).but(wants(a, d)).but(unmet), settled("c", 0, a).but(unseen).but(wants(a, b)),
			},
			maxConcurrent: 1,
		},
		"and nobody else either, although the others can be seen": {
			members:       []*member{settled("a", 2, b).but(wants(b, d)), settled("b", 0, a, c).but(unseen).but(wants(a, d)).but(unmet), settled("d", 2, a)},
			maxConcurrent: 1,
		},
		"but not for ever": {
			members: []*member{
				settled("a", 2, b).but(wants(b, d)), settled("b", 0, a, c).but(unseen).but(wants(a, d)).but(unmet).but(func(m *member) { m.lost = true }), settled("d", 2, a),
			},
			maxConcurrent: 1, want: []string{"a"},
		},
		"and takes one of two places": {
			members: []*member{
				visible(), settled("b", 0, a, c).but(unseen).but(wants(a, d)).but(unmet), settled("c", 0, a).but(unseen).but(wants(a, b)),
			},
			maxConcurrent: 2, want: []string{"c"},
		},
		"those that can be seen are not held": {
			members:       []*member{settled("a", 1, b).but(wants(b, c)), settled("b", 0, a, c).but(unlanded), settled("c", 0, a).but(unseen).but(wants(a, b))},
			maxConcurrent: 1, want: []string{"a"},
		},
		"and hold those that cannot": {
			members:       []*member{visible().but(func(m *member) { m.rolling = true }), settled("b", 0, a).but(unseen).but(wants(a, c))},
			maxConcurrent: 1,
		},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(names(nextWrites(tc.members, tc.maxConcurrent, func(*member) bool { return false }))).To(Equal(tc.want))
		})
	}
}

func TestALeaverWaitsForMembersOutOfSightOnlySoLong(t *testing.T) {
	g := NewWithT(t)
	m := settled("a", 0, "gone.example").but(unseen)
	m.before.LastTransitionTime = metav1.NewTime(start)
	for after, want := range map[time.Duration]v1alpha1.MemberState{time.Minute: v1alpha1.MemberLeaving, time.Hour: v1alpha1.MemberLeft} {
		m.lost = m.vanished(start.Add(after), defaultConvergeTimeout)
		state, dropped := leaverState(settled("gone", 1), []*member{m})
		g.Expect(state).To(Equal(want), after.String())
		g.Expect(dropped).To(Equal(want == v1alpha1.MemberLeft), after.String())
	}
	m.reachable = true
	g.Expect(m.vanished(start.Add(time.Hour), defaultConvergeTimeout)).To(BeFalse(), "its view cannot be read, and it can be written to")
}
