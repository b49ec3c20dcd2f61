package environment

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// Names of revisions from the oldest to the newest.
const (
	older  = "base-0000000001"
	old    = "base-0000000002"
	newest = "base-0000000003"
)

// on is a healthy region with the revision; whatever is asked of it is the newest.
func on(name, revision string, edits ...func(*regionState)) regionState {
	r := regionState{
		name: name, created: time.Unix(1, 0), target: newest, recorded: revision, has: revision,
		ready: true, observed: true, reason: v1alpha1.ReasonSucceeded,
	}
	for _, edit := range edits {
		edit(&r)
	}
	return r
}

// given is a region that was given the newest revision.
func given(name, had string, edits ...func(*regionState)) regionState {
	return on(name, had, append([]func(*regionState){(*regionState).turn}, edits...)...)
}

func broken(r *regionState) {
	r.ready, r.failed, r.reason = false, true, v1alpha1.ReasonClusterUnreachable
}
func working(r *regionState) {
	r.ready, r.failed, r.reason = false, false, v1alpha1.ReasonCreating
}
func edited(r *regionState) { r.observed = false }
func aside(r *regionState)  { r.aside = true }
func profileless(r *regionState) {
	r.target, r.missing = "", "environment production001 has no profile base"
}
func born(at int64) func(r *regionState) {
	return func(r *regionState) { r.created = time.Unix(at, 0) }
}

// summary is "<region> <revision> <state>[: <message>]" for each region.
func summary(regions []v1alpha1.RegionRevision) []string {
	var all []string
	for _, r := range regions {
		line := fmt.Sprintf("%s %s %s", r.Region, strings.TrimLeft(strings.TrimPrefix(r.Revision, "base-"), "0"), r.State)
		if r.Message != "" {
			line += ": " + r.Message
		}
		all = append(all, line)
	}
	return all
}

func TestTurns(t *testing.T) {
	const fix = ": put it right, pause its Region, or raise spec.rollout.maxConcurrentRegions"
	for name, tc := range map[string]struct {
		regions     []regionState
		rollout     v1alpha1.Rollout
		want        []string
		wantReason  string
		wantMessage string
	}{
		"no regions": {wantReason: "Succeeded"},
		"all are current": {
			regions: []regionState{on("b", newest), on("a", newest)},
			want:    []string{"a 3 Current", "b 3 Current"}, wantReason: "Succeeded",
		},
		"the first of the healthy gets its turn": {
			regions:    []regionState{on("a", old), on("b", old), on("c", old)},
			want:       []string{"a 3 Changing", "b 2 Waiting: a is being changed", "c 2 Waiting: a is being changed"},
			wantReason: "RollingOut", wantMessage: "a is being changed; b, c wait",
		},
		"the oldest is the first": {
			regions:    []regionState{on("a", old, born(7)), on("b", old, born(5)), on("c", newest)},
			want:       []string{"a 2 Waiting: b is being changed", "b 3 Changing", "c 3 Current"},
			wantReason: "RollingOut", wantMessage: "b is being changed; a waits",
		},
		"two at a time": {
			regions: []regionState{on("a", old), on("b", old), on("c", old)}, rollout: v1alpha1.Rollout{MaxConcurrentRegions: 2},
			want:       []string{"a 3 Changing", "b 3 Changing", "c 2 Waiting: a, b are being changed"},
			wantReason: "RollingOut", wantMessage: "a, b are being changed; c waits",
		},
		"Ready from before the change is not Ready with it": {
			regions:    []regionState{given("a", old), on("b", old)},
			want:       []string{"a 3 Changing", "b 2 Waiting: a is being changed"},
			wantReason: "RollingOut", wantMessage: "a is being changed; b waits",
		},
		"the next when the previous is Ready with it": {
			regions:    []regionState{given("a", newest), on("b", old)},
			want:       []string{"a 3 Current", "b 3 Changing"},
			wantReason: "RollingOut", wantMessage: "b is being changed",
		},
		"not when the previous was Ready with it but is not again after an interruption": {
			regions:    []regionState{given("a", newest, working), on("b", old)},
			want:       []string{"a 3 Changing", "b 2 Waiting: a is being changed"},
			wantReason: "RollingOut", wantMessage: "a is being changed; b waits",
		},
		"what the change breaks holds the others": {
			regions:    []regionState{given("a", old, broken), on("b", old)},
			want:       []string{"a 3 Changing", "b 2 Waiting: a is not Ready (ClusterUnreachable)" + fix},
			wantReason: "RollingOut", wantMessage: "a is not Ready (ClusterUnreachable)" + fix + "; b waits",
		},
		"what broke by itself holds the healthy": {
			regions:    []regionState{on("a", old), on("b", newest, broken)},
			want:       []string{"a 2 Waiting: b is not Ready (ClusterUnreachable)" + fix, "b 3 Current"},
			wantReason: "RolloutHeld", wantMessage: "a waits: b is not Ready (ClusterUnreachable)" + fix,
		},
		"unless there is room for more": {
			regions: []regionState{on("a", old), on("b", newest, broken)}, rollout: v1alpha1.Rollout{MaxConcurrentRegions: 2},
			want:       []string{"a 3 Changing", "b 3 Current"},
			wantReason: "RollingOut", wantMessage: "a is being changed",
		},
		"the broken one goes first": {
			regions:    []regionState{on("a", old), on("b", old, broken, born(9))},
			want:       []string{"a 2 Waiting: b is not Ready (ClusterUnreachable)" + fix, "b 3 Changing"},
			wantReason: "RollingOut", wantMessage: "b is not Ready (ClusterUnreachable)" + fix + "; a waits",
		},
		"broken ones go one after another, too": {
			regions:    []regionState{given("a", old, working), on("b", old, broken), on("c", old)},
			want:       []string{"a 3 Changing", "b 2 Waiting: a is being changed", "c 2 Waiting: a is being changed; b is not Ready (ClusterUnreachable)" + fix},
			wantReason: "RollingOut", wantMessage: "a is being changed; b, c wait",
		},
		"the cure goes to the one that the last change broke": {
			regions:    []regionState{on("a", older), on("b", older, func(r *regionState) { r.recorded = old }, broken)},
			want:       []string{"a 1 Waiting: b is not Ready (ClusterUnreachable)" + fix, "b 3 Changing"},
			wantReason: "RollingOut", wantMessage: "b is not Ready (ClusterUnreachable)" + fix + "; a waits",
		},
		"one on its way to an older revision counts, although its Ready does not say so yet": {
			regions:    []regionState{on("a", older), on("b", older, func(r *regionState) { r.recorded = old }, born(9))},
			want:       []string{"a 1 Waiting: b is being changed", "b 3 Changing"},
			wantReason: "RollingOut", wantMessage: "b is being changed; a waits",
		},
		"two edits on their way, as far as the second may go": {
			regions:    []regionState{given("a", older, working), on("b", older, func(r *regionState) { r.recorded = old }, working), on("c", older)},
			want:       []string{"a 3 Changing", "b 2 Waiting: a is being changed", "c 1 Waiting: a, b are being changed"},
			wantReason: "RollingOut", wantMessage: "a is being changed; b, c wait",
		},
		"an edit that is taken back leaves nothing to do": {
			regions:    []regionState{on("a", newest, func(r *regionState) { r.recorded = old }), on("b", newest)},
			want:       []string{"a 3 Current", "b 3 Current"},
			wantReason: "Succeeded",
		},
		"an edit that is taken back is waited for where it has begun": {
			regions:    []regionState{on("a", newest, func(r *regionState) { r.recorded = old }, working), on("b", old)},
			want:       []string{"a 3 Changing", "b 2 Waiting: a is being changed"},
			wantReason: "RollingOut", wantMessage: "a is being changed; b waits",
		},
		"one whose Region was edited is waited for": {
			regions:    []regionState{on("a", old), on("b", newest, edited)},
			want:       []string{"a 2 Waiting: b follows an edit of its own Region", "b 3 Current"},
			wantReason: "RolloutHeld", wantMessage: "a waits: b follows an edit of its own Region",
		},
		"paused": {
			regions: []regionState{given("a", old, working), on("b", old, broken), on("c", old)}, rollout: v1alpha1.Rollout{Paused: true, MaxConcurrentRegions: 5},
			want:       []string{"a 3 Changing", "b 2 Waiting: spec.rollout.paused is true", "c 2 Waiting: spec.rollout.paused is true"},
			wantReason: "RollingOut", wantMessage: "a is being changed; b, c wait: spec.rollout.paused is true",
		},
		"paused with nothing on its way": {
			regions: []regionState{on("a", old), on("b", newest)}, rollout: v1alpha1.Rollout{Paused: true},
			want:       []string{"a 2 Waiting: spec.rollout.paused is true", "b 3 Current"},
			wantReason: "RolloutHeld", wantMessage: "a waits: spec.rollout.paused is true",
		},
		"regions that are left alone are in nobody's way": {
			regions:    []regionState{on("a", old, aside, broken), given("b", old, aside), on("c", old), on("d", "gone-0000000001", aside)},
			want:       []string{"a 2 Paused", "b 3 Paused", "c 3 Changing", "d gone-0000000001 Paused"},
			wantReason: "RollingOut", wantMessage: "c is being changed",
		},
		"regions that are left alone do not keep it from being done": {
			regions:    []regionState{on("a", old, aside, broken), on("b", newest)},
			want:       []string{"a 2 Paused", "b 3 Current"},
			wantReason: "Succeeded",
		},
		"who picks another profile gets it at once, whatever else goes on": {
			regions: []regionState{given("a", old, working), on("b", "other-0000000009"), on("c", old)}, rollout: v1alpha1.Rollout{Paused: true},
			want:       []string{"a 3 Changing", "b 3 Changing", "c 2 Waiting: spec.rollout.paused is true"},
			wantReason: "RollingOut", wantMessage: "a, b are being changed; c waits: spec.rollout.paused is true",
		},
		"a profile that is gone leaves its region as it is": {
			regions:    []regionState{on("a", old, profileless), on("b", newest)},
			want:       []string{"a 2 Waiting: environment production001 has no profile base", "b 3 Current"},
			wantReason: "RolloutHeld", wantMessage: "a waits: environment production001 has no profile base",
		},
		"causes are told apart": {
			regions: []regionState{on("a", old, profileless, broken), on("b", old), on("c", old)},
			want: []string{
				"a 2 Waiting: environment production001 has no profile base",
				"b 2 Waiting: a is not Ready (ClusterUnreachable)" + fix,
				"c 2 Waiting: a is not Ready (ClusterUnreachable)" + fix,
			},
			wantReason:  "RolloutHeld",
			wantMessage: "a waits: environment production001 has no profile base; b, c wait: a is not Ready (ClusterUnreachable)" + fix,
		},
		"long lists are cut": {
			regions: []regionState{on("a", old), on("b", old), on("c", old), on("d", old), on("e", old), on("f", old), on("g", old)},
			rollout: v1alpha1.Rollout{Paused: true},
			want: []string{
				"a 2 Waiting: spec.rollout.paused is true", "b 2 Waiting: spec.rollout.paused is true", "c 2 Waiting: spec.rollout.paused is true",
				"d 2 Waiting: spec.rollout.paused is true", "e 2 Waiting: spec.rollout.paused is true", "f 2 Waiting: spec.rollout.paused is true",
				"g 2 Waiting: spec.rollout.paused is true",
			},
			wantReason: "RolloutHeld", wantMessage: "a, b, c, d, e and 2 more wait: spec.rollout.paused is true",
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			decided := turns(tc.regions, tc.rollout)
			recorded := records(decided, tc.rollout)
			g.Expect(summary(recorded)).To(Equal(tc.want))
			outcome := progress(decided, recorded, tc.rollout)
			g.Expect(step.ReasonOf(outcome)).To(Equal(tc.wantReason))
			if tc.wantMessage == "" {
				g.Expect(outcome).NotTo(HaveOccurred())
				return
			}
			g.Expect(outcome).To(MatchError(tc.wantMessage))
			g.Expect(step.IsWaiting(outcome)).To(BeTrue())
		})
	}
}

// remember is what the next pass reads back of what this one decided.
func remember(decided []regionState, rollout v1alpha1.Rollout) []regionState {
	next := slices.Clone(decided)
	for i, r := range records(decided, rollout) {
		next[i].recorded, next[i].state = r.Revision, r.State
	}
	return next
}

// someFleet draws regions in any state.
func someFleet(t *rapid.T) []regionState {
	revisions := rapid.SampledFrom([]string{older, old, newest})
	var fleet []regionState
	for i := range rapid.IntRange(0, 7).Draw(t, "regions") {
		r := regionState{
			name: fmt.Sprintf("r%d", i), created: time.Unix(rapid.Int64Range(1, 3).Draw(t, "created"), 0), target: newest,
			recorded: revisions.Draw(t, "recorded"), has: revisions.Draw(t, "has"),
			state: rapid.SampledFrom([]v1alpha1.RevisionState{
				"", v1alpha1.RevisionCurrent, v1alpha1.RevisionChanging, v1alpha1.RevisionWaiting, v1alpha1.RevisionPaused,
			}).Draw(t, "state"),
			aside: rapid.IntRange(0, 5).Draw(t, "aside") == 0,
			ready: rapid.Bool().Draw(t, "ready"), observed: rapid.IntRange(0, 5).Draw(t, "observed") > 0,
		}
		if !r.ready {
			r.failed = rapid.Bool().Draw(t, "failed")
		}
		if rapid.IntRange(0, 7).Draw(t, "profile") == 0 {
			r.recorded = "other-0000000001"
		}
		fleet = append(fleet, r)
	}
	return fleet
}

func someRollout(t *rapid.T) v1alpha1.Rollout {
	return v1alpha1.Rollout{MaxConcurrentRegions: rapid.Int32Range(0, 3).Draw(t, "budget"), Paused: rapid.IntRange(0, 4).Draw(t, "paused") == 0}
}

func TestNoTurnBeyondTheBudget(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := NewWithT(t)
		fleet, rollout := someFleet(t), someRollout(t)
		decided := turns(fleet, rollout)
		budget := max(int(rollout.MaxConcurrentRegions), 1)
		for i, before := range fleet {
			after := decided[i]
			g.Expect(after.name).To(Equal(before.name))
			if after.recorded == before.recorded {
				continue
			}
			g.Expect(after.recorded).To(Equal(newest), "nothing but the newest is ever given")
			g.Expect(before.aside).To(BeFalse(), "who is left alone keeps what it has")
			if before.switched() {
				continue
			}
			g.Expect(rollout.Paused).To(BeFalse())
			if !before.unready() {
				g.Expect(count(decided, (*regionState).busy)).To(BeNumerically("<=", budget), "%s was healthy", before.name)
			}
			// What is given in one go may itself be Ready already: an edit that was taken back.
			g.Expect(count(decided, (*regionState).changing)).To(BeNumerically("<=", max(budget, count(fleet, (*regionState).changing)+switches(fleet))))
		}
	})
}

func switches(fleet []regionState) int { return count(fleet, (*regionState).switched) }

func TestASecondPassDecidesTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := NewWithT(t)
		fleet, rollout := someFleet(t), someRollout(t)
		first := remember(turns(fleet, rollout), rollout)
		g.Expect(records(turns(first, rollout), rollout)).To(Equal(records(first, rollout)))

		shuffled := rapid.Permutation(fleet).Draw(t, "order")
		g.Expect(records(turns(shuffled, rollout), rollout)).To(Equal(records(first, rollout)), "whatever order the Regions are listed in")
	})
}

// A whole rollout: each pass, some of the regions do what they were told.
func TestEveryRegionGetsTheNewestInTheEnd(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := NewWithT(t)
		budget := rapid.IntRange(1, 3).Draw(t, "budget")
		rollout := v1alpha1.Rollout{MaxConcurrentRegions: int32(budget)}
		var fleet []regionState
		for i := range rapid.IntRange(1, 6).Draw(t, "regions") {
			fleet = append(fleet, on(fmt.Sprintf("r%d", i), rapid.SampledFrom([]string{older, old, newest}).Draw(t, "has")))
		}
		for range 10 * len(fleet) {
			fleet = remember(turns(fleet, rollout), rollout)
			g.Expect(count(fleet, (*regionState).busy)).To(BeNumerically("<=", budget))
			for i := range fleet {
				act(t, &fleet[i])
			}
		}
		for i := range fleet { // the last ones finish
			fleet[i].has, fleet[i].ready = fleet[i].recorded, true
		}
		for range fleet {
			fleet = remember(turns(fleet, rollout), rollout)
			for i := range fleet {
				fleet[i].has = fleet[i].recorded
			}
		}
		g.Expect(progress(fleet, records(fleet, rollout), rollout)).To(Succeed())
		for _, r := range fleet {
			g.Expect(r.has).To(Equal(newest))
		}
	})
}

// act takes a region a step on its way: it starts, finishes or does nothing.
func act(t *rapid.T, r *regionState) {
	if r.recorded == r.has || rapid.Bool().Draw(t, "idle") {
		return
	}
	if r.ready {
		r.ready = false
	} else {
		r.has, r.ready = r.recorded, true
	}
}

func TestMessagesOfLargeFleetsFitTheStatus(t *testing.T) {
	g := NewWithT(t)
	var fleet []regionState
	for i := range 256 {
		name := fmt.Sprintf("%s-%03d", strings.Repeat("x", 59), i)
		fleet = append(fleet, on(name, old, broken, func(r *regionState) { r.missing = strings.Repeat("y", 2000) }))
		if i%2 == 0 {
			fleet[i].target = ""
		}
	}
	decided := turns(fleet, v1alpha1.Rollout{})
	for _, r := range records(decided, v1alpha1.Rollout{}) {
		g.Expect(len(r.Message)).To(BeNumerically("<=", 1024))
	}
	err := progress(decided, records(decided, v1alpha1.Rollout{}), v1alpha1.Rollout{})
	g.Expect(step.ReasonOf(err)).To(Equal(v1alpha1.ReasonRollingOut))
}
