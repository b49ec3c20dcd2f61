package plan

import (
	"cmp"
	"maps"
	"slices"
)

// RingView is what a member of a ring says of it.
type RingView struct {
	// Region of the member.
	Region string
	// Seen is how many members it counts, itself included; nil or 0 when it cannot tell.
	Seen *int32
	// Peers are the Regions that it sees; nil when it only counts.
	Peers []string
	// Weight is how many members the Region has itself: one, or its pods.
	Weight int32
}

func (v RingView) known() bool { return v.Seen != nil && *v.Seen > 0 }

func (v RingView) weight() int32 { return max(1, v.Weight) }

// alone tells whether it counts no more than its own.
func (v RingView) alone() bool { return *v.Seen <= v.weight() }

// Partitioning is what the views tell of the parts into which a ring has fallen.
type Partitioning struct {
	// Partitions are those whose members are known, the largest first; none while nothing
	// proves that there are two.
	Partitions [][]string
	// Isolated are the Regions whose members see nobody but themselves.
	Isolated []string
	// Exact is true when the views say who sees whom, so that no partition is left unnamed.
	Exact bool
	// AtLeast is how many partitions there are for certain.
	AtLeast int
}

// PartitionRing finds the partitions of a ring of total members. Who cannot tell what it sees is in
// none. Counts determine less than peers: a part is named when its members' counts are its size.
func PartitionRing(views []RingView, total int32) Partitioning {
	known := slices.DeleteFunc(slices.Clone(views), func(v RingView) bool { return !v.known() })
	if len(known) == 0 {
		return Partitioning{AtLeast: 1}
	}
	slices.SortFunc(known, func(a, b RingView) int { return cmp.Compare(a.Region, b.Region) })
	if slices.ContainsFunc(known, func(v RingView) bool { return v.Peers == nil }) {
		return partitionsByCount(known, total)
	}
	return partitionsByPeers(known, total)
}

// partitionsByPeers takes those for one part of whom one sees the other. A Region that cannot
// tell what it sees connects those who both see it: gossip does not stay apart that way.
func partitionsByPeers(known []RingView, total int32) Partitioning {
	index := make(map[string]int, len(known))
	for i, v := range known {
		index[v.Region] = i
	}
	for _, v := range known {
		for _, peer := range v.Peers {
			if _, ok := index[peer]; !ok {
				index[peer] = len(index)
			}
		}
	}
	sight := newDisjoint(len(index))
	p := Partitioning{Exact: true}
	for i, v := range known {
		for _, peer := range v.Peers {
			sight.join(i, index[peer])
		}
		if v.weight() < total && !slices.ContainsFunc(v.Peers, func(peer string) bool { return peer != v.Region }) {
			p.Isolated = append(p.Isolated, v.Region)
		}
	}
	parts := map[int][]string{}
	for i, v := range known {
		part := sight.part(i)
		parts[part] = append(parts[part], v.Region)
	}
	p.AtLeast = len(parts)
	p.name(slices.Collect(maps.Values(parts)))
	return p
}

// partitionsByCount takes counts for the sizes of parts. Members of equal count fill one part,
// or several of which nobody knows who is in which. Those who are too few for their count are
// on the move, or with members that cannot tell; they prove a part only next to another.
func partitionsByCount(known []RingView, total int32) Partitioning {
	var p Partitioning
	var parts [][]string
	var others bool
	groups := map[int32][]RingView{}
	for _, v := range known {
		switch {
		case *v.Seen >= total:
			others = true
		case v.alone():
			p.Isolated = append(p.Isolated, v.Region)
			parts = append(parts, []string{v.Region})
		default:
			groups[*v.Seen] = append(groups[*v.Seen], v)
		}
	}
	p.AtLeast = len(parts)
	for count, group := range groups {
		var sum int32
		for _, v := range group {
			sum += v.weight()
		}
		switch {
		case sum < count:
			others = true
		case sum == count:
			parts = append(parts, suffixes(group, func(v RingView) string { return v.Region }))
			p.AtLeast++
		default:
			p.AtLeast += int((sum + count - 1) / count)
		}
	}
	if others || p.AtLeast == 0 {
		p.AtLeast++
	}
	p.name(parts)
	return p
}

// name keeps parts of a ring that has split, in their order. Their members are sorted.
func (p *Partitioning) name(parts [][]string) {
	if p.AtLeast < 2 || len(parts) == 0 {
		return
	}
	slices.SortFunc(parts, func(a, b []string) int {
		return cmp.Or(cmp.Compare(len(b), len(a)), cmp.Compare(a[0], b[0]))
	})
	p.Partitions = parts
}

// disjoint are numbers that fall into parts: each leads to another of its part, the last to
// itself.
type disjoint []int

func newDisjoint(size int) disjoint {
	d := make(disjoint, size)
	for i := range d {
		d[i] = i
	}
	return d
}

// part returns the number that stands for i's part, and shortens the way there.
func (d disjoint) part(i int) int {
	for d[i] != i {
		d[i] = d[d[i]]
		i = d[i]
	}
	return i
}

func (d disjoint) join(a, b int) { d[d.part(a)] = d.part(b) }

// members returns all of i's part, in order.
func (d disjoint) members(i int) []int {
	var all []int
	for j := range d {
		if d.part(j) == d.part(i) {
			all = append(all, j)
		}
	}
	return all
}
