package gossipring

import (
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/remote"
	"github.com/portolan-dev/portolan/controllers/internal/step"
	"github.com/portolan-dev/portolan/controllers/probe"
)

// bridged gives a member a pod that could be evicted.
func bridged(m *member) {
	m.remote, m.bridge = &remote.Cluster{}, &corev1.Pod{}
}

func TestConvergenceNamesTheParts(t *testing.T) {
	const a, b, c, d, e = "a.example", "b.example", "c.example", "d.example", "e.example"
	for name, tc := range map[string]struct {
		members     []*member
		peerLabel   string
		wantReason  string
		wantMessage string
	}{
		"counts that tell": {
			members:     []*member{settled("a", 2, b), settled("b", 2, a), settled("c", 3, a), settled("d", 3, a), settled("e", 3, a)},
			wantReason:  v1alpha1.ReasonPartitioned,
			wantMessage: "the ring has split: c, d, e | a, b",
		},
		"counts that do not": {
			members:    []*member{settled("a", 2, b), settled("b", 2, a), settled("c", 2, d), settled("d", 2, c)},
			wantReason: v1alpha1.ReasonPartitioned,
			wantMessage: "the ring has split into at least 2 parts " +
				"(counts do not tell more; spec.membership.peerLabel does)",
		},
		"names of those seen tell": {
			peerLabel: "region",
			members: []*member{
				settled("a", 2, b).but(sees("a", "b")), settled("b", 2, a).but(sees("a", "b")),
				settled("c", 2, d).but(sees("c", "d")), settled("d", 2, c).but(sees("c", "d")),
			},
			wantReason:  v1alpha1.ReasonPartitioned,
			wantMessage: "the ring has split: a, b | c, d",
		},
		"one that restarts is no part": {
			members: []*member{
				settled("a", 2, b), settled("b", 2, a),
				settled("c", 1, a).but(func(m *member) { m.rolling, m.applied = true, nil }),
			},
			wantReason: v1alpha1.ReasonNotConverged, wantMessage: "a sees 2 of 3, b sees 2 of 3, c sees 1 of 3",
		},
		"one that has never been connected is no part": {
			members: []*member{
				settled("a", 2, b), settled("b", 2, a), settled("c", 1, a).but(func(m *member) { m.joined = false }),
			},
			wantReason: v1alpha1.ReasonNotConverged, wantMessage: "a sees 2 of 3, b sees 2 of 3, c sees 1 of 3",
		},
		"one that is down is no part": {
			members:    []*member{settled("a", 2, b), settled("b", 2, a), settled("c", 0).but(func(m *member) { m.seen = nil })},
			wantReason: v1alpha1.ReasonNotConverged, wantMessage: "a sees 2 of 3, b sees 2 of 3",
		},
		"one that the others have not missed yet": {
			members: []*member{settled("a", 3, b), settled("b", 3, a), settled("c", 1, a)}, wantReason: v1alpha1.ReasonPartitioned,
			wantMessage: "the ring has split: c | the others",
		},
		"one that is alone": {
			members: []*member{settled("a", 2, b), settled("b", 2, a), settled("c", 1, a)}, wantReason: v1alpha1.ReasonPartitioned,
			wantMessage: "the ring has split: a, b | c",
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			ring := ringWith("")
			ring.Spec.Membership.PeerLabel = tc.peerLabel
			s := &scope{ring: ring, members: tc.members}
			s.findParts()
			r := driver(nil)
			g.Expect(step.ReasonOf(r.reconcileConvergence(t.Context(), s))).To(Equal(v1alpha1.ReasonNotConverged), "it may be for a moment")
			r.Clock.(*testingclock.FakeClock).Step(poll)
			err := r.reconcileConvergence(t.Context(), s)
			g.Expect(step.ReasonOf(err)).To(Equal(tc.wantReason))
			g.Expect(err).To(MatchError(HavePrefix(tc.wantMessage)))
		})
	}
}

// Members of a new ring whose first seeds did not resolve are connected by nobody else.
func TestWhoIsNeverConnectedIsEvictedInTheEnd(t *testing.T) {
	const a, b, c, d = "a.example", "b.example", "c.example", "d.example"
	newcomer := func(m *member) { m.joined = false }
	is := func(state v1alpha1.MemberState) func(*member) {
		return func(m *member) { m.before.State, m.before.LastTransitionTime = state, metav1.NewTime(start) }
	}
	for name, tc := range map[string]struct {
		members []*member
		after   time.Duration
		want    string
	}{
		"one that is alone beside a ring": {
			members: []*member{settled("a", 2, b), settled("b", 2, a), settled("c", 1, a, b).but(newcomer).but(is(v1alpha1.MemberIsolated))},
			after:   defaultConvergeTimeout, want: "c",
		},
		"not before it has had its time": {
			members: []*member{settled("a", 2, b), settled("b", 2, a), settled("c", 1, a, b).but(newcomer).but(is(v1alpha1.MemberIsolated))},
			after:   defaultConvergeTimeout - time.Second,
		},
		"not one that is to get other seeds": {
			members: []*member{
				settled("a", 2, b), settled("b", 2, a),
				settled("c", 1, a, b).but(newcomer).but(is(v1alpha1.MemberIsolated)).but(func(m *member) { m.desired = []string{a} }),
			},
			after: defaultConvergeTimeout,
		},
		"all that never were, each alone": {
			members: []*member{settled("a", 1, b).but(newcomer).but(is(v1alpha1.MemberIsolated)), settled("b", 1, a).but(newcomer).but(is(v1alpha1.MemberIsolated))},
			after:   defaultConvergeTimeout, want: "b",
		},
		"beside one that was alone before, and waits": {
			members: []*member{settled("a", 1, b), settled("b", 1, a).but(newcomer).but(is(v1alpha1.MemberIsolated))},
			after:   defaultConvergeTimeout, want: "b",
		},
		"also when that one's name comes after": {
			members: []*member{settled("b", 1, a), settled("a", 1, b).but(newcomer).but(is(v1alpha1.MemberIsolated))},
			after:   defaultConvergeTimeout, want: "a",
		},
		"newcomers that are more than those who were connected": {
			members: []*member{
				settled("d", 1, a, b), settled("a", 2, b, d).but(newcomer).but(is(v1alpha1.MemberSeeded)), settled("b", 2, a, d).but(newcomer).but(is(v1alpha1.MemberSeeded)),
			},
			after: defaultConvergeTimeout, want: "a",
		},
		"newcomers that are as many, where counts do not tell": {
			members: []*member{
				settled("a", 2, b, c, d), settled("b", 2, a, c, d),
				settled("c", 2, a, b, d).but(newcomer).but(is(v1alpha1.MemberSeeded)), settled("d", 2, a, b, c).but(newcomer).but(is(v1alpha1.MemberSeeded)),
			},
			after: defaultConvergeTimeout, want: "c",
		},
		"parts of both kinds, each with newcomers": {
			members: []*member{
				settled("a", 2, b, "n1.example", "n2.example", "n3.example"), settled("b", 3, a, "n1.example", "n2.example", "n3.example"),
				settled("n1", 2, a, b, "n2.example", "n3.example").but(newcomer).but(is(v1alpha1.MemberSeeded)),
				settled("n2", 3, a, b, "n1.example", "n3.example").but(newcomer).but(is(v1alpha1.MemberSeeded)),
				settled("n3", 3, a, b, "n1.example", "n2.example").but(newcomer).but(is(v1alpha1.MemberSeeded)),
			},
			after: defaultConvergeTimeout, want: "n1",
		},
		"one that was connected, where only it dials them": {
			members: []*member{
				settled("a", 3, b, "n1.example"), settled("b", 3, a), settled("c", 3, a),
				settled("n1", 2, "n2.example").but(newcomer).but(is(v1alpha1.MemberSeeded)), settled("n2", 2, "n1.example").but(newcomer).but(is(v1alpha1.MemberSeeded)),
			},
			after: defaultConvergeTimeout, want: "a",
		},
		"those that have found only each other": {
			members: []*member{
				settled("a", 2, b).but(newcomer).but(is(v1alpha1.MemberSeeded)), settled("b", 2, c).but(newcomer).but(is(v1alpha1.MemberSeeded)),
				settled("c", 2, d).but(newcomer).but(is(v1alpha1.MemberSeeded)), settled("d", 2, c).but(newcomer).but(is(v1alpha1.MemberSeeded)),
			},
			after: defaultConvergeTimeout, want: "a",
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			for _, m := range tc.members {
				bridged(m)
				m.stranded = m.staysOutside(start.Add(tc.after), defaultConvergeTimeout)
			}
			s := passOver(tc.members...)
			g.Expect(s.isSplit()).To(Equal(tc.want != ""))
			if tc.want != "" {
				g.Expect(names(s.bridgesToOthers())[0]).To(Equal(tc.want))
			}
		})
	}
}

// A newcomer that can never be connected must not keep those from being healed who were.
func TestAStrandedNewcomerHidesNoSplit(t *testing.T) {
	const a, b, c, d = "a.example", "b.example", "c.example", "d.example"
	newcomer := func() *member {
		return settled("n", 1, a, b, c, d).but(func(m *member) { m.joined, m.stranded = false, true })
	}
	evictions := &v1alpha1.RingRejoin{Region: "n", Attempts: 7, InVain: 7, At: metav1.NewTime(start.Add(-time.Minute))}
	all := func(members ...*member) *scope {
		for _, m := range members {
			bridged(m)
		}
		s := passOver(members...)
		s.ring.Status.RejoinNewcomers = evictions.DeepCopy()
		s.ring.Status.Conditions = []metav1.Condition{{
			Type: v1alpha1.RingConverged, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonPartitioned, LastTransitionTime: metav1.NewTime(start.Add(-time.Hour)),
		}}
		return s
	}
	g, r := NewWithT(t), driver(nil)
	whole := all(settled("a", 4, b), settled("b", 4, a), settled("c", 4, d), settled("d", 4, c), newcomer())
	g.Expect(whole.isSplit()).To(BeTrue())
	g.Expect(r.lasting(whole)).To(BeFalse())
	r.Clock.(*testingclock.FakeClock).Step(poll)
	g.Expect(r.lasting(whole)).To(BeTrue())
	why, held := r.holdsRejoin(whole)
	g.Expect(held).To(BeTrue())
	g.Expect(why).To(HavePrefix("evicting a member was tried 7 times in vain, the last in n"))

	split := all(settled("a", 2, b), settled("b", 2, a, c), settled("c", 2, d), settled("d", 2, a, c), newcomer())
	g.Expect(split.isSplit()).To(BeTrue())
	g.Expect(r.lasting(split)).To(BeFalse(), "it has only just begun")
	r.Clock.(*testingclock.FakeClock).Step(poll)
	g.Expect(r.lasting(split)).To(BeTrue())
	why, held = r.holdsRejoin(split)
	g.Expect(held).To(BeFalse(), why)
	g.Expect(names(split.bridgesToOthers())).To(And(Not(BeEmpty()), Not(ContainElement("n"))))
	g.Expect(split.attempts()).To(BeZero())
}

// A budget may protect one member of a part and not another.
func TestOthersOfAPartMayGo(t *testing.T) {
	const a, d, e = "a.example", "d.example", "e.example"
	members := []*member{settled("a", 3, d), settled("b", 3, a), settled("c", 3, a), settled("d", 2, e, a), settled("e", 2, d, a)}
	for _, m := range members {
		bridged(m)
	}
	NewWithT(t).Expect(names(passOver(members...).bridgesToOthers())).To(Equal([]string{"d", "e"}), "and none of the largest part")
}

// One part may be cut off for good: the others must not wait for it.
func TestEachAttemptIsAnotherParts(t *testing.T) {
	const a, c, d, f = "a.example", "c.example", "d.example", "f.example"
	named := func() []*member {
		return []*member{
			settled("a", 3, f).but(sees("a", "b", "c")), settled("b", 3, a).but(sees("a", "b", "c")), settled("c", 3, a).but(sees("a", "b", "c")),
			settled("d", 2, a).but(sees("d", "e")), settled("e", 2, d).but(sees("d", "e")), settled("f", 1, a).but(sees("f")),
		}
	}
	counted := func() []*member {
		return []*member{settled("a", 2, c), settled("b", 2, a), settled("c", 2, d), settled("d", 2, a), settled("g", 1, a)}
	}
	two := func() []*member {
		return []*member{settled("a", 3, d), settled("b", 3, a), settled("c", 3, a), settled("d", 2, a), settled("e", 2, a)}
	}
	for name, tc := range map[string]struct {
		members   func() []*member
		peerLabel string
		want      []string
	}{
		"with names":  {members: named, peerLabel: "region", want: []string{"f", "d", "f"}},
		"of one part": {members: two, want: []string{"d", "e", "d"}},
		"with counts": {members: counted, want: []string{"g", "a", "b", "c", "d", "g"}},
	} {
		t.Run(name, func(t *testing.T) {
			members := tc.members()
			for _, m := range members {
				bridged(m)
			}
			s := passOver(members...)
			s.ring.Spec.Membership.PeerLabel = tc.peerLabel
			s.findParts()
			var evicted []string
			for attempt := range len(tc.want) {
				if attempt > 0 {
					s.ring.Status.Rejoin = &v1alpha1.RingRejoin{Region: evicted[attempt-1], Attempts: int32(attempt)}
				}
				evicted = append(evicted, s.bridgesToOthers()[0].name)
			}
			NewWithT(t).Expect(evicted).To(Equal(tc.want))
		})
	}
}

// A member that is out of sight, and that another one counts, is nobody new to that one.
func TestNobodyIsEvictedToDialWhomItHas(t *testing.T) {
	g := NewWithT(t)
	cut := probes(row("x", silent, silent))
	dark := settled("a", 3).but(func(m *member) { m.reachable, m.hasPods, m.seen, m.applied = false, false, nil, nil })
	members := []*member{
		dark, settled("b", 3, "a.example", "c.example").but(sees("a", "b", "c")).but(cut), settled("c", 3, "a.example", "b.example").but(sees("a", "b", "c")).but(cut),
		settled("x", 1, "a.example", "b.example").but(sees("x")).but(probes(row("a", silent, silent), row("b", silent, silent), row("c", silent, silent))),
	}
	for _, m := range members[1:] {
		bridged(m)
	}
	s := passOver(members...)
	s.ring.Spec.Membership.PeerLabel = "region"
	s.findParts()
	g.Expect(s.split.Partitions).To(Equal([][]string{{"b", "c"}, {"x"}}))
	g.Expect(s.bridgesToOthers()).To(BeEmpty())
	members[1].but(sees("b", "c"))
	g.Expect(names(s.bridgesToOthers())).To(Equal([]string{"b"}), "it has lost the one out of sight")
}

// Who has no seed of a newcomer would only restart.
func TestWhoIsConnectedGoesOnlyForNewcomersThatItDials(t *testing.T) {
	const a, b, c, n1, n2, n3 = "a.example", "b.example", "c.example", "n1.example", "n2.example", "n3.example"
	blocked := probes(row("a", silent, silent), row("b", silent, silent), row("c", silent, silent))
	newcomer := func(m *member) { m.joined, m.stranded = false, true }
	all := func(n *member) []*member {
		members := []*member{
			settled("a", 3, b, n1), settled("b", 3, a, c), settled("c", 3, a, b),
			settled("n2", 3, n1, a).but(newcomer).but(blocked), settled("n3", 3, n1, n2).but(newcomer).but(blocked),
		}
		for _, m := range members {
			bridged(m)
		}
		return append(members, n.but(newcomer)) // its pod is not known
	}
	g := NewWithT(t)
	s := passOver(all(settled("n1", 3, n2, n3))...)
	g.Expect(s.split.AtLeast).To(Equal(2))
	g.Expect(names(s.bridgesToOthers())).To(Equal([]string{"a"}))
	g.Expect(passOver(all(settled("n1", 3, n2, n3).but(blocked))...).bridgesToOthers()).To(BeEmpty(), "a's successor would not get through")
}

// Twelve newcomers that are alone need twelve evictions: those that help use up nobody's patience.
func TestEvictionsThatHelpAreNotInVain(t *testing.T) {
	g, r := NewWithT(t), driver(nil)
	s := passOver(settled("a", 1), settled("b", 1), settled("c", 1), settled("d", 1))
	g.Expect(s.newcomers).To(BeFalse())
	parts := func(atLeast int) { s.split.AtLeast = atLeast }
	for _, tc := range []struct {
		atLeast          int
		attempts, inVain int32
		pause            time.Duration
	}{
		{atLeast: 4, attempts: 1, inVain: 1, pause: 8 * poll},
		{atLeast: 4, attempts: 2, inVain: 2, pause: 16 * poll},
		{atLeast: 3, attempts: 3, inVain: 1, pause: 8 * poll},
		{atLeast: 4, attempts: 4, inVain: 2, pause: 16 * poll}, // it has had fewer already
		{atLeast: 3, attempts: 5, inVain: 3, pause: 32 * poll},
		{atLeast: 2, attempts: 6, inVain: 1, pause: 8 * poll},
	} {
		parts(tc.atLeast)
		r.recordEviction(s, s.members[0])
		done := s.ring.Status.Rejoin
		g.Expect([]int32{done.Attempts, done.InVain}).To(Equal([]int32{tc.attempts, tc.inVain}))
		g.Expect(r.rejoinPause(s, s.inVain())).To(Equal(tc.pause))
		g.Expect(s.ring.Status.RejoinNewcomers).To(BeNil())
	}
	parts(2)
	g.Expect(s.inVain()).To(BeEquivalentTo(1))
	s.members[3].seen = nil
	parts(1)
	g.Expect(s.inVain()).To(BeEquivalentTo(1), "it may be another part, and is not seen")
	r.recordEviction(s, s.members[0])
	g.Expect(s.ring.Status.Rejoin.Parts).To(BeEquivalentTo(2))
	s.members[2].seen = nil
	parts(0)
	g.Expect(s.inVain()).To(BeEquivalentTo(2))
	s.members[2].seen, s.members[3].seen = new(int32(1)), new(int32(1))
	parts(1)
	g.Expect(s.inVain()).To(BeZero(), "the last one has helped")
}

func TestAllAreAskedInTheEndWhereBudgetsProtectMany(t *testing.T) {
	g, r := NewWithT(t), driver(nil)
	var able []*member
	for i := range 2*mostTried + 3 {
		able = append(able, settled(fmt.Sprintf("m%02d", i), 1))
	}
	g.Expect(r.asked(able[:mostTried])).To(Equal(able[:mostTried]))
	asked := map[*member]bool{}
	for range len(able) {
		now := r.asked(able)
		g.Expect(now).To(HaveLen(mostTried))
		g.Expect(now[0]).To(Equal(able[0]), "whose turn it is")
		for _, m := range now {
			asked[m] = true
		}
		r.Clock.(*testingclock.FakeClock).Step(poll)
	}
	g.Expect(asked).To(HaveLen(len(able)))
}

func sees(regions ...string) func(*member) {
	return func(m *member) { m.peers = regions }
}

func TestWhoIsEvictedToRejoin(t *testing.T) {
	const a, b, c, d, e = "a.example", "b.example", "c.example", "d.example", "e.example"
	for name, tc := range map[string]struct {
		members []*member
		want    string
	}{
		"one of the smaller part": {
			members: []*member{settled("a", 3, b), settled("b", 3, a), settled("c", 3, a), settled("d", 2, a), settled("e", 2, a)}, want: "d",
		},
		"one that has a seed on the other side": {
			members: []*member{settled("a", 3, b), settled("b", 3, a), settled("c", 3, a), settled("d", 2, e), settled("e", 2, a)}, want: "e",
		},
		"one that gets through": {
			members: []*member{
				settled("a", 3, b), settled("b", 3, a), settled("c", 3, a),
				settled("d", 2, a).but(probes(row("a", silent, silent))), settled("e", 2, a).but(probes(row("a", ok, ok))),
			}, want: "e",
		},
		"one of those that see fewest, where it is not known who is with whom": {
			members: []*member{settled("a", 2, b), settled("b", 2, a), settled("c", 2, d), settled("d", 2, c)}, want: "a",
		},
		"one that gets through to more than it sees, where it is not known who is with whom": {
			members: []*member{
				settled("a", 2, b).but(probes(row("b", ok, ok), row("c", silent, silent), row("d", rejected, rejected))),
				settled("b", 2, a).but(probes(row("a", ok, ok), row("c", silent, silent), row("d", silent, silent))),
				settled("c", 2, d).but(probes(row("a", ok, ok), row("b", silent, silent), row("d", ok, ok))), settled("d", 2, c),
			}, want: "c",
		},
		"nobody who has no seeds": {
			members: []*member{settled("a", 2, b, c), settled("b", 2, a), settled("c", 1)}, want: "a",
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			for _, m := range tc.members {
				bridged(m)
			}
			able := passOver(tc.members...).bridgesToOthers()
			g.Expect(able).NotTo(BeEmpty())
			g.Expect(able[0].name).To(Equal(tc.want))
		})
	}
	NewWithT(t).Expect(passOver(settled("a", 1, b), settled("b", 1, a)).bridgesToOthers()).To(BeEmpty(), "no pod is known")
	for name, members := range map[string][]*member{
		"all parts have names": {settled("a", 3, d), settled("b", 3, d), settled("c", 3, d)},
		"one has none":         {settled("a", 4, d), settled("b", 3, d), settled("c", 3, d)},
	} {
		t.Run("nobody, while only the odd one's key is in the way and "+name, func(t *testing.T) {
			members = append(members, settled("d", 1, a, b, c).but(
				probes(row("a", rejected, rejected), row("b", rejected, rejected), row("c", rejected, rejected))))
			for _, m := range members {
				bridged(m)
			}
			NewWithT(t).Expect(passOver(members...).bridgesToOthers()).To(BeEmpty())
		})
	}
}

// While the network is cut, a successor would find nobody whom its predecessor has not found.
func TestNobodyIsEvictedWhoGetsThroughToNobodyElse(t *testing.T) {
	for name, peerLabel := range map[string]string{"counts": "", "names": "region"} {
		t.Run(name, func(t *testing.T) {
			members := []*member{
				settled("a", 2, "c.example").but(probes(row("b", ok, ok), row("c", silent, silent), row("d", silent, silent))).but(sees("a", "b")),
				settled("b", 2, "c.example").but(probes(row("a", ok, ok), row("c", silent, silent), row("d", silent, silent))).but(sees("a", "b")),
				settled("c", 2, "a.example").but(probes(row("d", ok, ok), row("a", silent, silent), row("b", silent, silent))).but(sees("c", "d")),
				settled("d", 2, "a.example").but(probes(row("c", ok, ok), row("a", silent, silent), row("b", silent, silent))).but(sees("c", "d")),
			}
			for _, m := range members {
				bridged(m)
			}
			s := passOver(members...)
			s.ring.Spec.Membership.PeerLabel = peerLabel
			s.findParts()
			NewWithT(t).Expect(s.split.AtLeast).To(Equal(2))
			NewWithT(t).Expect(s.bridgesToOthers()).To(BeEmpty())
		})
	}
}

func TestRejoinIsPatient(t *testing.T) {
	split := func() *scope {
		s := passOver(settled("a", 2, "c.example"), settled("b", 2, "a.example"), settled("c", 1, "a.example"))
		s.ring.Status.Conditions = []metav1.Condition{{
			Type: v1alpha1.RingConverged, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonPartitioned, LastTransitionTime: metav1.NewTime(start),
		}}
		return s
	}
	for name, tc := range map[string]struct {
		after  time.Duration
		change func(*scope)
		want   string
	}{
		"members may find each other by themselves": {after: poll},
		"it was only just noticed":                  {after: time.Hour, change: func(s *scope) { s.ring.Status.Conditions = nil }},
		"one change at a time": {
			after: time.Hour, change: func(s *scope) { s.members[0].rolling = true },
			want: "no member is evicted while those of a restart",
		},
		"not when told so": {
			after: time.Hour, change: func(s *scope) { s.ring.Spec.OnPartition = v1alpha1.PartitionReport },
			want: "spec.onPartition is Report: restart the members of one side, one region at a time",
		},
		"the last attempt is given time": {
			after: time.Hour, change: func(s *scope) {
				s.ring.Status.Rejoin = &v1alpha1.RingRejoin{Region: "c", At: metav1.NewTime(start.Add(time.Hour - poll)), InVain: 1}
			},
			want: "a member of c was evicted, so that its successor dials the other side",
		},
		"also where members should be back at once": {
			after: time.Hour, change: func(s *scope) {
				s.ring.Spec.Rollout.ConvergeTimeout = &metav1.Duration{}
				s.ring.Status.Rejoin = &v1alpha1.RingRejoin{Region: "c", At: metav1.NewTime(start.Add(time.Hour - poll)), InVain: 3}
			},
			want: "a member of c was evicted, so that its successor dials the other side",
		},
		"seldom after many": {
			after: time.Hour, change: func(s *scope) {
				s.ring.Status.Rejoin = &v1alpha1.RingRejoin{Region: "c", At: metav1.NewTime(start.Add(time.Minute)), Attempts: 2 * patientRejoins, InVain: patientRejoins}
			},
			want: "evicting a member was tried 5 times in vain, the last in c, and will be every 1h0m0s: " +
				"look whether the regions reach each other at port 7947, over TCP and UDP",
		},
		"but not never": {
			after: time.Hour, change: func(s *scope) {
				s.ring.Status.Rejoin = &v1alpha1.RingRejoin{Region: "c", At: metav1.NewTime(start), InVain: 2 * patientRejoins}
			},
			want: "no member that could be evicted has a seed on another side and, as far as probes know, gets through to it",
		},
		"not while keys differ": {
			after: time.Hour, change: func(s *scope) {
				s.ring.Status.Conditions = append(s.ring.Status.Conditions, metav1.Condition{Type: v1alpha1.RingKeysMatch, Reason: v1alpha1.ReasonKeyMismatch})
			},
			want: "no member is evicted while keys differ",
		},
		"somebody to evict is needed": {
			after: time.Hour, want: "no member that could be evicted has a seed on another side and, as far as probes know, gets through to it",
		},
	} {
		t.Run(name, func(t *testing.T) {
			g, s, r := NewWithT(t), split(), driver(nil)
			r.Clock.(*testingclock.FakeClock).Step(tc.after)
			if tc.change != nil {
				tc.change(s)
			}
			g.Expect(r.rejoin(t.Context(), s)).To(Equal(tc.want))
		})
	}
}

func TestOneThatRestartsHoldsEvictionsForOnlySoLong(t *testing.T) {
	long, lately := metav1.NewTime(start), metav1.NewTime(start.Add(time.Hour-time.Minute))
	rolling := func(m *member) { m.rolling, m.applied = true, nil }
	behind := func(m *member) { m.desired = []string{"a.example", "new.example"} }
	foreign := func(m *member) { m.foreign, m.applied = true, []string{"a.example", "old.example"} }
	since := func(at metav1.Time) func(*member) { return func(m *member) { m.before.ChangingSince = &at } }
	written := func(at metav1.Time) func(*member) {
		return func(m *member) { m.writtenAt, m.before.SeedsWrittenAt = &at, &at }
	}
	made := func(at metav1.Time) func(*member) {
		return func(m *member) { m.pods = []*corev1.Pod{{}, {ObjectMeta: metav1.ObjectMeta{CreationTimestamp: at}}} }
	}
	for name, tc := range map[string]struct {
		d        *member
		wantHeld bool
	}{
		"its pods began to restart a minute ago":     {d: settled("d", 1, "a.example").but(rolling).but(since(lately)), wantHeld: true},
		"its pods have begun to restart right now":   {d: settled("d", 1, "a.example").but(rolling), wantHeld: true},
		"a pod of it is not Ready since an hour":     {d: settled("d", 1, "a.example").but(rolling).but(since(long)).but(made(long))},
		"it was written again a minute ago":          {d: settled("d", 1, "a.example").but(rolling).but(since(long)).but(written(lately)), wantHeld: true},
		"a pod of it was made a minute ago":          {d: settled("d", 1, "a.example").but(rolling).but(since(long)).but(made(lately)), wantHeld: true},
		"it waits for seeds since an hour":           {d: settled("d", 1, "a.example").but(behind).but(since(long))},
		"it was never given any, and has no turn":    {d: settled("d", 4, "a.example").but(behind)},
		"it has those of another delivery for long":  {d: settled("d", 1, "a.example").but(foreign).but(written(long))},
		"it has those of another delivery, lately":   {d: settled("d", 1, "a.example").but(foreign).but(written(lately)), wantHeld: true},
		"its pods are gone, which is no restart yet": {d: settled("d", 0, "a.example").but(func(m *member) { m.hasPods, m.seen, m.applied = false, nil, nil })},
	} {
		t.Run(name, func(t *testing.T) {
			g, r := NewWithT(t), driver(nil)
			r.Clock.(*testingclock.FakeClock).Step(time.Hour)
			s := passOver(settled("a", 2, "b.example"), settled("b", 2, "a.example"), settled("c", 1, "a.example").but(bridged), tc.d)
			s.ring.Status.Conditions = []metav1.Condition{{
				Type: v1alpha1.RingConverged, Status: metav1.ConditionFalse, Reason: v1alpha1.ReasonPartitioned, LastTransitionTime: long,
			}}
			why, held := r.holdsRejoin(s)
			g.Expect(held).To(Equal(tc.wantHeld))
			if tc.wantHeld {
				g.Expect(why).To(Equal("no member is evicted while those of d restart"))
				return
			}
			g.Expect(why).To(BeEmpty())
			able := s.bridgesToOthers()
			g.Expect(able).NotTo(BeEmpty())
			g.Expect(able[0].name).To(Equal("c"))
		})
	}
}

func TestWhyAMemberIsAlone(t *testing.T) {
	others := func() []*member { return []*member{settled("b", 1), settled("c", 1)} }
	for name, tc := range map[string]struct {
		alone *member
		want  string
	}{
		"nobody can tell": {alone: settled("a", 1, "b.example"), want: "it sees nobody but itself: check port and key"},
		"it has no seeds": {alone: settled("a", 1), want: "it sees nobody but itself, and its pods have no seeds"},
		"nobody answers its probe": {
			alone: settled("a", 1, "b.example").but(probes(row("b", silent, silent))),
			want:  "it sees nobody but itself, and its probe gets no answer: check the security groups of the load balancers and its NAT gateways",
		},
		"its key": {
			alone: settled("a", 1, "b.example").but(probes(row("b", rejected, rejected), row("c", rejected, rejected))),
			want:  "it sees nobody but itself: it has another key than the others; compare its copy of the secret, then restart its pods",
		},
	} {
		t.Run(name, func(t *testing.T) {
			members := append(others(), tc.alone)
			members[0].but(probes(tc.alone.mirror()...))
			members[1].but(probes(tc.alone.mirror()...))
			NewWithT(t).Expect(isolation(tc.alone, members)).To(Equal(tc.want))
		})
	}
}

// mirror is what the others' probes say when the member's own says what it says.
func (m *member) mirror() (rows []probe.Row) {
	for _, r := range m.rows {
		rows = append(rows, row(m.name, r.TCP, r.UDP))
	}
	return rows
}
