package environment

import (
	"cmp"
	"slices"
	"time"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// regionState is what decides about the turn of a region that was once Ready.
type regionState struct {
	name    string
	created time.Time
	// target is the newest revision of the region's profile; "" if there is none, for the
	// reason in missing.
	target, missing string
	// recorded is the revision that the region may have, and state its state when that was
	// recorded.
	recorded string
	state    v1alpha1.RevisionState
	// has is the revision that the region was last Ready with.
	has string
	// aside tells that the Region is paused, only observed or being deleted.
	aside bool
	// ready and failed are Ready True and False, observed tells that it was said of the newest
	// generation.
	ready, failed, observed bool
	reason                  string
}

// current tells that the region has the newest revision and was Ready with it. That it breaks
// later makes no change of it.
func (r *regionState) current() bool {
	if r.recorded != r.target || r.has != r.target {
		return false
	}
	return r.settled() || r.state != v1alpha1.RevisionChanging
}

func (r *regionState) changing() bool { return !r.aside && r.recorded == r.target && !r.current() }

func (r *regionState) settled() bool { return r.ready && r.observed }

// unready tells that the region is not Ready or on its way to a revision, be it the newest or
// not: what its Ready says may be from before it set out.
func (r *regionState) unready() bool { return !r.ready || r.recorded != r.has }

// busy regions are other than Ready or may be so in a moment.
func (r *regionState) busy() bool {
	return !r.aside && (r.changing() || r.unready() || !r.observed)
}

func (r *regionState) candidate() bool {
	return !r.aside && r.target != "" && r.recorded != r.target
}

// switched tells that the Region picked another profile.
func (r *regionState) switched() bool {
	return r.candidate() && plan.ProfileOf(r.recorded) != plan.ProfileOf(r.target)
}

func (r *regionState) turn() {
	r.recorded, r.state = r.target, v1alpha1.RevisionChanging
}

// turns gives as many regions the newest revision as may be busy at a time, and returns all of
// them by name.
//
// A region that is not Ready goes before all others, and whatever else is broken: the change may
// be its cure, and it is down anyway. A healthy one has to wait for all that are not Ready.
func turns(regions []regionState, rollout v1alpha1.Rollout) []regionState {
	regions = slices.Clone(regions)
	slices.SortFunc(regions, func(a, b regionState) int { return cmp.Compare(a.name, b.name) })
	for i := range regions {
		if regions[i].switched() { // its owner asked for it
			regions[i].turn()
		}
	}
	if rollout.Paused {
		return regions
	}
	budget := max(int(rollout.MaxConcurrentRegions), 1)
	for _, r := range queue(regions) {
		taken := (*regionState).busy
		if r.unready() {
			taken = (*regionState).changing
		}
		if count(regions, taken) < budget {
			r.turn()
		}
	}
	return regions
}

// queue returns the regions that lack the newest revision: first those that are not Ready, then
// the oldest.
func queue(regions []regionState) []*regionState {
	var waiting []*regionState
	for i := range regions {
		if regions[i].candidate() {
			waiting = append(waiting, &regions[i])
		}
	}
	slices.SortFunc(waiting, func(a, b *regionState) int {
		return cmp.Or(first(a.unready(), b.unready()), a.created.Compare(b.created), cmp.Compare(a.name, b.name))
	})
	return waiting
}

// first orders what holds before what does not.
func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	default:
		return 1
	}
}

func count(regions []regionState, holds func(*regionState) bool) int {
	n := 0
	for i := range regions {
		if holds(&regions[i]) {
			n++
		}
	}
	return n
}
