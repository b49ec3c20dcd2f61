package promotion

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
)

const (
	wanted = "new"
	before = "old"
)

// app is an application that the promotion wants at the new revision.
func app(name, pinned string, verdict argocd.Verdict) appState {
	return appState{name: name, want: wanted, pinned: pinned, verdict: verdict}
}

func inRegion(name string, apps ...appState) regionState {
	return regionState{name: name, cluster: "production001-" + name, apps: apps}
}

var (
	fine   = argocd.Verdict{Healthy: true}
	broken = argocd.Verdict{Reason: "NotHealthy", Message: `health is "Degraded"`}
)

func TestNext(t *testing.T) {
	for name, tc := range map[string]struct {
		regions    []regionState
		wantVerb   verb
		wantRegion int
		wantReason string
	}{
		"no region":             {wantVerb: complete},
		"a region without apps": {regions: []regionState{inRegion("a")}, wantVerb: complete},
		"the first moves": {
			regions:  []regionState{inRegion("a", app("x", before, fine)), inRegion("b", app("x", before, fine))},
			wantVerb: advance, wantReason: "a is moving",
		},
		"one application of it is left": {
			regions:  []regionState{inRegion("a", app("x", wanted, fine), app("y", before, fine))},
			wantVerb: advance, wantReason: "a is moving",
		},
		"the next waits for the one before": {
			regions:  []regionState{inRegion("a", app("x", wanted, broken)), inRegion("b", app("x", before, fine))},
			wantVerb: hold, wantReason: `x in a is NotHealthy: health is "Degraded"`,
		},
		"and for all of its applications": {
			regions:  []regionState{inRegion("a", app("x", wanted, fine), app("y", wanted, broken)), inRegion("b", app("x", before, fine))},
			wantVerb: hold, wantReason: `y in a is NotHealthy: health is "Degraded"`,
		},
		"the next moves": {
			regions:  []regionState{inRegion("a", app("x", wanted, fine)), inRegion("b", app("x", before, fine))},
			wantVerb: advance, wantRegion: 1, wantReason: "b is moving",
		},
		"the last is waited for": {
			regions:  []regionState{inRegion("a", app("x", wanted, fine)), inRegion("b", app("x", wanted, broken))},
			wantVerb: hold, wantRegion: 1, wantReason: `x in b is NotHealthy: health is "Degraded"`,
		},
		"all have it": {
			regions:  []regionState{inRegion("a", app("x", wanted, fine)), inRegion("b", app("x", wanted, fine))},
			wantVerb: complete,
		},
		"a region that is ill at the revision before is helped, not waited for": {
			regions:  []regionState{inRegion("a", app("x", before, broken)), inRegion("b", app("x", before, fine))},
			wantVerb: advance, wantReason: "a is moving",
		},
		"a later region that is ill holds nobody up": {
			regions:  []regionState{inRegion("a", app("x", before, fine)), inRegion("b", app("x", before, broken))},
			wantVerb: advance, wantReason: "a is moving",
		},
		"a region that fell ill after it moved stops the others": {
			regions:  []regionState{inRegion("a", app("x", wanted, broken)), inRegion("b", app("x", wanted, fine)), inRegion("c", app("x", before, fine))},
			wantVerb: hold, wantReason: `x in a is NotHealthy: health is "Degraded"`,
		},
		"a region that lost its pin gets it back": {
			regions:  []regionState{inRegion("a", app("x", wanted, fine)), inRegion("b", app("x", "", fine)), inRegion("c", app("x", wanted, fine))},
			wantVerb: advance, wantRegion: 1, wantReason: "b is moving",
		},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(next(fleet{regions: tc.regions})).To(Equal(action{verb: tc.wantVerb, region: tc.wantRegion, reason: tc.wantReason}))
		})
	}
}

func TestDescribe(t *testing.T) {
	g := NewWithT(t)
	g.Expect(describe(fleet{regions: []regionState{
		inRegion("a", app("x", wanted, fine), app("y", wanted, fine)),
		inRegion("b", app("x", wanted, broken), app("y", wanted, fine)),
		inRegion("c", app("x", wanted, fine), app("y", before, fine)),
		inRegion("d"),
	}})).To(Equal([]v1alpha1.RegionPins{
		{Region: "a", Pinned: 2, Applications: 2, Healthy: true},
		{Region: "b", Pinned: 2, Applications: 2, Message: `x in b is NotHealthy: health is "Degraded"`},
		{Region: "c", Pinned: 1, Applications: 2},
		{Region: "d", Healthy: true},
	}))
}
