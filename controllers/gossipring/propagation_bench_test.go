package gossipring_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/portolan-dev/portolan/controllers/internal/testenv/build"
)

var (
	sizes       = flag.String("members", "3,10,50,200", "Sizes of the rings of the benchmarks.")
	repetitions = flag.Int("repetitions", 0, "How often a benchmark changes something in each ring; 0 for as often as its size allows.")
	only        = flag.String("only", "", "Run only these benchmarks: propagation, joining, work.")
)

// unlimited lets all regions change at once.
const unlimited = 256

// poll is the operator's default.
const poll = 15 * time.Second

// BenchmarkRings measures rings of up to 200 regions, see docs/benchmarks.md. It asserts
// nothing of its figures, and fails when a ring does not settle.
func BenchmarkRings(b *testing.B) {
	config := startAPIServer(b)
	f := &ringFigures{load: loadAverage()}
	RegisterFailHandler(Fail)
	Describe("Rings", Label("benchmark"), Serial, Ordered, func() {
		for _, n := range ringSizes(b) {
			if *only == "" || *only == "propagation" {
				It("spread a new endpoint over "+strconv.Itoa(n), func(ctx SpecContext) { propagation(ctx, config, f, n) })
			}
			if *only == "" || *only == "work" {
				It("work little for an event among "+strconv.Itoa(n), func(ctx SpecContext) { workPerEvent(ctx, config, f, n, false) })
				It("work little for it with probes, too, among "+strconv.Itoa(n), func(ctx SpecContext) { workPerEvent(ctx, config, f, n, true) })
			}
		}
		if *only == "" || *only == "joining" {
			for _, concurrent := range []int32{1, unlimited} {
				It("take in newcomers, changed at once: "+strconv.Itoa(int(concurrent)), func(ctx SpecContext) { joining(ctx, config, f, concurrent) })
			}
		}
	})
	suite, reporter := GinkgoConfiguration()
	suite.LabelFilter, reporter.Succinct, reporter.SilenceSkips = "benchmark", true, true
	b.ResetTimer()
	RunSpecs(b, "Rings", suite, reporter)
	b.ReportMetric(0, "ns/op") // of everything together, which says nothing
	f.print(os.Stdout)
}

// startAPIServer starts an API server that the suite then uses as well.
func startAPIServer(b *testing.B) *rest.Config {
	b.Helper()
	environment := &envtest.Environment{UseExistingCluster: new(false)}
	config, err := environment.Start()
	if err != nil {
		b.Fatalf("starting the API server, which `make k8s` builds: %v", err)
	}
	b.Cleanup(func() { _ = environment.Stop() })
	file := filepath.Join(b.TempDir(), "kubeconfig")
	if err := os.WriteFile(file, environment.KubeConfig, 0o600); err != nil {
		b.Fatal(err)
	}
	b.Setenv("USE_EXISTING_CLUSTER", "true")
	b.Setenv("KUBECONFIG", file)
	config.QPS = -1
	return config
}

func ringSizes(b *testing.B) []int {
	b.Helper()
	var all []int
	for text := range strings.SplitSeq(*sizes, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 2 {
			b.Fatalf("--members=%s is no list of numbers of at least 2", *sizes)
		}
		all = append(all, n)
	}
	return all
}

// propagation gives a random region's load balancer another name, again and again, and takes
// the time until the API server has acknowledged the new seed in all cluster Secrets.
func propagation(ctx SpecContext, config *rest.Config, figures *ringFigures, n int) {
	f := newFleet(ctx, config, n, 0, pace{poll: poll, concurrent: unlimited})
	result := spread{members: n}
	for range repeat(n, 100, 40, 15) {
		s := f.sites[rand.IntN(n)]
		result.times = append(result.times, f.replaceBalancer(ctx, s))
		for _, other := range f.sites { // the Deployments take longer than that
			if other != s {
				f.restart(other)
			}
		}
		f.awaitReady(ctx)
	}
	figures.spreads = append(figures.spreads, result)
}

// repeat returns how often to repeat something in a ring of n: few, some or many members.
func repeat(n, few, some, many int) int {
	switch {
	case *repetitions > 0:
		return *repetitions
	case n <= 10:
		return few
	case n <= 50:
		return some
	default:
		return many
	}
}

// replaceBalancer returns how long it takes until the last peer's Secret has the new name.
func (f *fleet) replaceBalancer(ctx SpecContext, s *site) time.Duration {
	GinkgoHelper()
	before := f.seen.count()
	s.balancer = f.newBalancer(s)
	waiting := map[string]bool{}
	for _, other := range f.sites {
		waiting[other.cluster] = other != s
	}
	left := len(f.sites) - 1
	start := time.Now()
	s.api.Set(build.Service(s.balancer))
	for read := before; ; {
		for _, w := range f.seen.since(read) {
			read++
			if waiting[w.cluster] && strings.Contains(w.seeds, s.balancer) {
				waiting[w.cluster] = false
				if left--; left == 0 {
					return w.at.Sub(start)
				}
			}
		}
		select {
		case <-f.seen.news:
		case <-ctx.Done():
			Fail("interrupted")
		case <-time.After(patience):
			Fail(fmt.Sprintf("the name of %s does not reach all peers, but %v: %s", s.region.Name, waiting, f.unready()))
		}
	}
}
