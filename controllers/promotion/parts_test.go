package promotion

import (
	"testing"

	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// runs gives a Region a profile of its own.
func (th *theatre) runs(t *testing.T, name string, applications ...string) {
	t.Helper()
	th.environment(t, func(e *v1alpha1.Environment) {
		profile := v1alpha1.Profile{Name: name, KubernetesVersion: "1.34", NodeGroups: []v1alpha1.NodeGroup{{Name: "system"}}}
		for _, app := range applications {
			profile.Applications = append(profile.Applications, v1alpha1.Application{Name: app})
		}
		e.Spec.Profiles = append(e.Spec.Profiles, profile)
	})
	th.changes(t, name, name)
}

func (th *theatre) changes(t *testing.T, name, profile string) {
	t.Helper()
	region := &v1alpha1.Region{}
	NewWithT(t).Expect(th.Get(t.Context(), client.ObjectKey{Namespace: "fleet", Name: name}, region)).To(Succeed())
	region.Spec.Profile = profile
	NewWithT(t).Expect(th.Update(t.Context(), region)).To(Succeed())
}

// What runs elsewhere comes to a region as anything new does, though neither revision nor applications change.
func TestAnApplicationThatJoinsARegionIsRefusedWithoutItsFiles(t *testing.T) {
	for name, joins := range map[string]func(t *testing.T, th *theatre){
		"because its profile lists it": func(t *testing.T, th *theatre) {
			t.Helper()
			th.environment(t, func(e *v1alpha1.Environment) {
				e.Spec.Profiles[1].Applications = append(e.Spec.Profiles[1].Applications, v1alpha1.Application{Name: "unkey-api"})
			})
		},
		"because it gets another profile": func(t *testing.T, th *theatre) {
			t.Helper()
			th.changes(t, "virginia", "base")
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			th := newTheatre(t)
			repository := th.withGit(t)
			th.runs(t, "virginia", "core")
			repository.lacks = []string{"unkey-api/virginia.yaml"}
			th.set(t, promotionTo(good))
			p := th.play(t, "all")
			g.Expect(p.Status.CurrentRevision).To(Equal(good))
			g.Expect(th.pins(t)).To(HavePrefix("virginia core@b unkey-api@a, "))
			g.Expect(p.Status.Rollout.ApplicationsIn).To(HaveExactElements(
				v1alpha1.RegionApplications{Regions: []string{"virginia"}, Applications: applications[:1]},
				v1alpha1.RegionApplications{Regions: []string{"dublin", "tokyo"}, Applications: applications}))

			joins(t, th)
			p = th.play(t, "all")
			g.Expect(th.pins(t)).To(HavePrefix("virginia core@b unkey-api@a, "))
			g.Expect(conditionOf(p, v1alpha1.PromotionValid).Reason).To(Equal(v1alpha1.ReasonRevisionLacksRegionConfig))

			repository.lacks = nil
			p = th.play(t, "all")
			g.Expect(th.pins(t)).To(HavePrefix("virginia core@b unkey-api@b, "))
			g.Expect(p.Status.Rollout.Phase).To(Equal(v1alpha1.RolloutCompleted))
		})
	}
}

// A Promotion of a version that recorded no regions takes what they run for its rollout's, and begins none.
func TestARolloutThatRecordedNoRegions(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	th.set(t, promotionTo(good))
	p := th.play(t, "all")
	recorded := p.DeepCopy().Status.Rollout
	p.Status.Rollout.ApplicationsIn = nil
	g.Expect(th.Status().Update(t.Context(), p)).To(Succeed())
	p = th.pass(t, "all")
	g.Expect(p.Status.Rollout).To(Equal(recorded))
}
