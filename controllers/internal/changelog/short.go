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

// Short is the log for a status. The ConfigMap is the one with Text; it may have no name yet.
func (l *Log) Short(configMap string) *v1alpha1.Changelog {
	short := &v1alpha1.Changelog{
		From: v1alpha1.GitRevision(l.from), To: v1alpha1.GitRevision(l.to),
		Direction: l.direction(),
		Commits:   int32(len(l.added) + len(l.removed)),
	}
	if configMap != "" {
		short.ConfigMapRef = &v1alpha1.LocalReference{Name: configMap}
	}
	removed, added := pullRequests(l.removed, true), pullRequests(l.added, false)
	// What goes comes first, but leaves room for half of what comes.
	room := max(maxPullRequests-len(added), maxPullRequests/2)
	removed = removed[:min(len(removed), room)]
	added = added[:min(len(added), maxPullRequests-len(removed))]
	short.PullRequests = slices.Concat(removed, added)
	return short
}

// pullRequests lists each one once, with the title of its newest commit.
func pullRequests(changes []change, removed bool) []v1alpha1.PullRequest {
	var list []v1alpha1.PullRequest
	seen := map[int32]bool{}
	for i := range changes {
		c := &changes[i]
		if c.pullRequest == 0 || seen[c.pullRequest] {
			continue
		}
		seen[c.pullRequest] = true
		list = append(list, v1alpha1.PullRequest{
			Number: c.pullRequest, Title: c.title, Removed: removed,
			Applications: slices.Clone(c.sharers[:min(len(c.sharers), maxApplications)]),
		})
	}
	return list
}
