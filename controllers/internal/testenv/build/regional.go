package build

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/controllers/plan"
)

// NodeGroup is what EKS calls the node group of Profile.
var NodeGroup = plan.NodeGroupName(Profile().NodeGroups[0])

// Node of the node group in a regional cluster, Ready.
func Node(name string) *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"eks.amazonaws.com/nodegroup": NodeGroup}},
		Status: corev1.NodeStatus{Conditions: []corev1.NodeCondition{
			{Type: corev1.NodeReady, Status: corev1.ConditionTrue},
		}},
	}
}

// Service is the one of Ring, with the load balancer's name unless that is empty.
func Service(loadBalancer string) *corev1.Service {
	return LoadBalancer("api", "unkey-api-gossip-wan", loadBalancer)
}

// LoadBalancer is a Service of that type, with the load balancer's name unless that is empty.
func LoadBalancer(namespace, name, hostname string) *corev1.Service {
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name},
		Spec:       corev1.ServiceSpec{Type: corev1.ServiceTypeLoadBalancer},
	}
	if hostname != "" {
		service.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{Hostname: hostname}}
	}
	return service
}

// Pod is one of Ring's members, Ready and running with the seeds.
func Pod(name, seeds string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "api", Name: name,
			Labels: map[string]string{"app.kubernetes.io/component": "unkey-api"},
		},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: "api", Env: []corev1.EnvVar{{Name: "UNKEY_GOSSIP_WAN_SEEDS", Value: seeds}},
		}}},
		Status: corev1.PodStatus{
			Phase:      corev1.PodRunning,
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}},
		},
	}
}
