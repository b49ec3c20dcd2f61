package regional

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func nodeOf(name string, ready corev1.ConditionStatus, taints ...corev1.Taint) corev1.Node {
	n := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"name": name}}}
	n.Spec.Taints = taints
	n.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, Status: ready}}
	return n
}

func TestPlacement(t *testing.T) {
	on := func(name string) corev1.Pod { return corev1.Pod{Spec: corev1.PodSpec{NodeName: name}} }
	g := NewWithT(t)
	p := newPlacement(
		[]corev1.Node{nodeOf("a", corev1.ConditionTrue), nodeOf("b", corev1.ConditionTrue), nodeOf("c", corev1.ConditionFalse)},
		[]corev1.Pod{on("a"), on("gone"), on("")},
	)
	for _, want := range []string{"b", "a", "b"} {
		chosen, refusal := p.choose(corev1.Pod{})
		g.Expect(chosen).To(Equal(want))
		g.Expect(refusal).To(BeEmpty())
	}
	g.Expect(p.lost(on("gone"))).To(BeTrue())
	g.Expect(p.lost(on("c"))).To(BeFalse())
	g.Expect(p.lost(on(""))).To(BeFalse())
}

func TestChoose(t *testing.T) {
	const preemption = " preemption: 0/1 nodes are available: 1 Preemption is not helpful for scheduling."
	unkey := corev1.Taint{Key: "node-class", Value: "unkey", Effect: corev1.TaintEffectNoSchedule}
	evicting := corev1.Taint{Key: "node-class", Value: "unkey", Effect: corev1.TaintEffectNoExecute}
	preferred := corev1.Taint{Key: "node-class", Value: "unkey", Effect: corev1.TaintEffectPreferNoSchedule}
	cordoned := nodeOf("a", corev1.ConditionTrue)
	cordoned.Spec.Unschedulable = true
	going := nodeOf("a", corev1.ConditionTrue)
	going.DeletionTimestamp = &metav1.Time{Time: epoch}
	everything := corev1.Toleration{Operator: corev1.TolerationOpExists}
	cases := map[string]struct {
		nodes       []corev1.Node
		tolerations []corev1.Toleration
		selector    map[string]string
		want        string
		wantRefusal string
	}{
		"no nodes":         {wantRefusal: "no nodes available to schedule pods"},
		"a node that goes": {nodes: []corev1.Node{going}, wantRefusal: "no nodes available to schedule pods"},
		"an untolerated taint": {
			nodes:       []corev1.Node{nodeOf("a", corev1.ConditionTrue, unkey)},
			wantRefusal: "0/1 nodes are available: 1 node(s) had untolerated taint {node-class: unkey}." + preemption,
		},
		"an untolerated taint that evicts": {
			nodes:       []corev1.Node{nodeOf("a", corev1.ConditionTrue, evicting)},
			tolerations: []corev1.Toleration{{Key: "node-class", Value: "unkey", Effect: corev1.TaintEffectNoSchedule}},
			wantRefusal: "0/1 nodes are available: 1 node(s) had untolerated taint {node-class: unkey}." + preemption,
		},
		"another value tolerated": {
			nodes:       []corev1.Node{nodeOf("a", corev1.ConditionTrue, unkey)},
			tolerations: []corev1.Toleration{{Key: "node-class", Value: "untrusted"}},
			wantRefusal: "0/1 nodes are available: 1 node(s) had untolerated taint {node-class: unkey}." + preemption,
		},
		"the value tolerated": {
			nodes:       []corev1.Node{nodeOf("a", corev1.ConditionTrue, unkey)},
			tolerations: []corev1.Toleration{{Key: "node-class", Value: "unkey"}},
			want:        "a",
		},
		"everything tolerated":       {nodes: []corev1.Node{nodeOf("a", corev1.ConditionTrue, unkey, evicting)}, tolerations: []corev1.Toleration{everything}, want: "a"},
		"a taint that asks only":     {nodes: []corev1.Node{nodeOf("a", corev1.ConditionTrue, preferred)}, want: "a"},
		"the untainted of two":       {nodes: []corev1.Node{nodeOf("a", corev1.ConditionTrue, unkey), nodeOf("b", corev1.ConditionTrue)}, want: "b"},
		"a cordoned node":            {nodes: []corev1.Node{cordoned}, wantRefusal: "0/1 nodes are available: 1 node(s) were unschedulable." + preemption},
		"a cordoned node, tolerated": {nodes: []corev1.Node{cordoned}, tolerations: []corev1.Toleration{everything}, want: "a"},
		"a node that is not ready yet": {
			nodes: []corev1.Node{nodeOf("a", corev1.ConditionFalse)}, tolerations: []corev1.Toleration{everything},
			wantRefusal: "0/1 nodes are available: 1 node(s) had untolerated taint {node.kubernetes.io/not-ready: }." + preemption,
		},
		"the node selected": {
			nodes:    []corev1.Node{nodeOf("a", corev1.ConditionTrue), nodeOf("b", corev1.ConditionTrue)},
			selector: map[string]string{"name": "b"}, want: "b",
		},
		"several reasons": {
			nodes: []corev1.Node{
				nodeOf("a", corev1.ConditionTrue), nodeOf("b", corev1.ConditionTrue), nodeOf("c", corev1.ConditionTrue, unkey),
			},
			selector: map[string]string{"name": "z"},
			wantRefusal: "0/3 nodes are available: 1 node(s) had untolerated taint {node-class: unkey}, " +
				"2 node(s) didn't match Pod's node affinity/selector. " +
				"preemption: 0/3 nodes are available: 3 Preemption is not helpful for scheduling.",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			pod := corev1.Pod{Spec: corev1.PodSpec{Tolerations: tc.tolerations, NodeSelector: tc.selector}}
			chosen, refusal := newPlacement(tc.nodes, nil).choose(pod)
			g.Expect(chosen).To(Equal(tc.want))
			g.Expect(refusal).To(Equal(tc.wantRefusal))
		})
	}
}
