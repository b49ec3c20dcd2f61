package argocd

import (
	"sync"
	"time"
)

// memory holds what seconds in a status are too coarse for, and what a restart may
// forget: a restarted controller compares everything again.
type memory struct {
	mu   sync.Mutex
	apps map[string]*remembered
}

type remembered struct {
	comparedAt  time.Time
	operationAt time.Time
}

func newMemory() *memory {
	return &memory{apps: map[string]*remembered{}}
}

func (m *memory) with(application string, do func(*remembered)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.apps[application] == nil {
		m.apps[application] = &remembered{}
	}
	do(m.apps[application])
}

func (m *memory) forget(application string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.apps, application)
}

// comparisonDue reports whether the last full comparison is too old, or unknown.
func (m *memory) comparisonDue(application string, now time.Time) (due bool) {
	m.with(application, func(a *remembered) { due = now.Sub(a.comparedAt) >= resync })
	return due
}

func (m *memory) rememberComparison(application string, at time.Time) {
	m.with(application, func(a *remembered) { a.comparedAt = at })
}

// scheduleOperation says when the work of an operation takes place. The comparison
// before it no longer counts afterwards.
func (m *memory) scheduleOperation(application string, at time.Time) {
	m.with(application, func(a *remembered) { a.operationAt = at })
}

func (m *memory) finishOperation(application string) {
	m.with(application, func(a *remembered) { *a = remembered{} })
}

// operationAt returns when the work of an operation is scheduled, zero after a restart.
func (m *memory) operationAt(application string) (at time.Time) {
	m.with(application, func(a *remembered) { at = a.operationAt })
	return at
}
