package regional

import (
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func ownedBy(deployment string, pod corev1.Pod) corev1.Pod {
	pod.OwnerReferences = []metav1.OwnerReference{{Kind: "Deployment", UID: types.UID(deployment), Controller: new(true)}}
	return pod
}

// podsIn are pods of the Deployment "api", of which the first are ready.
func podsIn(count, ready int) []corev1.Pod {
	var pods []corev1.Pod
	for i := range count {
		pods = append(pods, ownedBy("api", podOf("api", i, i < ready)))
	}
	return pods
}

func TestBudgetStatus(t *testing.T) {
	leaving := podsIn(3, 3)
	leaving[0].DeletionTimestamp = &metav1.Time{Time: epoch}
	evictedAt := func(ago time.Duration) map[string]metav1.Time {
		return map[string]metav1.Time{"api-0": metav1.NewTime(epoch.Add(-ago)), "long-gone": metav1.NewTime(epoch)}
	}
	number, percent := intstr.FromInt32, intstr.FromString
	type numbers struct{ expected, desired, healthy, allowed int32 }
	cases := map[string]struct {
		pods           []corev1.Pod
		replicas       int
		minAvailable   *intstr.IntOrString
		maxUnavailable *intstr.IntOrString
		evicted        map[string]metav1.Time
		want           numbers
		wantEvicted    []string
		wantError      bool
	}{
		"a number available":           {pods: podsIn(3, 3), replicas: 3, minAvailable: new(number(2)), want: numbers{3, 2, 3, 1}},
		"more available than there is": {pods: podsIn(3, 3), replicas: 3, minAvailable: new(number(5)), want: numbers{3, 5, 3, 0}},
		"a part available, rounded up": {pods: podsIn(3, 3), replicas: 3, minAvailable: new(percent("50%")), want: numbers{3, 2, 3, 1}},
		"a part of those wanted":       {pods: podsIn(2, 2), replicas: 4, minAvailable: new(percent("50%")), want: numbers{4, 2, 2, 0}},
		"a number unavailable":         {pods: podsIn(3, 3), replicas: 3, maxUnavailable: new(number(1)), want: numbers{3, 2, 3, 1}},
		"some are missing already":     {pods: podsIn(2, 2), replicas: 3, maxUnavailable: new(number(1)), want: numbers{3, 2, 2, 0}},
		"a part unavailable":           {pods: podsIn(3, 3), replicas: 3, maxUnavailable: new(percent("34%")), want: numbers{3, 1, 3, 2}},
		"all may be unavailable":       {pods: podsIn(1, 1), replicas: 1, maxUnavailable: new(number(7)), want: numbers{1, 0, 1, 1}},
		"none may be unavailable":      {pods: podsIn(2, 2), replicas: 2, maxUnavailable: new(number(0)), want: numbers{2, 2, 2, 0}},
		"one is not ready":             {pods: podsIn(3, 2), replicas: 3, minAvailable: new(number(2)), want: numbers{3, 2, 2, 0}},
		"one is leaving":               {pods: leaving, replicas: 3, minAvailable: new(number(1)), want: numbers{3, 1, 2, 1}},
		"no pods":                      {minAvailable: new(number(0)), want: numbers{}},
		"nothing asked":                {pods: podsIn(2, 2), replicas: 2, want: numbers{2, 0, 2, 2}},
		"pods on their own": {
			pods: []corev1.Pod{podOf("lone", 1, true), podOf("lone", 2, true)}, maxUnavailable: new(number(1)), want: numbers{2, 1, 2, 1},
		},
		"an eviction under way": {
			pods: podsIn(3, 3), replicas: 3, minAvailable: new(number(1)), evicted: evictedAt(time.Minute),
			want: numbers{3, 1, 2, 1}, wantEvicted: []string{"api-0"},
		},
		"an eviction that came to nothing": {
			pods: podsIn(3, 3), replicas: 3, minAvailable: new(number(1)), evicted: evictedAt(time.Hour), want: numbers{3, 1, 3, 2},
		},
		"an eviction that is done": {
			pods: leaving, replicas: 3, minAvailable: new(number(1)), evicted: evictedAt(time.Second), want: numbers{3, 1, 2, 1},
		},
		"nonsense": {pods: podsIn(1, 1), replicas: 1, minAvailable: new(percent("half")), wantError: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			budget := &policyv1.PodDisruptionBudget{ObjectMeta: metav1.ObjectMeta{Generation: 4}}
			budget.Spec.MinAvailable, budget.Spec.MaxUnavailable = tc.minAvailable, tc.maxUnavailable
			budget.Status.DisruptedPods = tc.evicted
			status, err := budgetStatus(budget, tc.pods, map[types.UID]int{"api": tc.replicas}, epoch)
			if tc.wantError {
				g.Expect(err).To(HaveOccurred())
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			got := numbers{status.ExpectedPods, status.DesiredHealthy, status.CurrentHealthy, status.DisruptionsAllowed}
			g.Expect(got).To(Equal(tc.want))
			g.Expect(status.ObservedGeneration).To(BeEquivalentTo(4))
			var evicted []string
			for pod := range status.DisruptedPods {
				evicted = append(evicted, pod)
			}
			g.Expect(evicted).To(Equal(tc.wantEvicted))
			g.Expect(status.Conditions).To(HaveExactElements(HaveField("Status", BeEquivalentTo(map[bool]string{true: "True", false: "False"}[tc.want.allowed > 0]))))
		})
	}
}

func TestPodsOfABudget(t *testing.T) {
	g := NewWithT(t)
	pods := []corev1.Pod{podOf("a", 1, true), podOf("b", 2, true), podOf("a", 3, true)}
	pods[2].Namespace = "elsewhere"
	budget := &policyv1.PodDisruptionBudget{}
	g.Expect(podsOf(budget, pods)).To(BeEmpty())
	budget.Spec.Selector = &metav1.LabelSelector{}
	g.Expect(podsOf(budget, pods)).To(HaveLen(2))
	budget.Spec.Selector.MatchLabels = podOf("a", 1, true).Labels
	selected, err := podsOf(budget, pods)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(names(selected)).To(Equal([]string{"a-1"}))
	budget.Spec.Selector.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: "a", Operator: "Nonsense"}}
	_, err = podsOf(budget, pods)
	g.Expect(err).To(MatchError(ContainSubstring(fmt.Sprintf("%s/%s", budget.Namespace, budget.Name))))
}
