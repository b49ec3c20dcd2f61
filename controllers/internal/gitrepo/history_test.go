package gitrepo

import (
	"context"
	"crypto/rand"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	. "github.com/onsi/gomega"
	clocktesting "k8s.io/utils/clock/testing"
)

func TestHistory(t *testing.T) {
	for name, way := range ways(t) {
		t.Run(name, func(t *testing.T) {
			c, repo := way(t)
			expectContained(t, c, repo)
			expectFirst(t, c, repo)
			expectBetween(t, c, repo)
		})
	}
}

func expectContained(t *testing.T, c *chronicle, repo Repository) {
	cases := map[string]struct {
		branch, commit string
		want           bool
		wantError      error
	}{
		"the head":                     {branch: "main", commit: c.commits["renamed"], want: true},
		"the root":                     {branch: "main", commit: c.commits["first"], want: true},
		"spelled otherwise":            {branch: "main", commit: strings.ToUpper(c.commits["added"]), want: true},
		"on a branch that was merged":  {branch: "main", commit: c.commits["side"], want: true},
		"on another branch":            {branch: "main", commit: c.commits["other"]},
		"after the head":               {branch: "side", commit: c.commits["merge"]},
		"on its own branch":            {branch: "other", commit: c.commits["other"], want: true},
		"in nobody's repository":       {branch: "main", commit: nowhere},
		"a tree":                       {branch: "main", commit: c.git("rev-parse", "main^{tree}")},
		"a branch":                     {branch: "main", commit: "main", wantError: ErrUnknownRevision},
		"a short hash":                 {branch: "main", commit: c.commits["added"][:12], wantError: ErrUnknownRevision},
		"a hash of another kind":       {branch: "main", commit: strings.Repeat("0a", 32), wantError: ErrUnknownRevision},
		"a branch that does not exist": {branch: "none", commit: c.commits["added"], wantError: ErrNoBranch},
		"half of a branch's name":      {branch: "heads/main", commit: c.commits["added"], wantError: ErrNoBranch},
	}
	shared := newHistory()
	for name, tc := range cases {
		t.Run("contains "+name, func(t *testing.T) {
			for _, h := range histories(t, shared) {
				g := NewWithT(t)
				found, err := h.Contains(t.Context(), repo, tc.branch, tc.commit, time.Hour)
				g.Expect(found).To(Equal(tc.want))
				if tc.wantError == nil {
					g.Expect(err).NotTo(HaveOccurred())
					continue
				}
				g.Expect(err).To(MatchError(tc.wantError))
				g.Expect(err).To(MatchError(ContainSubstring(repo.String())))
			}
		})
	}
}

func expectFirst(t *testing.T, c *chronicle, repo Repository) {
	cases := map[string]struct {
		branch string
		paths  []string
		want   string
	}{
		"that was there from the start":    {paths: []string{"run.sh", "link.yaml"}, want: "first"},
		"that came":                        {paths: []string{"apps/a/us.yaml"}, want: "added"},
		"that went and came again":         {paths: []string{"apps/a/eu.yaml"}, want: "again"},
		"that came with a merge":           {paths: []string{"apps/b/eu.yaml", "run.sh"}, want: "merge"},
		"on the branch that was merged":    {branch: "side", paths: []string{"apps/b/eu.yaml"}, want: "side"},
		"together":                         {paths: []string{"apps/a/us.yaml", "./deep//er/file"}, want: "removed"},
		"that was renamed":                 {paths: []string{"chart/values.yaml"}, want: "renamed"},
		"that is not called so any more":   {paths: []string{"values.yaml"}},
		"that is a folder":                 {paths: []string{"apps/a"}},
		"that is a submodule":              {paths: []string{"vendor/other"}},
		"below a file":                     {paths: []string{"run.sh/x"}},
		"that never was":                   {paths: []string{"run.sh", "no/such"}},
		"that is not in the repository":    {paths: []string{"../run.sh"}},
		"none at all":                      {want: "first"},
		"asked again in a different order": {paths: []string{"link.yaml", "run.sh"}, want: "first"},
	}
	shared := newHistory()
	for name, tc := range cases {
		t.Run("first with a file "+name, func(t *testing.T) {
			if tc.branch == "" {
				tc.branch = "main"
			}
			for _, h := range histories(t, shared) {
				g := NewWithT(t)
				first, err := h.FirstWith(t.Context(), repo, tc.branch, tc.paths, time.Hour)
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(c.names(first)).To(Equal([]string{tc.want}))
			}
		})
	}
}

func TestBranchIsReplaced(t *testing.T) {
	for name, settings := range servers {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			c := told(t, settings...)
			clk := clocktesting.NewFakePassiveClock(start)
			h := NewHistory(clk)
			repo := c.branch().Repository
			contains := func(name string) bool {
				found, err := h.Contains(t.Context(), repo, "main", c.commits[name], time.Minute)
				g.Expect(err).NotTo(HaveOccurred())
				return found
			}
			g.Expect([]bool{contains("merge"), contains("other")}).To(Equal([]bool{true, false}))
			c.on("main", "instead", []string{"other"}, "instead.yaml")
			g.Expect([]bool{contains("merge"), contains("other")}).To(Equal([]bool{true, false})) // not old enough
			clk.SetTime(minutesAfter(1))
			g.Expect([]bool{contains("merge"), contains("other"), contains("instead")}).To(Equal([]bool{false, true, true}))
			first, err := h.FirstWith(t.Context(), repo, "main", []string{"instead.yaml"}, time.Minute)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(c.names(first)).To(Equal([]string{"instead"}))

			c.on("main", "once more", []string{"second"}, "-values.yaml")
			c.git("reflog", "expire", "--expire=now", "--all")
			c.git("gc", "--quiet", "--prune=now") // the head that is remembered does not exist any more
			unaware := NewHistory(clk)
			b := Branch{Repository: repo, Name: "main"}
			unaware.heads.of(b, clk.Now()).seen.Store(h.heads.of(b, clk.Now()).seen.Load())
			found, err := unaware.Contains(t.Context(), repo, "main", c.commits["once more"], time.Hour)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(found).To(BeTrue())
		})
	}
}

func TestHeadIsRemembered(t *testing.T) {
	g := NewWithT(t)
	c := told(t)
	clk := clocktesting.NewFakePassiveClock(start)
	h := NewHistory(clk)
	head := func(branch string, maxAge time.Duration) string {
		commit, err := h.Head(t.Context(), c.branch().Repository, branch, maxAge)
		g.Expect(err).NotTo(HaveOccurred())
		return c.names(commit)[0]
	}
	g.Expect(head("main", time.Minute)).To(Equal("renamed"))
	c.on("main", "next", []string{"renamed"})
	clk.SetTime(minutesAfter(1).Add(-1))
	g.Expect(head("main", time.Minute)).To(Equal("renamed"))
	g.Expect(c.looks.Load()).To(BeEquivalentTo(1))
	g.Expect(head("side", time.Minute)).To(Equal("side2"))
	clk.SetTime(minutesAfter(1))
	g.Expect(head("main", time.Minute)).To(Equal("next"))
	g.Expect(head("main", 0)).To(Equal("next"))
	g.Expect([]int32{c.looks.Load(), c.packs.Load()}).To(Equal([]int32{4, 0}))

	other := c.branch().Repository
	other.Auth.Password = "another's"
	_, err := h.Head(t.Context(), other, "main", time.Hour)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(c.looks.Load()).To(BeEquivalentTo(5)) // nothing is told to who has not shown the credentials
}

// What was found out stays, what it was found out from does not.
func TestHistoryIsRemembered(t *testing.T) {
	g := NewWithT(t)
	c := told(t, likeGitHub...)
	clk := clocktesting.NewFakePassiveClock(start)
	h := NewHistory(clk)
	repo := c.branch().Repository
	ask := func() {
		const maxAge = 24 * time.Hour
		found, err := h.Contains(t.Context(), repo, "main", c.commits["side"], maxAge)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(found).To(BeTrue())
		first, err := h.FirstWith(t.Context(), repo, "main", []string{"apps/a/eu.yaml"}, maxAge)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(c.names(first)).To(Equal([]string{"again"}))
		commits, more, err := h.Between(t.Context(), repo, c.commits["added"], c.commits["merge"], 10)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(more).To(BeFalse())
		g.Expect(commits).To(HaveLen(4))
		g.Expect(commits[0].Paths).To(Equal([]string{"apps/b/eu.yaml"}))
		commits[0].Paths[0] = "callers may change it"
	}
	ask()
	g.Expect([]int32{c.looks.Load(), c.packs.Load()}).To(Equal([]int32{4, 3})) // head; commits, folders twice
	ask()
	g.Expect(c.looks.Load()).To(BeEquivalentTo(4))

	c.on("main", "next", []string{"renamed"}, "apps/a/eu.yaml")
	clk.SetTime(start.Add(forgottenAfter - 1))
	contains := func(maxAge time.Duration, commit string) bool {
		found, err := h.Contains(t.Context(), repo, "main", c.commits[commit], maxAge)
		g.Expect(err).NotTo(HaveOccurred())
		return found
	}
	g.Expect(contains(0, "next")).To(BeTrue())
	g.Expect([]int32{c.looks.Load(), c.packs.Load()}).To(Equal([]int32{6, 4})) // head, what is new
	first, err := h.FirstWith(t.Context(), repo, "main", []string{"apps/a/eu.yaml"}, time.Hour)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(c.names(first)).To(Equal([]string{"again"}))
	g.Expect(c.packs.Load()).To(BeEquivalentTo(5))

	g.Expect(h.pasts.known).To(HaveLen(1))
	clk.SetTime(start.Add(3 * forgottenAfter))
	_, err = h.Contains(t.Context(), Repository{URL: "file://" + c.dir}, "main", nowhere, 0)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(h.pasts.known).To(HaveLen(1))
	packs := c.packs.Load()
	ask()
	g.Expect(c.packs.Load()).To(Equal(packs + 1)) // that was not asked of the new head
	h.kept = 1
	_, err = h.Contains(t.Context(), repo, "main", c.commits["first"], time.Hour)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(h.pasts.known).To(BeEmpty())
}

func TestHistoryFetchesNoMoreThanItNeeds(t *testing.T) {
	g := NewWithT(t)
	c := told(t, likeGitHub...)
	content := make([]byte, 1<<20)
	_, _ = rand.Read(content) // it never fails
	c.commit("large", string(content))
	h := newHistory()
	h.limits.packBytes = 100_000
	for name, ask := range asks(c.branch().Repository, "main") {
		if err := ask(t.Context(), h); name == "between" {
			g.Expect(err).To(MatchError(ErrUnknownRevision))
			g.Expect(strings.Count(err.Error(), nowhere)).To(BeNumerically(">=", 2))
		} else {
			g.Expect(err).NotTo(HaveOccurred())
		}
	}
	_, _, err := h.Between(t.Context(), c.branch().Repository, c.commits["first"], c.git("rev-parse", "main"), 100)
	g.Expect(err).NotTo(HaveOccurred())

	h = newHistory()
	h.limits.packBytes = 100
	_, err = h.Contains(t.Context(), c.branch().Repository, "main", nowhere, 0)
	g.Expect(err).To(MatchError(ErrUnreachable))
	g.Expect(err).To(MatchError(ContainSubstring("larger than")))
}

func TestHistoryFailures(t *testing.T) {
	cases := map[string]struct {
		prepare     func(*chronicle)
		want        error
		wantMessage string
	}{
		"wrong credentials": {
			prepare: func(c *chronicle) { c.around(broken(http.StatusUnauthorized)) }, want: ErrCredentials, wantMessage: "credentials refused",
		},
		"too few rights": {
			prepare: func(c *chronicle) { c.around(broken(http.StatusForbidden)) }, want: ErrCredentials, wantMessage: "credentials refused",
		},
		"no repository": {
			prepare: func(c *chronicle) { c.around(broken(http.StatusNotFound)) }, want: ErrNotFound, wantMessage: "do not allow to see it",
		},
		"a server that is broken": {
			prepare: func(c *chronicle) { c.around(broken(http.StatusBadGateway)) }, want: ErrUnreachable, wantMessage: "status 502",
		},
		"nobody there": {prepare: func(c *chronicle) { c.Close() }, want: ErrUnreachable, wantMessage: "connection refused"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := newChronicle(t)
			tc.prepare(c)
			repo := c.branch().Repository
			repo.Auth.Password = secret
			for question, ask := range asks(repo, "main") {
				t.Run(question, func(t *testing.T) {
					g := NewWithT(t)
					err := ask(t.Context(), newHistory())
					g.Expect(err).To(MatchError(tc.want))
					g.Expect(err).To(MatchError(ContainSubstring(tc.wantMessage)))
					g.Expect(err).To(MatchError(ContainSubstring(repo.String())))
					g.Expect(ask(t.Context(), newHistory())).To(MatchError(err.Error()))
					expectNoSecret(t, err.Error())
				})
			}
		})
	}
}

func TestHistoryOfNothing(t *testing.T) {
	o := newOrigin(t)
	for name, repo := range map[string]Repository{
		"in place":    {URL: "file://" + o.bare()},
		"from git":    serve(t, original(t, o)).repository(),
		"from no URL": {URL: "file://" + t.TempDir()},
	} {
		for question, ask := range asks(repo, "main") {
			t.Run(name+", "+question, func(t *testing.T) {
				want := ErrNoBranch
				switch {
				case name == "from no URL":
					want = ErrNotFound
				case question == "between":
					want = ErrUnknownRevision
				}
				NewWithT(t).Expect(ask(t.Context(), newHistory())).To(MatchError(want))
			})
		}
	}
}

func TestOutageTakesNothingBack(t *testing.T) {
	g := NewWithT(t)
	c := told(t)
	h := newHistory()
	contains := func(commit string) (bool, error) {
		return h.Contains(t.Context(), c.branch().Repository, "main", commit, 0)
	}
	g.Expect(contains(c.commits["merge"])).To(BeTrue())
	g.Expect(contains(nowhere)).To(BeFalse())
	c.around(broken(http.StatusBadGateway))
	g.Expect(contains(c.commits["merge"])).To(BeTrue())
	for _, commit := range []string{nowhere, c.commits["side"]} {
		_, err := contains(commit)
		g.Expect(err).To(MatchError(ErrUnreachable))
	}
	c.around(broken(http.StatusUnauthorized))
	_, err := contains(c.commits["merge"])
	g.Expect(err).To(MatchError(ErrCredentials))
	c.around(nil)
	c.on("main", "instead", []string{"other"})
	g.Expect(contains(c.commits["merge"])).To(BeFalse())
	c.around(broken(http.StatusBadGateway))
	_, err = contains(c.commits["merge"])
	g.Expect(err).To(MatchError(ErrUnreachable))
}

func TestOutageLeavesABranchAsItWasSeen(t *testing.T) {
	g := NewWithT(t)
	c := told(t)
	h := newHistory()
	ask := func(maxAge time.Duration) (head, first string, err error) {
		head, err = h.Head(t.Context(), c.branch().Repository, "main", maxAge)
		if err != nil {
			return "", "", err
		}
		first, err = h.FirstWith(t.Context(), c.branch().Repository, "main", []string{"apps/a/eu.yaml"}, maxAge)
		return head, first, err
	}
	head, first, err := ask(0)
	g.Expect(err).NotTo(HaveOccurred())
	c.around(broken(http.StatusBadGateway))
	_, _, err = ask(0)
	g.Expect(err).To(MatchError(ErrUnreachable))
	then, firstThen, err := ask(math.MaxInt64)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect([]string{then, firstThen}).To(Equal([]string{head, first}))
}

// A mirror need not have everything.
func TestServerWithAPartOfTheHistory(t *testing.T) {
	g := NewWithT(t)
	c := told(t)
	repo := c.shallow() // renamed, again, merge
	h := newHistory()
	contains := func(commit string) (bool, error) {
		return h.Contains(t.Context(), repo, "main", c.commits[commit], time.Hour)
	}
	g.Expect(contains("merge")).To(BeTrue())
	_, err := contains("first")
	g.Expect(err).To(MatchError(ErrUnreachable))
	g.Expect(err).To(MatchError(ContainSubstring("only a part")))

	first, err := h.FirstWith(t.Context(), repo, "main", []string{"apps/a/eu.yaml"}, time.Hour)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(c.names(first)).To(Equal([]string{"again"}))
	first, err = h.FirstWith(t.Context(), repo, "main", []string{"run.sh"}, time.Hour)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(c.names(first)).To(Equal([]string{"merge"})) // the oldest there is

	commits, more, err := h.Between(t.Context(), repo, c.commits["merge"], c.commits["renamed"], 10)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(more).To(BeFalse())
	g.Expect(commits).To(HaveLen(2))
	_, _, err = h.Between(t.Context(), repo, c.commits["first"], c.commits["renamed"], 10)
	g.Expect(err).To(MatchError(ErrUnknownRevision))

	commits, more, err = h.Between(t.Context(), c.shallow("--no-single-branch"), c.commits["other"], c.commits["merge"], 10)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(more).To(BeTrue()) // what was before it
	g.Expect(commits).To(HaveLen(1))
	g.Expect(commits[0].Merge).To(BeTrue())
	g.Expect(commits[0].Paths).To(BeEmpty()) // nobody knows
}

func TestHistoryIsAskedByMany(t *testing.T) {
	g := NewWithT(t)
	c := told(t, likeGitHub...)
	h := newHistory()
	repo := c.branch().Repository
	arrived, hold := make(chan struct{}, 100), make(chan struct{})
	c.around(func(git http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			arrived <- struct{}{}
			<-hold
			git.ServeHTTP(w, r)
		})
	})
	impatient, giveUp := context.WithCancel(t.Context())
	gaveUp := make(chan error, 1)
	go func() { gaveUp <- asks(repo, "main")["contains"](impatient, h) }()
	<-arrived
	giveUp()
	g.Expect(<-gaveUp).To(MatchError(context.Canceled))
	close(hold)
	var asking sync.WaitGroup
	for range 5 {
		asking.Go(func() {
			found, err := h.Contains(t.Context(), repo, "main", c.commits["side"], time.Hour)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(found).To(BeTrue())
		})
		asking.Go(func() {
			first, err := h.FirstWith(t.Context(), repo, "main", []string{"apps/a/eu.yaml"}, time.Hour)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(first).To(Equal(c.commits["again"]))
		})
		asking.Go(func() {
			commits, _, err := h.Between(t.Context(), repo, c.commits["merge"], c.commits["renamed"], 5)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(commits).To(HaveLen(2))
		})
	}
	asking.Wait()
	g.Expect(c.looks.Load()).To(BeNumerically("<=", 7)) // each question is asked once, nobody's twice
}

func TestLongHistory(t *testing.T) {
	c := newChronicle(t, likeGitHub...)
	blink := func(i int) string { // there for a while, then not, then from 1500 on
		switch i {
		case 300, 1500:
			return "M 100644 inline apps/a/eu.yaml\ndata 1\nx"
		case 1000:
			return "D apps/a/eu.yaml"
		case 10:
			return "M 100644 inline apps/a/old.yaml\ndata 1\nx"
		default:
			return fmt.Sprintf("M 100644 inline apps/%d/%d.yaml\ndata 4\n%d", i%10, i%100, 1000+i%9000)
		}
	}
	c.many(2000, blink)
	line := strings.Fields(c.git("rev-list", "--first-parent", "--reverse", "main"))[2:]
	for name, tc := range map[string]struct {
		settings  []string
		wantPacks int
	}{
		"git as GitHub has it": {settings: likeGitHub, wantPacks: 20},
		"git as it is":         {wantPacks: 6}, // twice all history
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s := serve(t, byGit(t, c.dir, tc.settings...))
			h := newHistory()
			repo := s.repository()
			first := func(path string) string {
				commit, err := h.FirstWith(t.Context(), repo, "main", []string{path}, time.Hour)
				g.Expect(err).NotTo(HaveOccurred())
				return commit
			}
			g.Expect(first("apps/a/eu.yaml")).To(Equal(line[1500]))
			g.Expect(first("apps/a/old.yaml")).To(Equal(line[10]))
			g.Expect(s.packs.Load()).To(BeNumerically("<=", tc.wantPacks))
			g.Expect(h.Contains(t.Context(), repo, "main", line[0], time.Hour)).To(BeTrue())
			g.Expect(h.Contains(t.Context(), repo, "main", nowhere, time.Hour)).To(BeFalse())
			commits, more, err := h.Between(t.Context(), repo, line[100], line[1900], 250)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(more).To(BeTrue())
			g.Expect(commits).To(HaveLen(250))
			want := slices.Clone(line[1651:1901])
			slices.Reverse(want)
			for i, commit := range commits {
				g.Expect(commit.Hash).To(Equal(want[i]))
				g.Expect(commit.Paths).To(HaveLen(1))
			}
			c.commit("next", "x")
			h.limits.packBytes = 20_000 // what is known already is not sent again
			g.Expect(h.Contains(t.Context(), repo, "main", c.git("rev-parse", "main"), 0)).To(BeTrue())
			g.Expect(h.Contains(t.Context(), repo, "main", line[0], 0)).To(BeTrue())
			unaware := newHistory()
			unaware.limits.packBytes = h.limits.packBytes
			_, err = unaware.Contains(t.Context(), repo, "main", line[0], 0)
			g.Expect(err).To(MatchError(ContainSubstring("larger than")))
		})
	}
}

func TestAncestryNeedsNoFolders(t *testing.T) {
	g := NewWithT(t)
	c := newChronicle(t, likeGitHub...)
	c.many(1, func(int) string {
		files := &strings.Builder{}
		for i := range 2000 {
			fmt.Fprintf(files, "M 100644 inline many/%d\ndata 4\n%04d\n", i, i)
		}
		return files.String()
	})
	h := newHistory()
	h.limits.packBytes = 10_000
	g.Expect(h.Contains(t.Context(), c.branch().Repository, "main", c.commits["first"], 0)).To(BeTrue())
	_, err := h.FirstWith(t.Context(), c.branch().Repository, "main", []string{"many/1"}, time.Hour)
	g.Expect(err).To(MatchError(ErrUnreachable))
	g.Expect(err).To(MatchError(ContainSubstring("larger than")))
}

func TestPastsForget(t *testing.T) {
	g := NewWithT(t)
	ps := &pasts{}
	key := func(i int) [32]byte { return [32]byte{byte(i)} }
	visited := func(i, commits, minutes, limit int) *past {
		p := ps.of(key(i), minutesAfter(minutes))
		p.turn <- struct{}{}
		for n := range commits {
			p.commits[plumbing.Hash{byte(n)}] = ancestry{}
		}
		ps.done(p, minutesAfter(minutes), limit)
		return p
	}
	first := visited(1, 5, 0, 10)
	visited(2, 5, 1, 10)
	g.Expect(visited(1, 0, 2, 10)).To(BeIdenticalTo(first)) // now the second is older
	visited(3, 1, 3, 10)
	g.Expect(ps.known).To(And(HaveLen(2), HaveKey(key(1)), HaveKey(key(3))))
	busy := ps.of(key(1), minutesAfter(4))
	busy.turn <- struct{}{}
	visited(4, 1, 200, 10)
	g.Expect(ps.known).To(And(HaveLen(2), HaveKey(key(1)), HaveKey(key(4)))) // whose turn is not over
	visited(5, 11, 201, 10)
	g.Expect(ps.known).To(BeEmpty())
	g.Expect(visited(1, 1, 202, 10)).NotTo(BeIdenticalTo(first))
}
