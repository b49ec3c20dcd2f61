package gitrepo

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/storage/memory"
)

// committed is a commit that nobody else knows yet.
type committed struct {
	snapshot *snapshot
	objects  *memory.Storage // what is new, and what it was made from
	added    []plumbing.Hash
}

// commit puts files into the tree. All else in it stays as it is, by its hash alone.
func (s *snapshot) commit(edited map[string]*file, message string, now time.Time) (*committed, error) {
	c := &committed{objects: memory.NewStorage()}
	for _, known := range s.objects.Objects {
		if _, err := c.objects.SetEncodedObject(known); err != nil {
			return nil, fmt.Errorf("keeping a folder of the commit: %w", err)
		}
	}
	parent, err := object.GetCommit(c.objects, s.head)
	if err != nil {
		return nil, fmt.Errorf("reading the commit: %w", err)
	}
	tree, err := c.rewrite(parent.TreeHash, "", edited)
	if err != nil {
		return nil, err
	}
	author := object.Signature{Name: AuthorName, Email: AuthorEmail, When: now.UTC()}
	head, err := c.add(&object.Commit{
		Author: author, Committer: author, Message: strings.TrimRight(message, "\n") + "\n",
		TreeHash: tree, ParentHashes: []plumbing.Hash{s.head},
	})
	if err != nil {
		return nil, err
	}
	w, err := newWalker(c.objects, head)
	if err != nil {
		return nil, err
	}
	c.snapshot, err = w.after(s, edited)
	return c, err
}

// after is the snapshot behind a commit, of the same files.
func (w *walker) after(before *snapshot, edited map[string]*file) (*snapshot, error) {
	for path := range before.files {
		if _, err := w.find(path); err != nil {
			return nil, err
		}
	}
	next, err := w.snapshot(nil, before.at)
	if err != nil {
		return nil, err
	}
	maps.Copy(next.files, before.files)
	maps.Copy(next.files, edited)
	return next, nil
}

// rewrite returns a folder with files changed; its zero hash is a folder that does not exist.
func (c *committed) rewrite(hash plumbing.Hash, prefix string, edited map[string]*file) (plumbing.Hash, error) {
	tree := &object.Tree{}
	if !hash.IsZero() {
		old, err := object.GetTree(c.objects, hash)
		if err != nil {
			return plumbing.ZeroHash, fmt.Errorf("reading folder %q: %w", prefix, err)
		}
		tree.Entries = slices.Clone(old.Entries)
	}
	below := map[string]map[string]*file{}
	for path, f := range edited {
		name, rest, deeper := strings.Cut(path, "/")
		if deeper {
			if below[name] == nil {
				below[name] = map[string]*file{}
			}
			below[name][rest] = f
			continue
		}
		blob, err := c.addBlob(f.content)
		if err != nil {
			return plumbing.ZeroHash, err
		}
		put(tree, object.TreeEntry{Name: name, Mode: f.mode, Hash: blob})
	}
	for name, files := range below {
		old := object.TreeEntry{Mode: filemode.Dir}
		if at := indexOf(tree, name); at >= 0 {
			old = tree.Entries[at]
		}
		if old.Mode != filemode.Dir {
			return plumbing.ZeroHash, fmt.Errorf("editing %s: %s is no folder", firstOf(files, prefix+name+"/"), prefix+name)
		}
		folder, err := c.rewrite(old.Hash, prefix+name+"/", files)
		if err != nil {
			return plumbing.ZeroHash, err
		}
		put(tree, object.TreeEntry{Name: name, Mode: filemode.Dir, Hash: folder})
	}
	slices.SortFunc(tree.Entries, compareEntries)
	return c.add(tree)
}

// firstOf names one of the files, always the same.
func firstOf(files map[string]*file, prefix string) string {
	return prefix + slices.Min(slices.Collect(maps.Keys(files)))
}

func indexOf(tree *object.Tree, name string) int {
	return slices.IndexFunc(tree.Entries, func(e object.TreeEntry) bool { return e.Name == name })
}

func put(tree *object.Tree, entry object.TreeEntry) {
	if at := indexOf(tree, entry.Name); at >= 0 {
		tree.Entries[at] = entry
		return
	}
	tree.Entries = append(tree.Entries, entry)
}

// compareEntries is git's order, in which folders' names end with a slash.
func compareEntries(a, b object.TreeEntry) int {
	name := func(e object.TreeEntry) string {
		if e.Mode == filemode.Dir {
			return e.Name + "/"
		}
		return e.Name
	}
	return strings.Compare(name(a), name(b))
}

func (c *committed) addBlob(content []byte) (plumbing.Hash, error) {
	encoded := c.objects.NewEncodedObject()
	encoded.SetType(plumbing.BlobObject)
	w, err := encoded.Writer()
	if err != nil {
		return plumbing.ZeroHash, fmt.Errorf("writing a file: %w", err)
	}
	if _, err := w.Write(content); err != nil {
		return plumbing.ZeroHash, fmt.Errorf("writing a file: %w", err)
	}
	if err := w.Close(); err != nil {
		return plumbing.ZeroHash, fmt.Errorf("writing a file: %w", err)
	}
	return c.keep(encoded)
}

func (c *committed) add(o interface {
	Encode(o plumbing.EncodedObject) error
}) (plumbing.Hash, error) {
	encoded := c.objects.NewEncodedObject()
	if err := o.Encode(encoded); err != nil {
		return plumbing.ZeroHash, fmt.Errorf("encoding an object: %w", err)
	}
	return c.keep(encoded)
}

func (c *committed) keep(encoded plumbing.EncodedObject) (plumbing.Hash, error) {
	hash, err := c.objects.SetEncodedObject(encoded)
	if err != nil {
		return plumbing.ZeroHash, fmt.Errorf("keeping an object: %w", err)
	}
	if !slices.Contains(c.added, hash) {
		c.added = append(c.added, hash)
	}
	return hash, nil
}
