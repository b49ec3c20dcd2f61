package gitrepo

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	clocktesting "k8s.io/utils/clock/testing"
)

// chronicle is a depot whose commits are named after their messages.
type chronicle struct {
	*depot

	commits   map[string]string
	described map[string]Commit
	minutes   int
}

func newChronicle(t *testing.T, settings ...string) *chronicle {
	t.Helper()
	c := &chronicle{depot: newDepot(t, settings...), commits: map[string]string{}, described: map[string]Commit{}}
	c.commits["first"], c.commits["second"] = c.git("rev-parse", "main~1"), c.git("rev-parse", "main")
	return c
}

// on makes a commit on a branch.
func (c *chronicle) on(branch, message string, parents []string, changes ...string) {
	c.t.Helper()
	c.makes(planned{branch, message, parents, changes})
}

// planned is a commit a minute after the last one. A change is a file that gets the name as its
// contents, or with a minus before it is removed. The name is the message's first line.
type planned struct {
	branch, message  string
	parents, changes []string
}

func (c *chronicle) makes(all ...planned) {
	c.t.Helper()
	stream, marks := &strings.Builder{}, filepath.Join(c.t.TempDir(), "marks")
	names := map[string]string{}
	for i, p := range all {
		c.minutes++
		name, _, _ := strings.Cut(p.message, "\n")
		fmt.Fprintf(stream, "commit refs/heads/%s\nmark :%d\n", p.branch, i+1)
		fmt.Fprintf(stream, "author %s's author <a@example.com> %d +0100\n", name, 60*c.minutes)
		fmt.Fprintf(stream, "committer other <c@example.com> %d +0000\ndata %d\n%s\n", 60*c.minutes+7, len(p.message), p.message)
		for n, parent := range p.parents {
			fmt.Fprintf(stream, "%s %s\n", []string{"from", "merge"}[min(n, 1)], c.commits[parent])
		}
		for _, change := range p.changes {
			if removed, ok := strings.CutPrefix(change, "-"); ok {
				fmt.Fprintf(stream, "D %s\n", removed)
				continue
			}
			fmt.Fprintf(stream, "M 100644 inline %s\ndata %d\n%s\n", change, len(name), name)
		}
		mark := fmt.Sprintf(":%d", i+1)
		names[mark], c.commits[name] = name, mark
	}
	c.runWith(stream.String(), "-C", c.dir, "fast-import", "--quiet", "--force", "--export-marks="+marks)
	exported, err := os.ReadFile(marks)
	NewWithT(c.t).Expect(err).NotTo(HaveOccurred())
	for line := range strings.Lines(string(exported)) {
		mark, hash, _ := strings.Cut(strings.TrimSpace(line), " ")
		c.commits[names[mark]] = hash
	}
}

// many makes commits on main that change a file each.
func (c *chronicle) many(count int, change func(i int) string) {
	c.t.Helper()
	stream := &strings.Builder{}
	for i := range count {
		c.minutes++
		fmt.Fprintf(stream, "commit refs/heads/main\ncommitter other <c@example.com> %d +0000\ndata 4\nmany\n", 60*c.minutes)
		if i == 0 {
			stream.WriteString("from refs/heads/main^0\n")
		}
		stream.WriteString(change(i) + "\n")
	}
	c.runWith(stream.String(), "-C", c.dir, "fast-import", "--quiet")
}

func (c *chronicle) names(hashes ...string) []string {
	byHash := map[string]string{"": ""}
	for name, hash := range c.commits {
		byHash[hash] = name
	}
	names := []string{}
	for _, hash := range hashes {
		names = append(names, byHash[hash])
	}
	return names
}

// told has merges, a branch that was not merged, and files that come and go.
//
//	first - second - added - removed - merge - again - renamed    main
//	             \- side - side2 -----/
//	              \- other                                        other
func told(t *testing.T, settings ...string) *chronicle {
	t.Helper()
	c := newChronicle(t, settings...)
	c.makes(
		planned{"main", "added", []string{"second"}, []string{"apps/a/eu.yaml", "apps/a/us.yaml"}},
		planned{"side", "side", []string{"second"}, []string{"apps/b/eu.yaml"}},
		planned{"other", "other", []string{"second"}, []string{"other.yaml"}},
		planned{"main", "removed", []string{"added"}, []string{"-apps/a/eu.yaml", "deep/er/file"}},
		planned{"side", "side2", []string{"side"}, []string{"apps/b/eu.yaml"}},
		planned{"main", "merge", []string{"removed", "side2"}, []string{"apps/b/eu.yaml"}},
		planned{"main", "again\nand again\n\nbody", []string{"merge"}, []string{"apps/a/eu.yaml"}},
		planned{"main", "renamed", []string{"again"}, []string{"-values.yaml", "chart/values.yaml"}},
	)
	return c
}

// ways are how a repository can be read. A server that is the git library is not one of git.
func ways(t *testing.T) map[string]func(*testing.T) (*chronicle, Repository) {
	t.Helper()
	all := map[string]func(*testing.T) (*chronicle, Repository){
		"in place": func(t *testing.T) (*chronicle, Repository) {
			c := told(t)
			return c, Repository{URL: "file://" + c.dir}
		},
		"from a server that serves branches only": func(t *testing.T) (*chronicle, Repository) {
			c := told(t)
			dir := t.TempDir()
			NewWithT(t).Expect(os.Symlink(c.dir, filepath.Join(dir, ".git"))).To(Succeed())
			return c, serve(t, smart(&origin{t: t, dir: dir})).repository()
		},
	}
	for name, settings := range servers {
		all["from "+name] = func(t *testing.T) (*chronicle, Repository) {
			c := told(t, settings...)
			return c, c.branch().Repository
		}
	}
	all["from git that filters files only"] = func(t *testing.T) (*chronicle, Repository) {
		c := told(t, append([]string{"uploadpackfilter.tree.allow=false"}, likeGitHub...)...)
		return c, c.branch().Repository
	}
	return all
}

func newHistory() *History { return NewHistory(clocktesting.NewFakePassiveClock(start)) }

// histories are one that may know something, and, where it makes the most of a difference, one that
// knows nothing.
func histories(t *testing.T, shared *History) []*History {
	if strings.Contains(t.Name(), "GitHub") {
		return []*History{newHistory(), shared}
	}
	return []*History{shared}
}

// asks are all questions about a repository.
func asks(repo Repository, branch string) map[string]func(context.Context, *History) error {
	return map[string]func(context.Context, *History) error{
		"head": func(ctx context.Context, h *History) error {
			_, err := h.Head(ctx, repo, branch, 0)
			return err
		},
		"contains": func(ctx context.Context, h *History) error {
			_, err := h.Contains(ctx, repo, branch, nowhere, 0)
			return err
		},
		"first with": func(ctx context.Context, h *History) error {
			_, err := h.FirstWith(ctx, repo, branch, []string{"values.yaml"}, 0)
			return err
		},
		"between": func(ctx context.Context, h *History) error {
			_, _, err := h.Between(ctx, repo, nowhere, strings.ToUpper(nowhere), 1)
			return err
		},
	}
}

// broken answers everything with a status.
func broken(status int) func(http.Handler) http.Handler {
	return func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, secret+r.Header.Get("Authorization"), status)
		})
	}
}

// shallow serves a clone that has only the last commits.
func (c *chronicle) shallow(options ...string) Repository {
	c.t.Helper()
	clone := c.t.TempDir()
	c.run(append([]string{"clone", "--quiet", "--bare", "--depth=3", "file://" + c.dir, clone}, options...)...)
	s := httptest.NewServer(byGit(c.t, clone, likeGitHub...))
	c.t.Cleanup(s.Close)
	return Repository{URL: s.URL + "/repository.git"}
}

func minutesAfter(minutes int) time.Time { return start.Add(time.Duration(minutes) * time.Minute) }
