package delivery

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/gitrepo"
	"github.com/portolan-dev/portolan/controllers/internal/testenv/build"
)

var _ GitEditor = (*gitrepo.Editor)(nil)

// repository is a branch in memory.
type repository struct {
	files map[string][]byte
	// before are the files that a first attempt to push was made of, if it lost a race.
	before map[string][]byte
	broken error
	// lost tells that broken is about a push that may have been taken.
	lost bool

	read     [][]string
	maxAge   time.Duration
	messages []string
}

func (r *repository) Read(_ context.Context, _ gitrepo.Branch, paths []string, maxAge time.Duration) (map[string][]byte, error) {
	r.read, r.maxAge = append(r.read, paths), maxAge
	found := map[string][]byte{}
	for _, path := range paths {
		if content, exists := r.files[path]; exists {
			found[path] = content
		}
	}
	return found, r.broken
}

func (r *repository) Commit(_ context.Context, _ gitrepo.Branch, message string, changes []gitrepo.Change) (commit string, changed bool, err error) {
	if r.before != nil {
		if _, err := edited(r.before, changes); err != nil {
			return "", false, err
		}
	}
	after, err := edited(r.files, changes)
	if err != nil {
		return "", false, err
	}
	if r.broken != nil {
		return "", r.lost, r.broken
	}
	if maps.EqualFunc(r.files, after, bytes.Equal) {
		return "", false, nil
	}
	r.files, r.messages = after, append(r.messages, message)
	return "c", true, nil
}

func edited(files map[string][]byte, changes []gitrepo.Change) (map[string][]byte, error) {
	after := maps.Clone(files)
	for _, c := range changes {
		content, err := c.Edit(files[c.Path])
		if err != nil {
			return nil, err
		}
		if content != nil {
			after[c.Path] = content
		}
	}
	return after, nil
}

func gitRing(path string) *v1alpha1.GossipRing {
	return build.Ring("portolan", "api", func(r *v1alpha1.GossipRing) {
		r.Spec.Seeds.Delivery.Git = &v1alpha1.GitDelivery{GitBranch: v1alpha1.GitBranch{Branch: "main"}, Path: path, Key: "env.SEEDS"}
	})
}

func byGit(r *repository, path string) Delivery {
	return ForGit(r, gitrepo.Branch{Name: "main"}, gitRing(path), time.Minute)
}

func to(name string, awsRegion v1alpha1.AWSRegion) Target {
	return Target{Region: build.Region("portolan", awsRegion, func(r *v1alpha1.Region) { r.Name = name })}
}

const document = "# seeds of the region\nenv:\n  OTHER: x # kept\n  SEEDS: \"a,b\"\n"

func TestGitIsReadOnce(t *testing.T) {
	g := NewWithT(t)
	r := &repository{files: map[string][]byte{
		"production001/dublin.yaml": []byte(document),
		"production001/ohio.yaml":   []byte("env: {}\n"),
		"production001/oregon.yaml": []byte("env: [\n"),
	}}
	found := byGit(r, "{{ .environment }}/{{ .name }}.yaml").Read(t.Context(), []Target{
		to("dublin", "eu-west-1"), to("ohio", "us-east-2"), to("oregon", "us-west-2"), to("paris", "eu-west-3"),
	})
	g.Expect(found).To(HaveExactElements(
		Equal(Found{Text: "a,b", Known: true}),
		Equal(Found{Known: true, Unfinished: true}),
		And(HaveField("Known", false), HaveField("Err", MatchError(HavePrefix("reading production001/oregon.yaml: ")))),
		And(HaveField("Known", false), HaveField("Err", MatchError(
			"branch main has no file production001/paris.yaml: create it. Portolan changes values, it does not write whole files"))),
	))
	g.Expect(r.read).To(HaveLen(1))
	g.Expect(r.maxAge).To(Equal(time.Minute))
}

func TestGitThatCannotBeReadIsNotKnown(t *testing.T) {
	g := NewWithT(t)
	r := &repository{broken: errors.New("unreachable")}
	found := byGit(r, "{{ .region }}.yaml").Read(t.Context(), []Target{to("a", "eu-west-1"), to("b", "us-east-1")})
	g.Expect(found).To(HaveLen(2))
	g.Expect(found).To(HaveEach(Equal(Found{Err: r.broken})))
}

func TestGitWritesOneCommitForAll(t *testing.T) {
	g := NewWithT(t)
	r := &repository{files: map[string][]byte{
		"eu-west-1.yaml": []byte(document), "us-east-1.yaml": []byte(document), "theirs.yaml": []byte("x: y\n"),
	}}
	d := byGit(r, "{{ .region }}.yaml")
	writes := []Write{
		{Target: to("virginia", "us-east-1"), Text: "d"},
		{Target: to("dublin", "eu-west-1"), Text: "c,d"},
	}
	g.Expect(d.Write(t.Context(), writes)).To(Equal([]error{nil, nil}))
	g.Expect(r.messages).To(Equal([]string{"Set the seeds of ring api in dublin, virginia\n\n" +
		"Written by Portolan for GossipRing portolan/api.\nRegions: dublin, virginia\n"}))
	g.Expect(string(r.files["eu-west-1.yaml"])).To(Equal("# seeds of the region\nenv:\n  OTHER: x # kept\n  SEEDS: \"c,d\"\n"))
	g.Expect(string(r.files["us-east-1.yaml"])).To(Equal("# seeds of the region\nenv:\n  OTHER: x # kept\n  SEEDS: \"d\"\n"))
	g.Expect(string(r.files["theirs.yaml"])).To(Equal("x: y\n"))

	g.Expect(d.Write(t.Context(), writes)).To(Equal([]error{nil, nil}))
	g.Expect(r.messages).To(HaveLen(1), "identical content is no commit")
	found := d.Read(t.Context(), []Target{writes[1].Target})
	g.Expect(found[0].Holds("c,d")).To(BeTrue())
}

func TestOneFileDoesNotHoldUpTheOthers(t *testing.T) {
	g := NewWithT(t)
	r := &repository{files: map[string][]byte{"a.yaml": []byte(document), "list.yaml": []byte("env: [x]\n")}}
	errs := byGit(r, "{{ .name }}.yaml").Write(t.Context(), []Write{
		{Target: to("missing", "eu-west-1"), Text: "c"},
		{Target: to("list", "eu-west-2"), Text: "c"},
		{Target: to("a", "eu-west-3"), Text: "c"},
	})
	g.Expect(errs).To(HaveExactElements(
		MatchError(ContainSubstring("branch main has no file missing.yaml: create it")),
		MatchError(HavePrefix("changing list.yaml: ")),
		BeNil(),
	))
	g.Expect(string(r.files["a.yaml"])).To(ContainSubstring(`SEEDS: "c"`))
	g.Expect(string(r.files["list.yaml"])).To(Equal("env: [x]\n"))
	g.Expect(r.files).NotTo(HaveKey("missing.yaml"))
}

func TestARefusedPushIsEverybodysError(t *testing.T) {
	g := NewWithT(t)
	r := &repository{files: map[string][]byte{"a.yaml": []byte(document), "b.yaml": []byte(document)}, broken: errors.New("push refused")}
	errs := byGit(r, "{{ .name }}.yaml").Write(t.Context(), []Write{
		{Target: to("a", "eu-west-1"), Text: "c"},
		{Target: to("missing", "eu-west-2"), Text: "c"},
		{Target: to("b", "eu-west-3"), Text: "c"},
	})
	g.Expect(errs).To(HaveExactElements(Equal(r.broken), MatchError(ContainSubstring("missing.yaml")), Equal(r.broken)))
}

func TestAPushWithoutAnAnswerMayHaveLanded(t *testing.T) {
	g := NewWithT(t)
	r := &repository{files: map[string][]byte{"a.yaml": []byte(document)}, broken: gitrepo.ErrUnreachable, lost: true}
	errs := byGit(r, "{{ .name }}.yaml").Write(t.Context(), []Write{{Target: to("a", "eu-west-1"), Text: "c"}, {Target: to("missing", "eu-west-2"), Text: "c"}})
	g.Expect(errs[0]).To(MatchError(gitrepo.ErrUnreachable))
	g.Expect(MayHaveLanded(errs[0])).To(BeTrue())
	g.Expect(MayHaveLanded(errs[1])).To(BeFalse())
}

func TestWhatCountsIsTheEditOfTheNewestFile(t *testing.T) {
	g := NewWithT(t)
	r := &repository{
		before: map[string][]byte{"a.yaml": nil, "b.yaml": []byte(document)},
		files:  map[string][]byte{"a.yaml": []byte(document), "b.yaml": []byte("env: [x]\n")},
	}
	errs := byGit(r, "{{ .name }}.yaml").Write(t.Context(), []Write{
		{Target: to("a", "eu-west-1"), Text: "c"}, {Target: to("b", "eu-west-2"), Text: "c"},
	})
	g.Expect(errs).To(HaveExactElements(BeNil(), MatchError(HavePrefix("changing b.yaml: "))))
	g.Expect(string(r.files["a.yaml"])).To(ContainSubstring(`SEEDS: "c"`))
}

func TestAFileOfTwoRegionsIsNobodys(t *testing.T) {
	g := NewWithT(t)
	r := &repository{files: map[string][]byte{"eu-west-1.yaml": []byte(document), "us-east-1.yaml": []byte(document)}}
	d := byGit(r, "{{ .region }}.yaml")
	targets := []Target{to("second", "eu-west-1"), to("other", "us-east-1"), to("first", "eu-west-1")}
	refused := MatchError("spec.seeds.delivery.git.path is eu-west-1.yaml for each of first, second: put {{ .name }} into it")
	g.Expect(d.Read(t.Context(), targets)).To(HaveExactElements(
		HaveField("Err", refused), Equal(Found{Text: "a,b", Known: true}), HaveField("Err", refused),
	))
	g.Expect(r.read).To(Equal([][]string{{"us-east-1.yaml"}}))
	errs := d.Write(t.Context(), []Write{{targets[0], "c"}, {targets[1], "c"}, {targets[2], "c"}})
	g.Expect(errs).To(HaveExactElements(refused, BeNil(), refused))
	g.Expect(string(r.files["eu-west-1.yaml"])).To(Equal(document))
}

func TestAPathThatIsNoTemplate(t *testing.T) {
	g := NewWithT(t)
	r := &repository{}
	d := byGit(r, "{{ .region }/{{ .name }}")
	refused := MatchError(HavePrefix("spec.seeds.delivery.git.path: "))
	g.Expect(d.Read(t.Context(), []Target{to("a", "eu-west-1"), to("b", "eu-west-2")})).To(HaveEach(HaveField("Err", refused)))
	g.Expect(d.Write(t.Context(), []Write{{to("a", "eu-west-1"), "c"}})).To(HaveExactElements(refused))
	g.Expect(r.read).To(BeEmpty())
	g.Expect(r.messages).To(BeEmpty())
}

func TestTheMessageOfManyRegions(t *testing.T) {
	g := NewWithT(t)
	r := &repository{files: map[string][]byte{}}
	var writes []Write
	for _, name := range []string{"d", "b", "c", "a"} {
		r.files[name] = []byte(document)
		writes = append(writes, Write{Target: to(name, "eu-west-1"), Text: "c"})
	}
	g.Expect(byGit(r, "{{ .name }}").Write(t.Context(), writes)).To(HaveEach(BeNil()))
	g.Expect(r.messages).To(Equal([]string{"Set the seeds of ring api in 4 regions\n\n" +
		"Written by Portolan for GossipRing portolan/api.\nRegions: a, b, c, d\n"}))
	g.Expect(slices.Sorted(maps.Keys(r.files))).To(Equal([]string{"a", "b", "c", "d"}))
}

func TestGitsPodsTellTheirSeedsByTheirEnvironment(t *testing.T) {
	g := NewWithT(t)
	pod := &corev1.Pod{}
	pod.Spec.Containers = []corev1.Container{{Env: []corev1.EnvVar{{Name: gitRing("").Spec.Workload.Env, Value: "a"}}}}
	text, ok := byGit(nil, "").Applied(pod, "wanted")
	g.Expect(ok).To(BeTrue())
	g.Expect(text).To(Equal("a"))
}
