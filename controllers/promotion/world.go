package promotion

import (
	"slices"
	"time"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// world is everything that the planner knows of one moment.
type world struct {
	now     time.Time
	target  target
	waves   []v1alpha1.WaveStatus      // as a rollout that begins now would have them
	rollout *v1alpha1.PromotionRollout // what was recorded, nil before the first
	regions []regionState              // by age
	policy  policy
	// tried are regions whose pins could not be put right a moment ago.
	tried map[string]bool
	// withheld says of regions why they are not given pins that they never had.
	withheld map[string]string
	// approvedBy approved the target; unapproved says who still has to.
	approvedBy []string
	unapproved *holding
	// closed keeps regions from beginning to move: a pause, a window.
	closed *holding
	// retry is asked for by a value that was not answered yet: of the target, so not while the spec is refused.
	retry string
}

// target is what the spec asks for.
type target struct {
	plan.PinSet

	applications []string            // sorted
	in           map[string][]string // those of each region that a rollout may go to, as far as anybody can tell
}

// policy is what the spec says of the way.
type policy struct {
	soak, deadline time.Duration
	rings          bool
	checks         []string // gates that have to be asked, by name
	rollback       bool
	shared         bool // all regions read the same pins
	urgency        v1alpha1.Urgency
	reason         string
}

func (p policy) emergency() bool { return p.urgency == v1alpha1.UrgencyEmergency }

// holding is why nothing begins to move, and until when, where that is known.
type holding struct {
	reason, message string
	until           time.Time
	failed          bool // for good
}

// regionState is one region and the applications in it that the promotion pins.
type regionState struct {
	name    string
	cluster string
	apps    []appState
	// others are applications that the rollout does not move here: they came after it began, and keep
	// what they have until they are part of one. The planner tells them apart.
	others []appState
	// unknown says why the region cannot be judged; empty while it can.
	unknown string
	// blind tells that only Argo CD does not get through to its cluster: its pins are known, and can be written.
	blind bool
	// unseen tells that not even its applications are known: that apps is empty means nothing.
	unseen bool
	// unconnected says which gossip ring the region is not connected to; empty if there is none.
	unconnected string
	// answers of the spec's gates, by name, as far as they were asked.
	answers map[string]v1alpha1.GateResult
}

// appState is one application in one region.
type appState struct {
	name   string
	pinned v1alpha1.GitRevision // the revision that Argo CD is given
	untold bool                 // the cluster Secret says another
	// verdict on the Application at its pin.
	verdict argocd.Verdict
	// confirmed tells that Argo CD has made the comparison that was asked for.
	confirmed bool
}

// region returns nil when there is none of that name.
func (w *world) region(name string) *regionState {
	i := slices.IndexFunc(w.regions, func(r regionState) bool { return r.name == name })
	if i < 0 {
		return nil
	}
	return &w.regions[i]
}

// writable tells whether the region can be given pins.
func (r *regionState) writable() bool { return r.unknown == "" || r.blind }

// part tells apart which applications the rollout moves in each region.
func (w *world) part() {
	if w.rollout == nil {
		return
	}
	w.regions = slices.Clone(w.regions)
	for i := range w.regions {
		r := &w.regions[i]
		moves := applicationsIn(w.rollout, r.name)
		other := func(a appState) bool { return !slices.Contains(moves, a.name) }
		all := slices.Concat(r.apps, r.others)
		r.others = slices.DeleteFunc(slices.Clone(all), func(a appState) bool { return !other(a) })
		r.apps = slices.DeleteFunc(all, other)
	}
}

// whole has the other applications as well.
func (r *regionState) whole() *regionState {
	whole := *r
	whole.apps, whole.others = slices.Concat(r.apps, r.others), nil
	return &whole
}

// pins are what the region has.
func (r *regionState) pins() []v1alpha1.RevisionOverride {
	var pins []v1alpha1.RevisionOverride
	for _, a := range r.apps {
		if a.pinned != "" {
			pins = append(pins, v1alpha1.RevisionOverride{Application: a.name, Revision: a.pinned})
		}
	}
	return pins
}

// has tells whether each application has its revision of these pins, as far as they say one.
func (r *regionState) has(pins plan.PinSet) bool { return len(r.differing(pins)) == 0 }

// mayLack tells whether the region does not have these pins, as far as anybody can tell.
func (r *regionState) mayLack(pins plan.PinSet) bool { return r.unseen || !r.has(pins) }

// differing are the applications whose revision is another one.
func (r *regionState) differing(pins plan.PinSet) []string {
	var names []string
	for _, a := range r.apps {
		if want := pins.Of(a.name); want != "" && (want != a.pinned || a.untold) {
			names = append(names, a.name)
		}
	}
	return names
}

// healthy counts the applications that are healthy at these pins, and returns one that is not.
func (r *regionState) healthy(pins plan.PinSet) (count int32, other *appState) {
	for i := range r.apps {
		a := &r.apps[i]
		switch {
		case a.healthyAt(pins):
			count++
		case other == nil || worse(a.verdict.Class, other.verdict.Class):
			other = a
		}
	}
	return count, other
}

func (a *appState) healthyAt(pins plan.PinSet) bool {
	return a.pinned == pins.Of(a.name) && a.verdict.Healthy
}

// worse orders classes by how much they say.
func worse(a, b argocd.Class) bool { return severity[a] > severity[b] }

var severity = map[argocd.Class]int{argocd.Stale: 1, argocd.Unreachable: 2, argocd.Blocked: 3, argocd.Degraded: 4, argocd.Failed: 5}

// healthySince is since when all of its applications have been healthy, by Argo CD's word.
func (r *regionState) healthySince() time.Time {
	var latest time.Time
	for _, a := range r.apps {
		if a.verdict.Since.After(latest) {
			latest = a.verdict.Since
		}
	}
	return latest
}

// unconfirmed is an application that Argo CD has not compared since it was asked to, or none.
func (r *regionState) unconfirmed() string {
	for _, a := range r.apps {
		if !a.confirmed {
			return a.name
		}
	}
	return ""
}
