package gossipring

import (
	"errors"
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/delivery"
)

func TestALeaverIsNotDroppedByWhomNobodyCouldRead(t *testing.T) {
	const a, b = "a.example", "b.example"
	hidden := func(m *member) {
		m.hidden, m.deliverable, m.written = true, false, nil
		m.before.WrittenSeedsHash = hashOf([]string{b, "gone.example"})
	}
	away := func(m *member) { hidden(m); unseen(m); m.before.WrittenSeedsHash = "with the leaver" }
	rewritten := func(m *member) { m.before.WrittenSeedsHash = hashOf(m.desired) }
	lost := func(m *member) { m.lost = true }
	for name, tc := range map[string]struct {
		members     []*member
		change      func(*scope)
		leaver      func(*member)
		wantDropped bool
	}{
		"all can be read": {members: []*member{settled("a", 2, b), settled("b", 2, a)}, wantDropped: true},
		"one cannot":      {members: []*member{settled("a", 2, b).but(hidden), settled("b", 2, a)}},
		"one cannot, and was rid of it before": {
			members: []*member{settled("a", 2, b).but(hidden).but(rewritten), settled("b", 2, a)}, wantDropped: true,
		},
		"one is out of sight":             {members: []*member{settled("a", 2, b).but(away), settled("b", 2, a)}},
		"one is out of sight for long":    {members: []*member{settled("a", 2, b).but(away).but(lost), settled("b", 2, a)}, wantDropped: true},
		"one was never connected":         {members: []*member{settled("a", 2, b).but(hidden).but(func(m *member) { m.joined = false }), settled("b", 2, a)}, wantDropped: true},
		"nobody can be seen":              {members: []*member{settled("a", 2, b).but(unseen), settled("b", 2, a).but(unseen)}},
		"nobody has been seen for long":   {members: []*member{settled("a", 2, b).but(unseen).but(lost), settled("b", 2, a).but(unseen).but(lost)}, wantDropped: true},
		"nobody was ever connected":       {members: []*member{settled("a", 2, b).but(func(m *member) { m.joined, m.reachable = false, false })}, wantDropped: true},
		"nobody else is in the ring":      {wantDropped: true},
		"it never had an endpoint":        {members: []*member{settled("a", 2, b).but(hidden)}, leaver: func(m *member) { m.endpoint = "" }, wantDropped: true},
		"another ring writes their seeds": {members: []*member{settled("a", 2, b).but(hidden)}, change: func(s *scope) { s.rival = &v1alpha1.GossipRing{} }, wantDropped: true},
	} {
		t.Run(name, func(t *testing.T) {
			s, leaver := passOver(tc.members...), settled("gone", 2, a, b)
			if tc.change != nil {
				tc.change(s)
			}
			if tc.leaver != nil {
				tc.leaver(leaver)
			}
			described := s.describeLeaver(leaver, metav1.NewTime(start))
			NewWithT(t).Expect(described.DroppedAt != nil).To(Equal(tc.wantDropped))
			if !tc.wantDropped {
				NewWithT(t).Expect(described.State).To(Equal(v1alpha1.MemberLeaving))
			}
		})
	}
}

func TestALeaverIsNotDroppedWhileTheRepositoryCannotBeSetUp(t *testing.T) {
	const a, b = "a.example", "b.example"
	g := NewWithT(t)
	m := settled("a", 2, b).but(func(m *member) {
		m.hidden, m.deliverable, m.written = true, false, nil
		m.before.WrittenSeedsHash = hashOf([]string{b, "gone.example"})
	})
	s, leaver := passOver(m, settled("b", 2, a)), settled("gone", 2, a, b)
	s.ring.Spec.Seeds.Delivery.Git, s.environment = &v1alpha1.GitDelivery{}, nil
	s.undelivered = errors.New("Secret gone")
	m.take(s, driver(nil).look(s, m)(t.Context()))
	g.Expect(m.hidden).To(BeTrue(), "nobody has looked")
	m.seen = new(int32(2))
	g.Expect(s.describeLeaver(leaver, metav1.NewTime(start)).DroppedAt).To(BeNil())
}

func TestWhatIsWrittenIsHiddenUntilItWasRead(t *testing.T) {
	g := NewWithT(t)
	s, m := passOver(), &member{hidden: true}
	m.found(s, delivery.Found{Err: errors.New("no answer")})
	g.Expect(m.hidden).To(BeTrue())
	m.found(s, delivery.Found{})
	g.Expect(m.hidden).To(BeFalse(), "there is no place")
	m.found(s, delivery.Found{Known: true})
	g.Expect(m.hidden).To(BeFalse())
}
