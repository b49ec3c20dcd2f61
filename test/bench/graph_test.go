package main

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// at is a moment, in milliseconds after the epoch.
func at(ms int) time.Time { return epoch.Add(millis(ms)) }

func millis(ms int) time.Duration { return time.Duration(ms) * time.Millisecond }

func lasting(id string, start, end int, after ...string) node {
	return node{id: id, start: at(start), end: at(end), after: after}
}

func following(id string, end int, after ...string) node {
	return node{id: id, end: at(end), after: after, follows: true}
}

func (p path) ids() []string {
	ids := make([]string, 0, len(p.links))
	for _, l := range p.links {
		ids = append(ids, l.id)
	}
	return ids
}

func TestLongestPath(t *testing.T) {
	cases := map[string]struct {
		nodes      []node
		want       []string
		wantLength int
		wantGaps   int
	}{
		"one node": {
			nodes: []node{lasting("ready", 0, 5)}, want: []string{"ready"}, wantLength: 5,
		},
		"the longer of two chains, although the other ended later": {
			nodes: []node{
				lasting("root", 0, 0),
				lasting("slow", 10, 110, "root"),
				lasting("late", 150, 200, "root"),
				lasting("ready", 210, 210, "slow", "late"),
			},
			want: []string{"root", "slow", "ready"}, wantLength: 100, wantGaps: 110,
		},
		"a sum of short ones beats one long one": {
			nodes: []node{
				lasting("root", 0, 0),
				lasting("a", 0, 60, "root"), lasting("b", 70, 130, "a"),
				lasting("long", 0, 100, "root"),
				lasting("ready", 140, 140, "b", "long"),
			},
			want: []string{"root", "a", "b", "ready"}, wantLength: 120, wantGaps: 20,
		},
		"what overlaps is counted once": {
			nodes: []node{
				lasting("root", 0, 0), lasting("a", 0, 100, "root"), lasting("b", 90, 150, "a"), lasting("ready", 150, 150, "b"),
			},
			want: []string{"root", "a", "b", "ready"}, wantLength: 150, wantGaps: -10,
		},
		"a follower begins with the last of what it needs": {
			nodes: []node{
				lasting("root", 0, 0), lasting("a", 0, 50, "root"), lasting("b", 0, 80, "root"),
				following("c", 100, "a", "b"), lasting("ready", 100, 100, "c"),
			},
			want: []string{"root", "b", "c", "ready"}, wantLength: 100,
		},
		"what a follower needs may end after it": {
			nodes: []node{
				lasting("root", 0, 0), lasting("a", 0, 50, "root"), following("b", 40, "a"), lasting("ready", 50, 50, "b"),
			},
			want: []string{"root", "a", "b", "ready"}, wantLength: 50,
		},
		"what was not measured is left out": {
			nodes: []node{lasting("root", 0, 0), lasting("ready", 10, 10, "root", "nothing")},
			want:  []string{"root", "ready"}, wantGaps: 10,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			got, err := newGraph(tc.nodes).longest("ready")
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(got.ids()).To(Equal(tc.want))
			g.Expect(got.length).To(Equal(millis(tc.wantLength)))
			g.Expect(got.gaps()).To(Equal(millis(tc.wantGaps)))
		})
	}
}

func TestLongestPathRefuses(t *testing.T) {
	cases := map[string]struct {
		nodes []node
		want  string
	}{
		"a circle":     {nodes: []node{lasting("a", 0, 1, "b"), lasting("b", 0, 1, "a"), lasting("ready", 1, 1, "a")}, want: "comes after itself"},
		"a lost node":  {nodes: []node{lasting("a", 0, 1)}, want: "no node ready"},
		"nothing else": {nodes: nil, want: "no node ready"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := newGraph(tc.nodes).longest("ready")
			NewWithT(t).Expect(err).To(MatchError(ContainSubstring(tc.want)))
		})
	}
}

// Between the root and any node, durations and gaps add up to the time that passed.
func TestGapsAndDurationsMakeTheWall(t *testing.T) {
	g := NewWithT(t)
	built := newGraph([]node{
		lasting("root", 0, 0), lasting("a", 3, 40, "root"), lasting("b", 38, 90, "a"), lasting("c", 100, 130, "a"),
		following("d", 170, "b", "c"), lasting("ready", 200, 200, "d"),
	})
	longest, err := built.longest("ready")
	g.Expect(err).NotTo(HaveOccurred())
	var sum time.Duration
	for _, l := range longest.links {
		sum += l.duration + l.gap
	}
	g.Expect(sum).To(Equal(millis(200)))
	observed := built.observed("ready")
	g.Expect(observed.ids()).To(Equal([]string{"root", "a", "c", "d", "ready"}))
	g.Expect(observed.length + observed.gaps()).To(Equal(millis(200)))
}

func TestLinksTellWaitingFromReaction(t *testing.T) {
	cases := map[string]struct {
		nodes []node
		want  link
	}{
		"reaction only": {
			nodes: []node{lasting("a", 0, 100), lasting("ready", 130, 140, "a")},
			want:  link{id: "ready", start: at(130), duration: millis(10), gap: millis(30), reaction: millis(30)},
		},
		"waiting for another chain, then reaction": {
			nodes: []node{lasting("a", 0, 100), lasting("b", 100, 120), lasting("ready", 130, 130, "a", "b")},
			want:  link{id: "ready", start: at(130), gap: millis(30), reaction: millis(10), waitedFor: "b"},
		},
		"created before what it needs ended": {
			nodes: []node{lasting("a", 0, 100), lasting("ready", 95, 130, "a")},
			want:  link{id: "ready", start: at(95), duration: millis(35), gap: millis(-5)},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			got, err := newGraph(tc.nodes).longest("ready")
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(got.links[len(got.links)-1]).To(Equal(tc.want))
		})
	}
}
