package git

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"

	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/config"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/plumbing/transport"
	githttp "github.com/go-git/go-git/v5/plumbing/transport/http"
	"github.com/go-git/go-git/v5/storage/memory"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/gleak"
)

func create(t *testing.T) *Repository {
	t.Helper()
	r, err := Create(t.TempDir())
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	t.Cleanup(r.Stop)
	return r
}

func (r *Repository) commit(g *WithT, message string, files ...string) string {
	contents := map[string]string{}
	for _, file := range files {
		contents[file] = message
	}
	sha, err := r.Commit(contents, message)
	g.Expect(err).NotTo(HaveOccurred())
	return sha
}

// filesOf reads a commit as everybody else would.
func filesOf(g *WithT, objects storer.EncodedObjectStorer, sha string) map[string]string {
	commit, err := object.GetCommit(objects, plumbing.NewHash(sha))
	g.Expect(err).NotTo(HaveOccurred())
	files, err := commit.Files()
	g.Expect(err).NotTo(HaveOccurred())
	found := map[string]string{}
	g.Expect(files.ForEach(func(f *object.File) error {
		found[f.Name], err = f.Contents()
		return err
	})).To(Succeed())
	return found
}

func TestCommit(t *testing.T) {
	g := NewWithT(t)
	r := create(t)
	first := r.commit(g, "1", "a.yaml", "helm/api/values.yaml", "helm/api.yaml", "helm-x/a.yaml")
	second := r.commit(g, "2", "helm/api/eu-west-1.yaml", "a.yaml")
	third := r.commit(g, "3", "helm", "a.yaml/b.yaml")
	opened, err := gogit.PlainOpen(strings.TrimPrefix(r.URL(), "file://"))
	g.Expect(err).NotTo(HaveOccurred())

	g.Expect(filesOf(g, opened.Storer, first)).To(Equal(map[string]string{
		"a.yaml": "1", "helm/api/values.yaml": "1", "helm/api.yaml": "1", "helm-x/a.yaml": "1",
	}))
	g.Expect(filesOf(g, opened.Storer, second)).To(Equal(map[string]string{
		"a.yaml": "2", "helm/api/values.yaml": "1", "helm/api.yaml": "1", "helm-x/a.yaml": "1", "helm/api/eu-west-1.yaml": "2",
	}))
	g.Expect(filesOf(g, opened.Storer, third)).To(Equal(map[string]string{"a.yaml/b.yaml": "3", "helm": "3", "helm-x/a.yaml": "1"}))
	head, err := opened.Head()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(head.Name()).To(Equal(branch))
	g.Expect(head.Hash().String()).To(Equal(third))
	commit, err := opened.CommitObject(head.Hash())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(commit.ParentHashes).To(Equal([]plumbing.Hash{plumbing.NewHash(second)}))
}

func TestCommitRefusesWhatIsNoPath(t *testing.T) {
	r := create(t)
	for _, path := range []string{"", "/a", "a/", "a//b", "../a", "a/./b"} {
		t.Run(path, func(t *testing.T) {
			g := NewWithT(t)
			_, err := r.Commit(map[string]string{path: ""}, "no")
			g.Expect(err).To(HaveOccurred())
			_, err = r.git.Reference(branch, true)
			g.Expect(err).To(MatchError(plumbing.ErrReferenceNotFound))
		})
	}
}

func TestCreateTwice(t *testing.T) {
	_, err := Create(strings.TrimPrefix(create(t).URL(), "file://"))
	NewWithT(t).Expect(err).To(MatchError(gogit.ErrRepositoryAlreadyExists))
}

func TestServe(t *testing.T) {
	g := NewWithT(t)
	before := gleak.Goroutines()
	r := create(t)
	g.Expect(r.HTTPURL()).To(BeEmpty())
	g.Expect(r.Serve()).To(Succeed())
	g.Expect(r.Serve()).NotTo(Succeed())
	_, err := gogit.Clone(memory.NewStorage(), nil, &gogit.CloneOptions{URL: r.HTTPURL()})
	g.Expect(err).To(MatchError(transport.ErrEmptyRemoteRepository))

	first := r.commit(g, "1", "a.yaml", "b/c.yaml")
	second := r.commit(g, "2", "a.yaml")
	cloned, err := gogit.Clone(memory.NewStorage(), nil, &gogit.CloneOptions{URL: r.HTTPURL()})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(filesOf(g, cloned.Storer, first)).To(Equal(map[string]string{"a.yaml": "1", "b/c.yaml": "1"}))
	g.Expect(filesOf(g, cloned.Storer, second)).To(Equal(map[string]string{"a.yaml": "2", "b/c.yaml": "1"}))

	r.Stop()
	_, err = gogit.Clone(memory.NewStorage(), nil, &gogit.CloneOptions{URL: r.HTTPURL()})
	g.Expect(err).To(HaveOccurred())
	http.DefaultClient.CloseIdleConnections()
	g.Eventually(gleak.Goroutines).ShouldNot(gleak.HaveLeaked(before))
}

func TestServesACommitByItsHash(t *testing.T) {
	g := NewWithT(t)
	r := create(t)
	g.Expect(r.Serve()).To(Succeed())
	old := r.commit(g, "1", "a.yaml")
	middle := r.commit(g, "2", "b.yaml")
	r.commit(g, "3", "c.yaml")

	storage := memory.NewStorage()
	remote := gogit.NewRemote(storage, &config.RemoteConfig{Name: "origin", URLs: []string{r.HTTPURL()}})
	fetch := func(sha string) error {
		return remote.Fetch(&gogit.FetchOptions{
			RefSpecs: []config.RefSpec{config.RefSpec(sha + ":refs/portolan/" + sha)}, Depth: 1, Tags: gogit.NoTags,
		})
	}
	g.Expect(fetch(middle)).To(Succeed())
	g.Expect(filesOf(g, storage, middle)).To(Equal(map[string]string{"a.yaml": "1", "b.yaml": "2"}))
	_, err := object.GetCommit(storage, plumbing.NewHash(old))
	g.Expect(err).To(MatchError(plumbing.ErrObjectNotFound))
	g.Expect(storage.Shallow()).To(Equal([]plumbing.Hash{plumbing.NewHash(middle)}))

	const unknown = "0123456789abcdef0123456789abcdef01234567"
	g.Expect(fetch(unknown)).To(MatchError(ContainSubstring("not our ref " + unknown)))
}

func TestLeavesOutContents(t *testing.T) {
	g := NewWithT(t)
	r := create(t)
	g.Expect(r.Serve()).To(Succeed())
	sha := plumbing.NewHash(r.commit(g, "1", "a.yaml", "b/c.yaml"))
	endpoint, err := transport.NewEndpoint(r.HTTPURL())
	g.Expect(err).NotTo(HaveOccurred())
	session, err := githttp.DefaultClient.NewUploadPackSession(endpoint, nil)
	g.Expect(err).NotTo(HaveOccurred())
	refs, err := session.AdvertisedReferencesContext(t.Context())
	g.Expect(err).NotTo(HaveOccurred())
	packed := func(filter packp.Filter) (int, error) {
		request := packp.NewUploadPackRequestFromCapabilities(refs.Capabilities)
		request.Capabilities.Delete(capability.Sideband64k)
		request.Wants, request.Filter = []plumbing.Hash{sha}, filter
		answer, err := session.UploadPack(t.Context(), request)
		if err != nil {
			return 0, err
		}
		pack, err := io.ReadAll(answer)
		if err != nil || len(pack) < 12 {
			return 0, errors.Join(err, fmt.Errorf("%d bytes", len(pack)))
		}
		return int(pack[11]), nil // the number of objects ends the pack's header
	}
	g.Expect(packed("")).To(Equal(4)) // the files have the same contents
	g.Expect(packed(packp.FilterBlobNone())).To(Equal(3))
	_, err = packed(packp.FilterTreeDepth(0))
	g.Expect(err).To(MatchError(ContainSubstring("not supported")))
}

func TestRequire(t *testing.T) {
	g := NewWithT(t)
	r := create(t)
	g.Expect(r.Serve()).To(Succeed())
	r.commit(g, "1", "a.yaml")
	clone := func(username, password string) error {
		_, err := gogit.Clone(memory.NewStorage(), nil, &gogit.CloneOptions{
			URL: r.HTTPURL(), Auth: &githttp.BasicAuth{Username: username, Password: password},
		})
		return err
	}
	r.Require("robot", "password")
	g.Expect(clone("robot", "password")).To(Succeed())
	g.Expect(clone("robot", "other")).To(MatchError(transport.ErrAuthenticationRequired))
	g.Expect(clone("", "password")).To(MatchError(transport.ErrAuthenticationRequired))
	r.Require("", "")
	g.Expect(clone("anybody", "anything")).To(Succeed())
}

// Git itself is the judge where there is one.
func TestGitUnderstands(t *testing.T) {
	binary, err := exec.LookPath("git")
	if err != nil {
		t.Skip("there is no git to compare with")
	}
	r := create(t)
	NewWithT(t).Expect(r.Serve()).To(Succeed())
	r.commit(NewWithT(t), "1", "a/b.yaml", "a.yaml", "a-b.yaml")
	r.commit(NewWithT(t), "2", "c.yaml")
	for name, arguments := range map[string][]string{
		"from disk":        {"clone", "--bare", r.URL()},
		"whole":            {"clone", "--bare", r.HTTPURL()},
		"shallow":          {"clone", "--bare", "--depth=1", r.HTTPURL()},
		"without contents": {"clone", "--bare", "--filter=blob:none", r.HTTPURL()},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			dir := t.TempDir()
			run := func(arguments ...string) string {
				output, err := exec.CommandContext(t.Context(), binary, arguments...).CombinedOutput()
				g.Expect(err).NotTo(HaveOccurred(), string(output))
				return string(output)
			}
			run(append(arguments, dir)...)
			run("-C", dir, "fsck", "--strict")
			g.Expect(strings.Fields(run("-C", dir, "ls-tree", "-r", "--name-only", "main"))).
				To(Equal([]string{"a-b.yaml", "a.yaml", "a/b.yaml", "c.yaml"}))
		})
	}
}
