package promotion

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
	"github.com/portolan-dev/portolan/controllers/plan"
)

func TestWhatCountsAsAFight(t *testing.T) {
	type writing struct {
		after     time.Duration
		promotion string // empty: main
		key       pinKey // empty: core in dublin
		pin       v1alpha1.GitRevision
		forgotten bool // the promotion is, before the writing
		want      bool
	}
	for name, writings := range map[string][]writing{
		"a pin that is taken away three times within a minute": {
			{pin: good}, {after: 10 * time.Second, pin: good}, {after: 20 * time.Second, pin: good},
			{after: 59 * time.Second, pin: good, want: true}, {after: 59 * time.Second, pin: good, want: true},
		},
		"it is tried again when the first is a minute ago": {
			{pin: good}, {after: time.Second, pin: good}, {after: 2 * time.Second, pin: good},
			{after: 3 * time.Second, pin: good, want: true}, {after: time.Minute, pin: good}, {after: time.Minute, pin: good, want: true},
		},
		"not one now and then": {
			{pin: good}, {after: 30 * time.Second, pin: good}, {after: 60 * time.Second, pin: good},
			{after: 90 * time.Second, pin: good}, {after: 120 * time.Second, pin: good},
		},
		"not several values": {{pin: good}, {pin: old}, {pin: good}, {pin: old}, {pin: good}, {pin: old}},
		"not several applications": {
			{pin: good}, {pin: good}, {pin: good}, {key: pinKey{"dublin", "unkey-api"}, pin: good}, {pin: good, want: true},
		},
		"not several regions": {
			{pin: good}, {pin: good}, {pin: good}, {key: pinKey{"tokyo", "core"}, pin: good}, {pin: good, want: true},
		},
		"not several promotions": {
			{pin: good}, {pin: good}, {pin: good}, {promotion: "other", pin: good}, {pin: good, want: true},
		},
		"not one that was deleted meanwhile": {
			{pin: good}, {pin: good}, {pin: good}, {pin: good, want: true}, {forgotten: true, pin: good},
		},
		"another one's end does not matter": {
			{pin: good}, {pin: good}, {promotion: "other", pin: good}, {pin: good},
			{promotion: "other", forgotten: true, pin: good}, {pin: good, want: true},
		},
	} {
		t.Run(name, func(t *testing.T) {
			var f fights
			for i, w := range writings {
				promotion, key := client.ObjectKey{Namespace: "fleet", Name: "main"}, pinKey{"dublin", "core"}
				if w.promotion != "" {
					promotion.Name = w.promotion
				}
				if w.key != (pinKey{}) {
					key = w.key
				}
				if w.forgotten {
					f.forget(promotion)
				}
				lost := f.lost(promotion, key, w.pin, start.Add(w.after))
				NewWithT(t).Expect(lost).To(Equal(w.want), "writing %d", i)
				if !lost {
					f.wrote(promotion, key, w.pin, start.Add(w.after))
				}
			}
		})
	}
}

func TestSomebodyWhoKeepsWritingAPinIsNamed(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	th.set(t, promotionTo(good))
	contested := regionNamed(cast[0], 0)
	for range tolerated + 1 {
		th.pass(t, "all")
		th.overwrite(t, contested)
	}
	p := th.pass(t, "all")
	rolledOut := conditionOf(p, v1alpha1.PromotionRolledOut)
	g.Expect(rolledOut.Status).To(Equal(metav1.ConditionFalse))
	g.Expect(rolledOut.Reason).To(Equal(v1alpha1.ReasonOverwritten))
	g.Expect(rolledOut.Message).To(Equal("somebody keeps changing the pin of core in virginia (annotation " +
		v1alpha1.AnnotationRevisionPrefix + "core of Secret argocd/" + argocd.SecretName(plan.ClusterName(contested)) + "): end that"))
	g.Expect(meta.IsStatusConditionTrue(p.Status.Conditions, v1alpha1.ConditionStalled)).To(BeTrue())
	g.Expect(th.pins(t)).To(HavePrefix("virginia core@a "), "nobody writes any more")

	th.clock.SetTime(th.clock.Now().Add(while))
	p = th.pass(t, "all")
	g.Expect(th.pins(t)).To(HavePrefix("virginia core@b "))
	g.Expect(conditionOf(p, v1alpha1.PromotionRolledOut).Reason).To(Equal(v1alpha1.ReasonRollingOut))
}

// overwrite puts the old pin of core back, as a person would.
func (th *theatre) overwrite(t *testing.T, region *v1alpha1.Region) {
	t.Helper()
	g := NewWithT(t)
	secret, err := th.reconciler.ArgoCD.Get(t.Context(), region)
	g.Expect(err).NotTo(HaveOccurred())
	secret.Annotations[v1alpha1.AnnotationRevisionPrefix+"core"] = string(old)
	g.Expect(th.Update(t.Context(), secret)).To(Succeed())
}

// A write that fails takes nothing away from anybody.
func TestWhatTheAPIServerRefusesIsNoFight(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	refused := 0
	th.failing(func(name string) bool {
		refused++
		return true
	})
	th.set(t, promotionTo(good))
	p := &v1alpha1.Promotion{}
	for range 4 * tolerated { // with a controller's first backoff, all within a second
		th.once(t)
		g.Expect(th.Get(t.Context(), client.ObjectKey{Namespace: "fleet", Name: "all"}, p)).To(Succeed())
		g.Expect(conditionOf(p, v1alpha1.PromotionRolledOut).Reason).NotTo(Equal(v1alpha1.ReasonOverwritten))
	}
	g.Expect(refused).To(BeNumerically(">", tolerated))
	th.failing(func(string) bool { return false })
	th.once(t)
	g.Expect(th.pins(t)).To(HavePrefix("virginia core@b unkey-api@b"))
}
