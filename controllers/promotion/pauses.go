package promotion

import (
	"sync"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/client"
)

// pauses remember when something last failed that is not worth trying in every pass. The zero
// value is ready.
type pauses struct {
	mu     sync.Mutex
	failed map[client.ObjectKey]time.Time
}

// due tells whether it may be tried (again).
func (p *pauses) due(key client.ObjectKey, now time.Time, pause time.Duration) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	last, failed := p.failed[key]
	return !failed || now.Sub(last) >= pause
}

func (p *pauses) note(key client.ObjectKey, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.failed == nil {
		p.failed = map[client.ObjectKey]time.Time{}
	}
	p.failed[key] = now
}

func (p *pauses) forget(key client.ObjectKey) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.failed, key)
}
