package plan

import (
	"cmp"
	"slices"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// Joining tells which rings a Region joins and which regions' seeds change because of it, both
// by name. Rings and Regions that are being deleted do not count.
func Joining(rings []v1alpha1.GossipRing, regions []v1alpha1.Region, region *v1alpha1.Region) []v1alpha1.PlannedRing {
	var joins []v1alpha1.PlannedRing
	for i := range rings {
		ring := &rings[i]
		if !ring.DeletionTimestamp.IsZero() || !Selects(ring, region) {
			continue
		}
		joins = append(joins, v1alpha1.PlannedRing{Name: ring.Name, Peers: peers(ring, regions, region)})
	}
	slices.SortFunc(joins, func(a, b v1alpha1.PlannedRing) int { return cmp.Compare(a.Name, b.Name) })
	return joins
}

func peers(ring *v1alpha1.GossipRing, regions []v1alpha1.Region, self *v1alpha1.Region) []string {
	var all []string
	for i := range regions {
		r := &regions[i]
		if r.Name != self.Name && r.DeletionTimestamp.IsZero() && Selects(ring, r) {
			all = append(all, r.Name)
		}
	}
	slices.Sort(all)
	return all
}

// Pins returns the profile's applications, in its order, with the revisions that they start at.
func Pins(profile v1alpha1.Profile, promotions []v1alpha1.Promotion, environment, region string) []v1alpha1.PlannedApplication {
	var pins []v1alpha1.PlannedApplication
	for _, app := range profile.Applications {
		revision, _ := Pin(promotions, environment, region, app.Name)
		pins = append(pins, v1alpha1.PlannedApplication{Name: app.Name, Revision: revision})
	}
	return pins
}
