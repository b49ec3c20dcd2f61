package plan

import (
	"maps"
	"slices"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// Endpoints returns the endpoint of each member of a ring that peers may use as a
// seed, by Region. What is known of a member that cannot be observed is kept; only
// members that leave are left out.
func Endpoints(ring *v1alpha1.GossipRing) map[string]string {
	endpoints := map[string]string{}
	for _, m := range ring.Status.Members {
		if m.Endpoint != "" && m.State != v1alpha1.MemberLeaving && m.State != v1alpha1.MemberLeft {
			endpoints[m.Region] = m.Endpoint
		}
	}
	return endpoints
}

// Seeds returns a member's seeds: the endpoints of all others, sorted, without
// duplicates and without its own.
func Seeds(endpoints map[string]string, self string) []string {
	own := endpoints[self]
	seeds := slices.Sorted(maps.Values(endpoints))
	return slices.Compact(slices.DeleteFunc(seeds, func(s string) bool { return s == own }))
}

// Selects tells whether a ring has the Region as a member.
func Selects(ring *v1alpha1.GossipRing, region *v1alpha1.Region) bool {
	return ring.Namespace == region.Namespace &&
		ring.Spec.EnvironmentRef == region.Spec.EnvironmentRef &&
		(len(ring.Spec.Profiles) == 0 || slices.Contains(ring.Spec.Profiles, region.Spec.Profile))
}
