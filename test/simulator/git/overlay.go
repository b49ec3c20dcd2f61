package git

import (
	"fmt"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
)

// overlay is what arrived over what is there.
type overlay struct{ upper, lower storer.EncodedObjectStorer }

// complete fails when an object is missing. All that is below one of the repository's is
// there as well.
func (o overlay) complete(hash plumbing.Hash) error {
	if o.lower.HasEncodedObject(hash) == nil {
		return nil
	}
	encoded, err := o.upper.EncodedObject(plumbing.AnyObject, hash)
	if err != nil {
		return fmt.Errorf("looking for %s: %w", hash, err)
	}
	var below []plumbing.Hash
	switch encoded.Type() {
	case plumbing.CommitObject:
		commit, err := object.DecodeCommit(o.upper, encoded)
		if err != nil {
			return err
		}
		below = append(slices.Clone(commit.ParentHashes), commit.TreeHash)
	case plumbing.TreeObject:
		tree, err := object.DecodeTree(o.upper, encoded)
		if err != nil {
			return err
		}
		for _, entry := range tree.Entries {
			if entry.Mode != filemode.Submodule {
				below = append(below, entry.Hash)
			}
		}
	default: // a file holds no others
	}
	for _, hash := range below {
		if err := o.complete(hash); err != nil {
			return err
		}
	}
	return nil
}

// descends tells whether a commit has another in its history.
func (o overlay) descends(from, to plumbing.Hash) bool {
	seen := map[plumbing.Hash]bool{}
	pending := []plumbing.Hash{from}
	for len(pending) > 0 {
		hash := pending[0]
		pending = pending[1:]
		if hash == to {
			return true
		}
		if seen[hash] {
			continue
		}
		seen[hash] = true
		commit, err := object.GetCommit(o.upper, hash)
		if err != nil {
			commit, err = object.GetCommit(o.lower, hash)
		}
		if err == nil {
			pending = append(pending, commit.ParentHashes...)
		}
	}
	return false
}
