package gitrepo

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

// expectBetween compares with git itself.
func expectBetween(t *testing.T, c *chronicle, repo Repository) {
	cases := map[string]struct {
		from, to string
		limit    int
		want     []string
		wantMore bool
	}{
		"one commit":              {from: "again", to: "renamed", limit: 10, want: []string{"renamed"}},
		"none":                    {from: "merge", to: "merge", limit: 10, want: []string{}},
		"a line":                  {from: "second", to: "removed", limit: 10, want: []string{"removed", "added"}},
		"a merge and what it had": {from: "removed", to: "merge", limit: 10, want: []string{"merge", "side2", "side"}},
		"everything": {
			from: "first", to: "renamed", limit: 100,
			want: []string{"renamed", "again", "merge", "side2", "removed", "side", "added", "second"},
		},
		"backwards":               {from: "renamed", to: "first", limit: 10, want: []string{}},
		"to another branch":       {from: "renamed", to: "other", limit: 10, want: []string{"other"}},
		"from another branch":     {from: "other", to: "added", limit: 10, want: []string{"added"}},
		"as many as are wanted":   {from: "first", to: "merge", limit: 6, want: []string{"merge", "side2", "removed", "side", "added", "second"}},
		"fewer than there are":    {from: "first", to: "renamed", limit: 4, want: []string{"renamed", "again", "merge", "side2"}, wantMore: true},
		"none of those there are": {from: "first", to: "renamed", limit: 0, want: []string{}, wantMore: true},
		"fewer than none":         {from: "first", to: "renamed", limit: -1, want: []string{}, wantMore: true},
	}
	shared := newHistory()
	for name, tc := range cases {
		t.Run("between: "+name, func(t *testing.T) {
			for _, h := range histories(t, shared) {
				g := NewWithT(t)
				commits, more, err := h.Between(t.Context(), repo, c.commits[tc.from], strings.ToUpper(c.commits[tc.to]), tc.limit)
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(more).To(Equal(tc.wantMore))
				hashes := []string{}
				for _, commit := range commits {
					hashes = append(hashes, commit.Hash)
					c.expectDescribed(commit)
				}
				g.Expect(c.names(hashes...)).To(Equal(tc.want))
				log := strings.Fields(c.git("rev-list", "--date-order", c.commits[tc.from]+".."+c.commits[tc.to]))
				g.Expect(hashes).To(Equal(append([]string{}, log[:len(hashes)]...)))
			}
		})
	}
	for name, tc := range map[string]struct{ from, to string }{
		"from nowhere":      {from: nowhere, to: c.commits["added"]},
		"to nowhere":        {from: c.commits["added"], to: nowhere},
		"from a branch":     {from: "main", to: c.commits["added"]},
		"to a short hash":   {from: c.commits["first"], to: c.commits["added"][:39]},
		"from no commit":    {to: c.commits["added"]},
		"to a file's hash":  {from: c.commits["added"], to: c.git("rev-parse", "main:run.sh")},
		"from a tree's one": {from: c.git("rev-parse", "main^{tree}"), to: c.commits["added"]},
	} {
		t.Run("between: "+name, func(t *testing.T) {
			_, _, err := shared.Between(t.Context(), repo, tc.from, tc.to, 10)
			NewWithT(t).Expect(err).To(MatchError(ErrUnknownRevision))
		})
	}
}

func (c *chronicle) expectDescribed(commit Commit) {
	c.t.Helper()
	if _, known := c.described[commit.Hash]; !known {
		c.described[commit.Hash] = c.describe(commit.Hash)
	}
	if commit.Paths == nil {
		commit.Paths = []string{}
	}
	NewWithT(c.t).Expect(commit).To(Equal(c.described[commit.Hash]))
}

// describe asks git itself.
func (c *chronicle) describe(hash string) Commit {
	c.t.Helper()
	fields := strings.Split(c.git("log", "-1", "--format=%H%n%s%n%an%n%at%n%p", hash), "\n")
	seconds, err := strconv.ParseInt(fields[3], 10, 64)
	NewWithT(c.t).Expect(err).NotTo(HaveOccurred())
	paths := strings.Fields(c.git("diff-tree", "-r", "--name-only", "--no-renames", hash+"^1", hash))
	slices.Sort(paths)
	return Commit{
		Hash: fields[0], Subject: fields[1], Author: fields[2], When: time.Unix(seconds, 0).UTC(),
		Merge: strings.Contains(fields[4], " "), Paths: append([]string{}, paths...),
	}
}

func TestWhatACommitChanged(t *testing.T) {
	c := newChronicle(t, likeGitHub...)
	imports := func(message string, changes ...string) string {
		stream := fmt.Sprintf("commit refs/heads/main\ncommitter other <c@example.com> 60 +0000\ndata %d\n%s\nfrom refs/heads/main^0\n%s\n",
			len(message), message, strings.Join(changes, "\n"))
		c.runWith(stream, "-C", c.dir, "fast-import", "--quiet")
		return c.git("rev-parse", "main")
	}
	cases := []struct {
		name    string
		changes []string
		want    []string
	}{
		{name: "nothing"},
		{name: "a mode", changes: []string{"M 100755 inline values.yaml\ndata 15\nseeds: a # why\n"}, want: []string{"values.yaml"}},
		{name: "a file into a folder", changes: []string{"M 100644 inline values.yaml/x/y\ndata 0\n"}, want: []string{"values.yaml", "values.yaml/x/y"}},
		{name: "and back", changes: []string{"D values.yaml", "M 100644 inline values.yaml\ndata 0\n"}, want: []string{"values.yaml", "values.yaml/x/y"}},
		{name: "a folder's name", changes: []string{"R helm charts"}, want: []string{
			"charts/api-x/y", "charts/api.yaml", "charts/api/eu.yaml", "helm/api-x/y", "helm/api.yaml", "helm/api/eu.yaml",
		}},
		{name: "a submodule", changes: []string{"M 160000 " + strings.Repeat("1", 40) + " vendor/other"}, want: []string{"vendor/other"}},
		{name: "a link", changes: []string{"M 120000 inline link.yaml\ndata 1\nx"}, want: []string{"link.yaml"}},
	}
	for _, tc := range cases { // one after the other
		before := c.git("rev-parse", "main")
		after := imports(tc.name, tc.changes...)
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			commits, _, err := newHistory().Between(t.Context(), c.branch().Repository, before, after, 1)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(commits).To(HaveLen(1))
			g.Expect(commits[0].Paths).To(Equal(tc.want))
			c.expectDescribed(commits[0])
		})
	}
}

func TestTooManyFilesToKeep(t *testing.T) {
	g := NewWithT(t)
	c := told(t, likeGitHub...)
	h := newHistory()
	between := func(entries int) ([]int, bool) {
		h = newHistory()
		h.limits.keptEntries = entries
		commits, more, err := h.Between(t.Context(), c.branch().Repository, c.commits["first"], c.commits["added"], 10)
		g.Expect(err).NotTo(HaveOccurred())
		var paths []int
		for _, commit := range commits {
			paths = append(paths, len(commit.Paths))
		}
		return paths, more
	}
	paths, more := between(1000)
	g.Expect(paths).To(Equal([]int{2, 0}))
	g.Expect(more).To(BeFalse())
	paths, more = between(17) // entries of the two roots and two folders
	g.Expect(paths).To(Equal([]int{2, 0}))
	g.Expect(more).To(BeFalse())
	paths, more = between(1)
	g.Expect(paths).To(Equal([]int{0}))
	g.Expect(more).To(BeTrue())
}

func TestRootCommit(t *testing.T) {
	g := NewWithT(t)
	c := told(t, likeGitHub...)
	c.on("apart", "apart", nil, "b", "a/c")
	commits, more, err := newHistory().Between(t.Context(), c.branch().Repository, c.commits["merge"], c.commits["apart"], 10)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(more).To(BeFalse())
	g.Expect(commits).To(HaveLen(1))
	g.Expect(commits[0].Paths).To(Equal([]string{"a/c", "b"}))
}

func TestSubject(t *testing.T) {
	for message, want := range map[string]string{
		"":                                   "",
		"Fix (#12)":                          "Fix (#12)",
		"\n\nFix\n":                          "Fix",
		"Fix\nmore\n\nbody":                  "Fix more",
		"Fix\r\n\r\nbody":                    "Fix",
		"Fix\n \t\nbody":                     "Fix",
		"a \xff b":                           "a \uFFFD b",
		strings.Repeat("x", 2*keptSubject):   strings.Repeat("x", keptSubject),
		strings.Repeat("ä", keptSubject)[1:]: "\uFFFD" + strings.Repeat("ä", keptSubject/2-1) + "\uFFFD",
	} {
		t.Run(message[:min(len(message), 20)], func(t *testing.T) {
			NewWithT(t).Expect(subjectOf(message)).To(Equal(want))
		})
	}
}
