package main

import (
	"context"
	"slices"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/utils/ptr"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// regionalWatch is the watch of one regional cluster.
type regionalWatch struct {
	client  kubernetes.Interface
	factory informers.SharedInformerFactory
}

// Intervals of what cannot be watched, in real time.
const (
	clusterInterval = 100 * time.Millisecond
	dnsInterval     = 20 * time.Millisecond
	// memberInterval is for one region; more regions are asked less often, because every
	// question costs two API servers some work.
	memberInterval = 100 * time.Millisecond
)

func clusterOf(region string) string { return namespace + "-" + region }

// every calls do until ctx ends.
func every(ctx context.Context, interval time.Duration, do func()) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			do()
		}
	}
}

func (w *watcher) awaitClusters(ctx context.Context, regions []string) {
	every(ctx, clusterInterval, func() {
		for _, region := range regions {
			cluster := clusterOf(region)
			if config, ok := w.bed.Regional(cluster); ok && w.regionalOf(cluster) == nil {
				w.enter(ctx, region, cluster, config)
			}
		}
	})
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, r := range w.regional {
		r.factory.Shutdown()
	}
}

func (w *watcher) regionalOf(cluster string) *regionalWatch {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.regional[cluster]
}

// enter watches a regional cluster.
func (w *watcher) enter(ctx context.Context, region, cluster string, config *rest.Config) {
	config = rest.CopyConfig(config)
	config.QPS = -1
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return // only an unusable configuration, and then nothing of the region comes up
	}
	r := &regionalWatch{client: client, factory: informers.NewSharedInformerFactory(client, 0)}
	take := func(kind string, informer cache.SharedIndexInformer, look func(any) (string, map[string]string)) {
		_, _ = informer.AddEventHandler(onChange(func(obj any) { // an informer that was not started refuses none
			if name, states := look(obj); states != nil {
				w.journal.see(subject{cluster, kind, name}, sighting{region: region, states: states}, time.Now())
			}
		}))
	}
	take("Node", r.factory.Core().V1().Nodes().Informer(), lookAtNode)
	take("Service", r.factory.Core().V1().Services().Informer(), lookAtService)
	take("Deployment", r.factory.Apps().V1().Deployments().Informer(), w.lookAtDeployment)
	r.factory.Core().V1().Pods().Informer()
	r.factory.StartWithContext(ctx)
	w.mu.Lock()
	w.regional[cluster] = r
	w.mu.Unlock()
}

func lookAtNode(obj any) (name string, states map[string]string) {
	n, ok := obj.(*corev1.Node)
	if !ok {
		return "", nil
	}
	ready := slices.ContainsFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
	return n.Name, map[string]string{aspectUsable: truth(ready)}
}

const hostnameAnnotation = "external-dns.alpha.kubernetes.io/hostname"

// lookAtService leaves out what has no load balancer.
func lookAtService(obj any) (name string, states map[string]string) {
	s, ok := obj.(*corev1.Service)
	if !ok || s.Spec.Type != corev1.ServiceTypeLoadBalancer {
		return "", nil
	}
	states = map[string]string{aspectDNS: s.Annotations[hostnameAnnotation]}
	if len(s.Status.LoadBalancer.Ingress) > 0 {
		states[aspectHost] = s.Status.LoadBalancer.Ingress[0].Hostname
	}
	return s.Namespace + "/" + s.Name, states
}

// lookAtDeployment tells which seeds all its pods run with, once all do.
func (w *watcher) lookAtDeployment(obj any) (name string, states map[string]string) {
	d, ok := obj.(*appsv1.Deployment)
	if !ok {
		return "", nil
	}
	name, states = d.Namespace+"/"+d.Name, map[string]string{aspectRunning: ""}
	wanted := ptr.Deref(d.Spec.Replicas, 1)
	if d.Status.ObservedGeneration < d.Generation || d.Status.UpdatedReplicas < wanted ||
		d.Status.Replicas > d.Status.UpdatedReplicas || d.Status.AvailableReplicas < wanted {
		return name, states
	}
	states[aspectRunning] = "="
	for _, container := range d.Spec.Template.Spec.Containers {
		for _, e := range container.Env {
			if slices.ContainsFunc(w.rings, func(r v1alpha1.GossipRing) bool { return r.Spec.Workload.Env == e.Name }) {
				states[aspectRunning] += e.Value
			}
		}
	}
	return name, states
}
