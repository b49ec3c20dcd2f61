package promotion

import (
	"fmt"
	"testing"

	. "github.com/onsi/gomega"
	"pgregory.net/rapid"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/plan"
)

func TestVerifiedReachesFurtherBackThanTheHistory(t *testing.T) {
	g := NewWithT(t)
	p := promotionTo(good)
	complete := func(revision v1alpha1.GitRevision) {
		p.Status.Verified = verify(p.Status.Verified, plan.PinSet{Revision: revision}, applications)
	}
	numbered := func(i int) v1alpha1.GitRevision { return v1alpha1.GitRevision(fmt.Sprintf("%040x", i)) }
	for i := range 2 * mostVerified {
		complete(numbered(i))
	}
	g.Expect(p.Status.Verified).To(HaveLen(1))
	g.Expect(verified(p, "core", numbered(mostVerified))).To(BeTrue())
	g.Expect(verified(p, "core", numbered(mostVerified-1))).To(BeFalse(), "the object stays small")

	complete(numbered(mostVerified))
	complete(numbered(0))
	g.Expect(verified(p, "core", numbered(mostVerified))).To(BeTrue(), "what was completed again is new")
	g.Expect(p.Status.Verified[0].Revisions).To(HaveLen(mostVerified))
}

// What is remembered is never more than what was completed, and always what was completed last.
func TestVerifiedIsWhatWasCompleted(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := NewWithT(t)
		revisions := rapid.SampledFrom([]v1alpha1.GitRevision{old, good, bad})
		names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"api", "core", "edge", "web"}), 1, 4, rapid.ID)
		var known []v1alpha1.VerifiedRevisions
		completed := map[string]bool{}
		for range rapid.IntRange(1, 12).Draw(t, "rollouts") {
			record := &v1alpha1.PromotionRecord{Revision: revisions.Draw(t, "revision"), Applications: names.Draw(t, "applications")}
			for _, app := range names.Draw(t, "overridden") {
				record.Overrides = append(record.Overrides, v1alpha1.RevisionOverride{Application: app, Revision: revisions.Draw(t, "override")})
			}
			pins := plan.PinSet{Revision: record.Revision, Overrides: record.Overrides}
			known = verify(known, pins, record.Applications)
			g.Expect(len(known)).To(BeNumerically("<=", mostGroups))
			g.Expect(verify(known, pins, record.Applications)).To(Equal(known), "told twice")
			p := &v1alpha1.Promotion{Status: v1alpha1.PromotionStatus{Verified: known}}
			for _, app := range record.Applications {
				completed[app+" at "+string(pins.Of(app))] = true
				g.Expect(verified(p, app, pins.Of(app))).To(BeTrue())
			}
			for _, v := range known {
				for _, app := range v.Applications {
					for _, revision := range v.Revisions {
						g.Expect(completed).To(HaveKey(app + " at " + string(revision)))
					}
				}
			}
		}
	})
}
