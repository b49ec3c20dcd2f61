package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"

	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
)

// contents are the files of a commit.
type contents struct {
	files []string // sorted; only of a tree that is small enough

	mu   sync.Mutex   // a Tree cannot be searched by two at a time
	root *object.Tree // of one that is not
}

// contentsOf lists the files of a commit, or keeps the tree when it has more entries
// than limit. That also ends the walk through a tree that was built to have no end.
func contentsOf(ctx context.Context, commit *object.Commit, objects storer.EncodedObjectStorer, limit int) (*contents, error) {
	root, err := object.GetTree(objects, commit.TreeHash)
	if err != nil {
		return nil, fmt.Errorf("reading the tree of the commit: %w", err)
	}
	files, complete, err := filesOf(ctx, root, objects, limit)
	switch {
	case err != nil:
		return nil, err
	case !complete:
		return &contents{root: root}, nil
	default:
		return &contents{files: files}, nil
	}
}

type folder struct {
	prefix string
	tree   *object.Tree
}

// filesOf does not use go-git's TreeWalker, which takes a folder that it cannot read
// for the end of the tree.
func filesOf(ctx context.Context, root *object.Tree, objects storer.EncodedObjectStorer, limit int) (files []string, complete bool, err error) {
	pending := []folder{{tree: root}}
	for seen := 0; len(pending) > 0; {
		current := pending[len(pending)-1]
		pending = pending[:len(pending)-1]
		if seen += len(current.tree.Entries); seen > limit {
			return nil, false, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, false, err
		}
		for _, entry := range current.tree.Entries {
			name := current.prefix + entry.Name
			switch {
			case entry.Mode.IsFile():
				files = append(files, name)
			case entry.Mode == filemode.Dir:
				tree, err := object.GetTree(objects, entry.Hash)
				if err != nil {
					return nil, false, fmt.Errorf("reading folder %s: %w", name, err)
				}
				pending = append(pending, folder{prefix: name + "/", tree: tree})
			}
		}
	}
	slices.Sort(files)
	return files, true, nil
}

func (c *contents) missing(paths []string) ([]string, error) {
	var missing []string
	for _, name := range paths {
		exists, err := c.has(canonical(name))
		if err != nil {
			return nil, err
		}
		if !exists {
			missing = append(missing, name)
		}
	}
	return missing, nil
}

func (c *contents) has(name string) (bool, error) {
	if c.root == nil {
		_, exists := slices.BinarySearch(c.files, name)
		return exists, nil
	}
	if name == "" {
		return false, nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	entry, err := c.root.FindEntry(name)
	switch {
	case errors.Is(err, object.ErrEntryNotFound), errors.Is(err, object.ErrDirectoryNotFound):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("looking for %s: %w", name, err)
	default:
		return entry.Mode.IsFile(), nil
	}
}
