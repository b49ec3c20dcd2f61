package environment_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/environment"
	"github.com/portolan-dev/portolan/controllers/internal/testenv"
	"github.com/portolan-dev/portolan/controllers/internal/testenv/build"
)

var _ = Describe("Environment", func() {
	var (
		w          *testenv.World
		reconciler *environment.Reconciler
		subject    *v1alpha1.Environment
	)
	BeforeEach(func(ctx SpecContext) {
		w = env.World(ctx)
		reconciler = environment.NewReconciler(environment.Deps{
			Client: w.Recorder, Live: w.Recorder, Clock: w.Clock, Events: w.Events, Resync: testenv.Resync,
		})
		subject = build.Environment(w.Namespace)
	})
	pass := func(ctx SpecContext) reconcile.Result {
		GinkgoHelper()
		return testenv.ExpectReconciled(ctx, env, reconciler, subject)
	}

	It("is ready when its plan and its profiles make sense", func(ctx SpecContext) {
		w.ExpectApplied(ctx, subject)
		result := pass(ctx)
		Expect(subject).To(testenv.HaveCondition("AddressPlanValid", "True", "Succeeded"))
		Expect(subject).To(testenv.HaveCondition("ProfilesValid", "True", "Succeeded"))
		Expect(subject).To(testenv.HaveCondition("Ready", "True", "Succeeded"))
		Expect(subject.Status.ObservedGeneration).To(Equal(subject.Generation))
		Expect(result.RequeueAfter).To(Equal(testenv.Resync))

		w.Clock.Step(testenv.Resync)
		w.Recorder.ExpectNoWrites(func() { pass(ctx) })
	})

	DescribeTable("stalls on", func(ctx SpecContext, edit func(*v1alpha1.EnvironmentSpec), condition, reason string, inMessage ...string) {
		valid := subject.Spec.DeepCopy()
		edit(&subject.Spec)
		w.ExpectApplied(ctx, subject)
		pass(ctx)
		Expect(subject).To(testenv.HaveCondition(condition, "False", reason, inMessage...))
		Expect(subject).To(testenv.HaveCondition("Ready", "False", reason))
		Expect(subject).To(testenv.HaveCondition("Stalled", "True", reason))
		w.Recorder.ExpectNoWrites(func() { pass(ctx) })

		testenv.ExpectUpdated(ctx, env, subject, func(e *v1alpha1.Environment) { e.Spec = *valid })
		pass(ctx)
		Expect(subject).To(testenv.HaveCondition("Ready", "True", "Succeeded"))
		Expect(subject).To(testenv.HaveNoCondition("Stalled"))
	},
		Entry("assignments that overlap",
			func(s *v1alpha1.EnvironmentSpec) { s.Network.Assignments[1].CIDR = "10.16.0.0/20" },
			"AddressPlanValid", "InvalidPlan", "the assignment of us-east-1, 10.16.0.0/20, overlaps 10.16.0.0/18, held by the assignment of eu-west-1"),
		Entry("an assignment in a reserved range",
			func(s *v1alpha1.EnvironmentSpec) { s.Network.Reserved = []v1alpha1.CIDR{"10.16.64.0/24"} },
			"AddressPlanValid", "InvalidPlan", "overlaps 10.16.64.0/24, held by a reserved range"),
		Entry("a profile without a version",
			func(s *v1alpha1.EnvironmentSpec) { s.Profiles[0].KubernetesVersion = "" },
			"ProfilesValid", "InvalidProfile", "has no kubernetesVersion"),
		Entry("a profile that extends a missing one",
			func(s *v1alpha1.EnvironmentSpec) { s.Profiles[0].Extends = "base" },
			"ProfilesValid", "InvalidProfile", "profile standard extends base, which environment production001 does not have"),
		Entry("profiles that extend one another",
			func(s *v1alpha1.EnvironmentSpec) {
				s.Profiles[0].Extends = "edge"
				s.Profiles = append(s.Profiles, build.Profile(func(p *v1alpha1.Profile) { p.Name, p.Extends = "edge", "standard" }))
			},
			"ProfilesValid", "InvalidProfile", "in a circle"),
	)

	It("accepts a profile that is only a part of others", func(ctx SpecContext) {
		subject.Spec.Profiles[0].Extends = "base"
		subject.Spec.Profiles[0].KubernetesVersion = "1.34"
		subject.Spec.Profiles = append(subject.Spec.Profiles, v1alpha1.Profile{Name: "base", Addons: []v1alpha1.Addon{{Name: "coredns"}}})
		w.ExpectApplied(ctx, subject)
		pass(ctx)
		Expect(subject).To(testenv.HaveCondition("Ready", "True", "Succeeded"))
	})

	It("counts its own Regions and those that are Ready", func(ctx SpecContext) {
		ready := build.Region(w.Namespace, "eu-west-1")
		ready.Status.Conditions = []metav1.Condition{{Type: "Ready", Status: "True", Reason: "Succeeded", LastTransitionTime: metav1.NewTime(w.Clock.Now())}}
		elsewhere := build.Region(w.Namespace, "sa-east-1", func(r *v1alpha1.Region) { r.Spec.EnvironmentRef.Name = "staging001" })
		w.ExpectApplied(ctx, subject, ready, build.Region(w.Namespace, "us-east-1"), elsewhere)
		pass(ctx)
		Expect(subject.Status.Regions).To(BeEquivalentTo(2))
		Expect(subject.Status.ReadyRegions).To(BeEquivalentTo(1))
		w.Recorder.ExpectNoWrites(func() { pass(ctx) })
	})

	It("takes back the blocks of Regions that are gone, and of no others", func(ctx SpecContext) {
		leaving := build.Region(w.Namespace, "us-east-1")
		controllerutil.AddFinalizer(leaving, v1alpha1.RegionFinalizer)
		subject.Status.Allocations = []v1alpha1.Allocation{
			{Region: "eu-west-1", CIDR: "10.16.0.0/18"}, {Region: "gone", CIDR: "10.17.0.0/18"}, {Region: "us-east-1", CIDR: "10.16.64.0/18"},
		}
		w.ExpectApplied(ctx, subject, build.Region(w.Namespace, "eu-west-1"), leaving)
		w.ExpectDeleted(ctx, leaving)
		pass(ctx)
		Expect(subject.Status.Allocations).To(HaveExactElements(HaveField("Region", "eu-west-1"), HaveField("Region", "us-east-1")))
		w.Recorder.ExpectNoWrites(func() { pass(ctx) })
	})

	It("announces changes and nothing else", func(ctx SpecContext) {
		w.ExpectApplied(ctx, subject)
		pass(ctx)
		Expect(w.EmittedEvents()).To(ContainElement("Normal Succeeded Ready is True"))
		pass(ctx)
		Expect(w.EmittedEvents()).To(BeEmpty())
	})

	It("ends without ado", func(ctx SpecContext) {
		controllerutil.AddFinalizer(subject, "testenv.portolan.dev/hold")
		w.ExpectApplied(ctx, subject)
		w.ExpectDeleted(ctx, subject)
		w.Recorder.ExpectNoWrites(func() { pass(ctx) })
		testenv.ExpectUpdated(ctx, env, subject, func(e *v1alpha1.Environment) { e.Finalizers = nil })
	})
})
