package argocd

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/types"
)

const (
	// patience is how old an error of a comparison has to be before Argo CD is asked to forget
	// what it remembers: most errors pass.
	patience = time.Minute
	// firstPause and longestPause lie between two such questions about one error.
	firstPause   = 2 * time.Minute
	longestPause = time.Hour
)

// Retries ask Argo CD to compare past its caches what it could not compare: its repo server
// remembers errors of rendering ("Manifest generation error (cached)"), and a commit that was fetched
// too early would never be rendered. The zero value is ready; nothing has to survive a restart.
//
// +kubebuilder:object:generate=false
type Retries struct {
	mu    sync.Mutex
	tried map[types.UID]retry
}

// +kubebuilder:object:generate=false
type retry struct {
	revision string
	at       time.Time
	pause    time.Duration
}

// Retry asks for a hard refresh of an Application that is blocked by an error of its comparison at
// the revision, seldom and ever more seldom.
func (r *Retries) Retry(ctx context.Context, c *Clusters, a *Application, revision string, v Verdict, now time.Time) error {
	switch {
	case a == nil || v.Healthy:
		return nil
	case v.Class != Blocked || v.Since.IsZero() || !comparisonFailed(a) || now.Sub(v.Since) < patience:
		return nil
	case !r.due(a.UID, revision, now):
		return nil
	}
	return c.Refresh(ctx, a, true)
}

func (r *Retries) due(uid types.UID, revision string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	last, tried := r.tried[uid]
	pause := firstPause
	if tried && last.revision == revision {
		if now.Sub(last.at) < last.pause {
			return false
		}
		pause = min(2*last.pause, longestPause)
	}
	if r.tried == nil {
		r.tried = map[types.UID]retry{}
	}
	r.tried[uid] = retry{revision, now, pause}
	for other, t := range r.tried { // of Applications that are gone
		if now.Sub(t.at) > 2*longestPause {
			delete(r.tried, other)
		}
	}
	return true
}
