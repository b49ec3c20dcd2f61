package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/utils/clock"
	clocktesting "k8s.io/utils/clock/testing"
)

func newEditor() *Editor { return NewEditor(clock.RealClock{}) }

// to makes a file hold a text, whatever it held.
func to(path, content string) Change {
	return Change{Path: path, Edit: func([]byte) ([]byte, error) { return []byte(content), nil }}
}

// plus adds to the end, which tells what was there before.
func plus(path, more string) Change {
	return Change{Path: path, Edit: func(before []byte) ([]byte, error) { return append(before, more...), nil }}
}

var servers = map[string][]string{
	"git as it is":                     nil,
	"git as GitHub has it":             likeGitHub,
	"git that serves no single files":  {"uploadpack.allowFilter=true", "uploadpack.allowTipSHA1InWant=true"},
	"git that always serves all files": {"uploadpack.allowReachableSHA1InWant=true"},
}

func TestCommit(t *testing.T) {
	for name, settings := range servers {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			d := newDepot(t, settings...)
			now := time.Date(2026, 2, 3, 4, 5, 6, 0, time.FixedZone("", 3600))
			before := strings.Split(d.git("ls-tree", "-r", "main"), "\n")
			first := d.git("rev-parse", "main")
			var got []string
			see := func(path, after string) Change {
				return Change{Path: path, Edit: func(before []byte) ([]byte, error) {
					got = append(got, fmt.Sprintf("%q %t", before, before == nil))
					return []byte(after), nil
				}}
			}
			e := NewEditor(clocktesting.NewFakeClock(now))
			commit, changed, err := e.Commit(t.Context(), d.branch(), "Seeds of eu", []Change{
				see("helm/api/eu.yaml", "seeds: 'b'\n"), see("./run.sh", "#!/bin/bash\n"), see("helm/api.yaml", "x"),
				see("helm/new/us.yaml", "seeds: c\n"), see("helm/new/us.yaml", "seeds: d\n"), see("a", ""),
			})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(changed).To(BeTrue())
			g.Expect(got).To(Equal([]string{
				`"seeds: ''\n" false`, `"#!/bin/sh\n" false`, `"" false`, `"" true`, `"seeds: c\n" false`, `"" true`,
			}))
			g.Expect(d.git("rev-parse", "main", "main^")).To(Equal(commit + "\n" + first))
			g.Expect(d.git("log", "-1", "--format=%an <%ae> %cn <%ce> %aI %cI %B", "main")).To(Equal(
				"Portolan <portolan@portolan.dev> Portolan <portolan@portolan.dev> 2026-02-03T03:05:06+00:00 2026-02-03T03:05:06+00:00 Seeds of eu"))
			d.git("fsck", "--strict", "--full")
			g.Expect(d.git("diff", "--raw", "--no-renames", "--abbrev=4", "main^", "main")).To(MatchRegexp(strings.Join([]string{
				`^:000000 100644 0000 \w{4} A\ta`, `:100644 100644 e69d \w{4} M\thelm/api.yaml`, `:100644 100644 \w{4} \w{4} M\thelm/api/eu.yaml`,
				`:000000 100644 0000 \w{4} A\thelm/new/us.yaml`, `:100755 100755 \w{4} \w{4} M\trun.sh$`,
			}, "\n")))
			after := strings.Split(d.git("ls-tree", "-r", "main"), "\n")
			for _, entry := range before {
				if !strings.HasSuffix(entry, "run.sh") && !strings.HasSuffix(entry, "helm/api/eu.yaml") && !strings.HasSuffix(entry, "helm/api.yaml") {
					g.Expect(after).To(ContainElement(entry)) // links and submodules too
				}
			}
			g.Expect(after).To(HaveLen(len(before) + 2))
			g.Expect(d.git("show", "main:helm/new/us.yaml", "main:helm/api/eu.yaml")).To(Equal("seeds: d\nseeds: 'b'"))
		})
	}
}

func TestCommitOfTheSameIsNone(t *testing.T) {
	g := NewWithT(t)
	d := newDepot(t)
	e := newEditor()
	head := d.git("rev-parse", "main")
	nothing := Change{Path: "no/such/file", Edit: func(before []byte) ([]byte, error) { return before, nil }}
	commit, changed, err := e.Commit(t.Context(), d.branch(), "none", []Change{
		to("values.yaml", "seeds: a # why\n"), to("helm/api.yaml", "x"), to("helm/api.yaml", ""), nothing,
	})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(changed).To(BeFalse())
	g.Expect(commit).To(Equal(head))
	g.Expect(d.pushes.Load()).To(BeZero())

	commit, changed, err = e.Commit(t.Context(), d.branch(), "one", []Change{to("values.yaml", "b")})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(changed).To(BeTrue())
	packs := d.packs.Load()
	again, changed, err := e.Commit(t.Context(), d.branch(), "one", []Change{to("values.yaml", "b")})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(changed).To(BeFalse())
	g.Expect(again).To(Equal(commit))
	_, changed, err = e.Commit(t.Context(), d.branch(), "two", []Change{plus("values.yaml", "c")})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(changed).To(BeTrue())
	g.Expect(d.packs.Load()).To(Equal(packs)) // nothing but the references was asked for
	g.Expect(d.git("show", "main:values.yaml")).To(Equal("bc"))
	g.Expect(d.git("rev-list", "--count", "main")).To(Equal("4"))
	d.git("fsck", "--strict")
}

func TestCommitFollowsOthers(t *testing.T) {
	cases := map[string]struct {
		meanwhile func(d *depot) // once
		want      map[string]string
		wantCount string
	}{
		"in another file": {
			meanwhile: func(d *depot) { d.commit("values.yaml", "theirs\n") },
			want:      map[string]string{"values.yaml": "theirs", "helm/api/eu.yaml": "seeds: ''\nours"}, wantCount: "4",
		},
		"in the same file": {
			meanwhile: func(d *depot) { d.commit("helm/api/eu.yaml", "theirs\n") },
			want:      map[string]string{"helm/api/eu.yaml": "theirs\nours"}, wantCount: "4",
		},
		"by a new history": {
			meanwhile: func(d *depot) { d.git("update-ref", "refs/heads/main", "main^") },
			want:      map[string]string{"helm/api/eu.yaml": "seeds: ''\nours"}, wantCount: "2",
		},
	}
	for name, tc := range cases {
		t.Run("when git takes the push: "+name, func(t *testing.T) {
			d := newDepot(t, likeGitHub...)
			d.beforePush(sync.OnceFunc(func() { tc.meanwhile(d) }))
			expectOurs(t, d, newEditor(), tc.want, tc.wantCount)
			NewWithT(t).Expect(d.pushes.Load()).To(BeEquivalentTo(2))
		})
		t.Run("between fetch and push: "+name, func(t *testing.T) {
			d := newDepot(t)
			once := sync.OnceFunc(func() { tc.meanwhile(d) })
			d.around(func(git http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.URL.Query().Get("service") == "git-receive-pack" {
						once()
					}
					git.ServeHTTP(w, r)
				})
			})
			expectOurs(t, d, newEditor(), tc.want, tc.wantCount)
			NewWithT(t).Expect(d.pushes.Load()).To(BeEquivalentTo(1))
		})
	}
}

func expectOurs(t *testing.T, d *depot, e *Editor, want map[string]string, wantCount string) {
	t.Helper()
	g := NewWithT(t)
	commit, changed, err := e.Commit(t.Context(), d.branch(), "ours", []Change{plus("helm/api/eu.yaml", "ours")})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(changed).To(BeTrue())
	g.Expect(d.git("rev-parse", "main")).To(Equal(commit))
	for file, content := range want {
		g.Expect(d.git("show", "main:"+file)).To(Equal(content))
	}
	g.Expect(d.git("rev-list", "--count", "main")).To(Equal(wantCount))
	d.git("fsck", "--strict")
}

func TestCommitGivesUp(t *testing.T) {
	g := NewWithT(t)
	d := newDepot(t)
	count := 0
	d.beforePush(func() { count++; d.commit("values.yaml", fmt.Sprint(count)) })
	clk := clocktesting.NewFakeClock(start)
	e := NewEditor(clk)
	edits := 0
	done := make(chan error)
	go func() {
		_, _, err := e.Commit(t.Context(), d.branch(), "ours", []Change{{Path: "a", Edit: func([]byte) ([]byte, error) {
			edits++
			return []byte("ours"), nil
		}}})
		done <- err
	}()
	var waited []time.Duration
	for longest := pauseBefore; len(waited) < attempts-1; longest *= 2 {
		g.Eventually(clk.HasWaiters).WithTimeout(10 * time.Second).Should(BeTrue())
		clk.Step(longest / 4)
		g.Expect(clk.HasWaiters()).To(BeTrue()) // nobody hammers
		clk.Step(longest - longest/4)
		waited = append(waited, longest)
	}
	var err error
	g.Eventually(done).WithTimeout(10 * time.Second).Should(Receive(&err))
	g.Expect(err).To(MatchError(ErrConflict))
	g.Expect(err).To(MatchError(ContainSubstring("committing to branch main of " + d.URL)))
	g.Expect(edits).To(Equal(attempts))
	g.Expect(d.git("log", "--format=%s", "-1", "main")).To(Equal("theirs"))
}

func TestRacingEditorsBothLand(t *testing.T) {
	g := NewWithT(t)
	d := newDepot(t, likeGitHub...)
	shared := newEditor()
	var racing sync.WaitGroup
	for i, e := range []*Editor{shared, shared, newEditor(), newEditor()} {
		racing.Go(func() {
			for n := range 2 {
				_, changed, err := e.Commit(t.Context(), d.branch(), "race", []Change{plus(fmt.Sprintf("race/%d", i), fmt.Sprint(n))})
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(changed).To(BeTrue())
			}
		})
	}
	racing.Wait()
	for i := range 4 {
		g.Expect(d.git("show", fmt.Sprintf("main:race/%d", i))).To(Equal("01"))
	}
	g.Expect(d.git("rev-list", "--count", "main")).To(Equal("10"))
	d.git("fsck", "--strict")
}

func TestCommitWhoseEditFails(t *testing.T) {
	g := NewWithT(t)
	d := newDepot(t)
	cause := errors.New("not YAML")
	for path, want := range map[string]string{
		"values.yaml":        "editing values.yaml: not YAML",
		"../values.yaml":     `editing "../values.yaml": not a path within the repository`,
		"helm/api":           "editing helm/api: it is a folder",
		"link.yaml":          "editing link.yaml: it is a symbolic link",
		"vendor/other":       "editing vendor/other: it is a submodule",
		"values.yaml/x/y":    "editing values.yaml/x/y: values.yaml is no folder",
		"vendor/other/x":     "editing vendor/other/x: vendor/other is no folder",
		"link.yaml/not/here": "editing link.yaml/not/here: link.yaml is no folder",
	} {
		last := to(path, "x")
		if path == "values.yaml" {
			last.Edit = func([]byte) ([]byte, error) { return nil, cause }
		}
		_, changed, err := newEditor().Commit(t.Context(), d.branch(), "half", []Change{to("helm/api.yaml", "x"), last})
		g.Expect(err).To(MatchError(HaveSuffix(want)))
		g.Expect(changed).To(BeFalse())
		g.Expect(errors.Is(err, cause)).To(Equal(path == "values.yaml"))
	}
	g.Expect(d.pushes.Load()).To(BeZero())
}

func TestCommitWaitsForItsTurn(t *testing.T) {
	g := NewWithT(t)
	d := newDepot(t)
	e := newEditor()
	ctx, cancel := context.WithCancel(t.Context())
	_, _, err := e.Commit(t.Context(), d.branch(), "first", []Change{{Path: "a", Edit: func([]byte) ([]byte, error) {
		cancel()
		_, _, second := e.Commit(ctx, d.branch(), "second", []Change{to("b", "")})
		g.Expect(second).To(MatchError(context.Canceled))
		other := d.branch()
		other.Name = "other"
		_, _, third := e.Commit(context.WithoutCancel(ctx), other, "third", nil)
		g.Expect(third).To(MatchError(ErrNoBranch)) // another branch has its own turn
		return []byte("x"), nil
	}}})
	g.Expect(err).NotTo(HaveOccurred())
}
