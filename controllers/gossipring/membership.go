package gossipring

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/remote"
)

// scraper reads those of a pod's metrics whose names begin with about.
type scraper interface {
	Scrape(ctx context.Context, pod *corev1.Pod, port int32, path, about string) ([]byte, error)
}

// scraperOf is how a ring wants the metrics of a cluster's pods to be reached.
func (r *Reconciler) scraperOf(ring *v1alpha1.GossipRing, cluster *remote.Cluster) scraper {
	if ring.Spec.Membership.Via == v1alpha1.ViaDirect {
		return r.route
	}
	return cluster
}

// view is what a region's pods see of the ring.
type view struct {
	seen *int32
	// peers are the AWS regions seen, when the metric names them.
	peers []string
	// bridge is the pod that sees most.
	bridge string
	// unread says why the metric of a pod could not be read.
	unread string
	// half tells that a pod did not answer that should.
	half bool
}

// parallelScrapes of one region's pods.
const parallelScrapes = 16

// viewOf makes one view of those of all pods whose metric can be read.
func viewOf(ctx context.Context, metrics scraper, pods []*corev1.Pod, m v1alpha1.MembershipMetric) view {
	raw, errs := make([][]byte, len(pods)), make([]error, len(pods))
	var scrapes errgroup.Group
	scrapes.SetLimit(parallelScrapes)
	for i, pod := range pods {
		scrapes.Go(func() error {
			raw[i], errs[i] = metrics.Scrape(ctx, pod, m.Port, m.Path, m.Metric)
			return nil // one that fails holds up no other
		})
	}
	_ = scrapes.Wait() // they return nothing
	var whole view
	most := int32(-1)
	for i, pod := range pods {
		if errs[i] != nil {
			whole.unread, whole.half = cmp.Or(whole.unread, unanswered(m.Via)), whole.half || remote.PodReady(pod)
			continue
		}
		count, peers, err := membersIn(raw[i], m)
		if err != nil {
			whole.unread = err.Error()
			continue
		}
		if count > most {
			most, whole.bridge = count, pod.Name
		}
		better := count > ptrOr(whole.seen, count)
		if m.Aggregate == v1alpha1.AggregateMin {
			better = count < ptrOr(whole.seen, count)
		}
		if whole.seen == nil || better {
			whole.seen, whole.peers = &count, peers
		}
	}
	return whole
}

// doubtHalfViews makes Unknown whoever may be connected, or not, as the pod says that was not asked:
// where the largest view counts, one that sees enough is enough, and where the smallest does, one
// that does not.
func (s *scope) doubtHalfViews() {
	var doubtful []*member
	for _, m := range s.members {
		if m.half && m.seen != nil && (*m.seen < expected(m, s.members)) != (s.ring.Spec.Membership.Aggregate == v1alpha1.AggregateMin) {
			doubtful = append(doubtful, m)
		}
	}
	for _, m := range doubtful {
		m.doubted = *m.seen > 0
		m.seen, m.peers, m.unread = nil, nil, "a pod does not answer, and what the others see does not tell"
	}
}

// unanswered names no pod and no cause: both change from look to look.
func unanswered(via v1alpha1.MetricsRoute) string {
	if via == v1alpha1.ViaDirect {
		return "none answers at its address: membership.via: APIServerProxy needs no route to them"
	}
	return "none answers the API server's proxy"
}

func ptrOr(p *int32, otherwise int32) int32 {
	if p == nil {
		return otherwise
	}
	return *p
}

// membersIn finds the gauge in an exposition in Prometheus' text format: a count, or a
// sample for each member where it has the peer label.
func membersIn(exposition []byte, m v1alpha1.MembershipMetric) (count int32, peers []string, err error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(exposition))
	if err != nil { // it quotes what may be anything
		return 0, nil, fmt.Errorf("%s does not answer in Prometheus' text format", m.Path)
	}
	found := false
	for _, metric := range families[m.Metric].GetMetric() {
		labels := labelsOf(metric)
		if !holds(labels, m.Labels) || metric.GetGauge() == nil {
			continue
		}
		value, err := wholeNumber(m.Metric, metric.GetGauge().GetValue())
		switch {
		case err != nil:
			return 0, nil, err
		case m.PeerLabel == "":
			return value, nil, nil
		}
		found = true
		if value > 0 {
			count, peers = count+value, append(peers, labels[m.PeerLabel])
		}
	}
	if !found {
		return 0, nil, fmt.Errorf("no gauge %s with the labels %v", m.Metric, m.Labels)
	}
	slices.Sort(peers)
	return count, slices.Compact(peers), nil
}

// wholeNumber converts a gauge's value, which may be anything that a float can be.
func wholeNumber(name string, value float64) (int32, error) {
	if value != math.Trunc(value) || value < 0 || value > math.MaxInt32 {
		return 0, fmt.Errorf("gauge %s is %v, which is no count", name, value)
	}
	return int32(value), nil
}

func labelsOf(metric *dto.Metric) map[string]string {
	labels := map[string]string{}
	for _, l := range metric.GetLabel() {
		labels[l.GetName()] = l.GetValue()
	}
	return labels
}

func holds(have, want map[string]string) bool {
	for k, v := range want {
		if have[k] != v {
			return false
		}
	}
	return true
}
