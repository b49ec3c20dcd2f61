package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/kubernetes"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// askDNS asks for each name whose load balancer is there until it is answered.
func (w *watcher) askDNS(ctx context.Context) {
	every(ctx, dnsInterval, func() {
		for _, name := range w.journal.unanswered() {
			if _, err := w.bed.DNS.LookupHost(ctx, name); err == nil {
				w.journal.see(subject{inDNS, "Name", name}, sighting{states: map[string]string{aspectUsable: yes}}, time.Now())
			}
		}
	})
}

// unanswered are the names of load balancers that DNS does not know yet.
func (j *journal) unanswered() []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	var names []string
	for s, r := range j.records {
		name := r.states[aspectDNS].last()
		if s.kind == "Service" && name != "" && r.states[aspectHost].last() != "" && j.records[subject{inDNS, "Name", name}] == nil {
			names = append(names, name)
		}
	}
	return names
}

// askMembers asks the pods of each ring how many members they see, until they see all.
func (w *watcher) askMembers(ctx context.Context, regions time.Duration) {
	every(ctx, memberInterval*regions, func() {
		w.mu.Lock()
		clusters := maps.Clone(w.regional)
		w.mu.Unlock()
		for cluster, r := range clusters {
			for i := range w.rings {
				w.askMember(ctx, cluster, r, &w.rings[i], int(regions))
			}
		}
	})
}

func (w *watcher) askMember(ctx context.Context, cluster string, r *regionalWatch, ring *v1alpha1.GossipRing, all int) {
	member := subject{cluster, "Member", ring.Name}
	if w.journal.state(member, aspectMembers) == strconv.Itoa(all) {
		return
	}
	pods, err := r.factory.Core().V1().Pods().Lister().Pods(ring.Spec.Service.Namespace).List(labels.SelectorFromSet(ring.Spec.Workload.MatchLabels))
	if err != nil {
		return // a lister fails in no way that concerns us
	}
	most := 0
	for _, pod := range pods {
		if pod.Status.Phase != corev1.PodRunning || !pod.DeletionTimestamp.IsZero() {
			continue
		}
		if n, err := membersSeen(ctx, r.client, pod, ring.Spec.Membership); err == nil {
			most = max(most, n)
		}
	}
	if most > 0 {
		w.journal.see(member, sighting{states: map[string]string{aspectMembers: strconv.Itoa(most)}}, time.Now())
	}
}

// membersSeen reads a pod's metric through the API server, as Portolan does.
func membersSeen(ctx context.Context, client kubernetes.Interface, pod *corev1.Pod, m v1alpha1.MembershipMetric) (int, error) {
	raw, err := client.CoreV1().Pods(pod.Namespace).ProxyGet("http", pod.Name, strconv.Itoa(int(m.Port)), m.Path, nil).DoRaw(ctx)
	if err != nil {
		return 0, fmt.Errorf("reading the metrics of pod %s: %w", pod.Name, err)
	}
	return membersIn(raw, m)
}

func membersIn(exposition []byte, m v1alpha1.MembershipMetric) (int, error) {
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(exposition))
	if err != nil {
		return 0, fmt.Errorf("parsing metrics: %w", err)
	}
	most := 0
	for _, metric := range families[m.Metric].GetMetric() {
		have := map[string]string{}
		for _, l := range metric.GetLabel() {
			have[l.GetName()] = l.GetValue()
		}
		matches := true
		for k, v := range m.Labels {
			matches = matches && have[k] == v
		}
		if matches {
			most = max(most, int(metric.GetGauge().GetValue()))
		}
	}
	return most, nil
}
