package argocd

import (
	"slices"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"
)

// Argo CD's words for health.
const (
	healthy     = "Healthy"
	progressing = "Progressing"
	missing     = "Missing"
	degraded    = "Degraded"
	unknown     = "Unknown"
	suspended   = "Suspended"
)

// healthFromBest lists the states in the order in which one outweighs another.
var healthFromBest = []string{healthy, suspended, progressing, missing, degraded, unknown}

// worse returns the state that decides an Application's health.
func worse(a, b string) string {
	if slices.Index(healthFromBest, b) > slices.Index(healthFromBest, a) {
		return b
	}
	return a
}

// healthOf judges a live object. Kinds without a rule are healthy: they never
// hold an Application back.
func healthOf(live *unstructured.Unstructured) (string, error) {
	if live.GetDeletionTimestamp() != nil {
		return progressing, nil
	}
	switch live.GroupVersionKind().GroupKind().String() {
	case "Deployment.apps":
		deployment := &appsv1.Deployment{}
		err := runtime.DefaultUnstructuredConverter.FromUnstructured(live.Object, deployment)
		return deploymentHealth(deployment), err
	case "Service":
		service := &corev1.Service{}
		err := runtime.DefaultUnstructuredConverter.FromUnstructured(live.Object, service)
		return serviceHealth(service), err
	default:
		return healthy, nil
	}
}

func deploymentHealth(d *appsv1.Deployment) string {
	switch {
	case d.Spec.Paused:
		return suspended
	case d.Status.ObservedGeneration < d.Generation:
		return progressing
	case deadlineExceeded(d):
		return degraded
	case d.Status.UpdatedReplicas < ptr.Deref(d.Spec.Replicas, 1),
		d.Status.Replicas > d.Status.UpdatedReplicas,
		d.Status.AvailableReplicas < d.Status.UpdatedReplicas:
		return progressing
	default:
		return healthy
	}
}

func deadlineExceeded(d *appsv1.Deployment) bool {
	return slices.ContainsFunc(d.Status.Conditions, func(c appsv1.DeploymentCondition) bool {
		return c.Type == appsv1.DeploymentProgressing && c.Reason == "ProgressDeadlineExceeded"
	})
}

func serviceHealth(s *corev1.Service) string {
	if s.Spec.Type == corev1.ServiceTypeLoadBalancer && len(s.Status.LoadBalancer.Ingress) == 0 {
		return progressing
	}
	return healthy
}
