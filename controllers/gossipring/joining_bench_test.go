package gossipring_test

import (
	"cmp"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/rest"

	"github.com/portolan-dev/portolan/controllers/internal/testenv/build"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// A ring of so many regions takes in so many, each a moment after the other. Its load balancer
// gets its name a moment after that: all have joined within ten seconds.
const (
	settledMembers = 10
	newcomers      = 5
	betweenArrival = time.Second
	untilEndpoint  = 2500 * time.Millisecond
	// rollTime is how long a Deployment takes to replace a pod.
	rollTime = 300 * time.Millisecond
)

// joined is what it cost a ring to take in newcomers.
type joined struct {
	concurrent, writes, most, forced int
	took                             time.Duration
}

// joining brings newcomers up beside a settled ring. Their pods dial their seeds when they
// start, as memberlist does, and are connected from then on when one of those is a member's.
func joining(ctx SpecContext, config *rest.Config, figures *ringFigures, concurrent int32) {
	j := &join{fleet: newFleet(ctx, config, settledMembers, newcomers, pace{poll: poll, concurrent: concurrent}), connected: map[*site]time.Time{}}
	for _, s := range j.sites {
		j.connected[s] = time.Time{}
	}
	start, before := time.Now(), j.seen.count()
	for i := range newcomers {
		j.at(start.Add(time.Duration(i)*betweenArrival), func() {
			s := j.arrive(ctx)
			j.at(time.Now().Add(untilEndpoint), func() {
				s.balancer = j.newBalancer(s)
				s.api.Set(build.Service(s.balancer))
			})
		})
	}
	j.play(ctx, before)
	result := joined{concurrent: int(concurrent), took: time.Since(start)}
	each := map[string]int{}
	for _, w := range j.seen.since(before) {
		each[w.cluster]++
		result.writes++
		result.most = max(result.most, each[w.cluster])
		result.forced += j.forced(w)
	}
	figures.joins = append(figures.joins, result)
}

// join is a fleet with what is still to happen in it.
type join struct {
	*fleet
	script    []turn
	connected map[*site]time.Time
}

type turn struct {
	at time.Time
	do func()
}

func (j *join) at(when time.Time, do func()) {
	j.script = append(j.script, turn{when, do})
	slices.SortStableFunc(j.script, func(a, b turn) int { return a.at.Compare(b.at) })
}

// arrive registers one more Region, whose pod starts with the seeds that it was born with.
func (j *join) arrive(ctx SpecContext) *site {
	GinkgoHelper()
	ring := j.seen.lastRing()
	s := j.add(ctx)
	s.api.Set(build.Service(""))
	j.register(ctx, s, plan.InitialSeeds(ring, s.region))
	j.roll(s)
	j.connect(s)
	return s
}

// roll starts a pod, which dials.
func (j *join) roll(s *site) {
	j.restart(s)
	if _, ok := j.connected[s]; !ok {
		for peer := range j.connected {
			if strings.Contains(j.seen.seedsOf(s.cluster), peer.balancer) {
				j.connected[s] = time.Now()
				break
			}
		}
	}
	for _, other := range j.sites {
		members := 1
		if _, ok := j.connected[other]; ok {
			members = len(j.connected)
		}
		other.api.SetMembers(build.Pod("unkey-api-0", ""), members)
	}
}

// play follows the script, and restarts the pods whose seeds have changed, until the ring is
// whole with everybody.
func (j *join) play(ctx SpecContext, written int) {
	deadline := time.Now().Add(patience)
	for len(j.script) > 0 || len(j.sites) < settledMembers+newcomers || j.unready() != "" {
		wake := time.Now().Add(rollTime)
		if len(j.script) > 0 {
			wake = j.script[0].at
		}
		select {
		case <-j.seen.news:
			for _, w := range j.seen.since(written) {
				written++
				i := slices.IndexFunc(j.sites, func(s *site) bool { return s.cluster == w.cluster })
				j.at(w.at.Add(rollTime), func() { j.roll(j.sites[i]) })
			}
		case <-time.After(time.Until(wake)):
			if len(j.script) > 0 && !time.Now().Before(j.script[0].at) {
				next := j.script[0]
				j.script = j.script[1:]
				next.do()
			}
		case <-ctx.Done():
			Fail("the ring does not become whole: " + j.unready())
		}
		Expect(time.Now()).To(BeTemporally("<", deadline), "the ring does not become whole: %s", j.unready())
	}
}

// forced is how many newcomers a region that was there before got the seed of, and restarted
// for, before they were connected: they would have depended on it.
func (j *join) forced(w write) int {
	var n int
	here := slices.IndexFunc(j.sites, func(s *site) bool { return s.cluster == w.cluster })
	for _, s := range j.sites[settledMembers:] {
		at, ok := j.connected[s]
		if here < settledMembers && strings.Contains(w.seeds, cmp.Or(s.balancer, "none")) && (!ok || at.After(w.at)) {
			n++
		}
	}
	return n
}
