package gitrepo

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// crowd is what some who read a branch wait for together: each file may be somebody else's, and one
// look shows them all. It belongs to its own goroutine once it has left its head, and to nobody
// when done.
type crowd struct {
	paths  []string
	maxAge time.Duration // the least that one of them takes
	done   chan struct{}
	seen   *snapshot
	err    error
}

// share waits for a look with all who ask until it begins. It does not end with the one who asked first.
func (e *Editor) share(ctx context.Context, b Branch, h *head, paths []string, maxAge time.Duration) (*snapshot, error) {
	c := e.join(ctx, b, h, paths, maxAge)
	select {
	case <-c.done:
		return c.seen, c.err
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nil, fmt.Errorf("%w: it has not answered yet", ErrUnreachable)
		}
		return nil, ctx.Err()
	}
}

func (e *Editor) join(ctx context.Context, b Branch, h *head, paths []string, maxAge time.Duration) *crowd {
	h.mu.Lock()
	defer h.mu.Unlock()
	c := h.crowd
	if c == nil {
		c = &crowd{maxAge: maxAge, done: make(chan struct{})}
		h.crowd = c
		go e.lookFor(context.WithoutCancel(ctx), b, h, c)
	}
	c.paths, c.maxAge = append(c.paths, paths...), min(c.maxAge, maxAge)
	return c
}

// lookFor looks when it is its turn, unless whoever had it before has seen enough.
func (e *Editor) lookFor(ctx context.Context, b Branch, h *head, c *crowd) {
	defer close(c.done)
	if c.err = h.take(ctx); c.err != nil {
		return
	}
	defer h.release()
	h.mu.Lock()
	h.crowd = nil
	h.mu.Unlock()
	if seen := h.seen.Load(); e.suffices(seen, c.paths, c.maxAge) {
		c.seen = seen
		return
	}
	c.seen, c.err = e.look(ctx, b, h, c.paths)
}

// suffices tells whether what was seen answers for the files.
func (e *Editor) suffices(seen *snapshot, paths []string, maxAge time.Duration) bool {
	return seen != nil && e.clock.Since(seen.at) < maxAge && seen.knows(paths)
}
