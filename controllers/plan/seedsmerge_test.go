package plan

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

func TestSeedsIn(t *testing.T) {
	for text, want := range map[string][]string{
		"":                          nil,
		"b.x,a.x":                   {"a.x", "b.x"},
		`["a.x:7947", "b.x:7947"]`:  {"a.x", "b.x"},
		"[a.x b.x]":                 {"a.x", "b.x"},
		"a.x a.x\n":                 {"a.x"},
		" , ":                       nil,
		"'a.x:7947',\t\"b.x:7947\"": {"a.x", "b.x"},
	} {
		g := NewWithT(t)
		if want == nil {
			g.Expect(SeedsIn(text)).To(BeEmpty(), text)
		} else {
			g.Expect(SeedsIn(text)).To(Equal(want), text)
		}
	}
}

func TestMergeSeeds(t *testing.T) {
	g := NewWithT(t)
	ring := &v1alpha1.GossipRing{}
	g.Expect(MergeSeeds(ring, "b.x", "[a.x b.x]", "")).To(Equal("a.x,b.x"))
	g.Expect(MergeSeeds(ring)).To(BeEmpty())
	ring.Spec.Seeds.Format, ring.Spec.Seeds.IncludePort = v1alpha1.SeedsJSONArray, true
	g.Expect(MergeSeeds(ring, "b.x,a.x:7947")).To(MatchJSON(`["a.x:7947","b.x:7947"]`))
}

func TestSeedsDelivered(t *testing.T) {
	g := NewWithT(t)
	ring := &v1alpha1.GossipRing{}
	g.Expect(SeedsDelivered(ring, "dublin")).To(BeFalse(), "the ring has not looked at it")
	ring.Status.Members = []v1alpha1.RingMember{{Region: "dublin", DesiredSeedsHash: "1"}}
	g.Expect(SeedsDelivered(ring, "dublin")).To(BeFalse(), "nothing is written")
	ring.Status.Members[0].WrittenSeedsHash = "2"
	g.Expect(SeedsDelivered(ring, "dublin")).To(BeFalse(), "something else is written")
	ring.Status.Members[0].WrittenSeedsHash = "1"
	g.Expect(SeedsDelivered(ring, "dublin")).To(BeTrue())
}
