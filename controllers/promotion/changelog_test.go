package promotion

import (
	"context"
	"errors"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
	"github.com/portolan-dev/portolan/controllers/internal/github"
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

func TestAnOverrideHasAChangelogOfItsOwn(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	repository := th.withGit(t)
	repository.commits = map[string][]gitrepo.Commit{
		"a..b": {{Hash: string(good), Subject: "Faster (#7)", Author: "Ann", Paths: []string{"core/dublin.yaml"}}},
		"a..d": {{Hash: string(commit("d")), Subject: "Tried out (#8)", Author: "Ann", Paths: []string{"core/dublin.yaml"}}},
	}
	th.set(t, promotionTo(old))
	th.play(t, "all")

	override := v1alpha1.RevisionOverride{Application: "core", Revision: commit("d")}
	th.set(t, promotionTo(old, override))
	p := th.play(t, "all")
	g.Expect(p.Status.Changelog).To(Equal(&v1alpha1.Changelog{
		From: old, To: commit("d"), Direction: v1alpha1.ChangelogForward, Commits: 1,
		PullRequests: []v1alpha1.PullRequest{{Number: 8, Title: "Tried out", Applications: []string{"core"}}},
		ConfigMapRef: &v1alpha1.LocalReference{Name: "all-changelog"},
	}))

	th.set(t, promotionTo(good, override))
	p = th.play(t, "all")
	g.Expect(p.Status.Changelog).To(And(HaveField("From", old), HaveField("To", good), HaveField("Others", BeEmpty())))

	th.set(t, promotionTo(good))
	p = th.play(t, "all")
	g.Expect(p.Status.Changelog).To(And(HaveField("From", commit("d")), HaveField("To", good), HaveField("Direction", v1alpha1.ChangelogSame)))

	th.set(t, promotionTo(old, override))
	p = th.play(t, "all")
	g.Expect(p.Status.Changelog).To(And(
		HaveField("From", good), HaveField("To", old), HaveField("Applications", []string{"unkey-api"}),
		HaveField("Others", HaveExactElements(And(HaveField("From", good), HaveField("To", commit("d")), HaveField("Applications", []string{"core"})))),
	))
	g.Expect(th.told(t).Data["changelog.md"]).To(And(
		ContainSubstring("# From `bbbbbbb` to `aaaaaaa`: unkey-api"), ContainSubstring("# From `bbbbbbb` to `ddddddd`: core")))
	asked := len(repository.asked)
	th.pass(t, "all")
	g.Expect(repository.between()).To(BeNumerically("<=", asked), "told once")
	g.Expect(repository.asked).To(HaveLen(asked))
}

func TestAnOverrideThatIsTakenBackHasAChangelogToo(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	th.withGit(t)
	th.set(t, promotionTo(old))
	th.play(t, "all")
	th.set(t, promotionTo(old, v1alpha1.RevisionOverride{Application: "unkey-api", Revision: bad}))
	p := th.play(t, "all")
	g.Expect(p.Status.Rollout.Phase).To(Equal(v1alpha1.RolloutProgressing))
	g.Expect(p.Status.Changelog).To(And(HaveField("From", old), HaveField("To", bad)))
	back := promotionTo(old)
	back.Spec.Paused = true
	th.set(t, back)
	p = th.pass(t, "all")
	g.Expect(p.Status.Changelog).To(And(HaveField("From", bad), HaveField("To", old)), "to decide by")
}

// hub is a GitHub that may also fail, with or without an answer.
type hub struct {
	known map[int32]github.PullRequest
	err   error
	asked [][]int32
	as    []gitrepo.Repository
}

func (h *hub) Enrich(_ context.Context, repo gitrepo.Repository, numbers []int32) (map[int32]github.PullRequest, error) {
	h.asked, h.as = append(h.asked, numbers), append(h.as, repo)
	return h.known, h.err
}

func TestAChangelogHasWhatGitHubKnows(t *testing.T) {
	known := map[int32]github.PullRequest{7: {Title: "Twice as fast", Author: "ann-b", Labels: []string{"perf"}, Commit: string(good)}}
	rich := v1alpha1.PullRequest{Number: 7, Title: "Twice as fast", Author: "ann-b", Applications: []string{"core"}}
	poor := v1alpha1.PullRequest{Number: 7, Title: "faster", Applications: []string{"core"}}
	for name, tc := range map[string]struct {
		hub      hub
		want     v1alpha1.PullRequest
		wantText string
	}{
		"all":                  {hub{known: known}, rich, `opened by ann-b, labelled "perf"`},
		"all it could, partly": {hub{known: known, err: errors.New("a limit")}, rich, `opened by ann-b, labelled "perf"`},
		"nothing":              {hub{}, poor, "**#7** faster"},
		"no answer":            {hub{err: errors.New("nobody is there")}, poor, "**#7** faster"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			th := newTheatre(t)
			th.withGit(t).commits = map[string][]gitrepo.Commit{"a..b": {
				{Hash: string(good), Subject: "Merge pull request #7 from ann/faster", Author: "Ann", Paths: []string{"core/dublin.yaml"}},
			}}
			secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
				Namespace: "argocd", Name: "git", Labels: map[string]string{argocd.LabelSecretType: "repository"},
			}, Data: map[string][]byte{"url": []byte("https://git.test/infra.git"), "password": []byte("token")}}
			g.Expect(th.Create(t.Context(), secret)).To(Succeed())
			th.environment(t, func(e *v1alpha1.Environment) {
				e.Spec.ArgoCD.Repository.CredentialsSecretRef = &v1alpha1.LocalReference{Name: "git"}
			})
			th.reconciler.PullRequests = &tc.hub
			th.set(t, promotionTo(old))
			th.play(t, "all")
			g.Expect(tc.hub.asked).To(BeEmpty())

			th.set(t, promotionTo(good))
			p := th.play(t, "all")
			g.Expect(p.Status.CurrentRevision).To(Equal(good))
			g.Expect(p.Status.Changelog.PullRequests).To(ConsistOf(tc.want))
			g.Expect(th.told(t).Data["changelog.md"]).To(ContainSubstring(tc.wantText))
			g.Expect(tc.hub.asked).To(Equal([][]int32{{7}}), "once, and not again after a failure")
			g.Expect(tc.hub.as[0].Auth.Password).To(Equal("token"))
		})
	}
}
