package changelog

import (
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/gitrepo"
)

var update = flag.Bool("update", false, "write the golden files anew")

var (
	from = strings.Repeat("a", 40)
	to   = strings.Repeat("b", 40)
	apps = []Application{
		{Name: "worker", Paths: []string{"apps/worker", "lib/queue/"}},
		{Name: "api", Paths: []string{"./apps/api", "lib/queue", "config/api.yaml"}},
		{Name: "web", Paths: []string{"apps/web"}},
	}
)

// commit makes one whose hash and date follow from its number.
func commit(n int, subject string, paths ...string) gitrepo.Commit {
	return gitrepo.Commit{
		Hash: fmt.Sprintf("%07d%033d", n, 0), Subject: subject, Author: "Ada Łovelace", Paths: paths,
		When: time.Date(2026, time.November, 20, 23, 30, 0, 0, time.FixedZone("", 2*60*60)).Add(time.Duration(n) * time.Hour),
	}
}

func numbered(n int, subject string, paths ...string) []gitrepo.Commit {
	var all []gitrepo.Commit
	for i := range n {
		all = append(all, commit(n-i, fmt.Sprintf(subject, n-i), paths...))
	}
	return all
}

// Whole changelogs, as a person reads them who has to approve: read the difference.
func TestWholeChangelogs(t *testing.T) {
	merge := commit(4, "Merge pull request #41 from ada/fix/retries", "apps/worker/run.go")
	merge.Merge = true
	some := []gitrepo.Commit{
		commit(5, "Bound the queue (#42)", "lib/queue/queue.go", "docs/queue.md"),
		merge,
		commit(3, "Retry twice", "apps/worker/run.go"),
		commit(2, "Explain the queue", "docs/queue.md"),
		commit(1, "Merged in ada/limits (pull request #40)", "config/api.yaml"),
	}
	cases := map[string]struct {
		added, removed []gitrepo.Commit
		more           bool
	}{
		"forward":  {added: some},
		"back":     {removed: some},
		"diverged": {added: some[:2], removed: some[3:]},
		"same":     {},
		"shared": {added: []gitrepo.Commit{
			commit(3, "Second half (#7)", "apps/web/page.ts"),
			commit(2, "First half (#7)", "apps/api/main.go"),
			commit(1, "All of it (#8)", "apps/api/main.go", "apps/web/page.ts", "apps/worker/run.go"),
		}},
		"more": {added: some[:1], more: true},
		"escaped": {added: []gitrepo.Commit{
			commit(6, "# Approve **this** `now` (#3)", "apps/web/a"),
			commit(5, "<img src=x onerror=alert(1)> [safe](https://example.com) &lt; ~~no~~ $x$ a|b", "apps/web/a"),
			commit(4, "first\n## api\r\nNothing to see\u2028here\x1b[31m", "apps/web/a"),
			commit(3, "abc\u202edef\u200b \xff\\", "apps/web/a"),
			commit(2, "1. - > "+strings.Repeat("lorem ipsum ", 20), "apps/web/a"),
			commit(1, "", "apps/web/a"),
			{Hash: from, Subject: "(#9)", Author: "_*Eve*_\n\n# Heading <b> " + strings.Repeat("e", 80), Paths: []string{"apps/web/a"}},
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			got := Logs{Build(from, to, tc.added, tc.removed, tc.more, apps)}.Text()
			file := "testdata/" + name + ".md"
			if *update {
				g.Expect(os.WriteFile(file, []byte(got), 0o600)).To(Succeed())
			}
			want, err := os.ReadFile(file)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(got).To(Equal(string(want)), "if this is meant: go test ./controllers/internal/changelog -update")
		})
	}
}

// The golden file has the beginning and the end of a text that is too long for one.
func TestALongChangelogSaysWhatItLeavesOut(t *testing.T) {
	g := NewWithT(t)
	title := "Change %d " + strings.Repeat("words ", 15)
	got := Logs{Build(from, to, slices.Concat(
		numbered(4000, title+"(#1)", "apps/api/a"), numbered(2000, title, "apps/worker/a"), numbered(7, title, "README.md"),
	), nil, true, apps)}.Text()
	g.Expect(len(got)).To(And(BeNumerically("<=", maxText), BeNumerically(">", maxText-2*roomForRest)))

	lines := strings.Split(got, "\n")
	ends := strings.Join(slices.Concat(lines[:12], []string{"[...]"}, lines[len(lines)-5:]), "\n")
	if *update {
		g.Expect(os.WriteFile("testdata/truncated.md", []byte(ends), 0o600)).To(Succeed())
	}
	want, err := os.ReadFile("testdata/truncated.md")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(ends).To(Equal(string(want)))

	var left, ofWorker, ofOther int
	_, err = fmt.Sscanf(lines[len(lines)-2], "**Left out, because there is no room for more commits: %d of api, %d of worker, %d of other", &left, &ofWorker, &ofOther)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(strings.Count(got, "\n- ") + left + ofWorker + ofOther).To(Equal(6007))
}

func TestAVeryLongChangelogStaysWithinItsBounds(t *testing.T) {
	g := NewWithT(t)
	var many []Application
	for i := range 256 {
		many = append(many, Application{Name: fmt.Sprintf("application-with-a-very-long-name-%03d", i)})
	}
	got := Logs{Build(from, to, numbered(300, "Change %d (#1)"), nil, false, many)}.Text()
	g.Expect(len(got)).To(BeNumerically("<=", maxText))
	g.Expect(got).To(MatchRegexp(`(?m)^\*\*Left out, .*, and all of [0-9]+ more sections\.\*\*\n\z`))
}

func TestPullRequestsInSubjects(t *testing.T) {
	cases := map[string]struct {
		number int32
		title  string
	}{
		"Bound the queue (#42)":                               {42, "Bound the queue"},
		"Bound the queue(#42)  ":                              {42, "Bound the queue"},
		`Revert "Bound the queue (#42)" (#43)`:                {43, `Revert "Bound the queue (#42)"`},
		`Revert "Bound the queue (#42)"`:                      {0, `Revert "Bound the queue (#42)"`},
		"Fix what (#42) broke":                                {0, "Fix what (#42) broke"},
		"Merge pull request #12 from ada/fix/retries":         {12, "fix/retries"},
		"Merge pull request #12 from retries":                 {12, "retries"},
		"Merge pull request #12 from ada/retries into main":   {0, "Merge pull request #12 from ada/retries into main"},
		"Merged in ada/retries (pull request #12)":            {12, "ada/retries"},
		"Merge branch 'main' into retries":                    {0, "Merge branch 'main' into retries"},
		"See merge request group/project!12":                  {0, "See merge request group/project!12"},
		"None (#0)":                                           {0, "None (#0)"},
		"Most (#2147483647)":                                  {math.MaxInt32, "Most"},
		"Too many (#2147483648)":                              {0, "Too many (#2147483648)"},
		"Far too many (#99999999999999999999999999999999999)": {0, "Far too many (#99999999999999999999999999999999999)"},
		"(#5)":                            {5, ""},
		"":                                {0, ""},
		strings.Repeat("ü", 121) + "(#1)": {1, strings.Repeat("ü", 119) + "…"},
		strings.Repeat("ü", 120) + "(#1)": {1, strings.Repeat("ü", 120)},
	}
	for subject, want := range cases {
		t.Run(subject, func(t *testing.T) {
			number, title := pullRequest(subject)
			NewWithT(t).Expect(number).To(Equal(want.number))
			NewWithT(t).Expect(title).To(Equal(want.title))
		})
	}
}

func TestWhoseACommitIs(t *testing.T) {
	cases := map[string]struct {
		paths []string
		file  string
		want  bool
	}{
		"in a folder":                       {[]string{"apps/api"}, "apps/api/main.go", true},
		"deep in a folder":                  {[]string{"apps"}, "apps/api/cmd/main.go", true},
		"the file itself":                   {[]string{"apps/api.yaml"}, "apps/api.yaml", true},
		"in a folder whose name is longer":  {[]string{"apps/api"}, "apps/api-docs/index.md", false},
		"in a folder of the same last name": {[]string{"api"}, "apps/api/main.go", false},
		"a folder above":                    {[]string{"apps/api/main.go"}, "apps/api", false},
		"the second of two":                 {[]string{"apps/api", "lib"}, "lib/x", true},
		"written with a dot and a slash":    {[]string{"./apps/api/"}, "apps/api/main.go", true},
		"written with a slash":              {[]string{"/apps"}, "apps/api/main.go", true},
		"the whole repository":              {[]string{"."}, "README.md", true},
		"the whole repository, as a slash":  {[]string{"/"}, "README.md", true},
		"of an application without paths":   {nil, "README.md", true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			l := Build(from, to, []gitrepo.Commit{commit(1, "x (#1)", tc.file)}, nil, false, []Application{{Name: "a", Paths: tc.paths}})
			NewWithT(t).Expect(slices.Contains(Logs{l}.Short("").PullRequests[0].Applications, "a")).To(Equal(tc.want))
		})
	}
}

func TestTheShortForm(t *testing.T) {
	one, two := commit(1, "One (#1)", "apps/api/a"), commit(2, "Two (#2)", "apps/web/a", "apps/api/a")
	direct := commit(3, "Three", "apps/api/a")
	cases := map[string]struct {
		added, removed []gitrepo.Commit
		want           v1alpha1.Changelog
	}{
		"nothing": {want: v1alpha1.Changelog{Direction: v1alpha1.ChangelogSame}},
		"forward": {
			added: []gitrepo.Commit{direct, two, one},
			want: v1alpha1.Changelog{Direction: v1alpha1.ChangelogForward, Commits: 3, PullRequests: []v1alpha1.PullRequest{
				{Number: 2, Title: "Two", Applications: []string{"api", "web"}}, {Number: 1, Title: "One", Applications: []string{"api"}},
			}},
		},
		"back": {
			removed: []gitrepo.Commit{one},
			want: v1alpha1.Changelog{Direction: v1alpha1.ChangelogBack, Commits: 1, PullRequests: []v1alpha1.PullRequest{
				{Number: 1, Title: "One", Applications: []string{"api"}, Removed: true},
			}},
		},
		"diverged": {
			added: []gitrepo.Commit{one, direct}, removed: []gitrepo.Commit{one, two},
			want: v1alpha1.Changelog{Direction: v1alpha1.ChangelogDiverged, Commits: 4, PullRequests: []v1alpha1.PullRequest{
				{Number: 1, Title: "One", Applications: []string{"api"}, Removed: true},
				{Number: 2, Title: "Two", Applications: []string{"api", "web"}, Removed: true},
				{Number: 1, Title: "One", Applications: []string{"api"}},
			}},
		},
		"a pull request of several commits": {
			added: []gitrepo.Commit{commit(2, "Last (#7)", "apps/worker/a"), commit(1, "First (#7)", "README.md", "apps/api/a")},
			want: v1alpha1.Changelog{Direction: v1alpha1.ChangelogForward, Commits: 2, PullRequests: []v1alpha1.PullRequest{
				{Number: 7, Title: "Last", Applications: []string{"api", "worker"}},
			}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tc.want.From, tc.want.To = v1alpha1.GitRevision(from), v1alpha1.GitRevision(to)
			l := Build(from, to, tc.added, tc.removed, false, apps)
			NewWithT(t).Expect(Logs{l}.Short("")).To(Equal(&tc.want))
			tc.want.ConfigMapRef = &v1alpha1.LocalReference{Name: "production-changelog"}
			NewWithT(t).Expect(Logs{l}.Short("production-changelog")).To(Equal(&tc.want))
		})
	}
}

func TestTheShortFormKeepsRoomForWhatComes(t *testing.T) {
	cases := map[string]struct{ removed, added, wantRemoved, wantAdded int }{
		"much of both":   {30, 30, 10, 10},
		"much that goes": {30, 3, 17, 3},
		"much that comes": {
			3, 30, 3, 17,
		},
		"a rollback": {30, 0, 20, 0},
		"forward":    {0, 30, 0, 20},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			short := Logs{Build(from, to, numbered(tc.added, "x (#%d)"), numbered(tc.removed, "x (#%d)"), false, nil)}.Short("")
			isRemoved := func(pr v1alpha1.PullRequest) bool { return pr.Removed }
			g := NewWithT(t)
			g.Expect(short.Commits).To(BeEquivalentTo(tc.added + tc.removed))
			g.Expect(short.PullRequests).To(HaveLen(tc.wantRemoved + tc.wantAdded))
			g.Expect(slices.ContainsFunc(short.PullRequests[tc.wantRemoved:], isRemoved)).To(BeFalse())
			g.Expect(slices.IndexFunc(short.PullRequests, func(pr v1alpha1.PullRequest) bool { return !pr.Removed })).
				To(Equal(map[bool]int{true: tc.wantRemoved, false: -1}[tc.wantAdded > 0]))
		})
	}
}

// someText has more of what Markdown knows than people write.
var someText = rapid.OneOf(rapid.String(), rapid.StringMatching("[-#*_`<>\\[\\]()\\\\&~|$!+:/0-9.\n\r\t a-c]{0,40}"))

func TestAnythingKeepsTheBoundsOfTheAPIAndTheLinesOfTheText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		some := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) gitrepo.Commit {
			c := commit(rapid.IntRange(0, 99).Draw(t, "n"), someText.Draw(t, "subject"), rapid.SliceOf(rapid.SampledFrom(
				[]string{"apps/api/a", "apps/web/a", "lib/queue", "README.md"})).Draw(t, "paths")...)
			if rapid.Bool().Draw(t, "named") {
				c.Subject += fmt.Sprintf(" (#%d)", rapid.IntRange(0, 30).Draw(t, "pr"))
			}
			c.Author = someText.Draw(t, "author")
			return c
		}), 0, 40)
		g := NewWithT(t)
		added, removed := some.Draw(t, "added"), some.Draw(t, "removed")
		reversed := slices.Clone(apps)
		slices.Reverse(reversed)
		l := Build(from, to, added, removed, false, apps)
		g.Expect(Build(from, to, added, removed, false, reversed)).To(Equal(l), "the order of the applications says nothing")

		short := Logs{l}.Short("")
		g.Expect(len(short.PullRequests)).To(BeNumerically("<=", 20))
		for _, pr := range short.PullRequests {
			g.Expect(pr.Number).To(BeNumerically(">", 0))
			g.Expect(utf8.ValidString(pr.Title)).To(BeTrue())
			g.Expect(utf8.RuneCountInString(pr.Title)).To(BeNumerically("<=", 120))
			g.Expect(len(pr.Applications)).To(BeNumerically("<=", 8))
		}
		text := Logs{l}.Text()
		g.Expect(utf8.ValidString(text)).To(BeTrue())
		listed := map[bool]int{}
		removing := false
		for line := range strings.SplitSeq(text, "\n") {
			switch {
			case strings.HasPrefix(line, "### Will be REMOVED"):
				removing = true
			case strings.HasPrefix(line, "### Will be added"):
				removing = false
			case strings.HasPrefix(line, "- "):
				g.Expect(line).To(MatchRegexp("^- (\\*\\*#[1-9][0-9]*\\*\\* .+ \\(`[0-9]{7}`, .*\\)|`[0-9]{7}` .+ \\(.*\\))(, \\*\\*shared with [a-z, ]+\\*\\*)?$"))
				listed[removing]++
			default:
				g.Expect(line).To(MatchRegexp(`^(# From .*|## (api|web|worker|other \(of no application\))|No commit listed here touches [a-z, ]+\.|\*\*.*)?$`))
			}
		}
		g.Expect(listed[true]).To(BeNumerically(">=", len(removed)))
		g.Expect(listed[false]).To(BeNumerically(">=", len(added)))
	})
}

func TestEscapedTextHasNoMarkdown(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := plain(someText.Draw(t, "text"))
		got := escaped(text)
		var back strings.Builder
		for i := 0; i < len(got); i++ {
			if got[i] == '\\' {
				i++
			} else if strings.IndexByte("`*_[]<>&~|$", got[i]) >= 0 {
				t.Fatalf("%q is %q, in which %q means something", text, got, got[i])
			}
			back.WriteByte(got[i])
		}
		if back.String() != text {
			t.Fatalf("%q reads as %q", text, back.String())
		}
	})
}
