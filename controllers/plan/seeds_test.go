package plan

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

func ringOf(members ...v1alpha1.RingMember) *v1alpha1.GossipRing {
	ring := &v1alpha1.GossipRing{}
	ring.Status.Members = members
	return ring
}

func TestSelects(t *testing.T) {
	for name, tc := range map[string]struct {
		ring   func(*v1alpha1.GossipRing)
		region func(*v1alpha1.Region)
		want   bool
	}{
		"every Region of the environment": {want: true},
		"a Region with one of the profiles": {
			ring: func(g *v1alpha1.GossipRing) { g.Spec.Profiles = []string{"base", "deploy"} },
			want: true,
		},
		"a Region with another profile": {
			ring: func(g *v1alpha1.GossipRing) { g.Spec.Profiles = []string{"base"} },
		},
		"a Region of another environment": {
			region: func(r *v1alpha1.Region) { r.Spec.EnvironmentRef.Name = "staging" },
		},
		"a Region of another namespace": {
			region: func(r *v1alpha1.Region) { r.Namespace = "elsewhere" },
		},
	} {
		t.Run(name, func(t *testing.T) {
			ring := &v1alpha1.GossipRing{}
			ring.Namespace, ring.Spec.EnvironmentRef.Name = "fleet", "production001"
			region := regionIn("eu-west-1", "")
			region.Namespace, region.Spec.Profile = "fleet", "deploy"
			if tc.ring != nil {
				tc.ring(ring)
			}
			if tc.region != nil {
				tc.region(region)
			}
			NewWithT(t).Expect(Selects(ring, region)).To(Equal(tc.want))
		})
	}
}
