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

// lost tells whether somebody else has taken a pin away too often that is to be written once more.
func (f *fights) lost(promotion client.ObjectKey, key pinKey, pin v1alpha1.GitRevision, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := f.writes[promotion][key]
	return w != nil && w.pin == pin && len(w.since(now.Add(-while))) > tolerated
}

// wrote takes down that a pin was written.
func (f *fights) wrote(promotion client.ObjectKey, key pinKey, pin v1alpha1.GitRevision, now time.Time) {
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
	w.at = append(w.since(now.Add(-while)), now)
}

// since are the writes after a moment.
func (w *writes) since(moment time.Time) []time.Time {
	var recent []time.Time
	for _, at := range w.at {
		if at.After(moment) {
			recent = append(recent, at)
		}
	}
	return recent
}

func (f *fights) forget(promotion client.ObjectKey) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.writes, promotion)
}
