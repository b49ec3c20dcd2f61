package e2e

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// docs/replacing.md, done.
var _ = Describe("A cluster that is replaced inside its AWS region", Ordered, func() {
	const environment, awsRegion = "moved", "eu-south-1"
	old, successor := newRegion(environment, "moved-a", awsRegion), newRegion(environment, "moved-b", awsRegion)

	BeforeAll(func(ctx SpecContext) {
		old.Spec.Profile, successor.Spec.Profile = "deploy", "deploy" // which the sample's ApplicationSets select
		newNamespace(ctx, environment)
		Expect(world.Apply(ctx, "applicationsets.yaml")).To(Succeed())
		Expect(world.Client.Create(ctx, servingEnvironment(environment, awsRegion))).To(Succeed())
		for _, workload := range []string{"unkey-api", "frontline"} {
			Expect(world.Client.Create(ctx, gossiping(environment, workload))).To(Succeed())
		}
		Expect(world.Client.Create(ctx, newPromotion(environment, oldRevision))).To(Succeed())
		Expect(world.Client.Create(ctx, old)).To(Succeed())
		Eventually(condition(ctx, old, v1alpha1.ConditionReady)).WithContext(ctx).Should(beReady())
	}, NodeTimeout(patience))

	It("has a second one beside it, in the same ring, with half of the traffic", NodeTimeout(patience), func(ctx SpecContext) {
		successor.Spec.CIDR = "10.90.64.0/18"
		Expect(world.Client.Create(ctx, successor)).To(Succeed())
		Eventually(func(g Gomega) {
			for _, r := range []*v1alpha1.Region{old, successor} {
				g.Expect(condition(ctx, r, v1alpha1.ConditionReady)(g)).To(beReady())
				g.Expect(r.Status.Traffic).To(ConsistOf(And(HaveField("Dial", BeEquivalentTo(100)), HaveField("Health", "HEALTHY"))))
			}
			g.Expect(condition(ctx, ring(environment, "unkey-api"), v1alpha1.ConditionReady)(g)).To(beReady())
		}).WithContext(ctx).Should(Succeed())
		Expect(endpointsIn(awsRegion)).To(And(
			ContainSubstring(old.Status.Traffic[0].LoadBalancerARN), ContainSubstring(successor.Status.Traffic[0].LoadBalancerARN),
			ContainSubstring(`"weight":128`), Not(ContainSubstring(`"weight":0`))))
	})

	It("is deleted, and leaves the traffic, the ring and the shared copies to the other", NodeTimeout(patience), func(ctx SpecContext) {
		deleteConfirmed(ctx, old)
		Eventually(func() string { return endpointsIn(awsRegion) }).WithContext(ctx).ShouldNot(ContainSubstring(old.Status.Traffic[0].LoadBalancerARN))
		Eventually(gone(ctx, old)).WithContext(ctx).Should(BeTrue())
		Expect(tagged(old.Name)).To(BeEmpty())
		Expect(endpointsIn(awsRegion)).To(ContainSubstring(successor.Status.Traffic[0].LoadBalancerARN))
		Eventually(func(g Gomega) {
			g.Expect(condition(ctx, successor, v1alpha1.ConditionReady)(g)).To(beReady())
			g.Expect(successor.Status.Secrets).To(HaveEach(HaveField("State", "InSync")))
			g.Expect(condition(ctx, ring(environment, "unkey-api"), v1alpha1.ConditionReady)(g)).To(beReady())
		}).WithContext(ctx).Should(Succeed())
	})

	It("leaves nothing when its successor goes", NodeTimeout(patience), func(ctx SpecContext) {
		deleteConfirmed(ctx, successor)
		Eventually(gone(ctx, successor)).WithContext(ctx).Should(BeTrue())
		Expect(tagged(successor.Name)).To(BeEmpty())
		Expect(endpointsIn(awsRegion)).To(BeEmpty())
	})
})

// servingEnvironment has applications that gossip and get traffic of the accelerator.
func servingEnvironment(name string, awsRegion v1alpha1.AWSRegion) *v1alpha1.Environment {
	env := smallEnvironment(name, v1alpha1.CIDRAssignment{AWSRegion: awsRegion, CIDR: "10.90.0.0/18"})
	env.Spec.GlobalAccelerator = &v1alpha1.GlobalAccelerator{ListenerARN: world.Listener()}
	p := &env.Spec.Profiles[0]
	p.Name = "deploy"
	p.Applications = []v1alpha1.Application{{Name: "core"}, {Name: "unkey-api"}, {Name: "frontline"}}
	p.GlobalTraffic = []v1alpha1.GlobalTraffic{{
		Name: "frontline", Service: v1alpha1.ServiceReference{Namespace: "frontline", Name: "frontline"}, Dial: []int32{25, 100},
	}}
	p.NodeGroups[0].Min, p.NodeGroups[0].Max = 2, 3
	return env
}

// gossiping is a ring of the samples that uses the load balancers' own names.
func gossiping(environment, workload string) *v1alpha1.GossipRing {
	namespace := "api"
	if workload == "frontline" {
		namespace = workload
	}
	return &v1alpha1.GossipRing{
		ObjectMeta: metav1.ObjectMeta{Namespace: environment, Name: workload},
		Spec: v1alpha1.GossipRingSpec{
			EnvironmentRef: v1alpha1.LocalReference{Name: environment},
			Service:        v1alpha1.ServiceReference{Namespace: namespace, Name: workload + "-gossip-wan"},
			Workload:       v1alpha1.RingWorkload{MatchLabels: map[string]string{"app.kubernetes.io/component": workload}, Env: "UNKEY_GOSSIP_WAN_SEEDS"},
			Membership:     v1alpha1.MembershipMetric{Port: 9090, Metric: "unkey_gossip_members_count", Labels: map[string]string{"pool": "wan"}},
		},
	}
}

// endpointsIn are the endpoints that the accelerator has in an AWS region, as the account keeps them.
func endpointsIn(awsRegion string) string {
	all := ""
	for _, group := range world.Cloud.List(func(r cloud.Resource) bool {
		return r.Type == "globalaccelerator/endpointgroup" && r.Data["region"] == awsRegion
	}) {
		all += group.Data["endpoints"]
	}
	return all
}
