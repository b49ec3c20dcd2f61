package regional

import (
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

func TestCountdowns(t *testing.T) {
	g := NewWithT(t)
	var rings atomic.Int32
	c := newCountdowns(func() { rings.Add(1) })
	defer c.stop()
	short := func() time.Duration { return time.Millisecond }
	long := func() time.Duration { return time.Hour }

	c.begin()
	g.Expect(c.over("pod", short)).To(BeFalse())
	g.Expect(c.over("forgotten", long)).To(BeFalse())
	g.Eventually(rings.Load).Should(BeEquivalentTo(1))
	g.Expect(c.over("pod", long)).To(BeTrue())

	c.begin()
	g.Expect(c.over("pod", long)).To(BeTrue())
	c.sweep()
	g.Expect(c.started).To(And(HaveLen(1), HaveKey("pod")))

	c.stop()
	g.Expect(c.over("late", short)).To(BeFalse())
	g.Expect(c.started).NotTo(HaveKey("late"))
}

func TestAddressPool(t *testing.T) {
	g := NewWithT(t)
	p := newAddressPool(netip.MustParsePrefix("10.3.0.0/28"))
	g.Expect(p.next()).To(Equal(netip.MustParseAddr("10.3.0.10")))
	p.reserve("10.3.0.13")
	p.reserve("10.3.0.11")
	p.reserve("10.9.0.1")
	p.reserve("")
	g.Expect(p.next()).To(Equal(netip.MustParseAddr("10.3.0.14")))
	g.Expect(p.next()).To(Equal(netip.MustParseAddr("10.3.0.15")))
	_, err := p.next()
	g.Expect(err).To(MatchError(ContainSubstring("10.3.0.0/28")))
}

func TestNodegroupOf(t *testing.T) {
	cases := map[string]struct {
		state     string
		data      map[string]string
		want      nodegroup
		wantError string
	}{
		"on its way":     {state: "CREATING", data: map[string]string{"desired": "3"}, want: nodegroup{name: "api"}},
		"on its way out": {state: "DELETING", data: map[string]string{"desired": "3"}, want: nodegroup{name: "api"}},
		"of the cluster's version": {
			state: "ACTIVE", data: map[string]string{"desired": "3"},
			want: nodegroup{name: "api", desired: 3, kubelet: "v1.35.0-eks-simulated"},
		},
		"on its way to a version": {
			state: "UPDATING", data: updating("1.35", "false", "", ""),
			want: nodegroup{name: "api", desired: 3, kubelet: "v1.35.0-eks-simulated", update: update{id: "u1", version: "1.35"}},
		},
		"forced to a version": {
			state: "UPDATING", data: updating("1.35", "true", "u0", "failed"),
			want: nodegroup{name: "api", desired: 3, kubelet: "v1.35.0-eks-simulated", update: update{id: "u1", version: "1.35", force: true}},
		},
		"at its new version": {
			state: "UPDATING", data: updating("1.35", "false", "u1", ""),
			want: nodegroup{name: "api", desired: 3, kubelet: "v1.35.0-eks-simulated", update: update{id: "u1", version: "1.35", ended: true}},
		},
		"left at its old version": {
			state: "UPDATING", data: updating("1.35", "false", "u1", "stuck"),
			want: nodegroup{name: "api", desired: 3, kubelet: "v1.34.0-eks-simulated", update: update{id: "u1", ended: true}},
		},
		"active": {
			state: "ACTIVE",
			data: map[string]string{
				"desired": "3", "labels": `{"a":"b"}`,
				"taints": `[{"key":"k","value":"v","effect":"NO_EXECUTE"}]`,
			},
			want: nodegroup{
				name: "api", desired: 3, kubelet: "v1.35.0-eks-simulated", labels: map[string]string{"a": "b"},
				taints: []corev1.Taint{{Key: "k", Value: "v", Effect: corev1.TaintEffectNoExecute}},
			},
		},
		"without a size":       {state: "ACTIVE", wantError: "desired size"},
		"with bad labels":      {state: "ACTIVE", data: map[string]string{"desired": "1", "labels": "["}, wantError: "labels"},
		"with another's taint": {state: "ACTIVE", data: map[string]string{"desired": "1", "taints": `[{"effect":"NoSchedule"}]`}, wantError: "NoSchedule"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			key := cloud.Key{Type: nodegroupType, Region: "us-east-1", ID: "production/api"}
			owner := cloud.Resource{Data: map[string]string{"version": "1.35"}}
			group, err := nodegroupOf(cloud.Resource{Key: key, State: tc.state, Data: tc.data}, owner)
			if tc.wantError != "" {
				g.Expect(err).To(MatchError(ContainSubstring(tc.wantError)))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			tc.want.key = key
			g.Expect(group).To(Equal(tc.want))
			g.Expect(group.rolling()).To(Equal(tc.want.update.version != "" && !tc.want.update.ended))
		})
	}
}

// updating are the facts of a group of three whose version is being changed.
func updating(to, force, endedID, failure string) map[string]string {
	return map[string]string{
		"desired": "3", "version": "1.34", "pendingUpdate": `{"releaseVersion":"r","version":"` + to + `"}`, "updateID": "u1",
		"forceUpdate": force, updateOf: endedID, updateFailure: failure,
	}
}

func TestWantedRecords(t *testing.T) {
	service := func(names, host string) corev1.Service {
		s := corev1.Service{ObjectMeta: metav1.ObjectMeta{Annotations: map[string]string{hostnameAnnotation: names}}}
		if host != "" {
			s.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{Hostname: host}}
		}
		return s
	}
	g := NewWithT(t)
	g.Expect(wantedRecords([]corev1.Service{
		service("a.example.com, b.example.com", "one"),
		service("early.example.com", ""),
		service("", "two"),
	})).To(Equal(records{"a.example.com": "one", "b.example.com": "one"}))
}

func TestTargetPort(t *testing.T) {
	pod := corev1.Pod{Spec: corev1.PodSpec{Containers: []corev1.Container{{
		Ports: []corev1.ContainerPort{{Name: "gossip", ContainerPort: 7947}},
	}}}}
	cases := map[string]struct {
		port intstr.IntOrString
		want uint16
	}{
		"a number":        {port: intstr.FromInt32(8080), want: 8080},
		"a name":          {port: intstr.FromString("gossip"), want: 7947},
		"an unknown name": {port: intstr.FromString("other")},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			number, ok := targetPort(corev1.ServicePort{TargetPort: tc.port}, pod)
			g.Expect(number).To(Equal(tc.want))
			g.Expect(ok).To(Equal(tc.want != 0))
		})
	}
}
