package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/test/bed"
	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// namespace is that of the sample Environment, which has its name.
const namespace = "production001"

// watcher takes down what happens on a bed: in the management cluster, in the regional
// clusters, in the account, in DNS and between the gossip members.
type watcher struct {
	bed     *bed.Bed
	journal *journal
	rings   []v1alpha1.GossipRing

	cancel  context.CancelFunc
	running sync.WaitGroup
	undo    []func()

	mu       sync.Mutex
	regional map[string]*regionalWatch // by cluster
}

// watch begins to take down what happens, also in the regional clusters of the regions as
// soon as they have an API server.
func watch(ctx context.Context, b *bed.Bed, rings []v1alpha1.GossipRing, regions []string) (*watcher, error) {
	ctx, cancel := context.WithCancel(ctx)
	w := &watcher{bed: b, journal: newJournal(), rings: rings, cancel: cancel, regional: map[string]*regionalWatch{}}
	w.undo = append(w.undo, b.Cloud.Subscribe(func(e cloud.Event) { w.seeResource(e.Resource) }))
	config := rest.CopyConfig(b.Config)
	config.QPS = -1
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		w.stop()
		return nil, fmt.Errorf("watching the management cluster: %w", err)
	}
	for _, in := range []struct {
		namespace string
		kinds     []watched
	}{{namespace, environmentKinds()}, {bed.ArgoCDNamespace, argoCDKinds}} {
		if err := w.follow(ctx, client, in.namespace, in.kinds); err != nil {
			w.stop()
			return nil, err
		}
	}
	w.running.Go(func() { w.awaitClusters(ctx, regions) })
	w.running.Go(func() { w.askDNS(ctx) })
	w.running.Go(func() { w.askMembers(ctx, time.Duration(len(regions))) })
	return w, nil
}

func (w *watcher) stop() {
	w.cancel()
	w.running.Wait()
	for _, undo := range slices.Backward(w.undo) {
		undo()
	}
}

// watched is a kind of the management cluster with how to read it.
type watched struct {
	resource schema.GroupVersionResource
	kind     string
	look     func(*unstructured.Unstructured) sighting
}

func environmentKinds() []watched {
	kinds := []watched{{
		resource: v1alpha1.GroupVersion.WithResource("regions"), kind: kindRegion, look: lookAtRegion,
	}, {
		resource: v1alpha1.GroupVersion.WithResource("gossiprings"), kind: "GossipRing", look: lookAtRegion,
	}, {
		resource: v1alpha1.GroupVersion.WithResource("promotions"), kind: "Promotion", look: lookAtRegion,
	}}
	for _, k := range ackKinds {
		kinds = append(kinds, watched{resource: k.resource(), kind: k.kind, look: k.look})
	}
	return kinds
}

var argoCDKinds = []watched{
	{resource: schema.GroupVersionResource{Version: "v1", Resource: "secrets"}, kind: "Secret", look: lookAtSecret},
	{resource: schema.GroupVersionResource{Group: "argoproj.io", Version: "v1alpha1", Resource: "applications"}, kind: "Application", look: lookAtApplication},
}

func (w *watcher) follow(ctx context.Context, client dynamic.Interface, namespace string, kinds []watched) error {
	factory := dynamicinformer.NewFilteredDynamicSharedInformerFactory(client, 0, namespace, nil)
	for _, k := range kinds {
		see := func(obj any) {
			if o, ok := obj.(*unstructured.Unstructured); ok {
				w.journal.see(subject{management, k.kind, o.GetName()}, k.look(o), time.Now())
			}
		}
		if _, err := factory.ForResource(k.resource).Informer().AddEventHandler(onChange(see)); err != nil {
			return fmt.Errorf("watching %s: %w", k.kind, err)
		}
	}
	factory.Start(ctx.Done())
	w.undo = append(w.undo, factory.Shutdown)
	for resource, synced := range factory.WaitForCacheSync(ctx.Done()) {
		if !synced {
			return fmt.Errorf("watching %s: the watch did not begin", resource.Resource)
		}
	}
	return nil
}

func onChange(see func(obj any)) cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{AddFunc: see, UpdateFunc: func(_, after any) { see(after) }}
}

// lookAtRegion has an aspect for each condition, which is True or the reason.
func lookAtRegion(o *unstructured.Unstructured) sighting {
	s := sighting{region: text(o, "spec", "awsRegion"), states: map[string]string{}}
	for _, c := range items(o, "status", "conditions") {
		conditionType, _, _ := unstructured.NestedString(c, "type")
		s.states[conditionType], _, _ = unstructured.NestedString(c, "status")
		if s.states[conditionType] != conditionTrue {
			s.states[conditionType], _, _ = unstructured.NestedString(c, "reason")
		}
	}
	return s
}

func lookAtSecret(o *unstructured.Unstructured) sighting {
	s := sighting{region: o.GetLabels()[v1alpha1.LabelRegion], states: map[string]string{}}
	for key, seeds := range o.GetAnnotations() {
		if ring, ok := strings.CutPrefix(key, v1alpha1.AnnotationWANSeedsPrefix); ok {
			s.states[aspectSeeds+ring] = "=" + seeds
		}
	}
	return s
}

func lookAtApplication(o *unstructured.Unstructured) sighting {
	state := text(o, "status", "sync", "status") + " and " + text(o, "status", "health", "status")
	return sighting{region: o.GetLabels()[v1alpha1.LabelRegion], states: map[string]string{aspectState: state}}
}

// healthyApplication is the state in which an Application is done.
const healthyApplication = "Synced and Healthy"

// seeResource is called by the account for each change.
func (w *watcher) seeResource(r cloud.Resource) {
	s := sighting{region: r.Region, states: map[string]string{aspectState: r.State}}
	name := r.ID
	switch r.Type {
	case typeReplica: // has its primary's name in every region
		name = r.ID + "@" + r.Region
	case "route53/recordset": // <zone>/<name>/<type>
		if parts := strings.Split(r.ID, "/"); len(parts) > 1 {
			name = strings.TrimSuffix(parts[1], ".")
		}
	case typeEndpointGroup:
		s.region = r.Data["region"]
		s.states["dial"] = r.Data["trafficDialPercentage"]
		attached, checked := checkedEndpoints(r.Data["endpoints"])
		s.states["attached"], s.states["checked"] = truth(attached), truth(checked)
	}
	w.journal.see(subject{inAWS, r.Type, name}, s, time.Now())
}

func truth(set bool) string {
	if set {
		return yes
	}
	return ""
}

// Types of the account's resources that have no object of ACK's.
const (
	typeReplica       = "secretsmanager/replica"
	typeAccelerator   = "globalaccelerator/accelerator"
	typeEndpointGroup = "globalaccelerator/endpointgroup"
)
