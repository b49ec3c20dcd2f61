package ack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/uuid"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// Facts of an update that AWS is carrying out. What it changes takes effect at its end:
// until then AWS describes the resource as it was.
const (
	pendingUpdate = "pendingUpdate"
	updateID      = "updateID"
)

// asyncInterval is when ACK looks again after it has started an update.
const asyncInterval = 15 * time.Second

// stage is what one call changes of a resource that AWS updates in its own time. ACK makes
// one such call per pass, in the order of the stages, and the next when the resource is
// active again (eks-controller, pkg/resource/{cluster,nodegroup}/hook.go, customUpdate).
type stage struct {
	facts []string
	// action is the API call, update what AWS calls it, sampled how long it takes.
	action, update, sampled string
}

// errGivenUp is an error of ACK's own that only a change of the spec can cure.
type errGivenUp string

func (e errGivenUp) Error() string { return string(e) }

// updateInStages brings a resource one update closer to the spec.
func (p *pass) updateInStages(ctx context.Context, desired, latest cloud.Resource, changed map[string]string) outcome {
	if latest.State != p.kind.states.ready {
		return p.unmodifiable(latest)
	}
	if p.kind.approach != nil {
		if err := p.kind.approach(&desired, latest); err != nil {
			return p.failed(err, &latest)
		}
	}
	p.kind.keepDefaults(&desired, latest)
	next, found := p.kind.stageOf(changed)
	if !found {
		return p.retag(ctx, desired, latest)
	}
	if err := p.begin(ctx, next, desired, latest, changed); err != nil {
		return p.failed(err, &latest)
	}
	// Like ACK, report the state from before the call: only Synced tells what goes on.
	name := strings.ToLower(p.kind.name)
	return outcome{
		resource: &latest, after: asyncInterval, initialised: p.kind.initialises,
		pending: fmt.Sprintf("%s is currently being updated", p.kind.name),
		recoverable: fmt.Sprintf("%s has started asynchronously updating, cannot be modified until '%s'",
			name, p.kind.states.ready),
	}
}

// unmodifiable reports a resource that has to change, but not now, or never.
func (p *pass) unmodifiable(latest cloud.Resource) outcome {
	if latest.State == p.kind.states.failed || latest.State == p.kind.states.deleting {
		o := p.observed(latest)
		o.terminal = o.pending
		return o
	}
	o := p.impatient(latest)
	o.after = pollInterval
	return o
}

// keepDefaults takes over what the spec leaves to AWS, unless the update draws it anew.
func (k *kind) keepDefaults(desired *cloud.Resource, latest cloud.Resource) {
	for _, fact := range k.defaulted {
		if desired.Data[fact] == "" && !slices.Contains(k.renewed, fact) {
			desired.Data[fact] = latest.Data[fact]
		}
	}
}

func (k *kind) stageOf(changed map[string]string) (next stage, found bool) {
	for _, s := range k.stages {
		if slices.ContainsFunc(s.facts, func(fact string) bool { _, differs := changed[fact]; return differs }) {
			return s, true
		}
	}
	return stage{}, false
}

// begin is AWS's side of the start of an update.
func (p *pass) begin(ctx context.Context, s stage, desired, latest cloud.Resource, changed map[string]string) error {
	facts := map[string]string{}
	for _, fact := range s.facts {
		if value, differs := changed[fact]; differs {
			facts[fact] = value
		}
	}
	if err := p.ask(update, subject{resource: latest, changed: facts, tags: desired.Tags}); err != nil {
		return err
	}
	if err := p.admit(&desired); err != nil {
		return p.kind.calledBy(s.action, err)
	}
	if err := p.admitUpdate(s, desired, latest.Key); err != nil {
		return p.kind.calledBy(s.action, err)
	}
	for _, fact := range s.facts {
		if _, differs := facts[fact]; differs || slices.Contains(p.kind.renewed, fact) {
			facts[fact] = desired.Data[fact] // in the form that AWS gave it
		}
	}
	return p.kind.calledBy(s.action, p.start(ctx, s, desired, facts))
}

// admitUpdate refuses an update beside another one, and one that the resource cannot take.
func (p *pass) admitUpdate(s stage, desired cloud.Resource, key cloud.Key) error {
	was, _ := p.Get(key)
	if was.State == p.kind.states.updating {
		// aws-controllers-k8s/community#1192 has the words.
		return refuse("ResourceInUseException", "Cannot %s because %s %s currently has update %s in progress",
			s.update, strings.ToLower(p.kind.name), baseName(was), was.Data[updateID])
	}
	if p.kind.amend == nil {
		return nil
	}
	return p.kind.amend(p.account, was, desired)
}

func (p *pass) start(ctx context.Context, s stage, desired cloud.Resource, facts map[string]string) error {
	text, err := json.Marshal(facts)
	if err != nil {
		return fmt.Errorf("encoding the update of %s: %w", desired.Key, err)
	}
	took, settings := p.Sample(s.sampled), map[string]string{}
	if p.kind.settings != nil {
		settings = p.kind.settings(p.cr.GetAnnotations())
	}
	err = p.Update(desired.Key, func(r *cloud.Resource) {
		r.State = p.kind.states.updating
		r.Tags, r.Parents = desired.Tags, desired.Parents
		r.Data[pendingUpdate], r.Data[updateID] = string(text), string(uuid.NewUUID())
		maps.Copy(r.Data, settings)
		settleIn(r.Data, took)
	})
	if err != nil {
		return err
	}
	r, _ := p.Get(desired.Key)
	p.lifecycle.create(ctx, p.kind, r)
	return nil
}

// retag changes tags, which AWS does at once.
func (p *pass) retag(ctx context.Context, desired, latest cloud.Resource) outcome {
	if err := p.ask(update, subject{resource: latest, tags: desired.Tags}); err != nil {
		return p.failed(err, &latest)
	}
	if !sleepUntil(ctx, time.Now().Add(p.Sample(p.kind.awsType+"/tags"))) {
		return outcome{resource: &latest, err: ctx.Err()}
	}
	if err := p.Update(latest.Key, func(r *cloud.Resource) { r.Tags = desired.Tags }); err != nil {
		return p.failed(p.kind.called(update, err), &latest)
	}
	latest, _ = p.Get(latest.Key)
	return p.observed(latest)
}

// settleUpdate ends an update, also one that an earlier simulator began.
func settleUpdate(ctx context.Context, k *kind, a account, r cloud.Resource) {
	var failure error
	if k.rollout != nil {
		failure = k.rollout(ctx, a, r)
	} else if !sleepUntil(ctx, deadline(r)) {
		return
	}
	if ctx.Err() != nil {
		return
	}
	facts := map[string]string{}
	if err := json.Unmarshal([]byte(r.Data[pendingUpdate]), &facts); err != nil {
		failure = errors.Join(failure, err)
	}
	k.advance(a, r, func(r *cloud.Resource) {
		for _, fact := range []string{pendingUpdate, updateID, updateOf, updateFailure, failureCode, failureMessage} {
			delete(r.Data, fact)
		}
		if failure == nil {
			maps.Copy(r.Data, facts)
		}
		fail(k, r, failure)
		r.State = k.states.ready // a failed update leaves what was
	})
}
