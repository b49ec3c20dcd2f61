package main

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// figures are everything that was measured.
type figures struct {
	TimeScale float64          `json:"timeScale"`
	Seed      uint64           `json:"seed"`
	Single    []bringUpFigures `json:"single,omitempty"`
	Together  *togetherFigures `json:"together,omitempty"`
	Settled   *settledFigures  `json:"settled,omitempty"`
}

// bringUpFigures are of one bring-up, of a Region or of several.
type bringUpFigures struct {
	Regions  []string      `json:"regions"`
	Seed     uint64        `json:"seed"`
	Wall     seconds       `json:"wallSeconds"`
	Critical seconds       `json:"criticalPathSeconds"`
	Ratio    float64       `json:"ratio"`
	Path     []linkFigures `json:"criticalPath"`
	// Observed is the chain of what was really waited for, if it is another.
	Observed  []linkFigures `json:"observedPath,omitempty"`
	Calls     []callRow     `json:"calls"`
	CallRatio float64       `json:"callRatio"`
}

// linkFigures are of one node on a path; times are since the Region was created.
type linkFigures struct {
	Node      string   `json:"node"`
	Start     seconds  `json:"startSeconds"`
	Duration  seconds  `json:"durationSeconds"`
	Gap       seconds  `json:"gapSeconds"`
	Reaction  seconds  `json:"reactionSeconds"`
	WaitedFor string   `json:"waitedFor,omitempty"`
	Steps     []string `json:"steps,omitempty"` // of the Region, done in the gap
}

// togetherFigures are of several Regions that are created at once.
type togetherFigures struct {
	bringUpFigures

	Each           []regionFigures `json:"each"`
	Secrets        int             `json:"secrets"`
	ReplicateCalls int             `json:"replicateCalls"`
	ReplicateRatio float64         `json:"replicateRatio"`
}

// regionFigures are of one Region among several.
type regionFigures struct {
	Region   string  `json:"region"`
	Wall     seconds `json:"wallSeconds"`
	Critical seconds `json:"criticalPathSeconds"`
}

// settledFigures are what a fleet costs that has nothing to do.
type settledFigures struct {
	Intervals int            `json:"resyncIntervals"`
	Seconds   seconds        `json:"seconds"`
	Regions   int            `json:"regions"`
	Secrets   int            `json:"secrets"`
	Writes    map[string]int `json:"writes"`
	Reads     map[string]int `json:"reads"`
	Calls     map[string]int `json:"awsCalls"`
}

// seconds is a duration that JSON shows as a number.
type seconds time.Duration

// MarshalJSON implements json.Marshaler.
func (s seconds) MarshalJSON() ([]byte, error) {
	return json.Marshal(math.Round(time.Duration(s).Seconds()*1000) / 1000)
}

func (s seconds) String() string { return fmt.Sprintf("%.2f", time.Duration(s).Seconds()) }

// fleetReady is the node that all regions lead to.
const fleetReady = "all Ready"

const fleetRoot = "first Region"

// fleetGraph joins the graphs of regions that came up together.
func fleetGraph(all records, rings []v1alpha1.GossipRing, regions []string) (*graph, error) {
	first, sink := node{id: fleetRoot}, node{id: fleetReady}
	var nodes []node
	for _, region := range regions {
		own := nodesOf(all, rings, region)
		if len(own) == 0 {
			return nil, fmt.Errorf("region %s was not seen to become Ready", region)
		}
		for i := range own {
			switch own[i].id {
			case region + " " + kindRegion:
				own[i].after = []string{fleetRoot}
				if first.start.IsZero() || own[i].start.Before(first.start) {
					first.start, first.end = own[i].start, own[i].start
				}
			case ready(region):
				sink.end = latestOf(sink.end, own[i].end)
				sink.after = append(sink.after, own[i].id)
			}
		}
		nodes = append(nodes, own...)
	}
	sink.start = sink.end
	return newGraph(append(nodes, first, sink)), nil
}

// evaluate turns what was seen of a bring-up into figures.
func evaluate(all records, rings []v1alpha1.GossipRing, regions []string) (bringUpFigures, error) {
	g, err := fleetGraph(all, rings, regions)
	if err != nil {
		return bringUpFigures{}, err
	}
	critical, err := g.longest(fleetReady)
	if err != nil {
		return bringUpFigures{}, err
	}
	began := g.nodes[fleetRoot].start
	wall := g.nodes[fleetReady].end.Sub(began)
	f := bringUpFigures{
		Regions: regions, Wall: seconds(wall), Critical: seconds(critical.length), Ratio: wall.Seconds() / critical.length.Seconds(),
		Path: figuresOf(critical, all, began),
	}
	if observed := g.observed(fleetReady); !slices.EqualFunc(observed.links, critical.links, func(a, b link) bool { return a.id == b.id }) {
		f.Observed = figuresOf(observed, all, began)
	}
	return f, nil
}

func figuresOf(p path, all records, began time.Time) []linkFigures {
	figures := make([]linkFigures, 0, len(p.links))
	for _, l := range p.links {
		if l.id == fleetRoot || l.id == fleetReady {
			continue // their times are those of a Region
		}
		figures = append(figures, linkFigures{
			Node: l.id, Start: seconds(l.start.Sub(began)), Duration: seconds(l.duration),
			Gap: seconds(l.gap), Reaction: seconds(l.reaction), WaitedFor: l.waitedFor,
			Steps: stepsBetween(all, l.id, l.start.Add(-l.gap), l.start),
		})
	}
	return figures
}

// stepsBetween are the conditions of a node's Region that became True in a gap.
func stepsBetween(all records, id string, from, to time.Time) []string {
	region, _, _ := strings.Cut(id, " ")
	r := all[subject{management, kindRegion, region}]
	if r == nil {
		return nil
	}
	var steps []string
	for condition, h := range r.states {
		if at := h.first(is(conditionTrue)); at.After(from) && !at.After(to) && !slices.Contains(summaries, condition) {
			steps = append(steps, condition)
		}
	}
	slices.SortFunc(steps, func(a, b string) int {
		return r.states[a].first(is(conditionTrue)).Compare(r.states[b].first(is(conditionTrue)))
	})
	return steps
}

// summaries are conditions that are no step.
var summaries = []string{v1alpha1.ConditionReady, v1alpha1.ConditionReconciling, v1alpha1.RegionConnected}

// eachRegionOf are the figures of every region of its own.
func eachRegionOf(all records, rings []v1alpha1.GossipRing, regions []string) ([]regionFigures, error) {
	figures := make([]regionFigures, 0, len(regions))
	for _, region := range regions {
		one, err := evaluate(all, rings, []string{region})
		if err != nil {
			return nil, err
		}
		figures = append(figures, regionFigures{Region: region, Wall: one.Wall, Critical: one.Critical})
	}
	return figures, nil
}

// median is the middle one, or the lower of two.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	return sorted[(len(sorted)-1)/2]
}

// save writes the figures as JSON.
func (f figures) save(path string) error {
	raw, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return fmt.Errorf("rendering the figures: %w", err)
	}
	if err := os.WriteFile(path, append(raw, '\n'), 0o600); err != nil {
		return fmt.Errorf("writing the figures: %w", err)
	}
	return nil
}
