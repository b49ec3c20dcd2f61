package aws

import (
	"slices"
	"sync"
	"time"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// settings are what a test or the bed makes different from an ordinary account. All
// are off by default.
type settings struct {
	mu        sync.RWMutex
	lag       time.Duration
	optIn     map[string]string
	offerings map[string][]string
	quotas    map[quotaKey]float64
}

// SetLag makes EC2, EKS and Secrets Manager eventually consistent: their reads show what was
// created only after d of real time. Zero ends it.
func (s *Server) SetLag(d time.Duration) {
	s.settings.mu.Lock()
	defer s.settings.mu.Unlock()
	s.settings.lag = d
}

func (s *settings) lagging() time.Duration {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.lag
}

// lister is cloud.List or what readers see of it.
type lister func(match func(cloud.Resource) bool) []cloud.Resource

// seen is List for readers, who do not see what is younger than the lag.
func (s *Server) seen(match func(cloud.Resource) bool) []cloud.Resource {
	visible := s.visible()
	return slices.DeleteFunc(s.cloud.List(match), func(r cloud.Resource) bool { return !visible(r) })
}

// see is Get for readers.
func (s *Server) see(key cloud.Key) (cloud.Resource, bool) {
	r, ok := s.cloud.Get(key)
	if !ok || !s.visible()(r) {
		return cloud.Resource{}, false
	}
	return r, true
}

func (s *Server) visible() func(cloud.Resource) bool {
	lag := s.settings.lagging()
	if lag == 0 {
		return func(cloud.Resource) bool { return true }
	}
	newest := time.Now().Add(-lag)
	return func(r cloud.Resource) bool { return r.CreatedAt.Before(newest) }
}
