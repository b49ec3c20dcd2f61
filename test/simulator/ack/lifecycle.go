package ack

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// settlesAt is the fact that says when AWS is done with a creation or deletion.
// It is kept with the resource so that a restart neither forgets nor repeats the wait.
const settlesAt = "settlesAt"

// Facts about a resource that AWS could not provide.
const (
	failureCode    = "failureCode"
	failureMessage = "failureMessage"
)

// lifecycle brings the resources on while no controller looks, as AWS does.
type lifecycle struct {
	account
	running sync.WaitGroup
}

// resume takes up what an earlier simulator left unfinished.
func (l *lifecycle) resume(ctx context.Context) {
	for _, k := range kinds {
		unfinished := l.List(func(r cloud.Resource) bool { return r.Type == k.awsType && k.unfinished(r.State) })
		for _, r := range unfinished {
			if r.State == k.states.deleting {
				l.delete(ctx, k, r)
			} else {
				l.create(ctx, k, r)
			}
		}
	}
}

// create makes the resource ready when both its time and its provisioning are over, or
// when an update is.
func (l *lifecycle) create(ctx context.Context, k *kind, r cloud.Resource) {
	develop := k.develop
	switch {
	case r.State != "" && r.State == k.states.updating:
		develop = settleUpdate
	case develop == nil:
		develop = becomeReady
	}
	l.running.Go(func() { develop(ctx, k, l.account, r) })
}

// becomeReady is how most resources develop.
func becomeReady(ctx context.Context, k *kind, a account, r cloud.Resource) {
	var facts map[string]string
	failure := doomOf(r)
	if k.provision != nil && failure == nil {
		facts, failure = k.provision(ctx, a, r)
	}
	if sleepUntil(ctx, deadline(r)) {
		k.advance(a, r, func(r *cloud.Resource) {
			r.State = k.states.ready
			maps.Copy(r.Data, facts)
			fail(k, r, failure)
		})
	}
}

// advance changes a resource that is still as it was when r was read, and reports
// whether it is. Meanwhile somebody may have deleted or updated it.
func (k *kind) advance(a account, was cloud.Resource, change func(*cloud.Resource)) bool {
	done := false
	_ = a.Update(was.Key, func(r *cloud.Resource) { // the only error is that it is gone
		if r.State == was.State && r.CreatedAt.Equal(was.CreatedAt) && r.Data[settlesAt] == was.Data[settlesAt] {
			change(r)
			done = true
		}
	})
	if now, found := a.Get(was.Key); done && found && now.State == k.states.ready && k.settled != nil {
		k.settled(a, now)
	}
	return done
}

// await returns true once ready is, which it looks at whenever a resource changes
// in which it is interested. It returns false when ctx ends first.
func await(ctx context.Context, a account, interesting func(cloud.Resource) bool, ready func() bool) bool {
	changed := make(chan struct{}, 1)
	defer a.Subscribe(func(e cloud.Event) {
		if !interesting(e.Resource) {
			return
		}
		select {
		case changed <- struct{}{}:
		default: // a look is due already
		}
	})()
	for !ready() {
		select {
		case <-ctx.Done():
			return false
		case <-changed:
		}
	}
	return true
}

// delete removes the resource when its time is over.
func (l *lifecycle) delete(ctx context.Context, k *kind, r cloud.Resource) {
	l.running.Go(func() {
		if !sleepUntil(ctx, deadline(r)) {
			return
		}
		if k.teardown != nil {
			k.teardown(l.account, r)
		}
		if failure := l.Delete(r.Key); failure != nil {
			_ = l.Update(r.Key, func(r *cloud.Resource) { fail(k, r, failure) })
		}
	})
}

func fail(k *kind, r *cloud.Resource, failure error) {
	if failure == nil {
		return
	}
	r.State = k.states.failed
	r.Data[failureCode], r.Data[failureMessage] = "InternalFailure", failure.Error()
	if refusal, ok := errors.AsType[*cloud.Error](failure); ok {
		r.Data[failureCode], r.Data[failureMessage] = refusal.Code, refusal.Message
	}
}

// settleIn notes in data when something that was just begun will be over.
func settleIn(data map[string]string, d time.Duration) {
	data[settlesAt] = time.Now().Add(d).Format(time.RFC3339Nano)
}

// deadline is now for resources that somebody else put into the account unfinished.
func deadline(r cloud.Resource) time.Time {
	at, err := time.Parse(time.RFC3339Nano, r.Data[settlesAt])
	if err != nil {
		return time.Now()
	}
	return at
}

// sleepUntil reports false when ctx ended first.
func sleepUntil(ctx context.Context, at time.Time) bool {
	timer := time.NewTimer(time.Until(at))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return ctx.Err() == nil // both may have happened, and select picks either
	}
}
