package promotion

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// everywhere are all regions that a storm may have.
var everywhere = []string{"us-1", "us-2", "eu-1", "eu-2", "ap-1"}

// storm is a play in which anything may happen between two decisions, and which watches each of them.
type storm struct {
	*play
	stage     *testing.T
	had       map[string][]v1alpha1.GitRevision // by region and application, whoever wrote it
	clobbered map[string]bool                   // regions whose pins somebody else changed
	moves     map[string][]string               // by region, what it ran when the rollout began or it came
	retries   int
}

func newStorm(t *testing.T, rt *rapid.T) *storm {
	t.Helper()
	regions := everywhere[:rapid.IntRange(1, len(everywhere)).Draw(rt, "regions")]
	s := &storm{play: stageFor(regions...), stage: t, had: map[string][]v1alpha1.GitRevision{}, clobbered: map[string]bool{}, moves: map[string][]string{}}
	for _, region := range regions {
		s.held(region, old)
	}
	s.plan(rt)
	return s
}

// held notes what all applications of a region have.
func (s *storm) held(region string, revision v1alpha1.GitRevision) {
	for app := range s.actor(region).pins {
		s.had[region+"/"+app] = append(s.had[region+"/"+app], revision)
	}
}

// plan draws how a rollout goes.
func (s *storm) plan(rt *rapid.T) {
	s.spec.Waves = nil
	left := slices.Clone(everywhere)
	for i := range rapid.IntRange(0, 3).Draw(rt, "waves") {
		w := v1alpha1.PromotionWave{Name: fmt.Sprintf("wave %d", i)}
		if limit := rapid.Int32Range(0, 2).Draw(rt, "limit"); limit > 0 {
			w.MaxConcurrent = &limit
		}
		if rapid.Bool().Draw(rt, "by label") {
			continent := rapid.SampledFrom([]string{"us", "eu", "ap"}).Draw(rt, "continent")
			w.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"continent": continent}}
		} else {
			some := rapid.IntRange(0, len(left)).Draw(rt, "of the regions")
			w.Regions, left = left[:some], left[some:]
		}
		s.spec.Waves = append(s.spec.Waves, w)
	}
	soakFor(rapid.SampledFrom([]time.Duration{0, 4 * time.Minute}).Draw(rt, "soak"))(&s.spec)
	deadline := rapid.SampledFrom([]time.Duration{6 * time.Minute, 20 * time.Minute}).Draw(rt, "deadline")
	s.spec.Gates.ProgressDeadline = &metav1.Duration{Duration: deadline}
	s.spec.OnFailure = rapid.SampledFrom([]v1alpha1.FailurePolicy{v1alpha1.FailureHalt, v1alpha1.FailureRollback}).Draw(rt, "on failure")
}

// target draws what a Promotion asks for.
func (s *storm) target(rt *rapid.T, among ...v1alpha1.GitRevision) {
	s.spec.Revision, s.spec.Overrides = rapid.SampledFrom(among).Draw(rt, "revision"), nil
	if rapid.IntRange(0, 3).Draw(rt, "override") == 0 {
		s.spec.Overrides = []v1alpha1.RevisionOverride{{Application: "core", Revision: rapid.SampledFrom(among).Draw(rt, "core")}}
	}
}

// strike lets one thing happen.
func (s *storm) strike(rt *rapid.T) {
	region := rapid.SampledFrom(everywhere).Draw(rt, "region")
	revisions := []v1alpha1.GitRevision{old, good, bad, commit("d"), commit("e")}
	toggle := func(in map[string]bool) func() { return func() { in[region] = !in[region] } }
	events := map[string]func(){
		"calm":   func() {},
		"target": func() { s.target(rt, revisions[:4]...) },
		"away":   toggle(s.away),
		"unseen": toggle(s.unseen),
		"blind":  toggle(s.blind),
		"apart":  toggle(s.apart),
		"list":   func() { s.otherList(rt) },
		"profile": func() {
			s.otherProfile(region, rapid.SampledFrom([]string{"api", "core", "web"}).Draw(rt, "app"))
		},
		"clobber": func() {
			s.clobber(region, rapid.SampledFrom([]string{"api", "core"}).Draw(rt, "app"), rapid.SampledFrom(revisions).Draw(rt, "pin"))
		},
		"crash":    func() { s.crash(region) },
		"fleet":    func() { s.comeOrGo(region) },
		"pause":    func() { s.spec.Paused = !s.spec.Paused },
		"approval": func() { s.denied = !s.denied },
		"refused":  func() { s.refused = !s.refused },
		"urgency": func() {
			s.spec.Urgency, s.spec.Reason = rapid.SampledFrom([]v1alpha1.Urgency{v1alpha1.UrgencyNormal, v1alpha1.UrgencyEmergency}).Draw(rt, "urgency"), "CVE"
		},
		"retry":  s.askAgain,
		"status": func() { s.rollout = nil },
		"lost": func() {
			moves := maps.Clone(s.moves)
			s.forgetting(func() { s.decides(NewWithT(rt)) })
			s.moves = moves
		},
		"plan": func() { s.plan(rt) },
	}
	names := append(slices.Sorted(maps.Keys(events)), "target", "list", "fleet", "retry") // twice as often
	events[rapid.SampledFrom(names).Draw(rt, "event")]()
}

// otherList makes the promotion responsible for one more application, which nobody or another Promotion
// has pinned, or for one less, which another one may pin at once.
func (s *storm) otherList(rt *rapid.T) {
	app := rapid.SampledFrom([]string{"api", "core", "web"}).Draw(rt, "app")
	had := slices.Contains(s.apps, app)
	if had && len(s.apps) == 1 {
		return
	}
	s.apps = slices.DeleteFunc(slices.Clone(s.apps), func(name string) bool { return name == app })
	if !had {
		s.apps = slices.Sorted(slices.Values(append(s.apps, app)))
	}
	if pin := commit("f"); rapid.Bool().Draw(rt, "pinned by another") {
		for _, a := range s.fleet {
			s.clobber(a.name, app, pin)
		}
	}
}

// otherProfile lets the profile of one region list one application more, or one less. What the region had of it stays.
func (s *storm) otherProfile(region, app string) {
	if i := slices.IndexFunc(s.fleet, func(a *actor) bool { return a.name == region }); i >= 0 {
		s.fleet[i].lacks[app] = !s.fleet[i].lacks[app]
	}
}

func (s *storm) askAgain() {
	s.retries++
	s.retry = fmt.Sprint(s.retries)
}

func (s *storm) clobber(region, app string, pin v1alpha1.GitRevision) {
	if !slices.ContainsFunc(s.fleet, func(a *actor) bool { return a.name == region }) {
		return
	}
	a := s.actor(region)
	a.pins[app], a.stage[app] = pin, 0
	s.had[region+"/"+app] = append(s.had[region+"/"+app], pin)
	s.clobbered[region] = true
}

// crash makes api of a region unhealthy for a while, at whichever pin it has.
func (s *storm) crash(region string) {
	if i := slices.IndexFunc(s.fleet, func(a *actor) bool { return a.name == region }); i >= 0 {
		s.fleet[i].stage["api"] = -10
	}
}

// comeOrGo removes a region, or bears it with the pins that registration would give it.
func (s *storm) comeOrGo(region string) {
	if slices.ContainsFunc(s.fleet, func(a *actor) bool { return a.name == region }) {
		s.fleet = slices.DeleteFunc(s.fleet, func(a *actor) bool { return a.name == region })
		delete(s.moves, region)
		return
	}
	promotion := v1alpha1.Promotion{Spec: s.spec, Status: v1alpha1.PromotionStatus{Rollout: s.rollout}}
	promotion.Spec.EnvironmentRef.Name = environment
	s.add(region, "")
	s.clobbered[region] = false
	for app := range s.actor(region).pins {
		pin, _ := plan.Pin([]v1alpha1.Promotion{promotion}, environment, region, app)
		s.actor(region).pins[app], s.actor(region).stage[app] = pin, 0
		s.had[region+"/"+app] = []v1alpha1.GitRevision{pin}
	}
}

// decides takes one decision and judges it.
func (s *storm) decides(g Gomega) *decision {
	s.meet()
	given, before, w := s.rollout, s.rollout.DeepCopy(), s.world(s.stage)
	d := s.step(s.stage)
	tale := func() string { return strings.Join(s.log, "\n") }
	g.Expect(given).To(Equal(before), tale)
	wrote := len(d.writes) > 0
	g.Expect(wrote).To(Equal(d.verb == write), tale)
	for _, wrote := range d.writes {
		s.mayWrite(g, before, d, wrote, tale)
	}
	switch d.verb {
	case begin:
		clear(s.moves)
		s.meet()
		s.mayBegin(g, w, d.rollout, tale)
	case write:
		s.mayMove(g, before, d.rollout, tale)
	default:
	}
	if s.refused && over(before) {
		g.Expect(d.rollout.Phase).To(Equal(before.Phase), tale) // so that nothing of it is written
	}
	s.mayPass(g, before, w, d.verb == begin, tale)
	s.mayProve(g, d, w, tale)
	g.Expect(d.rollout).To(fitTheAPI(), tale)
	return d
}

// over tells whether a rollout has failed and come to rest.
func over(rollout *v1alpha1.PromotionRollout) bool {
	return rollout != nil && (rollout.Phase == v1alpha1.RolloutHalted || rollout.Phase == v1alpha1.RolloutRolledBack)
}

// mayBegin asks that nothing moves that is held.
func (s *storm) mayBegin(g Gomega, w world, rollout *v1alpha1.PromotionRollout, tale func() string) {
	held := w.unapproved != nil || w.closed != nil
	moves := slices.ContainsFunc(w.regions, func(r regionState) bool { return r.unseen || !r.has(w.target.PinSet) })
	g.Expect(held && moves).To(BeFalse(), tale)
	for region, at := range progressIn(rollout) { // one that has moved is owed the pins of new applications
		s.clobbered[region] = s.clobbered[region] || at.MovedAt != nil && !w.region(region).has(plan.PinSet{Revision: rollout.Revision, Overrides: rollout.Overrides})
	}
}

// meet notes what regions run of which that was not known.
func (s *storm) meet() {
	for _, a := range s.fleet {
		if _, known := s.moves[a.name]; !known {
			s.moves[a.name] = s.in(a)
		}
	}
}

// mayWrite asks that a pin is the rollout's, of a region that has begun to move, or one that the region had once,
// or, of a region that came later, one that others had; and that what was halted writes nothing but what somebody
// took away. An application that the rollout does not move in the region gets a pin only after one that failed, if
// it has none: what others have.
func (s *storm) mayWrite(g Gomega, before *v1alpha1.PromotionRollout, d *decision, wrote pinning, tale func() string) {
	region := wrote.region.name
	unpinned := func(app string) bool { return wrote.region.pinOf(app) == "" }
	if slices.ContainsFunc(wrote.region.differing(wrote.pins), unpinned) {
		s.clobbered[region] = true
	}
	if before.Phase == v1alpha1.RolloutHalted {
		g.Expect(s.clobbered).To(HaveKeyWithValue(region, true), tale)
	}
	s.clobbered[region] = false
	pins := plan.PinSet{Revision: d.rollout.Revision, Overrides: d.rollout.Overrides}
	for _, app := range wrote.region.differing(wrote.pins) {
		failed := before.Phase != v1alpha1.RolloutProgressing && before.Phase != v1alpha1.RolloutCompleted
		g.Expect(failed && unpinned(app) || slices.Contains(s.moves[region], app)).To(BeTrue(), tale)
		known := slices.Clone(s.had[region+"/"+app])
		if unpinned(app) {
			known = append(known, plan.Accepted(d.rollout).Of(app))
		}
		if at := progressIn(d.rollout)[region]; at != nil && at.MovedAt != nil {
			known = append(known, pins.Of(app))
		}
		if progressIn(d.rollout)[region] == nil {
			for _, group := range d.rollout.Previous {
				known = append(known, plan.PinSet{Overrides: group.Pins}.Of(app))
			}
		}
		g.Expect(known).To(ContainElement(wrote.pins.Of(app)), tale)
		s.had[region+"/"+app] = append(s.had[region+"/"+app], wrote.pins.Of(app))
	}
}

// mayMove asks that no region begins before its wave, or beside more others than its wave allows.
func (s *storm) mayMove(g Gomega, before, after *v1alpha1.PromotionRollout, tale func() string) {
	known := progressIn(before)
	earlier := true // have passed
	for i := range after.Waves {
		w := &after.Waves[i]
		begun, moving := 0, 0
		for _, at := range w.Regions {
			if at.MovedAt != nil && at.State != v1alpha1.RegionRolloutPassed {
				moving++
			}
			if at.MovedAt != nil && known[at.Region].MovedAt == nil {
				begun++
			}
		}
		if begun > 0 {
			g.Expect(s.spec.Paused).To(BeFalse(), tale)
		}
		if begun > 0 && !s.urgent(after) {
			g.Expect(earlier).To(BeTrue(), tale)
			g.Expect(w.MaxConcurrent == 0 || moving <= int(w.MaxConcurrent)).To(BeTrue(), tale)
		}
		earlier = earlier && passed(w)
	}
}

// urgent tells whether a rollout may go everywhere at once: as the spec says if it asks for this one, else if both say so.
func (s *storm) urgent(rollout *v1alpha1.PromotionRollout) bool {
	same := rollout.ID == (plan.PinSet{Revision: s.spec.Revision, Overrides: s.spec.Overrides}).ID()
	return s.spec.Urgency == v1alpha1.UrgencyEmergency && (same || rollout.Urgency == v1alpha1.UrgencyEmergency)
}

// mayPass asks that who is found to be good is good, by Argo CD's word after it was asked once more. A rollout that
// has just begun takes for good what is, but nothing that the one before left inside.
func (s *storm) mayPass(g Gomega, before *v1alpha1.PromotionRollout, w world, begun bool, tale func() string) {
	known := progressIn(before)
	w.rollout = s.rollout
	w.part()
	for region, at := range progressIn(s.rollout) {
		again := before != nil && before.StartedAt.Equal(&s.rollout.StartedAt) && known[region] != nil
		switch {
		case at.State != v1alpha1.RegionRolloutPassed || again && known[region].State == v1alpha1.RegionRolloutPassed:
			continue
		case begun:
			g.Expect(leftInside(before, known[region]) && !isPutBack(before, w.region(region))).To(BeFalse(), tale)
			g.Expect(s.rollout.LeftInside).NotTo(ContainElement(region), tale)
		}
		g.Expect(w.region(region).unknown).To(BeEmpty(), tale)
		_, other := w.region(region).healthy(plan.PinSet{Revision: s.rollout.Revision, Overrides: s.rollout.Overrides})
		g.Expect(other).To(BeNil(), tale)
		if !begun {
			g.Expect(known[region].ConfirmAt).NotTo(BeNil(), tale)
			g.Expect(w.region(region).unconfirmed()).To(BeEmpty(), tale)
		}
	}
}

// leftInside tells whether a rollout moved a region and cannot have found it to be good there.
func leftInside(rollout *v1alpha1.PromotionRollout, at *v1alpha1.RegionProgress) bool {
	if at == nil || at.MovedAt == nil || rollout.Phase == v1alpha1.RolloutCompleted {
		return false
	}
	unconfirmed := at.State != v1alpha1.RegionRolloutPassed && at.State != v1alpha1.RegionRolloutRolledBack && at.ConfirmAt == nil
	return unconfirmed || at.State == v1alpha1.RegionRolloutFailed
}

// isPutBack tells whether a rollback that goes on has given a region what it had.
func isPutBack(rollout *v1alpha1.PromotionRollout, r *regionState) bool {
	previous := previousIn(rollout, r.name)
	return rollout.Phase == v1alpha1.RolloutRollingBack &&
		!slices.ContainsFunc(r.apps, func(a appState) bool { return a.pinned != previous.Of(a.name) })
}

// mayProve asks that a revision is only proven while all regions that it went to, and that can be judged, are healthy with it.
func (s *storm) mayProve(g Gomega, d *decision, w world, tale func() string) {
	if len(d.proven) == 0 {
		return
	}
	w.rollout = d.rollout
	w.part()
	for region := range progressIn(d.rollout) {
		if state := w.region(region); state.unknown == "" {
			_, other := state.healthy(plan.PinSet{Revision: d.rollout.Revision, Overrides: d.rollout.Overrides})
			g.Expect(other).To(BeNil(), tale)
		}
	}
}

// fitTheAPI are the bounds of the CustomResourceDefinition.
func fitTheAPI() types.GomegaMatcher {
	fits := func(r *v1alpha1.PromotionRollout) bool {
		if r == nil {
			return true
		}
		ok := len([]rune(r.Failure)) <= 1024 && len(r.Waves) <= 17
		for _, at := range progressIn(r) {
			ok = ok && len([]rune(at.Message)) <= 512
		}
		for _, group := range r.Previous {
			seen := map[string]bool{}
			for _, o := range group.Pins {
				ok, seen[o.Application] = ok && !seen[o.Application], true
			}
		}
		return ok
	}
	return WithTransform(fits, BeTrue())
}

// rest decides until there is nothing to do at a moment.
func (s *storm) rest(g Gomega) *decision {
	const enough = 15
	for range enough {
		if d := s.decides(g); d.verb == hold {
			return d
		}
	}
	g.Expect(s.log).To(BeEmpty(), "there is always one thing more to do")
	return nil
}

// calm ends everything that keeps a rollout from its end but time.
func (s *storm) calm(rt *rapid.T) {
	for _, trouble := range []map[string]bool{s.away, s.unseen, s.blind, s.apart} {
		clear(trouble)
	}
	s.spec.Paused, s.denied, s.refused = false, false, false
	s.target(rt, old, good, commit("d"))
	s.askAgain()
	s.log = append(s.log, "--- calm")
}

// Whatever happens on the way, each decision is allowed; and when nothing happens any more, all
// regions get to the target.
func TestAnyStorm(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		g := NewWithT(rt)
		s := newStorm(t, rt)
		for range rapid.IntRange(1, 12).Draw(rt, "events") {
			s.strike(rt)
			for range rapid.IntRange(0, 8).Draw(rt, "minutes") {
				s.rest(g)
				s.minute()
			}
		}
		s.calm(rt)
		const perRegion, slack = 15, 60
		var d *decision
		for range slack + perRegion*len(everywhere) {
			if d = s.rest(g); d.settled() {
				break
			}
			if d.stuck { // what failed in the storm failed; a person goes on
				s.askAgain()
			}
			s.minute()
		}
		tale := strings.Join(s.log, "\n")
		g.Expect(d.settled()).To(BeTrue(), tale)
		g.Expect(s.rollout.Phase).To(Equal(v1alpha1.RolloutCompleted), tale)
		wanted := plan.PinSet{Revision: s.spec.Revision, Overrides: s.spec.Overrides}
		for _, a := range s.fleet {
			for _, app := range s.in(a) {
				g.Expect(a.pins[app]).To(Equal(wanted.Of(app)), tale)
			}
		}
	})
}
