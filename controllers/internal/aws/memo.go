package aws

import (
	"context"
	"sync"
	"time"

	"k8s.io/utils/clock"
)

// loadTimeout bounds a shared load, which outlives the caller that began it.
const loadTimeout = 45 * time.Second

// memo remembers answers for a while and lets concurrent callers share one load.
// Failures are shared with those who wait, but not remembered.
type memo[K comparable, V any] struct {
	clock clock.PassiveClock
	ttl   func(V) time.Duration // for how long an answer is remembered

	mu      sync.Mutex
	entries map[K]*entry[V]
}

type entry[V any] struct {
	done    chan struct{} // closed when value and err are final
	value   V
	err     error
	expires time.Time // zero while loading; guarded by the memo's mutex
}

func newMemo[K comparable, V any](clk clock.PassiveClock, ttl func(V) time.Duration) *memo[K, V] {
	return &memo[K, V]{clock: clk, ttl: ttl, entries: map[K]*entry[V]{}}
}

func (m *memo[K, V]) get(ctx context.Context, key K, load func(context.Context) (V, error)) (V, error) {
	e := m.entryFor(ctx, key, load)
	select {
	case <-e.done:
		return e.value, e.err
	case <-ctx.Done():
		var none V
		return none, ctx.Err()
	}
}

// drop forgets the answer, also one that is still being loaded: whoever waits
// for it gets it, but nobody who asks from now on does.
func (m *memo[K, V]) drop(key K) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.entries, key)
}

func (m *memo[K, V]) entryFor(ctx context.Context, key K, load func(context.Context) (V, error)) *entry[V] {
	m.mu.Lock()
	defer m.mu.Unlock()
	if e, ok := m.entries[key]; ok && (e.expires.IsZero() || m.clock.Now().Before(e.expires)) {
		return e
	}
	e := &entry[V]{done: make(chan struct{})}
	m.entries[key] = e
	// Detached: a caller that gives up must not fail the others who wait.
	go m.fill(context.WithoutCancel(ctx), key, e, load)
	return e
}

func (m *memo[K, V]) fill(ctx context.Context, key K, e *entry[V], load func(context.Context) (V, error)) {
	ctx, cancel := context.WithTimeout(ctx, loadTimeout)
	defer cancel()
	e.value, e.err = load(ctx)

	m.mu.Lock()
	defer m.mu.Unlock()
	defer close(e.done)
	if e.err != nil && m.entries[key] == e {
		delete(m.entries, key)
	}
	e.expires = m.clock.Now().Add(m.ttl(e.value))
}

// always remembers every answer for the same time.
func always[V any](ttl time.Duration) func(V) time.Duration {
	return func(V) time.Duration { return ttl }
}
