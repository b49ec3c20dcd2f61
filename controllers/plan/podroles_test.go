package plan

import (
	"encoding/json"
	"fmt"

	"slices"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	"pgregory.net/rapid"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// planWith is a plan of the cluster production001-dublin with pod identities.
func planWith(identities ...v1alpha1.PodIdentity) (*Plan, *v1alpha1.Environment) {
	env := withZones("aws.unkey.cloud", "production001.aws.unkey.com")
	env.Spec.AWS.AccountID = "111122223333"
	env.Spec.Secrets = &v1alpha1.SecretSource{PrimaryRegion: "us-east-1"}
	profile := completeProfile("base")
	profile.PodIdentities = identities
	profile.Secrets = []string{"unkey/shared", "unkey/vector"}
	return &Plan{Profile: profile, Cluster: "production001-dublin"}, env
}

func identity(namespace, account string, policies ...v1alpha1.PodPolicy) v1alpha1.PodIdentity {
	return v1alpha1.PodIdentity{Namespace: namespace, ServiceAccount: account, Policies: policies}
}

const ebsARN = "arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy"

func TestPodRoles(t *testing.T) {
	for name, tc := range map[string]struct {
		identity v1alpha1.PodIdentity
		want     PodRole
	}{
		"AWS's own policy": {
			identity: identity("kube-system", "ebs-csi-controller-sa", v1alpha1.PodPolicyEBSCSIDriver),
			want: PodRole{
				Suffix: "pod-kube-system-ebs-csi-controller-sa", Namespace: "kube-system", ServiceAccount: "ebs-csi-controller-sa",
				PolicyARNs: []string{ebsARN}, Inline: map[string]string{},
			},
		},
		"managed policies, each once": {
			identity: v1alpha1.PodIdentity{
				Namespace: "a", ServiceAccount: "b", Policies: []v1alpha1.PodPolicy{v1alpha1.PodPolicyEBSCSIDriver},
				PolicyARNs: []string{"arn:aws:iam::111122223333:policy/x", ebsARN},
			},
			want: PodRole{
				Suffix: "pod-a-b", Namespace: "a", ServiceAccount: "b",
				PolicyARNs: []string{ebsARN, "arn:aws:iam::111122223333:policy/x"}, Inline: map[string]string{},
			},
		},
		"a policy of its own": {
			identity: v1alpha1.PodIdentity{
				Namespace: "observability", ServiceAccount: "thanos",
				InlinePolicy: `{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*",
					"Resource": "arn:aws:s3:::{{ .environment }}-{{ .region }}-{{ .account }}-{{ .cluster }}/${aws:PrincipalTag/x}"}]}`,
			},
			want: PodRole{
				Suffix: "pod-observability-thanos", Namespace: "observability", ServiceAccount: "thanos",
				Inline: map[string]string{"profile": `{"Statement":[{"Action":"s3:*","Effect":"Allow",` +
					`"Resource":"arn:aws:s3:::production001-eu-west-1-111122223333-production001-dublin/${aws:PrincipalTag/x}"}],"Version":"2012-10-17"}`},
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			p, env := planWith(tc.identity)
			roles, err := p.podRoles(env, baseRegion("dublin"))
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(roles).To(Equal([]PodRole{tc.want}))
		})
	}
}

func TestPodIdentitiesThatAreRefused(t *testing.T) {
	own := func(policy string) v1alpha1.PodIdentity {
		return v1alpha1.PodIdentity{Namespace: "a", ServiceAccount: "b", InlinePolicy: policy}
	}
	for name, tc := range map[string]struct {
		identity    v1alpha1.PodIdentity
		change      func(*Plan, *v1alpha1.Environment)
		wantFinding types.GomegaMatcher
	}{
		"ExternalDNS without zones": {
			identity:    identity("a", "b", v1alpha1.PodPolicyExternalDNS),
			change:      func(_ *Plan, env *v1alpha1.Environment) { env.Spec.DNS.Zones = nil },
			wantFinding: beFinding(v1alpha1.ReasonInvalidProfile, ContainSubstring("add one to spec.dns.zones of Environment production001")),
		},
		"ExternalSecrets without secrets": {
			identity:    identity("a", "b", v1alpha1.PodPolicyExternalSecrets),
			change:      func(p *Plan, _ *v1alpha1.Environment) { p.Profile.Secrets = nil },
			wantFinding: beFinding(v1alpha1.ReasonInvalidProfile, ContainSubstring("no secrets that it could allow")),
		},
		"a policy of a later version": {
			identity:    identity("a", "b", "Karpenter"),
			wantFinding: beFinding(v1alpha1.ReasonInvalidProfile, ContainSubstring("the policy Karpenter, which Portolan does not know")),
		},
		"no JSON":      {identity: own("Allow"), wantFinding: beFinding(v1alpha1.ReasonInvalidProfile, ContainSubstring("the inlinePolicy of pod identity a/b of profile base is not a JSON object"))},
		"no statement": {identity: own("{}"), wantFinding: beFinding(v1alpha1.ReasonInvalidProfile, HaveSuffix("has no Statement"))},
		"an unknown key": {
			identity:    own(`{"Statement":"{{ .vpcID }}"}`),
			wantFinding: beFinding(v1alpha1.ReasonInvalidTemplate, ContainSubstring("unknown key .vpcID: it may hold {{ .account }}, {{ .cluster }}, {{ .environment }}, {{ .region }}")),
		},
		"more than IAM takes": {
			identity: v1alpha1.PodIdentity{
				Namespace: "a", ServiceAccount: "b", Policies: []v1alpha1.PodPolicy{v1alpha1.PodPolicyLoadBalancerController},
				InlinePolicy: `{"Statement":"` + strings.Repeat("x", 10000) + `"}`,
			},
			wantFinding: beFinding(v1alpha1.ReasonInvalidProfile, ContainSubstring("characters and IAM allows 10240")),
		},
	} {
		t.Run(name, func(t *testing.T) {
			p, env := planWith(tc.identity)
			if tc.change != nil {
				tc.change(p, env)
			}
			_, err := p.podRoles(env, baseRegion("dublin"))
			NewWithT(t).Expect(err).To(tc.wantFinding)
		})
	}
}

func TestNamesOfPodRoles(t *testing.T) {
	g := NewWithT(t)
	p, env := planWith(
		identity("a-b", "c", v1alpha1.PodPolicyEBSCSIDriver), identity("a", "b-c", v1alpha1.PodPolicyEBSCSIDriver),
		identity("external-secrets-system", "external-secrets-operator-controller", v1alpha1.PodPolicyEBSCSIDriver),
	)
	roles, err := p.podRoles(env, baseRegion("dublin"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(roles[0].Suffix).To(Equal("pod-a-b-c"))
	g.Expect(roles[1].Suffix).To(Equal("pod-a-b-c-" + hash("a/b-c", 8)))
	g.Expect(roles[2].Suffix).To(Equal("pod-external-secrets-system-externa"[:34] + "-" + hash("external-secrets-system/external-secrets-operator-controller", 8)))
	g.Expect(p.Name(roles[2].Suffix)).To(HaveLen(64))
}

func TestNamesOfPodRolesAreShortAndUnique(t *testing.T) {
	part := rapid.StringMatching(`[ab]([ab-]{0,60}[ab])?`)
	rapid.Check(t, func(t *rapid.T) {
		p := &Plan{Cluster: strings.Repeat("c", rapid.IntRange(3, maxPodRoleName).Draw(t, "cluster"))}
		var roles []PodRole
		for _, id := range rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) string {
			return part.Draw(t, "namespace") + "/" + part.Draw(t, "account")
		}), 1, 8, rapid.ID).Draw(t, "identities") {
			namespace, account, _ := strings.Cut(id, "/")
			suffix := p.podSuffix(identity(namespace, account), roles)
			if name := p.Name(suffix); len(name) > 64 || !domainLabels.MatchString(suffix) {
				t.Fatalf("%q is no name of a role", name)
			}
			if slices.ContainsFunc(roles, func(r PodRole) bool { return r.Suffix == suffix }) {
				t.Fatalf("%q is there twice", suffix)
			}
			roles = append(roles, PodRole{Suffix: suffix})
		}
	})
}

func TestClustersWithPodIdentitiesLeaveRoomForTheirRoles(t *testing.T) {
	env := planned(3, "")
	env.Spec.Profiles[0].Addons = []v1alpha1.Addon{{Name: "eks-pod-identity-agent"}}
	env.Spec.Profiles[0].PodIdentities = []v1alpha1.PodIdentity{identity("kube-system", "ebs-csi-controller-sa", v1alpha1.PodPolicyEBSCSIDriver)}
	room := 51 - len("production001-")
	for length, want := range map[int]types.GomegaMatcher{
		room:     BeNil(),
		room + 1: beFinding(v1alpha1.ReasonNameTooLong, ContainSubstring("longer than 51 characters")),
	} {
		t.Run(fmt.Sprint(length), func(t *testing.T) {
			g := NewWithT(t)
			p, err := For(env, baseRegion(strings.Repeat("n", length)), block, threeZones)
			g.Expect(err).To(want)
			if err == nil {
				g.Expect(p.Name(p.PodRoles[0].Suffix)).To(HaveLen(64))
			}
		})
	}
}

// policyOf renders one policy that Portolan knows and reads it back.
func policyOf(g Gomega, name v1alpha1.PodPolicy, awsRegion v1alpha1.AWSRegion, kmsKey string) policyDocument {
	p, env := planWith(identity("a", "b", name))
	env.Spec.Secrets.KMSKeyID = kmsKey
	region := baseRegion("dublin")
	region.Spec.AWSRegion = awsRegion
	roles, err := p.podRoles(env, region)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(roles[0].PolicyARNs).To(BeEmpty())
	g.Expect(roles[0].Inline).To(HaveLen(1))
	document := policyDocument{}
	g.Expect(json.Unmarshal([]byte(roles[0].Inline[string(name)]), &document)).To(Succeed())
	g.Expect(document.Version).To(Equal("2012-10-17"))
	return document
}

func TestExternalDNSChangesTheZonesOnly(t *testing.T) {
	g := NewWithT(t)
	g.Expect(policyOf(g, v1alpha1.PodPolicyExternalDNS, "eu-west-1", "").Statement).To(Equal([]statement{
		allow([]string{"route53:ChangeResourceRecordSets"}, []string{"arn:aws:route53:::hostedzone/*"}, conditions{
			"ForAllValues:StringLike": {"route53:ChangeResourceRecordSetsNormalizedRecordNames": {
				"*.aws.unkey.cloud", "aws.unkey.cloud", "*.production001.aws.unkey.com", "production001.aws.unkey.com",
			}},
		}),
		allow([]string{"route53:ListResourceRecordSets", "route53:ListTagsForResources"}, []string{"arn:aws:route53:::hostedzone/*"}, nil),
		allow([]string{"route53:ListHostedZones"}, []string{"*"}, nil),
	}))
}

func TestExternalSecretsReadsTheProfilesSecretsOnly(t *testing.T) {
	read := func(partition, region string) statement {
		return allow([]string{"secretsmanager:DescribeSecret", "secretsmanager:GetSecretValue", "secretsmanager:ListSecretVersionIds"}, []string{
			"arn:" + partition + ":secretsmanager:" + region + ":111122223333:secret:unkey/shared-??????",
			"arn:" + partition + ":secretsmanager:" + region + ":111122223333:secret:unkey/vector-??????",
		}, nil)
	}
	via := func(region string) conditions {
		return conditions{"StringEquals": {"kms:ViaService": {"secretsmanager." + region}}}
	}
	byAlias := via("eu-west-1.amazonaws.com")
	byAlias["ForAnyValue:StringEquals"] = map[string][]string{"kms:ResourceAliases": {"alias/unkey"}}
	decrypt := []string{"kms:Decrypt"}
	for name, tc := range map[string]struct {
		region v1alpha1.AWSRegion
		key    string
		want   []statement
	}{
		"with AWS's own key": {region: "eu-west-1", want: []statement{read("aws", "eu-west-1")}},
		"with a key": {
			region: "eu-west-1", key: "arn:aws:kms:eu-west-1:444455556666:key/1234",
			want: []statement{read("aws", "eu-west-1"), allow(decrypt, []string{"arn:aws:kms:eu-west-1:444455556666:key/1234"}, via("eu-west-1.amazonaws.com"))},
		},
		"with a multi-Region key": {
			region: "eu-west-1", key: "arn:aws:kms:us-east-1:111122223333:key/mrk-1234",
			want: []statement{read("aws", "eu-west-1"), allow(decrypt, []string{"arn:aws:kms:eu-west-1:111122223333:key/mrk-1234"}, via("eu-west-1.amazonaws.com"))},
		},
		"with a multi-Region key of another account": {
			region: "eu-west-1", key: "arn:aws:kms:us-east-1:444455556666:key/mrk-1234",
			want: []statement{read("aws", "eu-west-1"), allow(decrypt, []string{"arn:aws:kms:eu-west-1:444455556666:key/mrk-1234"}, via("eu-west-1.amazonaws.com"))},
		},
		"with the ID of a key": {
			region: "eu-west-1", key: "1234",
			want: []statement{read("aws", "eu-west-1"), allow(decrypt, []string{"arn:aws:kms:eu-west-1:111122223333:key/1234"}, via("eu-west-1.amazonaws.com"))},
		},
		"with an alias": {
			region: "eu-west-1", key: "alias/unkey",
			want: []statement{read("aws", "eu-west-1"), allow(decrypt, []string{"arn:aws:kms:eu-west-1:111122223333:key/*"}, byAlias)},
		},
		"with the ARN of an alias": {
			region: "eu-west-1", key: "arn:aws:kms:eu-west-1:111122223333:alias/unkey",
			want: []statement{read("aws", "eu-west-1"), allow(decrypt, []string{"arn:aws:kms:eu-west-1:111122223333:key/*"}, byAlias)},
		},
		"in China": {
			region: "cn-north-1", key: "1234",
			want: []statement{read("aws-cn", "cn-north-1"), allow(decrypt, []string{"arn:aws-cn:kms:cn-north-1:111122223333:key/1234"}, via("cn-north-1.amazonaws.com.cn"))},
		},
		"in GovCloud": {region: "us-gov-west-1", want: []statement{read("aws-us-gov", "us-gov-west-1")}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(policyOf(g, v1alpha1.PodPolicyExternalSecrets, tc.region, tc.key).Statement).To(Equal(tc.want))
		})
	}
}

// readOnly actions may hold for everything.
func readOnly(action string) bool {
	_, verb, _ := strings.Cut(action, ":")
	return strings.HasPrefix(verb, "Describe") || strings.HasPrefix(verb, "Get") || strings.HasPrefix(verb, "List")
}

func TestTheLoadBalancerControllerChangesWhatIsTheClustersOnly(t *testing.T) {
	g := NewWithT(t)
	unconditional := map[string]bool{}
	for _, s := range policyOf(g, v1alpha1.PodPolicyLoadBalancerController, "cn-north-1", "").Statement {
		g.Expect(slices.IsSorted(s.Action)).To(BeTrue(), "%v", s.Action)
		for _, r := range s.Resource {
			g.Expect(r).To(Or(Equal("*"), HavePrefix("arn:aws-cn:ec2:cn-north-1:111122223333:"), HavePrefix("arn:aws-cn:elasticloadbalancing:cn-north-1:111122223333:")))
		}
		for _, values := range s.Condition {
			for key, v := range values {
				if strings.Contains(key, "k8s.aws/cluster") {
					g.Expect(v).To(Equal([]string{"production001-dublin"}), "no other cluster's")
				}
			}
		}
		for _, action := range s.Action {
			if len(s.Condition) == 0 && !readOnly(action) {
				unconditional[action] = true
			}
		}
	}
	g.Expect(sortedKeys(unconditional)).To(Equal([]string{
		"ec2:CreateSecurityGroup", // in a VPC; the group itself has to carry the tag
		"elasticloadbalancing:AddListenerCertificates", "elasticloadbalancing:AddTags", "elasticloadbalancing:CreateListener", "elasticloadbalancing:CreateRule",
		"elasticloadbalancing:DeleteListener", "elasticloadbalancing:DeleteRule", "elasticloadbalancing:ModifyListener", "elasticloadbalancing:ModifyListenerAttributes",
		"elasticloadbalancing:ModifyRule", "elasticloadbalancing:RemoveListenerCertificates", "elasticloadbalancing:RemoveTags",
		"elasticloadbalancing:SetRulePriorities", "elasticloadbalancing:SetWebAcl",
		"shield:CreateProtection", "shield:DeleteProtection", "waf-regional:AssociateWebACL", "waf-regional:DisassociateWebACL",
		"wafv2:AssociateWebACL", "wafv2:DisassociateWebACL",
	}))
}

func TestNoPolicyOfPortolansIsTooLargeOrAllowsEverything(t *testing.T) {
	for _, name := range []v1alpha1.PodPolicy{v1alpha1.PodPolicyExternalDNS, v1alpha1.PodPolicyExternalSecrets, v1alpha1.PodPolicyLoadBalancerController} {
		t.Run(string(name), func(t *testing.T) {
			g := NewWithT(t)
			p, env := planWith(identity("a", "b", name))
			roles, err := p.podRoles(env, baseRegion("dublin"))
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(len(roles[0].Inline[string(name)])).To(BeNumerically("<", maxInline*3/4), "there is room for another")
			for _, s := range policyOf(g, name, "eu-west-1", "").Statement {
				g.Expect(s.Effect).To(Equal("Allow"))
				for _, a := range s.Action {
					g.Expect(a).NotTo(ContainSubstring("*"))
				}
			}
		})
	}
}

func TestPartition(t *testing.T) {
	for region, want := range map[v1alpha1.AWSRegion]string{
		"eu-west-1": "aws", "us-east-1": "aws", "us-gov-east-1": "aws-us-gov", "us-gov-west-1": "aws-us-gov", "cn-north-1": "aws-cn", "cn-northwest-1": "aws-cn",
	} {
		NewWithT(t).Expect(Partition(region)).To(Equal(want))
	}
}

func TestTheEBSPolicyIsOfThePartition(t *testing.T) {
	g := NewWithT(t)
	p, env := planWith(identity("a", "b", v1alpha1.PodPolicyEBSCSIDriver))
	region := baseRegion("dublin")
	region.Spec.AWSRegion = "us-gov-west-1"
	roles, err := p.podRoles(env, region)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(roles[0].PolicyARNs).To(Equal([]string{"arn:aws-us-gov:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy"}))
}
