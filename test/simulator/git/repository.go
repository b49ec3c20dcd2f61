package git

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
)

const branch = plumbing.ReferenceName("refs/heads/main")

// Repository is a bare repository with the branch main, and what else is pushed.
type Repository struct {
	dir string
	git *gogit.Repository

	writing sync.Mutex
	serving sync.Mutex
	server  *server
	wanted  credentials
	pushing pushRules
}

// Create makes an empty repository in a folder that is not one yet.
func Create(dir string) (*Repository, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, err
	}
	repository, err := gogit.PlainInitWithOptions(dir, &gogit.PlainInitOptions{
		InitOptions: gogit.InitOptions{DefaultBranch: branch},
		Bare:        true,
	})
	if err != nil {
		return nil, fmt.Errorf("creating a repository in %s: %w", dir, err)
	}
	return &Repository{dir: dir, git: repository}, nil
}

// URL is the repository's file:// URL.
func (r *Repository) URL() string { return "file://" + filepath.ToSlash(r.dir) }

// Commit adds files to main, or changes them, and returns the commit's hash. Paths
// are separated by slashes.
func (r *Repository) Commit(files map[string]string, message string) (sha string, err error) {
	r.writing.Lock()
	defer r.writing.Unlock()
	parents, root, err := r.head()
	if err != nil {
		return "", err
	}
	for name, content := range files {
		if err := root.put(strings.Split(name, "/"), content); err != nil {
			return "", fmt.Errorf("adding %s: %w", name, err)
		}
	}
	tree, err := root.store(r.git.Storer)
	if err != nil {
		return "", fmt.Errorf("storing the tree: %w", err)
	}
	author := object.Signature{Name: "rehearsal", Email: "rehearsal@example.com", When: time.Now()}
	hash, err := store(r.git.Storer, &object.Commit{
		Author: author, Committer: author, Message: message, TreeHash: tree, ParentHashes: parents,
	})
	if err != nil {
		return "", fmt.Errorf("storing the commit: %w", err)
	}
	return hash.String(), r.git.Storer.SetReference(plumbing.NewHashReference(branch, hash))
}

// Head is the commit that a branch points at, "" when there is no such branch.
func (r *Repository) Head(name string) (sha string, err error) {
	tip, err := r.open(plumbing.NewBranchReferenceName(name))
	if err != nil || tip == nil {
		return "", err
	}
	return tip.Hash.String(), nil
}

// File is a file's content at the head of a branch.
func (r *Repository) File(name, path string) (content string, err error) {
	tip, err := r.open(plumbing.NewBranchReferenceName(name))
	if err != nil {
		return "", err
	}
	if tip == nil {
		return "", fmt.Errorf("no branch %s", name)
	}
	file, err := tip.File(path)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", path, err)
	}
	return file.Contents()
}

// Messages are those of a branch's commits, the latest first.
func (r *Repository) Messages(name string) ([]string, error) {
	tip, err := r.open(plumbing.NewBranchReferenceName(name))
	var messages []string
	for err == nil && tip != nil {
		messages = append(messages, strings.TrimSpace(tip.Message))
		if tip.NumParents() == 0 {
			break
		}
		tip, err = tip.Parent(0)
	}
	return messages, err
}

// open reads with a storage of its own: go-git's keeps state while it reads.
func (r *Repository) open(name plumbing.ReferenceName) (*object.Commit, error) {
	repository, err := gogit.PlainOpen(r.dir)
	if err != nil {
		return nil, err
	}
	tip, err := repository.Reference(name, true)
	if errors.Is(err, plumbing.ErrReferenceNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return repository.CommitObject(tip.Hash())
}

// branches are the heads of all branches.
func branches(repository *gogit.Repository) (map[plumbing.ReferenceName]plumbing.Hash, error) {
	references, err := repository.Branches()
	if err != nil {
		return nil, err
	}
	heads := map[plumbing.ReferenceName]plumbing.Hash{}
	return heads, references.ForEach(func(reference *plumbing.Reference) error {
		heads[reference.Name()] = reference.Hash()
		return nil
	})
}

// head is what main points at: nothing before the first commit.
func (r *Repository) head() (parents []plumbing.Hash, root *folder, err error) {
	tip, err := r.git.Reference(branch, true)
	if errors.Is(err, plumbing.ErrReferenceNotFound) {
		return nil, &folder{}, nil
	}
	if err != nil {
		return nil, nil, err
	}
	commit, err := r.git.CommitObject(tip.Hash())
	if err != nil {
		return nil, nil, err
	}
	root, err = load(r.git.Storer, commit.TreeHash)
	return []plumbing.Hash{tip.Hash()}, root, err
}
