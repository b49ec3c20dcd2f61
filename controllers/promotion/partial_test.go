package promotion

import (
	"context"
	"errors"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// failing lets every write that fails tells of fail.
func (th *theatre) failing(fails func(name string) bool) {
	refuse := func(name string) error {
		if fails(name) {
			return errors.New("a webhook denied it")
		}
		return nil
	}
	c := interceptor.NewClient(th.WithWatch, interceptor.Funcs{
		Patch: func(ctx context.Context, c client.WithWatch, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
			if err := refuse(obj.GetName()); err != nil {
				return err
			}
			return c.Patch(ctx, obj, patch, opts...)
		},
		Apply: func(ctx context.Context, c client.WithWatch, obj runtime.ApplyConfiguration, opts ...client.ApplyOption) error {
			if named, ok := obj.(interface{ GetName() *string }); ok {
				if err := refuse(*named.GetName()); err != nil {
					return err
				}
			}
			return c.Apply(ctx, obj, opts...)
		},
	})
	th.reconciler.ArgoCD.Client = c
}

// once makes a pass that may fail somewhere.
func (th *theatre) once(t *testing.T) {
	t.Helper()
	g := NewWithT(t)
	p := &v1alpha1.Promotion{}
	g.Expect(th.Get(t.Context(), client.ObjectKey{Namespace: "fleet", Name: "all"}, p)).To(Succeed())
	_, _ = th.reconciler.Reconcile(t.Context(), p)
}

func TestARegionThatCannotBeWrittenHoldsUpNoOther(t *testing.T) {
	for name, tc := range map[string]struct {
		fails func(string) bool
		want  v1alpha1.RegionRolloutState
	}{
		"when its pins are written": {func(name string) bool {
			return name == argocd.SecretName(plan.ClusterName(regionNamed("dublin", 0)))
		}, v1alpha1.RegionRolloutPending},
		"when Argo CD is asked to confirm": {func(name string) bool {
			return name == "core-dublin"
		}, v1alpha1.RegionRolloutMoving},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			th := newTheatre(t)
			th.failing(tc.fails)
			p := promotionTo(good)
			p.Spec.Waves = []v1alpha1.PromotionWave{{Name: "all", Regions: cast}}
			th.set(t, p)
			for range 20 {
				th.once(t)
				th.act(t)
			}
			g.Expect(th.Get(t.Context(), client.ObjectKeyFromObject(p), p)).To(Succeed())
			g.Expect(conditionOf(p, v1alpha1.PromotionRolledOut).Message).To(ContainSubstring("a webhook denied it"), "it is tried again, and told")
			g.Expect(p.Status.Rollout.Waves[0].Regions).To(HaveExactElements(
				HaveField("State", v1alpha1.RegionRolloutPassed),
				And(HaveField("Region", "dublin"), HaveField("State", tc.want)),
				HaveField("State", v1alpha1.RegionRolloutPassed)))
		})
	}
}

func TestARegionThatCannotBeWrittenKeepsNoOtherFromGoingBack(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	p := promotionTo(bad)
	p.Spec.OnFailure = v1alpha1.FailureRollback
	p.Spec.Waves = []v1alpha1.PromotionWave{{Name: "all", Regions: cast}}
	th.set(t, p)
	th.pass(t, "all")
	g.Expect(th.pins(t)).To(Equal("virginia core@c unkey-api@c, dublin core@c unkey-api@c, tokyo core@c unkey-api@c"))
	th.failing(func(name string) bool { // the last one is the first to go back
		return name == argocd.SecretName(plan.ClusterName(regionNamed("tokyo", 0)))
	})
	for range 45 { // the bad revision never gets healthy, which takes its deadline
		th.act(t)
		th.once(t)
	}
	g.Expect(th.pins(t)).To(HavePrefix("virginia core@a unkey-api@a, dublin core@a unkey-api@a, tokyo"))
	g.Expect(th.Get(t.Context(), client.ObjectKeyFromObject(p), p)).To(Succeed())
	g.Expect(p.Status.Rollout.Phase).To(Equal(v1alpha1.RolloutRollingBack))
	th.failing(func(string) bool { return false })
	g.Expect(th.play(t, "all").Status.Rollout.Phase).To(Equal(v1alpha1.RolloutRolledBack))
}

// Argo CD may not get through because of what it was given: the way back is open.
func TestARegionThatArgoCDDoesNotReachGoesBack(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	th.set(t, promotionTo(good))
	th.pass(t, "all")
	th.act(t)
	blind := th.applicationsOf(t, "virginia")["core"]
	deployed(blind, th.clock.Now())
	blind.Status.Sync.Status = "Unknown"
	blind.Status.Conditions = []argocd.Condition{{Type: "ComparisonError", Message: `Failed to load live state: Get "https://x": dial tcp 10.0.0.1:443: i/o timeout`}}
	g.Expect(th.Update(t.Context(), blind)).To(Succeed())
	p := th.pass(t, "all")
	g.Expect(conditionOf(p, v1alpha1.PromotionRolledOut).Message).To(HavePrefix("virginia: core is ClusterUnreachable: "))
	g.Expect(th.pins(t)).To(Equal("virginia core@b unkey-api@b, dublin core@a unkey-api@a, tokyo core@a unkey-api@a"))

	th.set(t, promotionTo(old))
	th.pass(t, "all")
	g.Expect(th.pins(t)).To(HavePrefix("virginia core@a unkey-api@a"))
}

const conflicted = "<<<<<<< HEAD\nrevision: x\n=======\n"

func TestAFileThatCannotBeChangedKeepsNoOtherFromGoingBack(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	branch, byGit := th.inGit(t, ownFiles)
	p := byGit(promotionTo(bad))
	p.Spec.OnFailure, p.Spec.Waves = v1alpha1.FailureRollback, []v1alpha1.PromotionWave{{Name: "all", Regions: cast}}
	th.set(t, p)
	th.pass(t, "all")
	const path = "promotions/production001/tokyo/core.yaml"
	branch.files[path] = []byte(conflicted)
	p = th.playToTheDeadline(t, "all")
	g.Expect(p.Status.Rollout.Phase).To(Equal(v1alpha1.RolloutRollingBack))
	g.Expect(th.pins(t)).To(Equal("virginia core@a unkey-api@a, dublin core@a unkey-api@a, tokyo core@c unkey-api@a"))
	rolledOut := conditionOf(p, v1alpha1.PromotionRolledOut)
	g.Expect(rolledOut.Reason).To(Equal(v1alpha1.ReasonNotDelivered))
	g.Expect(rolledOut.Message).To(HavePrefix("changing " + path + ": "))
	g.Expect(string(branch.files[path])).To(Equal(conflicted))

	branch.files[path] = []byte("revision: " + string(bad) + "\n")
	g.Expect(th.play(t, "all").Status.Rollout.Phase).To(Equal(v1alpha1.RolloutRolledBack))
	g.Expect(th.pins(t)).To(HaveSuffix("tokyo core@a unkey-api@a"))
}

func TestAnApplicationOfSomebodyElseKeepsNoOtherFromGoingBack(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	th.deployedFrom = func(region, app string) string { return th.applicationsOf(t, region)[app].Spec.Source.TargetRevision }
	p := promotionTo(bad)
	p.Spec.Delivery.Application = &v1alpha1.ApplicationDelivery{}
	p.Spec.OnFailure, p.Spec.Waves = v1alpha1.FailureRollback, []v1alpha1.PromotionWave{{Name: "all", Regions: cast}}
	th.set(t, p)
	th.pass(t, "all")
	owned := th.applicationsOf(t, "tokyo")["core"]
	owned.OwnerReferences = []metav1.OwnerReference{{APIVersion: "argoproj.io/v1alpha1", Kind: "ApplicationSet", Name: "core", UID: "1"}}
	g.Expect(th.Update(t.Context(), owned)).To(Succeed())
	p = th.playToTheDeadline(t, "all")
	g.Expect(p.Status.Rollout.Phase).To(Equal(v1alpha1.RolloutRollingBack))
	g.Expect(th.pins(t)).To(Equal("virginia core@a unkey-api@a, dublin core@a unkey-api@a, tokyo core@c unkey-api@a"))
	g.Expect(conditionOf(p, v1alpha1.PromotionRolledOut).Reason).To(Equal(v1alpha1.ReasonApplicationOwned))
}

// A region in which a pin cannot be put right says so, and the rollout goes on.
func TestAPinThatCannotBePutRightHoldsUpNoOtherRegion(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	branch, byGit := th.inGit(t, ownFiles)
	th.set(t, byGit(promotionTo(good)))
	for p := th.pass(t, "all"); p.Status.Rollout.Waves[0].Regions[0].State != v1alpha1.RegionRolloutPassed; p = th.pass(t, "all") {
		th.act(t)
	}
	branch.files["promotions/production001/virginia/core.yaml"] = []byte(conflicted)
	for range 30 { // each takes the time after which what failed is tried again
		th.act(t)
		th.pass(t, "all")
	}
	p := th.pass(t, "all")
	g.Expect(th.pins(t)).To(Equal("virginia core@b unkey-api@b, dublin core@b unkey-api@b, tokyo core@b unkey-api@b"))
	g.Expect(p.Status.Rollout.Phase).To(Equal(v1alpha1.RolloutCompleted))
	g.Expect(conditionOf(p, v1alpha1.PromotionRolledOut).Reason).To(Equal(v1alpha1.ReasonNotDelivered))
}

// Nothing announces that a soak is over, or what is to be done after what was done.
func TestAPinThatCannotBePutRightLeavesOthersTheirPace(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	th.reconciler.Poll = time.Hour // after which what failed is tried again
	branch, byGit := th.inGit(t, ownFiles)
	p := byGit(promotionTo(good))
	soakFor(90 * time.Second)(&p.Spec)
	th.set(t, p)
	for p = th.pass(t, "all"); p.Status.Rollout.Waves[0].Regions[0].State != v1alpha1.RegionRolloutPassed; p = th.pass(t, "all") {
		th.act(t)
	}
	branch.files["promotions/production001/virginia/core.yaml"] = []byte(conflicted)
	dublin := func() *v1alpha1.RegionProgress { return &p.Status.Rollout.Waves[0].Regions[1] }
	for asked := false; dublin().State != v1alpha1.RegionRolloutSoaking; asked = dublin().ConfirmAt != nil {
		th.act(t)
		g.Expect(th.Get(t.Context(), client.ObjectKeyFromObject(p), p)).To(Succeed())
		result, err := th.reconciler.Reconcile(t.Context(), p)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(conditionOf(p, v1alpha1.PromotionRolledOut).Reason).To(Equal(v1alpha1.ReasonNotDelivered))
		if dublin().ConfirmAt != nil && !asked {
			g.Expect(result.RequeueAfter).To(Equal(atOnce))
		}
		if dublin().State == v1alpha1.RegionRolloutSoaking {
			g.Expect(result.RequeueAfter).To(BeNumerically("<=", 90*time.Second))
			th.clock.SetTime(th.clock.Now().Add(result.RequeueAfter))
		}
		if th.passes++; th.passes > 40 {
			t.Fatal("dublin never soaks")
		}
	}
	p = th.pass(t, "all")
	g.Expect(dublin().State).To(Equal(v1alpha1.RegionRolloutPassed))
	g.Expect(th.pins(t)).To(HaveSuffix("tokyo core@b unkey-api@b"), "it is its turn")
}

// An application that joins a profile has no Application yet, and the rollout that began without it may be
// held from beginning anew for as long as a pause lasts.
func TestAnApplicationThatJoinsKeepsNoRegionFromBeingConfirmed(t *testing.T) {
	g := NewWithT(t)
	th := newTheatre(t)
	p := promotionTo(good)
	p.Spec.Waves = []v1alpha1.PromotionWave{{Name: "all", Regions: cast}}
	th.set(t, p)
	th.pass(t, "all")
	th.environment(t, func(env *v1alpha1.Environment) {
		for i := range env.Spec.Profiles {
			env.Spec.Profiles[i].Applications = append(env.Spec.Profiles[i].Applications, v1alpha1.Application{Name: "billing"})
		}
	})
	g.Expect(th.Get(t.Context(), client.ObjectKeyFromObject(p), p)).To(Succeed())
	p.Spec.Paused = true
	g.Expect(th.Update(t.Context(), p)).To(Succeed())
	for range 20 {
		th.act(t)
		th.once(t)
	}
	g.Expect(th.Get(t.Context(), client.ObjectKeyFromObject(p), p)).To(Succeed())
	g.Expect(p.Status.Rollout.Waves[0].Regions).To(HaveEach(HaveField("State", v1alpha1.RegionRolloutPassed)))
}
