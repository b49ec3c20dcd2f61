package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
)

// keptSubject is how much of a subject is kept, in bytes.
const keptSubject = 1000

// errCut means that a commit is too large to be compared with its parent.
var errCut = errors.New("too many files")

// Commit is what a commit says about itself.
type Commit struct {
	Hash    string
	Subject string // the first paragraph of the message, in one line
	Author  string // the name alone
	When    time.Time
	Merge   bool
	// Paths are the files that it changed against its first parent, sorted; a file that
	// was renamed is there with both names.
	Paths []string
}

// difference is what one commit has and another has not.
type difference struct {
	commits []Commit
	more    bool
}

func (d *difference) weight() int {
	weight := 1
	for _, commit := range d.commits {
		weight += 1 + len(commit.Paths)
	}
	return weight
}

// clone is for callers, who may change it.
func (d *difference) clone() []Commit {
	commits := slices.Clone(d.commits)
	for i := range commits {
		commits[i].Paths = slices.Clone(commits[i].Paths)
	}
	return commits
}

// between is Between for commits of which nothing is known yet.
func (v *visit) between(ctx context.Context, from, to plumbing.Hash, limit int) (*difference, error) {
	for _, commit := range []plumbing.Hash{to, from} {
		if err := v.learn(ctx, commit, 0); err != nil {
			return nil, naming(commit, err)
		}
	}
	added, complete := v.past.between(from, to)
	d := &difference{more: !complete || len(added) > limit}
	added = added[:min(len(added), limit)]
	if len(added) == 0 {
		return d, nil
	}
	const toParents = 2 // the commits themselves are one
	got, err := v.folders(ctx, to, v.past.depth(to, added)+toParents)
	if err != nil {
		return nil, naming(to, err)
	}
	left := v.history.limits.keptEntries
	for _, hash := range added {
		c := &comparison{objects: got.objects, entries: v.history.limits.keptEntries, paths: left}
		commit, cut, err := v.describe(ctx, hash, c)
		if err != nil {
			return nil, err
		}
		d.commits = append(d.commits, commit)
		if cut {
			d.more = true
			break
		}
		left -= len(commit.Paths)
	}
	return d, nil
}

// naming says which of two commits it is that the repository does not have.
func naming(commit plumbing.Hash, err error) error {
	if errors.Is(err, ErrUnknownRevision) {
		return fmt.Errorf("%w: %s", err, commit)
	}
	return err
}

// describe finds only some of the files when there are too many.
func (v *visit) describe(ctx context.Context, hash plumbing.Hash, c *comparison) (described Commit, cut bool, err error) {
	commit, err := object.GetCommit(c.objects, hash)
	if err != nil {
		return Commit{}, false, fmt.Errorf("reading commit %s: %w", hash, err)
	}
	described = Commit{
		Hash: hash.String(), Subject: subjectOf(commit.Message), Author: strings.ToValidUTF8(commit.Author.Name, "\uFFFD"),
		When: commit.Author.When.UTC(), Merge: len(commit.ParentHashes) > 1,
	}
	var before plumbing.Hash
	if len(commit.ParentHashes) > 0 {
		first := commit.ParentHashes[0]
		if !v.past.has(first) {
			return described, false, nil // nobody knows what it changed
		}
		parent, err := object.GetCommit(c.objects, first)
		if err != nil {
			return Commit{}, false, fmt.Errorf("reading commit %s: %w", first, err)
		}
		before = parent.TreeHash
	}
	err = c.folders(ctx, "", before, commit.TreeHash)
	slices.Sort(c.changed)
	described.Paths = c.changed
	if errors.Is(err, errCut) {
		return described, true, nil
	}
	return described, false, err
}

// subjectOf is what git takes for the subject.
func subjectOf(message string) string {
	var words []string
	for line := range strings.Lines(message) {
		inLine := strings.Fields(line)
		if len(inLine) == 0 && len(words) > 0 {
			break
		}
		words = append(words, inLine...)
	}
	subject := strings.Join(words, " ")
	return strings.ToValidUTF8(subject[:min(len(subject), keptSubject)], "\uFFFD")
}

// comparison finds the files in which two folders differ. Neither what it looks at nor what it
// finds is without an end.
type comparison struct {
	objects storer.EncodedObjectStorer
	entries int // that are looked at yet
	paths   int // that may be found
	changed []string
}

func (c *comparison) folders(ctx context.Context, prefix string, before, after plumbing.Hash) error {
	if before == after {
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	old, err := c.read(prefix, before)
	if err != nil {
		return err
	}
	current, err := c.read(prefix, after)
	if err != nil {
		return err
	}
	for name, entry := range current {
		if err := c.entry(ctx, prefix+name, old[name], entry); err != nil {
			return err
		}
		delete(old, name)
	}
	for name, entry := range old {
		if err := c.entry(ctx, prefix+name, entry, object.TreeEntry{}); err != nil {
			return err
		}
	}
	return nil
}

// entry compares what has the same name; the zero value is nothing.
func (c *comparison) entry(ctx context.Context, name string, before, after object.TreeEntry) error {
	if before.Hash == after.Hash && before.Mode == after.Mode {
		return nil
	}
	folder := func(e object.TreeEntry) plumbing.Hash {
		if e.Mode == filemode.Dir {
			return e.Hash
		}
		return plumbing.ZeroHash
	}
	if folder(before) != before.Hash || folder(after) != after.Hash {
		if len(c.changed) == c.paths {
			return errCut
		}
		c.changed = append(c.changed, name)
	}
	return c.folders(ctx, name+"/", folder(before), folder(after))
}

// read returns the entries of a folder by name; those of the zero hash are none.
func (c *comparison) read(name string, hash plumbing.Hash) (map[string]object.TreeEntry, error) {
	if hash.IsZero() {
		return nil, nil
	}
	tree, err := object.GetTree(c.objects, hash)
	if err != nil {
		return nil, fmt.Errorf("reading folder %q: %w", name, err)
	}
	if c.entries -= len(tree.Entries); c.entries < 0 {
		return nil, errCut
	}
	entries := make(map[string]object.TreeEntry, len(tree.Entries))
	for _, entry := range tree.Entries {
		entries[entry.Name] = entry
	}
	return entries, nil
}
