package gossipring

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

func ago(d time.Duration) *metav1.Time { return &metav1.Time{Time: start.Add(-d)} }

func TestWhoHoldsTheTurn(t *testing.T) {
	const a, b = "a.example", "b.example"
	restarts := func(m *member) { m.rolling, m.applied = true, nil }
	for name, tc := range map[string]struct {
		but         func(*member)
		wantReason  string
		wantMessage string
	}{
		"pods that restart long after their seeds were written": {
			but:        func(m *member) { restarts(m); m.writtenAt = ago(time.Hour) },
			wantReason: v1alpha1.ReasonRollingSeeds, wantMessage: "not yet running with its seeds: a, b",
		},
		"and are not back yet": {
			but:        func(m *member) { restarts(m); m.writtenAt, m.before.ChangingSince = ago(time.Hour), ago(time.Minute) },
			wantReason: v1alpha1.ReasonRollingSeeds, wantMessage: "not yet running with its seeds: a, b; the turn is with a",
		},
		"and do not come back": {
			but: func(m *member) {
				restarts(m)
				m.writtenAt, m.before.ChangingSince = ago(time.Hour), ago(11*time.Minute)
			},
			wantReason: v1alpha1.ReasonRolloutStalled, wantMessage: "not connected again 10m0s after its pods began to restart: a: look at its pods; " +
				"it keeps its place among those of spec.rollout.maxConcurrentRegions (1) until it is back",
		},
		"a region that was born with its seeds": {
			but:        func(m *member) { restarts(m); m.before.ChangingSince = ago(11 * time.Minute) },
			wantReason: v1alpha1.ReasonRolloutStalled, wantMessage: "not connected again 10m0s after its pods began to restart: a: look at its pods; " +
				"it keeps its place among those of spec.rollout.maxConcurrentRegions (1) until it is back",
		},
		"seeds that were written": {
			but: func(m *member) {
				restarts(m)
				m.writtenAt, m.before.ChangingSince = ago(11*time.Minute), ago(11*time.Minute)
			},
			wantReason: v1alpha1.ReasonRolloutStalled, wantMessage: "not connected again 10m0s after its seeds were written: a: look at its pods; " +
				"it keeps its place among those of spec.rollout.maxConcurrentRegions (1) until it is back",
		},
		"a cure has its time": {
			but: func(m *member) {
				restarts(m)
				m.writtenAt, m.before.ChangingSince = ago(time.Minute), ago(11*time.Minute)
			},
			wantReason: v1alpha1.ReasonRollingSeeds, wantMessage: "not yet running with its seeds: a, b; the turn is with a",
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s := passOver(settled("a", 3, b).but(tc.but), settled("b", 3, a).but(wants(a, "c.example")), settled("c", 3, a, b))
			err := driver(nil).reconcileSeeds(t.Context(), s)
			g.Expect(step.ReasonOf(err)).To(Equal(tc.wantReason))
			g.Expect(err).To(MatchError(tc.wantMessage))
		})
	}
}

func TestSinceWhenAMemberChanges(t *testing.T) {
	g := NewWithT(t)
	now := metav1.NewTime(start)
	m := settled("a", 2, "b.example").but(func(m *member) { m.writtenAt, m.before.SeedsWrittenAt = ago(time.Hour), ago(time.Hour) })
	s := passOver(m, settled("b", 2, "a.example"))
	since := func() *metav1.Time { return m.changingSince(liveMembers(s.members), now) }
	g.Expect(since()).To(BeNil())
	m.rolling = true
	g.Expect(since()).To(Equal(&now))
	m.writtenAt = ago(time.Second)
	g.Expect(since()).To(Equal(ago(time.Second)), "written in this pass")
	m.before.ChangingSince = ago(time.Minute)
	g.Expect(since()).To(Equal(ago(time.Minute)))
	m.foreign = true
	g.Expect(since()).To(BeNil(), "it is about to be written")

	m.foreign = false
	r := driver(nil)
	r.report(s)
	g.Expect(s.ring.Status.Members).To(HaveExactElements(
		HaveField("ChangingSince", Equal(ago(time.Minute))), HaveField("ChangingSince", BeNil())))
}
