package regional

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

func TestTargetsOf(t *testing.T) {
	running := func(ip string) corev1.Pod {
		pod := corev1.Pod{}
		pod.Status.Phase, pod.Status.PodIP = corev1.PodRunning, ip
		return pod
	}
	leaving := running("10.0.0.6")
	leaving.DeletionTimestamp = &metav1.Time{Time: epoch}
	known := map[netip.AddrPort]checked{
		netip.MustParseAddrPort("10.0.0.4:8443"): {decided: true, healthy: true},
		netip.MustParseAddrPort("10.0.0.3:8443"): {decided: true},
		netip.MustParseAddrPort("10.0.0.5:443"):  {decided: true, healthy: true},
	}
	healthOf := func(address netip.AddrPort) checked { return known[address] }
	g := NewWithT(t)
	port := portGroup{ServicePort: corev1.ServicePort{Port: 443, TargetPort: intstr.FromInt32(8443)}}
	targets := targetsOf(port, []corev1.Pod{
		running("10.0.0.4"), running("10.0.0.3"), running("10.0.0.5"), leaving, {Status: corev1.PodStatus{Phase: corev1.PodPending}},
	}, healthOf)
	text, err := json.Marshal(targets)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(text)).To(Equal(`[` +
		`{"id":"10.0.0.3","port":8443,"health":"unhealthy","reason":"Target.FailedHealthChecks"},` +
		`{"id":"10.0.0.4","port":8443,"health":"healthy","reason":""},` +
		`{"id":"10.0.0.5","port":8443,"health":"initial","reason":"Elb.InitialHealthChecking"}]`))
	none, err := json.Marshal(targetsOf(portGroup{}, nil, healthOf))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(none)).To(Equal(`[]`))
}

func TestChecked(t *testing.T) {
	cases := map[string]struct {
		checks string // one letter each, whether the target was up or down
		want   string
	}{
		"never checked":              {checks: "", want: "initial"},
		"up once":                    {checks: "u", want: "initial"},
		"down once":                  {checks: "d", want: "initial"},
		"up and down":                {checks: "udud", want: "initial"},
		"up":                         {checks: "uu", want: "healthy"},
		"down":                       {checks: "dd", want: "unhealthy"},
		"healthy and down once":      {checks: "uuud", want: "healthy"},
		"healthy and down now, then": {checks: "uududu", want: "healthy"},
		"healthy until it failed":    {checks: "uuudd", want: "unhealthy"},
		"unhealthy and up once":      {checks: "ddu", want: "unhealthy"},
		"unhealthy until it was up":  {checks: "dduu", want: "healthy"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var c checked
			for _, check := range tc.checks {
				c = c.observe(check == 'u')
			}
			state, _ := c.health()
			NewWithT(t).Expect(state).To(Equal(tc.want))
		})
	}
}

func TestPortGroups(t *testing.T) {
	port := func(number int32, protocol corev1.Protocol) corev1.ServicePort {
		return corev1.ServicePort{Port: number, Protocol: protocol}
	}
	cases := map[string]struct {
		ports []corev1.ServicePort
		want  []string
	}{
		"none":                       {},
		"one without a protocol":     {ports: []corev1.ServicePort{port(443, "")}, want: []string{"443 TCP"}},
		"one for UDP":                {ports: []corev1.ServicePort{port(7947, corev1.ProtocolUDP)}, want: []string{"7947 UDP"}},
		"one for both":               {ports: []corev1.ServicePort{port(7947, corev1.ProtocolTCP), port(7947, corev1.ProtocolUDP)}, want: []string{"7947 TCP_UDP"}},
		"different ones of each":     {ports: []corev1.ServicePort{port(1, corev1.ProtocolTCP), port(2, corev1.ProtocolUDP)}, want: []string{"1 TCP", "2 UDP"}},
		"one for both among another": {ports: []corev1.ServicePort{port(2, corev1.ProtocolUDP), port(1, ""), port(2, "")}, want: []string{"2 TCP_UDP", "1 TCP"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var got []string
			for _, group := range portGroups(&corev1.Service{Spec: corev1.ServiceSpec{Ports: tc.ports}}) {
				got = append(got, fmt.Sprintf("%d %s", group.Port, group.protocol))
			}
			NewWithT(t).Expect(got).To(Equal(tc.want))
		})
	}
}

// gossipTargets are the workload's targets as AWS tells them, by their health.
func (b *bed) gossipTargets(t *testing.T, key cloud.Key) func() map[string][]string {
	return func() map[string][]string {
		held, _ := b.cloud.Get(key)
		var all []target
		_ = json.Unmarshal([]byte(held.Data["targets"]), &all)
		byHealth := map[string][]string{}
		for _, one := range all {
			NewWithT(t).Expect(one.Port).To(BeEquivalentTo(7947))
			byHealth[one.Health] = append(byHealth[one.Health], one.ID)
		}
		return byHealth
	}
}

func (b *bed) testTargetGroups(t *testing.T) {
	g := NewWithT(t)
	balancer := b.cloud.List(func(r cloud.Resource) bool { return r.Type == loadBalancerType })[0]
	key := cloud.Key{Type: targetGroupType, Region: "us-east-1", ID: balancer.ID + "-7947"}
	var writes atomic.Int32
	defer b.cloud.Subscribe(func(e cloud.Event) {
		if e.Resource.Type == targetGroupType {
			writes.Add(1)
		}
	})()
	targets := b.gossipTargets(t, key)
	onlyTheBridge := func() map[string][]string {
		bridge, health := b.east.bridge(t).Status.PodIP, map[string][]string{}
		for _, pod := range b.east.apiPods(t) {
			if pod.Status.PodIP == bridge {
				health["healthy"] = append(health["healthy"], pod.Status.PodIP)
			} else {
				health["unhealthy"] = append(health["unhealthy"], pod.Status.PodIP)
			}
		}
		return health
	}
	g.Eventually(targets).Within(patience).Should(Equal(onlyTheBridge()), "only the elected pod listens")
	held, _ := b.cloud.Get(key)
	g.Expect(held.ARN).To(ContainSubstring(":targetgroup/"))
	g.Expect(held.Tags).To(HaveKeyWithValue("service.k8s.aws/resource", "api/unkey-api-gossip-wan:7947"))
	for _, tagged := range []cloud.Resource{held, balancer} {
		g.Expect(tagged.Tags).To(And(HaveKeyWithValue("elbv2.k8s.aws/cluster", b.east.options.Name),
			HaveKeyWithValue("service.k8s.aws/stack", "api/unkey-api-gossip-wan")))
	}
	g.Expect(held.Data).To(And(HaveKeyWithValue("loadBalancerARN", balancer.ARN),
		HaveKeyWithValue("port", "7947"), HaveKeyWithValue("protocol", "TCP_UDP")))
	g.Expect(b.cloud.List(func(r cloud.Resource) bool { return r.Type == targetGroupType })).To(HaveLen(1), "TCP and UDP share it")

	writes.Store(0)
	pod := b.east.bridge(t)
	before := pod.DeepCopy()
	pod.Annotations["changed"] = "without consequence"
	g.Expect(b.east.client.Patch(t.Context(), &pod, client.MergeFrom(before))).To(Succeed())
	g.Expect(b.east.client.Delete(t.Context(), &pod)).To(Succeed())
	g.Eventually(func() bool {
		now := targets()
		return len(now["healthy"]) == 1 && len(now["unhealthy"]) == 1 && !slices.Contains(now["healthy"], pod.Status.PodIP)
	}).Within(patience).Should(BeTrue())
	g.Expect(targets()).To(Equal(onlyTheBridge()))
	g.Expect(writes.Load()).To(BeNumerically("<=", 4), "one goes, one comes, and both are found out")
}
