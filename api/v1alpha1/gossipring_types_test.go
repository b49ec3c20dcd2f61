package v1alpha1_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

func validRing() *v1alpha1.GossipRing {
	return &v1alpha1.GossipRing{
		ObjectMeta: metav1.ObjectMeta{Name: "unkey-api"},
		Spec: v1alpha1.GossipRingSpec{
			EnvironmentRef: v1alpha1.LocalReference{Name: "production001"},
			Service:        v1alpha1.ServiceReference{Namespace: "api", Name: "unkey-api-gossip-wan"},
			Workload:       v1alpha1.RingWorkload{MatchLabels: map[string]string{"app": "unkey-api"}, Env: "UNKEY_GOSSIP_WAN_SEEDS"},
			Membership:     v1alpha1.MembershipMetric{Port: 9090, Metric: "unkey_gossip_members_count"},
		},
	}
}

var _ = Describe("GossipRing", func() {
	DescribeTable("is accepted", func(ctx SpecContext, edit func(*v1alpha1.GossipRing)) {
		expectAccepted(ctx, edited(validRing, edit))
	},
		Entry("with the least", func(*v1alpha1.GossipRing) {}),
		Entry("with a name for each region", func(g *v1alpha1.GossipRing) {
			g.Spec.Endpoint = &v1alpha1.RingEndpoint{Hostname: "gossip.{{ .region }}.aws.unkey.cloud", Fallback: v1alpha1.FallbackLoadBalancer}
		}),
		Entry("for some profiles", func(g *v1alpha1.GossipRing) { g.Spec.Profiles = []string{"standard", "edge"} }),
		Entry("that may restart regions together", func(g *v1alpha1.GossipRing) { g.Spec.Rollout.MaxConcurrentRegions = 256 }),
	)

	It("fills in what is left out", func(ctx SpecContext) {
		g := edited(validRing, func(g *v1alpha1.GossipRing) {
			g.Spec.Endpoint = &v1alpha1.RingEndpoint{Hostname: "gossip.aws.unkey.cloud"}
		})
		expectAccepted(ctx, g)
		Expect(g.Spec.Membership.Path).To(Equal("/metrics"))
		Expect(g.Spec.Endpoint.Fallback).To(Equal(v1alpha1.FallbackNone))
	})

	DescribeTable("is rejected", func(ctx SpecContext, edit func(*v1alpha1.GossipRing), message string) {
		expectRejected(ctx, edited(validRing, edit), message)
	},
		Entry("without an environment", func(g *v1alpha1.GossipRing) { g.Spec.EnvironmentRef.Name = "" }, "spec.environmentRef.name: Invalid value"),
		Entry("with a profile twice", func(g *v1alpha1.GossipRing) { g.Spec.Profiles = []string{"edge", "edge"} }, "spec.profiles[1]: Duplicate value"),
		Entry("without a Service", func(g *v1alpha1.GossipRing) { g.Spec.Service.Name = "" }, "spec.service.name in body should be at least 1 chars long"),
		Entry("with an empty hostname", func(g *v1alpha1.GossipRing) { g.Spec.Endpoint = &v1alpha1.RingEndpoint{} }, "spec.endpoint.hostname in body should be at least 1 chars long"),
		Entry("with an unknown fallback", func(g *v1alpha1.GossipRing) {
			g.Spec.Endpoint = &v1alpha1.RingEndpoint{Hostname: "gossip.aws.unkey.cloud", Fallback: "Address"}
		}, `Unsupported value: "Address": supported values: "LoadBalancer", "None"`),
		Entry("that would select every pod", func(g *v1alpha1.GossipRing) { g.Spec.Workload.MatchLabels = map[string]string{} },
			"spec.workload.matchLabels in body should have at least 1 properties"),
		Entry("without a variable for the seeds", func(g *v1alpha1.GossipRing) { g.Spec.Workload.Env = "" }, "spec.workload.env in body should be at least 1 chars long"),
		Entry("without a metric", func(g *v1alpha1.GossipRing) { g.Spec.Membership.Metric = "" }, "spec.membership.metric in body should be at least 1 chars long"),
		Entry("without the metric's port", func(g *v1alpha1.GossipRing) { g.Spec.Membership.Port = 0 }, "spec.membership.port in body should be greater than or equal to 1"),
		Entry("that would never change a seed", func(g *v1alpha1.GossipRing) { g.Spec.Rollout.MaxConcurrentRegions = -1 },
			"spec.rollout.maxConcurrentRegions in body should be greater than or equal to 1"),
	)

	It("does not let anybody change its environment", func(ctx SpecContext) {
		expectUpdate(ctx, edited(validRing, func(*v1alpha1.GossipRing) {}),
			func(g *v1alpha1.GossipRing) { g.Spec.EnvironmentRef.Name = "staging001" }, "environmentRef is immutable")
	})
})
