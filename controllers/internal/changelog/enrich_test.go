package changelog

import (
	"os"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/github"
	"github.com/portolan-dev/portolan/controllers/internal/gitrepo"
)

func TestAWholeChangelogWithWhatGitHubKnows(t *testing.T) {
	g := NewWithT(t)
	added := []gitrepo.Commit{
		commit(7, "A number that another has (#42)", "apps/worker/run.go"),
		commit(6, "Merge pull request #43 from eve/quiet", "apps/web/a"),
		commit(5, "Bound the queue (#42)", "lib/queue/queue.go"),
		commit(4, "Merge pull request #41 from ada/fix/retries", "apps/worker/run.go"),
		commit(3, "Of an account that is gone (#40)", "apps/worker/run.go"),
		commit(2, "Without a title (#39)", "apps/worker/run.go"),
		commit(1, "Not a pull request", "apps/worker/run.go"),
	}
	l := Build(from, to, added, nil, false, apps)
	Logs{l}.Enrich(map[int32]github.PullRequest{
		0:  {Title: "wrong", Author: "wrong", Commit: added[6].Hash},
		39: {Title: " \n", Author: "ada", Commit: added[5].Hash},
		40: {Title: "Of nobody", Labels: []string{" ", "good first issue"}, Commit: added[4].Hash},
		41: {Title: "Retry twice, not forever", Author: "ada-l", Labels: []string{"bug", "queue"}, Commit: added[3].Hash},
		42: {Title: "Bound the queue, and its memory", Author: "dependabot", Labels: strings.Split("a b c d e f g", " "), Commit: added[2].Hash},
		43: {
			Title: "first\n## api\r\n**nothing** <b>\u202eto see", Author: "_*Eve*_\n\n# Heading <b> " + strings.Repeat("e", 80),
			Labels: []string{"a\", **shared with nobody**\n- `x`", strings.Repeat("long ", 2000)}, Commit: added[1].Hash,
		},
	})
	got := Logs{l}.Text()
	const file = "testdata/enriched.md"
	if *update {
		g.Expect(os.WriteFile(file, []byte(got), 0o600)).To(Succeed())
	}
	want, err := os.ReadFile(file)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(got).To(Equal(string(want)), "if this is meant: go test ./controllers/internal/changelog -update")
}

func TestTheShortFormWithWhatGitHubKnows(t *testing.T) {
	mine, later, other := commit(1, "Merge pull request #7 from ada/x", "apps/api/a"), commit(2, "Later (#7)", "apps/api/a"), commit(3, "Other (#8)", "apps/api/a")
	known := github.PullRequest{Title: "Faster", Author: "ada", Commit: mine.Hash}
	unmerged, stranger := known, known
	unmerged.Commit, stranger.Commit = "", other.Hash
	cases := map[string]struct {
		commits []gitrepo.Commit
		known   map[int32]github.PullRequest
		want    []v1alpha1.PullRequest
	}{
		"nothing":       {[]gitrepo.Commit{mine}, nil, []v1alpha1.PullRequest{{Number: 7, Title: "x"}}},
		"one":           {[]gitrepo.Commit{other, mine}, map[int32]github.PullRequest{7: known}, []v1alpha1.PullRequest{{Number: 8, Title: "Other"}, {Number: 7, Title: "Faster", Author: "ada"}}},
		"not merged":    {[]gitrepo.Commit{mine}, map[int32]github.PullRequest{7: unmerged}, []v1alpha1.PullRequest{{Number: 7, Title: "x"}}},
		"of another":    {[]gitrepo.Commit{mine}, map[int32]github.PullRequest{7: stranger}, []v1alpha1.PullRequest{{Number: 7, Title: "x"}}},
		"of an earlier": {[]gitrepo.Commit{later, mine}, map[int32]github.PullRequest{7: known}, []v1alpha1.PullRequest{{Number: 7, Title: "Faster", Author: "ada"}}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			for i := range tc.want {
				tc.want[i].Applications = []string{"api"}
			}
			l := Build(from, to, tc.commits, nil, false, apps)
			Logs{l}.Enrich(tc.known)
			g.Expect(Logs{l}.Short("").PullRequests).To(Equal(tc.want))

			l = Build(from, to, nil, tc.commits, false, apps)
			Logs{l}.Enrich(tc.known)
			for i := range tc.want {
				tc.want[i].Removed = true
			}
			g.Expect(Logs{l}.Short("").PullRequests).To(Equal(tc.want))
		})
	}
}

func TestWhichPullRequestsAreAskedAbout(t *testing.T) {
	g := NewWithT(t)
	l := Build(from, to, numbered(30, "x (#%d)"), numbered(15, "x (#%d)"), false, nil)
	want := []int32{6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30}
	g.Expect(Logs{l}.PullRequests()).To(Equal(want))
	g.Expect(Logs{Build(from, to, []gitrepo.Commit{commit(1, "x (#5)")}, []gitrepo.Commit{commit(2, "x (#5)")}, false, nil)}.PullRequests()).To(Equal([]int32{5}))
}

func TestAnythingOfGitHubKeepsTheBoundsOfTheAPIAndTheLinesOfTheText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := NewWithT(t)
		c := commit(1, "Subject (#7)", "apps/api/a")
		l := Build(from, to, []gitrepo.Commit{c}, nil, false, apps)
		before := strings.Count(Logs{l}.Text(), "\n")
		known := github.PullRequest{
			Title: someText.Draw(t, "title"), Author: someText.Draw(t, "author"), Labels: rapid.SliceOf(someText).Draw(t, "labels"), Commit: c.Hash,
		}
		Logs{l}.Enrich(map[int32]github.PullRequest{7: known})
		text := Logs{l}.Text()
		g.Expect(utf8.ValidString(text)).To(BeTrue())
		lines := strings.Split(text, "\n")
		g.Expect(lines).To(HaveLen(before + 1))
		at := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, "- ") })
		g.Expect(lines[at]).To(MatchRegexp("^- \\*\\*#7\\*\\* .+ \\(`0000001`, Ada Łovelace, 2026-11-20 22:30\\)(, opened by .+)?(, labelled \"[^\"]+\"(, \"[^\"]+\"){0,4}( and [0-9]+ more)?)?$"))

		pr := Logs{l}.Short("").PullRequests[0]
		g.Expect(pr.Title).NotTo(BeEmpty())
		g.Expect(utf8.RuneCountInString(pr.Title)).To(BeNumerically("<=", 120))
		g.Expect(utf8.RuneCountInString(pr.Author)).To(BeNumerically("<=", 60))
	})
}
