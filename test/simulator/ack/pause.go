package ack

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/util/workqueue"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"
	"sigs.k8s.io/controller-runtime/pkg/source"
)

// Pause takes away the controller of a service (ec2, eks, iam, s3, acm or route53), as if
// its Deployment were scaled to zero. When it returns, no pass over that service's kinds is
// under way. AWS itself goes on with what it was asked to do.
func (c *Controllers) Pause(service string) {
	gate := c.pauses.of(service)
	gate.change.Lock()
	defer gate.change.Unlock()
	if !gate.closed {
		gate.passes.Lock()
		gate.closed = true
	}
}

// Resume brings the controller of a service back. Like one that starts, it looks at all
// objects of its kinds, also at those that it had given up or was about to retry late.
func (c *Controllers) Resume(service string) error {
	gate := c.pauses.of(service)
	if !gate.open() {
		return nil
	}
	for _, k := range kinds {
		if k.service != service {
			continue
		}
		if err := c.pauses.lookAtAll(k); err != nil {
			return fmt.Errorf("resuming %s: %w", service, err)
		}
	}
	return nil
}

// pauses are the gates that the passes go through.
type pauses struct {
	cache client.Reader
	gates map[string]*gate

	mu     sync.Mutex
	queues map[string]queue // by kind
}

// gate lets the passes of one service through together, unless it is closed.
type gate struct {
	passes sync.RWMutex
	change sync.Mutex // of closed
	closed bool
}

type queue = workqueue.TypedRateLimitingInterface[reconcile.Request]

func newPauses() *pauses {
	p := &pauses{gates: map[string]*gate{}, queues: map[string]queue{}}
	for _, k := range kinds {
		p.gates[k.service] = &gate{}
	}
	return p
}

// of panics for a service without a controller: the test would otherwise pause nothing.
func (p *pauses) of(service string) *gate {
	found := p.gates[service]
	if found == nil {
		panic(fmt.Sprintf("ack: there is no controller of %q", service))
	}
	return found
}

// end opens every gate, so that what waits there can end.
func (p *pauses) end() {
	for _, g := range p.gates {
		g.open()
	}
}

// open reports whether the gate was closed.
func (g *gate) open() bool {
	g.change.Lock()
	defer g.change.Unlock()
	was := g.closed
	if was {
		g.closed = false
		g.passes.Unlock()
	}
	return was
}

// guard lets passes wait at the gate of their service.
func (p *pauses) guard(k *kind, next reconcile.Reconciler) reconcile.Reconciler {
	gate := p.of(k.service)
	return reconcile.Func(func(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
		gate.passes.RLock()
		defer gate.passes.RUnlock()
		if ctx.Err() != nil { // the controllers ended meanwhile
			return reconcile.Result{}, ctx.Err()
		}
		return next.Reconcile(ctx, req)
	})
}

// sourceOf brings nothing by itself. It keeps the queue for lookAtAll.
func (p *pauses) sourceOf(k *kind) source.Source {
	return source.Func(func(_ context.Context, q queue) error {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.queues[k.name] = q
		return nil
	})
}

func (p *pauses) lookAtAll(k *kind) error {
	list := &unstructured.UnstructuredList{}
	gvk := k.gvk()
	gvk.Kind += "List"
	list.SetGroupVersionKind(gvk)
	if err := p.cache.List(context.Background(), list); err != nil {
		return fmt.Errorf("listing %s: %w", k.name, err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	q := p.queues[k.name]
	for item := range slices.Values(list.Items) {
		req := reconcile.Request{NamespacedName: client.ObjectKeyFromObject(&item)}
		q.Forget(req) // a new process has no backoff
		q.Add(req)
	}
	return nil
}
