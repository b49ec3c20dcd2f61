package ack

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	ackv1alpha1 "github.com/aws-controllers-k8s/runtime/apis/core/v1alpha1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// report writes the outcome into the custom resource. It does so even if the
// simulator is being stopped: an ID that was not written down is a resource lost.
func (p *pass) report(ctx context.Context, o outcome) (reconcile.Result, error) {
	writing, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if o.silent {
		return reconcile.Result{}, o.err
	}
	if err := p.write(writing, o); err != nil {
		return reconcile.Result{}, client.IgnoreNotFound(err)
	}
	if o.terminal != "" {
		return reconcile.Result{}, nil
	}
	return reconcile.Result{RequeueAfter: p.Scale(o.after)}, o.err
}

func (p *pass) write(ctx context.Context, o outcome) error {
	if o.resource != nil {
		if err := p.writeBack(ctx, *o.resource, o.created); err != nil {
			return err
		}
	}
	return p.patchStatus(ctx, func(status fields) {
		if o.resource != nil {
			p.describeStatus(status, *o.resource)
		}
		status["conditions"] = o.conditions(time.Now())
	})
}

// writeBack stores AWS's choices in the spec fields that the user left out: all at the
// creation, and later only for kinds that ACK initialises late. What an update has removed
// from the spec, as the release of a node group, therefore stays away.
func (p *pass) writeBack(ctx context.Context, r cloud.Resource, created bool) error {
	if p.kind.answers == nil || !created && !p.kind.initialises {
		return nil
	}
	before, changed := p.cr.DeepCopy(), false
	answers, spec := p.kind.answers(r), p.part("spec")
	for _, path := range slices.Sorted(maps.Keys(answers)) {
		if answers[path] != "" { // AWS leaves out what it does not know
			changed = spec.fill(path, answers[path]) || changed
		}
	}
	if !changed {
		return nil
	}
	return p.client.Patch(ctx, p.cr, client.MergeFrom(before))
}

func (p *pass) describeStatus(status fields, r cloud.Resource) {
	metadata := map[string]any{"ownerAccountID": p.owner, "region": p.region}
	if r.ARN != "" {
		metadata["arn"] = r.ARN
	}
	status["ackResourceMetadata"] = metadata
	maps.Copy(status, p.kind.status(p.account, r))
	if p.kind.idField != "" && !strings.Contains(p.kind.idField, ".") { // the ARN has its place already
		status[p.kind.idField] = baseName(r)
	}
}

func (p *pass) patchStatus(ctx context.Context, change func(fields)) error {
	before := p.cr.DeepCopy()
	change(p.part("status"))
	return p.client.Status().Patch(ctx, p.cr, client.MergeFrom(before))
}

// part is the spec or status itself, so that changes to it change the object.
func (p *pass) part(name string) fields {
	part, ok := p.cr.Object[name].(map[string]any)
	if !ok {
		part = map[string]any{}
		p.cr.Object[name] = part
	}
	return part
}

func (p *pass) managed() bool {
	return slices.Contains(p.cr.GetFinalizers(), p.kind.finalizer())
}

// manage fails when the custom resource is gone: nothing may be created for it then (runtime v0.62.0,
// pkg/runtime/reconciler.go, setResourceManaged).
func (p *pass) manage(ctx context.Context) error {
	if p.managed() {
		return nil
	}
	return p.setFinalizers(ctx, append(p.cr.GetFinalizers(), p.kind.finalizer()))
}

// manageAdopted is manage for a resource that existed before the custom resource.
func (p *pass) manageAdopted(ctx context.Context) error {
	before, annotations := p.cr.DeepCopy(), p.cr.GetAnnotations()
	annotations[ackv1alpha1.AnnotationAdopted] = "true"
	p.cr.SetAnnotations(annotations)
	p.cr.SetFinalizers(append(p.cr.GetFinalizers(), p.kind.finalizer()))
	return p.client.Patch(ctx, p.cr, client.MergeFrom(before))
}

func (p *pass) unmanage(ctx context.Context) error {
	return client.IgnoreNotFound(p.setFinalizers(ctx, slices.DeleteFunc(p.cr.GetFinalizers(), func(finalizer string) bool {
		return finalizer == p.kind.finalizer()
	})))
}

func (p *pass) setFinalizers(ctx context.Context, finalizers []string) error {
	before := p.cr.DeepCopy()
	p.cr.SetFinalizers(finalizers)
	return p.client.Patch(ctx, p.cr, client.MergeFrom(before))
}
