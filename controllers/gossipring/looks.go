package gossipring

import (
	"context"
	"sync"
	"time"

	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// parallelLooks bounds how many regions are asked at the same time, over all rings.
	parallelLooks = 32
	// lookTimeout ends a look at a region that does not answer.
	lookTimeout = 10 * time.Second
	// passPatience is how long a pass waits for its looks. Whoever takes longer is seen by a later pass.
	passPatience = 2 * time.Second
)

// lookKey is a region as a member of one ring.
type lookKey struct{ ring, region client.ObjectKey }

// looks remember what was last seen of members where nothing announces a change, so that a
// pass asks only those whose answer is old, or whose question is another: the cost of an
// event in one region does not grow with the ring. A region that does not answer holds up
// one pass for a moment, and later ones not at all.
type looks[A any] struct {
	clock clock.Clock
	slots chan struct{}
	// alone are those that change what they look at: there is never a second one under way at a region.
	alone bool

	mu   sync.Mutex
	seen map[lookKey]*look[A]
}

type look[A any] struct {
	question string
	answer   A
	at       time.Time // of the answer; zero when there is none
	pending  bool
	outdated bool // what is under way may have begun before a change
}

// job is a look that may be due.
type job[A any] struct {
	key lookKey
	// question is what the answer depends on.
	question string
	// every is how old an answer may become.
	every time.Duration
	ask   func(context.Context) A
}

func newLooks[A any](clk clock.Clock) *looks[A] {
	return &looks[A]{clock: clk, slots: make(chan struct{}, parallelLooks), seen: map[lookKey]*look[A]{}}
}

// refresh takes the looks that are due and waits for them, but not for long.
func (l *looks[A]) refresh(ctx context.Context, jobs []job[A]) {
	var running sync.WaitGroup
	for _, j := range jobs {
		if begun := l.begin(j); begun != nil {
			running.Go(func() { l.take(ctx, j, begun) })
		}
	}
	done := make(chan struct{})
	go func() {
		running.Wait()
		close(done)
	}()
	timer := l.clock.NewTimer(passPatience)
	defer timer.Stop()
	select {
	case <-done:
	case <-timer.C():
	case <-ctx.Done():
	}
}

// newVisits are looks that change what they look at.
func newVisits[A any](clk clock.Clock) *looks[A] {
	l := newLooks[A](clk)
	l.alone = true
	return l
}

// begin returns the look if it is due, and claims it.
func (l *looks[A]) begin(j job[A]) *look[A] {
	l.mu.Lock()
	defer l.mu.Unlock()
	current := l.seen[j.key]
	if current == nil {
		current = &look[A]{}
		l.seen[j.key] = current
	}
	fresh := !current.at.IsZero() && current.question == j.question && l.clock.Since(current.at) < j.every
	if fresh || current.pending && (l.alone || current.question == j.question) {
		return nil
	}
	if current.question != j.question {
		current = &look[A]{question: j.question}
		l.seen[j.key] = current
	}
	current.pending = true
	return current
}

func (l *looks[A]) take(ctx context.Context, j job[A], begun *look[A]) {
	l.slots <- struct{}{}
	defer func() { <-l.slots }()
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	answer := j.ask(ctx)
	l.mu.Lock()
	defer l.mu.Unlock()
	// Somebody may have asked something else in the meantime, changed what was looked at, or forgotten
	// the region: then nobody finds this look any more.
	begun.pending = false
	if begun.outdated {
		begun.outdated = false
		return
	}
	begun.answer, begun.at = answer, l.clock.Now()
}

// last returns the answer to the question, unless there is none or it is older than that.
func (l *looks[A]) last(key lookKey, question string, within time.Duration) (answer A, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	current := l.seen[key]
	if current == nil || current.at.IsZero() || current.question != question || l.clock.Since(current.at) > within {
		return answer, false
	}
	return current.answer, true
}

// expire makes the next look at a region due, whatever one that is under way may still find: it
// may have begun before the change.
func (l *looks[A]) expire(key lookKey) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if current := l.seen[key]; l.alone && current != nil && current.pending {
		current.at, current.outdated = time.Time{}, true
		return
	}
	delete(l.seen, key)
}

// busy tells whether a look at a region of the ring is under way.
func (l *looks[A]) busy(ring client.ObjectKey) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key, current := range l.seen {
		if key.ring == ring && current.pending {
			return true
		}
	}
	return false
}

// keep forgets all regions of a ring but these; nil forgets the ring.
func (l *looks[A]) keep(ring client.ObjectKey, regions map[client.ObjectKey]bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for key := range l.seen {
		if key.ring == ring && !regions[key.region] {
			delete(l.seen, key)
		}
	}
}
