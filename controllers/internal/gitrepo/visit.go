package gitrepo

import (
	"context"
	"errors"
	"slices"

	"github.com/go-git/go-git/v5/plumbing"
)

// nearby is how far back a branch is looked at before all of its history is.
const nearby = 500

// errPartial means that the server itself was made without all history.
var errPartial = errors.New("the server has only a part of the branch's history")

// visit is one question's turn at a repository.
type visit struct {
	history *History
	repo    Repository
	from    source
	past    *past
}

func (h *History) visit(ctx context.Context, repo Repository, ask func(*visit) error) error {
	from, err := repo.source()
	if err != nil {
		return explain(repo, err)
	}
	p := h.pasts.of(repo.identity(), h.clock.Now())
	select {
	case p.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { h.pasts.done(p, h.clock.Now(), h.kept) }()
	if err := ask(&visit{history: h, repo: repo, from: from, past: p}); err != nil {
		return Branch{Repository: repo}.explain(ctx, err)
	}
	return nil
}

// learn makes a commit known and what is before it: all of that, or what is nearby.
func (v *visit) learn(ctx context.Context, commit plumbing.Hash, depth int) error {
	if v.past.has(commit) && (v.past.whole || depth > 0) {
		return nil
	}
	got, err := v.bring(ctx, commit, depth)
	if err != nil {
		return err
	}
	if got.complete && !v.past.whole {
		v.past.forget() // what was cut off at a depth
	}
	if err := v.past.add(ctx, got.objects, append(got.wants, commit)...); err != nil {
		return err
	}
	if got.complete {
		v.past.ended(got.wants)
	}
	switch {
	case v.past.has(commit):
		return nil
	case got.complete:
		return ErrUnknownRevision
	default:
		return v.learn(ctx, commit, 0)
	}
}

// bring fetches commits, and nothing of what is known with all that is before it.
func (v *visit) bring(ctx context.Context, commit plumbing.Hash, depth int) (brought, error) {
	o := order{bare: true, depth: depth}
	known := func(plumbing.Hash) bool { return false }
	if v.past.whole {
		o.depth, o.haves, known = 0, slices.Clone(v.past.tips), v.past.has
	}
	maxBytes := v.history.limits.packBytes
	got, err := v.from.history(ctx, commit, o, maxBytes)
	if errors.Is(err, errRefused) {
		return v.from.branches(ctx, o, maxBytes, known)
	}
	return got, err
}

func (v *visit) contains(ctx context.Context, tip, commit plumbing.Hash) (bool, error) {
	for _, depth := range []int{nearby, 0} {
		if err := v.learn(ctx, tip, depth); err != nil {
			return false, err
		}
		if found, sure := v.past.contains(tip, commit); sure {
			return found, nil
		}
	}
	return false, errPartial
}

// folders brings commits with their folders, down to a depth. A server that does not hand out the
// commit on its own sends all there is.
func (v *visit) folders(ctx context.Context, commit plumbing.Hash, depth int) (fetched, error) {
	maxBytes := v.history.limits.packBytes
	got, err := v.from.history(ctx, commit, order{depth: depth}, maxBytes)
	if errors.Is(err, errRefused) {
		got, err = v.from.branches(ctx, order{}, maxBytes, func(plumbing.Hash) bool { return false })
	}
	if err == nil && !has(got.objects, commit) {
		err = ErrUnknownRevision
	}
	return got.fetched, err
}
