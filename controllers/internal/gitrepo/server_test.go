package gitrepo

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/cgi"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/format/pktline"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/plumbing/transport/server"
	. "github.com/onsi/gomega"
)

// origin is a repository on disk. Its commits are named after their messages.
type origin struct {
	t       *testing.T
	dir     string
	git     *gogit.Repository
	commits map[string]string
}

func newOrigin(t *testing.T) *origin {
	t.Helper()
	dir := t.TempDir()
	git, err := gogit.PlainInitWithOptions(dir, &gogit.PlainInitOptions{
		InitOptions: gogit.InitOptions{DefaultBranch: "refs/heads/main"},
	})
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return &origin{t: t, dir: dir, git: git, commits: map[string]string{}}
}

// bare is the folder that a server serves.
func (o *origin) bare() string { return filepath.Join(o.dir, ".git") }

func (o *origin) commit(message string, files ...string) {
	g := NewWithT(o.t)
	worktree, err := o.git.Worktree()
	g.Expect(err).NotTo(HaveOccurred())
	for _, file := range files {
		o.write(file, []byte(message))
	}
	g.Expect(worktree.AddGlob(".")).To(Succeed())
	hash, err := worktree.Commit(message, &gogit.CommitOptions{
		AllowEmptyCommits: true,
		Author:            &object.Signature{Name: "test", Email: "test@example.com", When: time.Unix(1, 0)},
	})
	g.Expect(err).NotTo(HaveOccurred())
	o.commits[message] = hash.String()
}

func (o *origin) write(file string, content []byte) {
	g := NewWithT(o.t)
	name := filepath.Join(o.dir, file)
	g.Expect(os.MkdirAll(filepath.Dir(name), 0o700)).To(Succeed())
	g.Expect(os.WriteFile(name, content, 0o600)).To(Succeed())
}

// rewind takes the branch back to a commit, so that later ones hang on nothing.
func (o *origin) rewind(message string) {
	ref := plumbing.NewHashReference("refs/heads/main", plumbing.NewHash(o.commits[message]))
	NewWithT(o.t).Expect(o.git.Storer.SetReference(ref)).To(Succeed())
}

// standard has an old commit, the branch's tip and one that hangs on nothing.
func standard(t *testing.T) *origin {
	o := newOrigin(t)
	o.commit("old", "values.yaml", "helm/api/production001/us-east-1.yaml")
	o.commit("tip", "helm/api/production001/eu-west-1.yaml")
	o.commit("dangling", "dangling.yaml")
	o.rewind("tip")
	return o
}

// site is a repository over HTTP that counts what it is asked for.
type site struct {
	*httptest.Server

	packs atomic.Int32 // answers with objects that were asked for
	hold  chan struct{}
}

func serve(t *testing.T, handler http.Handler) *site {
	t.Helper()
	s := &site{hold: make(chan struct{})}
	close(s.hold)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/git-upload-pack") {
			s.packs.Add(1)
		}
		select {
		case <-s.hold:
		case <-r.Context().Done():
			return
		}
		handler.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *site) repository() Repository { return Repository{URL: s.URL + "/repository.git"} }

// smart serves by go-git, which offers neither depth nor filter nor commits by hash.
func smart(o *origin) http.Handler {
	open := func() (transport.UploadPackSession, error) {
		opened, err := gogit.PlainOpen(o.bare())
		if err != nil {
			return nil, err
		}
		endpoint := &transport.Endpoint{Protocol: "file", Path: o.bare()}
		return server.NewServer(server.MapLoader{endpoint.String(): opened.Storer}).NewUploadPackSession(endpoint, nil)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /repository.git/info/refs", func(w http.ResponseWriter, r *http.Request) {
		complete(advertise(r.Context(), w, open))
	})
	mux.HandleFunc("POST /repository.git/git-upload-pack", func(w http.ResponseWriter, r *http.Request) {
		complete(upload(w, r, open))
	})
	return mux
}

// complete breaks the answer off when it failed: whoever asked sees that, or has gone.
func complete(err error) {
	if err != nil {
		panic(http.ErrAbortHandler)
	}
}

func advertise(ctx context.Context, w http.ResponseWriter, open func() (transport.UploadPackSession, error)) error {
	session, err := open()
	if err != nil {
		return err
	}
	refs, err := session.AdvertisedReferencesContext(ctx)
	if err != nil {
		return err
	}
	refs.Prefix = [][]byte{[]byte("# service=git-upload-pack"), pktline.Flush}
	return refs.Encode(w)
}

func upload(w http.ResponseWriter, r *http.Request, open func() (transport.UploadPackSession, error)) error {
	session, err := open()
	if err != nil {
		return err
	}
	request := packp.NewUploadPackRequest()
	if err := request.Decode(r.Body); err != nil {
		return err
	}
	response, err := session.UploadPack(r.Context(), request)
	if err != nil {
		return err
	}
	return response.Encode(w)
}

// original serves by git itself, where there is one.
func original(t *testing.T, o *origin, settings ...string) http.Handler {
	t.Helper()
	return byGit(t, o.bare(), settings...)
}

func byGit(t *testing.T, bare string, settings ...string) http.Handler {
	t.Helper()
	binary, err := exec.LookPath("git")
	if err != nil {
		t.Skip("there is no git to compare with")
	}
	parent := t.TempDir()
	NewWithT(t).Expect(os.Symlink(bare, filepath.Join(parent, "repository.git"))).To(Succeed())
	environment := []string{"GIT_PROJECT_ROOT=" + parent, "GIT_HTTP_EXPORT_ALL=1", fmt.Sprintf("GIT_CONFIG_COUNT=%d", len(settings)+1)}
	for i, setting := range append([]string{"safe.directory=*"}, settings...) {
		key, value, _ := strings.Cut(setting, "=")
		environment = append(environment, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, key), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, value))
	}
	return &cgi.Handler{Path: binary, Args: []string{"http-backend"}, Env: environment, Stderr: io.Discard}
}

// likeGitHub are the settings that give git the capabilities GitHub advertises.
var likeGitHub = []string{
	"uploadpack.allowFilter=true", "uploadpack.allowTipSHA1InWant=true", "uploadpack.allowReachableSHA1InWant=true",
}
