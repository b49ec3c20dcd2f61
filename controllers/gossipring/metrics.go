package gossipring

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

var (
	membersSeen = prometheus.NewDesc("portolan_gossip_members_seen",
		"Members of a ring that a region's own members count.", []string{"namespace", "ring", "region"}, nil)
	targetsHealthy = prometheus.NewDesc("portolan_gossip_healthy_targets",
		"Healthy targets of a region's gossip load balancer.", []string{"namespace", "ring", "region"}, nil)
	reachable = prometheus.NewDesc("portolan_gossip_reachable",
		"1 if the probe of one region gets an answer from the endpoint of another, else 0.", []string{"namespace", "ring", "from", "to", "transport"}, nil)
	roundTrip = prometheus.NewDesc("portolan_gossip_round_trip_seconds",
		"Round trip of a gossip packet from the probe of one region to the endpoint of another.", []string{"namespace", "ring", "from", "to"}, nil)
)

// matrix has the last view of every ring: who sees how many, and whose probe reaches whom.
var matrix = &collector{last: map[client.ObjectKey][][]prometheus.Metric{}}

func init() { metrics.Registry.MustRegister(matrix) }

// collector replaces all of a ring's samples at once, so that none outlives its region.
type collector struct {
	mu   sync.Mutex
	last map[client.ObjectKey][][]prometheus.Metric
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(descs chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{membersSeen, targetsHealthy, reachable, roundTrip} {
		descs <- d
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(samples chan<- prometheus.Metric) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, ring := range c.last {
		for _, some := range ring {
			for _, sample := range some {
				samples <- sample
			}
		}
	}
}

func (c *collector) report(s *scope) {
	key := client.ObjectKeyFromObject(s.ring)
	var own []prometheus.Metric
	all := make([][]prometheus.Metric, 0, 1+len(s.members))
	for _, m := range s.members {
		if m.seen != nil {
			own = append(own, gauge(key, membersSeen, float64(*m.seen), m.name))
		}
		if m.targets != nil && m.targets.known {
			own = append(own, gauge(key, targetsHealthy, float64(m.targets.healthy), m.name))
		}
		all = append(all, m.samples)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.last[key] = append(all, own)
}

func gauge(ring client.ObjectKey, desc *prometheus.Desc, value float64, labels ...string) prometheus.Metric {
	return prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, append([]string{ring.Namespace, ring.Name}, labels...)...)
}

func answered(r v1alpha1.ProbeResult) float64 {
	if r == v1alpha1.ProbeOK {
		return 1
	}
	return 0
}

func (c *collector) forget(ring client.ObjectKey) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.last, ring)
}
