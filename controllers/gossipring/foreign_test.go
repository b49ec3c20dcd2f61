package gossipring

import (
	"slices"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/delivery"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// finds is a connected member that should have the seeds and has pods with them, as it is seen
// where something else is written.
func finds(s *scope, name, text string, seeds ...string) *member {
	m := settled(name, 3, seeds...)
	pod := &corev1.Pod{}
	pod.Spec.Containers = []corev1.Container{{Env: []corev1.EnvVar{{Name: s.ring.Spec.Workload.Env, Value: s.render(m.desired)}}}}
	m.pods, m.applied = []*corev1.Pod{pod}, nil
	m.before.WrittenSeedsHash, m.before.AppliedSeedsHash = hashOf(m.desired), hashOf(m.desired)
	m.writtenAt = &metav1.Time{Time: start.Add(-time.Hour)}
	m.found(s, delivery.Found{Text: text, Known: true})
	settleApplied(s, m)
	return m
}

func TestAnotherDeliveryGetsItsSeedsOneRegionAtATime(t *testing.T) {
	const a, b, c = "a.example", "b.example", "c.example"
	nobody := func(*member) bool { return false }
	for name, text := range map[string]string{"its place is empty": "", "its place has seeds of long ago": "gone.example"} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s := passOver().deliveringTo(nil)
			s.members = []*member{finds(s, "a", text, b, c), finds(s, "b", text, a, c), finds(s, "c", text, a, b)}
			r := driver(nil)
			g.Expect(r.overdue(s)).To(BeEmpty(), "nobody restarts")
			for _, turn := range []string{"a", "b", "c"} {
				g.Expect(step.ReasonOf(r.seeded(s))).To(Equal(v1alpha1.ReasonRollingSeeds))
				next := nextWrites(s.members, 1, nobody)
				g.Expect(names(next)).To(Equal([]string{turn}))
				next[0].written, next[0].foreign = next[0].desired, false
			}
			g.Expect(nextWrites(s.members, 1, nobody)).To(BeEmpty())
			g.Expect(r.seeded(s)).To(Succeed())
		})
	}
}

func TestWhatIsForeignStaysSoUntilItIsWritten(t *testing.T) {
	g := NewWithT(t)
	s := passOver().deliveringTo(nil)
	m := finds(s, "a", "gone.example", "b.example")
	s.members = []*member{m}
	m.before = s.describe(m, v1alpha1.MemberConverged, "", metav1.NewTime(start))
	g.Expect(m.before.WrittenSeedsHash).To(BeEmpty())
	g.Expect(m.isForeign()).To(BeTrue(), "also in the next pass")
	m.written, m.before.WrittenSeedsHash = nil, hashOf(nil)
	g.Expect(m.isForeign()).To(BeTrue(), "nothing is never right while there should be something")
}

func TestWhoRollsToWhatSomebodyHasWrittenIsWaitedFor(t *testing.T) {
	const a, b, c = "a.example", "b.example", "c.example"
	s := passOver().deliveringTo(nil)
	for name, tc := range map[string]struct {
		but  func(*member)
		want []string
	}{
		"its pods have not begun: it is written, and nobody else": {want: []string{"a"}},
		"they restart":                {but: func(m *member) { m.rolling = true }},
		"they have it":                {but: func(m *member) { m.applied = m.written }, want: []string{"a"}},
		"it is what was written last": {but: func(m *member) { m.before.WrittenSeedsHash = hashOf(m.written) }},
		"it is what it should be":     {but: func(m *member) { m.applied, m.written = []string{c}, m.desired }},
	} {
		t.Run(name, func(t *testing.T) {
			overwritten := finds(s, "a", "gone.example", b, c)
			if tc.but != nil {
				tc.but(overwritten)
				overwritten.foreign = overwritten.isForeign()
			}
			members := []*member{overwritten, settled("b", 3, a).but(wants(a, c)), settled("c", 3, a, b)}
			next := names(nextWrites(members, 1, func(*member) bool { return false }))
			slices.Sort(next)
			NewWithT(t).Expect(next).To(Equal(tc.want))
		})
	}
}
