package plan

import (
	"testing"

	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

func group(name string, smallest int32) v1alpha1.NodeGroup {
	return v1alpha1.NodeGroup{Name: name, Min: smallest, Max: 10, InstanceTypes: []string{"c7a.xlarge"}}
}

func withProfiles(profiles ...v1alpha1.Profile) *v1alpha1.Environment {
	env := network(nil)
	env.Spec.Profiles = profiles
	return env
}

// completeProfile is a profile that needs no other.
func completeProfile(name string) v1alpha1.Profile {
	return v1alpha1.Profile{Name: name, KubernetesVersion: "1.34", NodeGroups: []v1alpha1.NodeGroup{group("system", 2)}}
}

func TestProfileMergesWhatItExtends(t *testing.T) {
	g := NewWithT(t)
	base := v1alpha1.Profile{
		Name: "base", KubernetesVersion: "1.33",
		NodeGroups:   []v1alpha1.NodeGroup{group("system", 2), group("spare", 1)},
		Addons:       []v1alpha1.Addon{{Name: "vpc-cni", Version: "v1"}, {Name: "coredns"}},
		Applications: []v1alpha1.Application{{Name: "core"}},
		Secrets:      []string{"ring-key"},
	}
	api := v1alpha1.Profile{
		Name: "api", Extends: "base", KubernetesVersion: "1.34",
		NodeGroups:   []v1alpha1.NodeGroup{group("system", 3)},
		Applications: []v1alpha1.Application{{Name: "unkey-api"}, {Name: "core"}},
	}
	edge := v1alpha1.Profile{
		Name: "edge", Extends: "api",
		NodeGroups: []v1alpha1.NodeGroup{group("edge", 4)},
		Addons:     []v1alpha1.Addon{{Name: "vpc-cni", Version: "v2"}},
		Secrets:    []string{"tls", "ring-key"},
	}
	env := withProfiles(edge, base, api)
	env.Spec.Secrets = &v1alpha1.SecretSource{PrimaryRegion: "us-east-1"}

	merged, err := Profile(env, "edge")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(merged).To(Equal(v1alpha1.Profile{
		Name: "edge", KubernetesVersion: "1.34",
		NodeGroups:   []v1alpha1.NodeGroup{group("system", 3), group("spare", 1), group("edge", 4)},
		Addons:       []v1alpha1.Addon{{Name: "vpc-cni", Version: "v2"}, {Name: "coredns"}},
		Applications: []v1alpha1.Application{{Name: "core"}, {Name: "unkey-api"}},
		Secrets:      []string{"ring-key", "tls"},
	}))

	unchanged, err := Profile(env, "base")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(unchanged).To(Equal(base), "merging another profile must not change what it extends")
}

func TestProfileFindings(t *testing.T) {
	withSecrets := completeProfile("base")
	withSecrets.Secrets = []string{"ring-key"}
	nodeless := v1alpha1.Profile{Name: "base", KubernetesVersion: "1.34"}
	versionless := completeProfile("base")
	versionless.KubernetesVersion = ""

	for name, tc := range map[string]struct {
		profiles []v1alpha1.Profile
		ask      string
		want     types.GomegaMatcher
	}{
		"no such profile": {
			profiles: []v1alpha1.Profile{completeProfile("base"), completeProfile("deploy")}, ask: "edge",
			want: beFinding(v1alpha1.ReasonProfileNotFound, Equal("environment production001 has no profile edge; it has base, deploy")),
		},
		"extends one that is missing": {
			profiles: []v1alpha1.Profile{{Name: "a", Extends: "b"}, {Name: "b", Extends: "c"}}, ask: "a",
			want: beFinding(v1alpha1.ReasonInvalidProfile, Equal("profile b extends c, which environment production001 does not have")),
		},
		"a circle": {
			profiles: []v1alpha1.Profile{{Name: "a", Extends: "b"}, {Name: "b", Extends: "c"}, {Name: "c", Extends: "b"}}, ask: "a",
			want: beFinding(v1alpha1.ReasonInvalidProfile, HaveSuffix("a → b → c → b")),
		},
		"extends itself": {
			profiles: []v1alpha1.Profile{{Name: "a", Extends: "a"}}, ask: "a",
			want: beFinding(v1alpha1.ReasonInvalidProfile, HaveSuffix("a → a")),
		},
		"no version": {
			profiles: []v1alpha1.Profile{versionless}, ask: "base",
			want: beFinding(v1alpha1.ReasonInvalidProfile, ContainSubstring("profile base has no kubernetesVersion")),
		},
		"no node groups": {
			profiles: []v1alpha1.Profile{nodeless}, ask: "base",
			want: beFinding(v1alpha1.ReasonInvalidProfile, ContainSubstring("profile base has no nodeGroups")),
		},
		"secrets without a home": {
			profiles: []v1alpha1.Profile{withSecrets}, ask: "base",
			want: beFinding(v1alpha1.ReasonInvalidProfile, ContainSubstring("set spec.secrets.primaryRegion")),
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Profile(withProfiles(tc.profiles...), tc.ask)
			NewWithT(t).Expect(err).To(tc.want)
		})
	}
}

func TestCheckProfiles(t *testing.T) {
	part := v1alpha1.Profile{Name: "part", NodeGroups: []v1alpha1.NodeGroup{group("system", 2)}}
	for name, tc := range map[string]struct {
		profiles    []v1alpha1.Profile
		wantMessage types.GomegaMatcher
	}{
		"complete ones": {
			profiles: []v1alpha1.Profile{completeProfile("base"), {Name: "deploy", Extends: "base"}},
		},
		"a part that others complete": {
			profiles: []v1alpha1.Profile{part, {Name: "whole", Extends: "part", KubernetesVersion: "1.34"}},
		},
		"a part that nobody extends": {
			profiles:    []v1alpha1.Profile{part, completeProfile("base")},
			wantMessage: ContainSubstring("profile part has no kubernetesVersion"),
		},
		"a part that others do not complete": {
			profiles:    []v1alpha1.Profile{part, {Name: "whole", Extends: "part"}},
			wantMessage: ContainSubstring("profile whole has no kubernetesVersion"),
		},
		"one without nodes": {
			profiles:    []v1alpha1.Profile{completeProfile("base"), {Name: "empty", KubernetesVersion: "1.34"}},
			wantMessage: ContainSubstring("profile empty has no nodeGroups"),
		},
		"parts in a circle": {
			profiles:    []v1alpha1.Profile{{Name: "a", Extends: "b"}, {Name: "b", Extends: "a"}, completeProfile("base")},
			wantMessage: HaveSuffix("in a circle: a → b → a"),
		},
		"a part of nothing": {
			profiles:    []v1alpha1.Profile{{Name: "a", Extends: "missing"}, {Name: "b", Extends: "a", KubernetesVersion: "1.34"}},
			wantMessage: Equal("profile a extends missing, which environment production001 does not have"),
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			err := CheckProfiles(withProfiles(tc.profiles...))
			if tc.wantMessage == nil {
				g.Expect(err).NotTo(HaveOccurred())
				return
			}
			g.Expect(err).To(beFinding(v1alpha1.ReasonInvalidProfile, tc.wantMessage))
		})
	}
}
