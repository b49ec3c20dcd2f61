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
	from, err := repo.source()
	if err != nil {
		return nil, err
	}
	if from.inPlace != nil {
		return r.contentsIn(ctx, from.inPlace.Storer, commit)
	}
	found, err := r.fetchCommit(ctx, from.remote, commit)
	if errors.Is(err, errRefused) {
		err = r.branches(ctx, from.remote, order{}, func(objects storer.EncodedObjectStorer) (err error) {
			found, err = r.contentsIn(ctx, objects, commit)
			return err
		})
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
func (r *Repositories) fetchCommit(ctx context.Context, from remote, commit plumbing.Hash) (found *contents, err error) {
	err = from.alone(ctx, commit, func(s *session) error {
		fetched, err := s.fetch(ctx, order{wants: []plumbing.Hash{commit}, depth: 1}, r.limits.packBytes)
		if err != nil {
			return err
		}
		found, err = r.contentsIn(ctx, fetched.objects, commit)
		return err
	})
	return found, err
}

// alone is a session in which to ask for a commit by its hash.
func (from remote) alone(ctx context.Context, commit plumbing.Hash, ask func(*session) error) error {
	s, err := from.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	if !s.mayServe(commit) {
		return errRefused
	}
	err = ask(s)
	if errors.Is(err, errNamed) && s.serves(capability.AllowReachableSHA1InWant) {
		return ErrUnknownRevision // the server looked through all history already
	}
	return err
}

// branches brings the history of the branches, more of it as long as what is looked for is not in it.
func (r *Repositories) branches(ctx context.Context, from remote, o order, look func(storer.EncodedObjectStorer) error) error {
	for _, o.depth = range []int{headsDepth, 0} {
		fetched, err := r.fetchHeads(ctx, from, o)
		if err != nil {
			return err
		}
		err = look(fetched.objects)
		if !errors.Is(err, ErrUnknownRevision) || fetched.complete {
			return err
		}
	}
	return ErrUnknownRevision
}

func (r *Repositories) fetchHeads(ctx context.Context, from remote, o order) (fetched, error) {
	s, err := from.open(ctx)
	if err != nil {
		return fetched{}, err
	}
	defer s.close()
	o.wants = s.heads()
	if len(o.wants) == 0 {
		return fetched{}, ErrUnknownRevision
	}
	all, err := s.fetch(ctx, o, r.limits.packBytes)
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
