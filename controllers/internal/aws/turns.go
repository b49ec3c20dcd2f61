package aws

import (
	"context"
	"sync"
)

// turns lets the callers of one key act one after the other.
type turns struct {
	mu    sync.Mutex
	byKey map[string]*turn
}

type turn struct {
	taken   chan struct{} // holds one value while somebody acts
	callers int           // who act or wait; guarded by the mutex of the turns
}

func newTurns() *turns { return &turns{byKey: map[string]*turn{}} }

// take acts when it is the caller's turn, or returns the error of the context.
func (t *turns) take(ctx context.Context, key string, act func() error) error {
	mine := t.join(key)
	defer t.leave(key, mine)
	select {
	case mine.taken <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-mine.taken }()
	return act()
}

func (t *turns) join(key string) *turn {
	t.mu.Lock()
	defer t.mu.Unlock()
	joined := t.byKey[key]
	if joined == nil {
		joined = &turn{taken: make(chan struct{}, 1)}
		t.byKey[key] = joined
	}
	joined.callers++
	return joined
}

func (t *turns) leave(key string, left *turn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if left.callers--; left.callers == 0 {
		delete(t.byKey, key)
	}
}
