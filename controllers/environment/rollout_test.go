package environment_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/environment"
	"github.com/portolan-dev/portolan/controllers/internal/revision"
	"github.com/portolan-dev/portolan/controllers/internal/testenv"
	"github.com/portolan-dev/portolan/controllers/internal/testenv/build"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// Regions in the order of their turns: they are created in the same second.
const first, second, third = "eu-west-1", "us-east-1", "us-west-2"

// fleet is an Environment with its Regions, whose reconciler the specs play.
type fleet struct {
	*testenv.World
	reconciler *environment.Reconciler
	env        *v1alpha1.Environment
}

func newFleet(ctx context.Context, edits ...func(*v1alpha1.Environment)) *fleet {
	GinkgoHelper()
	w := env.World(ctx)
	f := &fleet{
		World: w,
		reconciler: environment.NewReconciler(environment.Deps{
			Client: w.Recorder, Live: w.Recorder, Clock: w.Clock, Events: w.Events, Resync: testenv.Resync,
		}),
		env: build.Environment(w.Namespace, edits...),
	}
	w.ExpectApplied(ctx, f.env)
	return f
}

// join adds a Region that is Ready with the newest revision of the profile.
func (f *fleet) join(ctx context.Context, names ...string) {
	GinkgoHelper()
	for _, name := range names {
		region := build.Region(f.Namespace, v1alpha1.AWSRegion(name))
		region.Status.ProfileRevision = f.newest()
		region.Generation = 1
		become(metav1.ConditionTrue, v1alpha1.ReasonSucceeded)(region)
		f.ExpectApplied(ctx, region)
	}
	f.pass(ctx)
}

func (f *fleet) pass(ctx context.Context) {
	GinkgoHelper()
	testenv.ExpectReconciled(ctx, env, f.reconciler, f.env)
}

func (f *fleet) newest() string {
	GinkgoHelper()
	rev, err := plan.ProfileRevisionOf(f.env, build.ProfileName)
	Expect(err).NotTo(HaveOccurred())
	return rev.Name()
}

// change edits the Environment and returns the new revision.
func (f *fleet) change(ctx context.Context, edit func(*v1alpha1.EnvironmentSpec)) string {
	GinkgoHelper()
	testenv.ExpectUpdated(ctx, env, f.env, func(e *v1alpha1.Environment) { edit(&e.Spec) })
	f.pass(ctx)
	return f.newest()
}

// edit changes a Region's spec.
func (f *fleet) edit(ctx context.Context, name string, edit func(*v1alpha1.Region)) {
	GinkgoHelper()
	testenv.ExpectUpdated(ctx, env, build.Region(f.Namespace, v1alpha1.AWSRegion(name)), edit)
	f.pass(ctx)
}

// report changes a Region's status.
func (f *fleet) report(ctx context.Context, name string, edit func(*v1alpha1.Region)) {
	GinkgoHelper()
	region := build.Region(f.Namespace, v1alpha1.AWSRegion(name))
	f.ExpectRefreshed(ctx, region)
	edit(region)
	Expect(env.Client.Status().Update(ctx, region)).To(Succeed())
	f.pass(ctx)
}

// settle reports a Region Ready with what it was given.
func (f *fleet) settle(ctx context.Context, name string) {
	GinkgoHelper()
	f.report(ctx, name, func(r *v1alpha1.Region) {
		for _, given := range f.env.Status.Revisions {
			if given.Region == name {
				r.Status.ProfileRevision = given.Revision
			}
		}
		become(metav1.ConditionTrue, v1alpha1.ReasonSucceeded)(r)
	})
}

func become(status metav1.ConditionStatus, reason string) func(*v1alpha1.Region) {
	return func(r *v1alpha1.Region) {
		meta.SetStatusCondition(&r.Status.Conditions, metav1.Condition{
			Type: v1alpha1.ConditionReady, Status: status, Reason: reason, ObservedGeneration: r.Generation,
		})
	}
}

// revisions is "<revision> <state>" by region.
func (f *fleet) revisions() map[string]string {
	all := map[string]string{}
	for _, r := range f.env.Status.Revisions {
		all[r.Region] = r.Revision + " " + string(r.State)
	}
	return all
}

func (f *fleet) records(ctx context.Context) []string {
	GinkgoHelper()
	list := &appsv1.ControllerRevisionList{}
	Expect(env.Client.List(ctx, list, client.InNamespace(f.Namespace))).To(Succeed())
	var names []string
	for _, r := range list.Items {
		names = append(names, r.Name)
	}
	return names
}

func version(v string) func(*v1alpha1.EnvironmentSpec) {
	return func(s *v1alpha1.EnvironmentSpec) { s.Profiles[0].KubernetesVersion = v }
}

var _ = Describe("A changed Environment", func() {
	var f *fleet
	var original string
	BeforeEach(func(ctx SpecContext) {
		f = newFleet(ctx)
		original = f.newest()
		f.join(ctx, first, second)
	})

	It("has nothing to roll out before it is changed", func(ctx SpecContext) {
		Expect(f.revisions()).To(Equal(map[string]string{first: original + " Current", second: original + " Current"}))
		Expect(f.env).To(testenv.HaveCondition("RolledOut", "True", "Succeeded"))
		f.Recorder.ExpectNoWrites(func() { f.pass(ctx) })
	})

	It("reaches a region only when the one before is Ready with it", func(ctx SpecContext) {
		changed := f.change(ctx, version("1.35"))
		Expect(f.revisions()).To(Equal(map[string]string{first: changed + " Changing", second: original + " Waiting"}))
		Expect(f.env).To(testenv.HaveCondition("RolledOut", "Unknown", "RollingOut", "eu-west-1 is being changed; us-east-1 waits"))
		Expect(f.env).To(testenv.HaveCondition("Ready", "True", "Succeeded"), "a rollout is no fault of the Environment")
		f.Recorder.ExpectNoWrites(func() { f.pass(ctx) })

		f.report(ctx, first, become(metav1.ConditionUnknown, v1alpha1.ReasonUpgrading))
		Expect(f.revisions()).To(HaveKeyWithValue(second, original+" Waiting"))
		f.report(ctx, first, become(metav1.ConditionTrue, v1alpha1.ReasonSucceeded))
		Expect(f.revisions()).To(HaveKeyWithValue(second, original+" Waiting"), "Ready, but with the old one")

		f.settle(ctx, first)
		Expect(f.revisions()).To(Equal(map[string]string{first: changed + " Current", second: changed + " Changing"}))
		f.settle(ctx, second)
		Expect(f.revisions()).To(Equal(map[string]string{first: changed + " Current", second: changed + " Current"}))
		Expect(f.env).To(testenv.HaveCondition("RolledOut", "True", "Succeeded"))
		f.Recorder.ExpectNoWrites(func() { f.pass(ctx) })
	})

	It("keeps to itself what counts at once", func(ctx SpecContext) {
		f.change(ctx, func(s *v1alpha1.EnvironmentSpec) {
			s.DNS.Zones = []v1alpha1.DNSZone{{Name: "aws.unkey.cloud"}}
			s.Rollout.MaxConcurrentRegions = 3
		})
		Expect(f.revisions()).To(Equal(map[string]string{first: original + " Current", second: original + " Current"}))
	})

	It("stops at a region that it breaks, and brings the cure there first", func(ctx SpecContext) {
		f.change(ctx, version("1.35"))
		f.report(ctx, first, become(metav1.ConditionFalse, v1alpha1.ReasonRejectedByAWS))
		Expect(f.revisions()).To(HaveKeyWithValue(second, original+" Waiting"))
		Expect(f.env).To(testenv.HaveCondition("RolledOut", "Unknown", "RollingOut", "eu-west-1 is not Ready (RejectedByAWS): put it right"))
		Expect(f.env.Status.Revisions[1].Message).To(ContainSubstring("eu-west-1 is not Ready (RejectedByAWS): put it right, pause its Region"))

		cure := f.change(ctx, version("1.36"))
		Expect(f.revisions()).To(Equal(map[string]string{first: cure + " Changing", second: original + " Waiting"}))
		f.settle(ctx, first)
		Expect(f.revisions()).To(Equal(map[string]string{first: cure + " Current", second: cure + " Changing"}))
	})

	It("touches nothing healthy while something else is broken", func(ctx SpecContext) {
		f.join(ctx, third)
		f.report(ctx, third, become(metav1.ConditionUnknown, v1alpha1.ReasonClusterUnreachable))
		f.change(ctx, func(s *v1alpha1.EnvironmentSpec) { s.Rollout.Paused = true; version("1.35")(s) })
		Expect(f.env).To(testenv.HaveCondition("RolledOut", "Unknown", "RolloutHeld", "spec.rollout.paused is true"))

		changed := f.change(ctx, func(s *v1alpha1.EnvironmentSpec) { s.Rollout.Paused = false })
		Expect(f.revisions()).To(Equal(map[string]string{
			first: original + " Waiting", second: original + " Waiting", third: changed + " Changing",
		}), "the broken one may be cured by it")

		f.edit(ctx, third, func(r *v1alpha1.Region) { r.Spec.Paused = true })
		Expect(f.revisions()).To(Equal(map[string]string{
			first: changed + " Changing", second: original + " Waiting", third: changed + " Paused",
		}), "it is in nobody's way now")
	})

	It("reaches as many at a time as it says", func(ctx SpecContext) {
		f.join(ctx, third)
		changed := f.change(ctx, func(s *v1alpha1.EnvironmentSpec) { s.Rollout.MaxConcurrentRegions = 2; version("1.35")(s) })
		Expect(f.revisions()).To(Equal(map[string]string{
			first: changed + " Changing", second: changed + " Changing", third: original + " Waiting",
		}))
		f.settle(ctx, second)
		Expect(f.revisions()).To(HaveKeyWithValue(third, changed+" Changing"))
	})

	DescribeTable("leaves alone a Region", func(ctx SpecContext, edit func(*v1alpha1.Region)) {
		f.edit(ctx, first, edit)
		changed := f.change(ctx, version("1.35"))
		Expect(f.revisions()).To(Equal(map[string]string{first: original + " Paused", second: changed + " Changing"}))
		f.settle(ctx, second)
		Expect(f.env).To(testenv.HaveCondition("RolledOut", "True", "Succeeded"))
	},
		Entry("that is paused", func(r *v1alpha1.Region) { r.Spec.Paused = true }),
		Entry("that is only observed", func(r *v1alpha1.Region) { r.Spec.ManagementPolicy = v1alpha1.ManagementObserve }),
	)

	It("leaves alone a Region that is being deleted, and forgets it when it is gone", func(ctx SpecContext) {
		leaving := build.Region(f.Namespace, first)
		f.edit(ctx, first, func(r *v1alpha1.Region) { controllerutil.AddFinalizer(r, v1alpha1.RegionFinalizer) })
		f.ExpectDeleted(ctx, leaving)
		changed := f.change(ctx, version("1.35"))
		Expect(f.revisions()).To(Equal(map[string]string{first: original + " Paused", second: changed + " Changing"}))

		f.edit(ctx, first, func(r *v1alpha1.Region) { r.Finalizers = nil })
		Expect(f.revisions()).To(Equal(map[string]string{second: changed + " Changing"}))
	})

	It("gives no turn to a Region that was never Ready, and does not wait for it", func(ctx SpecContext) {
		building := build.Region(f.Namespace, third)
		become(metav1.ConditionUnknown, v1alpha1.ReasonCreating)(building)
		f.ExpectApplied(ctx, building)
		changed := f.change(ctx, version("1.35"))
		Expect(f.revisions()).To(Equal(map[string]string{first: changed + " Changing", second: original + " Waiting"}))

		f.report(ctx, third, func(r *v1alpha1.Region) { r.Status.ProfileRevision = changed })
		Expect(f.revisions()).To(HaveKeyWithValue(third, changed+" Current"), "from now on it has turns")
	})

	It("gives a Region that picks another profile what it asks for at once", func(ctx SpecContext) {
		f.change(ctx, func(s *v1alpha1.EnvironmentSpec) {
			s.Rollout.Paused = true
			s.Profiles = append(s.Profiles, build.Profile(func(p *v1alpha1.Profile) { p.Name = "edge" }))
		})
		f.edit(ctx, second, func(r *v1alpha1.Region) { r.Spec.Profile = "edge" })
		edge, err := plan.ProfileRevisionOf(f.env, "edge")
		Expect(err).NotTo(HaveOccurred())
		Expect(f.revisions()).To(Equal(map[string]string{first: original + " Current", second: edge.Name() + " Changing"}))

		f.edit(ctx, second, func(r *v1alpha1.Region) { r.Spec.Profile = "lost" })
		Expect(f.revisions()).To(HaveKeyWithValue(second, edge.Name()+" Waiting"))
		Expect(f.env).To(testenv.HaveCondition("RolledOut", "Unknown", "RolloutHeld", "has no profile lost; it has standard, edge"))
	})

	It("goes nowhere while a profile is invalid", func(ctx SpecContext) {
		testenv.ExpectUpdated(ctx, env, f.env, func(e *v1alpha1.Environment) {
			version("1.35")(&e.Spec)
			e.Spec.Profiles = append(e.Spec.Profiles, v1alpha1.Profile{Name: "empty"})
		})
		f.pass(ctx)
		Expect(f.env).To(testenv.HaveCondition("RolledOut", "Unknown", "Blocked", "ProfilesValid"))
		Expect(f.revisions()).To(Equal(map[string]string{first: original + " Current", second: original + " Current"}))
		f.Recorder.ExpectNoWrites(func() { f.pass(ctx) })
	})

	It("keeps records of what regions follow, and of nothing else", func(ctx SpecContext) {
		Expect(f.records(ctx)).To(HaveExactElements("production001-" + original))
		skipped := f.change(ctx, version("1.35"))
		changed := f.change(ctx, version("1.36"))
		Expect(f.records(ctx)).To(ConsistOf("production001-"+original, "production001-"+skipped, "production001-"+changed))

		records := &revision.Records{Client: f.Recorder, Clock: f.Clock}
		kept, err := records.Load(ctx, f.env, original)
		Expect(err).NotTo(HaveOccurred())
		Expect(kept.Name()).To(Equal(original))
		Expect(kept.Profile.KubernetesVersion).To(Equal("1.34"))

		f.later(ctx, original)
		f.pass(ctx)
		Expect(f.records(ctx)).To(ConsistOf("production001-"+original, "production001-"+changed), "nobody is on the way to the one between")
		f.settle(ctx, first)
		Expect(f.records(ctx)).To(ConsistOf("production001-"+original, "production001-"+changed), "the second one has the old one")
		f.settle(ctx, second)
		Expect(f.records(ctx)).To(HaveExactElements("production001-" + changed))
		f.Recorder.ExpectNoWrites(func() { f.pass(ctx) })
	})

	It("writes a record before it lets a region follow it", func(ctx SpecContext) {
		f.Recorder.Reset()
		changed := f.change(ctx, version("1.35"))
		Expect(f.Recorder.Writes()).To(HaveExactElements("create ControllerRevision production001-"+changed, "patch Environment production001 status"))
	})
})

// later moves the clock, which is not the API server's, to where records may be pruned.
func (f *fleet) later(ctx context.Context, revision string) {
	GinkgoHelper()
	record := &appsv1.ControllerRevision{}
	Expect(env.Client.Get(ctx, client.ObjectKey{Namespace: f.Namespace, Name: "production001-" + revision}, record)).To(Succeed())
	f.Clock.SetTime(record.CreationTimestamp.Add(time.Hour))
}
