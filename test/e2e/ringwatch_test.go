package e2e

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/test/bed"
)

const (
	// bridgesEvery is how often each region's bridge is asked whether it is connected.
	bridgesEvery = 250 * time.Millisecond
	// bridgePatience ends a question to a region that does not answer.
	bridgePatience = time.Second
)

// ringWatch watches the pods of rings, for as long as a container's specs run: never are two
// regions of a ring changed at the same time, and never are two without a connected bridge.
type ringWatch struct {
	rings   []*v1alpha1.GossipRing
	regions []*watchedRegion
	stop    func()
	// split tells that a spec cuts rings in two: who evicts one of two leaves the other alone.
	split atomic.Bool

	mu     sync.Mutex
	faults []string
	orders map[string][]string // by ring, the Regions whose seeds were written, in this order
	seeds  map[string]string   // by Region and ring, as they were written last
}

type watchedRegion struct {
	name string
	api  kubernetes.Interface
	pods cache.SharedIndexInformer
	// leaving tells that its workload may go: nobody dials it any more.
	leaving atomic.Bool
}

// watchRings watches until stop is called.
func watchRings(ctx context.Context, rings []*v1alpha1.GossipRing, regions ...*v1alpha1.Region) *ringWatch {
	GinkgoHelper()
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx))
	w := &ringWatch{orders: map[string][]string{}, seeds: map[string]string{}}
	for _, r := range rings {
		w.rings = append(w.rings, r.DeepCopy()) // specs read theirs anew
	}
	management, err := kubernetes.NewForConfig(world.Config)
	Expect(err).NotTo(HaveOccurred())
	factories := []informers.SharedInformerFactory{informers.NewSharedInformerFactoryWithOptions(management, 0, informers.WithNamespace(bed.ArgoCDNamespace))}
	started := []cache.SharedIndexInformer{factories[0].Core().V1().Secrets().Informer()}
	for _, r := range regions {
		api := regionalClientOf(clusterOf(r))
		factory := informers.NewSharedInformerFactory(api, 0)
		w.regions = append(w.regions, &watchedRegion{name: r.Name, api: api, pods: factory.Core().V1().Pods().Informer()})
		factories, started = append(factories, factory), append(started, factory.Core().V1().Pods().Informer())
	}
	for _, informer := range started {
		// A region that freezes or goes is what the specs are about, and not worth a log line.
		Expect(informer.SetWatchErrorHandlerWithContext(func(context.Context, *cache.Reflector, error) {})).To(Succeed())
		_, err := informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc: w.see, UpdateFunc: func(_, now any) { w.see(now) }, DeleteFunc: w.see,
		})
		Expect(err).NotTo(HaveOccurred())
	}
	for _, factory := range factories {
		factory.StartWithContext(ctx)
		factory.WaitForCacheSyncWithContext(ctx)
	}
	var asking sync.WaitGroup
	asking.Go(func() { w.ask(ctx) })
	w.stop = func() {
		cancel()
		asking.Wait()
		for _, factory := range factories {
			factory.Shutdown()
		}
	}
	return w
}

// see looks at an object that has changed.
func (w *ringWatch) see(object any) {
	if missed, ok := object.(cache.DeletedFinalStateUnknown); ok {
		object = missed.Obj
	}
	switch o := object.(type) {
	case *corev1.Secret:
		w.seeSeeds(o)
	case *corev1.Pod:
		for _, ring := range w.rings {
			if of(ring, o) {
				w.seePods(ring)
			}
		}
	}
}

func (w *ringWatch) seeSeeds(secret *corev1.Secret) {
	w.mu.Lock()
	defer w.mu.Unlock()
	region := secret.Labels[v1alpha1.LabelRegion]
	for _, ring := range w.rings {
		seeds, written := secret.Annotations[v1alpha1.AnnotationWANSeedsPrefix+ring.Name]
		if key := region + "/" + ring.Name; written && w.seeds[key] != seeds {
			w.seeds[key] = seeds
			w.orders[ring.Name] = append(w.orders[ring.Name], region)
		}
	}
}

// seePods finds the regions whose pods differ in their seeds: they are being replaced.
func (w *ringWatch) seePods(ring *v1alpha1.GossipRing) {
	var changing []string
	for _, region := range w.regions {
		lists := map[string]bool{}
		for _, pod := range region.podsOf(ring) {
			lists[seedsIn(*pod)] = true
		}
		if len(lists) > 1 {
			changing = append(changing, region.name)
		}
	}
	w.note(ring, "have pods with different seeds", changing)
}

func (w *ringWatch) note(ring *v1alpha1.GossipRing, what string, regions []string) {
	if len(regions) < 2 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	fault := fmt.Sprintf("ring %s: %s %s at the same time", ring.Name, strings.Join(regions, " and "), what)
	if !slices.Contains(w.faults, fault) {
		w.faults = append(w.faults, fault)
	}
}

// ask asks the bridges until ctx ends. Regions are not asked at one moment: only two that say
// twice that they have nobody are a fault.
func (w *ringWatch) ask(ctx context.Context) {
	tick := time.NewTicker(bridgesEvery)
	defer tick.Stop()
	for ctx.Err() == nil {
		for _, ring := range w.rings {
			if apart := w.disconnected(ctx, ring); len(apart) > 1 && !w.split.Load() {
				again := w.disconnected(ctx, ring)
				w.note(ring, "have no connected bridge", slices.DeleteFunc(apart, func(r string) bool { return !slices.Contains(again, r) }))
			}
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
}

func (w *ringWatch) disconnected(ctx context.Context, ring *v1alpha1.GossipRing) []string {
	var asking sync.WaitGroup
	apart := make([]bool, len(w.regions))
	for i, region := range w.regions {
		asking.Go(func() { apart[i] = region.disconnected(ctx, ring) })
	}
	asking.Wait()
	var names []string
	for i, region := range w.regions {
		if apart[i] {
			names = append(names, region.name)
		}
	}
	return names
}

// disconnected tells whether the region has no running pod, or none that sees anybody else. It
// is false when nobody can tell.
func (r *watchedRegion) disconnected(ctx context.Context, ring *v1alpha1.GossipRing) bool {
	if r.leaving.Load() {
		return false
	}
	ctx, cancel := context.WithTimeout(ctx, bridgePatience)
	defer cancel()
	for _, pod := range r.podsOf(ring) {
		if pod.Status.Phase != corev1.PodRunning {
			continue
		}
		if members, known := counted(ctx, r.api, pod); !known || members > 1 {
			return false
		}
	}
	return true
}

// podsOf are the ring's pods, without those that go, the oldest first.
func (r *watchedRegion) podsOf(ring *v1alpha1.GossipRing) []*corev1.Pod {
	var pods []*corev1.Pod
	for _, object := range r.pods.GetStore().List() {
		if pod, ok := object.(*corev1.Pod); ok && of(ring, pod) && pod.DeletionTimestamp == nil {
			pods = append(pods, pod)
		}
	}
	slices.SortFunc(pods, func(a, b *corev1.Pod) int { return a.CreationTimestamp.Compare(b.CreationTimestamp.Time) })
	return pods
}

// of tells whether a pod is of a ring's workload.
func of(ring *v1alpha1.GossipRing, pod *corev1.Pod) bool {
	return pod.Namespace == ring.Spec.Service.Namespace && labels.SelectorFromSet(ring.Spec.Workload.MatchLabels).Matches(labels.Set(pod.Labels))
}

// leaves makes a region's connection nobody's matter.
func (w *ringWatch) leaves(name string) {
	for _, region := range w.regions {
		if region.name == name {
			region.leaving.Store(true)
		}
	}
}

// found are the faults so far.
func (w *ringWatch) found() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.faults)
}

// order are the Regions in whose cluster Secret a ring's seeds were changed, in this order.
func (w *ringWatch) order(ring *v1alpha1.GossipRing) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.orders[ring.Name])
}
