package main

import (
	"fmt"
	"slices"
	"time"
)

// node is one thing that a bring-up had to wait for, as it was measured.
type node struct {
	id string
	// start is when its object was created, end when it could be used.
	start, end time.Time
	// after are the nodes without which it cannot begin; those that were not measured are left out.
	after []string
	// follows means that somebody else than Portolan begins it, as soon as what it needs is
	// there: its start is the latest end of those.
	follows bool
}

// graph is a bring-up. Portolan's own share of it is in no node: it is the time between what
// a node needs and the creation of its object.
type graph struct {
	nodes map[string]*node
}

func newGraph(nodes []node) *graph {
	g := &graph{nodes: map[string]*node{}}
	for _, n := range nodes {
		g.nodes[n.id] = &n
	}
	for _, n := range g.nodes {
		n.after = slices.DeleteFunc(slices.Clone(n.after), func(id string) bool { return g.nodes[id] == nil })
		slices.Sort(n.after)
	}
	for range g.nodes { // a circle would have no end, and is found later
		if !g.settle() {
			break
		}
	}
	return g
}

// settle puts the starts of followers where they belong, and tells whether it changed any.
func (g *graph) settle() (changed bool) {
	for _, n := range g.nodes {
		before := *n
		if last := g.latest(n); n.follows && last != nil {
			n.start = last.end
		}
		if n.end.Before(n.start) {
			n.end = n.start
		}
		changed = changed || !n.start.Equal(before.start) || !n.end.Equal(before.end)
	}
	return changed
}

// latest is the predecessor that ended last.
func (g *graph) latest(n *node) *node {
	var last *node
	for _, id := range n.after {
		if p := g.nodes[id]; last == nil || p.end.After(last.end) {
			last = p
		}
	}
	return last
}

// link is one node of a path, with what lies between it and the node before.
type link struct {
	id       string
	duration time.Duration
	// gap is from the end of the node before to the start of this one. It is negative where
	// both overlap, because clocks and watches are not exact.
	gap time.Duration
	// reaction is the part of the gap after the last thing that the node needs was there.
	reaction time.Duration
	// waitedFor is that last thing, if it is not the node before.
	waitedFor string
	start     time.Time
}

// path is a chain of nodes; the sum of its durations is its length.
type path struct {
	links  []link
	length time.Duration
}

// gaps is the time on the path that belongs to no node.
func (p path) gaps() time.Duration {
	var sum time.Duration
	for _, l := range p.links {
		sum += l.gap
	}
	return sum
}

// longest returns the path to a node with the greatest sum of durations. What two nodes of
// it overlap is counted once.
func (g *graph) longest(to string) (path, error) {
	s := &search{graph: g, length: map[string]time.Duration{}, before: map[string]string{}, open: map[string]bool{}}
	length, err := s.visit(to)
	if err != nil {
		return path{}, err
	}
	chain := []string{to}
	for at := s.before[to]; at != ""; at = s.before[at] {
		chain = append(chain, at)
	}
	slices.Reverse(chain)
	return path{links: g.links(chain), length: length}, nil
}

// observed returns the path to a node on which each was preceded by what it really waited
// for: the one of its predecessors that ended last.
func (g *graph) observed(to string) path {
	n, chain := g.nodes[to], []string{}
	var length time.Duration
	for n != nil && !slices.Contains(chain, n.id) {
		chain = append(chain, n.id)
		length += n.end.Sub(n.start)
		n = g.latest(n)
	}
	slices.Reverse(chain)
	return path{links: g.links(chain), length: length}
}

// search remembers the longest way to each node.
type search struct {
	*graph

	length map[string]time.Duration
	before map[string]string
	open   map[string]bool
}

func (s *search) visit(id string) (time.Duration, error) {
	if length, ok := s.length[id]; ok {
		return length, nil
	}
	n, ok := s.nodes[id]
	switch {
	case !ok:
		return 0, fmt.Errorf("looking for the longest path: there is no node %s", id)
	case s.open[id]:
		return 0, fmt.Errorf("looking for the longest path: %s comes after itself", id)
	}
	s.open[id] = true
	var longest time.Duration
	for _, before := range n.after {
		length, err := s.visit(before)
		if err != nil {
			return 0, err
		}
		length += min(0, n.start.Sub(s.nodes[before].end))
		if s.before[id] == "" || length > longest {
			longest, s.before[id] = length, before
		}
	}
	s.length[id] = longest + n.end.Sub(n.start)
	return s.length[id], nil
}

func (g *graph) links(chain []string) []link {
	links := make([]link, 0, len(chain))
	for i, id := range chain {
		n := g.nodes[id]
		l := link{id: id, start: n.start, duration: n.end.Sub(n.start)}
		if i > 0 {
			before, last := g.nodes[chain[i-1]], g.latest(n)
			l.gap = n.start.Sub(before.end)
			l.reaction = max(0, n.start.Sub(last.end))
			if last.end.After(before.end) {
				l.waitedFor = last.id
			}
		}
		links = append(links, l)
	}
	return links
}
