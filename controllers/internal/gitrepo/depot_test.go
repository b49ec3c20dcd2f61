package gitrepo

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	. "github.com/onsi/gomega"
)

// depot is a bare repository that git itself serves, for pushing too.
type depot struct {
	*httptest.Server

	t   *testing.T
	dir string

	looks, packs, pushes atomic.Int32
	mu                   sync.Mutex
	onPush               func()                          // before git sees a push
	intercept            func(http.Handler) http.Handler // around git
}

// newDepot has a branch main with all that a tree can hold.
func newDepot(t *testing.T, settings ...string) *depot {
	t.Helper()
	d := &depot{t: t, dir: filepath.Join(t.TempDir(), "repository.git")}
	behind := byGit(t, d.dir, append([]string{"http.receivepack=true", "receive.fsckObjects=true"}, settings...)...)
	d.run("init", "--quiet", "--bare", "--initial-branch=main", d.dir)
	d.run("-C", d.dir, "config", "gc.auto", "0")
	d.imports("first", "", []entry{
		{"100644", "values.yaml", "seeds: a # why\n"}, {"100644", "helm/api/eu.yaml", "seeds: ''\n"}, {"100644", "helm/api.yaml", ""},
		{"100644", "helm/api-x/y", "z"}, {"100755", "run.sh", "#!/bin/sh\n"}, {"120000", "link.yaml", "values.yaml"}, {"160000", "vendor/other", nowhere},
	})
	d.imports("second", "main", nil)
	d.Server = httptest.NewServer(d.handler(behind))
	t.Cleanup(d.Close)
	return d
}

// run runs git.
func (d *depot) run(arguments ...string) string { return d.runWith("", arguments...) }

func (d *depot) runWith(input string, arguments ...string) string {
	d.t.Helper()
	command := exec.CommandContext(d.t.Context(), "git", append([]string{"-c", "safe.directory=*"}, arguments...)...)
	command.Stdin = strings.NewReader(input)
	output, err := command.CombinedOutput()
	NewWithT(d.t).Expect(err).NotTo(HaveOccurred(), string(output))
	return strings.TrimSpace(string(output))
}

// git asks the repository.
func (d *depot) git(arguments ...string) string {
	d.t.Helper()
	return d.run(append([]string{"-C", d.dir}, arguments...)...)
}

// entry is a file, or what else a tree can hold.
type entry struct{ mode, path, content string }

// imports makes a commit past all servers.
func (d *depot) imports(message, parent string, entries []entry) {
	d.t.Helper()
	stream := &strings.Builder{}
	fmt.Fprintf(stream, "commit refs/heads/main\ncommitter other <other@example.com> 1 +0000\ndata %d\n%s\n", len(message), message)
	if parent != "" {
		fmt.Fprintf(stream, "from refs/heads/%s^0\n", parent)
	}
	for _, e := range entries {
		if e.mode == "160000" {
			fmt.Fprintf(stream, "M %s %s %s\n", e.mode, e.content, e.path)
			continue
		}
		fmt.Fprintf(stream, "M %s inline %s\ndata %d\n%s\n", e.mode, e.path, len(e.content), e.content)
	}
	d.runWith(stream.String(), "-C", d.dir, "fast-import", "--quiet")
}

// commit is somebody else's.
func (d *depot) commit(path, content string) {
	d.t.Helper()
	d.imports("theirs", "main", []entry{{"100644", path, content}})
}

// hook makes git run a script.
func (d *depot) hook(name, script string) {
	d.t.Helper()
	file := filepath.Join(d.dir, "hooks", name)
	NewWithT(d.t).Expect(os.WriteFile(file, []byte("#!/bin/sh\n"+script+"\n"), 0o600)).To(Succeed())
	NewWithT(d.t).Expect(os.Chmod(file, 0o700)).To(Succeed())
}

func (d *depot) beforePush(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.onPush = f
}

func (d *depot) around(f func(http.Handler) http.Handler) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.intercept = f
}

func (d *depot) branch() Branch {
	return Branch{Repository: Repository{URL: d.URL + "/repository.git"}, Name: "main"}
}

func (d *depot) handler(git http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		d.mu.Lock()
		onPush, intercept := d.onPush, d.intercept
		d.mu.Unlock()
		switch {
		case strings.HasSuffix(r.URL.Path, "/git-receive-pack"):
			d.pushes.Add(1)
			if onPush != nil {
				onPush()
			}
		case strings.HasSuffix(r.URL.Path, "/git-upload-pack"):
			d.packs.Add(1)
		case strings.HasSuffix(r.URL.RawQuery, "git-upload-pack"):
			d.looks.Add(1)
		}
		if intercept != nil {
			intercept(git).ServeHTTP(w, r)
			return
		}
		git.ServeHTTP(w, r)
	})
}

// pushes is an interception of pushes alone.
func pushes(f func(w http.ResponseWriter, r *http.Request, git http.Handler)) func(http.Handler) http.Handler {
	return func(git http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if strings.HasSuffix(r.URL.Path, "/git-receive-pack") {
				f(w, r, git)
				return
			}
			git.ServeHTTP(w, r)
		})
	}
}
