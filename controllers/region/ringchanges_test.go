package region

import (
	"testing"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

func TestWhomARingsChangeConcerns(t *testing.T) {
	registered := func(name string) *v1alpha1.Region {
		region := &v1alpha1.Region{}
		region.Name = name
		region.Status.Conditions = []metav1.Condition{{Type: v1alpha1.RegionRegistered, Status: metav1.ConditionTrue}}
		return region
	}
	for name, tc := range map[string]struct {
		change     func(*v1alpha1.GossipRing)
		wantOwn    bool // for the member that changed
		wantPeer   bool // for another member
		wantUnborn bool // for a region that is not registered
	}{
		"a member's state":    {func(g *v1alpha1.GossipRing) { g.Status.Members[0].State = v1alpha1.MemberIsolated }, true, false, true},
		"a member's endpoint": {func(g *v1alpha1.GossipRing) { g.Status.Members[0].Endpoint = "a.x" }, true, false, true},
		"a member's count":    {func(g *v1alpha1.GossipRing) { g.Status.Members[0].MembersSeen = new(int32(3)) }, false, false, true},
		"its seed was dropped": {
			func(g *v1alpha1.GossipRing) { g.Status.Members[0].DroppedAt = &metav1.Time{} }, true, false, true,
		},
		"its seeds were delivered": {
			func(g *v1alpha1.GossipRing) { g.Status.Members[0].WrittenSeedsHash = "1" }, true, false, true,
		},
		"the ring's spec": {func(g *v1alpha1.GossipRing) { g.Generation++ }, true, true, true},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			before := &v1alpha1.GossipRing{}
			before.Status.Members = []v1alpha1.RingMember{{Region: "a", State: v1alpha1.MemberConverged}, {Region: "b"}}
			after := before.DeepCopy()
			tc.change(after)
			concerned := concernedBy(before, after)
			g.Expect(concerned(registered("a"))).To(Equal(tc.wantOwn))
			g.Expect(concerned(registered("b"))).To(Equal(tc.wantPeer))
			g.Expect(concerned(&v1alpha1.Region{})).To(Equal(tc.wantUnborn))
		})
	}
}

func TestWhereRingsAreWrittenInto(t *testing.T) {
	dublin := &v1alpha1.Region{}
	dublin.Name, dublin.Namespace, dublin.Spec.Profile = "dublin", "fleet", "core"
	for name, tc := range map[string]struct {
		change func(*v1alpha1.GossipRing)
		want   []string
	}{
		"it only reads":      {},
		"it rejoins members": {change: func(g *v1alpha1.GossipRing) { g.Spec.OnPartition = v1alpha1.PartitionRejoin }, want: []string{"api"}},
		"it delivers there": {
			change: func(g *v1alpha1.GossipRing) { g.Spec.Seeds.Delivery.ConfigMap = &v1alpha1.ConfigMapDelivery{} }, want: []string{"api"},
		},
		"it probes":                          {change: func(g *v1alpha1.GossipRing) { g.Spec.Probe = &v1alpha1.RingProbe{} }, want: []string{"api"}},
		"its probes are still to be removed": {change: func(g *v1alpha1.GossipRing) { g.Finalizers = []string{v1alpha1.RingFinalizer} }, want: []string{"api"}},
		"it does not select the region":      {change: func(g *v1alpha1.GossipRing) { g.Spec.Probe, g.Spec.Profiles = &v1alpha1.RingProbe{}, []string{"edge"} }},
		"it does not any more, and has probes": {change: func(g *v1alpha1.GossipRing) {
			g.Spec.Probe, g.Spec.Profiles = &v1alpha1.RingProbe{}, []string{"edge"}
			g.Status.Probes = []v1alpha1.InstalledProbe{{Region: "dublin", Namespace: "before"}, {Region: "ohio", Namespace: "elsewhere"}}
		}, want: []string{"before"}},
		"it has moved": {change: func(g *v1alpha1.GossipRing) {
			g.Spec.Probe, g.Status.Probes = &v1alpha1.RingProbe{}, []v1alpha1.InstalledProbe{{Region: "dublin", Namespace: "before"}}
		}, want: []string{"api", "before"}},
	} {
		t.Run(name, func(t *testing.T) {
			ring := &v1alpha1.GossipRing{}
			ring.Namespace, ring.Spec.Service.Namespace, ring.Spec.OnPartition = "fleet", "api", v1alpha1.PartitionReport
			if tc.change != nil {
				tc.change(ring)
			}
			NewWithT(t).Expect(writtenBy(ring, dublin)).To(Equal(tc.want))
		})
	}
}

func TestARegionWaitsForSeedsThatComeByGit(t *testing.T) {
	g := NewWithT(t)
	ring := v1alpha1.GossipRing{}
	ring.Namespace, ring.Name = "fleet", "unkey-api"
	g.Expect((&birth{rings: []v1alpha1.GossipRing{ring}}).delivered("dublin")).To(Succeed(), "the cluster Secret brings them itself")
	ring.Spec.Seeds.Delivery.Git = &v1alpha1.GitDelivery{}
	g.Expect((&birth{rings: []v1alpha1.GossipRing{ring}}).delivered("dublin")).
		To(MatchError(HavePrefix("ring unkey-api has not committed the region's seeds yet")))
	ring.Status.Members = []v1alpha1.RingMember{{Region: "dublin", DesiredSeedsHash: "1", WrittenSeedsHash: "1"}}
	g.Expect((&birth{rings: []v1alpha1.GossipRing{ring}}).delivered("dublin")).To(Succeed())
}

func TestKeysThatNobodyReadsAreNotWaitedFor(t *testing.T) {
	g := NewWithT(t)
	ring := v1alpha1.GossipRing{}
	ring.Name = "unkey-api"
	key := v1alpha1.AnnotationWANSeedsPrefix + ring.Name
	g.Expect(birth{rings: []v1alpha1.GossipRing{ring}}.unread(key)).To(BeFalse(), "ApplicationSets read it")

	inGit := *ring.DeepCopy()
	inGit.Spec.Seeds.Delivery.Git = &v1alpha1.GitDelivery{}
	g.Expect(birth{rings: []v1alpha1.GossipRing{inGit}}.unread(key)).To(BeTrue())
	g.Expect(birth{rings: []v1alpha1.GossipRing{inGit}}.unread("portolan.dev/revision.unkey-api")).To(BeFalse(), "a pin is another matter")

	overruled := *ring.DeepCopy()
	overruled.Status.Conditions = []metav1.Condition{{Type: v1alpha1.RingEndpointsReady, Reason: v1alpha1.ReasonServiceShared}}
	g.Expect(birth{rings: []v1alpha1.GossipRing{overruled}}.unread(key)).To(BeTrue())
}
