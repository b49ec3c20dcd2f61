package promotion

import (
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

const (
	// tolerated is how many times within a while a pin that was written may be taken away again.
	tolerated = 2
	while     = time.Minute
)

// fights remembers what was written, to notice that somebody else keeps writing something else.
// Nothing of it has to survive a restart. The zero value is ready.
type fights struct {
	mu     sync.Mutex
	writes map[client.ObjectKey]map[pinKey]*writes
}

type pinKey struct{ region, application string }

// writes are those of one value.
type writes struct {
	pin v1alpha1.GitRevision
	at  []time.Time
}

// lost takes down that a pin is about to be written, and tells whether somebody else has taken
// the same one away too often.
func (f *fights) lost(promotion client.ObjectKey, key pinKey, pin v1alpha1.GitRevision, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.writes == nil {
		f.writes = map[client.ObjectKey]map[pinKey]*writes{}
	}
	if f.writes[promotion] == nil {
		f.writes[promotion] = map[pinKey]*writes{}
	}
	w := f.writes[promotion][key]
	if w == nil || w.pin != pin {
		w = &writes{pin: pin}
		f.writes[promotion][key] = w
	}
	var recent []time.Time
	for _, at := range w.at {
		if now.Sub(at) < while {
			recent = append(recent, at)
		}
	}
	w.at = recent
	if len(recent) > tolerated {
		return true
	}
	w.at = append(recent, now)
	return false
}

func (f *fights) forget(promotion client.ObjectKey) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.writes, promotion)
}
