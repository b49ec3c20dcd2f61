package gitrepo

import (
	"context"
	"maps"
	"slices"
	"sync"
)

// keptVerdicts is of how many files it is remembered what is wrong with them.
const keptVerdicts = 50_000

// verdicts remembers what is wrong with files of commits, which never changes. Of a commit, one
// batch of files is read at a time: who asks meanwhile waits for it, and asks with all others
// who did for what is then still unknown. It is safe for concurrent use.
type verdicts struct {
	mu      sync.Mutex
	known   *recent[verdictOn, string]
	reading map[question]*batch
	waiting map[question]*batch // each starts when nothing is read
}

type verdictOn struct {
	question
	name string
}

// batch is what some ask about together. It belongs to its own goroutine once it has left waiting,
// and to nobody when done.
type batch struct {
	names []string
	after *batch
	done  chan struct{}
	found map[string]string
	err   error
}

// reader finds out what is wrong with files.
type reader func(ctx context.Context, names []string) (map[string]string, error)

func newVerdicts(limit int) *verdicts {
	return &verdicts{
		known:   newRecent[verdictOn, string](limit),
		reading: map[question]*batch{}, waiting: map[question]*batch{},
	}
}

// about returns a verdict on each of the names. What is read for many does not end with the one
// who asked first.
func (v *verdicts) about(ctx context.Context, q question, names []string, read reader) (map[string]string, error) {
	found, open := v.recall(q, names)
	if len(open) == 0 {
		return found, nil
	}
	b := v.join(ctx, q, open, read)
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-b.done:
	}
	if b.err != nil {
		return nil, b.err
	}
	for _, name := range open {
		found[name] = b.found[name]
	}
	return found, nil
}

func (v *verdicts) recall(q question, names []string) (found map[string]string, open []string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	found = map[string]string{}
	for _, name := range names {
		why, known := v.known.get(verdictOn{q, name})
		if known {
			found[name] = why
		} else {
			open = append(open, name)
		}
	}
	return found, open
}

func (v *verdicts) join(ctx context.Context, q question, names []string, read reader) *batch {
	v.mu.Lock()
	defer v.mu.Unlock()
	b := v.waiting[q]
	if b == nil {
		b = &batch{after: v.reading[q], done: make(chan struct{})}
		v.waiting[q] = b
		go v.run(context.WithoutCancel(ctx), q, b, read)
	}
	b.names = append(b.names, names...)
	return b
}

func (v *verdicts) run(ctx context.Context, q question, b *batch, read reader) {
	if b.after != nil {
		<-b.after.done
	}
	v.begin(q, b)
	defer v.end(q, b)
	if b.err != nil {
		return
	}
	found, open := v.recall(q, b.names) // the batch before may have read some
	if len(open) > 0 {
		limited, cancel := context.WithTimeout(ctx, fetchTimeout)
		defer cancel()
		var learned map[string]string
		learned, b.err = read(limited, open)
		maps.Copy(found, learned)
	}
	b.found = found
}

// begin takes over the failure of the batch before: who waited for it need not wait as long again.
func (v *verdicts) begin(q question, b *batch) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if b.after != nil {
		b.err, b.after = b.after.err, nil
	}
	slices.Sort(b.names)
	b.names = slices.Compact(b.names)
	delete(v.waiting, q)
	v.reading[q] = b
}

func (v *verdicts) end(q question, b *batch) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if b.err == nil {
		for name, why := range b.found {
			v.known.put(verdictOn{q, name}, why, 1)
		}
	}
	delete(v.reading, q)
	close(b.done)
}
