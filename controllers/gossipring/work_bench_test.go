package gossipring_test

import (
	"math/rand/v2"
	"runtime"
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
	passes, regional, central float64 // passes, requests to regional API servers and to ours
	objects, bytes            float64 // allocated, in regions and watchers of the benchmark as well
}

// workPerEvent replaces the pod of a random region in a ring in which nothing else happens.
func workPerEvent(ctx SpecContext, config *rest.Config, figures *ringFigures, n int) {
	f := newFleet(ctx, config, n, 0, pace{poll: time.Hour, concurrent: unlimited})
	result, regional := work{members: n}, f.hosts()
	f.settle(ctx)
	events := repeat(n, 20, 20, 20)
	for range events {
		inRegions, here := requests(regional)
		passes := f.passes.Load()
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		f.restart(f.sites[rand.IntN(n)])
		Eventually(f.passes.Load).WithContext(ctx).WithTimeout(patience).WithPolling(time.Millisecond).Should(BeNumerically(">", passes))
		f.settle(ctx)
		runtime.ReadMemStats(&after)
		result.passes += float64(f.passes.Load() - passes)
		result.objects += float64(after.Mallocs - before.Mallocs)
		result.bytes += float64(after.TotalAlloc - before.TotalAlloc)
		inRegionsAfter, hereAfter := requests(regional)
		result.regional += inRegionsAfter - inRegions
		result.central += hereAfter - here
	}
	for _, sum := range []*float64{&result.passes, &result.objects, &result.bytes, &result.regional, &result.central} {
		*sum /= float64(events)
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
