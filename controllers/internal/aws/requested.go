package aws

import (
	"maps"
	"sync"
	"time"

	"k8s.io/utils/clock"
)

// requestedFor is how long a copy that was asked for counts as being made although
// Secrets Manager, which is eventually consistent, does not list it yet.
const requestedFor = time.Minute

// requests remembers which copies of secrets were asked for, so that nobody asks again.
type requests struct {
	clock clock.PassiveClock

	mu sync.Mutex
	at map[requestedCopy]time.Time
}

type requestedCopy struct {
	secret secretKey
	region string
}

func newRequests(clk clock.PassiveClock) *requests {
	return &requests{clock: clk, at: map[requestedCopy]time.Time{}}
}

// add returns the regions that were not asked for before.
func (r *requests) add(secret secretKey, regions []string) []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forgetOld()
	var fresh []string
	for _, region := range regions {
		key := requestedCopy{secret: secret, region: region}
		if _, known := r.at[key]; !known {
			fresh = append(fresh, region)
		}
		r.at[key] = r.clock.Now()
	}
	return fresh
}

func (r *requests) remove(secret secretKey, regions []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, region := range regions {
		delete(r.at, requestedCopy{secret: secret, region: region})
	}
}

// complete adds the copies of the secret that AWS does not list yet.
func (r *requests) complete(secret secretKey, states map[string]ReplicaState) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.forgetOld()
	for requested := range r.at {
		if _, listed := states[requested.region]; requested.secret == secret && !listed {
			states[requested.region] = ReplicaState{Status: ReplicaInProgress}
		}
	}
}

func (r *requests) forgetOld() {
	now := r.clock.Now()
	maps.DeleteFunc(r.at, func(_ requestedCopy, at time.Time) bool { return now.Sub(at) >= requestedFor })
}
