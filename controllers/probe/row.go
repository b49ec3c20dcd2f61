package probe

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"

	clientmodel "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// Row is what a probe says of one endpoint.
type Row struct {
	// To is the Region whose endpoint it is.
	To       string
	TCP, UDP v1alpha1.ProbeResult
	// RTTSeconds is how long the answer to a packet took; 0 unless UDP is OK.
	RTTSeconds float64
	// Members is how many members there are for the one that answered, itself included; 0 unless
	// TCP is OK.
	Members int32
}

// Rows reads what a probe exports, sorted by Region. Until it has asked for the first time, there
// are none; without a valid key, all are Unknown.
func Rows(exposition []byte) ([]Row, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(exposition))
	if err != nil {
		return nil, fmt.Errorf("parsing a probe's metrics: %w", err)
	}
	rows := map[string]*Row{}
	for _, m := range families[metricResult].GetMetric() {
		if m.GetGauge().GetValue() == 0 {
			continue
		}
		to, result := label(m, labelTo), resultFrom(label(m, labelResult))
		if rows[to] == nil {
			rows[to] = &Row{To: to, TCP: v1alpha1.ProbeUnknown, UDP: v1alpha1.ProbeUnknown}
		}
		switch label(m, labelTransport) {
		case transportTCP:
			rows[to].TCP = result
		case transportUDP:
			rows[to].UDP = result
		}
	}
	for _, m := range families[metricRTT].GetMetric() {
		if row := rows[label(m, labelTo)]; row != nil {
			row.RTTSeconds = m.GetGauge().GetValue()
		}
	}
	for _, m := range families[metricMembers].GetMetric() {
		if row := rows[label(m, labelTo)]; row != nil {
			row.Members = int32(m.GetGauge().GetValue())
		}
	}
	sorted := make([]Row, 0, len(rows))
	for _, to := range slices.Sorted(maps.Keys(rows)) {
		sorted = append(sorted, *rows[to])
	}
	return sorted, nil
}

// resultFrom takes what a newer probe may say for Unknown: the API has no other results.
func resultFrom(s string) v1alpha1.ProbeResult {
	switch r := v1alpha1.ProbeResult(s); r {
	case v1alpha1.ProbeOK, v1alpha1.ProbeUnresolved, v1alpha1.ProbeUnreachable, v1alpha1.ProbeKeyRejected:
		return r
	default:
		return v1alpha1.ProbeUnknown
	}
}

func label(m *clientmodel.Metric, name string) string {
	for _, l := range m.GetLabel() {
		if l.GetName() == name {
			return l.GetValue()
		}
	}
	return ""
}

// ranks of results: what one of several addresses says counts before what those after it say.
var ranks = []v1alpha1.ProbeResult{v1alpha1.ProbeOK, v1alpha1.ProbeKeyRejected, v1alpha1.ProbeUnreachable, v1alpha1.ProbeUnknown}

// better takes from each row what went better.
func (r Row) better(other Row) Row {
	before := func(a, b v1alpha1.ProbeResult) bool {
		return cmp.Less(slices.Index(ranks, a), slices.Index(ranks, b))
	}
	if before(other.TCP, r.TCP) {
		r.TCP, r.Members = other.TCP, other.Members
	}
	if before(other.UDP, r.UDP) {
		r.UDP, r.RTTSeconds = other.UDP, other.RTTSeconds
	}
	return r
}

// inferred says that the key is why nothing answered over UDP, when it was over TCP.
func (r Row) inferred() Row {
	if r.TCP == v1alpha1.ProbeKeyRejected && r.UDP == v1alpha1.ProbeUnreachable {
		r.UDP = v1alpha1.ProbeKeyRejected
	}
	return r
}

func (r Row) ok() bool { return r.TCP == v1alpha1.ProbeOK && r.UDP == v1alpha1.ProbeOK }
