package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// steps are the columns of the table.
var steps = []struct{ condition, title string }{
	{v1alpha1.RegionPlanned, "PLAN"},
	{v1alpha1.RegionNetworkReady, "NETWORK"},
	{v1alpha1.RegionIdentityReady, "IDENTITY"},
	{v1alpha1.RegionSecretsReplicated, "SECRETS"},
	{v1alpha1.RegionStorageReady, "STORAGE"},
	{v1alpha1.RegionControlPlaneReady, "CONTROL PLANE"},
	{v1alpha1.RegionAccessReady, "ACCESS"},
	{v1alpha1.RegionAddonsReady, "ADD-ONS"},
	{v1alpha1.RegionNodesReady, "NODES"},
	{v1alpha1.RegionBootstrapped, "BOOTSTRAP"},
	{v1alpha1.RegionRegistered, "ARGO CD"},
	{v1alpha1.RegionApplicationsHealthy, "APPS"},
	{v1alpha1.RegionRingsJoined, "RINGS"},
	{v1alpha1.RegionTrafficReady, "TRAFFIC"},
}

// screen shows the fleet. On a terminal the table is drawn over itself; elsewhere each
// change is a line.
type screen struct {
	out   *os.File
	live  bool
	lines int
	last  map[string]string
}

func newScreen(out *os.File) *screen {
	return &screen{out: out, live: term.IsTerminal(int(out.Fd())), last: map[string]string{}}
}

func (s *screen) headline(text string) {
	s.lines = 0
	fmt.Fprintf(s.out, "\n== %s\n", text)
}

func (s *screen) show(f fleet, elapsed time.Duration) {
	if !s.live {
		s.log(f, elapsed)
		return
	}
	var frame strings.Builder
	fmt.Fprintf(&frame, "%5.1f s\n", elapsed.Seconds())
	table(&frame, f)
	if s.lines > 0 {
		fmt.Fprintf(s.out, "\x1b[%dA\x1b[J", s.lines)
	}
	s.lines = 0
	for line := range strings.Lines(frame.String()) {
		fmt.Fprintln(s.out, clip(strings.TrimSuffix(line, "\n"), s.width()))
		s.lines++
	}
}

// width is how much of a line can be drawn over: one that wraps would be two.
func (s *screen) width() int {
	width, _, err := term.GetSize(int(s.out.Fd()))
	if err != nil || width <= 0 {
		return 80
	}
	return width
}

func clip(line string, width int) string {
	runes := []rune(line)
	if len(runes) <= width {
		return line
	}
	return string(runes[:width-1]) + "…"
}

// log prints what changed: a step that is done, or what an object waits for.
func (s *screen) log(f fleet, elapsed time.Duration) {
	for _, r := range f.regions {
		for _, step := range steps {
			c := meta.FindStatusCondition(r.Status.Conditions, step.condition)
			if c != nil && c.Status == metav1.ConditionTrue {
				s.changed(elapsed, "region "+r.Name+" "+step.condition, "done")
			}
		}
		s.changed(elapsed, "region "+r.Name, summary(r.Status.Conditions))
	}
	for _, r := range f.rings {
		s.changed(elapsed, "ring "+r.Name, r.Status.ConvergedMembers+" "+summary(r.Status.Conditions))
	}
}

func (s *screen) changed(elapsed time.Duration, what, state string) {
	if s.last[what] != state {
		s.last[what] = state
		fmt.Fprintf(s.out, "%6.1f s  %-42s %s\n", elapsed.Seconds(), what, state)
	}
}

func summary(conditions []metav1.Condition) string {
	ready := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady)
	switch {
	case ready == nil:
		return "not seen yet"
	case ready.Status == metav1.ConditionTrue:
		return "Ready"
	default:
		return "waits: " + ready.Message
	}
}

// table renders the fleet: when each step of each region was done, in seconds after
// its Region was created, and each ring's members.
func table(out io.Writer, f fleet) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprint(w, "REGION\tREADY")
	for _, step := range steps {
		fmt.Fprint(w, "\t"+step.title)
	}
	fmt.Fprintln(w)
	for _, r := range f.regions {
		fmt.Fprintf(w, "%s\t%s", r.Name, readiness(r.Status.Conditions))
		for _, step := range steps {
			fmt.Fprint(w, "\t"+cell(&r, step.condition))
		}
		fmt.Fprintln(w)
	}
	_ = w.Flush()
	for _, r := range f.rings {
		fmt.Fprintf(out, "ring %-12s %s  %s\n", r.Name, r.Status.ConvergedMembers, members(&r))
	}
	for _, r := range f.regions {
		if state := summary(r.Status.Conditions); state != "Ready" {
			fmt.Fprintf(out, "%s %.140s\n", r.Name, state)
		}
	}
}

func readiness(conditions []metav1.Condition) string {
	if c := meta.FindStatusCondition(conditions, v1alpha1.ConditionReady); c != nil {
		return string(c.Status)
	}
	return "-"
}

func cell(r *v1alpha1.Region, condition string) string {
	c := meta.FindStatusCondition(r.Status.Conditions, condition)
	switch {
	case c == nil || c.Reason == v1alpha1.ReasonBlocked:
		return "."
	case c.Reason == v1alpha1.ReasonNotRequired:
		return "-"
	case c.Status != metav1.ConditionTrue:
		return c.Reason
	}
	for _, t := range r.Status.Steps {
		if t.Name == condition && t.FinishedAt != nil {
			return fmt.Sprintf("%.0f s", t.FinishedAt.Sub(r.CreationTimestamp.Time).Seconds())
		}
	}
	return "done"
}

func members(ring *v1alpha1.GossipRing) string {
	all := make([]string, 0, len(ring.Status.Members))
	for _, m := range ring.Status.Members {
		seen := "?"
		if m.MembersSeen != nil {
			seen = fmt.Sprint(*m.MembersSeen)
		}
		all = append(all, fmt.Sprintf("%s=%s(sees %s)", m.Region, m.State, seen))
	}
	return strings.Join(all, " ")
}
