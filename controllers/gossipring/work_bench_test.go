package gossipring_test

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// quiet is for how long nothing has to happen until an event counts as worked off.
const quiet = 250 * time.Millisecond

// work is what an event costs.
type work struct {
	members                   int
	probed                    bool
	passes, regional, central float64 // passes, requests to regional API servers and to ours
	objects, bytes            float64 // allocated, in regions and watchers of the benchmark as well
}

// rare is how often all regions are looked at while the work for one of them is measured. It
// may happen during few events, whose median does not show it.
const rare = 2 * time.Minute

// workPerEvent replaces the pod of a random region in a ring in which little else happens.
func workPerEvent(ctx SpecContext, config *rest.Config, figures *ringFigures, n int, probed bool) {
	f := newFleet(ctx, config, n, 0, pace{poll: rare, concurrent: unlimited, probed: probed})
	regional, events := f.hosts(), []work{}
	f.settle(ctx)
	for range repeat(n, 20, 20, 20) {
		inRegions, here := requests(regional)
		passes := f.passes.Load()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f.restart(f.sites[rand.IntN(n)])
		Eventually(f.passes.Load).WithContext(ctx).WithTimeout(patience).WithPolling(time.Millisecond).Should(BeNumerically(">", passes))
		f.settle(ctx)
		runtime.ReadMemStats(&after)
		inRegionsAfter, hereAfter := requests(regional)
		events = append(events, work{
			passes:   float64(f.passes.Load() - passes),
			regional: inRegionsAfter - inRegions,
			central:  hereAfter - here,
			objects:  float64(after.Mallocs - before.Mallocs),
			bytes:    float64(after.TotalAlloc - before.TotalAlloc),
		})
	}
	figures.works = append(figures.works, work{
		members:  n,
		probed:   probed,
		passes:   middle(events, func(w work) float64 { return w.passes }),
		regional: middle(events, func(w work) float64 { return w.regional }),
		central:  middle(events, func(w work) float64 { return w.central }),
		objects:  middle(events, func(w work) float64 { return w.objects }),
		bytes:    middle(events, func(w work) float64 { return w.bytes }),
	})
}

// middle is the median of a figure.
func middle(events []work, figure func(work) float64) float64 {
	all := make([]float64, 0, len(events))
	for _, e := range events {
		all = append(all, figure(e))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// settle waits until no pass begins any more.
func (f *fleet) settle(ctx SpecContext) {
	for last := int64(-1); last != f.passes.Load(); {
		last = f.passes.Load()
		select {
		case <-ctx.Done():
			Fail("the ring does not come to rest")
		case <-time.After(quiet):
		}
	}
}

// requests returns how many went to the regional API servers and to ours until now.
func requests(regional map[string]bool) (inRegions, here float64) {
	families, err := metrics.Registry.Gather()
	Expect(err).NotTo(HaveOccurred())
	for _, family := range families {
		if family.GetName() != "rest_client_requests_total" {
			continue
		}
		for _, m := range family.GetMetric() {
			for _, l := range m.GetLabel() {
				switch {
				case l.GetName() == "host" && regional[l.GetValue()]:
					inRegions += m.GetCounter().GetValue()
				case l.GetName() == "host":
					here += m.GetCounter().GetValue()
				}
			}
		}
	}
	return inRegions, here
}
