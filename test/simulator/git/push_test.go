package git

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
	"github.com/go-git/go-git/v5/storage/memory"
	. "github.com/onsi/gomega"
)

// clone is somebody's working copy.
type clone struct {
	g   *WithT
	dir string
	git *gogit.Repository
}

func (r *Repository) clone(t *testing.T) clone {
	t.Helper()
	g, dir := NewWithT(t), t.TempDir()
	cloned, err := gogit.PlainClone(dir, false, &gogit.CloneOptions{URL: r.HTTPURL()})
	g.Expect(err).NotTo(HaveOccurred())
	return clone{g: g, dir: dir, git: cloned}
}

func (c clone) commit(file, content string) (sha string) {
	work, err := c.git.Worktree()
	c.g.Expect(err).NotTo(HaveOccurred())
	c.g.Expect(os.WriteFile(filepath.Join(c.dir, file), []byte(content), 0o600)).To(Succeed())
	_, err = work.Add(file)
	c.g.Expect(err).NotTo(HaveOccurred())
	hash, err := work.Commit(content, &gogit.CommitOptions{Author: &object.Signature{Name: "other", When: time.Unix(1, 0)}})
	c.g.Expect(err).NotTo(HaveOccurred())
	return hash.String()
}

func (c clone) head() plumbing.Hash {
	head, err := c.git.Head()
	c.g.Expect(err).NotTo(HaveOccurred())
	return head.Hash()
}

func (c clone) push(refspec string) error {
	return c.git.Push(&gogit.PushOptions{RefSpecs: []config.RefSpec{config.RefSpec(refspec)}})
}

const mainToMain = "refs/heads/main:refs/heads/main"

func served(t *testing.T) *Repository {
	t.Helper()
	r := create(t)
	NewWithT(t).Expect(r.Serve()).To(Succeed())
	r.commit(NewWithT(t), "1", "a.yaml", "b/c.yaml")
	return r
}

func TestPush(t *testing.T) {
	g := NewWithT(t)
	r := served(t)
	theirs := r.clone(t)
	sha := theirs.commit("b/c.yaml", "2")
	g.Expect(theirs.push(mainToMain)).To(Succeed())
	g.Expect(r.Head("main")).To(Equal(sha))
	g.Expect(r.File("main", "b/c.yaml")).To(Equal("2"))
	g.Expect(theirs.push("refs/heads/main:refs/heads/other")).To(Succeed())
	g.Expect(r.Head("other")).To(Equal(sha))
	r.commit(g, "3", "a.yaml") // from what was pushed
	g.Expect(r.Messages("main")).To(Equal([]string{"3", "2", "1"}))
	g.Expect(r.Messages("other")).To(Equal([]string{"2", "1"}))

	again, err := gogit.PlainOpen(strings.TrimPrefix(r.URL(), "file://"))
	g.Expect(err).NotTo(HaveOccurred())
	other, err := again.Reference("refs/heads/other", true)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(other.Hash().String()).To(Equal(sha)) // on disk
	fresh, err := gogit.Clone(memory.NewStorage(), nil, &gogit.CloneOptions{URL: r.HTTPURL(), ReferenceName: "refs/heads/other"})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(filesOf(g, fresh.Storer, sha)).To(Equal(map[string]string{"a.yaml": "1", "b/c.yaml": "2"}))
}

func TestHeadOfNothing(t *testing.T) {
	g := NewWithT(t)
	r := create(t)
	g.Expect(r.Head("main")).To(BeEmpty())
	g.Expect(r.Messages("main")).To(BeEmpty())
	_, err := r.File("main", "a.yaml")
	g.Expect(err).To(HaveOccurred())
}

func TestPushIsRefused(t *testing.T) {
	cases := map[string]struct {
		prepare func(g *WithT, r *Repository, theirs clone)
		refspec string
		want    string
	}{
		"when others were faster": {
			prepare: func(g *WithT, r *Repository, _ clone) { r.BeforePush(func() { r.commit(g, "faster", "x.yaml") }) },
			want:    "failed to update ref",
		},
		"when it forgets a commit": {
			prepare: func(g *WithT, r *Repository, _ clone) { r.commit(g, "forgotten", "x.yaml") },
			refspec: "+" + mainToMain, want: "non-fast-forward",
		},
		"on a protected branch": {
			prepare: func(_ *WithT, r *Repository, _ clone) { r.Protect("main") }, want: "protected branch hook declined",
		},
		"when it deletes":      {refspec: ":refs/heads/main", want: "deletion prohibited"},
		"when it is no branch": {refspec: "refs/heads/main:refs/notes/x", want: "funny refname"},
		"without the right": {
			prepare: func(_ *WithT, r *Repository, _ clone) { r.DenyPushes(true) }, want: transport.ErrAuthorizationFailed.Error(),
		},
		"without credentials": {
			prepare: func(_ *WithT, r *Repository, _ clone) { r.Require("robot", "password") }, want: transport.ErrAuthenticationRequired.Error(),
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			r := served(t)
			theirs := r.clone(t)
			sha := theirs.commit("a.yaml", "ours")
			if tc.prepare != nil {
				tc.prepare(g, r, theirs)
			}
			refspec := tc.refspec
			if refspec == "" {
				refspec = mainToMain
			}
			g.Expect(theirs.push(refspec)).To(MatchError(ContainSubstring(tc.want)))
			g.Expect(r.Head("main")).NotTo(Or(Equal(sha), BeEmpty()))
			g.Expect(r.Messages("main")).NotTo(ContainElement("ours"))
			opened, err := gogit.PlainOpen(strings.TrimPrefix(r.URL(), "file://"))
			g.Expect(err).NotTo(HaveOccurred())
			_, err = opened.CommitObject(theirs.head())
			g.Expect(err).To(HaveOccurred()) // nothing of it is kept
		})
	}
}

func TestPushGoesOnAfterARefusal(t *testing.T) {
	g := NewWithT(t)
	r := served(t)
	r.Protect("main")
	r.DenyPushes(true)
	theirs := r.clone(t)
	sha := theirs.commit("a.yaml", "2")
	g.Expect(theirs.push(mainToMain)).NotTo(Succeed())
	r.DenyPushes(false)
	g.Expect(theirs.push(mainToMain)).NotTo(Succeed())
	r.Protect()
	g.Expect(theirs.push(mainToMain)).To(Succeed())
	g.Expect(r.Head("main")).To(Equal(sha))
}

func TestPushWhoseAnswerIsLost(t *testing.T) {
	g := NewWithT(t)
	r := served(t)
	theirs := r.clone(t)
	sha := theirs.commit("a.yaml", "2")
	r.LosePushAnswers(true)
	g.Expect(theirs.push(mainToMain)).NotTo(Succeed())
	g.Expect(r.Head("main")).To(Equal(sha))
	r.LosePushAnswers(false)
	g.Expect(theirs.push(mainToMain)).To(MatchError(gogit.NoErrAlreadyUpToDate))
}

func TestPushWithCredentials(t *testing.T) {
	g := NewWithT(t)
	r := served(t)
	theirs := r.clone(t)
	sha := theirs.commit("a.yaml", "2")
	r.Require("robot", "password")
	g.Expect(theirs.git.Push(&gogit.PushOptions{Auth: &githttp.BasicAuth{Username: "robot", Password: "password"}})).To(Succeed())
	g.Expect(r.Head("main")).To(Equal(sha))
}

// Git's own client sends more than is needed, compressed, and asks before it does.
func TestGitPushes(t *testing.T) {
	binary, err := exec.LookPath("git")
	if err != nil {
		t.Skip("there is no git to compare with")
	}
	g := NewWithT(t)
	r := served(t)
	dir := t.TempDir()
	run := func(arguments ...string) (string, error) {
		command := exec.CommandContext(t.Context(), binary, append([]string{"-c", "user.name=o", "-c", "user.email=o@example.com"}, arguments...)...)
		command.Dir = dir
		output, err := command.CombinedOutput()
		return string(output), errors.Join(err, t.Context().Err())
	}
	must := func(arguments ...string) {
		output, err := run(arguments...)
		g.Expect(err).NotTo(HaveOccurred(), output)
	}
	must("clone", "--quiet", "--depth=1", r.HTTPURL(), ".")
	large := strings.Repeat("large and not compressible enough\n", 1<<16)
	g.Expect(os.WriteFile(filepath.Join(dir, "large"), []byte(large), 0o600)).To(Succeed())
	must("update-index", "--add", "--cacheinfo", "160000,0123456789abcdef0123456789abcdef01234567,vendor")
	must("add", "large")
	must("commit", "--quiet", "--message=git's")
	must("-c", "http.postBuffer=1000", "-c", "core.compression=0", "push", "--quiet", "origin", "main")
	g.Expect(r.File("main", "large")).To(Equal(large))
	must("-C", strings.TrimPrefix(r.URL(), "file://"), "fsck", "--strict")

	r.commit(g, "theirs", "a.yaml")
	output, err := run("push", "origin", "main")
	g.Expect(err).To(HaveOccurred())
	g.Expect(output).To(ContainSubstring("fetch first"))
	output, err = run("push", "--force", "origin", "main~1:main")
	g.Expect(err).To(HaveOccurred())
	g.Expect(output).To(ContainSubstring("non-fast-forward"))
	must("pull", "--quiet", "--rebase")
	r.Protect("main")
	g.Expect(os.WriteFile(filepath.Join(dir, "a"), nil, 0o600)).To(Succeed())
	must("add", "a")
	must("commit", "--quiet", "--message=last")
	output, err = run("push", "origin", "main")
	g.Expect(err).To(HaveOccurred())
	g.Expect(output).To(ContainSubstring("remote rejected"))
	g.Expect(output).To(ContainSubstring("protected branch hook declined"))
}
