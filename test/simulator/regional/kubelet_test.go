package regional

import (
	"context"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// haveWaiting matches a pod whose first container waits.
func haveWaiting(reason, message string) OmegaMatcher {
	return And(
		HaveField("Status.ContainerStatuses", HaveExactElements(And(HaveField("Ready", false), HaveField("State.Waiting", And(
			Not(BeNil()), HaveValue(Equal(corev1.ContainerStateWaiting{Reason: reason, Message: message})))),
		))),
		HaveField("Status.Conditions", ContainElement(And(HaveField("Type", corev1.PodReady), HaveField("Status", corev1.ConditionFalse),
			HaveField("Reason", "ContainersNotReady")))),
	)
}

func TestApplyReports(t *testing.T) {
	g := NewWithT(t)
	pod := &corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "a"}, {Name: "b"}}}}
	running := corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}
	applyReports(pod, map[string]containerReport{"a": {state: running, ready: true}, "b": {state: running, restarts: 2}})
	g.Expect(podReady(*pod)).To(BeFalse())
	g.Expect(pod.Status.ContainerStatuses).To(HaveExactElements(
		And(HaveField("Name", "a"), HaveField("Ready", true), HaveField("Started", HaveValue(BeTrue()))),
		And(HaveField("Name", "b"), HaveField("Ready", false), HaveField("RestartCount", BeEquivalentTo(2)))))
	g.Expect(pod.Status.Conditions).To(HaveEach(HaveField("Message", "containers with unready status: [b]")))

	past := metav1.NewTime(time.Now().Add(-time.Hour))
	for i := range pod.Status.Conditions {
		pod.Status.Conditions[i].LastTransitionTime = past
	}
	applyReports(pod, map[string]containerReport{"b": {state: running, restarts: 3}})
	g.Expect(pod.Status.Conditions).To(HaveEach(HaveField("LastTransitionTime", past)), "the status is the same")
	applyReports(pod, map[string]containerReport{"b": {state: running, ready: true, restarts: 3}})
	g.Expect(podReady(*pod)).To(BeTrue())
	g.Expect(pod.Status.Conditions).To(And(HaveLen(2), HaveEach(HaveField("LastTransitionTime", Not(Equal(past))))))
	g.Expect(pod.Status.ContainerStatuses).To(HaveLen(2))
}

func (b *bed) testWaiting(t *testing.T) {
	g := NewWithT(t)
	chart := chartOf("keyed", func(spec *corev1.PodSpec) {
		tolerateEverything(spec)
		spec.Containers[0].Env = []corev1.EnvVar{{Name: "KEY", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
			LocalObjectReference: corev1.LocalObjectReference{Name: "keys"}, Key: "gossip",
		}}}}
	})
	b.east.install(t, chart)
	pod := b.east.podFor(t, chart)
	g.Eventually(pod).Within(patience).Should(And(havePhase(corev1.PodPending), haveWaiting("CreateContainerConfigError", `secret "keys" not found`)))
	keys := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: chart.Namespace, Name: "keys"}, Data: filesOf("other", "x")}
	g.Expect(b.east.client.Create(t.Context(), keys)).To(Succeed())
	t.Cleanup(func() { _ = b.east.client.Delete(context.WithoutCancel(t.Context()), keys) })
	g.Eventually(pod).Within(patience).Should(haveWaiting("CreateContainerConfigError", "couldn't find key gossip in Secret kube-system/keys"))
	waited := pod()
	keys.Data = filesOf("gossip", "x")
	g.Expect(b.east.client.Update(t.Context(), keys)).To(Succeed())
	g.Eventually(pod).Within(patience).Should(And(havePhase(corev1.PodRunning), Satisfy(podReady), HaveField("UID", waited.UID)))
}
