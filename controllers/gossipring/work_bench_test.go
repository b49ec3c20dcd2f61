package gossipring_test

import (
	"math/rand/v2"
	"runtime"
	"time"

	. "github.com/onsi/gomega"
	. "github.com/onsi/ginkgo/v2"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

// quiet is for how long nothing has to happen until an event counts as worked off.
const quiet = 250 * time.Millisecond

// work is what an event costs.
type work struct {
	members                   int
	passes, regional, central float64 // passes, requests to regional API servers and to ours
	objects, bytes            float64 // allocated, in regions and watchers of the benchmark as well
}

// workPerEvent replaces the pod of a random region in a ring in which nothing else happens.
func workPerEvent(ctx SpecContext, config *rest.Config, figures *ringFigures, n int) {
	f := newFleet(ctx, config, n, 0, pace{poll: time.Hour, concurrent: unlimited})
	result := work{members: n}
	f.settle(ctx)
	events := repeat(n, 20, 20, 20)
	for range events {
		before, passes := f.usage(), f.passes.Load()
		f.restart(f.sites[rand.IntN(n)])
		Eventually(f.passes.Load).WithContext(ctx).WithTimeout(patience).WithPolling(time.Millisecond).Should(BeNumerically(">", passes))
		f.settle(ctx)
		after := f.usage()
		result.passes += float64(f.passes.Load()-passes) / float64(events)
		result.regional += (after.regional - before.regional) / float64(events)
		result.central += (after.central - before.central) / float64(events)
		result.objects += (after.objects - before.objects) / float64(events)
		result.bytes += (after.bytes - before.bytes) / float64(events)
	}
	figures.works = append(figures.works, result)
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

// usage returns what was used up so far.
func (f *fleet) usage() work {
	var used work
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	used.objects, used.bytes = float64(memory.Mallocs), float64(memory.TotalAlloc)
	families, err := metrics.Registry.Gather()
	Expect(err).NotTo(HaveOccurred())
	regional := f.hosts()
	for _, family := range families {
		if family.GetName() != "rest_client_requests_total" {
			continue
		}
		for _, m := range family.GetMetric() {
			for _, l := range m.GetLabel() {
				switch {
				case l.GetName() == "host" && regional[l.GetValue()]:
					used.regional += m.GetCounter().GetValue()
				case l.GetName() == "host":
					used.central += m.GetCounter().GetValue()
				}
			}
		}
	}
	return used
}
