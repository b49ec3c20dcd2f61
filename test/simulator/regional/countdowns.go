package regional

import (
	"sync"
	"time"
)

// countdowns remember since when things are under way. One that a complete pass did
// not ask about has lost its object and is forgotten.
type countdowns struct {
	ring func()

	mu      sync.Mutex
	started map[string]*countdown
	stopped bool
}

type countdown struct {
	timer *time.Timer
	over  bool
	asked bool
}

func newCountdowns(ring func()) *countdowns {
	return &countdowns{ring: ring, started: map[string]*countdown{}}
}

// over reports whether the countdown has ended. The first call starts it; the end
// rings for another pass.
func (c *countdowns) over(key string, length func() time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if d, ok := c.started[key]; ok {
		d.asked = true
		return d.over
	}
	if c.stopped {
		return false
	}
	d := &countdown{asked: true}
	c.started[key] = d
	d.timer = time.AfterFunc(length(), func() { c.end(d) })
	return false
}

func (c *countdowns) end(d *countdown) {
	c.mu.Lock()
	d.over = true
	c.mu.Unlock()
	c.ring()
}

func (c *countdowns) begin() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, d := range c.started {
		d.asked = false
	}
}

func (c *countdowns) sweep() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key, d := range c.started {
		if !d.asked {
			d.timer.Stop()
			delete(c.started, key)
		}
	}
}

func (c *countdowns) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.stopped = true
	for _, d := range c.started {
		d.timer.Stop()
	}
}

// sampled draws how long something takes when its countdown starts.
func (r *Region) sampled(what string) func() time.Duration {
	return func() time.Duration { return r.options.Cloud.Sample(what) }
}
