package gossipring

import (
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/controllers/internal/delivery"
)

// refused remembers what came of the last writes of each ring's regions, where the last one has failed.
type refused struct {
	mu sync.Mutex
	by map[client.ObjectKey]map[string]failure
}

// failure is a write that has failed.
type failure struct {
	// at is when it was tried last.
	at time.Time
	// lost is when one may have been done although nobody heard so, or zero.
	lost time.Time
}

func newRefused() *refused { return &refused{by: map[client.ObjectKey]map[string]failure{}} }

// note takes down what came of a write just now. What may have been done counts from the first time on, so that
// one that always times out does not hold up others for ever, and anew after the timeout.
func (r *refused) note(ring client.ObjectKey, region string, err error, now time.Time, timeout time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err == nil {
		delete(r.by[ring], region)
		return
	}
	if r.by[ring] == nil {
		r.by[ring] = map[string]failure{}
	}
	f := failure{at: now, lost: r.by[ring][region].lost}
	if delivery.MayHaveLanded(err) && now.Sub(f.lost) >= timeout {
		f.lost = now.Truncate(time.Second) // as it is stored
	}
	r.by[ring][region] = f
}

func (r *refused) of(ring client.ObjectKey, region string) (last failure, failing bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	last, failing = r.by[ring][region]
	return last, failing
}

func (r *refused) forget(ring client.ObjectKey) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.by, ring)
}
