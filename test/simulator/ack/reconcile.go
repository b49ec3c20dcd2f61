package ack

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	ackv1alpha1 "github.com/aws-controllers-k8s/runtime/apis/core/v1alpha1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// retain is the deletion policy that leaves the AWS resource alone.
const retain = "retain"

// errCrashed stands for a controller that ended before it could note what it had done.
var errCrashed = errors.New("the controller crashed after the creation")

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
	policy, err := p.adoption()
	if err != nil {
		return outcome{terminal: err.Error()}
	}
	latest, found, err := p.read()
	switch {
	case err != nil:
		return p.failed(err, nil)
	case !found && (policy == adopt || p.adopted()):
		return outcome{err: errNotAdopted, silent: true}
	case !found:
		return p.create(ctx, p.describe())
	case policy != "":
		return p.take(ctx, policy, latest)
	case !p.managed():
		return outcome{terminal: notManagedMessage, terminalReason: notManagedReason}
	}
	o := p.update(ctx, p.describe(), latest)
	o.adopted = p.adopted()
	return o
}

// take puts an existing resource under the custom resource's control. What is
// different about it is left to a later pass.
func (p *pass) take(ctx context.Context, policy string, latest cloud.Resource) outcome {
	if err := p.manageAdopted(ctx); err != nil {
		return outcome{err: err}
	}
	o := p.observed(latest)
	o.created = true // ACK writes what it adopted, too
	if policy == adoptOrCreate {
		o = outcome{resource: &latest, recoverable: adoptedMessage, err: errors.New(adoptedMessage)}
	}
	o.adopted = true
	return o
}

// describe is what the spec asks for, without an identity for the kinds to which AWS gives one.
func (p *pass) describe() cloud.Resource {
	desired := p.kind.describe(p.request())
	desired.Key = p.kind.key(p.region, p.id())
	return desired
}

// read asks AWS for the resource, unless nothing is known that it could be found by.
func (p *pass) read() (r cloud.Resource, found bool, err error) {
	if p.looksUp() {
		if err := p.ask(find, subject{resource: p.describe()}); err != nil {
			return r, false, err
		}
	}
	id := p.id()
	if id == "" {
		return r, false, nil
	}
	r, found = p.Get(p.kind.key(p.region, id))
	about := r
	if !found {
		about = p.describe()
	}
	return r, found, p.ask(read, subject{resource: about})
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
	if p.faults.loses(p.kind.name) {
		return outcome{err: errCrashed, silent: true}
	}
	if p.kind.afterCreate != "" {
		return outcome{
			resource: &created, created: true, recoverable: p.kind.afterCreate, err: errors.New(p.kind.afterCreate),
		}
	}
	o := p.observed(created)
	o.created = true
	return o
}

// callCreate is AWS's side of the creation. Kinds that exist when the call
// returns keep the only worker of their kind busy until then.
func (p *pass) callCreate(ctx context.Context, r cloud.Resource) (cloud.Resource, error) {
	if err := p.ask(create, subject{resource: r, tags: r.Tags}); err != nil {
		return r, err
	}
	if p.kind.idField != "" {
		r.ID = p.kind.fullID(p.part("spec"), p.kind.assignID(p.account))
	}
	if err := p.admit(&r); err != nil {
		return r, p.kind.called(create, err)
	}
	took := p.Sample(p.kind.sampled())
	r.State = p.kind.states.ready
	if p.kind.states.creating != "" {
		r.State = p.kind.states.creating
		p.faults.doom(p.kind.name, r.Data)
		settleIn(r.Data, took)
	} else if !sleepUntil(ctx, time.Now().Add(took)) {
		return r, ctx.Err()
	}
	if p.kind.arn != nil {
		r.ARN = p.kind.arn(p.account, r)
	}
	if err := p.Create(r); err != nil {
		return r, p.kind.called(create, err)
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
	p.leave(&desired, latest)
	changed := p.kind.changes(desired, latest)
	switch {
	case p.kind.impatience > 0 && latest.State != p.kind.states.ready && (changed != nil || latest.State == p.kind.states.failed):
		return p.impatient(latest)
	case changed == nil || p.kind.states.updating == "" && p.kind.blocked(latest.State):
		return p.observed(latest)
	case p.kind.states.updating != "":
		return p.updateInStages(ctx, desired, latest, changed)
	}
	if err := p.callUpdate(ctx, desired, latest, changed); err != nil {
		return p.failed(err, &latest)
	}
	latest, _ = p.Get(latest.Key)
	if p.kind.updatesSettle {
		p.lifecycle.create(ctx, p.kind, latest)
	}
	return p.observed(latest)
}

// leave takes over from AWS what ACK is told to leave to others.
func (p *pass) leave(desired *cloud.Resource, latest cloud.Resource) {
	if p.kind.leaves == nil {
		return
	}
	for _, fact := range p.kind.leaves(p.cr.GetAnnotations()) {
		desired.Data[fact] = latest.Data[fact]
	}
}

func (p *pass) callUpdate(ctx context.Context, desired, latest cloud.Resource, changed map[string]string) error {
	if err := p.ask(update, subject{resource: latest, changed: changed, tags: desired.Tags}); err != nil {
		return err
	}
	if err := p.admit(&desired); err != nil {
		return p.kind.called(update, err)
	}
	if !sleepUntil(ctx, time.Now().Add(p.Sample(p.kind.awsType+"/update"))) {
		return ctx.Err()
	}
	var settling time.Duration
	if p.kind.updatesSettle {
		settling = p.Sample(p.kind.sampled())
	}
	return p.kind.called(update, p.Update(desired.Key, func(r *cloud.Resource) {
		for fact := range changed {
			if !slices.Contains(p.kind.frozen, fact) {
				r.Data[fact] = desired.Data[fact] // in the form that AWS gave it
			}
		}
		for _, fact := range p.kind.renewed {
			r.Data[fact] = desired.Data[fact]
		}
		r.Tags, r.Parents = desired.Tags, desired.Parents
		if p.kind.updatesSettle {
			r.State = p.kind.states.creating
			settleIn(r.Data, settling)
		}
	}))
}
