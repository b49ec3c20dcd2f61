package gossipring

import (
	"slices"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

func TestSeedAll(t *testing.T) {
	for name, tc := range map[string]struct {
		members []*member
		leavers []*member
		ring    func(*v1alpha1.GossipRing)
		want    map[string][]string
	}{
		"everybody has everybody else": {
			members: []*member{{name: "a", endpoint: "a.x"}, {name: "b", endpoint: "b.x"}, {name: "c", endpoint: "c.x"}},
			want:    map[string][]string{"a": {"b.x", "c.x"}, "b": {"a.x", "c.x"}, "c": {"a.x", "b.x"}},
		},
		"alone": {
			members: []*member{{name: "a", endpoint: "a.x", written: []string{"gone.x"}}},
			want:    map[string][]string{"a": nil},
		},
		"a member without endpoint is nobody's seed and has its own": {
			members: []*member{{name: "a", endpoint: "a.x"}, {name: "b"}},
			want:    map[string][]string{"a": nil, "b": {"a.x"}},
		},
		"all endpoints forgotten, all seeds kept": {
			members: []*member{{name: "a", written: []string{"b.x"}}, {name: "b", written: []string{"a.x"}}},
			want:    map[string][]string{"a": {"b.x"}, "b": {"a.x"}},
		},
		"what may be a forgotten member's is kept": {
			members: []*member{{name: "a", endpoint: "a.x", written: []string{"b.x", "c.x"}}, {name: "b"}, {name: "c", endpoint: "c.x"}},
			want:    map[string][]string{"a": {"b.x", "c.x"}, "b": {"a.x", "c.x"}, "c": {"a.x"}},
		},
		"what is a leaver's goes even then": {
			members: []*member{{name: "a", endpoint: "a.x", written: []string{"b.x", "gone.x"}}, {name: "b"}},
			leavers: []*member{{name: "gone", endpoint: "gone.x"}},
			want:    map[string][]string{"a": {"b.x"}, "b": {"a.x"}},
		},
		"a replaced endpoint goes when all are known": {
			members: []*member{{name: "a", endpoint: "a.x", written: []string{"old.x"}}, {name: "b", endpoint: "new.x"}},
			want:    map[string][]string{"a": {"new.x"}, "b": {"a.x"}},
		},
		"what nobody knows goes while a newcomer comes up in a ring that was whole": {
			members: []*member{{name: "a", endpoint: "a.x", written: []string{"b.x", "old.x"}}, {name: "b", endpoint: "b.x"}, {name: "c"}},
			ring:    whole,
			want:    map[string][]string{"a": {"b.x"}, "b": {"a.x"}, "c": {"a.x", "b.x"}},
		},
		"another topology takes effect meanwhile": {
			members: []*member{{name: "a", endpoint: "a.x", written: []string{"b.x", "c.x"}}, {name: "b", endpoint: "b.x"}, {name: "c", endpoint: "c.x"}, {name: "d"}},
			ring: func(g *v1alpha1.GossipRing) {
				whole(g)
				g.Spec.Seeds.Topology.Hubs = []string{"b"}
			},
			want: map[string][]string{"a": {"b.x"}, "b": {"a.x", "c.x"}, "c": {"b.x"}, "d": {"b.x"}},
		},
		"not while one that is older may have been forgotten": {
			members: []*member{{name: "a", endpoint: "a.x", written: []string{"old.x"}}, {name: "b"}},
			ring:    func(g *v1alpha1.GossipRing) { g.Status.ConvergedAt = &metav1.Time{Time: start.Add(time.Hour)} },
			want:    map[string][]string{"a": {"old.x"}, "b": {"a.x"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			ring := ringWith("")
			if tc.ring != nil {
				tc.ring(ring)
			}
			seedAll(&scope{ring: ring, members: placed(tc.members), leavers: tc.leavers})
			for _, m := range tc.members {
				if tc.want[m.name] == nil {
					g.Expect(m.desired).To(BeEmpty(), m.name)
				} else {
					g.Expect(m.desired).To(Equal(tc.want[m.name]), m.name)
				}
			}
		})
	}
}

// whole makes a ring that was whole before its placed members were created.
func whole(g *v1alpha1.GossipRing) { g.Status.ConvergedAt = ago(time.Hour) }

// placed gives members a Region.
func placed(members []*member) []*member {
	for _, m := range members {
		m.region = &v1alpha1.Region{}
		m.region.CreationTimestamp = metav1.NewTime(start)
	}
	return members
}

func TestSeedsAreNeverEmptiedByForgetting(t *testing.T) {
	names := []string{"a", "b", "c", "d", "e"}
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(2, len(names)).Draw(t, "size")
		var members []*member
		for _, name := range names[:size] {
			m := &member{name: name}
			if rapid.Bool().Draw(t, "known") {
				m.endpoint = name + ".x"
			}
			for _, other := range names[:size] {
				if other != name && rapid.Bool().Draw(t, "written") {
					m.written = append(m.written, other+".x")
				}
			}
			members = append(members, m)
		}
		seedAll(passOver(placed(members)...))
		for _, m := range members {
			if len(m.written) > 0 && len(m.desired) == 0 {
				t.Fatalf("%s had %v and is to have nothing", m.name, m.written)
			}
			if slices.Contains(m.desired, m.name+".x") {
				t.Fatalf("%s has itself as a seed", m.name)
			}
			if !slices.IsSorted(m.desired) || len(slices.Compact(slices.Clone(m.desired))) != len(m.desired) {
				t.Fatalf("%v is not sorted and unique", m.desired)
			}
		}
	})
}

// desiredBy are the seeds that one pass wants each member to have.
func desiredBy(members, leavers []*member, forgotten bool) map[string][]string {
	s := &scope{ring: ringWith(""), members: placed(members), leavers: leavers}
	if !forgotten {
		whole(s.ring)
	}
	seedAll(s)
	desired := map[string][]string{}
	for _, m := range members {
		desired[m.name] = m.desired
	}
	return desired
}

func TestNobodyIsSeededWithStrangers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var members, leavers []*member
		var known []string
		written := rapid.SliceOfDistinct(rapid.SampledFrom([]string{"a.x", "b.x", "c.x", "left.x", "former.x", "foreign.x"}), rapid.ID)
		for _, name := range []string{"a", "b", "c"} {
			m := &member{name: name, reachable: rapid.Bool().Draw(t, "reachable"), written: written.Draw(t, "written")}
			if rapid.Bool().Draw(t, "known") {
				m.endpoint = name + ".x"
				known = append(known, m.endpoint)
			}
			slices.Sort(m.written)
			members = append(members, m)
		}
		for _, name := range []string{"left", "former"} {
			leavers = append(leavers, &member{name: name, endpoint: name + ".x", former: name == "former"})
		}
		forgotten := rapid.Bool().Draw(t, "the status is lost")
		pass := func() map[string][]string { return desiredBy(members, leavers, forgotten) }
		desired := pass()
		for _, m := range members {
			others := slices.DeleteFunc(slices.Clone(known), func(seed string) bool { return seed == m.endpoint })
			strange := slices.IndexFunc(desired[m.name], func(seed string) bool {
				return m.endpoint == seed || seed == "left.x" || seed == "former.x" || !forgotten && !slices.Contains(others, seed)
			})
			if strange >= 0 {
				t.Fatalf("%s is seeded with %s", m.name, desired[m.name][strange])
			}
			if len(desired[m.name]) == 0 && len(others) > 0 {
				t.Fatalf("%s is to have nothing", m.name)
			}
			m.reachable = !m.reachable
		}
		NewWithT(t).Expect(pass()).To(Equal(desired), "who cannot be reached keeps its part")
	})
}

// With a backup's status, everything is younger than what is known of it, and has another UID.
func TestARingThatIsRestoredKeepsItsSeeds(t *testing.T) {
	g := NewWithT(t)
	ring := ringWith("")
	ring.CreationTimestamp = metav1.NewTime(start)
	ring.Status.ConvergedAt = ago(time.Hour)
	ring.Status.Members = []v1alpha1.RingMember{
		{Region: "a", UID: "before", State: v1alpha1.MemberConverged, Endpoint: "a.x", JoinedAt: ago(time.Hour), LastTransitionTime: *ago(time.Hour)},
		{Region: "b", UID: "before", State: v1alpha1.MemberPending, LastTransitionTime: *ago(time.Hour)},
	}
	s := &scope{ring: ring}
	for _, name := range []string{"a", "b"} {
		region := &v1alpha1.Region{}
		region.Namespace, region.Name, region.Spec.EnvironmentRef = ring.Namespace, name, ring.Spec.EnvironmentRef
		region.UID, region.CreationTimestamp = types.UID("new"), metav1.NewTime(start)
		m := known(ring, region)
		m.written = []string{"lost.x"}
		s.members = append(s.members, m)
	}
	s.takeLeave([]v1alpha1.Region{*s.members[0].region, *s.members[1].region})
	g.Expect(s.leavers).To(BeEmpty())
	g.Expect(s.members[0].endpoint).To(Equal("a.x"))
	g.Expect(s.members[0].joined).To(BeTrue())
	seedAll(s)
	g.Expect(s.members[0].desired).To(Equal([]string{"lost.x"}))
	g.Expect(s.members[1].desired).To(Equal([]string{"a.x", "lost.x"}))
}
