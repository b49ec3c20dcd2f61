package promotion

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
)

const (
	// goalWave and goalBack are the design's for 200 regions.
	goalWave = 300 * time.Millisecond
	goalBack = time.Second
	// etcdTakes is the default limit of a request to etcd, --max-request-bytes.
	etcdTakes = 1536 * 1024
)

// BenchmarkScale measures Portolan's own work for a large fleet. API servers and Argo CD take no time.
func BenchmarkScale(b *testing.B) {
	for _, regions := range []int{20, 200} {
		b.Run(fmt.Sprintf("regions=%d", regions), func(b *testing.B) {
			var all figures
			for b.Loop() {
				all.rest(b, regions)
				all.rollOut(b, regions)
				all.rollBack(b, regions)
				all.fill(b, regions)
			}
			b.ReportMetric(0, "ns/op") // of everything together
			all.print(os.Stdout, regions)
		})
	}
}

// figures are of every repetition, or the last one's where they are always the same.
type figures struct {
	settled, wave, back, allBack []time.Duration

	allocated                         uint64
	passes, requests, length, longest int
}

// rest has nothing to do.
func (f *figures) rest(b *testing.B, regions int) {
	b.Helper()
	s := shelfOf(b, regions)
	const times = 10
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range times {
		f.settled = append(f.settled, s.pass(b))
	}
	runtime.ReadMemStats(&after)
	f.allocated = (after.TotalAlloc - before.TotalAlloc) / times
	if s.requests > 0 {
		b.Fatalf("%d requests where nothing is to be done", s.requests)
	}
}

// rollOut moves the whole fleet, wave by wave.
func (f *figures) rollOut(b *testing.B, regions int) {
	b.Helper()
	s := shelfOf(b, regions)
	s.promotion.Spec.Revision = good
	waves := len(s.promotion.Spec.Waves)
	for n := range waves {
		f.wave = append(f.wave, s.until(b, fmt.Sprintf("through wave %d", n+1), func() bool {
			r := s.promotion.Status.Rollout
			return r.Revision == good && passed(&r.Waves[n])
		}))
	}
	f.wave[len(f.wave)-1] += s.until(b, "rolled out", func() bool { return s.promotion.Status.CurrentRevision == good })
	f.passes, f.requests, f.length = s.passes, s.requests, s.length
}

// rollBack has an application of the last region fail, when all others have moved.
func (f *figures) rollBack(b *testing.B, regions int) {
	b.Helper()
	s := shelfOf(b, regions)
	s.promotion.Spec.Revision, s.promotion.Spec.OnFailure = good, v1alpha1.FailureRollback
	last := s.regions[regions-1].Name
	s.until(b, "in the last region", func() bool {
		return s.promotion.Status.Rollout.Revision == good && s.progress(last).State == v1alpha1.RegionRolloutMoving
	})
	s.fail(last + "-app-07")
	s.wrote = time.Time{}
	began := time.Now()
	took := s.until(b, "putting pins back", func() bool { return !s.wrote.IsZero() })
	f.back = append(f.back, s.wrote.Sub(began))
	took += s.until(b, "rolled back", func() bool { return s.promotion.Status.Rollout.Phase == v1alpha1.RolloutRolledBack })
	f.allBack = append(f.allBack, took)
	if pin := s.pin(last, "app-07"); pin != string(old) {
		b.Fatalf("the pin is %s", pin)
	}
}

// fill makes the longest status: no two regions had the same pins, and each has much to say.
func (f *figures) fill(b *testing.B, regions int) {
	b.Helper()
	s := shelfOf(b, regions)
	for i := range s.apps {
		a := &s.apps[i]
		pin := fmt.Sprintf("%040x", i)
		s.secretOf(a).Annotations[v1alpha1.AnnotationRevisionPrefix+a.Labels[v1alpha1.LabelApplication]] = pin
		a.Spec.Source.TargetRevision = pin
		deployed(a, start)
		a.Status.Conditions = []argocd.Condition{{Type: "ComparisonError", Message: "connection refused: " + strings.Repeat("x", 1000)}}
	}
	s.promotion.Spec.Revision = good
	for s.promotion.Status.Wave == "" || s.progress(s.regions[0].Name).State != v1alpha1.RegionRolloutHeld {
		if s.passes == 5 {
			b.Fatalf("no region is held: %s", s.waitsFor())
		}
		s.pass(b)
	}
	f.longest = s.length
}

// print writes the medians beside the goals.
func (f *figures) print(out io.Writer, regions int) {
	load, _ := os.ReadFile("/proc/loadavg") // empty where there is none
	fmt.Fprintf(out, "\n%d processors, load average %.4s\n", runtime.NumCPU(), load)
	fmt.Fprintf(out, "== P14: %d regions with %d applications, %d at a time, %d repetitions\n\n", regions, applicationsOnShelf, togetherOnShelf, len(f.back))
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\tMEDIAN\tLONGEST\tGOAL")
	f.row(w, "a pass with nothing to do", f.settled, 0)
	f.row(w, "all passes of a wave", f.wave, goalWave)
	f.row(w, "a failure is seen -> the first pin is put back", f.back, goalBack)
	f.row(w, "-> all pins are back", f.allBack, 0)
	_ = w.Flush()
	waves := (regions + togetherOnShelf - 1) / togetherOnShelf
	fmt.Fprintf(out, "\na rollout: %d passes, %d writes, %d of them per wave; a pass with nothing to do allocates %d KiB\n", f.passes, f.requests, f.requests/waves, f.allocated/1024)
	fmt.Fprintf(out, "the object: %d KiB, at its longest %d KiB; etcd takes %d KiB\n\n", f.length/1024, f.longest/1024, etcdTakes/1024)
}

func (*figures) row(out io.Writer, what string, times []time.Duration, goal time.Duration) {
	slices.Sort(times)
	median, longest := times[len(times)/2], times[len(times)-1]
	verdict := ""
	switch {
	case goal == 0:
	case median <= goal:
		verdict = fmt.Sprintf("%d ms ✓", goal.Milliseconds())
	default:
		verdict = fmt.Sprintf("%d ms ✗", goal.Milliseconds())
	}
	fmt.Fprintf(out, "%s\t%.1f ms\t%.1f ms\t%s\n", what, median.Seconds()*1000, longest.Seconds()*1000, verdict)
}
