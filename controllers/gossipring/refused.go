package gossipring

import (
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/controllers/internal/delivery"
)

// refused remembers the regions whose last write has failed, of each ring, and when the first answer of those
// was lost, so that nobody knows whether one was done.
type refused struct {
	mu sync.Mutex
	by map[client.ObjectKey]map[string]time.Time // zero where no answer was lost
}

func newRefused() *refused { return &refused{by: map[client.ObjectKey]map[string]time.Time{}} }

// note takes down what came of a write just now.
func (r *refused) note(ring client.ObjectKey, region string, err error, now time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		delete(r.by[ring], region)
		return
	}
	if r.by[ring] == nil {
		r.by[ring] = map[string]time.Time{}
	}
	if lost := r.by[ring][region]; lost.IsZero() && delivery.MayHaveLanded(err) {
		r.by[ring][region] = now.Truncate(time.Second) // as it is stored
	} else {
		r.by[ring][region] = lost
	}
}

// of returns when an answer was lost, or zero.
func (r *refused) of(ring client.ObjectKey, region string) (lost time.Time, failing bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	lost, failing = r.by[ring][region]
	return lost, failing
}

func (r *refused) forget(ring client.ObjectKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.by, ring)
}
