package remote

import (
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// AnnotationSeedsPrefix precedes a ring's name in the annotation of a pod that tells which
// seeds it was started with, where they do not stand in its environment.
const AnnotationSeedsPrefix = "portolan.dev/seeds."

// trim drops what nobody looks at before an object is cached. It may see an object again
// that it has trimmed.
func trim(obj any) (any, error) {
	switch o := obj.(type) {
	case *corev1.Pod:
		o.ManagedFields, o.Annotations = nil, only(o.Annotations, aboutPod)
		o.Spec.Volumes, o.Spec.Tolerations, o.Spec.Affinity = nil, nil, nil
		o.Spec.InitContainers, o.Spec.EphemeralContainers = nil, nil
		for i, container := range o.Spec.Containers {
			o.Spec.Containers[i] = corev1.Container{Name: container.Name, Ports: container.Ports, Env: container.Env, EnvFrom: container.EnvFrom}
		}
		o.Status.ContainerStatuses, o.Status.InitContainerStatuses = nil, nil
	case *corev1.Node:
		o.ManagedFields, o.Annotations = nil, only(o.Annotations, aboutNode)
		o.Spec = corev1.NodeSpec{Unschedulable: o.Spec.Unschedulable}
		o.Status = corev1.NodeStatus{
			Conditions: o.Status.Conditions,
			NodeInfo:   corev1.NodeSystemInfo{KubeletVersion: o.Status.NodeInfo.KubeletVersion},
		}
	case *corev1.Service:
		o.ManagedFields = nil
	}
	return obj, nil
}

func aboutPod(annotation string) bool {
	return annotation == corev1.MirrorPodAnnotationKey || strings.HasPrefix(annotation, AnnotationSeedsPrefix)
}

func aboutNode(annotation string) bool { return annotation == annotationCordoned }

// only returns the annotations of those names, or nil.
func only(annotations map[string]string, wanted func(string) bool) map[string]string {
	var kept map[string]string
	for name, value := range annotations {
		if !wanted(name) {
			continue
		}
		if kept == nil { // few objects have any
			kept = map[string]string{}
		}
		kept[name] = value
	}
	return kept
}

// essence is what has to change for anybody to be woken: not heartbeats.
func essence(obj any) any {
	switch o := obj.(type) {
	case *corev1.Pod:
		return []any{o.DeletionTimestamp.IsZero(), o.Status.Phase, PodReady(o), o.Status.PodIP, maps.Clone(o.Labels)}
	case *corev1.Node:
		return []any{nodeReady(o), o.Spec.Unschedulable}
	case *corev1.Service:
		return []any{o.DeletionTimestamp.IsZero(), o.Spec.Type, o.Status.LoadBalancer}
	default:
		return nil
	}
}

// PodReady tells whether a pod is Ready.
func PodReady(p *corev1.Pod) bool {
	return slices.ContainsFunc(p.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

func nodeReady(n *corev1.Node) bool {
	return slices.ContainsFunc(n.Status.Conditions, func(c corev1.NodeCondition) bool {
		return c.Type == corev1.NodeReady && c.Status == corev1.ConditionTrue
	})
}
