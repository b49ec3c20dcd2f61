package regional

import (
	"context"
	"errors"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// reconcilePods does what scheduler and kubelets do: place pods, start them, and let go
// of those that are deleted or whose node went away.
func (r *Region) reconcilePods(ctx context.Context, wait *countdowns) error {
	nodes, pods := &corev1.NodeList{}, &corev1.PodList{}
	if err := r.client.List(ctx, nodes); err != nil {
		return err
	}
	if err := r.client.List(ctx, pods); err != nil {
		return err
	}
	placing := newPlacement(nodes.Items, pods.Items)
	var errs []error
	for _, pod := range pods.Items {
		errs = append(errs, r.reconcilePod(ctx, wait, placing, &pod))
	}
	return errors.Join(errs...)
}

func (r *Region) reconcilePod(ctx context.Context, wait *countdowns, placing placement, pod *corev1.Pod) error {
	switch {
	case !pod.DeletionTimestamp.IsZero(), placing.lost(*pod):
		return r.removePods(ctx, []corev1.Pod{*pod})
	case pod.Spec.NodeName == "":
		return r.schedule(ctx, pod, placing)
	case pod.Status.Phase != corev1.PodPending:
		return nil
	case !wait.over(string(pod.UID), r.sampled("pod/start")):
		return nil
	default:
		return r.startPod(ctx, pod, placing.addresses[pod.Spec.NodeName])
	}
}

func (r *Region) markPodRunning(ctx context.Context, pod *corev1.Pod, host string) error {
	ip, err := r.addresses.next()
	if err != nil {
		return err
	}
	before := pod.DeepCopy()
	now := metav1.Now()
	pod.Status.Phase = corev1.PodRunning
	pod.Status.StartTime = &now
	pod.Status.HostIP, pod.Status.PodIP = host, ip.String()
	pod.Status.HostIPs = []corev1.HostIP{{IP: host}}
	pod.Status.PodIPs = []corev1.PodIP{{IP: ip.String()}}
	pod.Status.Conditions = nil
	for _, condition := range []corev1.PodConditionType{
		corev1.PodScheduled, corev1.PodInitialized, corev1.ContainersReady, corev1.PodReady,
	} {
		pod.Status.Conditions = append(pod.Status.Conditions, corev1.PodCondition{
			Type: condition, Status: corev1.ConditionTrue, LastTransitionTime: now,
		})
	}
	pod.Status.ContainerStatuses = nil
	for _, container := range pod.Spec.Containers {
		pod.Status.ContainerStatuses = append(pod.Status.ContainerStatuses, runningContainer(container, now))
	}
	if container, runs := r.options.Programs.of(pod); runs { // it will tell when it is ready
		applyReports(pod, map[string]containerReport{container.Name: {state: runningContainer(container, now).State}})
	}
	return client.IgnoreNotFound(r.client.Status().Patch(ctx, pod, client.MergeFrom(before)))
}

func runningContainer(container corev1.Container, since metav1.Time) corev1.ContainerStatus {
	started := true
	return corev1.ContainerStatus{
		Name: container.Name, Image: container.Image, Ready: true, Started: &started,
		State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: since}},
	}
}

func internalIP(node corev1.Node) string {
	for _, address := range node.Status.Addresses {
		if address.Type == corev1.NodeInternalIP {
			return address.Address
		}
	}
	return ""
}

// podAddress is the zero address before the pod runs.
func podAddress(pod corev1.Pod) netip.Addr {
	ip, _ := netip.ParseAddr(pod.Status.PodIP)
	return ip
}

func podReady(pod corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

func podRunning(pod corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodRunning && pod.DeletionTimestamp.IsZero() && podAddress(pod).IsValid()
}

func countReady(pods []corev1.Pod) int {
	ready := 0
	for _, pod := range pods {
		if podReady(pod) {
			ready++
		}
	}
	return ready
}
