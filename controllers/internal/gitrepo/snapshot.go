package gitrepo

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/memory"
)

// snapshot is some of what a commit holds. It does not change once others can see it.
type snapshot struct {
	head    plumbing.Hash
	at      time.Time        // when it was the branch's head
	objects *memory.Storage  // the commit and the folders on the way to the files
	files   map[string]*file // nil for one that does not exist
}

// file is something in a folder; only regular ones have content.
type file struct {
	mode    filemode.FileMode
	content []byte
}

// kinds are what no contents can be put into.
var kinds = map[filemode.FileMode]string{
	filemode.Dir: "a folder", filemode.Symlink: "a symbolic link", filemode.Submodule: "a submodule",
}

func (f *file) regular() bool { return f != nil && kinds[f.mode] == "" }

// with keeps the mode; a new file's is the usual one.
func (f *file) with(content []byte) *file {
	if f == nil {
		return &file{mode: filemode.Regular, content: content}
	}
	return &file{mode: f.mode, content: content}
}

func (s *snapshot) knows(paths []string) bool {
	return !slices.ContainsFunc(paths, func(path string) bool {
		_, known := s.files[canonical(path)]
		return !known
	})
}

// walker finds files in a commit.
type walker struct {
	objects storer.EncodedObjectStorer
	commit  *object.Commit
	trees   map[plumbing.Hash]*object.Tree // the folders that it came through
}

func newWalker(objects storer.EncodedObjectStorer, head plumbing.Hash) (*walker, error) {
	commit, err := object.GetCommit(objects, head)
	if err != nil {
		return nil, fmt.Errorf("reading the commit: %w", err)
	}
	w := &walker{objects: objects, commit: commit, trees: map[plumbing.Hash]*object.Tree{}}
	_, err = w.tree(commit.TreeHash)
	return w, err
}

func (w *walker) tree(hash plumbing.Hash) (*object.Tree, error) {
	if known := w.trees[hash]; known != nil {
		return known, nil
	}
	tree, err := object.GetTree(w.objects, hash)
	if err != nil {
		return nil, fmt.Errorf("reading a folder of the commit: %w", err)
	}
	w.trees[hash] = tree
	return tree, nil
}

// find returns nil for what does not exist.
func (w *walker) find(name string) (*object.TreeEntry, error) {
	hash := w.commit.TreeHash
	for {
		tree, err := w.tree(hash)
		if err != nil {
			return nil, err
		}
		first, rest, below := strings.Cut(name, "/")
		at := slices.IndexFunc(tree.Entries, func(e object.TreeEntry) bool { return e.Name == first })
		switch {
		case at < 0, below && tree.Entries[at].Mode != filemode.Dir:
			return nil, nil
		case !below:
			return &tree.Entries[at], nil
		}
		hash, name = tree.Entries[at].Hash, rest
	}
}

// blobs are the contents of those of the paths that are regular files.
func (w *walker) blobs(paths []string) ([]plumbing.Hash, error) {
	var hashes []plumbing.Hash
	for _, path := range paths {
		entry, err := w.find(path)
		if err != nil {
			return nil, err
		}
		if entry != nil && kinds[entry.Mode] == "" && !slices.Contains(hashes, entry.Hash) {
			hashes = append(hashes, entry.Hash)
		}
	}
	return hashes, nil
}

// snapshot copies what is needed of the paths, so that the rest can be forgotten.
func (w *walker) snapshot(paths []string, at time.Time) (*snapshot, error) {
	s := &snapshot{head: w.commit.Hash, at: at, objects: memory.NewStorage(), files: map[string]*file{}}
	for _, path := range paths {
		entry, err := w.find(path)
		if err != nil {
			return nil, err
		}
		if entry == nil {
			s.files[path] = nil
			continue
		}
		s.files[path] = &file{mode: entry.Mode}
		if kinds[entry.Mode] != "" {
			continue
		}
		if s.files[path].content, err = contentOf(w.objects, entry.Hash); err != nil {
			return nil, fmt.Errorf("reading %s: %w", path, err)
		}
	}
	kept := []plumbing.Hash{w.commit.Hash}
	for hash := range w.trees {
		kept = append(kept, hash)
	}
	for _, hash := range kept {
		encoded, err := w.objects.EncodedObject(plumbing.AnyObject, hash)
		if err != nil {
			return nil, fmt.Errorf("reading a folder of the commit: %w", err)
		}
		if _, err := s.objects.SetEncodedObject(encoded); err != nil {
			return nil, fmt.Errorf("keeping a folder of the commit: %w", err)
		}
	}
	return s, nil
}

func contentOf(objects storer.EncodedObjectStorer, hash plumbing.Hash) ([]byte, error) {
	blob, err := object.GetBlob(objects, hash)
	if err != nil {
		return nil, fmt.Errorf("finding its contents: %w", err)
	}
	reader, err := blob.Reader()
	if err != nil {
		return nil, fmt.Errorf("opening its contents: %w", err)
	}
	defer func() { _ = reader.Close() }()
	content, err := io.ReadAll(reader)
	if err != nil {
		return nil, fmt.Errorf("reading its contents: %w", err)
	}
	return content, nil
}
