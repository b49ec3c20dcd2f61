package gossipring

import (
	"slices"

	"github.com/portolan-dev/portolan/controllers/plan"
)

// seedAll computes what every member should have: the endpoints of all others. While
// the endpoint of a member is not known, for example because the ring's status was
// lost, seeds that were written may be its and are kept; only those of leavers go.
func seedAll(members, leavers []*member) {
	endpoints, complete := map[string]string{}, true
	for _, m := range members {
		if m.endpoint == "" {
			complete = false
			continue
		}
		endpoints[m.name] = m.endpoint
	}
	for _, m := range members {
		m.desired = plan.Seeds(endpoints, m.name)
		if !complete {
			m.desired = union(m.desired, withoutEndpoints(m.written, slices.Concat(leavers, []*member{m})))
		}
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
