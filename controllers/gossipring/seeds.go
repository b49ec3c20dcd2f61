package gossipring

import (
	"slices"

	"github.com/portolan-dev/portolan/controllers/plan"
)

// seedAll computes what every member should have. While the endpoint of a member may have been
// forgotten, because the ring's status was lost, seeds that were written may be its and are kept;
// only those of leavers go. A list becomes empty only where nobody else has an endpoint.
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
	forgetful := slices.ContainsFunc(s.members, s.mayBeForgotten)
	for _, m := range s.members {
		m.desired = desired[m.name]
		if forgetful {
			m.desired = union(m.desired, withoutEndpoints(m.written, slices.Concat(s.leavers, []*member{m})))
		}
		settleApplied(s, m)
	}
}

// mayBeForgotten tells whether a member may have had an endpoint that is not known any more. One that
// is younger than the last time when the ring was whole has not had any yet, unless that was before a
// backup, with which everything has become younger.
func (s *scope) mayBeForgotten(m *member) bool {
	whole := s.ring.Status.ConvergedAt
	return m.endpoint == "" && (whole == nil || whole.Before(&s.ring.CreationTimestamp) || !m.region.CreationTimestamp.After(whole.Time))
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
