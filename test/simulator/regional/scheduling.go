package regional

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// placement knows the nodes and how many pods each has.
type placement struct {
	addresses map[string]string // of every node
	nodes     []corev1.Node     // that are not on their way out
	load      map[string]int    // by node
}

func newPlacement(nodes []corev1.Node, pods []corev1.Pod) placement {
	p := placement{addresses: map[string]string{}, load: map[string]int{}}
	for _, node := range nodes {
		p.addresses[node.Name] = internalIP(node)
		if node.DeletionTimestamp.IsZero() {
			p.nodes = append(p.nodes, node)
		}
	}
	for _, pod := range pods {
		p.load[pod.Spec.NodeName]++
	}
	return p
}

// choose returns the emptiest node that takes the pod and counts it there. Where there
// is none it says why, in the scheduler's words.
func (p placement) choose(pod corev1.Pod) (node, refusal string) {
	reasons := map[string]int{}
	for _, candidate := range p.nodes {
		name := candidate.Name
		if reason := refusalOf(candidate, pod); reason != "" {
			reasons[reason]++
			continue
		}
		if node == "" || p.load[name] < p.load[node] || p.load[name] == p.load[node] && name < node {
			node = name
		}
	}
	if node == "" {
		return "", explainRefusal(len(p.nodes), reasons)
	}
	p.load[node]++
	return node, ""
}

func (p placement) lost(pod corev1.Pod) bool {
	_, exists := p.addresses[pod.Spec.NodeName]
	return pod.Spec.NodeName != "" && !exists
}

// refusalOf asks the scheduler's filters in their order. No pod gets onto a node that
// is not ready, whatever it tolerates: none could start there.
func refusalOf(node corev1.Node, pod corev1.Pod) string {
	if node.Spec.Unschedulable && !tolerates(pod, corev1.Taint{Key: corev1.TaintNodeUnschedulable, Effect: corev1.TaintEffectNoSchedule}) {
		return "node(s) were unschedulable"
	}
	if !nodeReady(node) {
		return untolerated(corev1.Taint{Key: corev1.TaintNodeNotReady})
	}
	for _, taint := range node.Spec.Taints {
		if taint.Effect != corev1.TaintEffectPreferNoSchedule && !tolerates(pod, taint) {
			return untolerated(taint)
		}
	}
	for key, value := range pod.Spec.NodeSelector {
		if held, ok := node.Labels[key]; !ok || held != value {
			return "node(s) didn't match Pod's node affinity/selector"
		}
	}
	return ""
}

func untolerated(taint corev1.Taint) string {
	return fmt.Sprintf("node(s) had untolerated taint {%s: %s}", taint.Key, taint.Value)
}

func tolerates(pod corev1.Pod, taint corev1.Taint) bool {
	return slices.ContainsFunc(pod.Spec.Tolerations, func(t corev1.Toleration) bool {
		return t.ToleratesTaint(logr.Discard(), &taint, false)
	})
}

func explainRefusal(nodes int, reasons map[string]int) string {
	if nodes == 0 {
		return "no nodes available to schedule pods"
	}
	var counted []string
	for reason, count := range reasons {
		counted = append(counted, fmt.Sprintf("%d %s", count, reason))
	}
	slices.Sort(counted)
	return fmt.Sprintf("0/%d nodes are available: %s. preemption: 0/%d nodes are available: %d Preemption is not helpful for scheduling.",
		nodes, strings.Join(counted, ", "), nodes, nodes)
}

// schedule tolerates a cache that has not seen an earlier binding.
func (r *Region) schedule(ctx context.Context, pod *corev1.Pod, placing placement) error {
	node, refusal := placing.choose(*pod)
	if node == "" {
		return r.reportUnschedulable(ctx, pod, refusal)
	}
	binding := &corev1.Binding{
		ObjectMeta: metav1.ObjectMeta{Namespace: pod.Namespace, Name: pod.Name},
		Target:     corev1.ObjectReference{Kind: "Node", Name: node},
	}
	err := r.client.SubResource("binding").Create(ctx, pod, binding)
	if apierrors.IsConflict(err) || apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

func (r *Region) reportUnschedulable(ctx context.Context, pod *corev1.Pod, message string) error {
	i := slices.IndexFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == corev1.PodScheduled })
	if i >= 0 && pod.Status.Conditions[i].Message == message {
		return nil
	}
	before := pod.DeepCopy()
	if i < 0 {
		i = len(pod.Status.Conditions)
		pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{LastTransitionTime: metav1.Now()})
	}
	condition := &pod.Status.Conditions[i]
	condition.Type, condition.Status = corev1.PodScheduled, corev1.ConditionFalse
	condition.Reason, condition.Message = corev1.PodReasonUnschedulable, message
	return client.IgnoreNotFound(r.client.Status().Patch(ctx, pod, client.MergeFrom(before)))
}
