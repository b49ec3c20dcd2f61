package plan

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// someProfiles draws a base, one that extends it and one that stands alone.
func someProfiles(t *rapid.T) []v1alpha1.Profile {
	names := rapid.SliceOfDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d"}), rapid.ID)
	draw := func(name string) v1alpha1.Profile {
		p := completeProfile(name)
		for _, n := range names.Draw(t, name+" groups") {
			p.NodeGroups = append(p.NodeGroups, group(n, rapid.Int32Range(1, 5).Draw(t, "min")))
		}
		for _, n := range names.Draw(t, name+" applications") {
			p.Applications = append(p.Applications, v1alpha1.Application{Name: n})
		}
		p.Secrets = names.Draw(t, name+" secrets")
		if rapid.Bool().Draw(t, "control plane") {
			p.ControlPlane = &v1alpha1.ControlPlane{Logging: []v1alpha1.LogType{"api"}}
		}
		return p
	}
	edge := draw("edge")
	edge.Extends = "base"
	return []v1alpha1.Profile{draw("base"), edge, draw("alone")}
}

func someTags[V ~string](t *rapid.T, label string) map[string]V {
	return rapid.MapOfN(rapid.SampledFrom([]string{"team", "cost", "tier"}), rapid.SampledFrom([]V{"x", "y"}), 0, 3).Draw(t, label)
}

// someEnvironment draws everything that a revision is made of.
func someEnvironment(t *rapid.T) *v1alpha1.Environment {
	env := withProfiles(someProfiles(t)...)
	env.Spec.AWS.AccountID = "111122223333"
	env.Spec.AWS.Tags = someTags[string](t, "tags")
	env.Spec.ArgoCD.ClusterLabels = someTags[v1alpha1.LabelValue](t, "cluster labels")
	env.Spec.ArgoCD.RoleARN = rapid.SampledFrom([]string{"", "arn:aws:iam::111122223333:role/argocd"}).Draw(t, "argocd role")
	env.Spec.Network.NATGateways = rapid.SampledFrom([]v1alpha1.NATGatewayMode{
		v1alpha1.NATGatewaysPerZone, v1alpha1.NATGatewaysSingle, v1alpha1.NATGatewaysNone,
	}).Draw(t, "nat")
	env.Spec.Secrets = &v1alpha1.SecretSource{PrimaryRegion: v1alpha1.AWSRegion(rapid.SampledFrom(awsRegions).Draw(t, "primary"))}
	if rapid.Bool().Draw(t, "gossip") {
		env.Spec.Network.Gossip = &v1alpha1.GossipIngress{Port: 7947, AllowFrom: []v1alpha1.CIDR{"0.0.0.0/0"}}
	}
	if rapid.Bool().Draw(t, "accelerator") {
		env.Spec.GlobalAccelerator = &v1alpha1.GlobalAccelerator{ListenerARN: "arn:aws:globalaccelerator::1:accelerator/a/listener/b"}
	}
	return env
}

func someProfileName(t *rapid.T) string {
	return rapid.SampledFrom([]string{"base", "edge", "alone"}).Draw(t, "profile")
}

func revisionFor(g Gomega, env *v1alpha1.Environment, profile string) *ProfileRevision {
	rev, err := ProfileRevisionOf(env, profile)
	g.Expect(err).NotTo(HaveOccurred())
	return rev
}

func TestARevisionOntoAnyEnvironmentIsItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := NewWithT(t)
		rev := revisionFor(g, someEnvironment(t), someProfileName(t))
		live := someEnvironment(t)
		before := live.DeepCopy()

		as := rev.Onto(live)
		again := revisionFor(g, as, rev.Profile.Name)
		g.Expect(again).To(Equal(rev))
		g.Expect(again.Name()).To(Equal(rev.Name()))
		g.Expect(as.Spec.Profiles).To(HaveLen(1))
		g.Expect(live).To(Equal(before), "the Environment itself is not touched")
	})
}

func TestARevisionSurvivesItsRecord(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := NewWithT(t)
		rev := revisionFor(g, someEnvironment(t), someProfileName(t))
		text, err := json.Marshal(rev)
		g.Expect(err).NotTo(HaveOccurred())
		read := &ProfileRevision{}
		g.Expect(json.Unmarshal(text, read)).To(Succeed())
		g.Expect(read.Name()).To(Equal(rev.Name()))
		g.Expect(read.Profile).To(Equal(rev.Profile))
	})
}

func TestARevisionSharesNothingWithItsEnvironment(t *testing.T) {
	g := NewWithT(t)
	env := environmentOf(g, "testdata/environment.yaml")
	rev := revisionFor(g, env, "deploy")
	name := rev.Name()

	as := rev.Onto(env)
	for _, e := range []*v1alpha1.Environment{env, as} {
		e.Spec.AWS.Tags["Team"] = "other"
		e.Spec.Network.Gossip.AllowFrom[0] = "10.0.0.0/8"
		e.Spec.GlobalAccelerator.ListenerARN = "other"
		e.Spec.Secrets.PrimaryRegion = "eu-west-1"
		for i := range e.Spec.Profiles {
			e.Spec.Profiles[i].NodeGroups[0].InstanceTypes[0] = "other"
		}
	}
	g.Expect(rev.Name()).To(Equal(name))
}

// liveChanges count at once.
var liveChanges = map[string]func(*v1alpha1.EnvironmentSpec){
	"account":     func(s *v1alpha1.EnvironmentSpec) { s.AWS.AccountID = "999999999999" },
	"role":        func(s *v1alpha1.EnvironmentSpec) { s.AWS.RoleARN = "arn:aws:iam::111122223333:role/new" },
	"zones":       func(s *v1alpha1.EnvironmentSpec) { s.DNS.Zones = []v1alpha1.DNSZone{{Name: "new.example.com"}} },
	"assignments": func(s *v1alpha1.EnvironmentSpec) { s.Network.Assignments = nil },
	"pool": func(s *v1alpha1.EnvironmentSpec) {
		s.Network.Pool = &v1alpha1.AddressPool{CIDRs: []v1alpha1.CIDR{"10.99.0.0/16"}}
	},
	"reserved":           func(s *v1alpha1.EnvironmentSpec) { s.Network.Reserved = []v1alpha1.CIDR{"10.98.0.0/16"} },
	"availability zones": func(s *v1alpha1.EnvironmentSpec) { s.Network.AvailabilityZones = 2 },
	"repository": func(s *v1alpha1.EnvironmentSpec) {
		s.ArgoCD.Repository = &v1alpha1.ConfigRepository{URL: "https://new"}
	},
	"rollout":    func(s *v1alpha1.EnvironmentSpec) { s.Rollout = v1alpha1.Rollout{Paused: true, MaxConcurrentRegions: 7} },
	"protection": func(s *v1alpha1.EnvironmentSpec) { s.Protection = v1alpha1.ProtectionNone },
}

// stagedChanges have to wait for a region's turn, whatever its profile.
var stagedChanges = map[string]func(*v1alpha1.EnvironmentSpec){
	"tags":        func(s *v1alpha1.EnvironmentSpec) { s.AWS.Tags = map[string]string{"new": "tag"} },
	"NAT":         func(s *v1alpha1.EnvironmentSpec) { s.Network.NATGateways = "" },
	"gossip":      func(s *v1alpha1.EnvironmentSpec) { s.Network.Gossip = &v1alpha1.GossipIngress{Port: 1} },
	"argocd role": func(s *v1alpha1.EnvironmentSpec) { s.ArgoCD.RoleARN = "arn:aws:iam::111122223333:role/new" },
	"labels": func(s *v1alpha1.EnvironmentSpec) {
		s.ArgoCD.ClusterLabels = map[string]v1alpha1.LabelValue{"new": "label"}
	},
	"accelerator": func(s *v1alpha1.EnvironmentSpec) {
		s.GlobalAccelerator = &v1alpha1.GlobalAccelerator{ListenerARN: "new"}
	},
	"secrets": func(s *v1alpha1.EnvironmentSpec) { s.Secrets = &v1alpha1.SecretSource{PrimaryRegion: "sa-east-1"} },
}

func TestOnlyStagedChangesRenameARevision(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := NewWithT(t)
		env, profile := someEnvironment(t), someProfileName(t)
		rev := revisionFor(g, env, profile)
		name := rev.Name()
		g.Expect(ProfileOf(name)).To(Equal(profile))
		g.Expect(name).To(MatchRegexp("^" + profile + "-[0-9a-f]{10}$"))

		for _, change := range slices.Sorted(maps.Keys(liveChanges)) {
			edited := env.DeepCopy()
			liveChanges[change](&edited.Spec)
			g.Expect(revisionFor(g, edited, profile).Name()).To(Equal(name), change)
			as := rev.Onto(edited)
			liveChanges[change](&as.Spec)
			g.Expect(as).To(Equal(rev.Onto(edited)), "%s comes from the live Environment", change)
		}
		for _, change := range slices.Sorted(maps.Keys(stagedChanges)) {
			edited := env.DeepCopy()
			stagedChanges[change](&edited.Spec)
			g.Expect(revisionFor(g, edited, profile).Name()).NotTo(Equal(name), change)
		}
	})
}

func TestAProfileRenamesTheRevisionsOfThoseThatExtendIt(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := NewWithT(t)
		env := someEnvironment(t)
		changed := rapid.IntRange(0, 2).Draw(t, "changed")
		edited := env.DeepCopy()
		edited.Spec.Profiles[changed].NodeGroups = append(edited.Spec.Profiles[changed].NodeGroups, group("new", 1))
		affected := [][]string{{"base", "edge"}, {"edge"}, {"alone"}}[changed]
		for _, p := range env.Spec.Profiles {
			renamed := revisionFor(g, env, p.Name).Name() != revisionFor(g, edited, p.Name).Name()
			g.Expect(renamed).To(Equal(slices.Contains(affected, p.Name)), p.Name)
		}
	})
}

// The names are in the status of every region: another one for the same content would be a
// change for all of them.
func TestNamesOfRevisionsStayTheSameAcrossVersions(t *testing.T) {
	g := NewWithT(t)
	env := withProfiles(v1alpha1.Profile{
		Name: "base", KubernetesVersion: "1.34",
		NodeGroups: []v1alpha1.NodeGroup{{Name: "system", InstanceTypes: []string{"c7a.xlarge"}, Min: 2, Max: 10}},
	})
	g.Expect(revisionFor(g, env, "base").Name()).To(Equal("base-346c396b90"))
	env.Spec.AWS.Tags = map[string]string{"team": "infra"}
	env.Spec.Network.NATGateways = v1alpha1.NATGatewaysPerZone
	env.Spec.ArgoCD.RoleARN = "arn:aws:iam::111122223333:role/argocd"
	g.Expect(revisionFor(g, env, "base").Name()).To(Equal("base-84e8b54924"))
}

func TestNoRevisionOfABrokenProfile(t *testing.T) {
	g := NewWithT(t)
	env := withProfiles(completeProfile("base"), v1alpha1.Profile{Name: "empty", KubernetesVersion: "1.34"})
	_, err := ProfileRevisionOf(env, "empty")
	g.Expect(err).To(beFinding(v1alpha1.ReasonInvalidProfile, ContainSubstring("has no nodeGroups")))
	_, err = ProfileRevisionOf(env, "edge")
	g.Expect(err).To(beFinding(v1alpha1.ReasonProfileNotFound, ContainSubstring("has no profile edge")))
}

func TestProfileOf(t *testing.T) {
	for name, want := range map[string]string{
		"base-0123456789":         "base",
		"edge-of-2-0123456789":    "edge-of-2",
		"base":                    "",
		"":                        "",
		"0123456789-0123456789":   "0123456789",
		"a-0123456789-0123456789": "a-0123456789",
	} {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(ProfileOf(name)).To(Equal(want))
		})
	}
}
