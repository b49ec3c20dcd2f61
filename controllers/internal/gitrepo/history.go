package gitrepo

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/go-git/go-git/v5/plumbing"
	"k8s.io/utils/clock"
)

// History answers questions about the commits of a branch or between two commits. It remembers
// what never changes; it is safe for concurrent use. Questions about the same repository wait for
// each other, except for those that are about to be answered from memory.
type History struct {
	clock  clock.PassiveClock
	limits limits
	kept   int // commits of all pasts
	heads  heads
	pasts  pasts

	mu      sync.Mutex
	answers *recent[string, any]
}

// NewHistory returns a History that knows nothing yet.
func NewHistory(clk clock.PassiveClock) *History {
	return &History{
		clock: clk, limits: defaultLimits, kept: keptCommits, answers: newRecent[string, any](defaultLimits.keptEntries),
	}
}

// Head is the commit at the head of a branch, at most maxAge old. The errors are those of
// Editor.Read.
func (h *History) Head(ctx context.Context, repo Repository, branch string, maxAge time.Duration) (commit string, err error) {
	b := Branch{Repository: repo, Name: branch}
	tip, err := h.tip(ctx, b, maxAge)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", b, err)
	}
	return tip.String(), nil
}

func (h *History) tip(ctx context.Context, b Branch, maxAge time.Duration) (plumbing.Hash, error) {
	head := h.heads.of(b, h.clock.Now())
	if tip, fresh := h.fresh(head, maxAge); fresh {
		return tip, nil
	}
	if err := head.take(ctx); err != nil {
		return plumbing.ZeroHash, err
	}
	defer head.release()
	if tip, fresh := h.fresh(head, maxAge); fresh { // somebody else looked meanwhile
		return tip, nil
	}
	at := h.clock.Now()
	from, err := b.source()
	if err != nil {
		return plumbing.ZeroHash, b.explain(ctx, err)
	}
	tip, err := from.tip(ctx, b)
	if err != nil {
		return plumbing.ZeroHash, b.explain(ctx, err)
	}
	head.seen.Store(&snapshot{head: tip, at: at})
	return tip, nil
}

func (h *History) fresh(head *head, maxAge time.Duration) (tip plumbing.Hash, fresh bool) {
	seen := head.seen.Load()
	if seen == nil || h.clock.Since(seen.at) >= maxAge {
		return plumbing.ZeroHash, false
	}
	return seen.head, true
}

// Contains tells whether a commit is on a branch: the head itself or one of its ancestors. A
// commit that the repository does not have is on none of its branches. maxAge is as in
// Head. While the repository is unreachable, what was on the branch is taken to be there still.
func (h *History) Contains(ctx context.Context, repo Repository, branch, commit string, maxAge time.Duration) (bool, error) {
	b := Branch{Repository: repo, Name: branch}
	wanted, err := hashOf(commit)
	if err != nil {
		return false, fmt.Errorf("looking for %q on %s: %w", commit, b, err)
	}
	last := b.key("was on "+branch, wanted.String())
	found, err := atTip(ctx, h, b, maxAge, func(v *visit, tip plumbing.Hash) (bool, error) {
		return v.contains(ctx, tip, wanted)
	}, "is before", wanted.String())
	if errors.Is(err, ErrUnreachable) {
		if was, _ := h.answer(last); was == any(true) {
			return true, nil
		}
	}
	if err != nil {
		return false, fmt.Errorf("looking for commit %s on %s: %w", wanted, b, err)
	}
	h.remember(last, found, 1)
	return found, nil
}

// FirstWith returns the oldest commit of the branch's first-parent line from which on it has
// all the paths as files: that commit has them, and its parent does not have all. It is "" when the
// head lacks them. Far back the line is bisected, so that a short time without them can be
// overlooked there.
func (h *History) FirstWith(ctx context.Context, repo Repository, branch string, paths []string, maxAge time.Duration) (commit string, err error) {
	b := Branch{Repository: repo, Name: branch}
	asked := canonicals(paths)
	first, err := atTip(ctx, h, b, maxAge, func(v *visit, tip plumbing.Hash) (string, error) {
		return v.firstWith(ctx, tip, asked)
	}, firstWith(asked)...)
	if err != nil {
		return "", fmt.Errorf("looking through the history of %s: %w", b, err)
	}
	return first, nil
}

// firstWith is how the question is spelled.
func firstWith(paths []string) []string { return append([]string{"has first"}, paths...) }

// Between returns the commits that to has and from has not (git log from..to), the newest
// first, at most limit of them, with the files that each changed against its first parent.
// There are more also when the last one's files are too many to keep, and when the server does not
// have all history. The errors are those of Repositories.Missing.
func (h *History) Between(ctx context.Context, repo Repository, from, to string, limit int) (commits []Commit, more bool, err error) {
	before, err := hashOf(from)
	if err != nil {
		return nil, false, fmt.Errorf("looking for %q in %s: %w", from, repo, err)
	}
	after, err := hashOf(to)
	if err != nil {
		return nil, false, fmt.Errorf("looking for %q in %s: %w", to, repo, err)
	}
	key := repo.key("between", before.String(), after.String(), fmt.Sprint(limit))
	found, err := ask(ctx, h, repo, key, (*difference).weight, func(v *visit) (*difference, error) {
		return v.between(ctx, before, after, max(limit, 0))
	})
	if err != nil {
		return nil, false, fmt.Errorf("comparing %s with %s in %s: %w", after, before, repo, err)
	}
	return found.clone(), found.more, nil
}

// atTip answers a question about a branch as it was at most maxAge ago.
func atTip[T any](ctx context.Context, h *History, b Branch, maxAge time.Duration, find func(*visit, plumbing.Hash) (T, error), question ...string) (T, error) {
	var found T
	tip, err := h.tip(ctx, b, maxAge)
	if err != nil {
		return found, err
	}
	try := func() (T, error) {
		key := b.key(append([]string{tip.String()}, question...)...)
		return ask(ctx, h, b.Repository, key, func(T) int { return 1 }, func(v *visit) (T, error) { return find(v, tip) })
	}
	if found, err = try(); !errors.Is(err, ErrUnknownRevision) {
		return found, err
	}
	if tip, err = h.tip(ctx, b, 0); err != nil { // others replaced the branch since
		return found, err
	}
	return try()
}

// ask answers from memory, or when it is its turn.
func ask[T any](ctx context.Context, h *History, repo Repository, key string, weigh func(T) int, find func(*visit) (T, error)) (found T, err error) {
	if known, ok := h.answer(key); ok {
		return known.(T), nil
	}
	err = h.visit(ctx, repo, func(v *visit) error {
		if known, ok := h.answer(key); ok { // somebody else asked meanwhile
			found = known.(T)
			return nil
		}
		var err error
		if found, err = find(v); err == nil {
			h.remember(key, found, weigh(found))
		}
		return err
	})
	return found, err
}

// key spells a question so that it is different for different ones.
func (r Repository) key(question ...string) string {
	identity := r.identity()
	sum := sha256.Sum256(fmt.Appendf(identity[:], " %q", question))
	return string(sum[:])
}

func (h *History) answer(key string) (known any, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.answers.get(key)
}

func (h *History) remember(key string, found any, weight int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answers.put(key, found, weight)
}

// hashOf accepts nothing that could mean another commit tomorrow.
func hashOf(commit string) (plumbing.Hash, error) {
	if len(commit) != 2*len(plumbing.ZeroHash) || !plumbing.IsHash(commit) {
		return plumbing.ZeroHash, fmt.Errorf("%w: not a full commit hash", ErrUnknownRevision)
	}
	return plumbing.NewHash(strings.ToLower(commit)), nil
}
