package gossipring

import (
	"sync"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/controllers/internal/delivery"
)

// refused remembers the regions whose last write has failed, of each ring, and of which of them nobody
// knows whether one was done.
type refused struct {
	mu sync.Mutex
	by map[client.ObjectKey]map[string]bool
}

func newRefused() *refused { return &refused{by: map[client.ObjectKey]map[string]bool{}} }

// note takes down what came of a write. It tells whether it is the first since one was known to be done, or
// seen, that may have been done although nobody heard so.
func (r *refused) note(ring client.ObjectKey, region string, err error) (unheard bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		delete(r.by[ring], region)
		return false
	}
	if r.by[ring] == nil {
		r.by[ring] = map[string]bool{}
	}
	before := r.by[ring][region]
	r.by[ring][region] = before || delivery.MayHaveLanded(err)
	return r.by[ring][region] && !before
}

func (r *refused) of(ring client.ObjectKey, region string) (failing, unheard bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	unheard, failing = r.by[ring][region]
	return failing, unheard
}

func (r *refused) forget(ring client.ObjectKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.by, ring)
}
