package promotion

import (
	"testing"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

func TestFilesOfARegionThatIsNotSeen(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	repository := th.withGit(t)
	repository.lacks = []string{"core/tokyo.yaml"}
	p := promotionTo(good)
	g.Expect(th.Create(t.Context(), p)).To(Succeed())
	s, err := th.reconciler.observe(t.Context(), p)
	g.Expect(err).NotTo(HaveOccurred())
	tokyo := s.world.region("tokyo")
	tokyo.unseen, tokyo.unknown, tokyo.apps = true, "its API server does not answer", nil
	err = th.reconciler.validate(t.Context(), s)
	g.Expect(step.ReasonOf(err)).To(Equal(v1alpha1.ReasonRevisionLacksRegionConfig))
	g.Expect(err).To(MatchError(ContainSubstring("lacks core/tokyo.yaml")))
	g.Expect(s.accepted).To(BeFalse())
}

func TestFilesOfARegionWithoutItsProfile(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	th.withGit(t)
	region := &v1alpha1.Region{}
	g.Expect(th.Get(t.Context(), client.ObjectKey{Namespace: "fleet", Name: "tokyo"}, region)).To(Succeed())
	region.Spec.Profile = "missing"
	g.Expect(th.Update(t.Context(), region)).To(Succeed())
	p := promotionTo(good)
	g.Expect(th.Create(t.Context(), p)).To(Succeed())
	s, err := th.validated(t, p)
	g.Expect(err).To(MatchError("nobody can tell which files tokyo needs: environment production001 has no profile missing; it has base"))
	g.Expect(step.ReasonOf(err)).To(Equal(v1alpha1.ReasonRegionUnknown))
	g.Expect(step.PollAfter(err)).To(Equal(th.reconciler.Poll))
	g.Expect(s.accepted).To(BeFalse())
}
