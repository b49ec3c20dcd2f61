package plan

import (
	"slices"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// Selects tells whether a ring has the Region as a member.
func Selects(ring *v1alpha1.GossipRing, region *v1alpha1.Region) bool {
	return ring.Namespace == region.Namespace &&
		ring.Spec.EnvironmentRef == region.Spec.EnvironmentRef &&
		(len(ring.Spec.Profiles) == 0 || slices.Contains(ring.Spec.Profiles, region.Spec.Profile))
}
