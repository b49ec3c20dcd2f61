package plan

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

var checkedGroups = []v1alpha1.NodeGroup{
	{Name: "unkey", Min: 2, Max: 10, Desired: new(int32(3)), InstanceTypes: []string{"c7a.xlarge", "c7a.2xlarge"}},
	{Name: "untrusted", Min: 1, Max: 5, InstanceTypes: []string{"c7a.4xlarge"}},
}

// checked is a plan of three zones, with two node groups and a certificate, and facts that
// have nothing against it.
func checked(g Gomega) (*Plan, *v1alpha1.Environment, *v1alpha1.Region, Facts) {
	env := planned(3, v1alpha1.NATGatewaysPerZone)
	env.Spec.AWS.AccountID = "111122223333"
	env.Spec.Secrets = &v1alpha1.SecretSource{PrimaryRegion: "us-east-1"}
	env.Spec.DNS.Zones = []v1alpha1.DNSZone{{Name: "aws.unkey.cloud"}, {Name: "unkey.com"}, {Name: "elsewhere.net", NameServers: []string{"192.0.2.1"}}}
	env.Spec.Network.Gossip = &v1alpha1.GossipIngress{AllowFrom: []v1alpha1.CIDR{"192.0.2.0/24"}, AllowRegions: true}
	env.Spec.Profiles[0].NodeGroups = checkedGroups
	env.Spec.Profiles[0].Certificates = []v1alpha1.Certificate{{Domain: "*.{{ .region }}.aws.unkey.cloud"}}
	region := baseRegion("dublin")
	region.Namespace = "fleet"
	p, err := For(env, region, block, threeZones)
	g.Expect(err).NotTo(HaveOccurred())
	return p, env, region, Facts{
		OptedIn: true,
		InstanceTypes: map[string]InstanceType{
			"c7a.xlarge": {VCPUs: 4, Zones: threeZones}, "c7a.2xlarge": {VCPUs: 8, Zones: threeZones}, "c7a.4xlarge": {VCPUs: 16, Zones: threeZones},
		},
		Quotas: []Quota{
			{Name: QuotaVPCs, Service: "vpc", Code: "L-F678F1CE", Limit: 5, Used: 4},
			{Name: QuotaElasticIPs, Service: "ec2", Code: "L-0263D0A3", Limit: 5, Used: 2},
			{Name: QuotaNATGateways, Service: "vpc", Code: "L-FE5A380F", Limit: 5},
			{Name: QuotaClusters, Service: "eks", Code: "L-1194D53C", Limit: 100, Used: 99},
			{Name: QuotaVCPUs, Service: "ec2", Code: "L-1216C47A", Limit: 200, Used: 40},
			{Name: QuotaGroupRules, Service: "vpc", Code: "L-0EA8095F", Limit: 60},
		},
		Networks:    []Network{{ID: "vpc-1", CIDRs: []netip.Prefix{netip.MustParsePrefix("10.9.0.0/16")}}},
		HostedZones: map[string]HostedZone{"aws.unkey.cloud": {ID: "Z1"}, "unkey.com": {ID: "Z2"}},
		Account:     "111122223333",
	}
}

func TestNothingToObjectTo(t *testing.T) {
	g := NewWithT(t)
	p, env, region, facts := checked(g)
	g.Expect(Check(p, env, region, facts)).To(BeEmpty())
	g.Expect(Check(p, env, region, Facts{OptedIn: true})).To(BeEmpty(), "what was not gathered says nothing")
}

func (f *Facts) quota(name string) *Quota {
	for i := range f.Quotas {
		if f.Quotas[i].Name == name {
			return &f.Quotas[i]
		}
	}
	return nil
}

func TestCheck(t *testing.T) {
	errorOf := func(reason, message string) v1alpha1.PlanFinding {
		return v1alpha1.PlanFinding{Severity: "Error", Reason: reason, Message: message}
	}
	warningOf := func(reason, message string) v1alpha1.PlanFinding {
		return v1alpha1.PlanFinding{Severity: "Warning", Reason: reason, Message: message}
	}
	ours := map[string]string{"portolan.dev/environment": "production001", "portolan.dev/region": "dublin", "Name": "x"}
	theirs := map[string]string{"portolan.dev/environment": "production001", "portolan.dev/region": "london"}
	overlapping := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/24"), netip.MustParsePrefix("10.0.100.0/24")}

	for name, tc := range map[string]struct {
		change func(*Facts, *v1alpha1.Environment, *v1alpha1.Region)
		want   []v1alpha1.PlanFinding
	}{
		"not opted in": {
			change: func(f *Facts, _ *v1alpha1.Environment, _ *v1alpha1.Region) { f.OptedIn = false },
			want:   []v1alpha1.PlanFinding{errorOf("NotOptedIn", "account 111122223333 has not opted in to eu-west-1: enable the region in the account's settings")},
		},
		"nobody may read the opt-in": {
			change: func(f *Facts, _ *v1alpha1.Environment, _ *v1alpha1.Region) {
				f.OptedIn, f.Unchecked = false, []Unchecked{{What: LookOptIn, Why: "AccessDenied"}}
			},
			want: []v1alpha1.PlanFinding{warningOf("CheckFailed", "the account's opt-in could not be checked: AccessDenied")},
		},
		"another account": {
			change: func(f *Facts, _ *v1alpha1.Environment, _ *v1alpha1.Region) { f.Account = "444455556666" },
			want: []v1alpha1.PlanFinding{errorOf("WrongAccount", "ACK acts in account 444455556666 for namespace fleet and Environment production001 is account 111122223333: "+
				"correct the namespace's annotation services.k8s.aws/owner-account-id")},
		},
		"no account": {
			change: func(f *Facts, _ *v1alpha1.Environment, _ *v1alpha1.Region) { f.Account = "" },
		},

		"an instance type of another region": {
			change: func(f *Facts, _ *v1alpha1.Environment, _ *v1alpha1.Region) { delete(f.InstanceTypes, "c7a.4xlarge") },
			want: []v1alpha1.PlanFinding{errorOf("InstanceTypeNotOffered", "c7a.4xlarge of node group untrusted is offered in none of the region's zones "+
				"(eu-west-1a, eu-west-1b, eu-west-1c) and nowhere in eu-west-1: choose another instance type")},
		},
		"an instance type of another zone": {
			change: func(f *Facts, _ *v1alpha1.Environment, _ *v1alpha1.Region) {
				f.InstanceTypes["c7a.4xlarge"] = InstanceType{VCPUs: 16, Zones: []string{"eu-west-1d"}}
			},
			want: []v1alpha1.PlanFinding{errorOf("InstanceTypeNotOffered", "c7a.4xlarge of node group untrusted is offered in none of the region's zones "+
				"(eu-west-1a, eu-west-1b, eu-west-1c) and only in eu-west-1d: choose another instance type")},
		},
		"an instance type of some zones": {
			change: func(f *Facts, _ *v1alpha1.Environment, _ *v1alpha1.Region) {
				f.InstanceTypes["c7a.2xlarge"] = InstanceType{VCPUs: 8, Zones: []string{"eu-west-1b"}}
			},
			want: []v1alpha1.PlanFinding{warningOf("InstanceTypeNotOffered", "c7a.2xlarge of node group unkey is not offered in eu-west-1a, eu-west-1c: "+
				"nodes come up in the other zones only, unless the group lists a further type")},
		},

		"too few addresses": {
			change: func(f *Facts, _ *v1alpha1.Environment, _ *v1alpha1.Region) { f.quota(QuotaElasticIPs).Used = 4 },
			want:   []v1alpha1.PlanFinding{errorOf("QuotaTooLow", "Elastic IPs in eu-west-1: 3 needed, 5 allowed, 4 in use: ask for more (Service Quotas ec2 L-0263D0A3)")},
		},
		"no VPC left": {
			change: func(f *Facts, _ *v1alpha1.Environment, _ *v1alpha1.Region) { f.quota(QuotaVPCs).Used = 5 },
			want:   []v1alpha1.PlanFinding{errorOf("QuotaTooLow", "VPCs in eu-west-1: 1 needed, 5 allowed, 5 in use: ask for more (Service Quotas vpc L-F678F1CE)")},
		},
		"no cluster left": {
			change: func(f *Facts, _ *v1alpha1.Environment, _ *v1alpha1.Region) { f.quota(QuotaClusters).Used = 100 },
			want:   []v1alpha1.PlanFinding{errorOf("QuotaTooLow", "EKS clusters in eu-west-1: 1 needed, 100 allowed, 100 in use: ask for more (Service Quotas eks L-1194D53C)")},
		},
		"as many regions as a security group has rules for": {
			change: func(f *Facts, _ *v1alpha1.Environment, _ *v1alpha1.Region) { f.PeerAddresses = 26 },
		},
		"more regions than a security group has rules for": {
			change: func(f *Facts, _ *v1alpha1.Environment, _ *v1alpha1.Region) { f.PeerAddresses = 27 },
			want: []v1alpha1.PlanFinding{errorOf("QuotaTooLow", "Inbound rules per security group in eu-west-1: 62 needed, 60 allowed, 0 in use: "+
				"ask for more (Service Quotas vpc L-0EA8095F)")},
		},
		"no NAT gateways": {
			change: func(f *Facts, _ *v1alpha1.Environment, _ *v1alpha1.Region) { f.quota(QuotaNATGateways).Limit = 0 },
			want: []v1alpha1.PlanFinding{errorOf("QuotaTooLow", "NAT gateways per availability zone in eu-west-1: 1 needed, 0 allowed, 0 in use: "+
				"ask for more (Service Quotas vpc L-FE5A380F)")},
		},
		"too few vCPUs to begin with": { // 3 nodes of 8 and 1 of 16
			change: func(f *Facts, _ *v1alpha1.Environment, _ *v1alpha1.Region) { f.quota(QuotaVCPUs).Limit = 79 },
			want: []v1alpha1.PlanFinding{errorOf("QuotaTooLow", "Running On-Demand Standard vCPUs in eu-west-1: 40 needed, 79 allowed, 40 in use: "+
				"ask for more (Service Quotas ec2 L-1216C47A)")},
		},
		"too few vCPUs to grow": { // 10 nodes of 8 and 5 of 16
			change: func(f *Facts, _ *v1alpha1.Environment, _ *v1alpha1.Region) { f.quota(QuotaVCPUs).Limit = 199 },
			want: []v1alpha1.PlanFinding{warningOf("QuotaTooLow", "Running On-Demand Standard vCPUs in eu-west-1: 160 needed once every node group has grown to its max, "+
				"199 allowed, 40 in use: ask for more (Service Quotas ec2 L-1216C47A)")},
		},
		"a region that has what it needs": {
			change: func(f *Facts, _ *v1alpha1.Environment, r *v1alpha1.Region) {
				for i := range f.Quotas {
					f.Quotas[i].Used = f.Quotas[i].Limit
				}
				f.quota(QuotaVCPUs).Limit += 120 // from 40 to 160
				r.Status.Network = &v1alpha1.RegionNetwork{VPCID: "vpc-2", NATGatewayIDs: []string{"nat-1", "nat-2", "nat-3"}}
				r.Status.Cluster = &v1alpha1.RegionCluster{ARN: "arn:cluster", NodeGroups: []string{NodeGroupName(checkedGroups[0]), NodeGroupName(checkedGroups[1])}}
			},
		},
		"a region that has half of what it needs": {
			change: func(f *Facts, _ *v1alpha1.Environment, r *v1alpha1.Region) {
				f.quota(QuotaElasticIPs).Used = 5
				r.Status.Network = &v1alpha1.RegionNetwork{NATGatewayIDs: []string{"nat-1", "nat-2"}}
			},
			want: []v1alpha1.PlanFinding{errorOf("QuotaTooLow", "Elastic IPs in eu-west-1: 1 needed, 5 allowed, 5 in use: ask for more (Service Quotas ec2 L-0263D0A3)")},
		},

		"no hosted zone for a certificate": {
			change: func(f *Facts, _ *v1alpha1.Environment, _ *v1alpha1.Region) { delete(f.HostedZones, "aws.unkey.cloud") },
			want: []v1alpha1.PlanFinding{errorOf("HostedZoneMissing", "account 111122223333 has no public hosted zone aws.unkey.cloud, "+
				"in which the certificates for eu-west-1.aws.unkey.cloud are validated: create it")},
		},
		"no hosted zone for names": {
			change: func(f *Facts, _ *v1alpha1.Environment, _ *v1alpha1.Region) { delete(f.HostedZones, "unkey.com") },
			want: []v1alpha1.PlanFinding{warningOf("HostedZoneMissing", "account 111122223333 has no public hosted zone unkey.com: "+
				"create it, or, if another account has it, see that ExternalDNS may write there")},
		},

		"no secrets": {
			change: func(f *Facts, _ *v1alpha1.Environment, _ *v1alpha1.Region) {
				f.MissingSecrets = []string{"unkey/vector", "unkey/shared"}
			},
			want: []v1alpha1.PlanFinding{errorOf("SecretMissing", "Secrets Manager in us-east-1 does not have unkey/shared, unkey/vector: create them there, or remove them from profile base")},
		},
		"no listener": {
			change: func(f *Facts, _ *v1alpha1.Environment, _ *v1alpha1.Region) {
				f.MissingListeners = []string{"arn:b", "arn:a", "arn:b"}
			},
			want: []v1alpha1.PlanFinding{
				errorOf("ListenerMissing", "there is no Global Accelerator listener arn:a: create it, or correct listenerARN in the profile or in spec.globalAccelerator"),
				errorOf("ListenerMissing", "there is no Global Accelerator listener arn:b: create it, or correct listenerARN in the profile or in spec.globalAccelerator"),
			},
		},

		"another VPC": {
			change: func(f *Facts, _ *v1alpha1.Environment, _ *v1alpha1.Region) {
				f.Networks = []Network{{ID: "vpc-1", CIDRs: overlapping, Tags: theirs}}
			},
			want: []v1alpha1.PlanFinding{errorOf("CIDROverlap", "10.0.64.0/18 overlaps 10.0.100.0/24, held by vpc-1 of the account in eu-west-1: "+
				"add that to spec.network.reserved of Environment production001 and create the Region again with another block")},
		},
		"a peered VPC": {
			change: func(f *Facts, _ *v1alpha1.Environment, _ *v1alpha1.Region) {
				f.Networks = []Network{{ID: "vpc-9", PeeredWith: "vpc-1", CIDRs: overlapping}}
			},
			want: []v1alpha1.PlanFinding{errorOf("CIDROverlap", "10.0.64.0/18 overlaps 10.0.100.0/24, held by vpc-9, which is peered with vpc-1: "+
				"add that to spec.network.reserved of Environment production001 and create the Region again with another block")},
		},
		"our own VPC": {
			change: func(f *Facts, _ *v1alpha1.Environment, _ *v1alpha1.Region) {
				f.Networks = []Network{{ID: "vpc-1", CIDRs: []netip.Prefix{block}, Tags: ours}}
			},
		},

		"revisions without files": {
			change: func(f *Facts, _ *v1alpha1.Environment, _ *v1alpha1.Region) {
				f.MissingFiles = []RevisionFiles{
					{Application: "unkey-api", Revision: "1d9c307", Files: []string{"b.yaml", "a.yaml"}}, {Application: "core", Revision: "1d9c307", Files: []string{"c.yaml"}},
				}
			},
			want: []v1alpha1.PlanFinding{
				errorOf("RevisionLacksRegionConfig", "application core is pinned to 1d9c307, which does not have c.yaml: add it to the repository and promote a revision that has it"),
				errorOf("RevisionLacksRegionConfig", "application unkey-api is pinned to 1d9c307, which does not have a.yaml, b.yaml: add it to the repository and promote a revision that has it"),
			},
		},
		"revisions with files that are no YAML": {
			change: func(f *Facts, _ *v1alpha1.Environment, _ *v1alpha1.Region) {
				f.MissingFiles = []RevisionFiles{{Application: "z", Revision: "1d9c307", Files: []string{"z.yaml"}}}
				f.MalformedFiles = []RevisionFiles{
					{Application: "unkey-api", Revision: "1d9c307", Files: []string{"b.yaml, which is no YAML (line 2: why)", "a.yaml, which is no YAML (why)"}},
					{Application: "core", Revision: "1d9c307", Files: []string{"c.yaml, which is no YAML (line 3: why)"}},
				}
			},
			want: []v1alpha1.PlanFinding{
				errorOf("RevisionLacksRegionConfig", "application z is pinned to 1d9c307, which does not have z.yaml: add it to the repository and promote a revision that has it"),
				errorOf("RevisionLacksRegionConfig", "application core, pinned to 1d9c307, has c.yaml, which is no YAML (line 3: why): correct it in the repository and promote the revision that does"),
				errorOf("RevisionLacksRegionConfig", "application unkey-api, pinned to 1d9c307, has a.yaml, which is no YAML (why), b.yaml, which is no YAML (line 2: why): "+
					"correct it in the repository and promote the revision that does"),
			},
		},
		"errors before what could not be checked and other warnings": {
			change: func(f *Facts, _ *v1alpha1.Environment, _ *v1alpha1.Region) {
				f.OptedIn, f.HostedZones = false, map[string]HostedZone{"aws.unkey.cloud": {}}
				f.Unchecked = []Unchecked{{What: "quotas", Why: "AccessDenied"}, {What: "files", Why: "no route"}}
				f.MissingSecrets = []string{"x"}
			},
			want: []v1alpha1.PlanFinding{
				errorOf("NotOptedIn", "account 111122223333 has not opted in to eu-west-1: enable the region in the account's settings"),
				errorOf("SecretMissing", "Secrets Manager in us-east-1 does not have x: create them there, or remove them from profile base"),
				warningOf("HostedZoneMissing", "account 111122223333 has no public hosted zone unkey.com: create it, or, if another account has it, see that ExternalDNS may write there"),
				warningOf("CheckFailed", "files could not be checked: no route"),
				warningOf("CheckFailed", "quotas could not be checked: AccessDenied"),
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			p, env, region, facts := checked(g)
			tc.change(&facts, env, region)
			g.Expect(Check(p, env, region, facts)).To(Equal(tc.want))
		})
	}
}

func TestWhichInstancesCount(t *testing.T) {
	for name, tc := range map[string]struct {
		group v1alpha1.NodeGroup
		want  float64
	}{
		"on demand":           {v1alpha1.NodeGroup{Min: 2, Max: 2, InstanceTypes: []string{"m"}, CapacityType: "OnDemand"}, 8},
		"spot":                {v1alpha1.NodeGroup{Min: 2, Max: 2, InstanceTypes: []string{"m"}, CapacityType: "Spot"}, 0},
		"the largest of many": {v1alpha1.NodeGroup{Min: 1, Max: 1, InstanceTypes: []string{"m", "r", "t"}}, 32},
		"GPUs":                {v1alpha1.NodeGroup{Min: 1, Max: 1, InstanceTypes: []string{"g"}}, 0},
		"inference":           {v1alpha1.NodeGroup{Min: 1, Max: 1, InstanceTypes: []string{"inf"}}, 0},
		"storage":             {v1alpha1.NodeGroup{Min: 1, Max: 1, InstanceTypes: []string{"im"}}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			types := map[string]string{"m": "m7i.xlarge", "r": "r7a.8xlarge", "t": "t4g.medium", "g": "g5.xlarge", "inf": "inf2.xlarge", "im": "im4gn.large"}
			sizes := map[string]int32{"m": 4, "r": 32, "t": 2, "g": 4, "inf": 4, "im": 2}
			facts := Facts{InstanceTypes: map[string]InstanceType{}}
			for short, full := range types {
				facts.InstanceTypes[full] = InstanceType{VCPUs: sizes[short]}
			}
			for i, short := range tc.group.InstanceTypes {
				tc.group.InstanceTypes[i] = types[short]
			}
			begin, grown := checker{plan: &Plan{NodeGroups: []v1alpha1.NodeGroup{tc.group}}, region: baseRegion("dublin"), facts: facts}.vCPUs()
			g.Expect(begin).To(Equal(tc.want))
			g.Expect(grown).To(Equal(tc.want))
		})
	}
}

func TestFindingsAreBounded(t *testing.T) {
	g := NewWithT(t)
	p, env, region, facts := checked(g)
	for i := range 100 {
		facts.MissingListeners = append(facts.MissingListeners, fmt.Sprintf("arn:%03d", i))
	}
	facts.Unchecked = []Unchecked{{What: "quotas", Why: strings.Repeat("ü", 5000)}}
	all := Check(p, env, region, facts)
	g.Expect(all).To(HaveLen(64))
	g.Expect(all[62].Message).To(ContainSubstring("arn:062"))
	g.Expect(all[63]).To(Equal(v1alpha1.PlanFinding{
		Severity: "Error", Reason: "ListenerMissing", Message: "and 38 more findings: they are listed when some of these are put right",
	}))

	facts.MissingListeners = facts.MissingListeners[:63]
	all = Check(p, env, region, facts)
	g.Expect(all).To(HaveLen(64))
	g.Expect([]rune(all[63].Message)).To(HaveLen(1024))

	facts.MissingListeners, facts.MissingSecrets = nil, make([]string, 0, 64)
	for i := range 64 {
		facts.MissingSecrets = append(facts.MissingSecrets, fmt.Sprintf("secret-%02d", i))
	}
	g.Expect(Check(p, env, region, facts)[0].Message).To(ContainSubstring("secret-09 and 54 more: create them"))
}

func TestFindingsDoNotDependOnTheOrderOfFacts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := NewWithT(t)
		p, env, region, facts := checked(g)
		facts.quota(QuotaVPCs).Used = 5
		facts.MissingSecrets = []string{"a", "b", "c"}
		facts.MissingListeners = []string{"arn:a", "arn:b"}
		facts.MissingFiles = []RevisionFiles{{Application: "a", Files: []string{"x", "y"}}, {Application: "b", Files: []string{"z"}}}
		facts.MalformedFiles = []RevisionFiles{{Application: "a", Files: []string{"v", "w"}}, {Application: "b", Files: []string{"u"}}}
		facts.Unchecked = []Unchecked{{What: "a"}, {What: "b"}}
		facts.Networks = []Network{
			{ID: "vpc-1", CIDRs: []netip.Prefix{netip.MustParsePrefix("10.0.64.0/24"), netip.MustParsePrefix("10.0.65.0/24")}},
			{ID: "vpc-2", CIDRs: []netip.Prefix{block}},
		}
		want := Check(p, env, region, facts)
		g.Expect(want).To(HaveLen(13))

		facts.Quotas = rapid.Permutation(facts.Quotas).Draw(t, "quotas")
		facts.MissingSecrets = rapid.Permutation(facts.MissingSecrets).Draw(t, "secrets")
		facts.MissingListeners = rapid.Permutation(facts.MissingListeners).Draw(t, "listeners")
		facts.MissingFiles = rapid.Permutation(facts.MissingFiles).Draw(t, "files")
		facts.MissingFiles[0].Files = rapid.Permutation(facts.MissingFiles[0].Files).Draw(t, "file")
		facts.MalformedFiles = rapid.Permutation(facts.MalformedFiles).Draw(t, "malformed")
		facts.MalformedFiles[0].Files = rapid.Permutation(facts.MalformedFiles[0].Files).Draw(t, "broken")
		facts.Unchecked = rapid.Permutation(facts.Unchecked).Draw(t, "unchecked")
		facts.Networks = rapid.Permutation(facts.Networks).Draw(t, "networks")
		facts.Networks[0].CIDRs = rapid.Permutation(facts.Networks[0].CIDRs).Draw(t, "blocks")
		env.Spec.DNS.Zones = rapid.Permutation(env.Spec.DNS.Zones).Draw(t, "zones")
		g.Expect(Check(p, env, region, facts)).To(Equal(want))
	})
}
