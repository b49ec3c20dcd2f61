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

func TestEndpoints(t *testing.T) {
	for name, tc := range map[string]struct {
		member v1alpha1.RingMember
		want   map[string]string
	}{
		"a converged member":                 {v1alpha1.RingMember{State: v1alpha1.MemberConverged, Endpoint: "x"}, map[string]string{"a": "x"}},
		"an unknown member keeps its place":  {v1alpha1.RingMember{State: v1alpha1.MemberUnknown, Endpoint: "x"}, map[string]string{"a": "x"}},
		"an isolated member is still dialed": {v1alpha1.RingMember{State: v1alpha1.MemberIsolated, Endpoint: "x"}, map[string]string{"a": "x"}},
		"without endpoint":                   {v1alpha1.RingMember{State: v1alpha1.MemberPending}, map[string]string{}},
		"a leaving member":                   {v1alpha1.RingMember{State: v1alpha1.MemberLeaving, Endpoint: "x"}, map[string]string{}},
		"a member that left":                 {v1alpha1.RingMember{State: v1alpha1.MemberLeft, Endpoint: "x"}, map[string]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			tc.member.Region = "a"
			NewWithT(t).Expect(Endpoints(ringOf(tc.member))).To(Equal(tc.want))
		})
	}
}

func TestSeeds(t *testing.T) {
	for name, tc := range map[string]struct {
		endpoints map[string]string
		want      []string
	}{
		"alone":                              {map[string]string{"self": "s"}, []string{}},
		"peers, sorted":                      {map[string]string{"self": "s", "b": "y", "a": "z"}, []string{"y", "z"}},
		"before it has an endpoint":          {map[string]string{"b": "y", "a": "x"}, []string{"x", "y"}},
		"peers that share an endpoint":       {map[string]string{"self": "s", "a": "x", "b": "x"}, []string{"x"}},
		"a peer that shares its own":         {map[string]string{"self": "s", "a": "s", "b": "x"}, []string{"x"}},
		"an empty ring does not ask for any": {nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			got := Seeds(tc.endpoints, "self")
			NewWithT(t).Expect(got).To(HaveExactElements(tc.want))
		})
	}
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
