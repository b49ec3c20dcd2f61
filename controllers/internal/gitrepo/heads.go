package gitrepo

import (
	"context"
	"crypto/sha256"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// keptHeads is how many branches are remembered.
const keptHeads = 64

// head is what is known about a branch.
type head struct {
	turn chan struct{} // full while somebody looks or commits
	seen atomic.Pointer[snapshot]
	used time.Time // the heads' to change

	mu    sync.Mutex
	crowd *crowd // who waits for the next look
}

// take waits for the turn.
func (h *head) take(ctx context.Context) error {
	select {
	case h.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *head) release() { <-h.turn }

// heads are the branches that were used last. The zero value is ready.
type heads struct {
	mu    sync.Mutex
	known map[[sha256.Size]byte]*head
}

func (hs *heads) of(b Branch, now time.Time) *head {
	identity := b.identity()
	key := sha256.Sum256(fmt.Appendf(identity[:], " %q", b.Name))
	hs.mu.Lock()
	defer hs.mu.Unlock()
	h := hs.known[key]
	if h == nil {
		if hs.known == nil {
			hs.known = map[[sha256.Size]byte]*head{}
		}
		hs.forget()
		h = &head{turn: make(chan struct{}, 1)}
		hs.known[key] = h
	}
	h.used = now
	return h
}

// forget makes room. One that is in use is not forgotten: there would be two turns.
func (hs *heads) forget() {
	if len(hs.known) < keptHeads {
		return
	}
	var oldest [sha256.Size]byte
	var found *head
	for key, h := range hs.known {
		if len(h.turn) == 0 && (found == nil || h.used.Before(found.used)) {
			oldest, found = key, h
		}
	}
	if found != nil {
		delete(hs.known, oldest)
	}
}
