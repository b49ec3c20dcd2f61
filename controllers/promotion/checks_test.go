package promotion

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/gates"
	"github.com/portolan-dev/portolan/controllers/internal/gitrepo"
)

// oracle plays Prometheus and what runs Jobs.
type oracle struct {
	mu     sync.Mutex
	errors float64 // of each region
	silent error
	jobs   map[string]gates.State // by region
	jobErr error
	asked  []string
	runs   []gates.Run
}

func (o *oracle) Ask(_ context.Context, address, query string) (gates.Answer, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked = append(o.asked, address+" "+query)
	return gates.Answer{Samples: []gates.Sample{{Value: o.errors}}}, o.silent
}

func (o *oracle) Ensure(_ context.Context, run gates.Run) (gates.State, string, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.runs = append(o.runs, run)
	return o.jobs[run.Region], "the Job " + string(o.jobs[run.Region]), o.jobErr
}

// judged is a promotion to good with a query and a Job as gates.
func (th *theatre) judged(t *testing.T) (*oracle, *v1alpha1.Promotion) {
	t.Helper()
	o := &oracle{jobs: map[string]gates.State{}}
	for _, region := range cast {
		o.jobs[region] = gates.Passed
	}
	th.reconciler.Queries, th.reconciler.Jobs = o, o
	th.withGit(t)
	p := promotionTo(good)
	p.Spec.Gates.Prometheus = []v1alpha1.PrometheusGate{{
		Name: "errors", Address: "http://prometheus", Query: `errors{region="{{ .region }}", name="{{ .name }}"}`, Expect: "< 0.01",
	}}
	p.Spec.Gates.Jobs = []v1alpha1.JobGate{{Name: "smoke", CronJob: "smoke-test"}}
	return o, p
}

func TestGatesThatAreAsked(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	o, p := th.judged(t)
	th.set(t, p)
	p = th.play(t, "all")
	g.Expect(p.Status.CurrentRevision).To(Equal(good), strings.Join(th.log, ""))
	g.Expect(o.asked).To(HaveExactElements(
		`http://prometheus errors{region="virginia", name="virginia"}`,
		`http://prometheus errors{region="dublin", name="dublin"}`,
		`http://prometheus errors{region="tokyo", name="tokyo"}`), "once each, after the one before has passed")
	g.Expect(o.runs).To(HaveLen(3))
	g.Expect(o.runs[1]).To(And(HaveField("Region", "dublin"), HaveField("AWSRegion", "dublin"), HaveField("CronJob", "smoke-test"),
		HaveField("Rollout", string(good)), HaveField("Revision", string(good)), HaveField("PreviousRevision", string(old))))
	for _, at := range p.Status.Rollout.Waves[0].Regions {
		g.Expect(at.Gates).To(Equal([]v1alpha1.GateResult{
			{Name: "errors", State: v1alpha1.GatePassed}, {Name: "smoke", State: v1alpha1.GatePassed},
		}))
	}
}

func TestAGateHoldsARegion(t *testing.T) {
	forbidden := apierrors.NewForbidden(batchv1.Resource("jobs"), "x", errors.New("no"))
	for name, tc := range map[string]struct {
		but         func(*oracle, *v1alpha1.Promotion)
		wantMessage string
	}{
		"an answer that is not as expected": {
			but:         func(o *oracle, _ *v1alpha1.Promotion) { o.errors = 0.5 },
			wantMessage: `virginia: gate errors: http://prometheus has not answered "< 0.01" yet`,
		},
		"no answer": {
			but:         func(o *oracle, _ *v1alpha1.Promotion) { o.silent = errors.New("http://prometheus: refused") },
			wantMessage: "virginia: gate errors: http://prometheus: refused",
		},
		"a Job that runs": {
			but:         func(o *oracle, _ *v1alpha1.Promotion) { o.jobs["virginia"] = gates.Running },
			wantMessage: "virginia: gate smoke: the Job Running",
		},
		"no CronJob": {
			but:         func(o *oracle, _ *v1alpha1.Promotion) { o.jobs["virginia"] = gates.Missing },
			wantMessage: "virginia: gate smoke: the Job Missing",
		},
		"no right to run Jobs": {
			but:         func(o *oracle, _ *v1alpha1.Promotion) { o.jobErr = fmt.Errorf("creating: %w", forbidden) },
			wantMessage: "virginia: gate smoke: Portolan may not run Jobs in namespace fleet: apply config/rbac/promotion_jobs_role.yaml there",
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			th := newTheatre(t)
			o, p := th.judged(t)
			tc.but(o, p)
			th.set(t, p)
			p = th.play(t, "all")
			said := conditionOf(p, v1alpha1.PromotionRolledOut)
			g.Expect(said.Reason).To(Equal(v1alpha1.ReasonGateWaiting), said.Message)
			g.Expect(said.Message).To(HavePrefix(tc.wantMessage))
			g.Expect(th.pins(t)).To(HavePrefix("virginia core@b unkey-api@b, dublin core@a"))

			_, whole := th.judged(t)
			th.set(t, whole)
			g.Expect(th.play(t, "all").Status.CurrentRevision).To(Equal(good), strings.Join(th.log, ""))
		})
	}
}

func TestNobodyIsAskedMoreOftenThanThePollSays(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	o, p := th.judged(t)
	o.errors = 1
	th.set(t, p)
	th.play(t, "all")
	before := len(o.asked)
	for range 5 { // as many Applications change
		th.pass(t, "all")
	}
	g.Expect(len(o.asked) - before).To(BeNumerically("<=", 1))
	th.clock.SetTime(th.clock.Now().Add(th.reconciler.Poll))
	th.pass(t, "all")
	g.Expect(len(o.asked)).To(BeNumerically(">", before))
}

func TestGatesThatLeaveTheSpecLeaveTheStatus(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	o, p := th.judged(t)
	o.errors = 1
	th.set(t, p)
	th.play(t, "all")
	p.Spec.Gates.Prometheus[0].Name = "failures"
	th.set(t, p)
	g.Expect(th.play(t, "all").Status.Rollout.Waves[0].Regions[0].Gates).To(HaveExactElements(
		And(HaveField("Name", "smoke"), HaveField("State", v1alpha1.GatePassed)),
		And(HaveField("Name", "failures"), HaveField("State", v1alpha1.GateWaiting))))
}

func TestAGateThatNeverPassesFailsTheRegion(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	o, p := th.judged(t)
	o.errors = 1
	th.set(t, p)
	p = th.playToTheDeadline(t, "all")
	g.Expect(p.Status.Rollout.Phase).To(Equal(v1alpha1.RolloutHalted))
	g.Expect(p.Status.Rollout.Failure).To(ContainSubstring("it had not passed: gate errors: "))
}

func TestAJobThatFailsFailsTheRegion(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	o, p := th.judged(t)
	o.jobs["dublin"] = gates.Failed
	p.Spec.OnFailure = v1alpha1.FailureRollback
	th.set(t, p)
	p = th.play(t, "all")
	g.Expect(p.Status.Rollout.Phase).To(Equal(v1alpha1.RolloutRolledBack), strings.Join(th.log, ""))
	g.Expect(p.Status.Rollout.Failure).To(Equal("dublin: gate smoke: the Job Failed"))
	g.Expect(th.pins(t)).To(Equal("virginia core@a unkey-api@a, dublin core@a unkey-api@a, tokyo core@a unkey-api@a"))
}

func TestInAnEmergencyNobodyIsAsked(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	o, p := th.judged(t)
	p.Spec.Urgency, p.Spec.Reason = v1alpha1.UrgencyEmergency, "CVE"
	th.set(t, p)
	g.Expect(th.play(t, "all").Status.CurrentRevision).To(Equal(good))
	g.Expect(o.asked).To(BeEmpty())
	g.Expect(o.runs).To(BeEmpty())
}

func TestWhatARegionWaitsForIsListed(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	th.set(t, promotionTo(good))
	p := th.pass(t, "all")
	moving := p.Status.Rollout.Waves[0].Regions[0]
	g.Expect(moving.Waiting).To(Equal([]v1alpha1.ApplicationProgress{
		{Application: "core", Reason: "SpecNotUpdated"}, {Application: "unkey-api", Reason: "SpecNotUpdated"},
	}))
	g.Expect(moving.Deadline.Time).To(BeTemporally("==", moving.MovedAt.Add(defaultDeadline)))
	p = th.play(t, "all")
	for _, at := range p.Status.Rollout.Waves[0].Regions {
		g.Expect(at.Waiting).To(BeEmpty())
		g.Expect(at.Deadline).To(BeNil())
	}

	th.set(t, promotionTo(bad))
	p = th.playToTheDeadline(t, "all")
	failed := p.Status.Rollout.Waves[0].Regions[0]
	g.Expect(failed.State).To(Equal(v1alpha1.RegionRolloutFailed))
	g.Expect(failed.Waiting).To(Equal([]v1alpha1.ApplicationProgress{{Application: "unkey-api", Reason: "NotHealthy"}}), "what it failed for")
}

func TestShortMessages(t *testing.T) {
	g := NewWithT(t)
	g.Expect(shorten("short")).To(Equal("short"))
	g.Expect([]rune(shorten(strings.Repeat("ö", 160)))).To(HaveLen(160))
	g.Expect([]rune(shorten(strings.Repeat("x", 500)))).To(HaveLen(160))
}

func TestWhatNobodyAnnouncesIsLookedAtAgain(t *testing.T) {
	for name, begin := range map[string]func(*testing.T, *theatre) *v1alpha1.Promotion{
		"a gate": func(t *testing.T, th *theatre) *v1alpha1.Promotion {
			t.Helper()
			o, p := th.judged(t)
			o.errors = 1
			return p
		},
		"git that does not answer": func(t *testing.T, th *theatre) *v1alpha1.Promotion {
			t.Helper()
			branch, byGit := th.inGit(t, ownFiles)
			branch.readErr = gitrepo.ErrUnreachable
			return byGit(promotionTo(good))
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			th := newTheatre(t)
			th.set(t, begin(t, th))
			p := th.play(t, "all")
			result, err := th.reconciler.Reconcile(t.Context(), p)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(result.RequeueAfter).To(BeNumerically("<=", th.reconciler.Poll))
		})
	}
}
