package regional

import (
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// podOf is a pod of a template, the nth in age; it has an address when it is ready.
func podOf(hash string, nth int, ready bool) corev1.Pod {
	pod := corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Name:              fmt.Sprintf("%s-%d", hash, nth),
		UID:               types.UID(fmt.Sprintf("%s-%d", hash, nth)),
		Labels:            map[string]string{appsv1.DefaultDeploymentUniqueLabelKey: hash},
		CreationTimestamp: metav1.NewTime(epoch.Add(time.Duration(nth) * time.Second)),
	}}
	if ready {
		pod.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
		pod.Status.PodIP = fmt.Sprintf("10.0.0.%d", nth)
	}
	return pod
}

func TestPlanRollout(t *testing.T) {
	ready, starting := true, false
	cases := map[string]struct {
		pods       []corev1.Pod
		wantCreate int
		wantRemove []string
	}{
		"starts with all pods at once": {wantCreate: 2},
		"rests when all is done":       {pods: []corev1.Pod{podOf("new", 1, ready), podOf("new", 2, ready)}},
		"adds one before it takes one": {
			pods:       []corev1.Pod{podOf("old", 1, ready), podOf("old", 2, ready)},
			wantCreate: 1,
		},
		"waits while the new pod starts": {
			pods: []corev1.Pod{podOf("old", 1, ready), podOf("old", 2, ready), podOf("new", 3, starting)},
		},
		"takes the youngest old pod first": {
			pods:       []corev1.Pod{podOf("old", 1, ready), podOf("old", 2, ready), podOf("new", 3, ready)},
			wantRemove: []string{"old-2"},
		},
		"finishes": {
			pods:       []corev1.Pod{podOf("old", 1, ready), podOf("new", 3, ready), podOf("new", 4, ready)},
			wantRemove: []string{"old-1"},
		},
		"does not keep old pods that never started": {
			pods:       []corev1.Pod{podOf("old", 1, starting), podOf("old", 2, ready)},
			wantCreate: 1,
			wantRemove: []string{"old-1"},
		},
		"scales down to the oldest": {
			pods:       []corev1.Pod{podOf("new", 1, ready), podOf("new", 2, ready), podOf("new", 3, ready)},
			wantRemove: []string{"new-3"},
		},
		"scales down what is not ready first": {
			pods:       []corev1.Pod{podOf("new", 1, starting), podOf("new", 2, ready), podOf("new", 3, ready)},
			wantRemove: []string{"new-1"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			plan := planRollout(2, "new", tc.pods)
			g.Expect(plan.create).To(Equal(tc.wantCreate))
			g.Expect(names(plan.remove)).To(Equal(tc.wantRemove))
		})
	}
}

func TestPlanRolloutToNothing(t *testing.T) {
	g := NewWithT(t)
	plan := planRollout(0, "new", []corev1.Pod{podOf("old", 1, true), podOf("new", 2, true)})
	g.Expect(plan.create).To(BeZero())
	g.Expect(names(plan.remove)).To(ConsistOf("old-1", "new-2"))
}

func TestPlanDeploymentThatIsRecreated(t *testing.T) {
	g := NewWithT(t)
	spec := appsv1.DeploymentSpec{Strategy: appsv1.DeploymentStrategy{Type: appsv1.RecreateDeploymentStrategyType}}
	plan := planDeployment(spec, "new", []corev1.Pod{podOf("old", 1, true)})
	g.Expect(plan.create).To(BeZero())
	g.Expect(names(plan.remove)).To(Equal([]string{"old-1"}))
	g.Expect(planDeployment(spec, "new", nil)).To(Equal(rollout{create: 1}))
	spec.Strategy.Type = appsv1.RollingUpdateDeploymentStrategyType
	g.Expect(planDeployment(spec, "new", []corev1.Pod{podOf("old", 1, true)})).To(Equal(rollout{create: 1}))
}

func TestElectBridges(t *testing.T) {
	ownedBy := func(deployment string, pod corev1.Pod) corev1.Pod {
		controller := true
		pod.OwnerReferences = []metav1.OwnerReference{{Kind: "Deployment", UID: types.UID(deployment), Controller: &controller}}
		return pod
	}
	twin := podOf("api", 3, true)
	twin.CreationTimestamp = podOf("api", 2, true).CreationTimestamp
	cases := map[string]struct {
		pods []corev1.Pod
		want []types.UID
	}{
		"nobody": {},
		"the oldest of each Deployment": {
			pods: []corev1.Pod{
				ownedBy("api", podOf("api", 2, true)), ownedBy("api", podOf("api", 1, true)),
				ownedBy("frontline", podOf("frontline", 9, true)),
			},
			want: []types.UID{"api-1", "frontline-9"},
		},
		"the lower address within a second": {
			pods: []corev1.Pod{ownedBy("api", twin), ownedBy("api", podOf("api", 2, true))},
			want: []types.UID{"api-2"},
		},
		"a pod on its own": {pods: []corev1.Pod{podOf("lone", 1, true)}, want: []types.UID{"lone-1"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			var elected []types.UID
			for uid := range electBridges(tc.pods) {
				elected = append(elected, uid)
			}
			g.Expect(elected).To(ConsistOf(tc.want))
		})
	}
}
