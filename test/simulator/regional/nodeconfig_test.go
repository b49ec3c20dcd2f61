package regional

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestApplyConfig(t *testing.T) {
	taint := func(key string) corev1.Taint {
		return corev1.Taint{Key: key, Value: "v", Effect: corev1.TaintEffectNoSchedule}
	}
	old := nodegroup{labels: map[string]string{"pool": "a", "gone": "x"}, taints: []corev1.Taint{taint("gone"), taint("stays")}}
	cases := map[string]struct {
		group      nodegroup
		wantSame   bool
		wantLabels map[string]string
		wantTaints []corev1.Taint
	}{
		"nothing changed": {
			group: old, wantSame: true, wantLabels: map[string]string{"pool": "a", "gone": "x", "mine": "y"},
			wantTaints: []corev1.Taint{taint("gone"), taint("stays"), taint("mine")},
		},
		"something is changed, added and given up": {
			group:      nodegroup{labels: map[string]string{"pool": "b", "new": "z"}, taints: []corev1.Taint{taint("stays"), taint("new")}},
			wantLabels: map[string]string{"pool": "b", "new": "z", "mine": "y"},
			wantTaints: []corev1.Taint{taint("mine"), taint("stays"), taint("new")},
		},
		"everything is given up": {
			wantLabels: map[string]string{"mine": "y"}, wantTaints: []corev1.Taint{taint("mine")},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			node := &corev1.Node{
				ObjectMeta: metav1.ObjectMeta{
					Labels:      map[string]string{"pool": "a", "gone": "x", "mine": "y"},
					Annotations: map[string]string{configAnnotation: old.config()},
				},
				Spec: corev1.NodeSpec{Taints: []corev1.Taint{taint("gone"), taint("stays"), taint("mine")}},
			}
			g.Expect(applyConfig(tc.group, node)).To(Equal(!tc.wantSame))
			g.Expect(node.Labels).To(Equal(tc.wantLabels))
			g.Expect(node.Spec.Taints).To(Equal(tc.wantTaints))
			g.Expect(applyConfig(tc.group, node)).To(BeFalse(), "the second time")
		})
	}
}

func TestSplitByVersion(t *testing.T) {
	node := func(name, kubelet string, cordoned bool) corev1.Node {
		n := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: name}}
		n.Status.NodeInfo.KubeletVersion = kubelet
		if cordoned {
			n.Annotations = map[string]string{cordonAnnotation: "u1"}
		}
		return n
	}
	g := NewWithT(t)
	current, old := splitByVersion(nodegroup{kubelet: "v2"}, []corev1.Node{
		node("a", "v1", false), node("b", "v2", false), node("d", "v1", true), node("c", "v1", false),
	})
	g.Expect(current).To(HaveExactElements(HaveField("Name", "b")))
	g.Expect(old).To(HaveExactElements(HaveField("Name", "d"), HaveField("Name", "a"), HaveField("Name", "c")))
}

func TestInstanceOf(t *testing.T) {
	g := NewWithT(t)
	g.Expect(instanceOf(corev1.Node{Spec: corev1.NodeSpec{ProviderID: "aws:///us-east-1a/i-0abc"}})).To(Equal("i-0abc"))
	g.Expect(instanceOf(corev1.Node{})).To(BeEmpty())
	g.Expect(instanceOf(corev1.Node{Spec: corev1.NodeSpec{ProviderID: "kind://node"}})).To(BeEmpty())
}
