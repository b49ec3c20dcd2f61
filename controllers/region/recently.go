package region

import (
	"strings"
	"sync"
	"time"

	"k8s.io/utils/clock"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// seenOf precedes everything that is remembered of a Region. A new Region of the same
// name begins anew.
func seenOf(region *v1alpha1.Region) string { return string(region.UID) + "/" }

// recently remembers when something that cannot be watched was last found settled, so
// that a pass that something else caused does not look at it again. It is memory only: a
// new operator looks once.
type recently struct {
	clock clock.PassiveClock
	mu    sync.Mutex
	at    map[string]sighting
}

type sighting struct {
	state   string
	at      time.Time
	outcome error
}

// last returns what came of the last look in this very state, if it was less than so long ago.
func (r *recently) last(what, state string, within time.Duration) (ok bool, outcome error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	seen, ok := r.at[what]
	if !ok || seen.state != state || r.clock.Since(seen.at) >= within {
		return false, nil
	}
	return true, seen.outcome
}

// recall returns the state in which something was last seen, or "".
func (r *recently) recall(what string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.at[what].state
}

// settled tells whether what was found settled in this very state less than so long ago.
func (r *recently) settled(what, state string, within time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	last, ok := r.at[what]
	return ok && last.state == state && r.clock.Since(last.at) < within
}

// settle notes that it is settled now.
func (r *recently) settle(what, state string) { r.note(what, state, nil) }

// note notes what came of a look.
func (r *recently) note(what, state string, outcome error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at == nil {
		r.at = map[string]sighting{}
	}
	r.at[what] = sighting{state: state, at: r.clock.Now(), outcome: outcome}
}

// forget drops everything whose name begins with prefix.
func (r *recently) forget(prefix string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for what := range r.at {
		if strings.HasPrefix(what, prefix) {
			delete(r.at, what)
		}
	}
}
