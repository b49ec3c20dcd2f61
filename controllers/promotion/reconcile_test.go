package promotion_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
	"github.com/portolan-dev/portolan/controllers/internal/testenv"
	"github.com/portolan-dev/portolan/controllers/internal/testenv/build"
	"github.com/portolan-dev/portolan/controllers/plan"
	"github.com/portolan-dev/portolan/controllers/promotion"
)

// bed is an environment with two registered Regions that run unkey-api at
// build.Revision, and the Promotion that moves them on.
type bed struct {
	*testenv.World
	reconciler *promotion.Reconciler
	main       *v1alpha1.Promotion
	first      *v1alpha1.Region
	second     *v1alpha1.Region
}

func newBed(ctx context.Context) *bed {
	GinkgoHelper()
	w := env.World(ctx)
	b := &bed{
		World:  w,
		main:   build.Promotion(w.Namespace, "main"),
		first:  build.Region(w.Namespace, "eu-west-1"),
		second: build.Region(w.Namespace, "us-east-1"),
		reconciler: promotion.NewReconciler(promotion.Deps{
			Client: w.Recorder, Clock: w.Clock, Events: w.Events, ArgoCD: w.ArgoCD,
			Poll: testenv.Resync, SlowPoll: testenv.Resync, Resync: testenv.Resync,
		}),
	}
	b.ExpectApplied(ctx, build.Environment(w.Namespace), b.main, b.first, b.second)
	b.register(ctx, b.first, build.ApplicationName)
	b.register(ctx, b.second, build.ApplicationName)
	return b
}

// register makes a Region known to Argo CD, with applications that are healthy at build.Revision.
func (b *bed) register(ctx context.Context, region *v1alpha1.Region, apps ...string) {
	GinkgoHelper()
	pins := map[string]string{}
	for _, app := range apps {
		pins[v1alpha1.AnnotationRevisionPrefix+app] = string(build.Revision)
		b.ExpectApplied(ctx, build.Application(b.ArgoCD.Namespace, region.Name, app, build.Revision))
	}
	cluster := plan.ClusterName(region)
	Expect(b.ArgoCD.Bear(ctx, region, pins)).To(Succeed())
	_, err := b.ArgoCD.Register(ctx, argocd.Registration{
		Region: region, Labels: plan.Labels(region), Annotations: map[string]string{"portolan.dev/cluster-name": cluster},
	})
	Expect(err).NotTo(HaveOccurred())
}

// deploy plays ApplicationSet and Argo CD: the application becomes healthy at the
// revision, unless spoil says otherwise.
func (b *bed) deploy(ctx context.Context, region *v1alpha1.Region, app string, revision v1alpha1.GitRevision, spoil ...func(*argocd.Application)) {
	GinkgoHelper()
	deployed := build.Application(b.ArgoCD.Namespace, region.Name, app, revision)
	for _, s := range spoil {
		s(deployed)
	}
	before := &argocd.Application{}
	before.Namespace, before.Name = deployed.Namespace, deployed.Name
	b.ExpectRefreshed(ctx, before)
	deployed.ResourceVersion = before.ResourceVersion
	Expect(env.Client.Update(ctx, deployed)).To(Succeed())
}

func (b *bed) pin(ctx context.Context, region *v1alpha1.Region, app string) v1alpha1.GitRevision {
	GinkgoHelper()
	secret := &corev1.Secret{}
	Expect(env.Client.Get(ctx, b.ArgoCD.Key(region), secret)).To(Succeed())
	return v1alpha1.GitRevision(secret.Annotations[v1alpha1.AnnotationRevisionPrefix+app])
}

// reconcile makes passes as long as they ask for another one at once, and plays Argo CD's
// comparison wherever one is asked for.
func (b *bed) reconcile(ctx context.Context) reconcile.Result {
	GinkgoHelper()
	for range 30 {
		result := testenv.ExpectReconciled(ctx, env, b.reconciler, b.main)
		if !b.compare(ctx) && (result.IsZero() || result.RequeueAfter > time.Second) {
			return result
		}
	}
	Fail("the promotion never comes to rest")
	return reconcile.Result{}
}

const refresh = "argocd.argoproj.io/refresh"

// compare plays the comparisons that are asked for, and tells whether there were any.
func (b *bed) compare(ctx context.Context) bool {
	GinkgoHelper()
	list := &argocd.ApplicationList{}
	Expect(env.Client.List(ctx, list, client.InNamespace(b.ArgoCD.Namespace))).To(Succeed())
	asked := false
	for _, a := range list.Items {
		if a.Annotations[refresh] == "" || a.Labels[v1alpha1.LabelRegion] != b.first.Name && a.Labels[v1alpha1.LabelRegion] != b.second.Name {
			continue
		}
		asked = true
		delete(a.Annotations, refresh)
		a.Status.ReconciledAt = &metav1.Time{Time: b.Clock.Now()}
		Expect(env.Client.Update(ctx, &a)).To(Succeed())
	}
	return asked
}

// progress says how far a region has come.
func (b *bed) progress(region *v1alpha1.Region) v1alpha1.RegionProgress {
	GinkgoHelper()
	for _, w := range b.main.Status.Rollout.Waves {
		for _, at := range w.Regions {
			if at.Region == region.Name {
				return at
			}
		}
	}
	return v1alpha1.RegionProgress{}
}

// promote asks for the next revision and makes one pass.
func (b *bed) promote(ctx context.Context) {
	GinkgoHelper()
	testenv.ExpectUpdated(ctx, env, b.main, func(p *v1alpha1.Promotion) { p.Spec.Revision = build.NextRevision })
	b.reconcile(ctx)
}

var _ = Describe("Promotion", func() {
	var b *bed
	BeforeEach(func(ctx SpecContext) { b = newBed(ctx) })

	It("is rolled out when every region is healthy at the revision", func(ctx SpecContext) {
		result := b.reconcile(ctx)
		Expect(b.main).To(testenv.HaveCondition("Valid", "True", "Succeeded"))
		Expect(b.main).To(testenv.HaveCondition("RolledOut", "True", "Succeeded"))
		Expect(b.main).To(testenv.HaveCondition("Ready", "True", "Succeeded"))
		Expect(b.main.Status.CurrentRevision).To(Equal(build.Revision))
		Expect(b.main.Status.ObservedGeneration).To(Equal(b.main.Generation))
		Expect(b.progress(b.first)).To(And(HaveField("State", v1alpha1.RegionRolloutPassed), HaveField("Healthy", BeEquivalentTo(1))))
		Expect(b.main.Status.Wave).To(Equal("1/1"))
		Expect(result.RequeueAfter).To(Equal(testenv.Resync))

		b.Clock.Step(testenv.Resync)
		b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })
	})

	It("moves one region at a time", func(ctx SpecContext) {
		b.reconcile(ctx)
		b.promote(ctx)
		Expect(b.pin(ctx, b.first, build.ApplicationName)).To(Equal(build.NextRevision))
		Expect(b.pin(ctx, b.second, build.ApplicationName)).To(Equal(build.Revision))
		Expect(b.main).To(testenv.HaveCondition("Ready", "Unknown", "RollingOut", "eu-west-1: unkey-api is SpecNotUpdated"))
		Expect(b.main.Status.CurrentRevision).To(Equal(build.Revision))
		b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })

		By("going on to the second")
		b.deploy(ctx, b.first, build.ApplicationName, build.NextRevision)
		b.reconcile(ctx)
		Expect(b.pin(ctx, b.second, build.ApplicationName)).To(Equal(build.NextRevision))
		Expect(b.progress(b.first).State).To(Equal(v1alpha1.RegionRolloutPassed))
		Expect(b.main.Status.Rollout.Previous).To(HaveExactElements(v1alpha1.PreviousPins{
			Regions: []string{"eu-west-1", "us-east-1"},
			Pins:    []v1alpha1.RevisionOverride{{Application: build.ApplicationName, Revision: build.Revision}},
		}))

		b.deploy(ctx, b.second, build.ApplicationName, build.NextRevision)
		b.reconcile(ctx)
		Expect(b.main).To(testenv.HaveCondition("Ready", "True", "Succeeded"))
		Expect(b.main.Status.CurrentRevision).To(Equal(build.NextRevision))
	})

	DescribeTable("stops a bad revision at the first region", func(ctx SpecContext, spoil func(*argocd.Application), message string) {
		b.reconcile(ctx)
		b.promote(ctx)
		b.deploy(ctx, b.first, build.ApplicationName, build.NextRevision, spoil)
		b.reconcile(ctx)
		Expect(b.pin(ctx, b.second, build.ApplicationName)).To(Equal(build.Revision))
		Expect(b.main).To(testenv.HaveCondition("RolledOut", "Unknown", "RollingOut", "eu-west-1: unkey-api is "+message))
		b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })

		By("reverting it")
		testenv.ExpectUpdated(ctx, env, b.main, func(p *v1alpha1.Promotion) { p.Spec.Revision = build.Revision })
		b.reconcile(ctx)
		Expect(b.pin(ctx, b.first, build.ApplicationName)).To(Equal(build.Revision))
	},
		Entry("that does not become healthy", func(a *argocd.Application) { a.Status.Health.Status = "Degraded" }, `NotHealthy: health is "Degraded"`),
		Entry("that does not render", func(a *argocd.Application) {
			a.Status.Conditions = []argocd.Condition{{Type: "ComparisonError", Message: "helm template failed"}}
		}, "RenderFailed: helm template failed"),
		Entry("that renders nothing", func(a *argocd.Application) { a.Status.Resources = nil }, "NothingDeployed"),
	)

	It("refuses what another Promotion pins, which goes on", func(ctx SpecContext) {
		named := func(name string) *v1alpha1.Promotion {
			return build.Promotion(b.Namespace, name, func(p *v1alpha1.Promotion) {
				p.Spec.Applications, p.Spec.Revision = []string{build.ApplicationName}, build.NextRevision
			})
		}
		winner, loser := named("a"), named("b")
		b.ExpectApplied(ctx, winner, loser)
		testenv.ExpectReconciled(ctx, env, b.reconciler, loser)
		Expect(loser).To(testenv.HaveCondition("Valid", "False", "Conflict", "another Promotion of the environment pins unkey-api"))
		Expect(loser).To(testenv.HaveCondition("RolledOut", "Unknown", "Blocked", "waiting for Valid"))
		Expect(loser).To(testenv.HaveCondition("Stalled", "True", "Conflict"))
		Expect(b.pin(ctx, b.first, build.ApplicationName)).To(Equal(build.Revision))
		b.Recorder.ExpectNoWrites(func() { testenv.ExpectReconciled(ctx, env, b.reconciler, loser) })

		for range 3 { // it begins, moves and waits
			testenv.ExpectReconciled(ctx, env, b.reconciler, winner)
		}
		Expect(winner).To(testenv.HaveCondition("Valid", "True", "Succeeded"))
		Expect(b.pin(ctx, b.first, build.ApplicationName)).To(Equal(build.NextRevision))

		By("the one for all applications standing back without a conflict")
		b.reconcile(ctx)
		Expect(b.main).To(testenv.HaveCondition("Valid", "True", "Succeeded"))
		Expect(b.main.Status.Rollout.Waves).To(BeEmpty())
	})

	It("moves nothing of a Region of the same name in another namespace", func(ctx SpecContext) {
		sandbox := newBed(ctx)
		sandbox.ArgoCD.Namespace = b.ArgoCD.Namespace
		theirs := build.Application(b.ArgoCD.Namespace, b.first.Name, build.ApplicationName, build.Revision)
		b.ExpectRefreshed(ctx, theirs)
		before := theirs.DeepCopy()
		sandbox.promote(ctx)
		for range 3 {
			sandbox.reconcile(ctx)
		}
		Expect(sandbox.main.Status.Rollout.Waves).To(BeEmpty())
		for _, region := range []*v1alpha1.Region{b.first, b.second} {
			Expect(b.pin(ctx, region, build.ApplicationName)).To(Equal(build.Revision))
		}
		b.ExpectRefreshed(ctx, theirs)
		Expect(theirs).To(Equal(before))
	})

	It("pins single applications elsewhere", func(ctx SpecContext) {
		testenv.ExpectUpdated(ctx, env, b.main, func(p *v1alpha1.Promotion) {
			p.Spec.Overrides = []v1alpha1.RevisionOverride{{Application: build.ApplicationName, Revision: build.NextRevision}}
		})
		b.reconcile(ctx)
		Expect(b.pin(ctx, b.first, build.ApplicationName)).To(Equal(build.NextRevision))
	})

	It("moves all applications of a region together", func(ctx SpecContext) {
		environment := build.Environment(b.Namespace)
		testenv.ExpectUpdated(ctx, env, environment, func(e *v1alpha1.Environment) {
			e.Spec.Profiles[0].Applications = append(e.Spec.Profiles[0].Applications, v1alpha1.Application{Name: "frontline"})
		})
		for _, region := range []*v1alpha1.Region{b.first, b.second} {
			b.ExpectApplied(ctx, build.Application(b.ArgoCD.Namespace, region.Name, "frontline", build.Revision))
			_, err := b.ArgoCD.SetPin(ctx, region, "frontline", string(build.Revision))
			Expect(err).NotTo(HaveOccurred())
		}
		b.promote(ctx)
		Expect(b.pin(ctx, b.first, "frontline")).To(Equal(build.NextRevision))
		b.deploy(ctx, b.first, build.ApplicationName, build.NextRevision)
		b.reconcile(ctx)
		Expect(b.main).To(testenv.HaveCondition("RolledOut", "Unknown", "RollingOut", "eu-west-1: frontline is SpecNotUpdated"))
		Expect(b.pin(ctx, b.second, build.ApplicationName)).To(Equal(build.Revision))

		b.deploy(ctx, b.first, "frontline", build.NextRevision)
		b.reconcile(ctx)
		Expect(b.pin(ctx, b.second, "frontline")).To(Equal(build.NextRevision))
	})

	It("passes over regions that are not registered or being deleted", func(ctx SpecContext) {
		unregistered := build.Region(b.Namespace, "sa-east-1")
		leaving := build.Region(b.Namespace, "ap-south-1")
		controllerutil.AddFinalizer(leaving, v1alpha1.RegionFinalizer)
		b.ExpectApplied(ctx, unregistered, leaving)
		b.register(ctx, leaving, build.ApplicationName)
		b.ExpectDeleted(ctx, leaving)
		b.reconcile(ctx)
		Expect(b.main.Status.Rollout.Waves).To(HaveExactElements(HaveField("Regions",
			HaveExactElements(HaveField("Region", "eu-west-1"), HaveField("Region", "us-east-1")))))
		b.promote(ctx)
		Expect(b.pin(ctx, leaving, build.ApplicationName)).To(Equal(build.Revision))
	})

	It("waits for a missing environment", func(ctx SpecContext) {
		b.ExpectDeleted(ctx, build.Environment(b.Namespace))
		b.reconcile(ctx)
		Expect(b.main).To(testenv.HaveCondition("Valid", "Unknown", "EnvironmentNotFound", "has no Environment production001: create it"))
		Expect(b.main).To(testenv.HaveCondition("Ready", "Unknown", "EnvironmentNotFound"))
		b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })
	})

	It("leaves the pins when it is deleted", func(ctx SpecContext) {
		controllerutil.AddFinalizer(b.main, "testenv.portolan.dev/hold")
		Expect(env.Client.Update(ctx, b.main)).To(Succeed())
		b.ExpectDeleted(ctx, b.main)
		b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })
		Expect(b.pin(ctx, b.first, build.ApplicationName)).To(Equal(build.Revision))
		testenv.ExpectUpdated(ctx, env, b.main, func(p *v1alpha1.Promotion) { p.Finalizers = nil })
	})
})
