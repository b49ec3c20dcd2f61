package plan

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

func ringNamed(name string, profiles ...string) v1alpha1.GossipRing {
	ring := v1alpha1.GossipRing{}
	ring.Name, ring.Namespace = name, "fleet"
	ring.Spec.EnvironmentRef.Name, ring.Spec.Profiles = "production001", profiles
	return ring
}

func member(name, profile string) v1alpha1.Region {
	region := regionIn("eu-west-1", "")
	region.Name, region.Namespace, region.Spec.Profile = name, "fleet", profile
	return *region
}

func TestJoining(t *testing.T) {
	leaving := member("leaving", "base")
	leaving.DeletionTimestamp = &metav1.Time{Time: time.Unix(0, 0)}
	foreign := member("foreign", "base")
	foreign.Spec.EnvironmentRef.Name = "staging"
	elsewhere := member("elsewhere", "base")
	elsewhere.Namespace = "other"
	self := member("self", "base")
	regions := []v1alpha1.Region{member("zurich", "base"), self, member("dublin", "deploy"), leaving, foreign, elsewhere}
	deleted := ringNamed("deleted")
	deleted.DeletionTimestamp = leaving.DeletionTimestamp

	for name, tc := range map[string]struct {
		rings []v1alpha1.GossipRing
		want  []v1alpha1.PlannedRing
	}{
		"no rings":                            {},
		"every region of the environment":     {[]v1alpha1.GossipRing{ringNamed("api")}, []v1alpha1.PlannedRing{{Name: "api", Peers: []string{"dublin", "zurich"}}}},
		"regions of the ring's profiles":      {[]v1alpha1.GossipRing{ringNamed("api", "base")}, []v1alpha1.PlannedRing{{Name: "api", Peers: []string{"zurich"}}}},
		"a ring of another profile":           {[]v1alpha1.GossipRing{ringNamed("frontline", "deploy")}, nil},
		"a ring that is being deleted":        {[]v1alpha1.GossipRing{deleted}, nil},
		"several, by name":                    {[]v1alpha1.GossipRing{ringNamed("b", "base"), ringNamed("a", "base")}, []v1alpha1.PlannedRing{{Name: "a", Peers: []string{"zurich"}}, {Name: "b", Peers: []string{"zurich"}}}},
		"the first of a ring disturbs nobody": {[]v1alpha1.GossipRing{ringNamed("api", "base")}, []v1alpha1.PlannedRing{{Name: "api"}}},
	} {
		t.Run(name, func(t *testing.T) {
			among := regions
			if name == "the first of a ring disturbs nobody" {
				among = []v1alpha1.Region{self, leaving}
			}
			NewWithT(t).Expect(Joining(tc.rings, among, &self)).To(Equal(tc.want))
		})
	}
}

func TestPins(t *testing.T) {
	g := NewWithT(t)
	promotion := v1alpha1.Promotion{}
	promotion.Name, promotion.Spec.EnvironmentRef.Name = "all", "production001"
	promotion.Spec.Applications, promotion.Spec.Revision = []string{"unkey-api"}, "1d9c3076d63027f5fa770b43d08a4453318b2f8e"
	profile := v1alpha1.Profile{Applications: []v1alpha1.Application{{Name: "unkey-api"}, {Name: "core"}}}

	g.Expect(Pins(profile, []v1alpha1.Promotion{promotion}, "production001", "dublin")).To(Equal([]v1alpha1.PlannedApplication{
		{Name: "unkey-api", Revision: "1d9c3076d63027f5fa770b43d08a4453318b2f8e"}, {Name: "core"},
	}))
	g.Expect(Pins(profile, []v1alpha1.Promotion{promotion}, "staging", "dublin")).To(Equal([]v1alpha1.PlannedApplication{{Name: "unkey-api"}, {Name: "core"}}))
	g.Expect(Pins(v1alpha1.Profile{}, nil, "staging", "dublin")).To(BeEmpty())
}
