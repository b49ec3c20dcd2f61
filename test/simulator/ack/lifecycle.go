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
		unfinished := l.List(func(r cloud.Resource) bool { return r.Type == k.awsType && k.inProgress(r.State) })
		for _, r := range unfinished {
			if r.State == k.states.creating {
				l.create(ctx, k, r)
			} else {
				l.delete(ctx, k, r)
			}
		}
	}
}

// create makes the resource ready when both its time and its provisioning are over.
func (l *lifecycle) create(ctx context.Context, k *kind, r cloud.Resource) {
	l.running.Go(func() {
		var facts map[string]string
		var failure error
		if k.provision != nil {
			facts, failure = k.provision(ctx, l.account, r)
		}
		if !sleepUntil(ctx, deadline(r)) {
			return
		}
		// The only error is that somebody deleted the resource meanwhile.
		_ = l.Update(r.Key, func(r *cloud.Resource) {
			if r.State != k.states.creating {
				return
			}
			r.State = k.states.ready
			maps.Copy(r.Data, facts)
			fail(k, r, failure)
		})
	})
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
