package gossipring

import (
	"sync"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// refused remembers how many of a region's last writes have failed. One whose first may have landed
// although nobody heard so is written before all others: the region may be restarting. Who fails again, or
// is refused, comes after all others: one that cannot be written at all would have the turn in every pass.
type refused struct {
	mu sync.Mutex
	by map[client.ObjectKey]map[string]int // of each ring, by Region
}

func newRefused() *refused { return &refused{by: map[client.ObjectKey]map[string]int{}} }

// cannotBe is how many failures are enough to come last.
const cannotBe = 2

// note adds failures; none forgets those that there were.
func (r *refused) note(ring client.ObjectKey, region string, failures int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if failures == 0 {
		delete(r.by[ring], region)
		return
	}
	if r.by[ring] == nil {
		r.by[ring] = map[string]int{}
	}
	r.by[ring][region] += failures
}

func (r *refused) times(ring client.ObjectKey, region string) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.by[ring][region]
}

func (r *refused) forget(ring client.ObjectKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.by, ring)
}
