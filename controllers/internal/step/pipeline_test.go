package step

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	dto "github.com/prometheus/client_model/go"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/events"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

const resync = 10 * time.Minute

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// bench is a pipeline whose steps return what the test says.
type bench struct {
	*Pipeline[*bench]
	clock   *testingclock.FakePassiveClock
	events  *events.FakeRecorder
	region  *v1alpha1.Region
	results map[string]error
	ran     []string
}

func newBench(t *testing.T, conditions ...string) *bench {
	t.Helper()
	b := &bench{
		clock:   testingclock.NewFakePassiveClock(start),
		events:  events.NewFakeRecorder(64),
		region:  &v1alpha1.Region{},
		results: map[string]error{},
	}
	b.region.Namespace, b.region.Name, b.region.Generation = "fleet", strings.ReplaceAll(t.Name(), "/", "-"), 7
	b.Pipeline = &Pipeline[*bench]{Kind: "Region", Clock: b.clock, Events: b.events, Resync: resync}
	for _, c := range conditions {
		b.Steps = append(b.Steps, Step[*bench]{Condition: c, Run: func(_ context.Context, s *bench) error {
			s.ran = append(s.ran, c)
			return s.results[c]
		}})
	}
	return b
}

func (b *bench) run(t *testing.T) (reconcile.Result, error) {
	t.Helper()
	return b.Run(t.Context(), b.region, b)
}

func (b *bench) condition(conditionType string) *metav1.Condition {
	return meta.FindStatusCondition(b.region.Status.Conditions, conditionType)
}

// announced returns the events since it was last called.
func (b *bench) announced() []string {
	var all []string
	for {
		select {
		case e := <-b.events.Events:
			all = append(all, e)
		default:
			return all
		}
	}
}

func TestEveryStepRunsThoughOthersFail(t *testing.T) {
	g := NewWithT(t)
	b := newBench(t, "A", "B", "C", "D")
	b.results = map[string]error{"A": errors.New("broken"), "B": Terminal("R", "refused"), "C": Blocked("A")}
	_, err := b.run(t)
	g.Expect(err).To(HaveOccurred())
	g.Expect(b.ran).To(Equal([]string{"A", "B", "C", "D"}))
	g.Expect(b.condition("D").Status).To(Equal(metav1.ConditionTrue))
}

func TestSummary(t *testing.T) {
	for name, tc := range map[string]struct {
		results         map[string]error
		informational   string
		wantStatus      metav1.ConditionStatus
		wantReason      string
		wantMessage     string
		wantStalled     bool
		wantReconciling bool
	}{
		"all done": {
			results:    map[string]error{"B": NotRequired("nothing to do"), "C": DoneUntil(time.Minute)},
			wantStatus: metav1.ConditionTrue, wantReason: v1alpha1.ReasonSucceeded,
		},
		"one waits": {
			results:    map[string]error{"B": Wait("Creating", "vpc")},
			wantStatus: metav1.ConditionUnknown, wantReason: "Creating", wantMessage: "B: vpc", wantReconciling: true,
		},
		"the first of those that wait": {
			results:    map[string]error{"B": Wait("Creating", "vpc"), "C": Wait("Syncing", "role")},
			wantStatus: metav1.ConditionUnknown, wantReason: "Creating", wantMessage: "B: vpc", wantReconciling: true,
		},
		"what waits before what is blocked by it": {
			results:    map[string]error{"A": Blocked("C"), "B": Blocked("C"), "C": Wait("Syncing", "role")},
			wantStatus: metav1.ConditionUnknown, wantReason: "Syncing", wantMessage: "C: role", wantReconciling: true,
		},
		"nothing but blocked": {
			results:    map[string]error{"B": Blocked("X"), "C": Blocked("Y")},
			wantStatus: metav1.ConditionUnknown, wantReason: v1alpha1.ReasonBlocked, wantMessage: "B: waiting for X", wantReconciling: true,
		},
		"what is refused before what waits": {
			results:    map[string]error{"A": Wait("Creating", "vpc"), "B": Blocked("A"), "C": Terminal("NoCIDR", "no block")},
			wantStatus: metav1.ConditionFalse, wantReason: "NoCIDR", wantMessage: "C: no block", wantStalled: true,
		},
		"what is stuck before what waits": {
			results:    map[string]error{"A": Wait("Creating", "vpc"), "B": Stuck(time.Minute, "NotOurs", "not ours")},
			wantStatus: metav1.ConditionFalse, wantReason: "NotOurs", wantMessage: "B: not ours", wantStalled: true,
		},
		"a failure waits for its retry": {
			results:    map[string]error{"B": errors.New("broken")},
			wantStatus: metav1.ConditionUnknown, wantReason: v1alpha1.ReasonRetrying, wantMessage: "B: broken", wantReconciling: true,
		},
		"informational conditions do not count": {
			results: map[string]error{"B": Terminal("Gone", "unreachable")}, informational: "B",
			wantStatus: metav1.ConditionTrue, wantReason: v1alpha1.ReasonSucceeded,
		},
		"informational conditions do not stand for others": {
			results: map[string]error{"B": Wait("Gone", "unreachable"), "C": Blocked("X")}, informational: "B",
			wantStatus: metav1.ConditionUnknown, wantReason: v1alpha1.ReasonBlocked, wantMessage: "C: waiting for X", wantReconciling: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			b := newBench(t, "A", "B", "C")
			b.results = tc.results
			for i := range b.Steps {
				b.Steps[i].Informational = b.Steps[i].Condition == tc.informational
			}
			_, _ = b.run(t)
			ready := b.condition(v1alpha1.ConditionReady)
			g.Expect(*ready).To(Equal(metav1.Condition{
				Type: v1alpha1.ConditionReady, Status: tc.wantStatus, Reason: tc.wantReason, Message: tc.wantMessage,
				ObservedGeneration: 7, LastTransitionTime: metav1.NewTime(start),
			}))
			for conditionType, want := range map[string]bool{
				v1alpha1.ConditionStalled: tc.wantStalled, v1alpha1.ConditionReconciling: tc.wantReconciling,
			} {
				c := b.condition(conditionType)
				g.Expect(c != nil).To(Equal(want), "%s: %v", conditionType, c)
				if c != nil {
					g.Expect(c.Status).To(Equal(metav1.ConditionTrue))
					g.Expect(c.Reason).To(Equal(tc.wantReason))
					g.Expect(c.Message).To(Equal(tc.wantMessage))
				}
			}
			if tc.informational != "" {
				g.Expect(b.condition(tc.informational).Status).NotTo(Equal(metav1.ConditionTrue), "it is reported nevertheless")
			}
		})
	}
}

func TestCompanionsGoWhenTheyDoNotHold(t *testing.T) {
	g := NewWithT(t)
	b := newBench(t, "A")
	gauge := func(conditionType string) float64 {
		var m dto.Metric
		g.Expect(condition.WithLabelValues("Region", b.region.Namespace, b.region.Name, conditionType, "True").Write(&m)).To(Succeed())
		return m.GetGauge().GetValue()
	}

	b.results["A"] = Terminal("R", "refused")
	_, err := b.run(t)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(b.condition(v1alpha1.ConditionStalled)).NotTo(BeNil())
	g.Expect(gauge(v1alpha1.ConditionStalled)).To(Equal(1.0))

	b.results["A"] = Wait("R", "soon")
	_, err = b.run(t)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(b.condition(v1alpha1.ConditionStalled)).To(BeNil())
	g.Expect(b.condition(v1alpha1.ConditionReconciling)).NotTo(BeNil())
	g.Expect(gauge(v1alpha1.ConditionStalled)).To(BeZero(), "an alert on Stalled would never end")
	g.Expect(gauge(v1alpha1.ConditionReconciling)).To(Equal(1.0))

	b.results["A"] = nil
	_, err = b.run(t)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(b.condition(v1alpha1.ConditionReconciling)).To(BeNil())
	g.Expect(gauge(v1alpha1.ConditionReconciling)).To(BeZero())
	g.Expect(gauge(v1alpha1.ConditionReady)).To(Equal(1.0))

	Forget("Region", client.ObjectKeyFromObject(b.region))
	g.Expect(gauge(v1alpha1.ConditionReady)).To(BeZero())
}

func TestResult(t *testing.T) {
	broken, alsoBroken := errors.New("broken"), errors.New("also broken")
	for name, tc := range map[string]struct {
		results   map[string]error
		wantAfter time.Duration
		wantErrs  []error
		wantNoErr string
	}{
		"all done":                       {wantAfter: resync},
		"waiting for a watch":            {results: map[string]error{"A": Wait("R", "x"), "B": Blocked("A")}, wantAfter: resync},
		"terminal":                       {results: map[string]error{"A": Terminal("R", "x")}, wantAfter: resync},
		"stuck until somebody helps":     {results: map[string]error{"A": Stuck(time.Minute, "R", "x"), "B": Terminal("R", "y")}, wantAfter: time.Minute},
		"stuck longer than the resync":   {results: map[string]error{"A": Stuck(time.Hour, "R", "x")}, wantAfter: resync},
		"the smallest poll":              {results: map[string]error{"A": Poll(time.Minute, "R", "x"), "B": Poll(time.Second, "R", "x"), "C": DoneUntil(time.Hour)}, wantAfter: time.Second},
		"a poll longer than the resync":  {results: map[string]error{"A": Poll(time.Hour, "R", "x")}, wantAfter: resync},
		"done until the next look":       {results: map[string]error{"A": DoneUntil(time.Second)}, wantAfter: time.Second},
		"failures are returned together": {results: map[string]error{"A": broken, "C": alsoBroken}, wantErrs: []error{broken, alsoBroken}},
		"a terminal outcome is not joined with a failure": {
			results: map[string]error{"A": Terminal("R", "refused"), "B": broken}, wantErrs: []error{broken}, wantNoErr: "refused",
		},
		"nor is what is stuck": {
			results: map[string]error{"A": Stuck(time.Second, "R", "refused"), "B": broken}, wantErrs: []error{broken}, wantNoErr: "refused",
		},
		"nor is what waits": {
			results: map[string]error{"A": Poll(time.Second, "R", "soon"), "B": broken}, wantErrs: []error{broken}, wantNoErr: "soon",
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			b := newBench(t, "A", "B", "C")
			b.results = tc.results
			result, err := b.run(t)
			g.Expect(result).To(Equal(reconcile.Result{RequeueAfter: tc.wantAfter}))
			if len(tc.wantErrs) == 0 {
				g.Expect(err).NotTo(HaveOccurred())
				return
			}
			for _, want := range tc.wantErrs {
				g.Expect(err).To(MatchError(want))
			}
			g.Expect(errors.Is(err, reconcile.TerminalError(nil))).To(BeFalse())
			g.Expect(IsTerminal(err)).To(BeFalse())
			if tc.wantNoErr != "" {
				g.Expect(err.Error()).NotTo(ContainSubstring(tc.wantNoErr))
			}
		})
	}
}

func TestTransitionTimeIsThatOfTheStatus(t *testing.T) {
	g := NewWithT(t)
	b := newBench(t, "A")
	b.results["A"] = Wait("Creating", "vpc")
	_, _ = b.run(t)

	b.clock.SetTime(start.Add(time.Minute))
	b.results["A"] = Wait("Syncing", "vpc")
	b.region.Generation = 8
	_, _ = b.run(t)
	g.Expect(b.condition("A").LastTransitionTime.Time).To(Equal(start), "another reason is no transition")
	g.Expect(b.condition("A").ObservedGeneration).To(Equal(int64(8)))
	g.Expect(b.condition("A").Reason).To(Equal("Syncing"))

	b.results["A"] = nil
	_, _ = b.run(t)
	g.Expect(b.condition("A").LastTransitionTime.Time).To(Equal(start.Add(time.Minute)))
}

func TestSecondPassChangesNothing(t *testing.T) {
	g := NewWithT(t)
	b := newBench(t, "A", "B", "C", "D")
	b.results = map[string]error{"A": Wait("R", "x"), "B": errors.New(strings.Repeat("→", maxMessage)), "C": Blocked("A"), "D": Terminal("R", "y")}
	_, _ = b.run(t)
	before := b.region.DeepCopy()
	b.announced()

	b.clock.SetTime(start.Add(time.Hour))
	_, _ = b.run(t)
	g.Expect(b.region).To(Equal(before))
	g.Expect(b.announced()).To(BeEmpty())
}

func TestEventsTellTransitions(t *testing.T) {
	for name, tc := range map[string]struct {
		before, after error
		want          []string
	}{
		"nothing new":              {Wait("R", "x"), Wait("R", "x"), nil},
		"another message only":     {Wait("R", "1 of 2"), Wait("R", "2 of 2"), nil},
		"done":                     {Wait("R", "x"), nil, []string{"Normal Succeeded A is True", "Normal Succeeded Ready is True"}},
		"another reason":           {Wait("R", "x"), Wait("S", "y"), []string{"Normal S A: y"}},
		"refused":                  {nil, Terminal("NoCIDR", "add one"), []string{"Warning NoCIDR A: add one", "Warning NoCIDR Ready: A: add one"}},
		"failing":                  {nil, errors.New("broken"), []string{"Warning Retrying A: broken", "Warning Retrying Ready: A: broken"}},
		"somebody has to allow it": {nil, Poll(1, v1alpha1.ReasonAccessDenied, "grant x"), []string{"Warning AccessDenied A: grant x", "Warning AccessDenied Ready: A: grant x"}},
		"somebody has to raise it": {nil, Poll(1, v1alpha1.ReasonQuotaExceeded, "raise x"), []string{"Warning QuotaExceeded A: raise x", "Warning QuotaExceeded Ready: A: raise x"}},
		"blocked is no news":       {Wait("R", "x"), Blocked("B"), nil},
		"but no longer Ready is":   {nil, Blocked("B"), []string{"Normal Blocked Ready: A: waiting for B"}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			b := newBench(t, "A")
			b.results["A"] = tc.before
			_, _ = b.run(t)
			b.announced()
			b.results["A"] = tc.after
			_, _ = b.run(t)
			g.Expect(b.announced()).To(Equal(tc.want))
		})
	}
}

func TestEventNotesFitTheAPI(t *testing.T) {
	g := NewWithT(t)
	const noteLimit = 1024 // of events.k8s.io/v1; longer ones are refused
	b := newBench(t, "A")
	_, _ = b.run(t)
	b.announced()
	b.results["A"] = errors.New(strings.Repeat("x", 2*noteLimit))
	_, _ = b.run(t)
	announced := b.announced()
	g.Expect(announced).To(HaveLen(2))
	for _, e := range announced {
		g.Expect(len(strings.TrimPrefix(e, "Warning Retrying "))).To(BeNumerically("<=", noteLimit))
	}
}
