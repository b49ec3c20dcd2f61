package gossipring

import (
	"github.com/prometheus/client_golang/prometheus"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/probe"
)

// findings are what a region's probe tells, worked out once for each time that it is asked: N probes
// tell of N² endpoints, and what wakes a pass concerns few of them. They are never changed in place.
type findings struct {
	rows     []probe.Row         // by Region
	closed   []probe.Row         // of those, endpoints that give no answer
	rejected []string            // the Regions that do not get on with its key, by name
	samples  []prometheus.Metric // of the rows
}

// findingsOf makes them of the rows of a region's probe.
func findingsOf(ring client.ObjectKey, region string, rows []probe.Row) findings {
	f := findings{rows: rows}
	for _, row := range rows {
		if bad(row.TCP) || bad(row.UDP) {
			f.closed = append(f.closed, row)
		}
		if row.TCP == v1alpha1.ProbeKeyRejected {
			f.rejected = append(f.rejected, row.To)
		}
		f.samples = append(f.samples,
			gauge(ring, reachable, answered(row.TCP), region, row.To, "tcp"),
			gauge(ring, reachable, answered(row.UDP), region, row.To, "udp"))
		if row.UDP == v1alpha1.ProbeOK {
			f.samples = append(f.samples, gauge(ring, roundTrip, row.RTTSeconds, region, row.To))
		}
	}
	return f
}

func bad(r v1alpha1.ProbeResult) bool {
	return r == v1alpha1.ProbeUnreachable || r == v1alpha1.ProbeUnresolved
}
