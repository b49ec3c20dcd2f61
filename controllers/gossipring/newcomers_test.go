package gossipring

import (
	"fmt"
	"slices"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	testingclock "k8s.io/utils/clock/testing"
	"pgregory.net/rapid"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// TestPeersAreWrittenOnceForAllNewcomers plays regions that were registered together, with a settled
// ring's seeds. Their pods come up and their load balancers get names at any time within
// convergeTimeout, in any order.
func TestPeersAreWrittenOnceForAllNewcomers(t *testing.T) {
	const until = 20 // passes; all of it within convergeTimeout
	rapid.Check(t, func(t *rapid.T) {
		g, clk := NewWithT(t), testingclock.NewFakeClock(start)
		r := &Reconciler{Deps: Deps{Clock: clk}}
		limit := rapid.IntRange(1, 3).Draw(t, "maxConcurrent")
		members, seeds := settledRing(rapid.IntRange(2, 6).Draw(t, "settled"))
		peers, running, named := slices.Clone(members), map[*member]int{}, map[*member]int{}
		for i := range rapid.IntRange(1, 4).Draw(t, "newcomers") {
			m := settled(fmt.Sprintf("n%d", i), 0, slices.Clone(seeds)...).but(func(m *member) {
				m.endpoint, m.joined, m.hasPods, m.seen = "", false, false, nil
				m.before.State, m.before.LastTransitionTime = v1alpha1.MemberPending, metav1.NewTime(start)
				m.region.Status.Conditions = []metav1.Condition{{Type: v1alpha1.RegionRegistered, Status: metav1.ConditionTrue, LastTransitionTime: metav1.NewTime(start)}}
			})
			running[m], named[m] = rapid.IntRange(0, until).Draw(t, "running"), rapid.IntRange(0, until).Draw(t, "named")
			members = append(members, m)
		}

		writes := map[string]int{}
		for pass := range 4 * until {
			clk.Step(poll)
			comeUp(members, func(m *member) bool { return pass >= running[m] }, func(m *member) bool { return pass >= named[m] })
			s := passOver(members...)
			seedAll(s)
			for _, m := range nextWrites(members, limit, r.awaited(s)) {
				writes[m.name]++
				m.written, m.applied = m.desired, m.desired
			}
			noteStates(members, metav1.NewTime(clk.Now()))
		}
		g.Expect(until * poll).To(BeNumerically("<", 10*time.Minute))
		for _, m := range members {
			g.Expect(m.written).To(Equal(m.desired), m.name)
		}
		for _, m := range peers {
			g.Expect(writes).To(HaveKeyWithValue(m.name, 1))
		}
	})
}

// settledRing is a ring of so many members that run with their seeds.
func settledRing(size int) (members []*member, seeds []string) {
	for i := range size {
		m := settled(fmt.Sprintf("m%d", i), int32(size))
		members, seeds = append(members, m), append(seeds, m.endpoint)
	}
	seedAll(passOver(members...))
	for _, m := range members {
		m.written, m.applied = m.desired, m.desired
	}
	return members, seeds
}

// comeUp has members see each other once they run, and have an endpoint once they are named.
func comeUp(members []*member, running, named func(*member) bool) {
	var live int32
	for _, m := range members {
		m.hasPods = m.joined || running(m)
		if named(m) {
			m.endpoint = m.name + ".example"
		}
		if m.hasPods {
			live++
		}
	}
	for _, m := range members {
		if m.hasPods {
			m.seen = new(live)
		}
	}
}

// noteStates takes down what a pass reports.
func noteStates(members []*member, now metav1.Time) {
	for _, m := range members {
		if state, _ := stateOf(m, members); state != m.before.State {
			m.before.State, m.before.LastTransitionTime = state, now
			m.joined = m.joined || state == v1alpha1.MemberConverged
		}
	}
}
