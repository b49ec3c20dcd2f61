package gitrepo

import (
	"context"
	"errors"
	"fmt"

	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/object"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/plumbing/transport"
)

// headsDepth is how far back the branches are fetched before all of their history is.
const headsDepth = 50

// fetch brings the files of a commit.
func (r *Repositories) fetch(ctx context.Context, repo Repository, commit plumbing.Hash) (*contents, error) {
	endpoint, err := repo.endpoint()
	if err != nil {
		return nil, err
	}
	if endpoint.Protocol == protocolFile {
		repository, err := openInPlace(endpoint)
		if err != nil {
			return nil, err
		}
		return r.contentsIn(ctx, repository.Storer, commit)
	}
	from, err := remoteOf(endpoint, repo.Auth)
	if err != nil {
		return nil, err
	}
	found, err := r.fetchCommit(ctx, from, commit)
	if errors.Is(err, errRefused) {
		return r.fetchBranches(ctx, from, commit)
	}
	return found, err
}

// openInPlace opens a repository on this machine. go-git's own file transport would
// start the git binary.
func openInPlace(endpoint *transport.Endpoint) (*gogit.Repository, error) {
	repository, err := gogit.PlainOpen(endpoint.Path)
	if errors.Is(err, gogit.ErrRepositoryNotExists) {
		return nil, transport.ErrRepositoryNotFound
	}
	if err != nil {
		return nil, fmt.Errorf("opening the repository: %w", err)
	}
	return repository, nil
}

// fetchCommit asks for the commit alone.
func (r *Repositories) fetchCommit(ctx context.Context, from remote, commit plumbing.Hash) (*contents, error) {
	s, err := from.open(ctx)
	if err != nil {
		return nil, err
	}
	defer s.close()
	if !s.mayServe(commit) {
		return nil, errRefused
	}
	fetched, err := s.fetch(ctx, order{wants: []plumbing.Hash{commit}, depth: 1}, r.limits.packBytes)
	if errors.Is(err, errNamed) && s.serves(capability.AllowReachableSHA1InWant) {
		return nil, ErrUnknownRevision // the server looked through all history already
	}
	if err != nil {
		return nil, err
	}
	return r.contentsIn(ctx, fetched.objects, commit)
}

// fetchBranches looks for the commit in the history of the branches.
func (r *Repositories) fetchBranches(ctx context.Context, from remote, commit plumbing.Hash) (*contents, error) {
	for _, depth := range []int{headsDepth, 0} {
		fetched, err := r.fetchHeads(ctx, from, depth)
		if err != nil {
			return nil, err
		}
		found, err := r.contentsIn(ctx, fetched.objects, commit)
		if !errors.Is(err, ErrUnknownRevision) || fetched.complete {
			return found, err
		}
	}
	return nil, ErrUnknownRevision
}

func (r *Repositories) fetchHeads(ctx context.Context, from remote, depth int) (fetched, error) {
	s, err := from.open(ctx)
	if err != nil {
		return fetched{}, err
	}
	defer s.close()
	heads := s.heads()
	if len(heads) == 0 {
		return fetched{}, ErrUnknownRevision
	}
	all, err := s.fetch(ctx, order{wants: heads, depth: depth}, r.limits.packBytes)
	return all, ofBranch(err)
}

func (r *Repositories) contentsIn(ctx context.Context, objects storer.EncodedObjectStorer, hash plumbing.Hash) (*contents, error) {
	commit, err := object.GetCommit(objects, hash)
	if errors.Is(err, plumbing.ErrObjectNotFound) {
		return nil, ErrUnknownRevision
	}
	if err != nil {
		return nil, fmt.Errorf("reading the commit: %w", err)
	}
	return contentsOf(ctx, commit, objects, r.limits.keptEntries)
}
