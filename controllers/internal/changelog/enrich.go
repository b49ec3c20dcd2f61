package changelog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/portolan-dev/portolan/controllers/internal/github"
)

// Bounds on labels, the second in characters.
const (
	maxLabels = 5
	maxLabel  = 50
)

// PullRequests are the numbers of those that the short form lists.
func (logs Logs) PullRequests() []int32 {
	var numbers []int32
	for _, pr := range logs.Short("").PullRequests {
		numbers = append(numbers, pr.Number)
	}
	slices.Sort(numbers)
	return slices.Compact(numbers)
}

// Enrich adds what GitHub knows, in place of what the subjects of commits tell. Of a commit that
// names a pull request and is not what became of it, nothing is known: anybody can write any number.
func (logs Logs) Enrich(known map[int32]github.PullRequest) {
	for _, l := range logs {
		l.enrich(known)
	}
}

func (l *Log) enrich(known map[int32]github.PullRequest) {
	for _, changes := range [][]change{l.removed, l.added} {
		for i := range changes {
			c := &changes[i]
			if pr, ok := known[c.pullRequest]; ok && c.pullRequest > 0 && pr.Commit == c.Hash {
				c.enrich(pr)
			}
		}
	}
}

func (c *change) enrich(pr github.PullRequest) {
	c.genuine = true
	if title := cut(plain(pr.Title), maxTitle); title != "" {
		c.title = title
	}
	c.opener = cut(plain(pr.Author), maxAuthor)
	for _, label := range pr.Labels {
		// In quotes, one cannot look like what comes after it.
		if label = cut(strings.ReplaceAll(plain(label), `"`, `'`), maxLabel); label != "" {
			c.labels = append(c.labels, label)
		}
	}
}

// origin says who opened the pull request and how it is labelled.
func (c *change) origin() string {
	var b strings.Builder
	if c.opener != "" {
		fmt.Fprintf(&b, ", opened by %s", escaped(c.opener))
	}
	if len(c.labels) == 0 {
		return b.String()
	}
	var labels []string
	for _, label := range c.labels[:min(len(c.labels), maxLabels)] {
		labels = append(labels, fmt.Sprintf(`"%s"`, escaped(label)))
	}
	fmt.Fprintf(&b, ", labelled %s", strings.Join(labels, ", "))
	if more := len(c.labels) - maxLabels; more > 0 {
		fmt.Fprintf(&b, " and %d more", more)
	}
	return b.String()
}
