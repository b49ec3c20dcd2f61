package changelog

import (
	"slices"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// Bounds of the API on a changelog's short form.
const (
	maxPullRequests = 20
	maxApplications = 8
)

// MaxOthers is how many comparisons beside the first a status has.
const MaxOthers = 16

// Short is the logs for a status, the first of them as the main one; there is one at least. The
// ConfigMap is the one with Text; it may have no name yet.
func (logs Logs) Short(configMap string) *v1alpha1.Changelog {
	first := logs[0].comparison()
	short := &v1alpha1.Changelog{From: first.From, To: first.To, Direction: first.Direction, Commits: first.Commits}
	var removed, added []v1alpha1.PullRequest
	for i, l := range logs {
		if i > 0 && i <= MaxOthers {
			short.Others = append(short.Others, l.comparison())
		}
		removed, added = append(removed, pullRequests(l.removed, true)...), append(added, pullRequests(l.added, false)...)
	}
	if len(logs) > 1 {
		short.Applications = first.Applications
	}
	if configMap != "" {
		short.ConfigMapRef = &v1alpha1.LocalReference{Name: configMap}
	}
	// What goes comes first, but leaves room for half of what comes.
	room := max(maxPullRequests-len(added), maxPullRequests/2)
	removed = removed[:min(len(removed), room)]
	added = added[:min(len(added), maxPullRequests-len(removed))]
	short.PullRequests = slices.Concat(removed, added)
	return short
}

// comparison is the log in numbers.
func (l *Log) comparison() v1alpha1.ChangelogRange {
	return v1alpha1.ChangelogRange{
		From: v1alpha1.GitRevision(l.from), To: v1alpha1.GitRevision(l.to), Applications: l.applications,
		Direction: l.direction(), Commits: int32(len(l.added) + len(l.removed)),
	}
}

// pullRequests lists each one once, with the title of its newest commit, or of the one that
// GitHub knows.
func pullRequests(changes []change, removed bool) []v1alpha1.PullRequest {
	var list []v1alpha1.PullRequest
	place := map[int32]int{}
	for i := range changes {
		c := &changes[i]
		at, seen := place[c.pullRequest]
		switch {
		case c.pullRequest == 0:
		case !seen:
			place[c.pullRequest] = len(list)
			list = append(list, v1alpha1.PullRequest{
				Number: c.pullRequest, Title: c.title, Author: c.opener, Removed: removed,
				Applications: slices.Clone(c.sharers[:min(len(c.sharers), maxApplications)]),
			})
		case c.genuine:
			list[at].Title, list[at].Author = c.title, c.opener
		}
	}
	return list
}
