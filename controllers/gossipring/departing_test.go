package gossipring

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	testingclock "k8s.io/utils/clock/testing"

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
				s := passOver(settled("a", 2, b, "gone.example").but(wants(b)), settled("b", 2, a))
				gone.former, s.leavers = !deleted, []*member{gone}
				s.ring.Spec.Rollout.MaxConcurrentRegions = int32(tc.max)
				clusters := registry(t, nil, "", s.members...)
				r := driver(clusters)
				r.Clusters = remote.New(nil, testingclock.NewFakeClock(start), time.Minute)
				r.depart(s)
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

// inRing is a member's Region as passOver's ring selects it.
func inRing(m *member) *v1alpha1.Region {
	m.region.Spec.EnvironmentRef.Name, m.region.Spec.Profile = "production001", "base"
	return m.region
}

// from makes a scope whose status is what the last pass reported.
func from(s *scope, members ...*member) *scope {
	next := passOver(members...)
	next.ring.Status = *s.ring.Status.DeepCopy()
	return next
}

func TestAFormerMemberIsRememberedForItsTime(t *testing.T) {
	g := NewWithT(t)
	r, s := driver(nil), passOver(settled("a", 1))
	clk := r.Clock.(*testingclock.FakeClock)
	r.Clusters = remote.New(nil, clk, time.Minute)
	s.ring.Status.Members = []v1alpha1.RingMember{{
		Region: "gone", UID: "1", AWSRegion: "eu-west-1", Endpoint: "gone.example", State: v1alpha1.MemberConverged,
		JoinedAt: ago(time.Hour), SeedsWrittenAt: ago(time.Minute), WrittenSeedsHash: "new",
	}}
	for range 2 {
		s = from(s, settled("a", 1))
		s.takeLeave([]v1alpha1.Region{*inRing(s.members[0])})
		r.depart(s)
		r.report(s)
		g.Expect(s.departing).To(Equal([]string{"gone"}))
		g.Expect(s.ring.Status.Members).To(HaveLen(2))
		g.Expect(s.ring.Status.Members[1]).To(And(HaveField("State", v1alpha1.MemberLeaving), HaveField("UID", BeEquivalentTo("1")), HaveField("DroppedAt", BeNil()),
			HaveField("SeedsWrittenAt", Equal(ago(time.Minute))), HaveField("WrittenSeedsHash", "new"), HaveField("AWSRegion", BeEquivalentTo("eu-west-1"))))
	}
	clk.Step(time.Hour)
	s = from(s, settled("a", 1))
	s.takeLeave([]v1alpha1.Region{*inRing(s.members[0])})
	r.depart(s)
	r.report(s)
	g.Expect(s.departing).To(BeEmpty())
	g.Expect(s.ring.Status.Members).To(ConsistOf(HaveField("Region", "a")))
}

func TestAFormerMemberStaysUntilNobodyDialsIt(t *testing.T) {
	g := NewWithT(t)
	region := settled("former", 2).region
	region.Spec.EnvironmentRef.Name, region.Spec.Profile = "production001", "another"
	reported := v1alpha1.RingMember{Region: "former", Endpoint: "former.example", State: v1alpha1.MemberConverged, JoinedAt: ago(time.Hour)}
	pass := func(s *scope, a *member) *scope {
		s = from(s, a)
		s.ring.Spec.Profiles = []string{"base"}
		s.environment.Spec.Profiles = []v1alpha1.Profile{{Name: "base"}}
		s.takeLeave([]v1alpha1.Region{*region, *inRing(a)})
		driver(nil).report(s)
		return s
	}
	s := passOver()
	s.ring.Status.Members = []v1alpha1.RingMember{reported}
	s = pass(s, settled("a", 2, "former.example"))
	g.Expect(s.ring.Status.Members).To(ContainElement(And(HaveField("Region", "former"), HaveField("State", v1alpha1.MemberLeaving), HaveField("Endpoint", "former.example"))))
	s = pass(s, settled("a", 2).but(func(m *member) { m.applied = []string{"former.example"} }))
	g.Expect(s.ring.Status.Members).To(HaveLen(2), "a pod may still dial it")
	s = pass(s, settled("a", 2))
	g.Expect(s.ring.Status.Members).To(ConsistOf(HaveField("Region", "a")), "it runs on, and may be counted for ever")
	s = pass(s, settled("a", 2))
	g.Expect(names(s.leavers)).To(BeEmpty())
}

func TestAnotherRegionOfThatNameStartsAnew(t *testing.T) {
	g := NewWithT(t)
	s := passOver()
	s.ring.Status.Members = []v1alpha1.RingMember{{Region: "a", UID: "1", Endpoint: "old.example", JoinedAt: ago(time.Hour), SeedsWrittenAt: ago(time.Hour)}}
	region := settled("a", 1).region
	region.Spec.EnvironmentRef = s.ring.Spec.EnvironmentRef
	region.UID = "1"
	g.Expect(known(s.ring, region).endpoint).To(Equal("old.example"))
	region.UID = "2"
	a := known(s.ring, region)
	g.Expect(a).To(Equal(&member{region: region, name: "a", cluster: a.cluster}))

	b := settled("b", 1, "old.example")
	s.members = []*member{a, b}
	s.takeLeave([]v1alpha1.Region{*region, *inRing(b)})
	g.Expect(s.leavers).To(HaveLen(1))
	g.Expect(s.leavers[0].endpoint).To(Equal("old.example"))
	seedAll(s)
	g.Expect(b.desired).To(BeEmpty())
	driver(nil).report(s)
	g.Expect(s.ring.Status.Members).To(HaveExactElements(And(HaveField("Region", "a"), HaveField("UID", BeEquivalentTo("2"))), HaveField("Region", "b")))
}
