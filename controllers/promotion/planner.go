package promotion

import (
	"fmt"

	"github.com/portolan-dev/portolan/controllers/internal/argocd"
)

// fleet is everything that the planner knows.
type fleet struct {
	regions []regionState // in the order in which they move
}

// regionState is one region and the applications in it that the promotion pins.
type regionState struct {
	name    string
	cluster string
	apps    []appState
}

// appState is one application in one region.
type appState struct {
	name    string
	want    string // the revision that the promotion asks for
	pinned  string // the revision on the cluster Secret
	verdict argocd.Verdict
}

// verb is what to do next.
type verb int

const (
	hold     verb = iota // wait for a region
	advance              // write a region's pins
	complete             // every region runs the revision healthily
)

// action is the one thing that brings the fleet closer to its target.
type action struct {
	verb   verb
	region int // index into fleet.regions
	reason string
}

// next returns the action to take. A region moves only when all before it are healthy at
// the revision, so that a bad revision stops at the first region that has it.
func next(f fleet) action {
	for i, r := range f.regions {
		if !r.pinned() {
			return action{verb: advance, region: i, reason: r.name + " is moving"}
		}
		if waits := r.waitsFor(); waits != "" {
			return action{verb: hold, region: i, reason: waits}
		}
	}
	return action{verb: complete}
}

func (r regionState) pinned() bool {
	for _, a := range r.apps {
		if a.pinned != a.want {
			return false
		}
	}
	return true
}

// waitsFor says what keeps the region from being healthy at its pins, or nothing.
func (r regionState) waitsFor() string {
	for _, a := range r.apps {
		if !a.verdict.Healthy {
			return fmt.Sprintf("%s in %s is %s", a.name, r.name, a.verdict)
		}
	}
	return ""
}
