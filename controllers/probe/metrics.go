package probe

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// Names of what a probe exports, and of their labels.
const (
	metricResult  = "portolan_probe_result"
	metricRTT     = "portolan_probe_rtt_seconds"
	metricMembers = "portolan_probe_members"

	labelTo        = "to"
	labelTransport = "transport"
	labelResult    = "result"

	transportTCP = "tcp"
	transportUDP = "udp"
)

var (
	descResult = prometheus.NewDesc(metricResult,
		"1 for what came of the last try of a Region's gossip endpoint.", []string{labelTo, labelTransport, labelResult}, nil)
	descRTT = prometheus.NewDesc(metricRTT,
		"How long a Region's gossip endpoint took to answer a packet.", []string{labelTo}, nil)
	descMembers = prometheus.NewDesc(metricMembers,
		"Members of the ring for the member behind a Region's gossip endpoint, itself included.", []string{labelTo}, nil)
	descKey = prometheus.NewDesc("portolan_probe_key_valid",
		"Whether the ring's key could be read.", nil, nil)
	descRounds = prometheus.NewDesc("portolan_probe_rounds_total",
		"How often all endpoints were tried.", nil, nil)
	descLast = prometheus.NewDesc("portolan_probe_last_round_timestamp_seconds",
		"When all endpoints had been tried last.", nil, nil)
)

// record is what the last round found out. It exports nothing else: targets that are gone leave
// no samples behind.
type record struct {
	mu       sync.Mutex
	rows     []Row
	keyValid bool
	rounds   int
	last     time.Time
}

// set replaces what is known, and returns what was known before.
func (r *record) set(rows []Row, keyValid bool, now time.Time) (before []Row) {
	r.mu.Lock()
	defer r.mu.Unlock()
	before = r.rows
	r.rows, r.keyValid, r.last = rows, keyValid, now
	r.rounds++
	return before
}

// Describe implements prometheus.Collector.
func (r *record) Describe(to chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{descResult, descRTT, descMembers, descKey, descRounds, descLast} {
		to <- desc
	}
}

// Collect implements prometheus.Collector.
func (r *record) Collect(to chan<- prometheus.Metric) {
	r.mu.Lock()
	defer r.mu.Unlock()
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	for _, row := range r.rows {
		gauge(descResult, 1, row.To, transportTCP, string(row.TCP))
		gauge(descResult, 1, row.To, transportUDP, string(row.UDP))
		if row.TCP == v1alpha1.ProbeOK {
			gauge(descMembers, float64(row.Members), row.To)
		}
		if row.UDP == v1alpha1.ProbeOK {
			gauge(descRTT, row.RTTSeconds, row.To)
		}
	}
	valid := 0.0
	if r.keyValid {
		valid = 1
	}
	gauge(descKey, valid)
	to <- prometheus.MustNewConstMetric(descRounds, prometheus.CounterValue, float64(r.rounds))
	if r.rounds > 0 {
		gauge(descLast, float64(r.last.UnixMilli())/1000)
	}
}
