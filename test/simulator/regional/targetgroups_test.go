package regional

import (
	"encoding/json"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func TestTargetsOf(t *testing.T) {
	running := func(ip string, conditions ...corev1.PodCondition) corev1.Pod {
		pod := corev1.Pod{}
		pod.Status.Phase, pod.Status.PodIP, pod.Status.Conditions = corev1.PodRunning, ip, conditions
		return pod
	}
	condition := func(status corev1.ConditionStatus) corev1.PodCondition {
		return corev1.PodCondition{Type: corev1.PodReady, Status: status}
	}
	leaving := running("10.0.0.6", condition(corev1.ConditionTrue))
	leaving.DeletionTimestamp = &metav1.Time{Time: epoch}
	g := NewWithT(t)
	targets := targetsOf(corev1.ServicePort{Port: 443, TargetPort: intstr.FromInt32(8443)}, []corev1.Pod{
		running("10.0.0.4", condition(corev1.ConditionTrue)),
		running("10.0.0.3", condition(corev1.ConditionFalse)),
		running("10.0.0.5"),
		leaving,
		{Status: corev1.PodStatus{Phase: corev1.PodPending}},
	})
	text, err := json.Marshal(targets)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(text)).To(Equal(`[` +
		`{"id":"10.0.0.3","port":8443,"health":"unhealthy","reason":"Target.FailedHealthChecks"},` +
		`{"id":"10.0.0.4","port":8443,"health":"healthy","reason":""},` +
		`{"id":"10.0.0.5","port":8443,"health":"initial","reason":"Elb.InitialHealthChecking"}]`))
	none, err := json.Marshal(targetsOf(corev1.ServicePort{}, nil))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(none)).To(Equal(`[]`))
}
