package regional

import (
	"regexp"
	"testing"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

var membersMetric = regexp.MustCompile(`unkey_gossip_members_count\{pool="wan"\} (\d+)`)

func (s *site) nodes(g *WithT, t *testing.T) []corev1.Node {
	nodes := &corev1.NodeList{}
	g.Expect(s.client.List(t.Context(), nodes)).To(Succeed())
	return nodes.Items
}

func (s *site) apiPods(t *testing.T) []corev1.Pod {
	pods := &corev1.PodList{}
	NewWithT(t).Expect(s.client.List(t.Context(), pods, client.InNamespace("api"))).To(Succeed())
	return pods.Items
}

func names(pods []corev1.Pod) []string {
	var names []string
	for _, pod := range pods {
		names = append(names, pod.Name)
	}
	return names
}

func (s *site) phases(t *testing.T) func() []corev1.PodPhase {
	return func() []corev1.PodPhase {
		var phases []corev1.PodPhase
		for _, pod := range s.apiPods(t) {
			phases = append(phases, pod.Status.Phase)
		}
		return phases
	}
}

func (s *site) available(t *testing.T) func() (int32, error) {
	return func() (int32, error) {
		deployment := &appsv1.Deployment{}
		err := s.client.Get(t.Context(), client.ObjectKey{Namespace: "api", Name: "unkey-api"}, deployment)
		return deployment.Status.AvailableReplicas, err
	}
}

func (s *site) hostname(t *testing.T) func() string {
	return func() string {
		service := &corev1.Service{}
		err := s.client.Get(t.Context(), client.ObjectKey{Namespace: "api", Name: "unkey-api-gossip-wan"}, service)
		if err != nil || len(service.Status.LoadBalancer.Ingress) == 0 {
			return ""
		}
		return service.Status.LoadBalancer.Ingress[0].Hostname
	}
}

func (s *site) gone(t *testing.T, object client.Object) func() bool {
	return func() bool {
		return apierrors.IsNotFound(s.client.Get(t.Context(), client.ObjectKeyFromObject(object), object))
	}
}

// scrape reads a pod's metrics as Portolan does, through the API server.
func (s *site) scrape(t *testing.T, pod string) string {
	text, err := s.pods.CoreV1().Pods("api").ProxyGet("http", pod, "9090", "metrics", nil).DoRaw(t.Context())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

func (s *site) memberCounts(t *testing.T) func() []string {
	return func() []string {
		var counts []string
		for _, pod := range s.apiPods(t) {
			if match := membersMetric.FindStringSubmatch(s.scrape(t, pod.Name)); match != nil {
				counts = append(counts, match[1])
			}
		}
		return counts
	}
}

func (s *site) bridge(t *testing.T) corev1.Pod {
	pods := s.apiPods(t)
	for _, pod := range pods {
		if match := membersMetric.FindStringSubmatch(s.scrape(t, pod.Name)); match != nil && match[1] != "0" {
			return pod
		}
	}
	t.Fatal("no pod is the bridge")
	return corev1.Pod{}
}
