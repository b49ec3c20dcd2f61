package gossipring_test

import (
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Goals of the design: the time by the ring's size, and how the median grows.
var goals = map[int]time.Duration{3: 150 * time.Millisecond, 10: 200 * time.Millisecond, 50: 400 * time.Millisecond, 200: time.Second}

const (
	goalExponent = 0.35
	goalWrites   = 1.00
	goalForced   = 0
)

// ringFigures are the results of the benchmarks.
type ringFigures struct {
	load    string
	spreads []spread
	joins   []joined
	works   []work
}

// spread is how long a new endpoint took to reach all peers of a ring.
type spread struct {
	members int
	times   []time.Duration
}

// quantile is the smallest time that this share of all times does not exceed: of few times,
// the 99th percentile is the longest.
func (s spread) quantile(share float64) time.Duration {
	sorted := slices.Sorted(slices.Values(s.times))
	return sorted[max(0, int(math.Ceil(share*float64(len(sorted))))-1)]
}

// exponent is the slope of the least-squares line through the logarithms: 1 where y grows
// as x does, 2 where it grows with the square.
func exponent(points [][2]float64) float64 {
	var mx, my, xy, xx float64
	for _, p := range points {
		mx, my = mx+math.Log(p[0])/float64(len(points)), my+math.Log(p[1])/float64(len(points))
	}
	for _, p := range points {
		dx := math.Log(p[0]) - mx
		xy, xx = xy+dx*(math.Log(p[1])-my), xx+dx*dx
	}
	return xy / xx
}

// verdict compares a figure with its goal, as precisely as it is printed.
func verdict(figure, goal float64) string {
	if math.Round(figure*100) <= math.Round(goal*100) {
		return "✓"
	}
	return "✗"
}

// loadAverage says how busy the machine is with other things, where it tells.
func loadAverage() string {
	content, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "not known"
	}
	one, _, _ := strings.Cut(string(content), " ")
	return one
}

func (f *ringFigures) print(out io.Writer) {
	fmt.Fprintf(out, "\n%d processors, load average before: %s\n", runtime.NumCPU(), f.load)
	f.printSpreads(out)
	f.printJoins(out)
	f.printWorks(out)
}

func inTable(out io.Writer, write func(w io.Writer)) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	write(w)
	_ = w.Flush()
	fmt.Fprintln(out)
}

func millis(d time.Duration) string {
	return fmt.Sprintf("%.0f ms", float64(d)/float64(time.Millisecond))
}

func (f *ringFigures) printSpreads(out io.Writer) {
	if len(f.spreads) == 0 {
		return
	}
	fmt.Fprintf(out, "\n== P6: a load balancer gets its name -> the API server has acknowledged the last peer's seed\n\n")
	var medians [][2]float64
	inTable(out, func(w io.Writer) {
		fmt.Fprintln(w, "MEMBERS\tTIMES\tMEDIAN\tP99\tGOAL")
		for _, s := range f.spreads {
			middle, most := s.quantile(0.5), s.quantile(0.99)
			medians = append(medians, [2]float64{float64(s.members), float64(middle)})
			goal := ""
			if g, ok := goals[s.members]; ok {
				goal = millis(g) + " " + verdict(most.Seconds(), g.Seconds())
			}
			fmt.Fprintf(w, "%d\t%d\t%s\t%s\t%s\n", s.members, len(s.times), millis(middle), millis(most), goal)
		}
	})
	if len(medians) > 1 {
		e := exponent(medians)
		fmt.Fprintf(out, "the median grows with the members to the power of %.2f (goal %.2f %s)\n", e, goalExponent, verdict(e, goalExponent))
	}
}

func (f *ringFigures) printJoins(out io.Writer) {
	if len(f.joins) == 0 {
		return
	}
	fmt.Fprintf(out, "\n== P7: %d regions join a settled ring of %d within ten seconds\n\n", newcomers, settledMembers)
	inTable(out, func(w io.Writer) {
		fmt.Fprintln(w, "CHANGED AT ONCE\tSEED WRITES\tPER MEMBER\tGOAL\tMOST FOR ONE\tFORCED RESTARTS\tGOAL\tUNTIL READY")
		for _, j := range f.joins {
			ratio := float64(j.writes) / (settledMembers + newcomers)
			fmt.Fprintf(w, "%d\t%d\t%.2f\t%.2f %s\t%d\t%d\t%d %s\t%.1f s\n", j.concurrent, j.writes, ratio, goalWrites, verdict(ratio, goalWrites),
				j.most, j.forced, goalForced, verdict(float64(j.forced), goalForced), j.took.Seconds())
		}
	})
}

func (f *ringFigures) printWorks(out io.Writer) {
	for _, probed := range []bool{false, true} {
		works := slices.DeleteFunc(slices.Clone(f.works), func(w work) bool { return w.probed != probed })
		if len(works) > 0 {
			fmt.Fprintf(out, "\n== Work for one replaced pod in a settled ring%s\n\n", map[bool]string{true: " with probes"}[probed])
			printWork(out, works)
		}
	}
}

func printWork(out io.Writer, works []work) {
	columns := []func(work) float64{
		func(w work) float64 { return w.passes },
		func(w work) float64 { return w.regional },
		func(w work) float64 { return w.central },
		func(w work) float64 { return w.objects },
		func(w work) float64 { return w.bytes / 1024 },
	}
	inTable(out, func(w io.Writer) {
		fmt.Fprintln(w, "MEMBERS\tPASSES\tREQUESTS TO REGIONS\tTO THE API SERVER\tALLOCATIONS\tKIB")
		for _, one := range works {
			fmt.Fprintf(w, "%d", one.members)
			for _, c := range columns {
				fmt.Fprintf(w, "\t%.1f", c(one))
			}
			fmt.Fprintln(w)
		}
		if len(works) > 1 {
			fmt.Fprint(w, "grows by the power of")
			for _, c := range columns {
				var points [][2]float64
				for _, one := range works {
					points = append(points, [2]float64{float64(one.members), max(c(one), 0.1)})
				}
				fmt.Fprintf(w, "\t%.2f", exponent(points))
			}
			fmt.Fprintln(w)
		}
	})
}
