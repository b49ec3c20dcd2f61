package plan

import (
	"testing"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

func TestCompareVersions(t *testing.T) {
	for name, tc := range map[string]struct {
		a, b string
		want types.GomegaMatcher
	}{
		"equal":               {"1.34", "1.34", BeZero()},
		"one behind":          {"1.34", "1.35", BeNumerically("<", 0)},
		"ahead":               {"1.36", "1.34", BeNumerically(">", 0)},
		"by number, not text": {"1.9", "1.34", BeNumerically("<", 0)},
		"with a patch":        {"1.34.7", "1.34", BeZero()},
		"none comes first":    {"", "1.2", BeNumerically("<", 0)},
		"nonsense like none":  {"latest", "", BeZero()},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(CompareVersions(tc.a, tc.b)).To(tc.want)
			g.Expect(CompareVersions(tc.b, tc.a)).To(Equal(-CompareVersions(tc.a, tc.b)))
		})
	}
}

func TestNextMinor(t *testing.T) {
	for version, want := range map[string]string{"1.34": "1.35", "1.9": "1.10", "1.99": "1.100", "1.34.7": "1.35"} {
		t.Run(version, func(t *testing.T) {
			g := NewWithT(t)
			g.Expect(NextMinor(version)).To(Equal(want))
			g.Expect(CompareVersions(version, NextMinor(version))).To(BeNumerically("<", 0))
		})
	}
}

func TestVersionsOfAddons(t *testing.T) {
	offered := []AddonVersion{{Version: "v4"}, {Version: "v3", Default: true}, {Version: "v2"}, {Version: "v1"}}
	for name, tc := range map[string]struct {
		facts map[string][]AddonVersion
		addon Addon
		want  []string // the findings' messages
	}{
		"nobody asked EKS":            {addon: Addon{Name: "vpc-cni", Version: "v9"}},
		"EKS chooses":                 {facts: map[string][]AddonVersion{"vpc-cni": offered}, addon: Addon{Name: "vpc-cni"}},
		"a version that is there":     {facts: map[string][]AddonVersion{"vpc-cni": offered}, addon: Addon{Name: "vpc-cni", Version: "v1"}},
		"another add-on's is no help": {facts: map[string][]AddonVersion{"coredns": offered}, addon: Addon{Name: "vpc-cni", Version: "v1"}, want: []string{"EKS offers no add-on vpc-cni for Kubernetes 1.34 in eu-west-1: correct the name or the version, or remove it from profile base"}},
		"a version that is not there": {
			facts: map[string][]AddonVersion{"vpc-cni": offered}, addon: Addon{Name: "vpc-cni", Version: "v9"},
			want: []string{"add-on vpc-cni has no version v9 for Kubernetes 1.34: leave the version out, or choose one of v4, v3, v2"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			region := &v1alpha1.Region{}
			region.Spec.AWSRegion = "eu-west-1"
			profile := v1alpha1.Profile{Name: "base", KubernetesVersion: "1.34"}
			c := checker{plan: &Plan{Profile: profile, Addons: []Addon{tc.addon}}, region: region, facts: Facts{AddonVersions: tc.facts}}
			var messages []string
			for _, f := range c.addonVersions() {
				g.Expect(f.Reason).To(Equal(v1alpha1.ReasonAddonVersionIncompatible))
				messages = append(messages, f.Message)
			}
			g.Expect(messages).To(Equal(tc.want))
		})
	}
}
