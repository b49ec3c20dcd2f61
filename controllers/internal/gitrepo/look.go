package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
	"github.com/go-git/go-git/v5/plumbing/protocol/packp/capability"
	"github.com/go-git/go-git/v5/plumbing/transport"
	"github.com/go-git/go-git/v5/storage/memory"
)

// keptPaths is how many files of a branch are remembered, beside those just asked for.
const keptPaths = 2000

// errInPlace means that there is no server to ask.
var errInPlace = errors.New("a file:// repository has no branches to push to")

// look sees what the head of a branch holds. It is called by the one whose turn it is.
func (e *Editor) look(ctx context.Context, b Branch, h *head, paths []string) (*snapshot, error) {
	limited, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	seen, err := e.refresh(limited, b, h.seen.Load(), paths)
	if err != nil {
		return nil, b.explain(ctx, err)
	}
	h.seen.Store(seen)
	return seen, nil
}

// explain leaves the caller's own end alone.
func (b Branch) explain(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return explain(b.Repository, err)
}

func (e *Editor) refresh(ctx context.Context, b Branch, seen *snapshot, paths []string) (*snapshot, error) {
	from, err := b.remote()
	if err != nil {
		return nil, err
	}
	s, err := from.open(ctx)
	if err != nil {
		return nil, b.noBranch(err)
	}
	defer s.close()
	tip, err := s.tip(b)
	if err != nil {
		return nil, err
	}
	asked := canonicals(paths)
	now := e.clock.Now()
	if seen != nil && seen.head == tip && seen.knows(paths) {
		renewed := *seen
		renewed.at = now
		return &renewed, nil
	}
	if seen != nil && len(seen.files) <= keptPaths {
		for path := range seen.files {
			asked = append(asked, path)
		}
		slices.Sort(asked)
		asked = slices.Compact(asked)
	}
	w, err := from.files(ctx, s, tip, asked, e.limits.packBytes)
	if err != nil {
		return nil, ofBranch(err)
	}
	return w.snapshot(asked, now)
}

func canonicals(paths []string) []string {
	names := make([]string, len(paths))
	for i, path := range paths {
		names[i] = canonical(path)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// files brings a commit's folders and then the contents of some files, where the server has
// both to offer, else all there is. maxBytes is of one answer.
func (from remote) files(ctx context.Context, s *session, commit plumbing.Hash, paths []string, maxBytes int64) (*walker, error) {
	objects := memory.NewStorage()
	single := s.serves(capability.Filter) && (s.serves(capability.AllowReachableSHA1InWant) || s.serves(capability.AllowTipSHA1InWant))
	o := order{wants: []plumbing.Hash{commit}, depth: 1, contents: !single}
	if _, err := s.fetchInto(ctx, objects, o, maxBytes); err != nil {
		return nil, err
	}
	w, err := newWalker(objects, commit)
	if err != nil || !single {
		return w, err
	}
	blobs, err := w.blobs(paths)
	if err != nil || len(blobs) == 0 {
		return w, err
	}
	err = from.more(ctx, objects, order{wants: blobs, contents: true}, maxBytes)
	if errors.Is(err, errRefused) {
		o.contents = true
		err = from.more(ctx, objects, o, maxBytes)
	}
	return w, err
}

func (from remote) more(ctx context.Context, objects *memory.Storage, o order, maxBytes int64) error {
	s, err := from.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	_, err = s.fetchInto(ctx, objects, o, maxBytes)
	return err
}

func ofBranch(err error) error {
	if errors.Is(err, errRefused) {
		return errors.New("the server does not serve its own branches")
	}
	return err
}

func (b Branch) reference() plumbing.ReferenceName { return plumbing.NewBranchReferenceName(b.Name) }

func (b Branch) remote() (remote, error) {
	endpoint, err := b.endpoint()
	if err != nil {
		return remote{}, err
	}
	if endpoint.Protocol == protocolFile {
		return remote{}, errInPlace
	}
	return remoteOf(endpoint, b.Auth)
}

// noBranch says of an empty repository what matters here.
func (b Branch) noBranch(err error) error {
	if errors.Is(err, transport.ErrEmptyRemoteRepository) {
		return fmt.Errorf("%w: %s: the repository is empty", ErrNoBranch, b.Name)
	}
	return err
}
