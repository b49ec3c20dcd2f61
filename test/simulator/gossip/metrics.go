package gossip

import (
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metricsServer exposes what an agent knows about itself under the real
// workload's names.
type metricsServer struct {
	joinAttempts prometheus.Counter
	server       *http.Server
	done         chan struct{}
}

func serveMetrics(listener net.Listener, a *Agent) *metricsServer {
	m := &metricsServer{
		joinAttempts: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "unkey_gossip_seed_join_attempts_total",
			Help: "Attempts to join the ring through its seeds.",
		}),
		done: make(chan struct{}),
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(m.joinAttempts, membersGauge(a), bridgeGauge(a))
	if a.options.PeerMetric {
		registry.MustRegister(peers{agent: a})
	}
	mux := http.NewServeMux()
	mux.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	m.server = &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		defer close(m.done)
		_ = m.server.Serve(listener) // always ends with an error, at close
	}()
	return m
}

func membersGauge(a *Agent) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "unkey_gossip_members_count",
		Help:        "Members that this agent counts in the pool, itself included.",
		ConstLabels: prometheus.Labels{"pool": "wan"},
	}, func() float64 { return float64(a.Members()) })
}

func bridgeGauge(a *Agent) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "unkey_gossip_bridge_status",
		Help: "Whether this agent is its region's bridge.",
	}, func() float64 {
		if a.currentPool() == nil {
			return 0
		}
		return 1
	})
}

// peers is one sample for each region that the agent sees.
type peers struct{ agent *Agent }

var peerDescription = prometheus.NewDesc("unkey_gossip_member", "Regions with a member that this agent sees in the pool.",
	[]string{"region"}, prometheus.Labels{"pool": "wan"})

// Describe implements prometheus.Collector.
func (peers) Describe(to chan<- *prometheus.Desc) { to <- peerDescription }

// Collect implements prometheus.Collector.
func (p peers) Collect(to chan<- prometheus.Metric) {
	for _, region := range p.agent.Regions() {
		to <- prometheus.MustNewConstMetric(peerDescription, prometheus.GaugeValue, 1, region)
	}
}

func (m *metricsServer) close() {
	_ = m.server.Close()
	<-m.done
}
