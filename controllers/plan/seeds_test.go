package plan

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

func ringOf(members ...v1alpha1.RingMember) *v1alpha1.GossipRing {
	ring := &v1alpha1.GossipRing{}
	ring.Status.Members = members
	return ring
}

func continent(name string) *metav1.LabelSelector {
	return &metav1.LabelSelector{MatchLabels: map[string]string{"continent": name}}
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
		"a Region with the labels": {
			ring:   func(g *v1alpha1.GossipRing) { g.Spec.RegionSelector = continent("eu") },
			region: func(r *v1alpha1.Region) { r.Labels = map[string]string{"continent": "eu", "tier": "gold"} },
			want:   true,
		},
		"a Region with other labels": {
			ring:   func(g *v1alpha1.GossipRing) { g.Spec.RegionSelector = continent("eu") },
			region: func(r *v1alpha1.Region) { r.Labels = map[string]string{"continent": "us"} },
		},
		"a Region with the labels and another profile": {
			ring: func(g *v1alpha1.GossipRing) {
				g.Spec.RegionSelector, g.Spec.Profiles = continent("eu"), []string{"base"}
			},
			region: func(r *v1alpha1.Region) { r.Labels = map[string]string{"continent": "eu"} },
		},
		"whatever has no labels that were not asked for": {
			ring: func(g *v1alpha1.GossipRing) { g.Spec.RegionSelector = &metav1.LabelSelector{} },
			want: true,
		},
		"a member, with a selector that nobody can read": {
			ring: func(g *v1alpha1.GossipRing) {
				g.Spec.RegionSelector = continent("not a value")
				g.Status.Members = []v1alpha1.RingMember{{Region: "eu-west-1"}}
			},
			want: true,
		},
		"nobody who has left, with a selector that nobody can read": {
			ring: func(g *v1alpha1.GossipRing) {
				g.Spec.RegionSelector = continent("not a value")
				g.Status.Members = []v1alpha1.RingMember{{Region: "eu-west-1", State: v1alpha1.MemberLeaving}}
			},
		},
		"who is being deleted, with a selector that nobody can read": {
			ring: func(g *v1alpha1.GossipRing) {
				g.Spec.RegionSelector = continent("not a value")
				g.Status.Members = []v1alpha1.RingMember{{Region: "eu-west-1", State: v1alpha1.MemberLeaving}}
			},
			region: func(r *v1alpha1.Region) { r.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)} },
			want:   true,
		},
		"no newcomer, with a selector that nobody can read": {
			ring: func(g *v1alpha1.GossipRing) { g.Spec.RegionSelector = continent("not a value") },
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
