package faults

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// fate is what becomes of the operator at one write.
type fate int

const (
	// survive lets the write through and the operator live.
	survive fate = iota
	// dieBefore loses the write.
	dieBefore
	// dieAfter makes the write and loses the answer.
	dieAfter
)

// mostWrites bounds the different writes to one target within an act: a status has no end
// of them.
const mostWrites = 3

// point is a write at which the operator dies, once before and once after.
type point struct{ before, after bool }

// fates enumerates the points. A write that was lost is made again in the next life, or
// another one of the same target in its place, so each target is finished in order.
type fates struct {
	act    string
	points map[string]map[string]*point // by act, side and target, then by content
	order  []string
}

func (f *fates) targetOf(w write) string { return f.act + ": " + string(w.side) + " " + w.target }

// of decides about a write that is about to be made. What it says has come true when it
// returns dieBefore; a write that is made is reported to made.
func (f *fates) of(w write) fate {
	p := f.find(w)
	switch {
	case p == nil || p.after:
		return survive
	case p.before:
		return dieAfter
	}
	p.before = true
	return dieBefore
}

// made notes that the operator dies after a write.
func (f *fates) made(w write) { f.find(w).after = true }

func (f *fates) find(w write) *point {
	target := f.targetOf(w)
	if f.points == nil {
		f.points = map[string]map[string]*point{}
	}
	if f.points[target] == nil {
		f.points[target] = map[string]*point{}
		f.order = append(f.order, target)
	}
	known := f.points[target]
	content := w.content
	if content == "" { // the first that is not finished
		for i := range mostWrites {
			content = fmt.Sprintf("#%d", i+1)
			if known[content] == nil || !known[content].after {
				break
			}
		}
	}
	if known[content] == nil && len(known) < mostWrites {
		known[content] = &point{}
	}
	return known[content]
}

// count returns how many writes of a side the operator died at, and how often.
func (f *fates) count(s side) (writes, crashes int) {
	for target, points := range f.points {
		if !strings.Contains(target, ": "+string(s)+" ") {
			continue
		}
		for _, p := range points {
			writes++
			for _, died := range []bool{p.before, p.after} {
				if died {
					crashes++
				}
			}
		}
	}
	return writes, crashes
}

// overtaken are the writes before which the operator died and which its next life did not
// make again, because the world had moved on meanwhile or another write took their place.
func (f *fates) overtaken() []string {
	var lost []string
	for _, target := range f.order {
		for _, content := range slices.Sorted(maps.Keys(f.points[target])) {
			if !f.points[target][content].after {
				lost = append(lost, target+" "+content)
			}
		}
	}
	return lost
}
