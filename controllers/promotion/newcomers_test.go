package promotion

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
	"github.com/portolan-dev/portolan/controllers/internal/gitrepo"
)

// withoutTokyo is how the environment was before the last of the cast came.
func (th *theatre) withoutTokyo(t *testing.T) {
	t.Helper()
	for _, object := range born("tokyo", 2) {
		NewWithT(t).Expect(th.Delete(t.Context(), object)).To(Succeed())
	}
}

// bearTokyo registers the last of the cast, with a revision of its own.
func (th *theatre) bearTokyo(t *testing.T, revision v1alpha1.GitRevision) {
	t.Helper()
	for _, object := range born("tokyo", 2) {
		switch o := object.(type) {
		case *v1alpha1.Region:
			o.Spec.AWSRegion = "tokyo"
		case *corev1.Secret:
			for _, app := range applications {
				o.Annotations[v1alpha1.AnnotationRevisionPrefix+app] = string(revision)
			}
		case *argocd.Application:
			o.Spec.Source.TargetRevision = string(revision)
			deployed(o, th.clock.Now())
		}
		NewWithT(t).Expect(th.Create(t.Context(), object)).To(Succeed())
	}
}

func TestARollbackWritesNothingThatLacksARegionsFiles(t *testing.T) {
	const apart = "virginia core@a unkey-api@a, dublin core@a unkey-api@a, tokyo core@c unkey-api@c"
	for name, tc := range map[string]struct {
		git         func(*git)
		wantPins    string
		wantMessage string
		soon        bool
	}{
		"the others go back, and it stays": {
			git:         func(g *git) { g.lacks, g.oldest = []string{"a:core/tokyo.yaml"}, string(bad) },
			wantPins:    apart,
			wantMessage: ". What the others have is not written to tokyo: " + string(old) + " lacks core/tokyo.yaml; the oldest commit of main that has them is " + string(bad),
		},
		"nobody can tell": {
			git: func(g *git) { g.filesErr = gitrepo.ErrUnreachable }, soon: true,
			wantPins:    apart,
			wantMessage: ". What the others have is not written to tokyo: looking into " + string(old) + ": " + gitrepo.ErrUnreachable.Error(),
		},
		"all go back": {
			git: func(*git) {}, wantMessage: "retry=<a new value>",
			wantPins: "virginia core@a unkey-api@a, dublin core@a unkey-api@a, tokyo core@a unkey-api@a",
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			th := newTheatre(t)
			repository := th.withGit(t)
			th.withoutTokyo(t)
			p := promotionTo(bad)
			p.Spec.OnFailure = v1alpha1.FailureRollback
			th.set(t, p)
			th.pass(t, "all")
			th.bearTokyo(t, bad)
			th.pass(t, "all")
			tc.git(repository)
			p = th.playToTheDeadline(t, "all")
			g.Expect(p.Status.Rollout.Phase).To(Equal(v1alpha1.RolloutRolledBack))
			g.Expect(th.pins(t)).To(Equal(tc.wantPins))
			said := conditionOf(p, v1alpha1.PromotionRolledOut)
			g.Expect(said.Reason).To(Equal(v1alpha1.ReasonRolledBack))
			g.Expect(said.Message).To(HaveSuffix(tc.wantMessage))

			before := p.DeepCopy()
			result, err := th.reconciler.Reconcile(t.Context(), p)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(result.RequeueAfter <= th.reconciler.Poll).To(Equal(tc.soon))
			g.Expect(th.Get(t.Context(), client.ObjectKeyFromObject(p), p)).To(Succeed())
			g.Expect(p).To(Equal(before))
		})
	}
}

// A rollout was judged for the regions that there were: others must not get it without their files.
func TestARetryIsJudgedForRegionsThatCameSince(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	repository := th.withGit(t)
	th.withoutTokyo(t)
	th.set(t, promotionTo(bad))
	p := th.playToTheDeadline(t, "all")
	g.Expect(p.Status.Rollout.Phase).To(Equal(v1alpha1.RolloutHalted))
	th.bearTokyo(t, old)
	repository.lacks, repository.oldest = []string{"c:core/tokyo.yaml"}, string(good)
	before := th.pins(t)

	p.Annotations = map[string]string{v1alpha1.AnnotationRetry: "1"}
	g.Expect(th.Update(t.Context(), p)).To(Succeed())
	p = th.pass(t, "all")
	said := conditionOf(p, v1alpha1.PromotionValid)
	g.Expect(said.Reason).To(Equal(v1alpha1.ReasonRevisionLacksRegionConfig))
	g.Expect(said.Message).To(ContainSubstring("lacks core/tokyo.yaml"))
	g.Expect(p.Status.Rollout.Phase).To(Equal(v1alpha1.RolloutHalted))
	g.Expect(th.pins(t)).To(Equal(before))

	repository.lacks = nil
	th.clock.SetTime(th.clock.Now().Add(th.reconciler.SlowPoll))
	p = th.pass(t, "all")
	g.Expect(p.Status.Rollout.Phase).To(Equal(v1alpha1.RolloutProgressing), "the retry is not used up")
}

// Nothing would be written to them.
func TestARetryIsNotJudgedForRegionsThatHaveItAlready(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	repository := th.withGit(t)
	th.withoutTokyo(t)
	th.set(t, promotionTo(bad))
	th.pass(t, "all")
	th.bearTokyo(t, bad)
	p := th.playToTheDeadline(t, "all")
	g.Expect(p.Status.Rollout.Phase).To(Equal(v1alpha1.RolloutHalted))
	repository.filesErr = errUnreachable

	p.Annotations = map[string]string{v1alpha1.AnnotationRetry: "1"}
	g.Expect(th.Update(t.Context(), p)).To(Succeed())
	p = th.pass(t, "all")
	g.Expect(conditionOf(p, v1alpha1.PromotionValid).Status).To(Equal(metav1.ConditionTrue))
	g.Expect(p.Status.Rollout.Phase).To(Equal(v1alpha1.RolloutProgressing))
}
