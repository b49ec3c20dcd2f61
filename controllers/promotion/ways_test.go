package promotion

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
	"github.com/portolan-dev/portolan/controllers/internal/gitrepo"
)

// bare plays a branch.
type bare struct {
	files    map[string][]byte
	messages []string
	readErr  error
	pushErr  error
}

func (b *bare) Read(_ context.Context, _ gitrepo.Branch, paths []string, _ time.Duration) (map[string][]byte, error) {
	found := map[string][]byte{}
	for _, path := range paths {
		if content, exists := b.files[path]; exists {
			found[path] = content
		}
	}
	return found, b.readErr
}

func (b *bare) Commit(_ context.Context, _ gitrepo.Branch, message string, changes []gitrepo.Change) (string, bool, error) {
	after := maps.Clone(b.files)
	for _, change := range changes {
		content, err := change.Edit(after[change.Path])
		if err != nil {
			return "", false, err
		}
		after[change.Path] = content
	}
	if maps.EqualFunc(after, b.files, func(a, b []byte) bool { return string(a) == string(b) }) {
		return "", false, nil
	}
	if b.pushErr != nil {
		return "", false, b.pushErr
	}
	b.files, b.messages = after, append(b.messages, message)
	return "", true, nil
}

// subjects are the first lines of the commits' messages.
func (b *bare) subjects() []string {
	var all []string
	for _, m := range b.messages {
		subject, _, _ := strings.Cut(m, "\n")
		all = append(all, subject)
	}
	return all
}

const (
	ownFiles    = "promotions/{{ .environment }}/{{ .region }}/{{ .application }}.yaml"
	sharedFiles = "promotions/{{ .environment }}/{{ .application }}.yaml"
)

// inGit makes Argo CD read files of a branch. They hold the old revision at first.
func (th *theatre) inGit(t *testing.T, path string) (*bare, func(*v1alpha1.Promotion) *v1alpha1.Promotion) {
	t.Helper()
	th.withGit(t)
	th.environment(t, func(e *v1alpha1.Environment) { e.Spec.ArgoCD.Repository.ConfigFiles = nil })
	branch := &bare{files: map[string][]byte{}}
	th.reconciler.Git = branch
	th.reconciler.Files, th.reconciler.Commits = &git{head: string(good)}, &git{head: string(good)}
	fileOf := func(region, app string) string {
		return strings.NewReplacer("{{ .environment }}", environment, "{{ .region }}", region, "{{ .application }}", app).Replace(path)
	}
	for _, name := range cast {
		for _, app := range applications {
			branch.files[fileOf(name, app)] = fmt.Appendf(nil, "# theirs\nrevision: %s\nowner: core\n", old)
		}
	}
	th.deployedFrom = func(region, app string) string {
		_, line, _ := strings.Cut(string(branch.files[fileOf(region, app)]), "revision: ")
		return strings.Trim(strings.SplitN(line, "\n", 2)[0], `"'`)
	}
	return branch, func(p *v1alpha1.Promotion) *v1alpha1.Promotion {
		p.Spec.Delivery.Git = &v1alpha1.PinFiles{GitBranch: v1alpha1.GitBranch{Branch: "main"}, Path: path, Key: "revision"}
		return p
	}
}

// playToTheDeadline also plays what comes when a region has had its time.
func (th *theatre) playToTheDeadline(t *testing.T, name string) *v1alpha1.Promotion {
	t.Helper()
	th.play(t, name)
	th.clock.SetTime(th.clock.Now().Add(defaultDeadline))
	return th.play(t, name)
}

func TestFilesOfRegionsMoveOneAfterTheOther(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	branch, byGit := th.inGit(t, ownFiles)
	p := byGit(promotionTo(good, v1alpha1.RevisionOverride{Application: "core", Revision: commit("d")}))
	p.Spec.Delivery.Git.Summary = "promotions/{{ .environment }}.yaml"
	th.set(t, p)
	p = th.play(t, "all")
	g.Expect(p.Status.CurrentRevision).To(Equal(good), strings.Join(th.log, ""))
	g.Expect(th.pins(t)).To(Equal("virginia core@d unkey-api@b, dublin core@d unkey-api@b, tokyo core@d unkey-api@b"), "the Secrets say so as well")
	g.Expect(branch.subjects()).To(Equal([]string{
		"Pin core, unkey-api to bbbbbbb, ddddddd in virginia",
		"Pin core, unkey-api to bbbbbbb, ddddddd in dublin",
		"Pin core, unkey-api to bbbbbbb, ddddddd in tokyo",
	}))
	g.Expect(branch.messages[0]).To(HaveSuffix("\n\nWritten by Portolan for Promotion fleet/all, rollout " + p.Status.Rollout.ID +
		".\nRegions: virginia\nApplications: core, unkey-api\n"))
	g.Expect(string(branch.files["promotions/production001/tokyo/core.yaml"])).To(Equal(
		"# theirs\nrevision: "+string(commit("d"))+"\nowner: core\n"), "nothing else changes")
	g.Expect(string(branch.files["promotions/production001.yaml"])).To(Equal(
		written + "overrides:\n  core: " + string(commit("d")) + "\nrevision: " + string(good) + "\n"))
}

func TestSharedFilesMoveAllRegionsAtOnceAndBack(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	branch, byGit := th.inGit(t, sharedFiles)
	to := func(revision v1alpha1.GitRevision) *v1alpha1.Promotion {
		p := byGit(promotionTo(revision))
		p.Spec.OnFailure = v1alpha1.FailureRollback
		return p
	}
	th.set(t, to(good))
	p := th.play(t, "all")
	g.Expect(p.Status.Rollout.Waves).To(HaveExactElements(HaveField("Name", waveShared)))
	g.Expect(branch.messages).To(HaveLen(1))

	th.set(t, to(bad))
	p = th.playToTheDeadline(t, "all")
	g.Expect(p.Status.Rollout.Phase).To(Equal(v1alpha1.RolloutRolledBack), strings.Join(th.log, ""))
	g.Expect(branch.messages).To(HaveLen(3))
	g.Expect(th.pins(t)).To(Equal("virginia core@b unkey-api@b, dublin core@b unkey-api@b, tokyo core@b unkey-api@b"))
	g.Expect(th.deployedFrom("tokyo", "core")).To(Equal(string(good)))
}

func TestARegionThatIsBornReadsTheFilesOfAll(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	branch, byGit := th.inGit(t, sharedFiles)
	th.set(t, byGit(promotionTo(bad)))
	g.Expect(th.playToTheDeadline(t, "all").Status.Rollout.Phase).To(Equal(v1alpha1.RolloutHalted))
	for _, object := range born("sydney", 9) { // with the revision before the one that failed
		g.Expect(th.Create(t.Context(), object)).To(Succeed())
	}
	commits := len(branch.messages)
	th.play(t, "all")
	g.Expect(branch.messages).To(HaveLen(commits), "a newcomer must not move the others")
	secret, err := th.reconciler.ArgoCD.Get(t.Context(), regionNamed("sydney", 0))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(secret.Annotations).To(HaveKeyWithValue(v1alpha1.AnnotationRevisionPrefix+"core", string(bad)), "what Argo CD really reads")
}

// An environment's first Promotion is there before its first region is registered.
func TestTheFirstRegionsMakeTheFilesOfAll(t *testing.T) {
	for name, prepare := range map[string]func(*bare){
		"there are none yet":        func(b *bare) { clear(b.files) },
		"they are at something old": func(*bare) {},
		"one is there":              func(b *bare) { delete(b.files, "promotions/production001/core.yaml") },
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			th := newTheatre(t)
			branch, byGit := th.inGit(t, sharedFiles)
			prepare(branch)
			secrets := map[string]*corev1.Secret{}
			for _, region := range cast {
				secret, err := th.reconciler.ArgoCD.Get(t.Context(), regionNamed(region, 0))
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(th.Delete(t.Context(), secret)).To(Succeed())
				secret.ResourceVersion = ""
				for _, app := range applications {
					secret.Annotations[v1alpha1.AnnotationRevisionPrefix+app] = string(good)
				}
				secrets[region] = secret
			}
			th.set(t, byGit(promotionTo(good)))
			g.Expect(th.play(t, "all").Status.Rollout.Phase).To(Equal(v1alpha1.RolloutCompleted), "nobody is there")
			g.Expect(branch.messages).To(BeEmpty())

			for _, region := range cast {
				g.Expect(th.Create(t.Context(), secrets[region])).To(Succeed())
				p := th.play(t, "all")
				g.Expect(p.Status.CurrentRevision).To(Equal(good), strings.Join(th.log, ""))
				g.Expect(branch.messages).To(HaveLen(1))
			}
			for _, app := range applications {
				g.Expect(th.deployedFrom("tokyo", app)).To(Equal(string(good)))
			}
			g.Expect(th.pins(t)).To(Equal("virginia core@b unkey-api@b, dublin core@b unkey-api@b, tokyo core@b unkey-api@b"))
		})
	}
}

func TestPinsInGitThatCannotBeReadOrWritten(t *testing.T) {
	for name, tc := range map[string]struct {
		but         func(*bare, *v1alpha1.Promotion)
		condition   string
		wantReason  string
		wantMessage string
		wantCommits []string
	}{
		"git does not answer": {
			but:       func(b *bare, _ *v1alpha1.Promotion) { b.readErr = fmt.Errorf("dialling: %w", gitrepo.ErrUnreachable) },
			condition: v1alpha1.PromotionRolledOut, wantReason: v1alpha1.ReasonRegionUnknown, wantMessage: "it goes on when its pins can be read",
		},
		"credentials": {
			but:       func(b *bare, _ *v1alpha1.Promotion) { b.readErr = gitrepo.ErrCredentials },
			condition: v1alpha1.PromotionValid, wantReason: v1alpha1.ReasonNoRepository, wantMessage: "reading pins: credentials refused",
		},
		"a protected branch": {
			but:       func(b *bare, _ *v1alpha1.Promotion) { b.pushErr = fmt.Errorf("%w: protected", gitrepo.ErrPushRefused) },
			condition: v1alpha1.PromotionRolledOut, wantReason: v1alpha1.ReasonNotDelivered, wantMessage: "push refused: protected",
		},
		"somebody else is always faster": {
			but:       func(b *bare, _ *v1alpha1.Promotion) { b.pushErr = gitrepo.ErrConflict },
			condition: v1alpha1.PromotionRolledOut, wantReason: v1alpha1.ReasonNotDelivered, wantMessage: gitrepo.ErrConflict.Error(),
		},
		"a path that cannot be": {
			but: func(_ *bare, p *v1alpha1.Promotion) {
				p.Spec.Delivery.Git.Path = "{{ .application }}/{{ .regoin }}/{{ .region }}.yaml"
			},
			condition: v1alpha1.PromotionValid, wantReason: v1alpha1.ReasonInvalidDelivery, wantMessage: "spec.delivery.git: path: ",
		},
		"a summary that cannot be": {
			but:       func(_ *bare, p *v1alpha1.Promotion) { p.Spec.Delivery.Git.Summary = "{{ .region }}.yaml" },
			condition: v1alpha1.PromotionValid, wantReason: v1alpha1.ReasonInvalidDelivery, wantMessage: "spec.delivery.git: summary: ",
		},
		"a file that is no YAML": {
			but: func(b *bare, _ *v1alpha1.Promotion) {
				b.files["promotions/production001/virginia/core.yaml"] = []byte("{{ template }}: [")
			},
			condition: v1alpha1.PromotionRolledOut, wantReason: v1alpha1.ReasonNotDelivered, wantMessage: "changing promotions/production001/virginia/core.yaml: ",
			wantCommits: []string{"Pin core, unkey-api to bbbbbbb in virginia"}, // as far as it goes
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			th := newTheatre(t)
			branch, byGit := th.inGit(t, ownFiles)
			p := byGit(promotionTo(good))
			tc.but(branch, p)
			th.set(t, p)
			p = th.play(t, "all")
			said := conditionOf(p, tc.condition)
			g.Expect(said.Reason).To(Equal(tc.wantReason), said.Message)
			g.Expect(said.Message).To(ContainSubstring(tc.wantMessage))
			g.Expect(th.pins(t)).To(HavePrefix("virginia core@a "), "the Secret says what Argo CD is given")
			g.Expect(branch.subjects()).To(Equal(tc.wantCommits))

			before := maps.Clone(branch.files)
			branch.readErr, branch.pushErr = nil, nil
			maps.Copy(branch.files, map[string][]byte{"promotions/production001/virginia/core.yaml": []byte("revision: " + string(old) + "\n")})
			th.set(t, byGit(promotionTo(good)))
			g.Expect(th.play(t, "all").Status.CurrentRevision).To(Equal(good), "it goes on by itself, from %v", before)
		})
	}
}

func TestTwoRegionsOfOneFileNeedNames(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	_, byGit := th.inGit(t, ownFiles)
	th.share(t)
	th.set(t, byGit(promotionTo(good)))
	valid := conditionOf(th.play(t, "all"), v1alpha1.PromotionValid)
	g.Expect(valid.Reason).To(Equal(v1alpha1.ReasonInvalidDelivery))
	g.Expect(valid.Message).To(Equal("spec.delivery.git: " + oneFile))
}

const oneFile = "path is promotions/production001/dublin/core.yaml for each of dublin, tokyo: put {{ .name }} into it"

// share puts tokyo where dublin is.
func (th *theatre) share(t *testing.T) {
	t.Helper()
	g := NewWithT(t)
	region := &v1alpha1.Region{}
	g.Expect(th.Get(t.Context(), client.ObjectKey{Namespace: "fleet", Name: "tokyo"}, region)).To(Succeed())
	region.Spec.AWSRegion = "dublin"
	g.Expect(th.Update(t.Context(), region)).To(Succeed())
}

func TestTwoRegionsOfOneFileKeepNoOtherFromGoingBack(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	branch, byGit := th.inGit(t, ownFiles)
	p := byGit(promotionTo(bad))
	p.Spec.OnFailure, p.Spec.Waves = v1alpha1.FailureRollback, []v1alpha1.PromotionWave{{Name: "all", Regions: cast}}
	th.set(t, p)
	th.pass(t, "all")
	th.share(t)
	p = th.playToTheDeadline(t, "all")
	g.Expect(p.Status.Rollout.Phase).To(Equal(v1alpha1.RolloutRollingBack))
	g.Expect(th.pins(t)).To(Equal("virginia core@a unkey-api@a, dublin core@c unkey-api@c, tokyo core@c unkey-api@c"))
	rolledOut := conditionOf(p, v1alpha1.PromotionRolledOut)
	g.Expect(rolledOut.Reason).To(Equal(v1alpha1.ReasonRegionUnknown))
	g.Expect(rolledOut.Message).To(ContainSubstring("spec.delivery.git: " + oneFile))
	g.Expect(branch.subjects()).To(HaveExactElements(HaveSuffix("in dublin, tokyo, virginia"), HaveSuffix("in virginia")))
}

func TestARegionThatIsNotRegisteredSharesNoFile(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	_, byGit := th.inGit(t, ownFiles)
	second := regionNamed("tokyo-b", 9)
	second.Spec.AWSRegion = "tokyo"
	g.Expect(th.Create(t.Context(), second)).To(Succeed())
	th.set(t, byGit(promotionTo(good)))
	g.Expect(th.play(t, "all").Status.CurrentRevision).To(Equal(good), strings.Join(th.log, ""))
}

func TestACommitWhoseAnnotationWasInterrupted(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	branch, byGit := th.inGit(t, ownFiles)
	th.set(t, byGit(promotionTo(good)))
	th.play(t, "all")
	commits := len(branch.messages)
	th.overwrite(t, regionNamed("dublin", 0))
	th.play(t, "all")
	g.Expect(th.pins(t)).To(Equal("virginia core@b unkey-api@b, dublin core@b unkey-api@b, tokyo core@b unkey-api@b"))
	g.Expect(branch.messages).To(HaveLen(commits), "git has it already")
}

func TestSomebodyWhoKeepsChangingAFileIsTold(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	branch, byGit := th.inGit(t, ownFiles)
	th.set(t, byGit(promotionTo(good)))
	const path = "promotions/production001/virginia/core.yaml"
	for range tolerated + 1 {
		th.pass(t, "all")
		branch.files[path] = []byte("revision: " + string(old) + "\n")
	}
	said := conditionOf(th.pass(t, "all"), v1alpha1.PromotionRolledOut)
	g.Expect(said.Reason).To(Equal(v1alpha1.ReasonOverwritten))
	g.Expect(said.Message).To(Equal("somebody keeps changing the pin of core in virginia (revision in file " + path + ", branch main of https://git.test/infra): end that"))
}

// applicationsOf are what Argo CD has of a Region.
func (th *theatre) applicationsOf(t *testing.T, name string) map[string]*argocd.Application {
	t.Helper()
	found, err := th.reconciler.ArgoCD.Applications(t.Context(), regionNamed(name, 0))
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return found
}

func TestApplicationsThatNobodyOwnsAreMovedThemselves(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	th.deployedFrom = func(region, app string) string { return th.applicationsOf(t, region)[app].Spec.Source.TargetRevision }
	branches := th.applicationsOf(t, "dublin")["core"]
	branches.Spec.Source.TargetRevision = "main" // nothing that could be gone back to
	g.Expect(th.Update(t.Context(), branches)).To(Succeed())
	to := promotionTo(good)
	to.Spec.Delivery.Application = &v1alpha1.ApplicationDelivery{}
	th.set(t, to)
	p := th.play(t, "all")
	g.Expect(p.Status.CurrentRevision).To(Equal(good), strings.Join(th.log, ""))
	for _, name := range cast {
		for app, found := range th.applicationsOf(t, name) {
			g.Expect(found.Spec.Source.TargetRevision).To(Equal(string(good)), app+" in "+name)
		}
	}
	g.Expect(th.pins(t)).To(Equal("virginia core@b unkey-api@b, dublin core@b unkey-api@b, tokyo core@b unkey-api@b"))
	g.Expect(p.Status.Rollout.Previous).To(ContainElement(HaveField("Pins",
		[]v1alpha1.RevisionOverride{{Application: "unkey-api", Revision: old}})), "of dublin")
}

func TestApplicationsOfSomebodyElseAreLeftAlone(t *testing.T) {
	for name, own := range map[string]func(*argocd.Application){
		"ApplicationSet core": func(a *argocd.Application) {
			a.OwnerReferences = []metav1.OwnerReference{{APIVersion: "argoproj.io/v1alpha1", Kind: "ApplicationSet", Name: "core", UID: "1"}}
		},
		"Application fleet": func(a *argocd.Application) {
			a.Annotations = map[string]string{"argocd.argoproj.io/tracking-id": "fleet:argoproj.io/Application:argocd/core-dublin"}
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			th := newTheatre(t)
			th.deployedFrom = func(region, app string) string { return th.applicationsOf(t, region)[app].Spec.Source.TargetRevision }
			owned := th.applicationsOf(t, "dublin")["core"]
			own(owned)
			g.Expect(th.Update(t.Context(), owned)).To(Succeed())
			to := promotionTo(good)
			to.Spec.Delivery.Application = &v1alpha1.ApplicationDelivery{}
			th.set(t, to)
			valid := conditionOf(th.play(t, "all"), v1alpha1.PromotionValid)
			g.Expect(valid.Reason).To(Equal(v1alpha1.ReasonApplicationOwned))
			g.Expect(valid.Message).To(ContainSubstring("nobody else manages: core-dublin by " + name + "; deliver by"))
			g.Expect(slices.Collect(maps.Values(th.applicationsOf(t, "virginia")))).To(HaveEach(
				HaveField("Spec.Source.TargetRevision", string(old))), "nothing moves")

			owned = th.applicationsOf(t, "dublin")["core"]
			owned.OwnerReferences, owned.Annotations = nil, nil
			g.Expect(th.Update(t.Context(), owned)).To(Succeed())
			g.Expect(th.play(t, "all").Status.CurrentRevision).To(Equal(good))
		})
	}
}

func TestAnApplicationThatIsMadeDuringARolloutIsMovedToo(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	th.deployedFrom = func(region, app string) string { return th.applicationsOf(t, region)[app].Spec.Source.TargetRevision }
	made := map[string]*argocd.Application{}
	for _, name := range cast {
		for _, a := range th.applicationsOf(t, name) {
			made[a.Name] = a.DeepCopy()
			g.Expect(th.Delete(t.Context(), a)).To(Succeed())
		}
	}
	to := promotionTo(good)
	to.Spec.Delivery.Application = &v1alpha1.ApplicationDelivery{}
	th.set(t, to)
	th.pass(t, "all")
	for _, a := range made {
		a.ResourceVersion, a.Status, a.Spec.Source.TargetRevision = "", argocd.ApplicationStatus{}, "main"
		deployed(a, th.clock.Now())
		g.Expect(th.Create(t.Context(), a)).To(Succeed())
	}
	p := th.play(t, "all")
	g.Expect(p.Status.CurrentRevision).To(Equal(good), strings.Join(th.log, ""))
	g.Expect(strings.Join(th.log, "")).NotTo(ContainSubstring(v1alpha1.ReasonOverwritten))
}

func TestWhatCouldNotBeWrittenIsNoFight(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	branch, byGit := th.inGit(t, ownFiles)
	branch.pushErr = gitrepo.ErrConflict
	th.set(t, byGit(promotionTo(good)))
	for range 2 * tolerated {
		th.pass(t, "all")
	}
	branch.pushErr = nil
	said := conditionOf(th.pass(t, "all"), v1alpha1.PromotionRolledOut)
	g.Expect(said.Reason).To(Equal(v1alpha1.ReasonRollingOut), said.Message)
	g.Expect(branch.messages).To(HaveLen(1))
}

func TestAFightOverAnApplicationThatIsNotThere(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	for _, a := range th.applicationsOf(t, "virginia") {
		g.Expect(th.Delete(t.Context(), a)).To(Succeed())
	}
	to := promotionTo(good)
	to.Spec.Delivery.Application = &v1alpha1.ApplicationDelivery{}
	th.set(t, to)
	for range tolerated + 1 {
		th.pass(t, "all")
		th.overwrite(t, regionNamed("virginia", 0))
	}
	said := conditionOf(th.pass(t, "all"), v1alpha1.PromotionRolledOut)
	g.Expect(said.Reason).To(Equal(v1alpha1.ReasonOverwritten))
	g.Expect(said.Message).To(ContainSubstring("annotation " + v1alpha1.AnnotationRevisionPrefix + "core of Secret"))
}

func TestTheSetsOfOthersLookForAnApplicationThatIsNotThereYet(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	_, byGit := th.inGit(t, ownFiles)
	set := &argocd.ApplicationSet{}
	set.Namespace, set.Name = "argocd", "core"
	g.Expect(th.Create(t.Context(), set)).To(Succeed())
	dublin := th.applicationsOf(t, "dublin")["core"]
	dublin.OwnerReferences = []metav1.OwnerReference{{APIVersion: "argoproj.io/v1alpha1", Kind: "ApplicationSet", Name: "core", UID: "1"}}
	g.Expect(th.Update(t.Context(), dublin)).To(Succeed())
	g.Expect(th.Delete(t.Context(), th.applicationsOf(t, "virginia")["core"])).To(Succeed())
	th.set(t, byGit(promotionTo(good)))
	th.pass(t, "all")
	g.Expect(th.pins(t)).To(HavePrefix("virginia core@b unkey-api@b, dublin core@a"))
	g.Expect(th.Get(t.Context(), client.ObjectKeyFromObject(set), set)).To(Succeed())
	g.Expect(set.Annotations).To(HaveKeyWithValue("argocd.argoproj.io/application-set-refresh", "true"))
}
