package plan

import (
	"cmp"
	"math"
	"slices"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// SeedMember is a member of a ring as others' seeds know it. One that only asks for seeds may
// have no endpoint yet.
type SeedMember struct {
	Region    string
	AWSRegion string
	Endpoint  string
}

// SeedsBy returns the seeds of each of selves, by Region. members are those that may be seeds;
// those without an endpoint are none. A list is sorted, without duplicates and without the
// member's own endpoint, also where others share it; it is empty only when there is no other
// endpoint, whatever the topology says. It does not depend on the order of what is given.
func SeedsBy(topology v1alpha1.RingTopology, members, selves []SeedMember) map[string][]string {
	members = dialable(members)
	all := endpointsOf(members)
	preferred := func(SeedMember) []string { return all }
	switch {
	case len(topology.Hubs) > 0:
		hubs := endpointsOf(slices.DeleteFunc(slices.Clone(members), func(m SeedMember) bool {
			return !slices.Contains(topology.Hubs, m.Region)
		}))
		preferred = func(SeedMember) []string { return hubs }
	case topology.Nearest != nil:
		preferred = newNeighborhood(members, int(max(1, *topology.Nearest))).seeds
	}
	registered := make(map[string]string, len(members))
	for _, m := range members {
		registered[m.Region] = m.Endpoint
	}
	seeds := make(map[string][]string, len(selves))
	for _, self := range selves {
		own := []string{self.Endpoint, registered[self.Region]}
		list := without(preferred(self), own)
		if len(list) == 0 { // an only hub, or no hub yet
			list = without(all, own)
		}
		seeds[self.Region] = list
	}
	return seeds
}

// InitialSeeds renders the seeds that the cluster Secret of a new Region is born with, from
// what the ring's status knows of its peers, so that its pods start with them. Deliveries that
// do not go by the cluster Secret leave the annotation empty.
func InitialSeeds(ring *v1alpha1.GossipRing, region *v1alpha1.Region) string {
	seeds := ring.Spec.Seeds
	port := cmp.Or(ring.Spec.Port, defaultRingPort)
	if seeds.Delivery.ConfigMap != nil || seeds.Delivery.Git != nil || Overruled(ring) {
		return RenderSeeds(nil, seeds, port)
	}
	var members []SeedMember
	for _, m := range ring.Status.Members {
		if !leaves(m) {
			members = append(members, SeedMember{Region: m.Region, AWSRegion: string(m.AWSRegion), Endpoint: m.Endpoint})
		}
	}
	self := SeedMember{Region: region.Name, AWSRegion: string(region.Spec.AWSRegion)}
	return RenderSeeds(SeedsBy(seeds.Topology, members, []SeedMember{self})[region.Name], seeds, port)
}

// Overruled tells whether a ring was seen to do nothing, because an older one has its Service.
func Overruled(ring *v1alpha1.GossipRing) bool {
	c := meta.FindStatusCondition(ring.Status.Conditions, v1alpha1.RingEndpointsReady)
	return c != nil && c.Reason == v1alpha1.ReasonServiceShared
}

// dialable returns the members that have an endpoint, by name.
func dialable(members []SeedMember) []SeedMember {
	members = slices.DeleteFunc(slices.Clone(members), func(m SeedMember) bool { return m.Endpoint == "" })
	slices.SortFunc(members, func(a, b SeedMember) int { return cmp.Compare(a.Region, b.Region) })
	return members
}

func endpointsOf(members []SeedMember) []string {
	endpoints := suffixes(members, func(m SeedMember) string { return m.Endpoint })
	slices.Sort(endpoints)
	return slices.Compact(endpoints)
}

func without(seeds, own []string) []string {
	return slices.DeleteFunc(slices.Clone(seeds), func(s string) bool { return slices.Contains(own, s) })
}

// neighborhood knows who is near whom. Members of one AWS region have one order of the others,
// so that the work hardly grows faster than the ring.
type neighborhood struct {
	members []SeedMember // by name
	nearest int
	points  []point
	orders  map[string][]int    // the members by their distance from an AWS region
	lists   map[string][]string // the members' own, by Region
}

func newNeighborhood(members []SeedMember, nearest int) *neighborhood {
	n := &neighborhood{
		members: members, nearest: nearest,
		points: make([]point, len(members)),
		orders: map[string][]int{}, lists: make(map[string][]string, len(members)),
	}
	at := map[string]point{}
	for i, m := range members {
		if _, ok := at[m.AWSRegion]; !ok {
			at[m.AWSRegion] = siteOf(m.AWSRegion).point()
		}
		n.points[i] = at[m.AWSRegion]
	}
	for _, m := range members {
		n.lists[m.Region] = n.around(m)
	}
	n.connect()
	for region, list := range n.lists {
		slices.Sort(list)
		n.lists[region] = slices.Compact(list) // members of different parts may share an endpoint
	}
	return n
}

// seeds returns those of a member, or of a newcomer at the same place. A newcomer's dial leads
// into a ring that is connected already.
func (n *neighborhood) seeds(self SeedMember) []string {
	if list, ok := n.lists[self.Region]; ok {
		return list
	}
	list := n.around(self)
	slices.Sort(list)
	return list
}

// around returns the endpoints that are nearest to a member.
func (n *neighborhood) around(self SeedMember) []string {
	order, ok := n.orders[self.AWSRegion]
	if !ok {
		order = n.order(self.AWSRegion)
		n.orders[self.AWSRegion] = order
	}
	list := make([]string, 0, n.nearest)
	for _, i := range order {
		m := n.members[i]
		if len(list) == n.nearest {
			break
		}
		if m.Region != self.Region && m.Endpoint != self.Endpoint && !slices.Contains(list, m.Endpoint) {
			list = append(list, m.Endpoint)
		}
	}
	return list
}

func (n *neighborhood) order(awsRegion string) []int {
	here := siteOf(awsRegion).point()
	distances, order := make([]int, len(n.members)), make([]int, len(n.members))
	for i, p := range n.points {
		distances[i], order[i] = kilometers(here, p), i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(cmp.Compare(distances[a], distances[b]), cmp.Compare(a, b))
	})
	return order
}

// connect adds seeds until everybody is reached: neighbors of a far-off group have only each
// other. It always joins the two nearest members of different parts, each as the other's seed.
func (n *neighborhood) connect() {
	if len(n.members) == 0 {
		return
	}
	parts, reached := n.parts(), newReach(n)
	reached.add(parts.members(0))
	for {
		next := reached.nearest()
		if next == unbound {
			return
		}
		a, b := n.members[next.inside], n.members[next.outside]
		n.lists[a.Region] = append(n.lists[a.Region], b.Endpoint)
		n.lists[b.Region] = append(n.lists[b.Region], a.Endpoint)
		reached.add(parts.members(next.outside))
	}
}

// parts are the members that are connected by their lists alone.
func (n *neighborhood) parts() disjoint {
	behind := map[string][]int{}
	for i, m := range n.members {
		behind[m.Endpoint] = append(behind[m.Endpoint], i)
	}
	parts := newDisjoint(len(n.members))
	for i, m := range n.members {
		for _, endpoint := range n.lists[m.Region] {
			for _, j := range behind[endpoint] {
				parts.join(i, j)
			}
		}
	}
	return parts
}

// bond is a pair of members that might be each other's seeds.
type bond struct{ distance, inside, outside int }

// unbound is longer than any bond.
var unbound = bond{distance: math.MaxInt}

// reach is the part of a ring that is connected already. It grows as Prim's tree does, because
// looking at all pairs again for each join would cost their number times that of the parts.
type reach struct {
	neighborhood *neighborhood
	in           []bool
	best         []bond // the shortest to each that is not in; of equal ones the first by name
}

func newReach(n *neighborhood) *reach {
	return &reach{neighborhood: n, in: make([]bool, len(n.members)), best: slices.Repeat([]bond{unbound}, len(n.members))}
}

func (r *reach) add(members []int) {
	for _, i := range members {
		r.in[i] = true
	}
	n := r.neighborhood
	for j := range n.members {
		if r.in[j] {
			continue
		}
		for _, i := range members {
			if n.members[i].Endpoint == n.members[j].Endpoint {
				continue // it would be its own seed
			}
			if d := kilometers(n.points[i], n.points[j]); d < r.best[j].distance {
				r.best[j] = bond{d, i, j}
			}
		}
	}
}

// nearest returns the shortest bond to the outside.
func (r *reach) nearest() bond {
	shortest := unbound
	for j, b := range r.best {
		if !r.in[j] && b.distance < shortest.distance {
			shortest = b
		}
	}
	return shortest
}
