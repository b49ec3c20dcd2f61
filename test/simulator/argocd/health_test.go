package argocd

import (
	"testing"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestDeploymentHealth(t *testing.T) {
	available := appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 2, UpdatedReplicas: 2, AvailableReplicas: 2}
	cases := map[string]struct {
		edit func(*appsv1.Deployment)
		want string
	}{
		"all replicas available":           {edit: func(*appsv1.Deployment) {}, want: healthy},
		"not observed yet":                 {edit: func(d *appsv1.Deployment) { d.Status.ObservedGeneration = 1 }, want: progressing},
		"new replicas missing":             {edit: func(d *appsv1.Deployment) { d.Status.UpdatedReplicas = 1 }, want: progressing},
		"old replicas still there":         {edit: func(d *appsv1.Deployment) { d.Status.Replicas = 3 }, want: progressing},
		"new replicas not available":       {edit: func(d *appsv1.Deployment) { d.Status.AvailableReplicas = 1 }, want: progressing},
		"paused":                           {edit: func(d *appsv1.Deployment) { d.Spec.Paused = true }, want: suspended},
		"past its progress deadline":       {edit: exceedDeadline, want: degraded},
		"new spec after a missed deadline": {edit: func(d *appsv1.Deployment) { exceedDeadline(d); d.Generation = 3 }, want: progressing},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			deployment := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Generation: 2}, Spec: appsv1.DeploymentSpec{Replicas: new(int32(2))}, Status: available}
			tc.edit(deployment)
			NewWithT(t).Expect(deploymentHealth(deployment)).To(Equal(tc.want))
		})
	}
}

func exceedDeadline(d *appsv1.Deployment) {
	d.Status.Conditions = []appsv1.DeploymentCondition{{Type: appsv1.DeploymentProgressing, Reason: "ProgressDeadlineExceeded"}}
}

func TestServiceHealth(t *testing.T) {
	g := NewWithT(t)
	service := &corev1.Service{Spec: corev1.ServiceSpec{Type: corev1.ServiceTypeClusterIP}}
	g.Expect(serviceHealth(service)).To(Equal(healthy))
	service.Spec.Type = corev1.ServiceTypeLoadBalancer
	g.Expect(serviceHealth(service)).To(Equal(progressing))
	service.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{Hostname: "lb.example"}}
	g.Expect(serviceHealth(service)).To(Equal(healthy))
}

func TestTheWorstHealthDecides(t *testing.T) {
	g := NewWithT(t)
	g.Expect(worse(healthy, progressing)).To(Equal(progressing))
	g.Expect(worse(missing, progressing)).To(Equal(missing))
	g.Expect(worse(degraded, missing)).To(Equal(degraded))
}
