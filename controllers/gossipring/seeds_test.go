package gossipring

import (
	"slices"
	"testing"

	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

func TestSeedAll(t *testing.T) {
	for name, tc := range map[string]struct {
		members []*member
		leavers []*member
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
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			seedAll(&scope{ring: ringWith(""), members: placed(tc.members), leavers: tc.leavers})
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

// placed gives members a Region.
func placed(members []*member) []*member {
	for _, m := range members {
		m.region = &v1alpha1.Region{}
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
