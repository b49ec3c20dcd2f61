package promotion

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
	"github.com/portolan-dev/portolan/controllers/plan"
)

var update = flag.Bool("update", false, "write the golden logs")

var (
	start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	// Commits, by the letter of which they are made.
	old, good, bad = commit("a"), commit("b"), commit("c")
)

func commit(letter string) v1alpha1.GitRevision {
	return v1alpha1.GitRevision(strings.Repeat(letter, 40))
}

// play is a fleet without an API server: the planner decides, its decisions are carried out, and
// Argo CD takes a minute for each of: noticing a pin, syncing it, getting healthy, confirming.
// Between two decisions nothing is kept but the rollout, in JSON: the operator restarts each time.
type play struct {
	spec    v1alpha1.PromotionSpec
	rollout *v1alpha1.PromotionRollout
	history []v1alpha1.PromotionRecord
	// verified is what others may take for healthy.
	verified []v1alpha1.VerifiedRevisions
	fleet    []*actor
	now      time.Time
	apps     []string        // that the promotion is responsible for
	away     map[string]bool // regions that cannot be judged
	blind    map[string]bool // regions that Argo CD itself does not reach
	unseen   map[string]bool // those of them whose pins cannot be seen either
	apart    map[string]bool // regions that are not connected
	retry    string
	denied   bool // nobody has approved yet
	refused  bool // what the spec asks for must not be rolled out
	log      []string
}

// actor is a region with its applications.
type actor struct {
	name  string
	pins  map[string]v1alpha1.GitRevision
	stage map[string]int  // minutes since Argo CD noticed the pin
	asked bool            // a confirmation is asked for
	deaf  bool            // Argo CD does not answer that
	sick  bool            // api is not well
	lacks map[string]bool // applications that its profile does not list
}

const healthyAfter = 3 // minutes

func stageFor(regions ...string) *play {
	p := &play{
		now: start, apps: []string{"api", "core"},
		away: map[string]bool{}, blind: map[string]bool{}, unseen: map[string]bool{}, apart: map[string]bool{},
	}
	p.spec.Revision = old
	for _, r := range regions {
		p.add(r, old)
	}
	p.rollout = &v1alpha1.PromotionRollout{
		ID: string(old), Revision: old, Applications: []string{"api", "core"}, Phase: v1alpha1.RolloutCompleted, StartedAt: metav1.NewTime(start),
	}
	return p
}

func (p *play) add(region string, revision v1alpha1.GitRevision) {
	p.fleet = append(p.fleet, &actor{
		name:  region,
		pins:  map[string]v1alpha1.GitRevision{"api": revision, "core": revision},
		stage: map[string]int{"api": healthyAfter, "core": healthyAfter},
		lacks: map[string]bool{},
	})
}

// in are the promotion's applications that a region's profile lists.
func (p *play) in(a *actor) []string {
	return slices.DeleteFunc(slices.Clone(p.apps), func(app string) bool { return a.lacks[app] })
}

// verdict is what the gate would say: api at the bad revision degrades once it was healthy.
func (a *actor) verdict(app string) argocd.Verdict {
	switch stage := a.stage[app]; {
	case a.pins[app] == "":
		return argocd.Verdict{Class: argocd.Pending, Reason: "ApplicationMissing"}
	case stage == 0:
		return argocd.Verdict{Class: argocd.Pending, Reason: "SpecNotUpdated"}
	case stage < healthyAfter:
		return argocd.Verdict{Class: argocd.Pending, Reason: "OperationRunning"}
	case app == "api" && (a.sick || a.pins[app] == bad && stage > healthyAfter):
		return argocd.Verdict{Class: argocd.Degraded, Reason: "NotHealthy", Message: `health is "Degraded"`}
	default:
		return argocd.Verdict{Healthy: true}
	}
}

func (p *play) world(t *testing.T) world {
	t.Helper()
	s := &scope{promotion: &v1alpha1.Promotion{Spec: p.spec, Status: v1alpha1.PromotionStatus{Rollout: p.rollout}}}
	w := world{
		now: p.now, rollout: p.rollout, policy: policyOf(&p.spec), retry: p.retry,
		target: target{plan.PinSet{Revision: p.spec.Revision, Overrides: p.spec.Overrides}, slices.Clone(p.apps), map[string][]string{}},
	}
	for _, a := range p.fleet {
		w.target.in[a.name] = slices.Sorted(slices.Values(p.in(a)))
	}
	if p.refused {
		w.target, w.policy, w.retry = s.lastTarget(), s.lastPolicy(), ""
	}
	var regions []*v1alpha1.Region
	for _, a := range p.fleet {
		r := regionState{name: a.name}
		for _, app := range p.in(a) {
			r.apps = append(r.apps, appState{name: app, pinned: a.pins[app], verdict: a.verdict(app), confirmed: !a.asked})
			if p.blind[a.name] {
				r.blind = true
				r.unknown, r.apps[len(r.apps)-1].verdict = "Argo CD does not get through", argocd.Verdict{Class: argocd.Unreachable, Reason: "ClusterUnreachable"}
			}
		}
		if p.away[a.name] {
			r.unknown, r.blind = "nobody answers", false
		}
		if p.unseen[a.name] {
			r.unknown, r.blind, r.unseen, r.apps = "its API server does not answer", false, true, nil
		}
		if p.apart[a.name] {
			r.unconnected = "ring api: it is Seeded, not yet Converged"
		}
		w.regions = append(w.regions, r)
		region := &v1alpha1.Region{}
		region.Name, region.Labels = a.name, map[string]string{"continent": a.name[:2]}
		regions = append(regions, region)
	}
	s.world, s.regions = w, regions
	waves, err := wavesOf(&p.spec, s.moving())
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	if !p.refused {
		w.waves = waves
	}
	if p.denied {
		w.unapproved = &holding{reason: v1alpha1.ReasonAwaitingApproval, message: "0 of 1 approvals"}
	}
	s.world = w
	NewWithT(t).Expect((&Reconciler{}).holdings(s)).To(Succeed())
	return s.world
}

// step takes one decision and carries it out.
func (p *play) step(t *testing.T) *decision {
	t.Helper()
	g := NewWithT(t)
	if p.refused && p.rollout == nil {
		return &decision{verb: hold}
	}
	d := decide(p.world(t))
	said := string(d.verb)
	for _, w := range d.writes {
		a := p.actor(w.region.name)
		for _, app := range w.region.differing(w.pins) {
			a.pins[app], a.stage[app] = w.pins.Of(app), 0
			said += fmt.Sprintf(" %s/%s=%.1s", a.name, app, a.pins[app])
		}
	}
	for _, name := range d.confirm {
		p.actor(name).asked = true
	}
	if d.reason != "" {
		said += ": " + d.reason + ": " + d.message
	}
	if d.held {
		said += " (held)"
	}
	if d.stuck {
		said += " (stuck)"
	}
	if len(d.proven) > 0 {
		p.verified = verify(p.verified, plan.PinSet{Revision: d.rollout.Revision, Overrides: d.rollout.Overrides}, d.proven)
	}
	if d.ended != nil {
		p.history = append(p.history, *d.ended)
		said += fmt.Sprintf(" [%s %.1s]", d.ended.Outcome, d.ended.Revision)
	}
	if raw, err := json.Marshal(d.rollout); d.rollout != nil {
		g.Expect(err).NotTo(HaveOccurred())
		p.rollout = &v1alpha1.PromotionRollout{}
		g.Expect(json.Unmarshal(raw, p.rollout)).To(Succeed())
	}
	p.sayf("%s", said)
	return d
}

// forgetting loses the status that is written meanwhile.
func (p *play) forgetting(do func()) {
	rollout := p.rollout
	do()
	p.rollout = rollout
}

func (p *play) sayf(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	if len(p.log) == 0 || p.log[len(p.log)-1][len("15:04 "):] != line {
		p.log = append(p.log, p.now.Format("15:04 ")+line)
	}
}

func (p *play) actor(name string) *actor {
	return p.fleet[slices.IndexFunc(p.fleet, func(a *actor) bool { return a.name == name })]
}

// minute lets Argo CD work.
func (p *play) minute() {
	p.now = p.now.Add(time.Minute)
	for _, a := range p.fleet {
		for app := range a.stage {
			a.stage[app]++
		}
		a.asked = a.asked && a.deaf
	}
}

// run decides until nothing is to be done at a moment, minute by minute, for a number of minutes.
func (p *play) run(t *testing.T, minutes int) *play {
	t.Helper()
	for range minutes {
		for range 20 {
			if d := p.step(t); d.verb == hold {
				break
			}
		}
		p.minute()
	}
	return p
}

// asks writes another spec.
func (p *play) asks(what string, change func(*v1alpha1.PromotionSpec)) *play {
	p.log = append(p.log, "--- "+what)
	change(&p.spec)
	return p
}

func (p *play) event(what string, change func()) *play {
	p.log = append(p.log, "--- "+what)
	change()
	return p
}

func to(revision v1alpha1.GitRevision) func(*v1alpha1.PromotionSpec) {
	return func(s *v1alpha1.PromotionSpec) { s.Revision = revision }
}

func (p *play) matches(t *testing.T, name string) {
	t.Helper()
	g := NewWithT(t)
	path := filepath.Join("testdata", name+".log")
	text := strings.Join(p.log, "\n") + "\n"
	if *update {
		g.Expect(os.WriteFile(path, []byte(text), 0o600)).To(Succeed())
	}
	want, err := os.ReadFile(path)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(text).To(Equal(string(want)), "run with -update and read the difference")
}

// elsewhere lets web be another Promotion's, which has pinned it.
func (p *play) elsewhere(revision v1alpha1.GitRevision) *play {
	for _, a := range p.fleet {
		a.pins["web"], a.stage["web"] = revision, healthyAfter
	}
	return p
}

// takeOver makes web ours.
func (p *play) takeOver() { p.apps = append(p.apps, "web") }

// webIn makes web ours, which only some regions run, at the old revision.
func (p *play) webIn(regions ...string) *play {
	for _, a := range p.fleet {
		if a.lacks["web"] = !slices.Contains(regions, a.name); !a.lacks["web"] {
			a.pins["web"], a.stage["web"] = old, healthyAfter
		}
	}
	p.takeOver()
	return p
}

// joins lets the profiles of regions list web from now on.
func (p *play) joins(regions ...string) func() {
	return func() {
		for _, region := range regions {
			p.actor(region).lacks["web"] = false
		}
	}
}

// pinned says at which commit each region's applications are, all of them.
func (p *play) pinned() string {
	var all []string
	for _, a := range p.fleet {
		all = append(all, fmt.Sprintf("%s %.1s%.1s%.1s", a.name, a.pins["api"], a.pins["core"], a.pins["web"]))
	}
	return strings.Join(all, ", ")
}
