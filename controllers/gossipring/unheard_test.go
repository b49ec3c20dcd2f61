package gossipring

import (
	"errors"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	testingclock "k8s.io/utils/clock/testing"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// An API server that is going away is the likeliest reason for a lost answer: the seeds may have landed there,
// and nobody sees the region restart.
func TestALostAnswerHoldsItsPlace(t *testing.T) {
	dark := func(m *member) { m.seen, m.reachable, m.hasPods, m.applied = nil, false, false, nil }
	unreadable := func(m *member) { dark(m); m.deliverable, m.written = false, nil }
	for name, tc := range map[string]struct {
		then      func(*member)
		restarted bool
		unsaid    bool // the status of the pass could not be written
	}{
		"it is seen as it was":             {then: func(*member) {}},
		"it is dark":                       {then: dark},
		"it is dark to another operator":   {then: unreadable, restarted: true},
		"nobody could say so":              {then: dark, unsaid: true},
		"what is there cannot be read now": {then: func(m *member) { m.deliverable, m.written = false, nil }},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			a := settled("a", 2, "b.example").but(wants("b.example", "c.example"))
			b := settled("b", 2, "a.example").but(wants("a.example", "c.example"))
			clusters := registry(t, errors.New("unexpected EOF"), "a", a, b)
			r := driver(clusters)
			clk := r.Clock.(*testingclock.FakeClock)
			status := v1alpha1.GossipRingStatus{}
			pass := func() error {
				a.undelivered = nil
				s := passOver(a, b).deliveringTo(clusters)
				s.ring.Status, s.environment.Spec.ArgoCD.Mode = status, v1alpha1.ArgoCDPerCluster
				a.away = a.wentAway(clk.Now(), s.convergeTimeout())
				err := r.reconcileSeeds(t.Context(), s)
				r.report(s)
				s.asReported()
				status = s.ring.Status
				return err
			}
			if tc.unsaid {
				g.Expect(step.ReasonOf(r.reconcileSeeds(t.Context(), passOver(a, b).deliveringTo(clusters)))).To(Equal(v1alpha1.ReasonRetrying))
				a.writtenAt, a.unheard = nil, false
			} else {
				g.Expect(step.ReasonOf(pass())).To(Equal(v1alpha1.ReasonRetrying))
				g.Expect(a.before.WrittenSeedsHash).To(BeEmpty(), "nobody knows")
				g.Expect(a.before.SeedsWrittenAt.Time).To(Equal(start))
				g.Expect(step.ReasonOf(pass())).To(Equal(v1alpha1.ReasonSeedsNotDelivered))
			}
			clk.Step(time.Minute)

			tc.then(a)
			if tc.restarted {
				r = NewReconciler(r.Deps)
			}
			g.Expect(pass()).NotTo(Succeed())
			g.Expect(seedsIn(t, clusters, b)).To(Equal("a.example"), "both could restart together")
			g.Expect(b.before.ChangingSince).To(BeNil())

			clk.Step(defaultConvergeTimeout)
			g.Expect(pass()).NotTo(Succeed())
			g.Expect(seedsIn(t, clusters, b)).To(Equal("a.example,c.example"), "for no longer than anybody waits")
		})
	}
}
