package regional

import (
	"context"
	"errors"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
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
		return r.bind(ctx, pod, placing.choose())
	case pod.Status.Phase != corev1.PodPending:
		return nil
	case !wait.over(string(pod.UID), r.sampled("pod/start")):
		return nil
	default:
		return r.markPodRunning(ctx, pod, placing.addresses[pod.Spec.NodeName])
	}
}

// bind tolerates a cache that has not seen an earlier binding.
func (r *Region) bind(ctx context.Context, pod *corev1.Pod, node string) error {
	if node == "" {
		return nil
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
	return client.IgnoreNotFound(r.client.Status().Patch(ctx, pod, client.MergeFrom(before)))
}

func runningContainer(container corev1.Container, since metav1.Time) corev1.ContainerStatus {
	started := true
	return corev1.ContainerStatus{
		Name: container.Name, Image: container.Image, Ready: true, Started: &started,
		State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: since}},
	}
}

// placement knows the nodes and how many pods each has.
type placement struct {
	addresses map[string]string // of every node
	load      map[string]int    // of the ready ones
}

func newPlacement(nodes []corev1.Node, pods []corev1.Pod) placement {
	p := placement{addresses: map[string]string{}, load: map[string]int{}}
	for _, node := range nodes {
		p.addresses[node.Name] = internalIP(node)
		if nodeReady(node) && node.DeletionTimestamp.IsZero() {
			p.load[node.Name] = 0
		}
	}
	for _, pod := range pods {
		if _, ready := p.load[pod.Spec.NodeName]; ready {
			p.load[pod.Spec.NodeName]++
		}
	}
	return p
}

// choose returns the emptiest ready node and counts a pod there, or "" when none is ready.
func (p placement) choose() string {
	chosen := ""
	for name, load := range p.load {
		if chosen == "" || load < p.load[chosen] || load == p.load[chosen] && name < chosen {
			chosen = name
		}
	}
	if chosen != "" {
		p.load[chosen]++
	}
	return chosen
}

func (p placement) lost(pod corev1.Pod) bool {
	_, exists := p.addresses[pod.Spec.NodeName]
	return pod.Spec.NodeName != "" && !exists
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
