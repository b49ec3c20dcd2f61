package bed

import (
	"context"
	"encoding/base64"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
	"github.com/portolan-dev/portolan/test/simulator/dns"
)

func TestGossipKeyIsWrittenInEachNamespace(t *testing.T) {
	g := NewWithT(t)
	c := fake.NewClientBuilder().WithObjects(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "api"}}).Build()
	for _, key := range []string{"0123456789abcdef0123456789abcdef", "another key of 32 bytes, as long"} {
		g.Expect(ensureGossipKey(t.Context(), c, []byte(key))).To(Succeed())
		for _, namespace := range []string{"api", "frontline"} {
			secret := &corev1.Secret{}
			g.Expect(c.Get(t.Context(), client.ObjectKey{Namespace: namespace, Name: GossipKeySecret}, secret)).To(Succeed())
			g.Expect(base64.StdEncoding.DecodeString(string(secret.Data[GossipKeyKey]))).To(BeEquivalentTo(key))
		}
	}
}

func TestGossipKeyNeedsACluster(t *testing.T) {
	g, b := NewWithT(t), linkedBed(t)
	g.Expect(b.SetGossipKey(t.Context(), "ap-south-1", nil)).To(MatchError("setting the gossip key of ap-south-1: no cluster runs there"))
	b.planes.running = nil
	g.Expect(b.SetGossipKey(t.Context(), EveryRegion, []byte("key"))).To(Succeed(), "for those that start later")
	g.Expect(b.planes.gossipKey).To(BeEquivalentTo("key"))
}

// balanced is a Service as the API server and the load balancer controller leave it.
func balanced() *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "api", Name: "unkey-api-gossip-wan", UID: "1", Finalizers: []string{"service.k8s.aws/resources"},
			Labels: map[string]string{"app": "api"}, Annotations: map[string]string{"tracked": "yes"},
		},
		Spec: corev1.ServiceSpec{
			Type: corev1.ServiceTypeLoadBalancer, ClusterIP: "172.20.0.9", ClusterIPs: []string{"172.20.0.9"},
			Ports: []corev1.ServicePort{{Port: 7947, NodePort: 30001}},
		},
		Status: corev1.ServiceStatus{LoadBalancer: corev1.LoadBalancerStatus{Ingress: []corev1.LoadBalancerIngress{{Hostname: "old"}}}},
	}
}

func TestReplaceService(t *testing.T) {
	key := types.NamespacedName{Namespace: "api", Name: "unkey-api-gossip-wan"}
	for name, quick := range map[string]bool{"by itself": false, "by Argo CD": true} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			creations := 0
			c := fake.NewClientBuilder().WithObjects(balanced()).WithInterceptorFuncs(interceptor.Funcs{
				Create: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.CreateOption) error {
					creations++
					obj.SetUID(types.UID("2"))
					if quick && creations == 1 {
						other := likeService(balanced())
						other.UID = "3"
						if err := c.Create(ctx, other); err != nil {
							return err
						}
					}
					return c.Create(ctx, obj, opts...)
				},
			}).Build()
			replaced := make(chan error, 1)
			go func() { replaced <- replaceService(t.Context(), c, key) }()
			held := &corev1.Service{}
			g.Eventually(func() (bool, error) {
				err := c.Get(t.Context(), key, held)
				return held.DeletionTimestamp != nil, err
			}).Should(BeTrue())
			g.Consistently(replaced, 300*time.Millisecond).ShouldNot(Receive(), "the load balancer is still there")
			held.Finalizers = nil
			g.Expect(c.Update(t.Context(), held)).To(Succeed())
			g.Eventually(replaced, 10*time.Second).Should(Receive(BeNil()))

			now := &corev1.Service{}
			g.Expect(c.Get(t.Context(), key, now)).To(Succeed())
			g.Expect(now.UID).To(BeEquivalentTo(map[bool]string{true: "3", false: "2"}[quick]))
			g.Expect(now.Annotations).To(Equal(balanced().Annotations))
			g.Expect(now.Labels).To(Equal(balanced().Labels))
			g.Expect(now.Spec.ClusterIP).To(BeEmpty())
			g.Expect(now.Spec.Ports).To(HaveExactElements(corev1.ServicePort{Port: 7947}))
			g.Expect(now.Status.LoadBalancer.Ingress).To(BeEmpty())
		})
	}
}

func TestReplaceLoadBalancerNeedsAService(t *testing.T) {
	g, b := NewWithT(t), linkedBed(t)
	g.Expect(b.ReplaceLoadBalancer(t.Context(), "ap-south-1", "api", "gossip")).To(
		MatchError("replacing the load balancer of api/gossip: no such Service in ap-south-1"))
}

func TestResolverIsACacheWhereAskedFor(t *testing.T) {
	g := NewWithT(t)
	server, err := dns.Start(sampleZone)
	g.Expect(err).NotTo(HaveOccurred())
	defer server.Stop()
	b := &Bed{DNS: server, Cloud: cloud.New(cloud.Options{})}
	g.Expect(b.resolver()).To(BeNil())
	b.options.CachingResolver = true
	resolver := b.resolver()
	for range 2 {
		_, err := resolver.LookupHost(t.Context(), "late."+sampleZone)
		g.Expect(err).To(HaveOccurred())
	}
	g.Expect(server.Queries()).To(Equal(1))
}
