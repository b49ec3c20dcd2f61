package gossipring

import (
	"bytes"
	"context"
	"fmt"
	"math"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	corev1 "k8s.io/api/core/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/remote"
)

// scrape reads how many members a pod sees.
func scrape(ctx context.Context, cluster *remote.Cluster, pod *corev1.Pod, m v1alpha1.MembershipMetric) (int32, error) {
	raw, err := cluster.Scrape(ctx, pod, m.Port, m.Path)
	if err != nil {
		return 0, err
	}
	return membersIn(raw, m)
}

// membersIn finds the gauge in an exposition in Prometheus' text format.
func membersIn(exposition []byte, m v1alpha1.MembershipMetric) (int32, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(exposition))
	if err != nil {
		return 0, fmt.Errorf("parsing metrics: %w", err)
	}
	for _, metric := range families[m.Metric].GetMetric() {
		if hasLabels(metric, m.Labels) && metric.GetGauge() != nil {
			return count(m.Metric, metric.GetGauge().GetValue())
		}
	}
	return 0, fmt.Errorf("no gauge %s with the labels %v", m.Metric, m.Labels)
}

// count converts a gauge's value, which may be anything that a float can be.
func count(name string, value float64) (int32, error) {
	if value != math.Trunc(value) || value < 0 || value > math.MaxInt32 {
		return 0, fmt.Errorf("gauge %s is %v, which is no count", name, value)
	}
	return int32(value), nil
}

func hasLabels(metric *dto.Metric, want map[string]string) bool {
	have := map[string]string{}
	for _, l := range metric.GetLabel() {
		have[l.GetName()] = l.GetValue()
	}
	for k, v := range want {
		if have[k] != v {
			return false
		}
	}
	return true
}
