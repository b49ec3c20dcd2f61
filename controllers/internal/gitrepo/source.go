package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"slices"

	gogit "github.com/go-git/go-git/v5"
	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/storer"
	"github.com/go-git/go-git/v5/storage/memory"
)

// source is where a repository's objects are: on a server, or in a folder of this machine.
type source struct {
	remote  remote
	inPlace *gogit.Repository
}

func (r Repository) source() (source, error) {
	endpoint, err := r.endpoint()
	if err != nil {
		return source{}, err
	}
	if endpoint.Protocol == protocolFile {
		repository, err := openInPlace(endpoint)
		return source{inPlace: repository}, err
	}
	from, err := remoteOf(endpoint, r.Auth)
	return source{remote: from}, err
}

// tip is the commit at the head of a branch.
func (s source) tip(ctx context.Context, b Branch) (plumbing.Hash, error) {
	if s.inPlace != nil {
		ref, err := s.inPlace.Reference(b.reference(), true)
		if errors.Is(err, plumbing.ErrReferenceNotFound) {
			return plumbing.ZeroHash, fmt.Errorf("%w: %s", ErrNoBranch, b.Name)
		}
		if err != nil {
			return plumbing.ZeroHash, fmt.Errorf("reading the branch: %w", err)
		}
		return ref.Hash(), nil
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	session, err := s.remote.open(ctx)
	if err != nil {
		return plumbing.ZeroHash, b.noBranch(err)
	}
	defer session.close()
	return session.tip(b)
}

// brought is what a source has of the commits that were wanted.
type brought struct {
	fetched

	wants []plumbing.Hash
}

// history brings what a commit hangs on, or errRefused. Whether the answer holds the commit is
// for the caller to find out.
func (s source) history(ctx context.Context, commit plumbing.Hash, o order, maxBytes int64) (brought, error) {
	return s.bring(ctx, o, maxBytes, func(session *session) ([]plumbing.Hash, error) {
		if !session.mayServe(commit) {
			return nil, errRefused
		}
		return []plumbing.Hash{commit}, nil
	})
}

// branches brings what all branches hang on that are not known already.
func (s source) branches(ctx context.Context, o order, maxBytes int64, known func(plumbing.Hash) bool) (brought, error) {
	got, err := s.bring(ctx, o, maxBytes, func(session *session) ([]plumbing.Hash, error) {
		return slices.DeleteFunc(session.heads(), known), nil
	})
	return got, ofBranch(err)
}

func (s source) bring(ctx context.Context, o order, maxBytes int64, pick func(*session) ([]plumbing.Hash, error)) (brought, error) {
	if s.inPlace != nil {
		return brought{fetched: fetched{objects: s.inPlace.Storer, complete: true}}, nil
	}
	limited, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	session, err := s.remote.open(limited)
	if err != nil {
		return brought{}, err
	}
	defer session.close()
	objects := memory.NewStorage()
	if o.wants, err = pick(session); err != nil || len(o.wants) == 0 {
		return brought{fetched: fetched{objects: objects, complete: true}}, err
	}
	complete, err := session.fetchInto(limited, objects, o, maxBytes)
	switch {
	case errors.Is(err, errNamed) && session.serves(capability.AllowReachableSHA1InWant):
		return brought{}, ErrUnknownRevision // the server looked through all history already
	case errors.Is(err, errRefused) && o.bare && session.serves(capability.Filter):
		o.bare = false // some servers leave out nothing but files' contents
		return s.bring(ctx, o, maxBytes, pick)
	}
	return brought{fetched: fetched{objects: objects, complete: complete}, wants: o.wants}, err
}

// has tells whether a commit is among objects.
func has(objects storer.EncodedObjectStorer, commit plumbing.Hash) bool {
	return objects.HasEncodedObject(commit) == nil
}
