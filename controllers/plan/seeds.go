package plan

import (
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// Selects tells whether a ring has the Region as a member. While the ring's selector cannot be
// read, those are members that have been.
func Selects(ring *v1alpha1.GossipRing, region *v1alpha1.Region) bool {
	if ring.Namespace != region.Namespace || ring.Spec.EnvironmentRef != region.Spec.EnvironmentRef ||
		len(ring.Spec.Profiles) > 0 && !slices.Contains(ring.Spec.Profiles, region.Spec.Profile) {
		return false
	}
	if ring.Spec.RegionSelector == nil {
		return true
	}
	selector, err := metav1.LabelSelectorAsSelector(ring.Spec.RegionSelector)
	if err != nil {
		return WasMember(ring, region)
	}
	return selector.Matches(labels.Set(region.Labels))
}

// WasMember tells whether a ring had the Region as a member when it was last looked at.
func WasMember(ring *v1alpha1.GossipRing, region *v1alpha1.Region) bool {
	return slices.ContainsFunc(ring.Status.Members, func(m v1alpha1.RingMember) bool {
		return m.Region == region.Name && (!leaves(m) || !region.DeletionTimestamp.IsZero())
	})
}

// leaves tells whether peers drop a member's seed, or have.
func leaves(m v1alpha1.RingMember) bool {
	return m.State == v1alpha1.MemberLeaving || m.State == v1alpha1.MemberLeft
}
