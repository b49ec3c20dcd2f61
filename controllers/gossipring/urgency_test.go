package gossipring

import (
	"testing"

	. "github.com/onsi/gomega"
)

func TestUrgent(t *testing.T) {
	const a, b, c = "a.example", "b.example", "c.example"
	newcomer := func(m *member) { m.endpoint, m.joined = "", false }
	neverJoined := func(m *member) { m.joined = false }
	for name, tc := range map[string]struct {
		member *member
		want   bool
	}{
		"sees everybody": {member: settled("a", 3, b).but(wants(b, c))},
		"has not been counted by a newcomer's peers yet":     {member: settled("a", 2, b).but(wants(b, c))},
		"does not see whom it dials":                         {member: settled("a", 2, b, c), want: true},
		"cannot be read":                                     {member: settled("a", 3, b).but(func(m *member) { m.seen = nil }), want: true},
		"was never connected to all":                         {member: settled("a", 2, b).but(neverJoined), want: true},
		"born with seeds, before all have been looked at":    {member: settled("a", 2, b).but(newcomer)},
		"born with seeds that it does not see":               {member: settled("a", 1, b).but(newcomer), want: true},
		"born without seeds":                                 {member: settled("a", 1).but(newcomer), want: true},
		"dials somebody who has gone":                        {member: settled("a", 3, b, "gone.example").but(wants(b, c)), want: true},
		"has seeds in another form":                          {member: settled("a", 3, b).but(func(m *member) { m.reform = true }), want: true},
		"sees everybody, with seeds in the order of another": {member: settled("a", 3, c, b)},
	} {
		t.Run(name, func(t *testing.T) {
			live := liveMembers([]*member{tc.member, settled("b", 3, a, c), settled("c", 3, a, b)})
			NewWithT(t).Expect(tc.member.urgent(live)).To(Equal(tc.want))
		})
	}
}
