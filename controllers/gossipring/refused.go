package gossipring

import (
	"sync"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// refused remembers whose last write has failed. They are written after all others: one that
// cannot be written at all would have the turn in every pass.
type refused struct {
	mu sync.Mutex
	by map[client.ObjectKey]map[string]bool // of each ring, by Region
}

func newRefused() *refused { return &refused{by: map[client.ObjectKey]map[string]bool{}} }

func (r *refused) note(ring client.ObjectKey, region string, failed bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !failed {
		delete(r.by[ring], region)
		return
	}
	if r.by[ring] == nil {
		r.by[ring] = map[string]bool{}
	}
	r.by[ring][region] = true
}

func (r *refused) has(ring client.ObjectKey, region string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.by[ring][region]
}

func (r *refused) forget(ring client.ObjectKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.by, ring)
}
