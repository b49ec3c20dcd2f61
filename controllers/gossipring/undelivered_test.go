package gossipring

import (
	"errors"
	"fmt"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/delivery"
	"github.com/portolan-dev/portolan/controllers/internal/gitrepo"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

func fails(format string, args ...any) func(*member) {
	return func(m *member) { m.undelivered = fmt.Errorf(format, args...) }
}

// again is for one whose last write has failed as well.
func again(m *member) { m.failing = true }

func TestWhatCannotBeDeliveredIsSaidOnceWithARemedy(t *testing.T) {
	const a, b = "a.example", "b.example"
	inGit := v1alpha1.SeedDelivery{Git: &v1alpha1.GitDelivery{}}
	inConfigMap := v1alpha1.SeedDelivery{ConfigMap: &v1alpha1.ConfigMapDelivery{}}
	for name, tc := range map[string]struct {
		delivery    v1alpha1.SeedDelivery
		members     []*member
		want        string // nothing is the matter where it is empty
		wantPassing bool
	}{
		"all is well": {delivery: inGit, members: []*member{settled("a", 2, b), settled("b", 2, a)}},
		"one file is missing": {
			delivery: inGit,
			members:  []*member{settled("a", 2, b).but(fails("branch main has no file a.yaml: create it")), settled("b", 2, a)},
			want:     "the seeds of a: branch main has no file a.yaml: create it",
		},
		"nothing can be read": {
			delivery: inGit,
			members:  []*member{settled("a", 2, b).but(fails("reading x: %w", gitrepo.ErrCredentials)), settled("b", 2, a).but(fails("reading x: %w", gitrepo.ErrCredentials))},
			want:     "the seeds of a, b: reading x: credentials refused: put credentials that it accepts into the Secret that credentialsSecretRef names",
		},
		"two reasons": {
			delivery: inGit,
			members: []*member{
				settled("a", 2, b).but(fails("x: %w: protected", gitrepo.ErrPushRefused)), settled("b", 2, a).but(fails("%w: main", gitrepo.ErrNoBranch)),
				settled("c", 2, a).but(fails("x: %w", gitrepo.ErrNotFound)),
			},
			want: "the seeds of a: x: push refused: protected: let the credentials push to this branch, or name another one in spec.seeds.delivery.git.branch; " +
				"the seeds of b: no such branch: main: create it, or name another one in spec.seeds.delivery.git.branch; " +
				"the seeds of c: x: repository not found: correct the URL, or give the credentials access",
		},
		"what a moment may cure": {delivery: inGit, members: []*member{settled("a", 2, b).but(fails("x: %w", gitrepo.ErrUnreachable))}},
		"what a moment has not cured": {
			delivery: inGit, members: []*member{settled("a", 2, b).but(fails("x: %w", gitrepo.ErrConflict)).but(again)},
			want: "the seeds of a: x: " + gitrepo.ErrConflict.Error(), wantPassing: true,
		},
		"what a moment may cure beside what it cannot": {
			delivery: inGit, members: []*member{settled("a", 2, b).but(fails("x: %w", gitrepo.ErrConflict)).but(again), settled("b", 2, a).but(fails("no file"))},
			want: "the seeds of a: x: " + gitrepo.ErrConflict.Error() + "; the seeds of b: no file",
		},
		"a cache of our own": {members: []*member{settled("a", 2, b).but(fails("x"))}},
		"an access entry that is not effective yet": {
			delivery: inConfigMap, members: []*member{settled("a", 2, b).but(fails("forbidden"))},
			want: "the seeds of a: forbidden", wantPassing: true,
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s := passOver(tc.members...)
			s.ring.Spec.Seeds.Delivery = tc.delivery
			for reported, err := range map[string]error{
				"where it is written": driver(nil).notDelivered(s, s.members),
				"where all is read":   driver(nil).seeded(s),
			} {
				if tc.want == "" {
					g.Expect(step.ReasonOf(err)).NotTo(Equal(v1alpha1.ReasonSeedsNotDelivered), reported)
					continue
				}
				g.Expect(err).To(MatchError(tc.want), reported)
				g.Expect(step.ReasonOf(err)).To(Equal(v1alpha1.ReasonSeedsNotDelivered), reported)
				g.Expect(step.IsTerminal(err)).To(Equal(!tc.wantPassing), reported)
				g.Expect(step.PollAfter(err)).To(Equal(poll), "nothing announces the cure")
			}
		})
	}
}

func TestOthersThanThoseThatWereWrittenAreLeftToTheEnd(t *testing.T) {
	g := NewWithT(t)
	a := settled("a", 2, "b.example").but(func(m *member) { m.undelivered = errors.New("no file") })
	s := passOver(a, settled("b", 2, "a.example"))
	s.ring.Spec.Seeds.Delivery.Git = &v1alpha1.GitDelivery{}
	g.Expect(driver(nil).notDelivered(s, s.members[1:])).To(Succeed())
	g.Expect(driver(nil).seeded(s)).To(MatchError("the seeds of a: no file"))
}

// Pods have a hash of what a ConfigMap holds: while that cannot be read, they need not be restarting.
func TestAConfigMapThatCannotBeReadHoldsNoTurn(t *testing.T) {
	const a, b = "a.example", "b.example"
	g := NewWithT(t)
	s := passOver(settled("a", 2, b), settled("b", 2, a))
	s.ring.Spec.Seeds.Delivery.ConfigMap = &v1alpha1.ConfigMapDelivery{Name: "seeds", Key: "wan"}
	s.delivery = delivery.ForConfigMap(s.ring)
	m := s.members[0]
	m.pods = []*corev1.Pod{{}}
	m.before = v1alpha1.RingMember{Region: "a", State: v1alpha1.MemberConverged, AppliedSeedsHash: hashOf(m.written), WrittenSeedsHash: hashOf(m.written)}
	m.found(s, delivery.Found{Err: errors.New("forbidden")})
	m.written, m.applied = nil, nil
	settleApplied(s, m)

	g.Expect(m.holds(liveMembers(s.members))).To(BeFalse())
	g.Expect(driver(nil).seeded(s)).To(MatchError("the seeds of a: forbidden"))
	var described v1alpha1.RingMember
	s.describeSeeds(m, &described)
	g.Expect(described.AppliedSeedsHash).To(Equal(m.before.AppliedSeedsHash), "what was known of it is kept")
	g.Expect(described.WrittenSeedsHash).To(Equal(m.before.WrittenSeedsHash))
}
