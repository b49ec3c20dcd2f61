package regional

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
)

const (
	// checkInterval is the AWS load balancer controller's default, in simulated time.
	checkInterval = 10 * time.Second
	checkFloor    = 100 * time.Millisecond
	// checkThreshold is how many checks in a row decide: the fewest that AWS allows
	// (Elastic Load Balancing API, CreateTargetGroup, HealthyThresholdCount).
	checkThreshold = 2
)

// checked is what health checks have found about a target. At first they know nothing.
type checked struct {
	decided, healthy bool
	last             bool
	streak           int
}

func (c checked) observe(up bool) checked {
	if up != c.last {
		c.last, c.streak = up, 0
	}
	if c.streak++; c.streak >= checkThreshold {
		c.decided, c.healthy = true, up
	}
	return c
}

// health speaks in states and reason codes of the Elastic Load Balancing API (TargetHealth).
func (c checked) health() (state, reason string) {
	switch {
	case !c.decided:
		return "initial", "Elb.InitialHealthChecking"
	case c.healthy:
		return "healthy", ""
	default:
		return "unhealthy", "Target.FailedHealthChecks"
	}
}

// healthChecks are those of one load balancer.
type healthChecks struct {
	round  int
	byPort map[netip.AddrPort]checked
}

func (h *healthChecks) of(target netip.AddrPort) checked { return h.byPort[target] }

// checkTargets connects to every target once in an interval, as a load balancer's health
// check over TCP does, which it also does for UDP: a pod that is ready and does not listen
// is not healthy.
func (r *Region) checkTargets(ctx context.Context, wait *countdowns, service types.UID, groups []portGroup, pods []corev1.Pod) *healthChecks {
	checks := r.balancers.checks[service]
	if checks == nil {
		checks = &healthChecks{}
		r.balancers.checks[service] = checks
	}
	due := func() bool { return wait.over(fmt.Sprintf("check/%s/%d", service, checks.round), r.checkEvery) }
	if !due() {
		return checks
	}
	checks.round++
	due() // starts the next round's countdown
	found := map[netip.AddrPort]checked{}
	for _, group := range groups {
		for _, target := range addressesOf(group, pods) {
			if _, already := found[target]; !already {
				found[target] = checks.byPort[target].observe(r.accepts(ctx, target))
			}
		}
	}
	checks.byPort = found
	return checks
}

func (r *Region) checkEvery() time.Duration {
	return max(checkFloor, r.options.Cloud.Scale(checkInterval))
}

func (r *Region) accepts(ctx context.Context, target netip.AddrPort) bool {
	ctx, cancel := context.WithTimeout(ctx, targetTimeout)
	defer cancel()
	conn, err := r.options.Network.DialContext(ctx, "tcp", target.String())
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}
