package regional

import (
	"encoding/base64"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/test/simulator/gossip"
	"github.com/portolan-dev/portolan/test/simulator/network"
)

// testDatagrams pings the east's bridge as memberlist does, through the load balancer.
func (b *bed) testDatagrams(t *testing.T) {
	g := NewWithT(t)
	ips, err := b.dns.LookupHost(t.Context(), b.east.hostname(t)())
	g.Expect(err).NotTo(HaveOccurred())
	actual, open := b.network.Lookup(network.UDP, netip.AddrPortFrom(ips[0], gossip.WANPort))
	g.Expect(open).To(BeTrue())
	key, err := keyOf(nil, "unkey-api")
	g.Expect(err).NotTo(HaveOccurred())
	config := memberlist.DefaultLANConfig()
	config.Name, config.BindAddr, config.BindPort, config.AdvertisePort = "prober", "127.0.0.1", 0, 0
	config.SecretKey, config.LogOutput = key, t.Output()
	prober, err := memberlist.Create(config)
	g.Expect(err).NotTo(HaveOccurred())
	defer func() { g.Expect(prober.Shutdown()).To(Succeed()) }()

	ping := func() error {
		_, err := prober.Ping("us-east-1/"+b.east.bridge(t).Name, net.UDPAddrFromAddrPort(actual))
		return err
	}
	g.Eventually(ping).Within(patience).Should(Succeed())
}

// testAgentEnvironment gives the west its key and its seeds by reference: first neither is
// there, then the key is another region's.
func (b *bed) testAgentEnvironment(t *testing.T) {
	g := NewWithT(t)
	before := names(b.west.apiPods(t))
	deployment := workloadOf("us-west-2", "").deployment
	g.Expect(b.west.client.Get(t.Context(), client.ObjectKeyFromObject(deployment), deployment)).To(Succeed())
	container := &deployment.Spec.Template.Spec.Containers[0]
	container.Env = []corev1.EnvVar{
		{Name: seedsVariable, ValueFrom: fromConfigMap("gossip-seeds", "seeds", false)},
		{Name: keyVariable, ValueFrom: fromSecret("gossip-key", "key", false)},
		{Name: seedFormatVariable, Value: "json"},
		{Name: peerMetricVariable, Value: "true"},
	}
	g.Expect(b.west.client.Update(t.Context(), deployment)).To(Succeed())
	g.Eventually(func() []corev1.Pod { return b.west.apiPods(t) }).Within(patience).Should(ContainElement(
		HaveField("Status.ContainerStatuses", ContainElement(HaveField("State.Waiting.Reason", "CreateContainerConfigError")))))
	g.Expect(names(b.west.apiPods(t))).To(ContainElements(before), "nobody goes before somebody has come")

	meta := func(name string) metav1.ObjectMeta { return metav1.ObjectMeta{Namespace: "api", Name: name} }
	secret := &corev1.Secret{ObjectMeta: meta("gossip-key"), StringData: map[string]string{"key": "another key of 32 bytes, as long"}}
	seeds := &corev1.ConfigMap{ObjectMeta: meta("gossip-seeds"), Data: map[string]string{"seeds": `["` + friendlyName("us-east-1") + `:7947"]`}}
	g.Expect(b.west.client.Create(t.Context(), secret)).To(Succeed())
	g.Expect(b.west.client.Create(t.Context(), seeds)).To(Succeed())
	g.Eventually(func() []string { return names(b.west.apiPods(t)) }).Within(patience).Should(And(HaveLen(2), Not(ContainElement(BeElementOf(before)))))
	g.Eventually(b.west.memberCounts(t)).Within(patience).Should(ConsistOf("0", "1"), "a wrong key isolates pods that are ready")
	g.Eventually(b.west.available(t)).Within(patience).Should(BeEquivalentTo(2))
	g.Eventually(b.east.memberCounts(t)).Within(patience).Should(ConsistOf("0", "1"))

	key, err := keyOf(nil, "unkey-api")
	g.Expect(err).NotTo(HaveOccurred())
	secret.StringData = map[string]string{"key": base64.StdEncoding.EncodeToString(key)}
	g.Expect(b.west.client.Update(t.Context(), secret)).To(Succeed())
	g.Consistently(b.west.memberCounts(t), 2*time.Second).Should(ConsistOf("0", "1"), "a process reads its environment once")
	bridge := b.west.bridge(t)
	g.Expect(b.west.client.DeleteAllOf(t.Context(), &corev1.Pod{}, client.InNamespace("api"))).To(Succeed())
	for _, s := range []*site{b.east, b.west} {
		g.Eventually(s.memberCounts(t)).Within(patience).Should(ConsistOf("0", "2"))
	}
	g.Expect(names(b.west.apiPods(t))).NotTo(ContainElement(bridge.Name))
	g.Expect(b.west.scrape(t, b.west.bridge(t).Name)).To(And(
		ContainSubstring(`unkey_gossip_member{pool="wan",region="us-east-1"} 1`),
		ContainSubstring(`unkey_gossip_member{pool="wan",region="us-west-2"} 1`)))
}
