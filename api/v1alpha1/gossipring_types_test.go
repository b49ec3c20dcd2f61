package v1alpha1_test

import (
	"strings"

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

func validConfigMap() *v1alpha1.ConfigMapDelivery {
	return &v1alpha1.ConfigMapDelivery{
		Name: "seeds", Key: "wan", Restart: []v1alpha1.WorkloadReference{{Kind: v1alpha1.WorkloadDeployment, Name: "unkey-api"}},
	}
}

func validGit() *v1alpha1.GitDelivery {
	return &v1alpha1.GitDelivery{Path: "environments/{{ .region }}.yaml", Key: "env.UNKEY_GOSSIP_WAN_SEEDS"}
}

func expression(operator metav1.LabelSelectorOperator, values ...string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "continent", Operator: operator, Values: values}}}
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
		Entry("for some labels", func(g *v1alpha1.GossipRing) {
			g.Spec.RegionSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"continent": "eu"}, MatchExpressions: []metav1.LabelSelectorRequirement{
				{Key: "tier", Operator: metav1.LabelSelectorOpIn, Values: []string{"gold"}}, {Key: "draft", Operator: metav1.LabelSelectorOpDoesNotExist},
			}}
		}),
		Entry("that reaches pods directly", func(g *v1alpha1.GossipRing) { g.Spec.Membership.Via = v1alpha1.ViaDirect }),
		Entry("with hubs", func(g *v1alpha1.GossipRing) { g.Spec.Seeds.Topology.Hubs = []string{"us-east-1", "eu-west-1"} }),
		Entry("with the nearest", func(g *v1alpha1.GossipRing) { g.Spec.Seeds.Topology.Nearest = new(int32(3)) }),
		Entry("with seeds in a ConfigMap", func(g *v1alpha1.GossipRing) { g.Spec.Seeds.Delivery.ConfigMap = validConfigMap() }),
		Entry("with seeds in git", func(g *v1alpha1.GossipRing) { g.Spec.Seeds.Delivery.Git = validGit() }),
		Entry("whose targets do not count", func(g *v1alpha1.GossipRing) { g.Spec.Health.ExpectedHealthyTargets = new(int32(0)) }),
		Entry("that may restart regions together", func(g *v1alpha1.GossipRing) { g.Spec.Rollout.MaxConcurrentRegions = 256 }),
	)

	It("fills in what is left out", func(ctx SpecContext) {
		g := edited(validRing, func(g *v1alpha1.GossipRing) {
			g.Spec.Endpoint = &v1alpha1.RingEndpoint{Hostname: "gossip.{{ .name }}.aws.unkey.cloud"}
		})
		expectAccepted(ctx, g)
		Expect(g.Spec.Membership).To(And(HaveField("Path", "/metrics"), HaveField("Aggregate", v1alpha1.AggregateMax), HaveField("Expected", v1alpha1.ExpectRegions), HaveField("Via", v1alpha1.ViaAPIServerProxy)))
		Expect(g.Spec.Port).To(BeEquivalentTo(7947))
		Expect(g.Spec.OnPartition).To(Equal(v1alpha1.PartitionRejoin))
		Expect(g.Spec.Endpoint.Fallback).To(Equal(v1alpha1.FallbackNone))
	})

	DescribeTable("is rejected", func(ctx SpecContext, edit func(*v1alpha1.GossipRing), message string) {
		expectRejected(ctx, edited(validRing, edit), message)
	},
		Entry("without an environment", func(g *v1alpha1.GossipRing) { g.Spec.EnvironmentRef.Name = "" }, "spec.environmentRef.name: Invalid value"),
		Entry("with a profile twice", func(g *v1alpha1.GossipRing) { g.Spec.Profiles = []string{"edge", "edge"} }, "spec.profiles[1]: Duplicate value"),
		Entry("with an unknown operator", func(g *v1alpha1.GossipRing) { g.Spec.RegionSelector = expression("Like", "eu") }, "operators are In, NotIn, Exists and DoesNotExist"),
		Entry("with an operator without values", func(g *v1alpha1.GossipRing) { g.Spec.RegionSelector = expression(metav1.LabelSelectorOpIn) }, "In and NotIn need values"),
		Entry("with values that nothing is done with", func(g *v1alpha1.GossipRing) { g.Spec.RegionSelector = expression(metav1.LabelSelectorOpExists, "eu") }, "Exists and DoesNotExist take none"),
		Entry("that reaches pods by magic", func(g *v1alpha1.GossipRing) { g.Spec.Membership.Via = "Magic" }, `Unsupported value: "Magic"`),
		Entry("without a Service", func(g *v1alpha1.GossipRing) { g.Spec.Service.Name = "" }, "spec.service.name in body should be at least 1 chars long"),
		Entry("with an empty hostname", func(g *v1alpha1.GossipRing) { g.Spec.Endpoint = &v1alpha1.RingEndpoint{} }, "spec.endpoint.hostname in body should be at least 1 chars long"),
		Entry("with an unknown fallback", func(g *v1alpha1.GossipRing) {
			g.Spec.Endpoint = &v1alpha1.RingEndpoint{Hostname: "gossip.{{ .name }}.aws.unkey.cloud", Fallback: "Address"}
		}, `Unsupported value: "Address": supported values: "LoadBalancer", "None"`),
		Entry("that would select every pod", func(g *v1alpha1.GossipRing) { g.Spec.Workload.MatchLabels = map[string]string{} },
			"spec.workload.matchLabels in body should have at least 1 properties"),
		Entry("without a variable for the seeds", func(g *v1alpha1.GossipRing) { g.Spec.Workload.Env = "" }, "spec.workload.env in body should be at least 1 chars long"),
		Entry("without a metric", func(g *v1alpha1.GossipRing) { g.Spec.Membership.Metric = "" }, "spec.membership.metric in body should be at least 1 chars long"),
		Entry("without the metric's port", func(g *v1alpha1.GossipRing) { g.Spec.Membership.Port = 0 }, "spec.membership.port in body should be greater than or equal to 1"),
		Entry("whose name no annotation can hold", func(g *v1alpha1.GossipRing) { g.Name = strings.Repeat("a", 54) }, "at most 53 characters"),
		Entry("whose regions would share a name", func(g *v1alpha1.GossipRing) {
			g.Spec.Endpoint = &v1alpha1.RingEndpoint{Hostname: "gossip.aws.unkey.cloud"}
		}, "every region has an endpoint of its own"),
		Entry("with hubs and the nearest", func(g *v1alpha1.GossipRing) {
			g.Spec.Seeds.Topology = v1alpha1.RingTopology{Hubs: []string{"us-east-1"}, Nearest: new(int32(3))}
		}, "either hubs or nearest"),
		Entry("with none of the nearest", func(g *v1alpha1.GossipRing) { g.Spec.Seeds.Topology.Nearest = new(int32(0)) },
			"spec.seeds.topology.nearest in body should be greater than or equal to 1"),
		Entry("with an unknown format", func(g *v1alpha1.GossipRing) { g.Spec.Seeds.Format = "YAML" }, `Unsupported value: "YAML"`),
		Entry("with two deliveries", func(g *v1alpha1.GossipRing) {
			g.Spec.Seeds.Delivery = v1alpha1.SeedDelivery{ConfigMap: validConfigMap(), Git: validGit()}
		}, "at most one of clusterSecret, configMap and git"),
		Entry("with a ConfigMap that nobody reads", func(g *v1alpha1.GossipRing) {
			g.Spec.Seeds.Delivery.ConfigMap = validConfigMap()
			g.Spec.Seeds.Delivery.ConfigMap.Restart = []v1alpha1.WorkloadReference{}
		}, "spec.seeds.delivery.configMap.restart in body should have at least 1 items"),
		Entry("with one file for all regions", func(g *v1alpha1.GossipRing) {
			g.Spec.Seeds.Delivery.Git = validGit()
			g.Spec.Seeds.Delivery.Git.Path = "values.yaml"
		}, "every region has a file of its own"),
		Entry("with a port that is none", func(g *v1alpha1.GossipRing) { g.Spec.Port = 70000 }, "spec.port in body should be less than or equal to 65535"),
		Entry("with a key without a name", func(g *v1alpha1.GossipRing) { g.Spec.Key = &v1alpha1.RingKey{} }, "spec.key.secretName in body should be at least 1 chars long"),
		Entry("that would never change a seed", func(g *v1alpha1.GossipRing) { g.Spec.Rollout.MaxConcurrentRegions = -1 },
			"spec.rollout.maxConcurrentRegions in body should be greater than or equal to 1"),
	)

	It("does not let anybody change its environment", func(ctx SpecContext) {
		expectUpdate(ctx, edited(validRing, func(*v1alpha1.GossipRing) {}),
			func(g *v1alpha1.GossipRing) { g.Spec.EnvironmentRef.Name = "staging001" }, "environmentRef is immutable")
	})
})
