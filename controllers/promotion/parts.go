package promotion

import (
	"slices"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// applicationsIn are those that a rollout moves in a region: what was recorded, or, of a region that is new, all.
// What joined its profile since waits for another rollout, wherever else it runs.
func applicationsIn(rollout *v1alpha1.PromotionRollout, region string) []string {
	if part := partIn(rollout, region); part != nil {
		return part.Applications
	}
	return rollout.Applications
}

func partIn(rollout *v1alpha1.PromotionRollout, region string) *v1alpha1.RegionApplications {
	i := slices.IndexFunc(rollout.ApplicationsIn, func(part v1alpha1.RegionApplications) bool { return slices.Contains(part.Regions, region) })
	if i < 0 {
		return nil
	}
	return &rollout.ApplicationsIn[i]
}

// addPart keeps regions with the same applications together.
func addPart(parts []v1alpha1.RegionApplications, region string, applications []string) []v1alpha1.RegionApplications {
	for i := range parts {
		if slices.Equal(parts[i].Applications, applications) {
			parts[i].Regions = append(parts[i].Regions, region)
			return parts
		}
	}
	return append(parts, v1alpha1.RegionApplications{Regions: []string{region}, Applications: applications})
}

// servedBy tells whether a rollout is to the target's revisions, and moves all of its applications in each region.
func (t target) servedBy(rollout *v1alpha1.PromotionRollout) bool {
	if rollout == nil || rollout.ID != t.ID() || !slices.Equal(rollout.Applications, t.applications) {
		return false
	}
	for region, applications := range t.in {
		moves := applicationsIn(rollout, region)
		if slices.ContainsFunc(applications, func(app string) bool { return !slices.Contains(moves, app) }) {
			return false
		}
	}
	return true
}

// noteNewcomers records what the rollout moves in regions that are seen for the first time: they were born
// with its pins. Of those that are gone, nothing is kept.
func (p *planner) noteNewcomers() {
	parts := p.rollout.ApplicationsIn
	for i := range parts {
		parts[i].Regions = slices.DeleteFunc(parts[i].Regions, func(name string) bool { return p.region(name) == nil })
	}
	p.rollout.ApplicationsIn = slices.DeleteFunc(parts, func(part v1alpha1.RegionApplications) bool { return len(part.Regions) == 0 })
	for i := range p.regions {
		if r := &p.regions[i]; !r.unseen && partIn(p.rollout, r.name) == nil {
			p.rollout.ApplicationsIn = addPart(p.rollout.ApplicationsIn, r.name, r.names())
		}
	}
}

// names are those of the region's applications, in alphabetical order.
func (r *regionState) names() []string {
	var names []string
	for _, a := range r.apps {
		names = append(names, a.name)
	}
	slices.Sort(names)
	return names
}
