package regional

import (
	"context"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Reasons of containers that wait for what their pod refers to.
const (
	reasonCreating    = "ContainerCreating"
	reasonConfigError = "CreateContainerConfigError"
)

// containerReport is what a kubelet says about a container.
type containerReport struct {
	state    corev1.ContainerState
	ready    bool
	restarts int32
}

// startPod starts a pod's containers unless they wait for something.
func (r *Region) startPod(ctx context.Context, pod *corev1.Pod, host string) error {
	waiting, err := r.waitingFor(ctx, pod)
	if err != nil {
		return err
	}
	if waiting == nil {
		return r.markPodRunning(ctx, pod, host)
	}
	reports := map[string]containerReport{}
	for _, container := range pod.Spec.Containers {
		reports[container.Name] = containerReport{state: corev1.ContainerState{Waiting: waiting}}
	}
	return r.reportContainers(ctx, pod, reports)
}

// waitingFor says what keeps a pod's containers from starting. Their volumes come first.
func (r *Region) waitingFor(ctx context.Context, pod *corev1.Pod) (*corev1.ContainerStateWaiting, error) {
	_, err := r.volumeFiles(ctx, pod)
	if what, err := missing(err); what != "" || err != nil {
		// A kubelet tells what it waits for in an event only.
		return &corev1.ContainerStateWaiting{Reason: reasonCreating, Message: what}, err
	}
	_, err = r.environment(ctx, *pod)
	if what, err := missing(err); what != "" || err != nil {
		return &corev1.ContainerStateWaiting{Reason: reasonConfigError, Message: what}, err
	}
	return nil, nil //nolint:nilnil // nothing to wait for is no error
}

// reportContainers writes what has become of some containers of a pod, and what that means for
// the pod.
func (r *Region) reportContainers(ctx context.Context, pod *corev1.Pod, reports map[string]containerReport) error {
	before := pod.DeepCopy()
	applyReports(pod, reports)
	if equality.Semantic.DeepEqual(before.Status, pod.Status) {
		return nil
	}
	return client.IgnoreNotFound(r.client.Status().Patch(ctx, pod, client.MergeFrom(before)))
}

func applyReports(pod *corev1.Pod, reports map[string]containerReport) {
	var unready []string
	for _, container := range pod.Spec.Containers {
		status := containerStatus(pod, container)
		if report, reported := reports[container.Name]; reported {
			started := report.state.Running != nil
			status.State, status.Ready, status.Started, status.RestartCount = report.state, report.ready, &started, report.restarts
		}
		if !status.Ready {
			unready = append(unready, container.Name)
		}
	}
	ready := corev1.PodCondition{Status: corev1.ConditionTrue}
	if len(unready) > 0 {
		ready.Status, ready.Reason = corev1.ConditionFalse, "ContainersNotReady"
		ready.Message = fmt.Sprintf("containers with unready status: [%s]", strings.Join(unready, " "))
	}
	for _, kind := range []corev1.PodConditionType{corev1.ContainersReady, corev1.PodReady} {
		ready.Type = kind
		setPodCondition(pod, ready)
	}
}

// containerStatus returns the status of a container, which a pod has once it was tried to start.
func containerStatus(pod *corev1.Pod, container corev1.Container) *corev1.ContainerStatus {
	statuses := &pod.Status.ContainerStatuses
	i := slices.IndexFunc(*statuses, func(s corev1.ContainerStatus) bool { return s.Name == container.Name })
	if i < 0 {
		i = len(*statuses)
		*statuses = append(*statuses, corev1.ContainerStatus{Name: container.Name, Image: container.Image})
	}
	return &(*statuses)[i]
}

// setPodCondition keeps the time of a condition whose status stays.
func setPodCondition(pod *corev1.Pod, wanted corev1.PodCondition) {
	i := slices.IndexFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == wanted.Type })
	wanted.LastTransitionTime = metav1.Now()
	if i < 0 {
		pod.Status.Conditions = append(pod.Status.Conditions, wanted)
		return
	}
	if held := pod.Status.Conditions[i]; held.Status == wanted.Status {
		wanted.LastTransitionTime = held.LastTransitionTime
	}
	pod.Status.Conditions[i] = wanted
}
