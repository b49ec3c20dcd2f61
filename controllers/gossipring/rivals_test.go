package gossipring

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

func TestTwoRingsThatDeliverToOnePlace(t *testing.T) {
	git := func(edit ...func(*v1alpha1.GitDelivery)) v1alpha1.SeedDelivery {
		d := &v1alpha1.GitDelivery{GitBranch: v1alpha1.GitBranch{URL: "https://git.test/fleet", Branch: "main"}, Path: "{{ .name }}.yaml", Key: "seeds"}
		for _, e := range edit {
			e(d)
		}
		return v1alpha1.SeedDelivery{Git: d}
	}
	configMap := func(name, key string) v1alpha1.SeedDelivery {
		return v1alpha1.SeedDelivery{ConfigMap: &v1alpha1.ConfigMapDelivery{Name: name, Key: key}}
	}
	for name, tc := range map[string]struct {
		ours, theirs v1alpha1.SeedDelivery
		namespace    string
		want         bool
	}{
		"annotations have the ring's name": {},
		"one key of one file":              {ours: git(), theirs: git(), want: true},
		"the environment's repository, and by its URL": {
			ours: git(func(d *v1alpha1.GitDelivery) { d.URL = "" }), theirs: git(), want: true,
		},
		"the branch by default": {ours: git(func(d *v1alpha1.GitDelivery) { d.Branch = "" }), theirs: git(), want: true},
		"one path in other words": {
			ours: git(func(d *v1alpha1.GitDelivery) { d.Path = "{{ .region }}.yaml" }), theirs: git(), want: true,
		},
		"another key":        {ours: git(func(d *v1alpha1.GitDelivery) { d.Key = "other" }), theirs: git()},
		"another branch":     {ours: git(func(d *v1alpha1.GitDelivery) { d.Branch = "other" }), theirs: git()},
		"another repository": {ours: git(func(d *v1alpha1.GitDelivery) { d.URL = "https://git.test/other" }), theirs: git()},
		"another path":       {ours: git(func(d *v1alpha1.GitDelivery) { d.Path = "other/{{ .name }}.yaml" }), theirs: git()},
		"another way":        {ours: git(), theirs: configMap("gossip", "seeds")},
		"one ConfigMap":      {ours: configMap("gossip", "seeds"), theirs: configMap("gossip", "seeds"), want: true},
		"another ConfigMap":  {ours: configMap("gossip", "seeds"), theirs: configMap("other", "seeds")},
		"another of its keys": {
			ours: configMap("gossip", "seeds"), theirs: configMap("gossip", "other"),
		},
		"one of another namespace": {ours: configMap("gossip", "seeds"), theirs: configMap("gossip", "seeds"), namespace: "elsewhere"},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s := passOver(settled("a", 1))
			region := s.members[0].region
			region.Namespace, region.Spec.EnvironmentRef = s.ring.Namespace, s.ring.Spec.EnvironmentRef
			s.environment.Spec.ArgoCD.Repository = &v1alpha1.ConfigRepository{URL: "https://git.test/fleet"}
			other := s.ring.DeepCopy()
			s.ring.Spec.Seeds.Delivery, other.Spec.Seeds.Delivery = tc.ours, tc.theirs
			if tc.namespace != "" {
				other.Spec.Service.Namespace = tc.namespace
			}
			g.Expect(s.sharesPlace(other, []v1alpha1.Region{*region})).To(Equal(tc.want))
		})
	}
}

func TestTheYoungerOfTwoRingsWithOnePlaceWritesNothing(t *testing.T) {
	g := NewWithT(t)
	s := passOver(settled("a", 2).but(wants("b.example")))
	s.placed = &v1alpha1.GossipRing{}
	s.placed.Name = "older"
	err := driver(nil).reconcileSeeds(t.Context(), s)
	g.Expect(step.ReasonOf(err)).To(Equal(v1alpha1.ReasonInvalidSeeds))
	g.Expect(err).To(MatchError(ContainSubstring("ring older delivers to the same place")))
	g.Expect(s.members[0].writtenAt).To(BeNil())
}
