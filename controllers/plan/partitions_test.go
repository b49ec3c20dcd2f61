package plan

import (
	"cmp"
	"fmt"
	"slices"
	"testing"

	. "github.com/onsi/gomega"
	"pgregory.net/rapid"
)

func counts(region string, seen int32) RingView {
	return RingView{Region: region, Seen: new(seen), Weight: 1}
}

func sees(region string, peers ...string) RingView {
	seen := int32(len(peers))
	if !slices.Contains(peers, region) {
		seen++
	}
	return RingView{Region: region, Seen: new(seen), Peers: append([]string{}, peers...), Weight: 1}
}

func (v RingView) pods(n int32) RingView {
	v.Weight = n
	return v
}

func TestPartitionsByCount(t *testing.T) {
	for name, tc := range map[string]struct {
		total int32
		views []RingView
		want  Partitioning
	}{
		"nothing is known":           {3, []RingView{{Region: "a"}, counts("b", 0)}, Partitioning{AtLeast: 1}},
		"no views":                   {0, nil, Partitioning{AtLeast: 1}},
		"whole":                      {2, []RingView{counts("a", 2), counts("b", 2)}, Partitioning{AtLeast: 1}},
		"whole, with ghosts":         {2, []RingView{counts("a", 3), counts("b", 2)}, Partitioning{AtLeast: 1}},
		"whole, one is not known":    {2, []RingView{counts("a", 2), {Region: "b"}}, Partitioning{AtLeast: 1}},
		"alone by design":            {1, []RingView{counts("a", 1)}, Partitioning{AtLeast: 1}},
		"all together but a part":    {4, []RingView{counts("a", 3), counts("b", 3), counts("c", 3), {Region: "d"}}, Partitioning{AtLeast: 1}},
		"the last that can be asked": {3, []RingView{counts("a", 1)}, Partitioning{Isolated: []string{"a"}, AtLeast: 1}},
		"one is alone": {
			3, []RingView{counts("c", 2), counts("b", 1), counts("a", 2)},
			Partitioning{Partitions: [][]string{{"a", "c"}, {"b"}}, Isolated: []string{"b"}, AtLeast: 2},
		},
		"everybody is alone": {
			3, []RingView{counts("c", 1), counts("a", 1), counts("b", 1)},
			Partitioning{Partitions: [][]string{{"a"}, {"b"}, {"c"}}, Isolated: []string{"a", "b", "c"}, AtLeast: 3},
		},
		"one is alone, whom the others still see": {
			3, []RingView{counts("a", 3), counts("b", 3), counts("c", 1)},
			Partitioning{Partitions: [][]string{{"c"}}, Isolated: []string{"c"}, AtLeast: 2},
		},
		"one is alone, the others are with one that is not known": {
			4, []RingView{counts("a", 3), counts("b", 3), counts("c", 1), {Region: "d"}},
			Partitioning{Partitions: [][]string{{"c"}}, Isolated: []string{"c"}, AtLeast: 2},
		},
		"two parts": {
			5, []RingView{counts("a", 2), counts("b", 3), counts("c", 2), counts("d", 3), counts("e", 3)},
			Partitioning{Partitions: [][]string{{"b", "d", "e"}, {"a", "c"}}, AtLeast: 2},
		},
		"two parts of one size": {
			4, []RingView{counts("a", 2), counts("b", 2), counts("c", 2), counts("d", 2)},
			Partitioning{AtLeast: 2},
		},
		"three parts, two of one size": {
			7, []RingView{counts("a", 2), counts("b", 2), counts("c", 2), counts("d", 2), counts("e", 3), counts("f", 3), counts("g", 3)},
			Partitioning{Partitions: [][]string{{"e", "f", "g"}}, AtLeast: 3},
		},
		"more than fit into one part, one is not known": {
			6, []RingView{counts("a", 3), counts("b", 3), counts("c", 3), counts("d", 3), counts("e", 3), {Region: "f"}},
			Partitioning{AtLeast: 2},
		},
		"on the move": {4, []RingView{counts("a", 3), counts("b", 2), counts("c", 4), counts("d", 4)}, Partitioning{AtLeast: 1}},
		"one part has noticed, the other not yet": {
			4, []RingView{counts("a", 2), counts("b", 2), counts("c", 4), counts("d", 3)},
			Partitioning{Partitions: [][]string{{"a", "b"}}, AtLeast: 2},
		},
		"pods": {
			9, []RingView{counts("a", 6).pods(3), counts("b", 3).pods(3), counts("c", 6).pods(3)},
			Partitioning{Partitions: [][]string{{"a", "c"}, {"b"}}, Isolated: []string{"b"}, AtLeast: 2},
		},
		"pods that do not even see their own region's": {
			6, []RingView{counts("a", 1).pods(3), counts("b", 3).pods(3)},
			Partitioning{Partitions: [][]string{{"a"}, {"b"}}, Isolated: []string{"a", "b"}, AtLeast: 2},
		},
		"as many members as another has pods": {
			4, []RingView{counts("a", 2).pods(2), counts("b", 2), counts("c", 2)},
			Partitioning{Partitions: [][]string{{"b", "c"}, {"a"}}, Isolated: []string{"a"}, AtLeast: 2},
		},
		"some tell their peers": {
			3, []RingView{sees("a", "a", "b"), sees("b", "a"), counts("c", 1)},
			Partitioning{Partitions: [][]string{{"a", "b"}, {"c"}}, Isolated: []string{"c"}, AtLeast: 2},
		},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(PartitionRing(tc.views, tc.total)).To(Equal(tc.want))
		})
	}
}

func TestPartitionsByPeers(t *testing.T) {
	for name, tc := range map[string]struct {
		total int32
		views []RingView
		want  Partitioning
	}{
		"whole":                            {2, []RingView{sees("a", "b"), sees("b", "a", "b")}, Partitioning{Exact: true, AtLeast: 1}},
		"alone by design":                  {1, []RingView{sees("a")}, Partitioning{Exact: true, AtLeast: 1}},
		"seen by one side":                 {2, []RingView{sees("a", "b"), sees("b")}, Partitioning{Exact: true, Isolated: []string{"b"}, AtLeast: 1}},
		"the last that can be asked":       {2, []RingView{sees("a", "a"), {Region: "b", Peers: []string{"a"}}}, Partitioning{Exact: true, Isolated: []string{"a"}, AtLeast: 1}},
		"both see one that cannot tell":    {3, []RingView{sees("a", "u"), {Region: "u"}, sees("b", "u")}, Partitioning{Exact: true, AtLeast: 1}},
		"who cannot tell may only count":   {3, []RingView{sees("a", "b"), sees("b", "a"), counts("c", 0)}, Partitioning{Exact: true, AtLeast: 1}},
		"what dead pods said is forgotten": {2, []RingView{sees("a"), {Region: "b", Seen: new(int32(0)), Peers: []string{"a"}}}, Partitioning{Exact: true, Isolated: []string{"a"}, AtLeast: 1}},
		"two parts of one size": {
			4, []RingView{sees("d", "c"), sees("a", "b"), sees("b", "a"), sees("c", "c", "d")},
			Partitioning{Exact: true, Partitions: [][]string{{"a", "b"}, {"c", "d"}}, AtLeast: 2},
		},
		"one is alone": {
			3, []RingView{sees("a"), sees("b", "c"), sees("c", "b")},
			Partitioning{Exact: true, Partitions: [][]string{{"b", "c"}, {"a"}}, Isolated: []string{"a"}, AtLeast: 2},
		},
		"apart from the others but not alone": {
			4, []RingView{sees("a", "u"), sees("b", "c"), sees("c", "b"), {Region: "u"}},
			Partitioning{Exact: true, Partitions: [][]string{{"b", "c"}, {"a"}}, AtLeast: 2},
		},
		"alone with its own pods": {
			6, []RingView{sees("a", "a").pods(3), sees("b", "b").pods(3)},
			Partitioning{Exact: true, Partitions: [][]string{{"a"}, {"b"}}, Isolated: []string{"a", "b"}, AtLeast: 2},
		},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(PartitionRing(tc.views, tc.total)).To(Equal(tc.want))
		})
	}
}

// someBlocks divides a ring into parts as a Partitioning has them.
func someBlocks(t *rapid.T) [][]string {
	blocks := make([][]string, rapid.IntRange(1, 6).Draw(t, "blocks"))
	for i := range rapid.IntRange(1, 24).Draw(t, "members") {
		b := rapid.IntRange(0, len(blocks)-1).Draw(t, "block")
		blocks[b] = append(blocks[b], fmt.Sprintf("r%02d", i))
	}
	blocks = slices.DeleteFunc(blocks, func(b []string) bool { return len(b) == 0 })
	slices.SortFunc(blocks, func(a, b []string) int { return cmp.Or(len(b)-len(a), cmp.Compare(a[0], b[0])) })
	return blocks
}

// named are the blocks that a Partitioning should name, and those that are alone.
func named(blocks [][]string) (parts [][]string, alone []string) {
	if len(blocks) == 1 {
		return nil, nil
	}
	for _, b := range blocks {
		if len(b) == 1 {
			alone = append(alone, b[0])
		}
	}
	return blocks, alone
}

func sizeOf(blocks [][]string) int32 { return int32(len(slices.Concat(blocks...))) }

func TestPeersTellEveryPart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := NewWithT(t)
		blocks := someBlocks(t)
		var views []RingView
		for _, block := range blocks {
			for i, region := range block {
				peers := rapid.SliceOfDistinct(rapid.SampledFrom(block), rapid.ID).Draw(t, "peers")
				if len(block) > 1 { // all hang together, if only one way
					peers = append(peers, block[(i+1)%len(block)])
				}
				views = append(views, sees(region, peers...))
			}
		}
		for i := range rapid.IntRange(0, 3).Draw(t, "unknown") {
			views = append(views, RingView{Region: fmt.Sprintf("u%d", i), Weight: 1})
		}
		parts, alone := named(blocks)
		p := PartitionRing(rapid.Permutation(views).Draw(t, "views"), sizeOf(blocks))
		g.Expect(p).To(Equal(Partitioning{Partitions: parts, Isolated: alone, Exact: true, AtLeast: len(blocks)}))
	})
}

func TestDifferentCountsTellEveryPart(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := NewWithT(t)
		blocks := someBlocks(t)
		blocks = slices.CompactFunc(blocks, func(a, b []string) bool { return len(a) == len(b) })
		var views []RingView
		for _, block := range blocks {
			for _, region := range block {
				views = append(views, counts(region, int32(len(block))))
			}
		}
		parts, alone := named(blocks)
		p := PartitionRing(rapid.Permutation(views).Draw(t, "views"), sizeOf(blocks))
		g.Expect(p).To(Equal(Partitioning{Partitions: parts, Isolated: alone, AtLeast: len(blocks)}))
	})
}

// Of parts that keep still, none is named that is not there and none is counted twice, whatever
// the members weigh. One member that cannot tell is lighter than any part here: it cannot be a
// part that looks like another's half.
func TestCountsNeverTellOfPartsThatAreNotThere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := NewWithT(t)
		blocks := someBlocks(t)
		var total int32
		weights, hidden := map[string]int32{}, ""
		if len(blocks[len(blocks)-1]) > 1 && rapid.Bool().Draw(t, "hide") {
			hidden = rapid.SampledFrom(slices.Concat(blocks...)).Draw(t, "hidden")
		}
		for _, region := range slices.Concat(blocks...) {
			weights[region] = 1
			if region != hidden {
				weights[region] = rapid.Int32Range(1, 3).Draw(t, "weight")
			}
			total += weights[region]
		}
		var views []RingView
		for _, block := range blocks {
			var size int32
			for _, region := range block {
				size += weights[region]
			}
			for _, region := range block {
				if region != hidden {
					views = append(views, counts(region, size).pods(weights[region]))
				}
			}
		}
		p := PartitionRing(rapid.Permutation(views).Draw(t, "views"), total)
		g.Expect(p.AtLeast).To(BeNumerically("<=", len(blocks)))
		if hidden == "" {
			g.Expect(p.AtLeast).To(Equal(len(blocks)))
		}
		for _, part := range p.Partitions {
			g.Expect(blocks).To(ContainElement(part))
		}
		if len(blocks) == 1 {
			g.Expect(p).To(Equal(Partitioning{AtLeast: 1}))
		}
	})
}
