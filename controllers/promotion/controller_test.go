package promotion

import (
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
)

func conditionOf(p *v1alpha1.Promotion, conditionType string) metav1.Condition {
	return *meta.FindStatusCondition(p.Status.Conditions, conditionType)
}

func TestTwoPromotionsOfOneApplicationConflict(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	first, second := promotionTo(old), promotionTo(good)
	first.Name, first.Spec.Applications = "first", []string{"core"}
	second.Name, second.Spec.Applications = "second", []string{"unkey-api", "core"}
	th.set(t, first)
	th.set(t, second)

	refused := th.pass(t, "second")
	valid := conditionOf(refused, v1alpha1.PromotionValid)
	g.Expect(valid.Status).To(Equal(metav1.ConditionFalse))
	g.Expect(valid.Reason).To(Equal(v1alpha1.ReasonConflict))
	g.Expect(valid.Message).To(Equal("another Promotion of the environment pins core: only one may"))
	g.Expect(conditionOf(refused, v1alpha1.PromotionRolledOut).Reason).To(Equal(v1alpha1.ReasonBlocked))
	g.Expect(th.pins(t)).NotTo(ContainSubstring("@b"), "nothing moves before the conflict is resolved")

	g.Expect(conditionOf(th.pass(t, "first"), v1alpha1.ConditionReady).Status).To(Equal(metav1.ConditionTrue))
}

func TestAPromotionOfAllLeavesNamedApplicationsToTheirs(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	named := promotionTo(old)
	named.Name, named.Spec.Applications = "core-only", []string{"core"}
	th.set(t, named)
	th.set(t, promotionTo(good))
	p := th.play(t, "all")
	g.Expect(conditionOf(p, v1alpha1.PromotionValid).Status).To(Equal(metav1.ConditionTrue))
	g.Expect(th.pins(t)).To(Equal("virginia core@a unkey-api@b, dublin core@a unkey-api@b, tokyo core@a unkey-api@b"))
}

func TestRegionsThatTakeNoPart(t *testing.T) {
	for name, change := range map[string]func(*testing.T, *theatre, *v1alpha1.Region) error{
		"being deleted": func(t *testing.T, th *theatre, r *v1alpha1.Region) error {
			r.Finalizers = []string{v1alpha1.RegionFinalizer}
			if err := th.Update(t.Context(), r); err != nil {
				return err
			}
			return th.Delete(t.Context(), r)
		},
		"of another environment": func(t *testing.T, th *theatre, r *v1alpha1.Region) error {
			r.Spec.EnvironmentRef.Name = "staging"
			return th.Update(t.Context(), r)
		},
		"not registered": func(t *testing.T, th *theatre, r *v1alpha1.Region) error {
			return th.reconciler.ArgoCD.Delete(t.Context(), r)
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			th := newTheatre(t)
			oldest := &v1alpha1.Region{}
			g.Expect(th.Get(t.Context(), client.ObjectKey{Namespace: "fleet", Name: cast[0]}, oldest)).To(Succeed())
			g.Expect(change(t, th, oldest)).To(Succeed())
			th.set(t, promotionTo(good))
			p := th.pass(t, "all")
			regions := p.Status.Rollout.Waves[0].Regions
			g.Expect(regions).To(HaveLen(2))
			g.Expect(regions[0].Region).To(Equal(cast[1]))
			moved, err := th.reconciler.ArgoCD.Get(t.Context(), regionNamed(cast[1], 0))
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(moved.Annotations).To(HaveKeyWithValue(v1alpha1.AnnotationRevisionPrefix+"core", string(good)))
		})
	}
}

func TestAPromotionOfNoEnvironmentIsNotReady(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	p := promotionTo(good)
	p.Spec.EnvironmentRef.Name = "missing"
	g.Expect(th.Create(t.Context(), p)).To(Succeed())
	_, err := th.reconciler.Reconcile(t.Context(), p)
	g.Expect(err).NotTo(HaveOccurred())
	ready := conditionOf(p, v1alpha1.ConditionReady)
	g.Expect(ready.Status).To(Equal(metav1.ConditionUnknown))
	g.Expect(ready.Reason).To(Equal(v1alpha1.ReasonEnvironmentNotFound))
	g.Expect(p.Status.CurrentRevision).To(BeEmpty())
}

func TestAMissingApplicationHoldsTheRollout(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	missing := &argocd.Application{}
	missing.Namespace, missing.Name = "argocd", "core-"+cast[0]
	g.Expect(th.Delete(t.Context(), missing)).To(Succeed())
	th.set(t, promotionTo(good))
	p := th.play(t, "all")
	g.Expect(conditionOf(p, v1alpha1.ConditionReady).Message).To(HavePrefix("RolledOut: virginia: core is ApplicationMissing"))
	g.Expect(th.pins(t)).To(Equal("virginia core@b unkey-api@b, dublin core@a unkey-api@a, tokyo core@a unkey-api@a"))
	g.Expect(p.Status.Rollout.Phase).To(Equal(v1alpha1.RolloutProgressing))
}

func TestSecondPassOfASettledPromotionWritesNothing(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	th.set(t, promotionTo(good))
	settled := th.play(t, "all").ResourceVersion
	g.Expect(th.pass(t, "all").ResourceVersion).To(Equal(settled))
}

func TestARegionKeepsItsTurnWhileItsProfileIsMissing(t *testing.T) {
	for name, passes := range map[string]int{"from the beginning": 0, "later": 1} {
		t.Run(name, func(t *testing.T) { keepsItsTurn(t, passes) })
	}
}

func keepsItsTurn(t *testing.T, passes int) {
	t.Helper()
	g := NewWithT(t)
	th := newTheatre(t)
	th.set(t, promotionTo(good))
	for range passes {
		th.pass(t, "all")
	}
	profile := func(name string) {
		region := &v1alpha1.Region{}
		g.Expect(th.Get(t.Context(), client.ObjectKey{Namespace: "fleet", Name: cast[2]}, region)).To(Succeed())
		region.Spec.Profile = name
		g.Expect(th.Update(t.Context(), region)).To(Succeed())
	}
	profile("missing")
	last := th.play(t, "all").Status.Rollout.Waves[0].Regions[2]
	g.Expect(last).To(And(HaveField("Region", cast[2]), HaveField("State", v1alpha1.RegionRolloutHeld), HaveField("Reason", v1alpha1.ReasonRegionUnknown)))
	g.Expect(th.pins(t)).To(HaveSuffix("dublin core@b unkey-api@b, tokyo core@a unkey-api@a"))
	profile("base")
	g.Expect(th.play(t, "all").Status.CurrentRevision).To(Equal(good))
}
