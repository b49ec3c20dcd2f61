package v1alpha1_test

import (
	"fmt"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

func validEnvironment() *v1alpha1.Environment {
	return &v1alpha1.Environment{
		ObjectMeta: metav1.ObjectMeta{Name: "production001"},
		Spec: v1alpha1.EnvironmentSpec{
			AWS: v1alpha1.AWSAccount{AccountID: "123456789012"},
			Network: v1alpha1.NetworkPlan{
				Assignments: []v1alpha1.CIDRAssignment{{AWSRegion: "eu-west-1", CIDR: "10.16.0.0/18"}},
			},
			Profiles: []v1alpha1.Profile{{
				Name:              "standard",
				KubernetesVersion: "1.34",
				NodeGroups:        []v1alpha1.NodeGroup{{Name: "system", InstanceTypes: []string{"m7a.large"}, Min: 1, Max: 3}},
				Addons:            []v1alpha1.Addon{{Name: "vpc-cni"}},
				Applications:      []v1alpha1.Application{{Name: "unkey-api"}},
			}},
		},
	}
}

// capabilityRole is that of an Argo CD which EKS manages.
const capabilityRole = "arn:aws:iam::123456789012:role/argocd-capability"

// spec edits an Environment's spec, profile its only profile, group its only node group.
func spec(edit func(*v1alpha1.EnvironmentSpec)) func(*v1alpha1.Environment) {
	return func(e *v1alpha1.Environment) { edit(&e.Spec) }
}

func profile(edit func(*v1alpha1.Profile)) func(*v1alpha1.Environment) {
	return func(e *v1alpha1.Environment) { edit(&e.Spec.Profiles[0]) }
}

func group(edit func(*v1alpha1.NodeGroup)) func(*v1alpha1.Environment) {
	return func(e *v1alpha1.Environment) { edit(&e.Spec.Profiles[0].NodeGroups[0]) }
}

var _ = Describe("Environment", func() {
	DescribeTable("is accepted", func(ctx SpecContext, edit func(*v1alpha1.Environment)) {
		expectAccepted(ctx, edited(validEnvironment, edit))
	},
		Entry("as it is", func(*v1alpha1.Environment) {}),
		Entry("without assignments", spec(func(s *v1alpha1.EnvironmentSpec) { s.Network.Assignments = nil })),
		Entry("with a role in another partition", spec(func(s *v1alpha1.EnvironmentSpec) { s.AWS.RoleARN = "arn:aws-cn:iam::123456789012:role/ops/portolan" })),
		Entry("with a gossip port for its regions", spec(func(s *v1alpha1.EnvironmentSpec) { s.Network.Gossip = &v1alpha1.GossipIngress{AllowRegions: true} })),
		Entry("with small reserved ranges", spec(func(s *v1alpha1.EnvironmentSpec) {
			s.Network.Reserved = []v1alpha1.CIDR{"10.0.0.0/12", "172.31.4.4/32"}
		})),
		Entry("with a server for a zone", spec(func(s *v1alpha1.EnvironmentSpec) {
			s.DNS.Zones = []v1alpha1.DNSZone{{Name: "aws.unkey.cloud", NameServers: []string{"127.0.0.1:5353"}}}
		})),
		Entry("with a profile that is only a part of others", profile(func(p *v1alpha1.Profile) { p.KubernetesVersion, p.NodeGroups = "", nil })),
		Entry("with a group that may be empty", group(func(g *v1alpha1.NodeGroup) { g.Min = 0 })),
		Entry("with every effect of taints", group(func(g *v1alpha1.NodeGroup) {
			g.Taints = []v1alpha1.Taint{{Key: "a", Effect: "NoSchedule"}, {Key: "a", Effect: "NoExecute"}, {Key: "a", Value: "b", Effect: "PreferNoSchedule"}}
		})),
		Entry("with the capability's role", spec(func(s *v1alpha1.EnvironmentSpec) {
			s.ArgoCD = v1alpha1.ArgoCD{Mode: v1alpha1.ArgoCDEKSCapability, RoleARN: capabilityRole}
		})),
		Entry("with an Argo CD in each region", spec(func(s *v1alpha1.EnvironmentSpec) { s.ArgoCD.Mode = v1alpha1.ArgoCDPerCluster })),
		Entry("with labels of the user's own", spec(func(s *v1alpha1.EnvironmentSpec) {
			s.ArgoCD.ClusterLabels = map[string]v1alpha1.LabelValue{"tier": "gold", "clusterSuffix": "", "unkey.cloud/Cost_center.v2": "a-B_c.9"}
		})),
		Entry("with as many labels as there may be, of the greatest length", spec(func(s *v1alpha1.EnvironmentSpec) {
			s.ArgoCD.ClusterLabels = map[string]v1alpha1.LabelValue{}
			for i := range 32 {
				key := fmt.Sprintf("%s/%s%02d", strings.Repeat("d", 253), strings.Repeat("n", 61), i)
				s.ArgoCD.ClusterLabels[key] = v1alpha1.LabelValue(strings.Repeat("v", 63))
			}
		})),
	)

	It("keeps the number of zones that its blocks are divided by", func(ctx SpecContext) {
		expectUpdate(ctx, edited(validEnvironment, func(*v1alpha1.Environment) {}),
			func(e *v1alpha1.Environment) { e.Spec.Network.AvailabilityZones = 2 }, "availabilityZones is immutable")
	})

	DescribeTable("keeps where Argo CD is", func(ctx SpecContext, before, after v1alpha1.ArgoCD) {
		expectUpdate(ctx, edited(validEnvironment, spec(func(s *v1alpha1.EnvironmentSpec) { s.ArgoCD = before })),
			func(e *v1alpha1.Environment) { e.Spec.ArgoCD = after }, "argocd.mode is immutable")
	},
		Entry("in the hub, without a word", v1alpha1.ArgoCD{}, v1alpha1.ArgoCD{Mode: v1alpha1.ArgoCDPerCluster}),
		Entry("in the hub", v1alpha1.ArgoCD{Mode: v1alpha1.ArgoCDHub}, v1alpha1.ArgoCD{Mode: v1alpha1.ArgoCDEKSCapability, RoleARN: capabilityRole}),
		Entry("in the regions", v1alpha1.ArgoCD{Mode: v1alpha1.ArgoCDPerCluster}, v1alpha1.ArgoCD{}),
	)

	It("may say later that Argo CD is where it was", func(ctx SpecContext) {
		expectUpdate(ctx, edited(validEnvironment, func(*v1alpha1.Environment) {}),
			func(e *v1alpha1.Environment) { e.Spec.ArgoCD.Mode = v1alpha1.ArgoCDHub }, "")
	})

	It("fills in what is left out", func(ctx SpecContext) {
		e := edited(validEnvironment, func(*v1alpha1.Environment) {})
		expectAccepted(ctx, e)
		Expect(e.Spec.Network.AvailabilityZones).To(BeEquivalentTo(3))
		Expect(e.Spec.Network.NATGateways).To(Equal(v1alpha1.NATGatewaysPerZone))
	})

	DescribeTable("is rejected for its account, network or registration", func(ctx SpecContext, edit func(*v1alpha1.EnvironmentSpec), message string) {
		expectRejected(ctx, edited(validEnvironment, spec(edit)), message)
	},
		Entry("an account that has a name", func(s *v1alpha1.EnvironmentSpec) { s.AWS.AccountID = "production" },
			"spec.aws.accountID in body should match '^[0-9]{12}$'"),
		Entry("a role without ARN", func(s *v1alpha1.EnvironmentSpec) { s.AWS.RoleARN = "portolan" },
			"spec.aws.roleARN in body should match"),
		Entry("a tag that AWS keeps for itself", func(s *v1alpha1.EnvironmentSpec) { s.AWS.Tags = map[string]string{"aws:team": "platform"} },
			"tag keys are at most 128 characters and never start with aws:, values at most 256"),
		Entry("a tag that is too long", func(s *v1alpha1.EnvironmentSpec) { s.AWS.Tags = map[string]string{strings.Repeat("k", 129): ""} },
			"tag keys are at most 128 characters"),
		Entry("a tag value that is too long", func(s *v1alpha1.EnvironmentSpec) { s.AWS.Tags = map[string]string{"team": strings.Repeat("v", 257)} },
			"values at most 256"),
		Entry("too many tags", func(s *v1alpha1.EnvironmentSpec) {
			s.AWS.Tags = map[string]string{}
			for i := range 41 {
				s.AWS.Tags[fmt.Sprint("tag", i)] = ""
			}
		}, "must have at most 40 items"),
		Entry("two blocks for one AWS region", func(s *v1alpha1.EnvironmentSpec) {
			s.Network.Assignments = append(s.Network.Assignments, v1alpha1.CIDRAssignment{AWSRegion: "eu-west-1", CIDR: "10.17.0.0/18"})
		}, `spec.network.assignments[1]: Duplicate value`),
		Entry("a block for an AWS region that does not exist", func(s *v1alpha1.EnvironmentSpec) { s.Network.Assignments[0].AWSRegion = "eu-west-9" },
			`Unsupported value: "eu-west-9": supported values: "af-south-1"`),
		Entry("a block that is too small", func(s *v1alpha1.EnvironmentSpec) { s.Network.Assignments[0].CIDR = "10.16.0.0/23" },
			"must be a /16 to a /22"),
		Entry("a block with host bits", func(s *v1alpha1.EnvironmentSpec) { s.Network.Assignments[0].CIDR = "10.16.0.1/18" }, canonical),
		Entry("a reserved range with host bits", func(s *v1alpha1.EnvironmentSpec) { s.Network.Reserved = []v1alpha1.CIDR{"10.16.0.1/12"} }, canonical),
		Entry("a range that is reserved twice", func(s *v1alpha1.EnvironmentSpec) { s.Network.Reserved = []v1alpha1.CIDR{"10.0.0.0/12", "10.0.0.0/12"} },
			"Duplicate value"),
		Entry("a single zone", func(s *v1alpha1.EnvironmentSpec) { s.Network.AvailabilityZones = 1 },
			"spec.network.availabilityZones in body should be greater than or equal to 2"),
		Entry("five zones", func(s *v1alpha1.EnvironmentSpec) { s.Network.AvailabilityZones = 5 },
			"spec.network.availabilityZones in body should be less than or equal to 4"),
		Entry("a gossip port for nobody", func(s *v1alpha1.EnvironmentSpec) { s.Network.Gossip = &v1alpha1.GossipIngress{} }, "allowFrom, allowRegions or both"),
		Entry("a gossip port for gateways that are not there", func(s *v1alpha1.EnvironmentSpec) {
			s.Network.NATGateways, s.Network.Gossip = v1alpha1.NATGatewaysNone, &v1alpha1.GossipIngress{AllowRegions: true}
		}, "natGateways is None: use gossip.allowFrom"),
		Entry("an unknown NAT mode", func(s *v1alpha1.EnvironmentSpec) { s.Network.NATGateways = "Two" },
			`Unsupported value: "Two": supported values: "PerZone", "Single", "None"`),
		Entry("a zone with a trailing dot", func(s *v1alpha1.EnvironmentSpec) { s.DNS.Zones = []v1alpha1.DNSZone{{Name: "aws.unkey.cloud."}} },
			"spec.dns.zones[0].name in body should match"),
		Entry("secrets in an AWS region that does not exist", func(s *v1alpha1.EnvironmentSpec) { s.Secrets = &v1alpha1.SecretSource{PrimaryRegion: "us-east-9"} },
			`spec.secrets.primaryRegion: Unsupported value: "us-east-9"`),
		Entry("a label that Portolan sets", func(s *v1alpha1.EnvironmentSpec) {
			s.ArgoCD.ClusterLabels = map[string]v1alpha1.LabelValue{"region": "here"}
		},
			"the labels environment, region, profile, portolan.dev/* and argocd.argoproj.io/* are set by Portolan"),
		Entry("a label of Portolan's", func(s *v1alpha1.EnvironmentSpec) {
			s.ArgoCD.ClusterLabels = map[string]v1alpha1.LabelValue{"portolan.dev/managed": "false"}
		},
			"are set by Portolan"),
		Entry("a label of Argo CD's", func(s *v1alpha1.EnvironmentSpec) {
			s.ArgoCD.ClusterLabels = map[string]v1alpha1.LabelValue{"argocd.argoproj.io/secret-type": "repository"}
		},
			"are set by Portolan"),
		Entry("an unknown place for Argo CD", func(s *v1alpha1.EnvironmentSpec) { s.ArgoCD.Mode = "Regional" },
			`Unsupported value: "Regional": supported values: "Hub", "PerCluster", "EKSCapability"`),
		Entry("a capability without its role", func(s *v1alpha1.EnvironmentSpec) { s.ArgoCD.Mode = v1alpha1.ArgoCDEKSCapability },
			"mode EKSCapability needs roleARN"),
		Entry("no profile", func(s *v1alpha1.EnvironmentSpec) { s.Profiles = []v1alpha1.Profile{} },
			"spec.profiles in body should have at least 1 items"),
		Entry("two profiles of one name", func(s *v1alpha1.EnvironmentSpec) { s.Profiles = append(s.Profiles, s.Profiles[0]) },
			"spec.profiles[1]: Duplicate value"),
	)

	DescribeTable("is rejected for a label that no Secret can have", func(ctx SpecContext, key, value, message string) {
		expectRejected(ctx, edited(validEnvironment, spec(func(s *v1alpha1.EnvironmentSpec) {
			s.ArgoCD.ClusterLabels = map[string]v1alpha1.LabelValue{key: v1alpha1.LabelValue(value)}
		})), message)
	},
		Entry("with a blank in its value", "team", "platform team", "a label's value is empty, or letters"),
		Entry("with a value that ends in a dash", "team", "platform-", "spec.argocd.clusterLabels[team]: Invalid value"),
		Entry("with a value that is an address", "team", "https://unkey.cloud", "a label's value is"),
		Entry("with a value of two lines", "team", "a\nb", "a label's value is"),
		Entry("with a value that is too long", "team", strings.Repeat("v", 64), "may not be more than 63 bytes"),
		Entry("without key", "", "gold", "a label's key is a name"),
		Entry("with a blank in its key", "cost center", "7", "a label's key is a name"),
		Entry("with a key that begins with a dot", ".team", "x", "a label's key is a name"),
		Entry("with a key that is too long", strings.Repeat("k", 64), "x", "a label's key is a name"),
		Entry("with a domain in capitals", "Unkey.cloud/team", "x", "a label's key is a name"),
		Entry("with a domain that is too long", strings.Repeat("d", 254)+"/team", "x", "a label's key is a name"),
		Entry("with a domain that is empty", "/team", "x", "a label's key is a name"),
		Entry("with two slashes", "unkey.cloud/a/b", "x", "a label's key is a name"),
	)

	DescribeTable("is rejected for a profile", func(ctx SpecContext, edit func(*v1alpha1.Environment), message string) {
		expectRejected(ctx, edited(validEnvironment, edit), message)
	},
		Entry("that extends itself", profile(func(p *v1alpha1.Profile) { p.Extends = "standard" }), "a profile cannot extend itself"),
		Entry("with a capital letter", profile(func(p *v1alpha1.Profile) { p.Name = "Standard" }), "spec.profiles[0].name in body should match"),
		Entry("with a patch version", profile(func(p *v1alpha1.Profile) { p.KubernetesVersion = "1.34.2" }), "kubernetesVersion in body should match"),
		Entry("with an add-on twice", profile(func(p *v1alpha1.Profile) { p.Addons = append(p.Addons, p.Addons[0]) }), "addons[1]: Duplicate value"),
		Entry("with an application twice", profile(func(p *v1alpha1.Profile) { p.Applications = append(p.Applications, p.Applications[0]) }), "applications[1]: Duplicate value"),
		Entry("with a secret twice", profile(func(p *v1alpha1.Profile) { p.Secrets = []string{"db", "db"} }), "secrets[1]: Duplicate value"),
		Entry("with a secret without name", profile(func(p *v1alpha1.Profile) { p.Secrets = []string{""} }), "secrets[0] in body should be at least 1 chars long"),
		Entry("with min above max", group(func(g *v1alpha1.NodeGroup) { g.Min = 4 }), "min must not exceed max"),
		Entry("with desired below min", group(func(g *v1alpha1.NodeGroup) { g.Desired = new(int32) }), "desired must lie between min and max"),
		Entry("with a group without nodes", group(func(g *v1alpha1.NodeGroup) { g.Min, g.Max = 0, 0 }), "max in body should be greater than or equal to 1"),
		Entry("with more nodes than EKS allows", group(func(g *v1alpha1.NodeGroup) { g.Max = 451 }), "max in body should be less than or equal to 450"),
		Entry("with a group without instance types", group(func(g *v1alpha1.NodeGroup) { g.InstanceTypes = []string{} }), "instanceTypes in body should have at least 1 items"),
		Entry("with an effect in EKS's spelling", group(func(g *v1alpha1.NodeGroup) { g.Taints = []v1alpha1.Taint{{Key: "a", Effect: "NO_SCHEDULE"}} }),
			`Unsupported value: "NO_SCHEDULE": supported values: "NoSchedule", "NoExecute", "PreferNoSchedule"`),
		Entry("with a taint without key", group(func(g *v1alpha1.NodeGroup) { g.Taints = []v1alpha1.Taint{{Effect: "NoExecute"}} }), "key in body should be at least 1 chars long"),
	)
})
