package cloud

import (
	"slices"
	"sync"
)

// EventType says what happened to a resource.
type EventType string

// The types of events.
const (
	Created EventType = "Created"
	Updated EventType = "Updated"
	Deleted EventType = "Deleted"
)

// Event is one change; Resource is the state after it, or the last one before deletion.
type Event struct {
	Type     EventType
	Resource Resource
}

// Subscribe calls handle for each later change, in order and one at a time. It
// runs in the goroutine of whoever made a change, outside the lock, so it may
// call the Cloud but must not block. The returned function ends the subscription.
func (c *Cloud) Subscribe(handle func(Event)) (unsubscribe func()) {
	return c.feed.subscribe(handle)
}

// feed hands events on in the order in which they were added. One goroutine at a
// time delivers; changes made meanwhile, also by the subscribers themselves, are
// queued for it. A plain lock around the delivery would deadlock on the latter.
type feed struct {
	mu          sync.Mutex
	queue       []Event
	delivering  bool
	subscribers []*subscriber
}

type subscriber struct{ handle func(Event) }

func (f *feed) subscribe(handle func(Event)) (unsubscribe func()) {
	s := &subscriber{handle: handle}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.subscribers = append(f.subscribers, s)
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.subscribers = slices.DeleteFunc(slices.Clone(f.subscribers), func(other *subscriber) bool { return other == s })
	}
}

func (f *feed) add(e Event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.queue = append(f.queue, e)
}

func (f *feed) deliver() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.delivering {
		return
	}
	f.delivering = true
	defer func() { f.delivering = false }()
	for len(f.queue) > 0 {
		event, subscribers := f.queue[0], slices.Clone(f.subscribers)
		f.queue = f.queue[1:]
		f.handOut(event, subscribers)
	}
}

// handOut runs the subscribers without the lock, and takes it again even if one panics.
func (f *feed) handOut(event Event, subscribers []*subscriber) {
	f.mu.Unlock()
	defer f.mu.Lock()
	for _, s := range subscribers {
		s.handle(Event{Type: event.Type, Resource: event.Resource.clone()})
	}
}
