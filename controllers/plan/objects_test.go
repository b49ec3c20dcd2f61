package plan

import (
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

func namesOf(objects []v1alpha1.PlannedObjects) map[string][]string {
	all := map[string][]string{}
	for _, o := range objects {
		all[o.Kind] = o.Names
	}
	return all
}

func TestObjectsOfASmallRegion(t *testing.T) {
	g := NewWithT(t)
	env, region := planned(2, v1alpha1.NATGatewaysNone), baseRegion("dublin")
	p, err := For(env, region, block, threeZones)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(p.Objects(region, env)).To(Equal([]v1alpha1.PlannedObjects{
		{Kind: "VPC", Names: []string{"production001-dublin"}},
		{Kind: "InternetGateway", Names: []string{"production001-dublin"}},
		{Kind: "RouteTable", Names: []string{"production001-dublin-private-eu-west-1a", "production001-dublin-private-eu-west-1b", "production001-dublin-public"}},
		{Kind: "Subnet", Names: []string{
			"production001-dublin-private-eu-west-1a", "production001-dublin-private-eu-west-1b",
			"production001-dublin-public-eu-west-1a", "production001-dublin-public-eu-west-1b",
		}},
		{Kind: "Role", Names: []string{"production001-dublin-cluster", "production001-dublin-node"}},
		{Kind: "Cluster", Names: []string{"production001-dublin"}},
		{Kind: "AccessEntry", Names: []string{"production001-dublin-portolan"}},
		{Kind: "Nodegroup", Names: []string{"production001-dublin-" + NodeGroupName(env.Spec.Profiles[0].NodeGroups[0])}},
	}))
}

func TestObjectsThatTheEnvironmentAsksFor(t *testing.T) {
	const ours, theirs = "arn:aws:iam::111122223333:role/portolan", "arn:aws:iam::111122223333:role/argocd"
	for name, tc := range map[string]struct {
		change func(*v1alpha1.Environment)
		kind   string
		want   []string
	}{
		"a NAT gateway": {
			change: func(e *v1alpha1.Environment) { e.Spec.Network.NATGateways = v1alpha1.NATGatewaysSingle },
			kind:   "NATGateway", want: []string{"production001-dublin-nat-eu-west-1a"},
		},
		"its address": {
			change: func(e *v1alpha1.Environment) { e.Spec.Network.NATGateways = v1alpha1.NATGatewaysSingle },
			kind:   "ElasticIPAddress", want: []string{"production001-dublin-nat-eu-west-1a"},
		},
		"a gossip security group": {
			change: func(e *v1alpha1.Environment) {
				e.Spec.Network.Gossip = &v1alpha1.GossipIngress{AllowFrom: []v1alpha1.CIDR{"0.0.0.0/0"}}
			},
			kind: "SecurityGroup", want: []string{"production001-dublin-gossip"},
		},
		"access for Argo CD": {
			change: func(e *v1alpha1.Environment) { e.Spec.AWS.RoleARN, e.Spec.ArgoCD.RoleARN = ours, theirs },
			kind:   "AccessEntry", want: []string{"production001-dublin-argocd", "production001-dublin-portolan"},
		},
		"one access entry for one role": {
			change: func(e *v1alpha1.Environment) { e.Spec.AWS.RoleARN, e.Spec.ArgoCD.RoleARN = ours, ours },
			kind:   "AccessEntry", want: []string{"production001-dublin-portolan"},
		},
		"one record for certificates that share a name": {
			change: func(e *v1alpha1.Environment) {
				e.Spec.DNS.Zones = []v1alpha1.DNSZone{{Name: "aws.unkey.cloud"}}
				e.Spec.Profiles[0].Certificates = []v1alpha1.Certificate{{Domain: "*.aws.unkey.cloud"}, {Domain: "aws.unkey.cloud"}}
			},
			kind: "RecordSet", want: []string{"production001-dublin-validation-aws.unkey.cloud"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			env, region := planned(2, v1alpha1.NATGatewaysNone), baseRegion("dublin")
			tc.change(env)
			p, err := For(env, region, block, threeZones)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(namesOf(p.Objects(region, env))).To(HaveKeyWithValue(tc.kind, tc.want))
		})
	}
}

func TestTheGossipPortHasTheAPIsDefault(t *testing.T) {
	g := NewWithT(t)
	env := planned(2, "")
	env.Spec.Network.Gossip = &v1alpha1.GossipIngress{AllowFrom: []v1alpha1.CIDR{"10.0.0.0/8"}}
	p, err := For(env, baseRegion("dublin"), block, threeZones)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(p.Gossip).To(Equal(&v1alpha1.GossipIngress{Port: 7947, AllowFrom: []v1alpha1.CIDR{"10.0.0.0/8"}}))
	g.Expect(env.Spec.Network.Gossip.Port).To(BeZero(), "the Environment is not ours to change")
}

func TestNamesAreNamesOfObjects(t *testing.T) {
	g := NewWithT(t)
	env := environmentOf(g, "testdata/environment.yaml")
	region := regionIn("eu-west-1", "")
	region.Spec.Profile = "deploy"
	p, err := For(env, region, block, threeZones)
	g.Expect(err).NotTo(HaveOccurred())
	for kind, names := range namesOf(p.Objects(region, env)) {
		for _, name := range names {
			g.Expect(validation.IsDNS1123Subdomain(name)).To(BeEmpty(), "%s %s", kind, name)
		}
	}
}
