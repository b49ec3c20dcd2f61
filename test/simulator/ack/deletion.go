package ack

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	ackv1alpha1 "github.com/aws-controllers-k8s/runtime/apis/core/v1alpha1"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// errBusy marks what ACK looks at again later instead of retrying at once. Its
// text is the Recoverable condition.
type errBusy string

func (e errBusy) Error() string { return string(e) }

// delete follows ACK to the letter where it is careless: the finalizer goes when
// AWS has taken the call, except for clusters, and the conditions stay as they were.
func (p *pass) delete(ctx context.Context) (reconcile.Result, error) {
	if !p.managed() {
		return reconcile.Result{}, nil
	}
	if p.cr.GetAnnotations()[ackv1alpha1.AnnotationDeletionPolicy] == retain {
		return reconcile.Result{}, p.unmanage(ctx)
	}
	r, found, err := p.read()
	switch {
	case err != nil:
		return p.reportDeletion(ctx, p.kind.key(p.region, p.id()), err)
	case !found:
		return reconcile.Result{}, p.unmanage(ctx)
	}
	err = p.callDelete(ctx, r)
	if err == nil && p.kind.deletion != awaited {
		return reconcile.Result{}, p.unmanage(ctx)
	}
	return p.reportDeletion(ctx, r.Key, err)
}

// callDelete is AWS's side of the deletion.
func (p *pass) callDelete(ctx context.Context, r cloud.Resource) error {
	if r.State != "" && r.State == p.kind.states.deleting {
		return nil
	}
	if err := p.syncBeforeDelete(r); err != nil {
		return err
	}
	r, _ = p.Get(r.Key) // with what was just synced
	if err := p.ask(remove, subject{resource: r}); err != nil {
		return err
	}
	if err := p.release(r); err != nil {
		return p.kind.called(remove, err)
	}
	took := p.Sample(p.kind.awsType + "/delete")
	if p.kind.deletion == immediate {
		if !sleepUntil(ctx, time.Now().Add(took)) {
			return ctx.Err()
		}
		return p.finishDelete(r)
	}
	if err := p.Update(r.Key, func(r *cloud.Resource) {
		r.State = p.kind.states.deleting
		settleIn(r.Data, took)
	}); err != nil {
		return p.kind.called(remove, err)
	}
	r, _ = p.Get(r.Key)
	p.lifecycle.delete(ctx, p.kind, r)
	return nil
}

func (p *pass) finishDelete(r cloud.Resource) error {
	if err := p.Delete(r.Key); err != nil {
		return p.kind.called(remove, err)
	}
	if p.kind.teardown != nil {
		p.kind.teardown(p.account, r)
	}
	return nil
}

func (p *pass) release(r cloud.Resource) error {
	if p.kind.release == nil {
		return nil
	}
	return p.kind.release(p.account, r)
}

// syncBeforeDelete lets a user turn off a protection and delete in one go.
func (p *pass) syncBeforeDelete(r cloud.Resource) error {
	desired, changed := p.describe(), map[string]string{}
	for _, fact := range p.kind.preDelete {
		if value := desired.Data[fact]; value != "" && value != r.Data[fact] {
			changed[fact] = value
		}
	}
	if len(changed) == 0 {
		return nil
	}
	if err := p.ask(update, subject{resource: r, changed: changed, tags: r.Tags}); err != nil {
		return err
	}
	return p.kind.called(update, p.Update(r.Key, func(r *cloud.Resource) { maps.Copy(r.Data, changed) }))
}

func (p *pass) reportDeletion(ctx context.Context, key cloud.Key, failure error) (reconcile.Result, error) {
	busy, waits := errors.AsType[errBusy](failure)
	recoverable := recoverableText(failure)
	if waits {
		recoverable = string(busy)
	}
	err := p.patchStatus(ctx, func(status fields) {
		if r, found := p.Get(key); found {
			p.describeStatus(status, r)
		}
		if conditions, _ := status["conditions"].([]any); recoverable != "" {
			status["conditions"] = withRecoverable(conditions, recoverable)
		}
	})
	if err != nil {
		return reconcile.Result{}, fmt.Errorf("reporting the deletion of %s: %w", key, err)
	}
	if failure != nil && !waits {
		return reconcile.Result{}, failure
	}
	return reconcile.Result{RequeueAfter: p.Scale(pollInterval)}, nil
}
