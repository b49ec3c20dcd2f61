package promotion

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/gitrepo"
)

// told is the whole changelog, or empty.
func (th *theatre) told(t *testing.T) *corev1.ConfigMap {
	t.Helper()
	cm := &corev1.ConfigMap{}
	err := th.Get(t.Context(), client.ObjectKey{Namespace: "fleet", Name: "all-changelog"}, cm)
	NewWithT(t).Expect(client.IgnoreNotFound(err)).To(Succeed())
	return cm
}

// between counts the comparisons that git was asked for, one of each direction.
func (g *git) between() (count int) {
	for _, question := range g.asked {
		if question == "between a b" || question == "between b a" {
			count++
		}
	}
	return count
}

func TestAChangelogIsToldOnceForEachChange(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	repository := th.withGit(t)
	repository.commits = map[string][]gitrepo.Commit{"a..b": {
		{Hash: string(good), Subject: "Faster (#7)", Author: "Ann", Paths: []string{"core/dublin.yaml"}},
	}}
	th.set(t, promotionTo(old))
	g.Expect(th.play(t, "all").Status.Changelog).To(BeNil(), "nothing was there before")
	g.Expect(th.told(t).Data).To(BeEmpty())

	th.set(t, promotionTo(good))
	p := th.play(t, "all")
	g.Expect(p.Status.Changelog).To(Equal(&v1alpha1.Changelog{
		From: old, To: good, Direction: v1alpha1.ChangelogForward, Commits: 1,
		PullRequests: []v1alpha1.PullRequest{{Number: 7, Title: "Faster", Applications: []string{"core"}}},
		ConfigMapRef: &v1alpha1.LocalReference{Name: "all-changelog"},
	}))
	cm := th.told(t)
	g.Expect(cm.Data).To(HaveKeyWithValue("changelog.md", And(HavePrefix("# From `aaaaaaa` to `bbbbbbb`"), ContainSubstring("Faster"))))
	g.Expect(cm.OwnerReferences).To(ConsistOf(And(HaveField("Kind", "Promotion"), HaveField("Name", "all"))))
	g.Expect(repository.between()).To(Equal(2), "once in each direction")
}

func TestNoChangelogWithoutARepository(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	repository := th.withGit(t)
	th.environment(t, func(e *v1alpha1.Environment) { e.Spec.ArgoCD.Repository = nil })
	th.set(t, promotionTo(old))
	th.play(t, "all")
	th.set(t, promotionTo(good))
	p := th.play(t, "all")
	g.Expect(p.Status.CurrentRevision).To(Equal(good))
	g.Expect(p.Status.Changelog).To(BeNil())
	g.Expect(th.told(t).Data).To(BeEmpty())
	g.Expect(repository.asked).To(BeEmpty())
}

func TestGitDoesNotHoldARolloutForItsChangelog(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	repository := th.withGit(t)
	th.set(t, promotionTo(old))
	th.play(t, "all")
	repository.betweenErr = gitrepo.ErrUnreachable
	th.set(t, promotionTo(good))
	p := th.play(t, "all")
	g.Expect(p.Status.CurrentRevision).To(Equal(good))
	g.Expect(p.Status.Changelog).To(BeNil())
	g.Expect(th.told(t).Data).To(BeEmpty())
	g.Expect(repository.between()).To(BeNumerically(">=", 1))
}
