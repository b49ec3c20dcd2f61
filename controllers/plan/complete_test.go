package plan

import (
	"testing"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

func TestProfileMergesInfrastructure(t *testing.T) {
	g := NewWithT(t)
	base := completeProfile("base")
	base.ControlPlane = &v1alpha1.ControlPlane{Logging: []v1alpha1.LogType{"api"}, DeletionProtection: true}
	base.Addons = []v1alpha1.Addon{{Name: "eks-pod-identity-agent"}}
	base.PodIdentities = []v1alpha1.PodIdentity{identity("kube-system", "sa", "ExternalDNS"), identity("kube-system", "other", "EBSCSIDriver")}
	base.Buckets = []v1alpha1.Bucket{{Name: "logs-{{ .region }}"}}
	base.Certificates = []v1alpha1.Certificate{{Domain: "{{ .region }}.aws.unkey.cloud"}}
	base.Bootstrap = []v1alpha1.BootstrapItem{{Name: "crds"}, {Name: "controller"}}
	base.GlobalTraffic = []v1alpha1.GlobalTraffic{{Name: "frontline", HealthCheckPort: 80}}
	deploy := v1alpha1.Profile{
		Name: "deploy", Extends: "base",
		ControlPlane:  &v1alpha1.ControlPlane{Logging: []v1alpha1.LogType{"audit"}},
		PodIdentities: []v1alpha1.PodIdentity{identity("kube-system", "sa", "EBSCSIDriver"), identity("networking", "sa", "ExternalDNS")},
		Buckets:       []v1alpha1.Bucket{{Name: "logs-{{ .region }}"}, {Name: "traces-{{ .region }}"}},
		Certificates:  []v1alpha1.Certificate{{Domain: "{{ .region }}.aws.unkey.cloud", AlternativeNames: []string{"*.{{ .region }}.aws.unkey.cloud"}}},
		Bootstrap:     []v1alpha1.BootstrapItem{{Name: "argocd"}, {Name: "crds", Helm: &v1alpha1.HelmChart{Chart: "crds"}}},
		GlobalTraffic: []v1alpha1.GlobalTraffic{{Name: "frontline", HealthCheckPort: 443}},
	}
	plain := v1alpha1.Profile{Name: "plain", Extends: "base"}
	env := withZones("aws.unkey.cloud")
	env.Spec.Profiles = []v1alpha1.Profile{base, deploy, plain}
	env.Spec.GlobalAccelerator = &v1alpha1.GlobalAccelerator{ListenerARN: "arn:listener"}

	merged, err := Profile(env, "deploy")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(merged.ControlPlane).To(Equal(deploy.ControlPlane), "one block, not a mixture")
	g.Expect(merged.PodIdentities).To(Equal([]v1alpha1.PodIdentity{deploy.PodIdentities[0], base.PodIdentities[1], deploy.PodIdentities[1]}))
	g.Expect(merged.Buckets).To(Equal(deploy.Buckets))
	g.Expect(merged.Certificates).To(Equal(deploy.Certificates))
	g.Expect(merged.Bootstrap).To(Equal([]v1alpha1.BootstrapItem{deploy.Bootstrap[1], base.Bootstrap[1], deploy.Bootstrap[0]}), "in the order of the extended profile")
	g.Expect(merged.GlobalTraffic).To(Equal(deploy.GlobalTraffic))

	kept, err := Profile(env, "plain")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(kept.ControlPlane).To(Equal(base.ControlPlane))
	g.Expect(kept.PodIdentities).To(Equal(base.PodIdentities))
	g.Expect(CheckProfiles(env)).To(Succeed())
}

// What the plan of any region would refuse is found before there is a region.
func TestProfilesThatNoRegionCouldHave(t *testing.T) {
	for name, tc := range map[string]struct {
		change func(*v1alpha1.Profile)
		want   types.GomegaMatcher
	}{
		"pod identities without their agent": {
			change: func(p *v1alpha1.Profile) {
				p.PodIdentities = []v1alpha1.PodIdentity{identity("kube-system", "sa", "EBSCSIDriver")}
			},
			want: beFinding(v1alpha1.ReasonInvalidProfile, And(ContainSubstring("no credentials without the add-on eks-pod-identity-agent"), HaveSuffix("add it to the profile's addons"))),
		},
		"a certificate outside of the zones": {
			change: func(p *v1alpha1.Profile) { p.Certificates = []v1alpha1.Certificate{{Domain: "example.com"}} },
			want:   beFinding(v1alpha1.ReasonInvalidProfile, ContainSubstring("add its zone to spec.dns.zones")),
		},
		"traffic without a listener": {
			change: func(p *v1alpha1.Profile) { p.GlobalTraffic = []v1alpha1.GlobalTraffic{{Name: "frontline"}} },
			want:   beFinding(v1alpha1.ReasonInvalidProfile, ContainSubstring("has no listener")),
		},
		"an add-on with a broken configuration": {
			change: func(p *v1alpha1.Profile) { p.Addons = []v1alpha1.Addon{{Name: "coredns", Configuration: "{"}} },
			want:   beFinding(v1alpha1.ReasonInvalidProfile, ContainSubstring("the configuration of add-on coredns")),
		},
		"a bucket with an unknown key": {
			change: func(p *v1alpha1.Profile) { p.Buckets = []v1alpha1.Bucket{{Name: "x-{{ .name }}"}} },
			want:   beFinding(v1alpha1.ReasonInvalidTemplate, ContainSubstring("unknown key .name")),
		},
		"a group that begins too large": {
			change: func(p *v1alpha1.Profile) { p.NodeGroups[0].Desired = new(int32(11)) },
			want:   beFinding(v1alpha1.ReasonInvalidProfile, ContainSubstring("begin with 11 nodes")),
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			profile := completeProfile("base")
			tc.change(&profile)
			env := withZones("aws.unkey.cloud")
			env.Spec.Profiles = []v1alpha1.Profile{profile}
			_, err := Profile(env, "base")
			g.Expect(err).To(tc.want)
			g.Expect(CheckProfiles(env)).To(tc.want)
			p, err := For(env, baseRegion("dublin"), block, threeZones)
			g.Expect(err).To(tc.want)
			g.Expect(p).To(BeNil(), "half a plan would be built")
		})
	}
}

// An example region's names fit where a real one's do not.
func TestWhatOnlyOneRegionCannotHave(t *testing.T) {
	env := planned(3, "")
	env.Spec.Profiles[0].Buckets = []v1alpha1.Bucket{{Name: "{{ .environment }}-{{ .region }}-observability-and-long-term-metrics"}}
	region := baseRegion("singapore")
	region.Spec.AWSRegion = "ap-southeast-1"
	g := NewWithT(t)
	g.Expect(CheckProfiles(env)).To(Succeed())
	p, err := For(env, region, block, threeZones)
	g.Expect(err).To(beFinding(v1alpha1.ReasonInvalidTemplate, ContainSubstring("3 to 63 characters")))
	g.Expect(p).To(BeNil())
}
