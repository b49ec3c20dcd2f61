package git

import (
	"errors"
	"io"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/filemode"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/storer"
)

// folder is a tree that is being changed.
type folder struct {
	entries []object.TreeEntry // without the folders below
	folders map[string]*folder
	files   map[string]string // new contents
}

func load(objects storer.EncodedObjectStorer, hash plumbing.Hash) (*folder, error) {
	tree, err := object.GetTree(objects, hash)
	if err != nil {
		return nil, err
	}
	f := &folder{folders: map[string]*folder{}}
	for _, entry := range tree.Entries {
		if entry.Mode != filemode.Dir {
			f.entries = append(f.entries, entry)
			continue
		}
		if f.folders[entry.Name], err = load(objects, entry.Hash); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// put replaces what had the path before, also a folder by a file and vice versa.
func (f *folder) put(path []string, content string) error {
	name := path[0]
	if name == "" || name == "." || name == ".." {
		return errors.New("not a path of git's")
	}
	f.entries = slices.DeleteFunc(f.entries, func(e object.TreeEntry) bool { return e.Name == name })
	if len(path) == 1 {
		delete(f.folders, name)
		if f.files == nil {
			f.files = map[string]string{}
		}
		f.files[name] = content
		return nil
	}
	delete(f.files, name)
	if f.folders == nil {
		f.folders = map[string]*folder{}
	}
	if f.folders[name] == nil {
		f.folders[name] = &folder{}
	}
	return f.folders[name].put(path[1:], content)
}

func (f *folder) store(objects storer.EncodedObjectStorer) (plumbing.Hash, error) {
	entries := slices.Clone(f.entries)
	for name, content := range f.files {
		hash, err := storeBlob(objects, content)
		if err != nil {
			return plumbing.ZeroHash, err
		}
		entries = append(entries, object.TreeEntry{Name: name, Mode: filemode.Regular, Hash: hash})
	}
	for name, below := range f.folders {
		hash, err := below.store(objects)
		if err != nil {
			return plumbing.ZeroHash, err
		}
		entries = append(entries, object.TreeEntry{Name: name, Mode: filemode.Dir, Hash: hash})
	}
	slices.SortFunc(entries, compareEntries)
	return store(objects, &object.Tree{Entries: entries})
}

// compareEntries is git's order, in which folders' names end with a slash.
func compareEntries(a, b object.TreeEntry) int {
	sorter := object.TreeEntrySorter{a, b}
	switch {
	case sorter.Less(0, 1):
		return -1
	case sorter.Less(1, 0):
		return 1
	default:
		return 0
	}
}

func storeBlob(objects storer.EncodedObjectStorer, content string) (hash plumbing.Hash, err error) {
	encoded := objects.NewEncodedObject()
	encoded.SetType(plumbing.BlobObject)
	w, err := encoded.Writer()
	if err != nil {
		return plumbing.ZeroHash, err
	}
	if _, err := io.WriteString(w, content); err != nil {
		return plumbing.ZeroHash, err
	}
	if err := w.Close(); err != nil {
		return plumbing.ZeroHash, err
	}
	return objects.SetEncodedObject(encoded)
}

func store(objects storer.EncodedObjectStorer, o interface {
	Encode(o plumbing.EncodedObject) error
}) (plumbing.Hash, error) {
	encoded := objects.NewEncodedObject()
	if err := o.Encode(encoded); err != nil {
		return plumbing.ZeroHash, err
	}
	return objects.SetEncodedObject(encoded)
}
