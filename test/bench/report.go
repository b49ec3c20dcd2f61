package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// Goals of the design.
const (
	goalSingle, goalWorst = 1.02, 1.05
	goalTogether          = 1.10
	goalCalls             = 1.10
	goalReplicate         = 1.00
)

// mark compares a figure with its goal, as precisely as it is printed.
func mark(figure, goal float64) string {
	if fmt.Sprintf("%.2f", figure) <= fmt.Sprintf("%.2f", goal) {
		return "✓"
	}
	return "✗"
}

func aligned(out io.Writer, write func(w io.Writer)) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	write(w)
	_ = w.Flush()
	fmt.Fprintln(out)
}

// single prints the runs of one region, the path of the median one, and the calls.
func (f figures) single(out io.Writer) {
	if len(f.Single) == 0 {
		return
	}
	fmt.Fprintf(out, "\n== P1: one region, from creation to Ready, in seconds at time scale %.4g\n\n", f.TimeScale)
	fmt.Fprintf(out, "What AWS takes and Portolan's polls are scaled; what this machine computes is not: 10 ms of it count as %.2g s of AWS's time.\n\n", 0.01/f.TimeScale)
	ratios := make([]float64, 0, len(f.Single))
	aligned(out, func(w io.Writer) {
		fmt.Fprintln(w, "REGION\tSEED\tWALL\tCRITICAL PATH\tBEYOND IT\tWALL / PATH")
		for _, r := range f.Single {
			ratios = append(ratios, r.Ratio)
			fmt.Fprintf(w, "%s\t%d\t%s\t%s\t%s\t%.3f\n", r.Regions[0], r.Seed, r.Wall, r.Critical, r.Wall-r.Critical, r.Ratio)
		}
	})
	middle, most := median(ratios), slices.Max(ratios)
	fmt.Fprintf(out, "median %.3f (goal %.2f %s), max %.3f (goal %.2f %s)\n", middle, goalSingle, mark(middle, goalSingle), most, goalWorst, mark(most, goalWorst))
	i := slices.IndexFunc(f.Single, func(r bringUpFigures) bool { return r.Ratio == middle })
	f.Single[i].paths(out)
	lost(out, f.Single)
	fmt.Fprintf(out, "\n== P3: Portolan's own AWS calls until one region was Ready (%s, seed %d)\n\n", f.Single[i].Regions[0], f.Single[i].Seed)
	f.Single[i].calls(out)
}

func (b bringUpFigures) paths(out io.Writer) {
	fmt.Fprintf(out, "\nCritical path of %s, seed %d. A gap is the time between two nodes; its reaction is the part\nafter everything that the node needs was there, and Portolan's.\n\n", b.subject(), b.Seed)
	b.links(out, b.Path)
	if len(b.Observed) > 0 {
		fmt.Fprintf(out, "What was really waited for, one after the other:\n\n")
		b.links(out, b.Observed)
	}
}

func (b bringUpFigures) subject() string {
	if len(b.Regions) == 1 {
		return b.Regions[0]
	}
	return fmt.Sprintf("%d regions", len(b.Regions))
}

func (b bringUpFigures) links(out io.Writer, links []linkFigures) {
	aligned(out, func(w io.Writer) {
		fmt.Fprintln(w, "START\tDURATION\tGAP BEFORE\tREACTION\tNODE\tIN THE GAP")
		for _, l := range links {
			notes := slices.Clone(l.Steps)
			if l.WaitedFor != "" {
				notes = append(notes, "waited for "+b.short(l.WaitedFor))
			}
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\t%s\n", l.Start, l.Duration, l.Gap, l.Reaction, b.short(l.Node), strings.Join(notes, ", "))
		}
	})
}

// short leaves out the region where there is only one.
func (b bringUpFigures) short(id string) string {
	if len(b.Regions) == 1 {
		return strings.TrimPrefix(id, b.Regions[0]+" ")
	}
	return id
}

// place is the part of a node's name that tells a region or a zone.
var place = regexp.MustCompile(`-?\b(` + strings.Join(regionNames(0, len(awsRegions)), "|") + `)[a-z]?\b`)

// general is a node's name without region and zone, so that runs can be compared.
func general(id string) string {
	return strings.TrimSpace(place.ReplaceAllString(id, ""))
}

// loss is Portolan's reaction before nodes of one kind.
type loss struct {
	before     string
	runs       int
	total, max time.Duration
}

// losses sums up the reactions on what was really waited for, the greatest first.
func losses(runs []bringUpFigures) []loss {
	byNode := map[string]*loss{}
	for _, r := range runs {
		links := r.Observed
		if len(links) == 0 {
			links = r.Path
		}
		for _, l := range links {
			name := general(l.Node)
			if byNode[name] == nil {
				byNode[name] = &loss{before: name}
			}
			byNode[name].runs++
			byNode[name].total += time.Duration(l.Reaction)
			byNode[name].max = max(byNode[name].max, time.Duration(l.Reaction))
		}
	}
	all := make([]loss, 0, len(byNode))
	for _, l := range byNode {
		if l.total > 0 {
			all = append(all, *l)
		}
	}
	slices.SortFunc(all, func(a, b loss) int { return cmp.Or(cmp.Compare(b.total, a.total), strings.Compare(a.before, b.before)) })
	return all
}

func lost(out io.Writer, runs []bringUpFigures) {
	fmt.Fprintf(out, "Where Portolan loses time, over all runs: its reaction before each node that was waited for.\n\n")
	aligned(out, func(w io.Writer) {
		fmt.Fprintln(w, "BEFORE\tRUNS\tSECONDS PER RUN\tMOST")
		for _, l := range losses(runs) {
			fmt.Fprintf(w, "%s\t%d\t%s\t%s\n", l.before, l.runs, seconds(l.total/time.Duration(len(runs))), seconds(l.max))
		}
	})
}

func (b bringUpFigures) calls(out io.Writer) {
	calls, least := 0, 0
	aligned(out, func(w io.Writer) {
		fmt.Fprintln(w, "OPERATION\tCALLS\tMINIMUM\tBECAUSE")
		for _, r := range b.Calls {
			calls, least = calls+r.Calls, least+r.Minimum
			fmt.Fprintf(w, "%s\t%d\t%d\t%s\n", r.Operation, r.Calls, r.Minimum, r.Reason)
		}
	})
	fmt.Fprintf(out, "%d calls, minimum %d: %.2f (goal %.2f %s)\n", calls, least, b.CallRatio, goalCalls, mark(b.CallRatio, goalCalls))
}

// together prints several regions at once.
func (f figures) together(out io.Writer) {
	t := f.Together
	if t == nil {
		return
	}
	fmt.Fprintf(out, "\n== P2: %d regions at once, in seconds at time scale %.4g\n\n", len(t.Regions), f.TimeScale)
	aligned(out, func(w io.Writer) {
		fmt.Fprintln(w, "REGION\tWALL\tCRITICAL PATH\tWALL / PATH")
		for _, r := range t.Each {
			fmt.Fprintf(w, "%s\t%s\t%s\t%.3f\n", r.Region, r.Wall, r.Critical, float64(r.Wall)/float64(r.Critical))
		}
		fmt.Fprintf(w, "all\t%s\t%s\t%.3f\n", t.Wall, t.Critical, t.Ratio)
	})
	fmt.Fprintf(out, "wall to all Ready / longest path %.3f (goal %.2f %s)\n", t.Ratio, goalTogether, mark(t.Ratio, goalTogether))
	fmt.Fprintf(out, "Every region has a real API server on this machine, about 280 MB each: what its processors cannot do at once is in these figures.\n")
	t.paths(out)
	fmt.Fprintf(out, "== P3: Portolan's own AWS calls until %d regions were Ready\n\n", len(t.Regions))
	t.calls(out)
	fmt.Fprintf(out, "\n== P4: ReplicateSecretToRegions for %d secrets and %d regions that join together\n\n", t.Secrets, len(t.Regions))
	fmt.Fprintf(out, "%d calls / %d secrets: %.2f (goal %.2f %s)\n", t.ReplicateCalls, t.Secrets, t.ReplicateRatio, goalReplicate, mark(t.ReplicateRatio, goalReplicate))
}

// settled prints what a fleet costs that has nothing to do.
func (f figures) settled(out io.Writer) {
	s := f.Settled
	if s == nil {
		return
	}
	fmt.Fprintf(out, "\n== P5: settled, %d regions and %d secrets, for %d resync intervals (%s s)\n\n", s.Regions, s.Secrets, s.Intervals, s.Seconds)
	writes, reads, calls := sum(s.Writes), sum(s.Reads), sum(s.Calls)
	perRegion := func(n int) float64 { return quotient(n, s.Regions*s.Intervals) }
	aligned(out, func(w io.Writer) {
		fmt.Fprintln(w, "\tCOUNT\tPER REGION AND INTERVAL\tGOAL")
		fmt.Fprintf(w, "writes to the API server\t%d\t%.2f\t0 %s\n", writes, perRegion(writes), mark(float64(writes), 0))
		fmt.Fprintf(w, "reads from the API server\t%d\t%.2f\t0 %s\n", reads, perRegion(reads), mark(float64(reads), 0))
		fmt.Fprintf(w, "AWS calls\t%d\t%.2f\tdrift reads\n", calls, perRegion(calls))
	})
	s.details(out, "writes", s.Writes)
	s.details(out, "reads", s.Reads)
	if len(s.Calls) == 0 {
		return
	}
	aligned(out, func(w io.Writer) {
		fmt.Fprintln(w, "AWS OPERATION\tCALLS\tPER REGION AND INTERVAL\tPER SECRET AND INTERVAL")
		for _, operation := range slices.Sorted(maps.Keys(s.Calls)) {
			perSecret := "-"
			if strings.HasPrefix(operation, "secretsmanager:") {
				perSecret = fmt.Sprintf("%.2f", quotient(s.Calls[operation], s.Secrets*s.Intervals))
			}
			fmt.Fprintf(w, "%s\t%d\t%.2f\t%s\n", operation, s.Calls[operation], perRegion(s.Calls[operation]), perSecret)
		}
	})
}

func (s *settledFigures) details(out io.Writer, what string, counts map[string]int) {
	if len(counts) == 0 {
		return
	}
	parts := make([]string, 0, len(counts))
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%s %d", name, counts[name]))
	}
	fmt.Fprintf(out, "%s: %s\n\n", what, strings.Join(parts, ", "))
}
