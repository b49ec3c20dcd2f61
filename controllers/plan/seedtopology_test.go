package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

func seedMember(region, awsRegion, endpoint string) SeedMember {
	return SeedMember{Region: region, AWSRegion: awsRegion, Endpoint: endpoint}
}

// inRegions returns a member for each AWS region, named after it, with an endpoint.
func inRegions(awsRegions ...string) []SeedMember {
	var all []SeedMember
	for _, r := range awsRegions {
		all = append(all, seedMember(r, r, "gossip."+r))
	}
	return all
}

func hubsOf(regions ...string) v1alpha1.RingTopology { return v1alpha1.RingTopology{Hubs: regions} }

func nearestOf(n int32) v1alpha1.RingTopology { return v1alpha1.RingTopology{Nearest: new(n)} }

func TestSeedsOfAFullMesh(t *testing.T) {
	a, b, c := seedMember("a", "", "z"), seedMember("b", "", "y"), seedMember("c", "", "x")
	for name, tc := range map[string]struct {
		members, selves []SeedMember
		want            map[string][]string
	}{
		"nobody":            {want: map[string][]string{}},
		"alone":             {members: []SeedMember{a}, selves: []SeedMember{a}, want: map[string][]string{"a": {}}},
		"everybody, sorted": {members: []SeedMember{a, b, c}, selves: []SeedMember{a, b, c}, want: map[string][]string{"a": {"x", "y"}, "b": {"x", "z"}, "c": {"y", "z"}}},
		"a newcomer":        {members: []SeedMember{a, b}, selves: []SeedMember{seedMember("n", "", "")}, want: map[string][]string{"n": {"y", "z"}}},
		"a leaver is nobody's seed and has its peers": {
			members: []SeedMember{a, b}, selves: []SeedMember{a, c}, want: map[string][]string{"a": {"y"}, "c": {"y", "z"}},
		},
		"whoever shares its endpoint": {
			members: []SeedMember{a, b, seedMember("d", "", "z")}, selves: []SeedMember{a, b}, want: map[string][]string{"a": {"y"}, "b": {"z"}},
		},
		"one without an endpoint is no seed": {
			members: []SeedMember{a, b, seedMember("d", "", "")}, selves: []SeedMember{a}, want: map[string][]string{"a": {"y"}},
		},
		"its endpoint as it was registered": {
			members: []SeedMember{a, b}, selves: []SeedMember{seedMember("a", "", "")}, want: map[string][]string{"a": {"y"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(SeedsBy(v1alpha1.RingTopology{}, tc.members, tc.selves)).To(Equal(tc.want))
		})
	}
}

func TestSeedsOfHubs(t *testing.T) {
	a, b, c, d := seedMember("a", "", "1"), seedMember("b", "", "2"), seedMember("c", "", "3"), seedMember("d", "", "4")
	newcomer := seedMember("n", "", "")
	all := []SeedMember{a, b, c, d}
	for name, tc := range map[string]struct {
		hubs            []string
		members, selves []SeedMember
		want            map[string][]string
	}{
		"everybody has the hubs": {
			hubs: []string{"b", "a"}, members: all, selves: append(all, newcomer),
			want: map[string][]string{"a": {"2"}, "b": {"1"}, "c": {"1", "2"}, "d": {"1", "2"}, "n": {"1", "2"}},
		},
		"an only hub has everybody": {
			hubs: []string{"c"}, members: all, selves: all,
			want: map[string][]string{"a": {"3"}, "b": {"3"}, "c": {"1", "2", "4"}, "d": {"3"}},
		},
		"the only hub with an endpoint": {
			hubs: []string{"a", "n"}, members: all, selves: []SeedMember{a, b, newcomer},
			want: map[string][]string{"a": {"2", "3", "4"}, "b": {"1"}, "n": {"1"}},
		},
		"no hub with an endpoint": {
			hubs: []string{"n", "elsewhere"}, members: all, selves: []SeedMember{a, newcomer},
			want: map[string][]string{"a": {"2", "3", "4"}, "n": {"1", "2", "3", "4"}},
		},
		"whoever shares the only hub's endpoint": {
			hubs: []string{"a"}, members: append(all, seedMember("e", "", "1")), selves: []SeedMember{seedMember("e", "", "1"), b},
			want: map[string][]string{"e": {"2", "3", "4"}, "b": {"1"}},
		},
		"hubs that share an endpoint": {
			hubs: []string{"a", "e"}, members: append(all, seedMember("e", "", "1")), selves: []SeedMember{a, b},
			want: map[string][]string{"a": {"2", "3", "4"}, "b": {"1"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(SeedsBy(hubsOf(tc.hubs...), tc.members, tc.selves)).To(Equal(tc.want))
		})
	}
}

func TestSeedsOfTheNearest(t *testing.T) {
	for name, tc := range map[string]struct {
		nearest         int32
		members, selves []SeedMember
		want            map[string][]string
	}{
		"by distance": {
			nearest: 1, members: inRegions("eu-west-1", "eu-west-2", "eu-central-1"),
			want: map[string][]string{"eu-west-1": {"gossip.eu-west-2"}, "eu-west-2": {"gossip.eu-west-1"}, "eu-central-1": {"gossip.eu-west-2"}},
		},
		"more than there are": {
			nearest: 16, members: inRegions("eu-west-1", "us-east-1", "sa-east-1"), selves: inRegions("eu-west-1"),
			want: map[string][]string{"eu-west-1": {"gossip.sa-east-1", "gossip.us-east-1"}},
		},
		"parts are joined where they are nearest": {
			nearest: 1, members: inRegions("eu-west-1", "eu-central-1", "us-east-1", "us-west-2"),
			want: map[string][]string{
				"eu-west-1": {"gossip.eu-central-1", "gossip.us-east-1"}, "eu-central-1": {"gossip.eu-west-1"},
				"us-east-1": {"gossip.eu-west-1", "gossip.us-west-2"}, "us-west-2": {"gossip.us-east-1"},
			},
		},
		"three parts": {
			nearest: 1, members: inRegions("eu-west-1", "eu-west-2", "us-east-1", "us-east-2", "ap-northeast-1", "ap-northeast-3"),
			want: map[string][]string{
				"eu-west-1": {"gossip.eu-west-2", "gossip.us-east-1"}, "eu-west-2": {"gossip.ap-northeast-3", "gossip.eu-west-1"},
				"us-east-1": {"gossip.eu-west-1", "gossip.us-east-2"}, "us-east-2": {"gossip.us-east-1"},
				"ap-northeast-3": {"gossip.ap-northeast-1", "gossip.eu-west-2"}, "ap-northeast-1": {"gossip.ap-northeast-3"},
			},
		},
		"members of one AWS region, ties by name": {
			nearest: 1,
			members: []SeedMember{seedMember("c", "eu-west-1", "z"), seedMember("a", "eu-west-1", "x"), seedMember("b", "eu-west-1", "y"), seedMember("far", "us-east-1", "w")},
			want:    map[string][]string{"a": {"y"}, "b": {"x"}, "c": {"x"}, "far": {"x"}},
		},
		"a newcomer is placed by its AWS region": {
			nearest: 1, members: inRegions("eu-west-1", "us-east-1"), selves: []SeedMember{seedMember("n", "ca-central-1", ""), seedMember("m", "eu-north-1", "")},
			want: map[string][]string{"n": {"gossip.us-east-1"}, "m": {"gossip.eu-west-1"}},
		},
		"a newcomer changes nobody's seeds": {
			nearest: 1, members: inRegions("eu-west-1", "us-east-1"), selves: append(inRegions("us-east-1"), seedMember("n", "us-east-2", "")),
			want: map[string][]string{"us-east-1": {"gossip.eu-west-1"}, "n": {"gossip.us-east-1"}},
		},
		"an endpoint that is shared counts once, and not for who shares it": {
			nearest: 2,
			members: []SeedMember{seedMember("a", "eu-west-1", "x"), seedMember("b", "eu-west-1", "x"), seedMember("c", "eu-west-2", "y"), seedMember("d", "us-east-1", "z")},
			want:    map[string][]string{"a": {"y", "z"}, "b": {"y", "z"}, "c": {"x", "z"}, "d": {"x", "y"}},
		},
		"all share one endpoint": {
			nearest: 1, members: []SeedMember{seedMember("a", "eu-west-1", "x"), seedMember("b", "us-east-1", "x")},
			want: map[string][]string{"a": {}, "b": {}},
		},
		"parts are not joined by members that share an endpoint, however near": {
			nearest: 1,
			members: []SeedMember{
				seedMember("a", "eu-west-1", "a"), seedMember("a2", "eu-west-1", "a2"), seedMember("b", "eu-west-2", "x"),
				seedMember("c", "eu-west-3", "x"), seedMember("d", "eu-south-1", "d"), seedMember("d2", "eu-south-1", "d2"),
			},
			want: map[string][]string{"a": {"a2", "x"}, "a2": {"a"}, "b": {"a"}, "c": {"a", "d"}, "d": {"d2"}, "d2": {"d"}},
		},
		"parts are joined by the first of those that are as near": {
			nearest: 1,
			members: []SeedMember{
				seedMember("d", "us-east-1", "4"), seedMember("c", "us-east-1", "3"), seedMember("b", "eu-west-1", "2"), seedMember("a", "eu-west-1", "1"),
			},
			want: map[string][]string{"a": {"2", "3"}, "b": {"1"}, "c": {"1", "4"}, "d": {"3"}},
		},
		"an endpoint that is shared by members of two parts is there once": {
			nearest: 1,
			members: []SeedMember{
				seedMember("a", "us-east-1", "a"), seedMember("a2", "us-east-1", "a2"),
				seedMember("b", "eu-west-1", "x"), seedMember("c", "eu-west-2", "c"), seedMember("c2", "eu-west-2", "c2"),
				seedMember("b2", "us-west-2", "x"), seedMember("d", "us-west-1", "d"), seedMember("d2", "us-west-1", "d2"),
			},
			want: map[string][]string{
				"a": {"a2", "x"}, "a2": {"a"}, "b": {"a", "c"}, "c": {"c2"}, "c2": {"c"}, "b2": {"a", "d"}, "d": {"d2"}, "d2": {"d"},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			selves := tc.selves
			if selves == nil {
				selves = tc.members
			}
			NewWithT(t).Expect(SeedsBy(nearestOf(tc.nearest), tc.members, selves)).To(Equal(tc.want))
		})
	}
}

var someTopology = rapid.Custom(func(t *rapid.T) v1alpha1.RingTopology {
	switch rapid.IntRange(0, 2).Draw(t, "topology") {
	case 0:
		return v1alpha1.RingTopology{}
	case 1:
		return hubsOf(rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"r0", "r3", "r7", "gone"}), 1, 4, rapid.ID).Draw(t, "hubs")...)
	default:
		return nearestOf(rapid.Int32Range(1, 16).Draw(t, "nearest"))
	}
})

// someMembers draws members all over the world, of whom some share an AWS region, an endpoint or
// have none.
func someMembers(t *rapid.T) []SeedMember {
	everywhere := append(slices.Sorted(maps.Keys(sites)), "xx-west-1", "")
	var all []SeedMember
	for i := range rapid.IntRange(0, 30).Draw(t, "members") {
		name := fmt.Sprintf("r%d", i)
		endpoint := rapid.SampledFrom([]string{"", "shared", name, name, name, name, name, name}).Draw(t, "endpoint")
		all = append(all, seedMember(name, rapid.SampledFrom(everywhere).Draw(t, "aws"), endpoint))
	}
	return all
}

func TestSeedsOfAnyTopology(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := NewWithT(t)
		topology, all := someTopology.Draw(t, "topology"), someMembers(t)
		dialed := map[string]bool{}
		for _, m := range all {
			if m.Endpoint != "" {
				dialed[m.Endpoint] = true
			}
		}
		seeds := SeedsBy(topology, all, all)
		g.Expect(seeds).To(HaveLen(len(all)))
		for _, m := range all {
			list := seeds[m.Region]
			g.Expect(slices.IsSorted(list)).To(BeTrue())
			g.Expect(slices.Compact(slices.Clone(list))).To(HaveLen(len(list)), "a seed is there twice: %v", list)
			g.Expect(list).NotTo(ContainElement(m.Endpoint), "its own")
			for _, s := range list {
				g.Expect(dialed).To(HaveKey(s))
			}
			if len(dialed) > 1 || len(dialed) == 1 && !dialed[m.Endpoint] {
				g.Expect(list).NotTo(BeEmpty(), m.Region)
			}
		}
		g.Expect(reachable(all, seeds)).To(HaveLen(len(all)))
		g.Expect(SeedsBy(topology, rapid.Permutation(all).Draw(t, "members"), rapid.Permutation(all).Draw(t, "selves"))).To(Equal(seeds))
	})
}

// reachable are the members that the first one gets to by dials in either direction; where nobody
// can be dialed, all.
func reachable(all []SeedMember, seeds map[string][]string) []string {
	if !slices.ContainsFunc(all, func(m SeedMember) bool { return len(seeds[m.Region]) > 0 }) {
		return suffixes(all, func(m SeedMember) string { return m.Region })
	}
	met, queue := map[string]bool{all[0].Region: true}, []SeedMember{all[0]}
	for len(queue) > 0 {
		m := queue[0]
		queue = queue[1:]
		for _, other := range all {
			if !met[other.Region] && (slices.Contains(seeds[m.Region], other.Endpoint) || slices.Contains(seeds[other.Region], m.Endpoint)) {
				met[other.Region] = true
				queue = append(queue, other)
			}
		}
	}
	return slices.Collect(maps.Keys(met))
}

func TestTheNearestAreSeeds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := NewWithT(t)
		n := rapid.IntRange(1, 5).Draw(t, "nearest")
		regions := rapid.SliceOfNDistinct(rapid.SampledFrom(slices.Sorted(maps.Keys(sites))), 2, 20, rapid.ID).Draw(t, "regions")
		seeds := SeedsBy(nearestOf(int32(n)), inRegions(regions...), inRegions(regions...))
		for _, r := range regions {
			g.Expect(len(seeds[r])).To(BeNumerically(">=", min(n, len(regions)-1)))
			for _, other := range regions {
				nearer := slices.DeleteFunc(slices.Clone(regions), func(x string) bool { return x == r || between(r, x) > between(r, other) })
				if other != r && len(nearer) <= n {
					g.Expect(seeds[r]).To(ContainElement("gossip."+other), "%s is among the %d nearest of %s", other, n, r)
				}
			}
		}
	})
}

func TestInitialSeeds(t *testing.T) {
	members := []v1alpha1.RingMember{
		{Region: "a", AWSRegion: "us-east-1", State: v1alpha1.MemberConverged, Endpoint: "a.example"},
		{Region: "b", AWSRegion: "eu-central-1", State: v1alpha1.MemberUnknown, Endpoint: "b.example"},
		{Region: "c", AWSRegion: "eu-west-2", State: v1alpha1.MemberLeaving, Endpoint: "c.example"},
		{Region: "d", AWSRegion: "eu-west-2", State: v1alpha1.MemberLeft, Endpoint: "d.example"},
		{Region: "e", AWSRegion: "eu-west-2", State: v1alpha1.MemberPending},
	}
	itself := v1alpha1.RingMember{Region: "new", State: v1alpha1.MemberConverged, Endpoint: "new.example"}
	for name, tc := range map[string]struct {
		seeds   v1alpha1.RingSeeds
		port    int32
		members []v1alpha1.RingMember
		want    string
	}{
		"of those that stay":                {members: members, want: "a.example,b.example"},
		"the first of a ring":               {want: ""},
		"not its own":                       {members: append(members, itself), want: "a.example,b.example"},
		"the nearest":                       {members: members, seeds: v1alpha1.RingSeeds{Topology: nearestOf(1)}, want: "b.example"},
		"a hub":                             {members: members, seeds: v1alpha1.RingSeeds{Topology: hubsOf("a")}, want: "a.example"},
		"a hub that leaves":                 {members: members, seeds: v1alpha1.RingSeeds{Topology: hubsOf("c")}, want: "a.example,b.example"},
		"in the ring's format":              {members: members, port: 7000, seeds: v1alpha1.RingSeeds{Format: v1alpha1.SeedsJSONArray, IncludePort: true}, want: `["a.example:7000","b.example:7000"]`},
		"with the API's default of a port":  {members: members, seeds: v1alpha1.RingSeeds{IncludePort: true}, want: "a.example:7947,b.example:7947"},
		"with the delivery named":           {members: members, seeds: v1alpha1.RingSeeds{Delivery: v1alpha1.SeedDelivery{ClusterSecret: &v1alpha1.ClusterSecretDelivery{}}}, want: "a.example,b.example"},
		"none where a ConfigMap has them":   {members: members, seeds: v1alpha1.RingSeeds{Delivery: v1alpha1.SeedDelivery{ConfigMap: &v1alpha1.ConfigMapDelivery{}}}, want: ""},
		"none where git has them":           {members: members, seeds: v1alpha1.RingSeeds{Delivery: v1alpha1.SeedDelivery{Git: &v1alpha1.GitDelivery{}}}, want: ""},
		"none, in the format that was said": {members: members, seeds: v1alpha1.RingSeeds{Format: v1alpha1.SeedsJSONArray, Delivery: v1alpha1.SeedDelivery{Git: &v1alpha1.GitDelivery{}}}, want: "[]"},
	} {
		t.Run(name, func(t *testing.T) {
			ring := ringOf(tc.members...)
			ring.Spec.Seeds, ring.Spec.Port = tc.seeds, tc.port
			region := regionIn("eu-west-1", "")
			region.Name = "new"
			NewWithT(t).Expect(InitialSeeds(ring, region)).To(Equal(tc.want))
		})
	}
}

// A newcomer is born with what the ring would write for it, or its pods would restart at once.
func TestInitialSeedsAreThoseOfTheRing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		ring := &v1alpha1.GossipRing{}
		ring.Spec.Seeds.Topology = someTopology.Draw(t, "topology")
		members := someMembers(t)
		for _, m := range members {
			ring.Status.Members = append(ring.Status.Members, v1alpha1.RingMember{Region: m.Region, AWSRegion: v1alpha1.AWSRegion(m.AWSRegion), Endpoint: m.Endpoint})
		}
		region := regionIn(rapid.SampledFrom(awsRegions).Draw(t, "aws"), "")
		region.Name = "new"
		self := seedMember("new", string(region.Spec.AWSRegion), "")
		want := SeedsBy(ring.Spec.Seeds.Topology, members, append(members, self))["new"]
		NewWithT(t).Expect(InitialSeeds(ring, region)).To(Equal(strings.Join(want, ",")))
	})
}

func BenchmarkSeedsBy(b *testing.B) {
	everywhere := slices.Sorted(maps.Keys(sites))
	for name, topology := range map[string]v1alpha1.RingTopology{"mesh": {}, "hubs": hubsOf("r0", "r1"), "nearest": nearestOf(3)} {
		for _, size := range []int{50, 200} {
			var members []SeedMember
			for i := range size {
				members = append(members, seedMember(fmt.Sprintf("r%d", i), everywhere[i%len(everywhere)], fmt.Sprintf("gossip.r%d.example", i)))
			}
			b.Run(fmt.Sprintf("%s/%d", name, size), func(b *testing.B) {
				for b.Loop() {
					SeedsBy(topology, members, members)
				}
			})
		}
	}
}
