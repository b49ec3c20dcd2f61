package changelog

import (
	"maps"
	"slices"
	"strings"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/gitrepo"
)

// Application is one for which a changelog has a section.
type Application struct {
	Name string
	// Paths are the folders and files that it is made of. Without any, every commit is its own: to
	// leave one out would say that nothing changes.
	Paths []string
}

// Log is what becomes of applications between two revisions.
type Log struct {
	from, to       string
	more           bool
	applications   []string // by name
	removed, added []change // the newest first
}

// Logs are those of applications that go from and to different revisions.
type Logs []*Log

// change is a commit that comes or goes.
type change struct {
	gitrepo.Commit
	title        string
	pullRequest  int32    // zero: it names none
	applications []string // whose files it touches, by name
	sharers      []string // applications of all that is in its pull request
	genuine      bool     // GitHub says that it is what its pull request became
	opener       string   // login of who opened the pull request; empty without GitHub
	labels       []string // of the pull request; none without GitHub
}

// Build says what becomes of each application when its revision changes. Added are the commits
// that the new one has and the old one lacks, removed those that the old one has and the new one
// lacks, the newest first; more tells that there are others beyond them.
func Build(from, to string, added, removed []gitrepo.Commit, more bool, apps []Application) *Log {
	paths := map[string][]string{}
	for _, a := range apps {
		paths[a.Name] = append(paths[a.Name], cleaned(a.Paths)...)
	}
	names := slices.Sorted(maps.Keys(paths))
	return &Log{
		from: from, to: to, more: more, applications: names,
		removed: changes(removed, names, paths), added: changes(added, names, paths),
	}
}

// cleaned writes paths as git does; "" is the whole repository.
func cleaned(paths []string) []string {
	if len(paths) == 0 {
		return []string{""}
	}
	var clean []string
	for _, p := range paths {
		p = strings.Trim(strings.TrimPrefix(p, "./"), "/")
		if p == "." {
			p = ""
		}
		clean = append(clean, p)
	}
	return clean
}

func changes(commits []gitrepo.Commit, names []string, paths map[string][]string) []change {
	sharers := map[int32][]string{}
	all := make([]change, 0, len(commits))
	for i := range commits {
		c := change{Commit: commits[i]}
		c.pullRequest, c.title = pullRequest(commits[i].Subject)
		touched := places(commits[i].Paths)
		for _, name := range names {
			if slices.ContainsFunc(paths[name], func(path string) bool { return touched[path] }) {
				c.applications = append(c.applications, name)
			}
		}
		if c.pullRequest > 0 {
			sharers[c.pullRequest] = union(sharers[c.pullRequest], c.applications)
		}
		all = append(all, c)
	}
	for i := range all {
		all[i].sharers = all[i].applications
		if all[i].pullRequest > 0 {
			all[i].sharers = sharers[all[i].pullRequest]
		}
	}
	return all
}

func union(a, b []string) []string {
	both := slices.Concat(a, b)
	slices.Sort(both)
	return slices.Compact(both)
}

// places are files and all folders around them. "" is the whole repository, and around a commit
// without files too.
func places(files []string) map[string]bool {
	around := map[string]bool{"": true}
	for _, file := range files {
		for end := len(file); end > 0 && !around[file[:end]]; end = strings.LastIndexByte(file[:end], '/') {
			around[file[:end]] = true
		}
	}
	return around
}

// direction of the whole log.
func (l *Log) direction() v1alpha1.ChangelogDirection {
	switch {
	case len(l.added) > 0 && len(l.removed) > 0:
		return v1alpha1.ChangelogDiverged
	case len(l.removed) > 0:
		return v1alpha1.ChangelogBack
	case len(l.added) > 0:
		return v1alpha1.ChangelogForward
	default:
		return v1alpha1.ChangelogSame
	}
}
