package argocd

import (
	"context"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// fleetTimeout is plenty, too, on a machine with other work: regions are built, one after the other moves.
const fleetTimeout = 5 * time.Minute

var _ = Describe("A fleet that Portolan keeps", Ordered, func() {
	const newcomer = "us-west-2"
	founders := []string{"us-east-1", "eu-west-1", "ap-south-1"} // in which order they move
	all := append(slices.Clone(founders), newcomer)
	var f *fleet
	var early, first, second, broken, wider string

	// awaitDeployed waits until the fleet runs a revision, by what Portolan and Argo CD say of it.
	awaitDeployed := func(ctx SpecContext, revision string, regions ...string) {
		GinkgoHelper()
		Eventually(func(g Gomega) {
			p := &v1alpha1.Promotion{}
			g.Expect(is(ctx, p, fleetName, v1alpha1.ConditionReady)(g).Status).To(Equal(metav1.ConditionTrue))
			g.Expect(p.Status.CurrentRevision).To(BeEquivalentTo(revision))
		}).WithContext(ctx).Should(Succeed())
		for _, r := range regions { // seeds may come at any time
			Eventually(app(ctx, appOf(r))).WithContext(ctx).Should(HaveField("Settled()", synced(revision)), r)
		}
		Eventually(app(ctx, fleetApp)).WithContext(ctx).Should(And(
			HaveField("Status.Sync.Status", "Synced"), HaveField("Status.Health.Status", "Healthy"),
		))
	}
	valid := func(ctx SpecContext) func(Gomega) metav1.Condition {
		return is(ctx, &v1alpha1.Promotion{}, fleetName, v1alpha1.PromotionValid)
	}

	BeforeAll(func(ctx SpecContext) {
		f = newFleet(GinkgoT().TempDir())
		early = f.change("Begin with two regions", map[string]string{
			chart + "/Chart.yaml":            "apiVersion: v2\nname: unkey-api\nversion: 1.0.0\n",
			chart + "/values.yaml":           "release: first\n",
			chart + "/templates/gossip.yaml": gossiping,
		}, founders[:2]...)
		first = f.change("Add a region", nil, founders[2])
		f.promotion.Spec.Waves = []v1alpha1.PromotionWave{{Name: "founders", Regions: founders, MaxConcurrent: new(int32(1))}}
		pinsFor(first)(&f.promotion.Spec)
		f.declare(environmentOfFleet(f.HTTPURL()))
		f.declare(ringOfFleet())
		f.declare(f.promotion)
		for _, r := range founders {
			f.declare(regionOfFleet(r))
		}
		f.journal = keepJournal()
		Expect(world.StartOperator(context.WithoutCancel(ctx))).To(Succeed())
		DeferCleanup(world.StopOperator)
		f.deploy(ctx)
	}, NodeTimeout(specTimeout))

	It("comes up from git, with the applications deployed by Argo CD in its own name", func(ctx SpecContext) {
		for _, r := range founders {
			Eventually(is(ctx, &v1alpha1.Region{}, r, v1alpha1.ConditionReady)).WithContext(ctx).Should(HaveField("Status", metav1.ConditionTrue), r)
		}
		awaitDeployed(ctx, first, founders...)
		for _, r := range founders {
			Expect(imageOf(running(ctx, r)(Default))).To(HaveSuffix(":first"), r)
			secret := &corev1.Secret{}
			Expect(hub.Get(ctx, client.ObjectKey{Namespace: namespace, Name: "cluster-" + fleetName + "-" + r}, secret)).To(Succeed())
			Expect(connectionOf(secret)).To(And(HaveLen(2), HaveKey("tlsClientConfig"), HaveKeyWithValue("awsAuthConfig", map[string]any{
				"clusterName": fleetName + "-" + r, "roleARN": "arn:aws:iam::111122223333:role/argocd",
			})))
		}
		Expect(world.Cloud.Calls()).To(ContainElement(And(
			HaveField("Operation", "AssumeRole"), HaveField("Principal", HaveSuffix("assumed-role/argocd-hub/argocd")),
		)))
	}, SpecTimeout(fleetTimeout))

	It("brings each member the seeds that Portolan has for it", func(ctx SpecContext) {
		Eventually(is(ctx, &v1alpha1.GossipRing{}, api, v1alpha1.ConditionReady)).WithContext(ctx).Should(HaveField("Status", metav1.ConditionTrue))
		for _, r := range founders {
			Eventually(running(ctx, r)).WithContext(ctx).Should(WithTransform(seedsOf, Equal(seeds(r, founders...))), r)
		}
	}, SpecTimeout(fleetTimeout))

	It("refuses a revision without a region's files before anything moves", func(ctx SpecContext) {
		f.asks(ctx, pinsFor(early))
		Eventually(valid(ctx)).WithContext(ctx).Should(And(
			HaveField("Status", metav1.ConditionFalse), HaveField("Reason", v1alpha1.ReasonRevisionLacksRegionConfig),
			HaveField("Message", And(ContainSubstring(fleetName+"/ap-south-1.yaml"), ContainSubstring("that has them is "+first))),
		))
		Eventually(app(ctx, fleetApp)).WithContext(ctx).Should(HaveField("Status.Health.Status", "Degraded"))
		for _, r := range founders {
			Expect(f.journal.moved(r, early)).To(BeZero())
			Expect(app(ctx, appOf(r))(Default).Settled()).To(Equal(synced(first)), r)
		}
	}, SpecTimeout(fleetTimeout))

	It("moves one region after the other, each when Argo CD has deployed to the one before", func(ctx SpecContext) {
		second = f.change("Make it faster (#2)", release("second"))
		f.asks(ctx, pinsFor(second))
		awaitDeployed(ctx, second, founders...)
		for i, r := range founders {
			Expect(imageOf(running(ctx, r)(Default))).To(HaveSuffix(":second"), r)
			if i == 0 {
				continue
			}
			moved, previous := f.journal.moved(r, second), founders[i-1]
			Expect(moved).To(BeNumerically(">", f.journal.moved(previous, second)), "%s before %s", r, previous)
			Expect(f.journal.before(moved, appOf(previous)).Settled()).To(Equal(synced(second)), "%s when %s moved", previous, r)
		}
	}, SpecTimeout(fleetTimeout))

	It("says at the gate what cannot be rendered, and rolls back", func(ctx SpecContext) {
		broken = f.change("Break the second region (#3)", map[string]string{
			chart + "/values.yaml":           "release: broken\n",
			chart + "/templates/broken.yaml": `{{ if eq .Values.region "eu-west-1" }}{{ fail "nobody can render this" }}{{ end }}`,
		})
		f.asks(ctx, pinsFor(broken))
		Eventually(progressOf(ctx, "eu-west-1")).WithContext(ctx).Should(HaveField("Message",
			And(ContainSubstring("unkey-api is RenderFailed"), ContainSubstring("nobody can render this"))))
		Expect(progressOf(ctx, "us-east-1")(Default).State).To(Equal(v1alpha1.RegionRolloutPassed))
		Expect(app(ctx, appOf("us-east-1"))(Default).Settled()).To(Equal(synced(broken)))

		By("giving up")
		f.asks(ctx, withDeadline(time.Second))
		rolledOut := is(ctx, &v1alpha1.Promotion{}, fleetName, v1alpha1.PromotionRolledOut)
		Eventually(rolledOut).WithContext(ctx).Should(And(
			HaveField("Status", metav1.ConditionFalse), HaveField("Reason", v1alpha1.ReasonRolledBack),
			HaveField("Message", ContainSubstring("RenderFailed")),
		))
		for _, r := range founders {
			Eventually(app(ctx, appOf(r))).WithContext(ctx).Should(HaveField("Settled()", synced(second)), r)
			Eventually(running(ctx, r)).WithContext(ctx).Should(WithTransform(imageOf, HaveSuffix(":second")), r)
		}
		Expect(f.journal.moved("ap-south-1", broken)).To(BeZero())
		Eventually(app(ctx, fleetApp)).WithContext(ctx).Should(HaveField("Status.Health.Status", "Degraded"))

		By("reverting the commit")
		f.asks(ctx, func(spec *v1alpha1.PromotionSpec) {
			pinsFor(second)(spec)
			withDeadline(30 * time.Minute)(spec)
		})
		awaitDeployed(ctx, second, founders...)
	}, SpecTimeout(fleetTimeout))

	It("keeps a newcomer from Argo CD whose files its pin lacks, and lets it in with a revision that has them", func(ctx SpecContext) {
		f.declare(regionOfFleet(newcomer))
		refresh(ctx, fleetApp)
		Eventually(is(ctx, &v1alpha1.Region{}, newcomer, v1alpha1.RegionPlanned)).WithContext(ctx).Should(And(
			HaveField("Status", metav1.ConditionFalse), HaveField("Reason", v1alpha1.ReasonRevisionLacksRegionConfig),
			HaveField("Message", ContainSubstring(newcomer+".yaml")),
		))
		Expect(world.Cloud.List(func(r cloud.Resource) bool { return r.Region == newcomer })).To(BeEmpty())

		mended := release("second")
		mended[chart+"/templates/broken.yaml"] = ""
		wider = f.change("Add the newcomer (#4)", mended, newcomer)
		f.asks(ctx, pinsFor(wider))
		Eventually(is(ctx, &v1alpha1.Region{}, newcomer, v1alpha1.ConditionReady)).WithContext(ctx).Should(HaveField("Status", metav1.ConditionTrue))
		awaitDeployed(ctx, wider, all...)
		Expect(f.journal.targets(appOf(newcomer))).To(HaveEach(wider))
		born := f.journal.clusterSecrets(newcomer)[0]
		Expect(born.Annotations).To(And(
			HaveKeyWithValue(v1alpha1.AnnotationRevisionPrefix+api, wider),
			HaveKeyWithValue(v1alpha1.AnnotationWANSeedsPrefix+api, seeds(newcomer, founders...)),
		))
	}, SpecTimeout(fleetTimeout))

	It("brings the others the newcomer's seed", func(ctx SpecContext) {
		Eventually(is(ctx, &v1alpha1.GossipRing{}, api, v1alpha1.ConditionReady)).WithContext(ctx).Should(HaveField("Status", metav1.ConditionTrue))
		for _, r := range all {
			Eventually(running(ctx, r)).WithContext(ctx).Should(WithTransform(seedsOf, Equal(seeds(r, all...))), r)
			Eventually(app(ctx, appOf(r))).WithContext(ctx).Should(HaveField("Settled()", synced(wider)), r)
		}
	}, SpecTimeout(fleetTimeout))

	It("has never shown Argo CD a cluster Secret without what its templates read", func() {
		for _, r := range all {
			Expect(f.journal.clusterSecrets(r)).NotTo(BeEmpty(), r)
		}
		for _, s := range f.journal.clusterSecrets("") {
			Expect(s.Annotations).To(And(
				HaveKeyWithValue(v1alpha1.AnnotationRevisionPrefix+api, MatchRegexp(`^[0-9a-f]{40}$`)),
				HaveKey(v1alpha1.AnnotationWANSeedsPrefix+api), // empty while nobody has an endpoint
				HaveKeyWithValue(v1alpha1.AnnotationGossipSecurityGroup, HavePrefix("sg-")),
			), "%s at %s", s.Name, s.ResourceVersion)
			Expect(s.Labels).To(And(HaveKey(v1alpha1.LabelManaged), HaveKeyWithValue("environment", fleetName), HaveKey("region")))
			Expect(s.Data).To(And(HaveKey("name"), HaveKey("server"), HaveKey("config")))
		}
		errs, err := f.journal.frozen()
		Expect(err).NotTo(HaveOccurred())
		Expect(errs).To(BeEmpty(), "errors of the ApplicationSet")
		Expect(strings.Join(world.DeniedCalls(), "\n")).To(BeEmpty())
	})
})
