package ack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"time"

	ackv1alpha1 "github.com/aws-controllers-k8s/runtime/apis/core/v1alpha1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

const (
	adoptOrCreate = "adopt-or-create"
	retain        = "retain"
)

var errNoRegion = errors.New("the region is unknown: annotation " + ackv1alpha1.AnnotationRegion + " is missing")

// reconciler is the controller of one kind.
type reconciler struct {
	*lifecycle
	kind   *kind
	client client.Client
}

// pass is one look at one custom resource.
type pass struct {
	*reconciler
	cr     *unstructured.Unstructured
	region string
}

// outcome is what a pass found, in the terms of ACK's conditions.
type outcome struct {
	resource       *cloud.Resource // what AWS has now; nil if nothing
	err            error           // retried with backoff
	after          time.Duration   // simulated; the next look if there is no error
	pending        string          // why the resource is not synced yet
	recoverable    string
	terminal       string
	terminalReason string
	adopted        bool
	initialised    bool
}

// Reconcile implements reconcile.Reconciler.
func (r *reconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	cr := r.kind.object()
	if err := r.client.Get(ctx, req.NamespacedName, cr); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	p := &pass{reconciler: r, cr: cr}
	region, err := p.resolveRegion()
	if err != nil {
		return reconcile.Result{}, err
	}
	p.region = region
	if cr.GetDeletionTimestamp() != nil {
		return p.delete(ctx)
	}
	return p.report(ctx, p.sync(ctx))
}

// resolveRegion prefers the region in which the resource was created. Once there
// is one, ACK refuses another without a word in the status.
func (p *pass) resolveRegion() (string, error) {
	annotated := p.cr.GetAnnotations()[ackv1alpha1.AnnotationRegion]
	recorded := p.part("status").text("ackResourceMetadata.region")
	if recorded != "" && annotated != recorded {
		return "", fmt.Errorf("resource already exists in region %s", recorded)
	}
	return annotated, nil
}

// sync brings AWS to the spec, as far as that is possible now.
func (p *pass) sync(ctx context.Context) outcome {
	if p.region == "" {
		return outcome{err: errNoRegion}
	}
	desired := p.describe()
	latest, found := p.read()
	switch {
	case !found:
		return p.create(ctx, desired)
	case p.managed():
		return p.update(ctx, desired, latest)
	case p.cr.GetAnnotations()[ackv1alpha1.AnnotationAdoptionPolicy] != adoptOrCreate:
		return outcome{terminal: notManagedMessage, terminalReason: notManagedReason}
	}
	if err := p.manage(ctx); err != nil {
		return outcome{err: err}
	}
	o := p.update(ctx, desired, latest)
	o.adopted = true
	return o
}

// describe is what the spec asks for, without an identity for the kinds to which AWS gives one.
func (p *pass) describe() cloud.Resource {
	desired := p.kind.describe(request{account: p.account, spec: p.part("spec"), region: p.region})
	desired.Key = p.kind.key(p.region, p.id())
	return desired
}

func (p *pass) read() (cloud.Resource, bool) {
	return p.Get(p.kind.key(p.region, p.id()))
}

// id is what the custom resource knows of its resource's identity, "" before creation.
func (p *pass) id() string {
	if p.kind.nameOf != nil {
		return p.kind.nameOf(p.part("spec"))
	}
	if id := p.part("status").text(p.kind.idField); id != "" {
		return id
	}
	adoption := map[string]string{}
	if err := json.Unmarshal([]byte(p.cr.GetAnnotations()[ackv1alpha1.AnnotationAdoptionFields]), &adoption); err != nil {
		return "" // no annotation, or nothing that names a resource
	}
	return adoption[p.kind.idField]
}

func (p *pass) create(ctx context.Context, desired cloud.Resource) outcome {
	if err := p.manage(ctx); err != nil {
		return outcome{err: err}
	}
	created, err := p.callCreate(ctx, desired)
	if err != nil {
		if _, refused := errors.AsType[*callError](err); refused {
			err = errors.Join(err, p.unmanage(ctx))
		}
		return p.failed(err, nil)
	}
	if p.kind.states.creating != "" {
		p.lifecycle.create(ctx, p.kind, created)
	}
	if p.kind.afterCreate != "" {
		return outcome{resource: &created, recoverable: p.kind.afterCreate, err: errors.New(p.kind.afterCreate)}
	}
	return p.observed(created)
}

// callCreate is AWS's side of the creation. Kinds that exist when the call
// returns keep the only worker of their kind busy until then.
func (p *pass) callCreate(ctx context.Context, r cloud.Resource) (cloud.Resource, error) {
	if p.kind.idPrefix != "" {
		r.ID = p.NewID(p.kind.idPrefix)
	}
	if err := p.admit(&r); err != nil {
		return r, p.kind.called("Create", err)
	}
	took := p.Sample(p.kind.awsType)
	r.State = p.kind.states.ready
	if p.kind.states.creating != "" {
		r.State = p.kind.states.creating
		settleIn(r.Data, took)
	} else if !sleepUntil(ctx, time.Now().Add(took)) {
		return r, ctx.Err()
	}
	if p.kind.arn != nil {
		r.ARN = p.kind.arn(p.account, r)
	}
	if err := p.Create(r); err != nil {
		return r, p.kind.called("Create", err)
	}
	r, _ = p.Get(r.Key)
	return r, nil
}

func (p *pass) admit(r *cloud.Resource) error {
	if err := p.kind.parentsExist(p.account, *r); err != nil {
		return err
	}
	if p.kind.admit == nil {
		return nil
	}
	return p.kind.admit(p.account, r)
}

func (p *pass) update(ctx context.Context, desired, latest cloud.Resource) outcome {
	changed := p.kind.changes(desired, latest)
	if changed == nil || p.kind.inProgress(latest.State) {
		return p.observed(latest)
	}
	if err := p.callUpdate(ctx, desired, changed); err != nil {
		return p.failed(err, &latest)
	}
	latest, _ = p.Get(latest.Key)
	return p.observed(latest)
}

func (p *pass) callUpdate(ctx context.Context, desired cloud.Resource, changed map[string]string) error {
	if err := p.admit(&desired); err != nil {
		return p.kind.called("Modify", err)
	}
	if !sleepUntil(ctx, time.Now().Add(p.Sample(p.kind.awsType+"/update"))) {
		return ctx.Err()
	}
	return p.kind.called("Modify", p.Update(desired.Key, func(r *cloud.Resource) {
		maps.Copy(r.Data, changed)
		r.Tags, r.Parents = desired.Tags, desired.Parents
	}))
}

// observed reports a resource that AWS has as the spec asks for.
func (p *pass) observed(r cloud.Resource) outcome {
	o := outcome{resource: &r, after: resyncInterval, initialised: p.kind.initialises}
	if r.State != p.kind.states.ready {
		o.after, o.pending = pollInterval, fmt.Sprintf("%s is in '%s' status", p.kind.name, r.State)
	}
	switch {
	case r.State == p.kind.states.creating:
		o.recoverable = p.kind.whilePending
	case r.State == p.kind.states.failed && p.kind.failureIsTerminal:
		o.terminal = o.pending
	}
	return o
}

func (p *pass) failed(err error, latest *cloud.Resource) outcome {
	if p.kind.isTerminal(err) {
		return outcome{resource: latest, terminal: recoverableText(err)}
	}
	return outcome{resource: latest, err: err, recoverable: recoverableText(err)}
}
