package environment

import (
	"context"
	"errors"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/step"
)

const resync = 10 * time.Minute

func environment() *v1alpha1.Environment {
	env := &v1alpha1.Environment{}
	env.Namespace, env.Name, env.Generation = "fleet", "production001", 3
	env.Spec.Network.Assignments = []v1alpha1.CIDRAssignment{{AWSRegion: "us-east-1", CIDR: "10.0.0.0/18"}}
	env.Spec.Profiles = []v1alpha1.Profile{{
		Name: "base", KubernetesVersion: "1.34", NodeGroups: []v1alpha1.NodeGroup{{Name: "system"}},
	}}
	return env
}

func regionOf(environment, name string, ready metav1.ConditionStatus) *v1alpha1.Region {
	region := &v1alpha1.Region{}
	region.Namespace, region.Name = "fleet", name
	region.Spec.EnvironmentRef.Name = environment
	region.Status.Conditions = []metav1.Condition{{Type: v1alpha1.ConditionReady, Status: ready}}
	return region
}

// world is a management cluster whose reads can fail and whose status writes are counted.
type world struct {
	client.WithWatch
	writes int
	asked  []string // the Regions that were read one by one
	broken error    // what reading a Region fails with
	// meanwhile happens before a status write.
	meanwhile func()
}

func newWorld(t *testing.T, objects ...client.Object) (*world, *Reconciler) {
	t.Helper()
	scheme := runtime.NewScheme()
	NewWithT(t).Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	NewWithT(t).Expect(appsv1.AddToScheme(scheme)).To(Succeed())
	w := &world{}
	w.WithWatch = fake.NewClientBuilder().WithScheme(scheme).WithObjects(objects...).WithStatusSubresource(&v1alpha1.Environment{}).
		WithInterceptorFuncs(interceptor.Funcs{
			Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
				if _, ok := obj.(*v1alpha1.Region); ok {
					w.asked = append(w.asked, key.Name)
					if w.broken != nil {
						return w.broken
					}
				}
				return c.Get(ctx, key, obj, opts...)
			},
			SubResourcePatch: func(ctx context.Context, c client.Client, sub string, obj client.Object, patch client.Patch, opts ...client.SubResourcePatchOption) error {
				w.writes++
				if w.meanwhile != nil {
					w.meanwhile()
				}
				return c.SubResource(sub).Patch(ctx, obj, patch, opts...)
			},
		}).Build()
	return w, NewReconciler(Deps{
		Client: w, Live: w, Clock: testingclock.NewFakePassiveClock(time.Unix(1, 0)), Events: events.NewFakeRecorder(64), Resync: resync,
	})
}

func (w *world) environment(t *testing.T) *v1alpha1.Environment {
	t.Helper()
	env := &v1alpha1.Environment{}
	NewWithT(t).Expect(w.Get(t.Context(), client.ObjectKeyFromObject(environment()), env)).To(Succeed())
	return env
}

func TestReconcile(t *testing.T) {
	for name, tc := range map[string]struct {
		change     func(*v1alpha1.Environment)
		wantStatus metav1.ConditionStatus
		wantReason string
	}{
		"valid": {wantStatus: metav1.ConditionTrue, wantReason: v1alpha1.ReasonSucceeded},
		"an address plan that contradicts itself": {
			change:     func(e *v1alpha1.Environment) { e.Spec.Network.Reserved = []v1alpha1.CIDR{"10.0.0.0/8"} },
			wantStatus: metav1.ConditionFalse, wantReason: v1alpha1.ReasonInvalidPlan,
		},
		"a profile that is incomplete": {
			change:     func(e *v1alpha1.Environment) { e.Spec.Profiles[0].NodeGroups = nil },
			wantStatus: metav1.ConditionFalse, wantReason: v1alpha1.ReasonInvalidProfile,
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			env := environment()
			if tc.change != nil {
				tc.change(env)
			}
			w, r := newWorld(t, env)
			for range 2 {
				g.Expect(r.Reconcile(t.Context(), w.environment(t))).To(Equal(reconcile.Result{RequeueAfter: resync}))
			}
			seen := w.environment(t)
			ready := meta.FindStatusCondition(seen.Status.Conditions, v1alpha1.ConditionReady)
			g.Expect(ready.Status).To(Equal(tc.wantStatus))
			g.Expect(ready.Reason).To(Equal(tc.wantReason))
			g.Expect(seen.Status.ObservedGeneration).To(Equal(seen.Generation))
			g.Expect(w.writes).To(Equal(1), "the second pass writes nothing")
		})
	}
}

func TestRegionsAreCounted(t *testing.T) {
	g := NewWithT(t)
	elsewhere := regionOf("production001", "elsewhere", metav1.ConditionTrue)
	elsewhere.Namespace = "other"
	w, r := newWorld(t, environment(), elsewhere,
		regionOf("production001", "a", metav1.ConditionTrue), regionOf("production001", "b", metav1.ConditionUnknown),
		regionOf("production001", "c", metav1.ConditionFalse), regionOf("staging", "d", metav1.ConditionTrue))
	for range 2 {
		_, err := r.Reconcile(t.Context(), w.environment(t))
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(w.environment(t).Status.Regions).To(Equal(int32(3)))
		g.Expect(w.environment(t).Status.ReadyRegions).To(Equal(int32(1)))
	}
}

func TestBlocksOfRegionsThatAreGoneAreTakenBack(t *testing.T) {
	g := NewWithT(t)
	env := environment()
	retained := v1alpha1.Allocation{Region: "forgotten", CIDR: "10.2.0.0/18", Retained: true}
	env.Status.Allocations = []v1alpha1.Allocation{
		{Region: "gone", CIDR: "10.0.0.0/18"}, {Region: "here", CIDR: "10.0.64.0/18"}, {Region: "lost", CIDR: "10.1.0.0/18"}, retained,
	}
	w, r := newWorld(t, env, regionOf("production001", "here", metav1.ConditionTrue))

	w.broken = errors.New("no quorum")
	_, err := r.Reconcile(t.Context(), w.environment(t))
	g.Expect(err).To(MatchError(w.broken))
	g.Expect(w.environment(t).Status.Allocations).To(HaveLen(4), "who cannot be asked for is not gone")

	w.broken = nil
	_, err = r.Reconcile(t.Context(), w.environment(t))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(w.environment(t).Status.Allocations).To(Equal([]v1alpha1.Allocation{{Region: "here", CIDR: "10.0.64.0/18"}, retained}))

	w.asked = nil
	_, err = r.Reconcile(t.Context(), w.environment(t))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(w.asked).To(BeEmpty(), "nobody is asked for who is there")
}

func TestARegionThatTheCacheDoesNotHaveYetKeepsItsBlock(t *testing.T) {
	g := NewWithT(t)
	env := environment()
	env.Status.Allocations = []v1alpha1.Allocation{{Region: "here", CIDR: "10.0.64.0/18"}}
	w, r := newWorld(t, env)
	live, _ := newWorld(t, regionOf("production001", "here", metav1.ConditionUnknown))
	r.Live = live
	_, err := r.Reconcile(t.Context(), w.environment(t))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(w.environment(t).Status.Allocations).To(HaveLen(1))
	g.Expect(live.asked).To(ConsistOf("here"))
}

func TestAStatusThatWasOvertakenIsNoFailure(t *testing.T) {
	g := NewWithT(t)
	w, r := newWorld(t, environment())
	w.meanwhile = func() { // a Region gets its block
		w.meanwhile = nil
		env := w.environment(t)
		env.Status.Allocations = []v1alpha1.Allocation{{Region: "here", CIDR: "10.0.64.0/18"}}
		g.Expect(w.WithWatch.Status().Update(t.Context(), env)).To(Succeed())
	}
	stale := w.environment(t)
	g.Expect(r.Reconcile(t.Context(), stale)).To(Equal(reconcile.Result{RequeueAfter: conflictRetry}))
	g.Expect(w.environment(t).Status.Allocations).To(HaveLen(1), "what was written meanwhile is still there")
	g.Expect(w.environment(t).Status.Conditions).To(BeEmpty())

	g.Expect(r.Reconcile(t.Context(), w.environment(t))).To(Equal(reconcile.Result{RequeueAfter: resync}))
	g.Expect(w.environment(t).Status.Conditions).NotTo(BeEmpty())
}

func TestAnEnvironmentThatIsBeingDeletedIsLeftAlone(t *testing.T) {
	g := NewWithT(t)
	env := environment()
	env.Finalizers = []string{"example.com/other"}
	w, r := newWorld(t, env)
	g.Expect(w.Delete(t.Context(), env)).To(Succeed())
	g.Expect(r.Reconcile(t.Context(), w.environment(t))).To(Equal(reconcile.Result{}))
	g.Expect(w.writes).To(BeZero())
}

func TestCheckProfiles(t *testing.T) {
	g := NewWithT(t)
	env := environment()
	g.Expect(checkProfiles(t.Context(), &scope{env: env})).To(Succeed())

	env.Spec.Profiles = append(env.Spec.Profiles, v1alpha1.Profile{Name: "a", Extends: "b"}, v1alpha1.Profile{Name: "b", Extends: "a"})
	err := checkProfiles(t.Context(), &scope{env: env})
	g.Expect(step.IsTerminal(err)).To(BeTrue(), "only an edit of the Environment helps")
	g.Expect(step.ReasonOf(err)).To(Equal(v1alpha1.ReasonInvalidProfile))
	g.Expect(err).To(MatchError(ContainSubstring("a → b → a")))
}

func TestFailuresAreNotFindings(t *testing.T) {
	g := NewWithT(t)
	broken := errors.New("broken")
	g.Expect(fromFinding(broken)).To(BeIdenticalTo(broken))
	g.Expect(fromFinding(nil)).To(Succeed())
}

func TestToEnvironment(t *testing.T) {
	g := NewWithT(t)
	g.Expect(toEnvironment(t.Context(), regionOf("production001", "a", metav1.ConditionTrue))).To(Equal([]reconcile.Request{
		{NamespacedName: client.ObjectKey{Namespace: "fleet", Name: "production001"}},
	}))
	g.Expect(toEnvironment(t.Context(), environment())).To(BeEmpty())
}

func TestWhatDecides(t *testing.T) {
	base := func() *v1alpha1.Region {
		region := regionOf("production001", "a", metav1.ConditionUnknown)
		region.Status.Conditions[0].Reason = v1alpha1.ReasonCreating
		return region
	}
	for name, tc := range map[string]struct {
		change func(*v1alpha1.Region)
		want   bool
	}{
		"nothing":                  {change: func(*v1alpha1.Region) {}},
		"another spec":             {func(r *v1alpha1.Region) { r.Generation++ }, true},
		"being deleted":            {func(r *v1alpha1.Region) { r.DeletionTimestamp = new(metav1.Unix(1, 0)) }, true},
		"the revision it has":      {func(r *v1alpha1.Region) { r.Status.ProfileRevision = newest }, true},
		"Ready":                    {func(r *v1alpha1.Region) { r.Status.Conditions[0].Status = metav1.ConditionTrue }, true},
		"why it is not Ready":      {func(r *v1alpha1.Region) { r.Status.Conditions[0].Reason = v1alpha1.ReasonUpgrading }, true},
		"Ready of the newest spec": {func(r *v1alpha1.Region) { r.Status.Conditions[0].ObservedGeneration++ }, true},
		"no Ready":                 {func(r *v1alpha1.Region) { r.Status.Conditions = nil }, true},
		"what Ready says in words": {change: func(r *v1alpha1.Region) { r.Status.Conditions[0].Message = "other" }},
		"another condition": {change: func(r *v1alpha1.Region) {
			r.Status.Conditions = append(r.Status.Conditions, metav1.Condition{Type: v1alpha1.RegionPlanned, Status: metav1.ConditionTrue})
		}},
		"its times": {change: func(r *v1alpha1.Region) { r.Status.Steps = []v1alpha1.StepTimes{{Name: "Planned"}} }},
	} {
		t.Run(name, func(t *testing.T) {
			before, after := base(), base()
			tc.change(after)
			NewWithT(t).Expect(!equality.Semantic.DeepEqual(whatDecides(before), whatDecides(after))).To(Equal(tc.want))
		})
	}
}
