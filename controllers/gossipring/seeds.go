package gossipring

import (
	"slices"

	"github.com/portolan-dev/portolan/controllers/plan"
)

// seedAll computes what every member should have. While the endpoint of a member is not
// known, for example because the ring's status was lost, seeds that were written may be its
// and are kept; only those of leavers go. A list never becomes empty but for who is alone.
func seedAll(s *scope) {
	var endpoints, selves []plan.SeedMember
	for _, m := range s.members {
		self := plan.SeedMember{Region: m.name, AWSRegion: string(m.region.Spec.AWSRegion), Endpoint: m.endpoint}
		selves = append(selves, self)
		if m.endpoint != "" {
			endpoints = append(endpoints, self)
		}
	}
	desired := s.memo.desire(selves, func() map[string][]string {
		return plan.SeedsBy(s.ring.Spec.Seeds.Topology, endpoints, selves)
	})
	complete := len(endpoints) == len(selves)
	for _, m := range s.members {
		m.desired = desired[m.name]
		if !complete {
			m.desired = union(m.desired, withoutEndpoints(m.written, slices.Concat(s.leavers, []*member{m})))
		}
		settleApplied(s, m)
	}
}

func withoutEndpoints(seeds []string, of []*member) []string {
	return slices.DeleteFunc(slices.Clone(seeds), func(seed string) bool {
		return slices.ContainsFunc(of, func(m *member) bool { return m.endpoint == seed })
	})
}

func union(a, b []string) []string {
	all := slices.Concat(a, b)
	slices.Sort(all)
	return slices.Compact(all)
}
