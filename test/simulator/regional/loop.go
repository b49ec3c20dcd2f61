package regional

import (
	"context"
	"log/slog"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	toolscache "k8s.io/client-go/tools/cache"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const retryDelay = 200 * time.Millisecond

// passFunc makes the world match once. It asks the countdowns for everything that
// takes time.
type passFunc func(context.Context, *countdowns) error

// loop runs passes one at a time: after it was woken, after a countdown, and a
// little later when a pass failed.
type loop struct {
	log        *slog.Logger
	pass       passFunc
	bell       chan struct{}
	countdowns *countdowns
}

func newLoop(log *slog.Logger, pass passFunc) *loop {
	l := &loop{log: log, pass: pass, bell: make(chan struct{}, 1)}
	l.countdowns = newCountdowns(l.wake)
	return l
}

func (l *loop) wake() {
	select {
	case l.bell <- struct{}{}:
	default: // a pass is due already
	}
}

func (l *loop) run(ctx context.Context) {
	var retry <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.bell:
		case <-retry:
		}
		retry = nil
		l.countdowns.begin()
		if err := l.pass(ctx, l.countdowns); err == nil {
			l.countdowns.sweep()
		} else if ctx.Err() == nil {
			l.log.Info("Pass failed", "error", err)
			retry = time.After(retryDelay)
		}
	}
}

type loops []*loop

func (ls loops) stop() {
	for _, l := range ls {
		l.countdowns.stop()
	}
}

// watch wakes loops when an object of a kind changes.
type watch struct {
	object client.Object
	loops  loops
}

// named are the loops of a region.
type named struct {
	nodes, deployments, pods, budgets, namespaces, balancers, externalDNS, agents, programs, access, sets *loop
}

func (n named) watches() []watch {
	return []watch{
		{object: &corev1.Node{}, loops: loops{n.nodes, n.pods, n.sets}},
		{object: &appsv1.Deployment{}, loops: loops{n.deployments, n.budgets, n.namespaces}},
		{object: &appsv1.StatefulSet{}, loops: loops{n.sets, n.namespaces}},
		{object: &appsv1.DaemonSet{}, loops: loops{n.sets, n.namespaces}},
		{object: &corev1.ServiceAccount{}, loops: loops{n.deployments}},
		{object: &corev1.Pod{}, loops: loops{n.nodes, n.deployments, n.pods, n.budgets, n.namespaces, n.balancers, n.agents, n.programs, n.sets}},
		{object: &policyv1.PodDisruptionBudget{}, loops: loops{n.nodes, n.budgets}},
		{object: &corev1.Service{}, loops: loops{n.balancers, n.externalDNS, n.namespaces}},
		{object: &corev1.Namespace{}, loops: loops{n.namespaces, n.access}},
		{object: &corev1.ConfigMap{}, loops: loops{n.pods, n.programs}},
		{object: &corev1.Secret{}, loops: loops{n.pods, n.programs}},
	}
}

// connect returns when the kind is in the cache.
func (w watch) connect(ctx context.Context, informers cache.Cache) error {
	informer, err := informers.GetInformer(ctx, w.object)
	if err != nil {
		return err
	}
	wake := func() {
		for _, l := range w.loops {
			l.wake()
		}
	}
	_, err = informer.AddEventHandler(toolscache.ResourceEventHandlerFuncs{
		AddFunc:    func(any) { wake() },
		UpdateFunc: func(any, any) { wake() },
		DeleteFunc: func(any) { wake() },
	})
	return err
}
