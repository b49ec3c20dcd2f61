package gossipring

import (
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/controllers/internal/delivery"
)

// failures remember what came of the last writes of each ring's regions, where the last one has failed.
type failures struct {
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

func newFailures() *failures { return &failures{by: map[client.ObjectKey]map[string]failure{}} }

// note takes down what came of a write just now, and returns what is remembered of it. What may have been done
// counts from the first time on, so that one that always times out does not hold up others for ever, and anew after
// the timeout.
func (f *failures) note(ring client.ObjectKey, region string, err error, now time.Time, timeout time.Duration) failure {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		delete(f.by[ring], region)
		return failure{}
	}
	if f.by[ring] == nil {
		f.by[ring] = map[string]failure{}
	}
	last := failure{at: now, lost: f.by[ring][region].lost}
	if delivery.MayHaveLanded(err) && now.Sub(last.lost) >= timeout {
		last.lost = now.Truncate(time.Second) // as it is stored
	}
	f.by[ring][region] = last
	return last
}

func (f *failures) of(ring client.ObjectKey, region string) (last failure, failing bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	last, failing = f.by[ring][region]
	return last, failing
}

func (f *failures) forget(ring client.ObjectKey) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.by, ring)
}
