package regional

import (
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// inPlace is a pod of a set, from "name hash" and perhaps "starting".
func inPlace(text string) corev1.Pod {
	words := strings.Fields(text)
	pod := podOf(words[1], 1, len(words) == 2)
	pod.Name, pod.Labels = words[0], map[string]string{appsv1.ControllerRevisionHashLabelKey: words[1]}
	return pod
}

func TestPlanSet(t *testing.T) {
	cases := map[string]struct {
		disorderly bool
		pods       []string
		wantCreate []string
		wantRemove []string
	}{
		"starts with the first":          {wantCreate: []string{"db-0"}},
		"waits for one to be ready":      {pods: []string{"db-0 new starting"}},
		"goes on with the next":          {pods: []string{"db-0 new"}, wantCreate: []string{"db-1"}},
		"fills a gap":                    {pods: []string{"db-0 new", "db-2 new"}, wantCreate: []string{"db-1"}},
		"rests when all is done":         {pods: []string{"db-0 new", "db-1 new", "db-2 new"}},
		"takes the last first":           {pods: []string{"db-0 old", "db-1 old", "db-2 old"}, wantRemove: []string{"db-2"}},
		"brings it back":                 {pods: []string{"db-0 old", "db-1 old"}, wantCreate: []string{"db-2"}},
		"waits for it":                   {pods: []string{"db-0 old", "db-1 old", "db-2 new starting"}},
		"takes the next":                 {pods: []string{"db-0 old", "db-1 old", "db-2 new"}, wantRemove: []string{"db-1"}},
		"takes one that never started":   {pods: []string{"db-0 new", "db-1 new", "db-2 old starting"}, wantRemove: []string{"db-2"}},
		"takes what has no place":        {pods: []string{"db-0 new", "db-1 new", "db-2 new", "db-3 new"}, wantRemove: []string{"db-3"}},
		"starts all at once":             {disorderly: true, wantCreate: []string{"db-0", "db-1", "db-2"}},
		"replaces one at a time at most": {disorderly: true, pods: []string{"db-0 old", "db-1 old", "db-2 new starting"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			var pods []corev1.Pod
			for _, text := range tc.pods {
				pods = append(pods, inPlace(text))
			}
			create, remove := planSet([]place{{pod: "db-0"}, {pod: "db-1"}, {pod: "db-2"}}, !tc.disorderly, "new", pods)
			var created []string
			for _, p := range create {
				created = append(created, p.pod)
			}
			g.Expect(created).To(Equal(tc.wantCreate))
			g.Expect(names(remove)).To(Equal(tc.wantRemove))
		})
	}
}

// setOf are the labels and the template of a set in kube-system.
func setOf(name, version string) (metav1.ObjectMeta, *metav1.LabelSelector, corev1.PodTemplateSpec) {
	chart := chartOf(name, tolerateEverything)
	template := chart.Spec.Template
	template.Annotations = map[string]string{"version": version}
	return chart.ObjectMeta, chart.Spec.Selector, template
}

// replaced watches until all pods of a set have a version, and tells how few were ready meanwhile.
func (s *site) replaced(t *testing.T, selector *metav1.LabelSelector, version string, want int) (fewest int) {
	t.Helper()
	g := NewWithT(t)
	fewest = want
	g.Eventually(func() int {
		pods := &corev1.PodList{}
		g.Expect(s.client.List(t.Context(), pods, client.InNamespace(metav1.NamespaceSystem), client.MatchingLabels(selector.MatchLabels))).To(Succeed())
		fewest = min(fewest, countReady(pods.Items))
		there := 0
		for _, pod := range pods.Items {
			if podReady(pod) && pod.Annotations["version"] == version {
				there++
			}
		}
		return there
	}).Within(patience).WithPolling(retryDelay / 20).Should(Equal(want))
	return fewest
}

func (b *bed) testStatefulSet(t *testing.T) {
	g := NewWithT(t)
	meta, selector, template := setOf("db", "1")
	db := &appsv1.StatefulSet{ObjectMeta: meta, Spec: appsv1.StatefulSetSpec{Replicas: new(int32(3)), Selector: selector, Template: template}}
	g.Expect(b.east.client.Create(t.Context(), db)).To(Succeed())
	b.east.replaced(t, selector, "1", 3)
	before := db.DeepCopy()
	db.Spec.Template.Annotations["version"] = "2"
	g.Expect(b.east.client.Patch(t.Context(), db, client.MergeFrom(before))).To(Succeed())
	g.Expect(b.east.replaced(t, selector, "2", 3)).To(BeNumerically(">=", 2))
	g.Eventually(func() (appsv1.StatefulSetStatus, error) {
		err := b.east.client.Get(t.Context(), client.ObjectKeyFromObject(db), db)
		return db.Status, err
	}).Within(patience).Should(And(HaveField("UpdatedReplicas", BeEquivalentTo(3)), HaveField("ReadyReplicas", BeEquivalentTo(3)),
		HaveField("ObservedGeneration", db.Generation)))
	g.Expect(db.Status.CurrentRevision).To(Equal(db.Status.UpdateRevision))

	g.Expect(b.east.client.Delete(t.Context(), db, client.PropagationPolicy(metav1.DeletePropagationForeground))).To(Succeed())
	g.Eventually(b.east.gone(t, db)).Within(patience).Should(BeTrue())
	b.east.replaced(t, selector, "2", 0)
}

func (b *bed) testDaemonSet(t *testing.T) {
	g := NewWithT(t)
	meta, selector, template := setOf("log", "1")
	logs := &appsv1.DaemonSet{ObjectMeta: meta, Spec: appsv1.DaemonSetSpec{Selector: selector, Template: template}}
	g.Expect(b.east.client.Create(t.Context(), logs)).To(Succeed())
	b.east.replaced(t, selector, "1", 2)
	before := logs.DeepCopy()
	logs.Spec.Template.Annotations["version"] = "2"
	g.Expect(b.east.client.Patch(t.Context(), logs, client.MergeFrom(before))).To(Succeed())
	g.Expect(b.east.replaced(t, selector, "2", 2)).To(BeNumerically(">=", 1))
	g.Eventually(func() (appsv1.DaemonSetStatus, error) {
		err := b.east.client.Get(t.Context(), client.ObjectKeyFromObject(logs), logs)
		return logs.Status, err
	}).Within(patience).Should(And(HaveField("DesiredNumberScheduled", BeEquivalentTo(2)), HaveField("UpdatedNumberScheduled", BeEquivalentTo(2)),
		HaveField("NumberReady", BeEquivalentTo(2)), HaveField("ObservedGeneration", logs.Generation)))
	for _, node := range b.east.nodes(g, t) {
		g.Expect(b.east.client.Get(t.Context(), client.ObjectKey{Namespace: logs.Namespace, Name: "log-" + node.Name}, &corev1.Pod{})).To(Succeed())
	}
	g.Expect(b.east.client.Delete(t.Context(), logs)).To(Succeed())
	b.east.replaced(t, selector, "2", 0)
}
