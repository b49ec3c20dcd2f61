package promotion

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/gitrepo"
	"github.com/portolan-dev/portolan/controllers/internal/step"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// git plays a repository. It has everything but what a test takes away.
type git struct {
	head, oldest string
	lacks        []string // files, in every commit or, as "a:path", in one
	malformed    []string // files
	elsewhere    bool     // what is asked for is on no branch
	// headErr and so on are what questions fail with.
	headErr, containsErr, oldestErr, filesErr, malformedErr, betweenErr error
	recalls                                                             bool                        // how the branch was, when asked for nothing newer
	commits                                                             map[string][]gitrepo.Commit // by "from..to" of letters
	asked                                                               []string
}

func (g *git) notef(format string, args ...any) {
	g.asked = append(g.asked, fmt.Sprintf(format, args...))
}

func (g *git) Missing(_ context.Context, _ gitrepo.Repository, commit string, paths []string) ([]string, error) {
	g.notef("files %.1s %s", commit, strings.Join(paths, " "))
	missing := slices.DeleteFunc(slices.Clone(paths), func(path string) bool {
		return !slices.Contains(g.lacks, path) && !slices.Contains(g.lacks, fmt.Sprintf("%.1s:%s", commit, path))
	})
	return missing, g.filesErr
}

func (g *git) Malformed(_ context.Context, _ gitrepo.Repository, commit string, paths []string) ([]gitrepo.Malformed, error) {
	g.notef("contents %.1s %s", commit, strings.Join(paths, " "))
	var malformed []gitrepo.Malformed
	for _, path := range paths {
		if slices.Contains(g.malformed, path) {
			malformed = append(malformed, gitrepo.Malformed{Path: path, Why: "line 3: could not find expected ':'"})
		}
	}
	return malformed, g.malformedErr
}

func (g *git) Head(_ context.Context, _ gitrepo.Repository, branch string, _ time.Duration) (string, error) {
	g.notef("head %s", branch)
	return g.head, g.headErr
}

func (g *git) Contains(_ context.Context, _ gitrepo.Repository, branch, commit string, _ time.Duration) (bool, error) {
	g.notef("contains %s %.1s", branch, commit)
	return !g.elsewhere, g.containsErr
}

func (g *git) FirstWith(_ context.Context, _ gitrepo.Repository, branch string, paths []string, maxAge time.Duration) (string, error) {
	g.notef("first %s %s", branch, strings.Join(paths, " "))
	if g.recalls && maxAge == anyAge {
		return g.oldest, nil
	}
	return g.oldest, g.oldestErr
}

func (g *git) Between(_ context.Context, _ gitrepo.Repository, from, to string, _ int) ([]gitrepo.Commit, bool, error) {
	g.notef("between %.1s %.1s", from, to)
	return g.commits[fmt.Sprintf("%.1s..%.1s", from, to)], false, g.betweenErr
}

// withGit gives the environment a repository, and each Region an AWS region of its name.
func (th *theatre) withGit(t *testing.T) *git {
	t.Helper()
	repository := &git{head: string(good)}
	th.reconciler.Files, th.reconciler.Commits = repository, repository
	th.environment(t, func(e *v1alpha1.Environment) {
		e.Spec.ArgoCD.Repository = &v1alpha1.ConfigRepository{URL: "https://git.test/infra", ConfigFiles: []string{"{{ .application }}/{{ .region }}.yaml"}}
	})
	for _, name := range cast {
		region := &v1alpha1.Region{}
		NewWithT(t).Expect(th.Get(t.Context(), client.ObjectKey{Namespace: "fleet", Name: name}, region)).To(Succeed())
		region.Spec.AWSRegion = v1alpha1.AWSRegion(name)
		NewWithT(t).Expect(th.Update(t.Context(), region)).To(Succeed())
	}
	return repository
}

func (th *theatre) environment(t *testing.T, change func(*v1alpha1.Environment)) {
	t.Helper()
	env := &v1alpha1.Environment{}
	NewWithT(t).Expect(th.Get(t.Context(), client.ObjectKey{Namespace: "fleet", Name: environment}, env)).To(Succeed())
	change(env)
	NewWithT(t).Expect(th.Update(t.Context(), env)).To(Succeed())
}

// validated runs the first step of a pass alone.
func (th *theatre) validated(t *testing.T, p *v1alpha1.Promotion) (*scope, error) {
	t.Helper()
	s, err := th.reconciler.observe(t.Context(), p)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return s, th.reconciler.validate(t.Context(), s)
}

var (
	errAnything    = errors.New("anything")
	errUnreachable = fmt.Errorf("https://git.test/infra: %w", gitrepo.ErrUnreachable)
)

// refusal is why a target is not rolled out.
type refusal struct {
	change func(*v1alpha1.PromotionSpec)
	bare   bool // the environment names no repository
	env    func(*v1alpha1.Environment)
	git    func(*git)
	want   string // the message
	reason string // empty: it is a failure to retry
	// soon is looked at again by itself, soon; all else needs a person.
	soon      bool
	forGood   bool // only a change of the spec helps
	wantAsked []string
}

func (tc refusal) play(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	repository := th.withGit(t)
	if tc.bare {
		th.environment(t, func(e *v1alpha1.Environment) { e.Spec.ArgoCD.Repository = nil })
	}
	if tc.env != nil {
		th.environment(t, tc.env)
	}
	if tc.git != nil {
		tc.git(repository)
	}
	p := promotionTo(good)
	if tc.change != nil {
		tc.change(&p.Spec)
	}
	g.Expect(th.Create(t.Context(), p)).To(Succeed())
	s, err := th.validated(t, p)
	g.Expect(err).To(MatchError(tc.want))
	wantReason, wantAfter := tc.reason, th.reconciler.SlowPoll
	switch {
	case tc.reason == "":
		wantReason, wantAfter = v1alpha1.ReasonRetrying, 0
	case tc.soon:
		wantAfter = th.reconciler.Poll
	case tc.forGood:
		wantAfter = 0
	}
	g.Expect(step.ReasonOf(err)).To(Equal(wantReason))
	g.Expect(step.PollAfter(err)).To(Equal(wantAfter))
	g.Expect(step.IsTerminal(err)).To(Equal(tc.reason != "" && !tc.soon))
	g.Expect(s.accepted).To(BeFalse())
	g.Expect(s.world.target).To(Equal(target{}), "there was no rollout before")
	if tc.wantAsked != nil {
		g.Expect(repository.asked).To(HaveExactElements(tc.wantAsked))
	}

	_, err = th.reconciler.Reconcile(t.Context(), p)
	g.Expect(err != nil).To(Equal(tc.reason == ""))
	g.Expect(conditionOf(p, v1alpha1.PromotionRolledOut).Message).To(Equal("waiting for Valid"))
	g.Expect(p.Status.Rollout).To(BeNil())
	g.Expect(p.Status.TargetRevision).To(BeEmpty())
	g.Expect(th.pins(t)).NotTo(Or(ContainSubstring("@b"), ContainSubstring("@c")))
}

func onMain(s *v1alpha1.PromotionSpec) { s.Gates.OnBranch = "main" }

func tracking(s *v1alpha1.PromotionSpec) {
	s.Revision, s.Track = "", &v1alpha1.BranchTracking{Branch: "next"}
}

func TestWhatIsRefusedBeforeGitIsAsked(t *testing.T) {
	never := func(s *v1alpha1.PromotionSpec) {
		s.Windows = []v1alpha1.PromotionWindow{window(v1alpha1.WindowAllow, "0 0 30 2 *", time.Hour)}
	}
	for name, tc := range map[string]refusal{
		"a window that never opens": {
			change: func(s *v1alpha1.PromotionSpec) { tracking(s); never(s) }, git: func(g *git) { g.headErr = errAnything },
			want: `spec.windows[0].schedule: "0 0 30 2 *" never comes`, reason: v1alpha1.ReasonInvalidWindow, forGood: true,
		},
		"a branch to follow without a repository": {
			change: tracking, bare: true, reason: v1alpha1.ReasonNoRepository,
			want: "spec.track needs the Environment's spec.argocd.repository: set it",
		},
		"a branch to be on without a repository": {
			change: onMain, bare: true, reason: v1alpha1.ReasonNoRepository,
			want: "spec.gates.onBranch needs the Environment's spec.argocd.repository: set it",
		},
		"credentials that are missing": {
			env: func(e *v1alpha1.Environment) {
				e.Spec.ArgoCD.Repository.CredentialsSecretRef = &v1alpha1.LocalReference{Name: "infra"}
			},
			reason: v1alpha1.ReasonNoRepository, want: `reading the repository's credentials: secrets "infra" not found`,
		},
		"a wave of a Region that there is not": {
			change: func(s *v1alpha1.PromotionSpec) {
				onMain(s)
				s.Waves = []v1alpha1.PromotionWave{{Name: "first", Regions: []string{"tokyo", "atlantis"}}}
			},
			reason: v1alpha1.ReasonInvalidWave, want: "spec.waves names atlantis: the environment has no such Region",
		},
		"what was not verified": {
			change: func(s *v1alpha1.PromotionSpec) {
				onMain(s)
				s.Gates.VerifiedIn = &v1alpha1.VerifiedIn{Environment: "staging001"}
			},
			reason: v1alpha1.ReasonNotVerified, soon: true,
			want: "spec.gates.verifiedIn: in environment staging001, no Promotion has yet completed with core at bbbbbbb, unkey-api at bbbbbbb",
		},
		"files that nobody can name": {
			env:    func(e *v1alpha1.Environment) { e.Spec.ArgoCD.Repository.ConfigFiles = []string{"{{ .zone }}.yaml"} },
			reason: v1alpha1.ReasonNoRepository,
			want: `spec.argocd.repository.configFiles of the Environment: "{{ .zone }}.yaml" has the unknown key .zone: ` +
				`it may hold {{ .application }}, {{ .environment }}, {{ .region }}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			tc.wantAsked = []string{}
			tc.play(t)
		})
	}
}

func TestWhatIsRefusedAfterGitWasAsked(t *testing.T) {
	all := []string{"core/dublin.yaml", "core/tokyo.yaml", "core/virginia.yaml", "unkey-api/dublin.yaml", "unkey-api/tokyo.yaml", "unkey-api/virginia.yaml"}
	question := "files b " + strings.Join(all, " ")
	contents := "contents b " + strings.Join(all, " ")
	unknown := func(g *git) { g.filesErr = gitrepo.ErrUnknownRevision }
	for name, tc := range map[string]refusal{
		"a commit on another branch": {
			change: onMain, git: func(g *git) { g.elsewhere, g.lacks = true, all }, reason: v1alpha1.ReasonNotOnBranch,
			want:      string(good) + " is not on main, where spec.gates.onBranch wants it: merge it first",
			wantAsked: []string{"contains main b"},
		},
		"an override on another branch": {
			change: func(s *v1alpha1.PromotionSpec) {
				onMain(s)
				s.Overrides = []v1alpha1.RevisionOverride{{Application: "core", Revision: bad}, {Application: "unkey-api", Revision: old}}
			},
			git: func(g *git) { g.elsewhere = true }, reason: v1alpha1.ReasonNotOnBranch,
			want:      string(old) + " is not on main, where spec.gates.onBranch wants it: merge it first",
			wantAsked: []string{"contains main a"},
		},
		"a branch that nobody can look at": {
			change: onMain, git: func(g *git) { g.containsErr = gitrepo.ErrCredentials }, reason: v1alpha1.ReasonNoRepository,
			want: "looking for " + string(good) + " on main: credentials refused", wantAsked: []string{"contains main b"},
		},
		"a commit that is nowhere, with the head that there is": {
			git: unknown, reason: v1alpha1.ReasonUnknownRevision,
			want:      "https://git.test/infra has no commit " + string(good) + "; the head of main is " + string(good),
			wantAsked: []string{question, "head main"},
		},
		"a commit that is nowhere, with the head of the branch to be on": {
			change: func(s *v1alpha1.PromotionSpec) { s.Gates.OnBranch = "release" }, git: unknown, reason: v1alpha1.ReasonUnknownRevision,
			want:      "https://git.test/infra has no commit " + string(good) + "; the head of release is " + string(good),
			wantAsked: []string{"contains release b", question, "head release"},
		},
		"a commit that is nowhere, and no more": {
			git: func(g *git) { unknown(g); g.headErr = errAnything }, reason: v1alpha1.ReasonUnknownRevision,
			want: "https://git.test/infra has no commit " + string(good),
		},
		"a commit that nobody can look at": {
			git: func(g *git) { g.filesErr = errUnreachable }, reason: v1alpha1.ReasonRepositoryUnreachable, soon: true,
			want: "looking into " + string(good) + ": https://git.test/infra: repository unreachable",
		},
		"a file that is missing, with the first commit that has it": {
			git: func(g *git) { g.lacks, g.oldest = all[2:3], string(bad) }, reason: v1alpha1.ReasonRevisionLacksRegionConfig,
			want:      string(good) + " lacks core/virginia.yaml; the oldest commit of main that has them is " + string(bad),
			wantAsked: []string{question, "first main core/virginia.yaml"},
		},
		"a file that is missing everywhere": {
			git: func(g *git) { g.lacks = all[:2] }, reason: v1alpha1.ReasonRevisionLacksRegionConfig,
			want: string(good) + " lacks core/dublin.yaml, core/tokyo.yaml, and so does main: add them",
		},
		"files that are missing, and no more": {
			git: func(g *git) { g.lacks, g.oldestErr = all, errAnything }, reason: v1alpha1.ReasonRevisionLacksRegionConfig,
			want: string(good) + " lacks " + strings.Join(all[:5], ", ") + ", 1 more",
		},
		"a head that lacks files": {
			change: tracking, git: func(g *git) { g.lacks = all[:1] }, reason: v1alpha1.ReasonRevisionLacksRegionConfig,
			want:      string(good) + " lacks core/dublin.yaml, and so does next: add them",
			wantAsked: []string{"head next", question, "first next core/dublin.yaml"},
		},
		"a file that is no YAML": {
			git: func(g *git) { g.malformed = all[:1] }, reason: v1alpha1.ReasonRevisionLacksRegionConfig,
			want:      string(good) + " has core/dublin.yaml, which is no YAML (line 3: could not find expected ':'): correct it and roll out the commit that does",
			wantAsked: []string{question, contents},
		},
		"files that are no YAML": {
			git: func(g *git) { g.malformed = all }, reason: v1alpha1.ReasonRevisionLacksRegionConfig,
			want: string(good) + " has " + strings.Join(all[:5], ", which is no YAML (line 3: could not find expected ':'), ") +
				", which is no YAML (line 3: could not find expected ':'), 1 more: correct it and roll out the commit that does",
		},
		"contents that nobody can look at": {
			git: func(g *git) { g.malformedErr = errUnreachable }, reason: v1alpha1.ReasonRepositoryUnreachable, soon: true,
			want: "looking into " + string(good) + ": https://git.test/infra: repository unreachable",
		},
		"contents of a commit that is gone": {
			git: func(g *git) { g.malformedErr = gitrepo.ErrUnknownRevision }, reason: v1alpha1.ReasonUnknownRevision,
			want: "looking into " + string(good) + ": unknown revision",
		},
	} {
		t.Run(name, tc.play)
	}
}

func TestWhatGitDoesNotAnswer(t *testing.T) {
	for name, tc := range map[string]struct {
		err    error
		reason string
		soon   bool
	}{
		"unreachable":      {err: errUnreachable, reason: v1alpha1.ReasonRepositoryUnreachable, soon: true},
		"refused":          {err: gitrepo.ErrCredentials, reason: v1alpha1.ReasonNoRepository},
		"not found":        {err: gitrepo.ErrNotFound, reason: v1alpha1.ReasonNoRepository},
		"no such branch":   {err: gitrepo.ErrNoBranch, reason: v1alpha1.ReasonNoRepository},
		"no such revision": {err: gitrepo.ErrUnknownRevision, reason: v1alpha1.ReasonUnknownRevision},
		"anything else":    {err: errAnything},
	} {
		t.Run(name, func(t *testing.T) {
			refusal{
				change: tracking, git: func(g *git) { g.headErr = tc.err }, want: "looking for the head of next: " + tc.err.Error(),
				reason: tc.reason, soon: tc.soon, wantAsked: []string{"head next"},
			}.play(t)
		})
	}
}

func TestWhatIsAskedOfGit(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	repository := th.withGit(t)
	g.Expect(th.reconciler.ArgoCD.Delete(t.Context(), regionNamed("tokyo", 0))).To(Succeed())
	p := promotionTo(good, v1alpha1.RevisionOverride{Application: "core", Revision: old})
	p.Spec.Gates.OnBranch = "main"
	g.Expect(th.Create(t.Context(), p)).To(Succeed())
	s, err := th.validated(t, p)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(s.accepted).To(BeTrue())
	g.Expect(s.world.target.ID()).To(Equal(plan.PinSet{Revision: good, Overrides: p.Spec.Overrides}.ID()))
	g.Expect(repository.asked).To(Equal([]string{
		"contains main a", "contains main b",
		"files a core/dublin.yaml core/virginia.yaml", "contents a core/dublin.yaml core/virginia.yaml",
		"files b unkey-api/dublin.yaml unkey-api/virginia.yaml", "contents b unkey-api/dublin.yaml unkey-api/virginia.yaml",
	}), "of regions that are not registered, nothing is asked")

	repository.asked = nil
	p.Status.Rollout = &v1alpha1.PromotionRollout{ID: s.world.target.ID(), Applications: applications}
	_, err = th.validated(t, p)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(repository.asked).To(BeEmpty(), "what was accepted is not judged again")

	p.Status.Rollout.Applications = applications[:1]
	_, err = th.validated(t, p)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(repository.asked).NotTo(BeEmpty(), "for another application, it is")
}

func TestARefusedRevisionLeavesTheLastOneInForce(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	repository := th.withGit(t)
	th.set(t, promotionTo(old))
	th.play(t, "all")
	th.set(t, promotionTo(good))
	th.pass(t, "all")
	repository.lacks = []string{"core/tokyo.yaml"}
	th.set(t, promotionTo(bad))
	for range 20 { // what is refused is all that Ready speaks of meanwhile
		th.pass(t, "all")
		th.act(t)
	}
	p := th.pass(t, "all")
	valid := conditionOf(p, v1alpha1.PromotionValid)
	g.Expect(valid.Status).To(Equal(metav1.ConditionFalse))
	g.Expect(valid.Reason).To(Equal(v1alpha1.ReasonRevisionLacksRegionConfig))
	g.Expect(p.Status.TargetRevision).To(Equal(good))
	g.Expect(p.Status.CurrentRevision).To(Equal(good), "the rollout that was on its way is finished")
	g.Expect(th.pins(t)).NotTo(ContainSubstring("@c"))

	th.overwrite(t, regionNamed(cast[1], 0))
	th.pass(t, "all")
	g.Expect(th.pins(t)).NotTo(ContainSubstring("@a"), "and what somebody takes away is written again")

	repository.lacks = nil
	g.Expect(th.play(t, "all").Status.TargetRevision).To(Equal(bad))
}

func TestABranchIsFollowed(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	repository := th.withGit(t)
	p := promotionTo("")
	tracking(&p.Spec)
	g.Expect(th.Create(t.Context(), p)).To(Succeed())
	g.Expect(th.play(t, "all").Status.CurrentRevision).To(Equal(good))
	p = th.pass(t, "all")
	result, err := th.reconciler.Reconcile(t.Context(), p)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(result.RequeueAfter).To(Equal(th.reconciler.Poll), "nobody announces a new head")

	repository.headErr = errUnreachable
	p = th.play(t, "all")
	g.Expect(conditionOf(p, v1alpha1.PromotionValid).Reason).To(Equal(v1alpha1.ReasonRepositoryUnreachable))
	g.Expect(p.Status.CurrentRevision).To(Equal(good))
	g.Expect(p.Status.History).To(HaveLen(1))

	repository.headErr, repository.head = nil, string(commit("d"))
	p = th.play(t, "all")
	g.Expect(p.Status.TargetRevision).To(Equal(commit("d")))
	g.Expect(p.Status.CurrentRevision).To(Equal(commit("d")))
}

func TestWhatIsVerified(t *testing.T) {
	completed := func(change ...func(*v1alpha1.PromotionRecord)) v1alpha1.PromotionRecord {
		r := v1alpha1.PromotionRecord{Revision: good, Applications: applications}
		for _, c := range change {
			c(&r)
		}
		return r
	}
	in := func(name string, history ...v1alpha1.PromotionRecord) *v1alpha1.Promotion {
		p := promotionTo(good)
		p.Name, p.Spec.EnvironmentRef.Name = name, "staging001"
		for _, h := range history {
			p.Status.Verified = verify(p.Status.Verified, plan.PinSet{Revision: h.Revision, Overrides: h.Overrides}, h.Applications)
		}
		return p
	}
	named := in("core", completed(func(r *v1alpha1.PromotionRecord) { r.Revision = bad }))
	named.Spec.Applications = []string{"core"}
	far := in("all", completed())
	far.Namespace = "staging"
	for name, tc := range map[string]struct {
		promotions []*v1alpha1.Promotion
		overrides  []v1alpha1.RevisionOverride
		namespace  string
		want       []string
	}{
		"what was completed":        {promotions: []*v1alpha1.Promotion{in("staging", completed())}},
		"what was completed before": {promotions: []*v1alpha1.Promotion{in("staging", completed(), completed(func(r *v1alpha1.PromotionRecord) { r.Revision = bad }))}},
		"not without any Promotion": {want: []string{"core at bbbbbbb", "unkey-api at bbbbbbb"}},
		"not another revision":      {promotions: []*v1alpha1.Promotion{in("staging", completed(func(r *v1alpha1.PromotionRecord) { r.Revision = old }))}, want: []string{"core at bbbbbbb", "unkey-api at bbbbbbb"}},
		"not what it has not moved": {
			promotions: []*v1alpha1.Promotion{in("staging", completed(func(r *v1alpha1.PromotionRecord) { r.Applications = applications[1:] }))},
			want:       []string{"core at bbbbbbb"},
		},
		"not what was overridden there": {
			promotions: []*v1alpha1.Promotion{in("staging", completed(func(r *v1alpha1.PromotionRecord) {
				r.Overrides = []v1alpha1.RevisionOverride{{Application: "unkey-api", Revision: old}}
			}))},
			want: []string{"unkey-api at bbbbbbb"},
		},
		"what is overridden in both": {
			promotions: []*v1alpha1.Promotion{in("staging", completed(func(r *v1alpha1.PromotionRecord) {
				r.Overrides = []v1alpha1.RevisionOverride{{Application: "unkey-api", Revision: old}}
			}))},
			overrides: []v1alpha1.RevisionOverride{{Application: "unkey-api", Revision: old}},
		},
		"only by the Promotion that pins it":    {promotions: []*v1alpha1.Promotion{in("all", completed()), named}, want: []string{"core at bbbbbbb"}},
		"not by one of another namespace":       {promotions: []*v1alpha1.Promotion{far}, want: []string{"core at bbbbbbb", "unkey-api at bbbbbbb"}},
		"by one of the namespace that is named": {promotions: []*v1alpha1.Promotion{far}, namespace: "staging"},
		"not by one of ours, then": {
			promotions: []*v1alpha1.Promotion{in("staging", completed())}, namespace: "staging", want: []string{"core at bbbbbbb", "unkey-api at bbbbbbb"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			th := newTheatre(t)
			p := promotionTo(good, tc.overrides...)
			p.Name = "production"
			p.Spec.Gates.VerifiedIn = &v1alpha1.VerifiedIn{Environment: "staging001", Namespace: tc.namespace}
			for _, other := range append(tc.promotions, p) {
				g.Expect(th.Create(t.Context(), other.DeepCopy())).To(Succeed())
				current := other.DeepCopy()
				g.Expect(th.Get(t.Context(), client.ObjectKeyFromObject(other), current)).To(Succeed())
				current.Status = other.Status
				g.Expect(th.Status().Update(t.Context(), current)).To(Succeed())
			}
			s, err := th.validated(t, p)
			if tc.want == nil {
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(s.accepted).To(BeTrue())
				return
			}
			g.Expect(step.ReasonOf(err)).To(Equal(v1alpha1.ReasonNotVerified))
			g.Expect(err).To(MatchError(HaveSuffix(" completed with " + strings.Join(tc.want, ", "))))
		})
	}
}

// Without a repository, only what needs none is asked.
func TestATargetWithoutARepository(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	p := promotionTo(good)
	g.Expect(th.Create(t.Context(), p)).To(Succeed())
	s, err := th.validated(t, p)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(s.world.target).To(Equal(target{plan.PinSet{Revision: good}, applications, map[string][]string{
		"virginia": applications, "dublin": applications, "tokyo": applications,
	}}))
	g.Expect(target{PinSet: plan.PinSet{Revision: good}}.revisions()).To(Equal([]string{string(good)}), "of no application")
}
