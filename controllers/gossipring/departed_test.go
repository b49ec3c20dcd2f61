package gossipring

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/remote"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

// written is one that was written to a minute ago, and was not back when it was last seen.
func written(m *member) {
	m.before.SeedsWrittenAt, m.before.WrittenSeedsHash, m.before.JoinedAt = ago(time.Minute), "new", ago(time.Hour)
}

func TestWhoLeavesDuringItsRestartKeepsItsTurn(t *testing.T) {
	const a, b = "a.example", "b.example"
	for name, tc := range map[string]struct {
		but           func(*member)
		max           int
		wantDeparting bool
		wantNext      string
	}{
		"it was written a moment ago":   {but: written, max: 1, wantDeparting: true},
		"one more may restart":          {but: written, max: 2, wantDeparting: true, wantNext: "a"},
		"it was back":                   {but: func(m *member) { written(m); m.before.AppliedSeedsHash = "new" }, max: 1, wantNext: "a"},
		"it runs with others":           {but: func(m *member) { written(m); m.before.AppliedSeedsHash = "old" }, max: 1, wantDeparting: true},
		"it was never connected":        {but: func(m *member) { written(m); m.joined = false }, max: 1, wantNext: "a"},
		"it was never written":          {but: func(m *member) { written(m); m.before.SeedsWrittenAt = nil }, max: 1, wantNext: "a"},
		"nobody waits longer than that": {but: func(m *member) { written(m); m.before.SeedsWrittenAt = ago(10 * time.Minute) }, max: 1, wantNext: "a"},
	} {
		for _, deleted := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				g := NewWithT(t)
				gone := settled("gone", 3, a, b).but(tc.but)
				s, former := passOver(settled("a", 2, b, "gone.example").but(wants(b)), settled("b", 2, a)), []*member{gone}
				if deleted {
					s.leavers, former = former, nil
				}
				s.ring.Spec.Rollout.MaxConcurrentRegions = int32(tc.max)
				clusters := registry(t, nil, "", s.members...)
				r := driver(clusters)
				r.Clusters = remote.New(nil, testingclock.NewFakeClock(start), time.Minute)
				r.leave(s, former)
				if tc.wantDeparting {
					g.Expect(s.departing).To(Equal([]string{"gone"}))
				} else {
					g.Expect(s.departing).To(BeEmpty())
				}
				err := r.reconcileSeeds(t.Context(), s.deliveringTo(clusters))
				g.Expect(step.ReasonOf(err)).To(Equal(v1alpha1.ReasonRollingSeeds))
				g.Expect(s.members[0].writtenAt != nil).To(Equal(tc.wantNext == "a"))
				if tc.wantNext == "" {
					g.Expect(err).To(MatchError("not yet running with its seeds: a; the turn is with gone"))
				}
			})
		}
	}
}

func TestADepartedRegionIsRememberedForItsTime(t *testing.T) {
	g := NewWithT(t)
	r, s := driver(nil), passOver()
	r.Clusters = remote.New(nil, testingclock.NewFakeClock(start), time.Minute)
	former := settled("gone", 3).but(written)
	r.leave(s, []*member{former})
	g.Expect(s.departing).To(Equal([]string{"gone"}))
	next := passOver()
	r.leave(next, nil)
	g.Expect(next.departing).To(Equal([]string{"gone"}), "the status does not name it any more")

	leaver := passOver().describeLeaver(former, metav1.NewTime(start))
	g.Expect(leaver.SeedsWrittenAt).To(Equal(former.before.SeedsWrittenAt))
	g.Expect(leaver.WrittenSeedsHash).To(Equal("new"))

	key := client.ObjectKeyFromObject(s.ring)
	g.Expect(r.departed.at(key, start.Add(time.Hour))).To(BeEmpty())
	r.leave(passOver(), []*member{former})
	r.departed.forget(key)
	g.Expect(r.departed.at(key, start)).To(BeEmpty())
}
