package step

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"
)

var (
	duration = prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "portolan_step_duration_seconds",
		Help:    "Time that one run of a step took. Steps never sleep, so this is API calls.",
		Buckets: prometheus.ExponentialBuckets(0.001, 4, 8),
	}, []string{"kind", "step"})

	condition = prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "portolan_condition",
		Help: "1 for the current status of each condition of each object.",
	}, []string{"kind", "namespace", "name", "type", "status"})
)

func init() {
	metrics.Registry.MustRegister(duration, condition)
}

func observeDuration(kind, step string, took time.Duration) {
	duration.WithLabelValues(kind, step).Observe(took.Seconds())
}

func observeCondition(kind string, obj client.Object, c metav1.Condition) {
	for _, s := range []metav1.ConditionStatus{metav1.ConditionTrue, metav1.ConditionFalse, metav1.ConditionUnknown} {
		value := 0.0
		if s == c.Status {
			value = 1
		}
		condition.WithLabelValues(kind, obj.GetNamespace(), obj.GetName(), c.Type, string(s)).Set(value)
	}
}

// forgetCondition drops the metrics of a condition that an object does not have any more.
func forgetCondition(kind string, obj client.Object, conditionType string) {
	condition.DeletePartialMatch(prometheus.Labels{"kind": kind, "namespace": obj.GetNamespace(), "name": obj.GetName(), "type": conditionType})
}

// Forget drops the metrics of an object that is gone.
func Forget(kind string, key client.ObjectKey) {
	condition.DeletePartialMatch(prometheus.Labels{"kind": kind, "namespace": key.Namespace, "name": key.Name})
}
