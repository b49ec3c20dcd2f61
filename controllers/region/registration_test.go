package region_test

import (
	"encoding/json"
	"net/http"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
	"github.com/portolan-dev/portolan/controllers/internal/testenv"
	"github.com/portolan-dev/portolan/controllers/internal/testenv/build"
)

const (
	pinKey   = "portolan.dev/revision.unkey-api"
	seedsKey = "portolan.dev/wan-seeds.unkey-api"
)

var _ = Describe("the registration of a Region", func() {
	var b *bed
	var secret *corev1.Secret
	BeforeEach(func(ctx SpecContext) {
		b = newBed(ctx)
		b.api.Set(build.Node("node-1"))
		secret = &corev1.Secret{}
		secret.Namespace, secret.Name = b.ArgoCD.Namespace, argocd.SecretName(prefix)
	})

	// eventually reconciles until the Region has the condition: what changes in the
	// regional cluster arrives in its own time.
	eventually := func(ctx SpecContext, conditionType string, status metav1.ConditionStatus, reason string, inMessage ...string) {
		GinkgoHelper()
		Eventually(func(g Gomega) {
			_, err := testenv.Reconcile(ctx, b.Env, b.reconciler, b.region)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(b.region).To(testenv.HaveCondition(conditionType, status, reason, inMessage...))
		}).Should(Succeed())
	}

	Context("of a cluster that does not let Portolan in", func() {
		DescribeTable("does not happen", func(ctx SpecContext, status int, message string) {
			b.api.Refuse(status)
			b.apply(ctx)
			b.ExpectApplied(ctx, build.Promotion(b.Namespace, "main"))
			b.settle(ctx)
			eventually(ctx, "Connected", "Unknown", "ClusterUnreachable", message)

			Expect(b.region).To(testenv.HaveCondition("AccessReady", "Unknown", "ClusterUnreachable", message))
			Expect(b.region).To(testenv.HaveCondition("NodesReady", "Unknown", "ClusterUnreachable"))
			Expect(b.region).To(testenv.HaveCondition("Registered", "Unknown", "Blocked", "waiting for AccessReady"))
			Expect(b.region).To(testenv.HaveCondition("ApplicationsHealthy", "Unknown", "Blocked", "waiting for Registered"))
			b.ExpectNotFound(ctx, secret)
			b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })
		},
			Entry("before the access entry is effective", http.StatusUnauthorized, "does not accept Portolan's role yet"),
			Entry("while the entry's policy does not suffice", http.StatusForbidden, "forbids it to Portolan's role"),
			Entry("while the API server is not up", http.StatusServiceUnavailable, "answers with ServiceUnavailable"),
		)
	})

	It("goes on with a birth that was interrupted, though it has no keys", func(ctx SpecContext) {
		b.profile().Applications = nil
		b.apply(ctx)
		Expect(b.ArgoCD.Bear(ctx, b.region, nil)).To(Succeed())
		b.settle(ctx)
		b.connected()
		b.settle(ctx)
		Expect(b.region).To(testenv.HaveCondition("Registered", "True", "Succeeded"))
	})

	Context("of a cluster that answers", func() {
		BeforeEach(func(ctx SpecContext) {
			b.apply(ctx)
			b.settle(ctx)
			b.connected()
		})

		It("waits for a pin of every application", func(ctx SpecContext) {
			b.reconcile(ctx)
			Expect(b.region).To(testenv.HaveCondition("Registered", "Unknown", "NoPin", "no Promotion of environment production001 pins unkey-api: create one"))
			Expect(b.region).To(testenv.HaveCondition("Ready", "Unknown", "NoPin"))
			b.ExpectNotFound(ctx, secret)

			b.ExpectApplied(ctx, build.Promotion(b.Namespace, "elsewhere", func(p *v1alpha1.Promotion) { p.Spec.EnvironmentRef.Name = "staging001" }))
			b.reconcile(ctx)
			Expect(b.region).To(testenv.HaveCondition("Registered", "Unknown", "NoPin"))

			b.ExpectApplied(ctx, build.Promotion(b.Namespace, "main"))
			b.settle(ctx)
			Expect(b.region).To(testenv.HaveCondition("Registered", "True", "Succeeded"))
		})

		It("tells Argo CD everything in its first version", func(ctx SpecContext) {
			ring := build.Ring(b.Namespace, "unkey-api")
			ring.Status.Members = []v1alpha1.RingMember{
				{Region: "us-east-1", State: v1alpha1.MemberConverged, Endpoint: "gossip.us-east-1.test"},
				{Region: "us-west-2", State: v1alpha1.MemberUnknown, Endpoint: "gossip.us-west-2.test"},
				{Region: "sa-east-1", State: v1alpha1.MemberLeaving, Endpoint: "gossip.sa-east-1.test"},
			}
			b.ExpectApplied(ctx, build.Promotion(b.Namespace, "main"), ring)
			b.Recorder.Reset()
			b.reconcile(ctx)
			Expect(b.region).To(testenv.HaveCondition("Registered", "Unknown", "Syncing", "cluster-"+prefix+" was written"))
			applied := 0
			for _, w := range b.Recorder.Writes() {
				if strings.HasPrefix(w, "apply Secret ") {
					applied++
				}
			}
			Expect(applied).To(Equal(2), "first seeds and pins, then what makes it a cluster")

			b.ExpectRefreshed(ctx, secret)
			Expect(secret.Annotations).To(And(
				HaveKeyWithValue(pinKey, string(build.Revision)),
				HaveKeyWithValue(seedsKey, "gossip.us-east-1.test,gossip.us-west-2.test"),
				HaveKeyWithValue("portolan.dev/account-id", "123456789012"),
				HaveKeyWithValue("portolan.dev/vpc-id", "vpc-"+prefix),
				HaveKeyWithValue("portolan.dev/cluster-name", prefix),
			))
			Expect(secret.Labels).To(And(
				HaveKeyWithValue("argocd.argoproj.io/secret-type", "cluster"),
				HaveKeyWithValue("portolan.dev/managed", "true"),
				HaveKeyWithValue("portolan.dev/region", "eu-west-1"),
				HaveKeyWithValue("portolan.dev/environment", "production001"),
				HaveKeyWithValue("environment", "production001"),
				HaveKeyWithValue("region", "eu-west-1"),
				HaveKeyWithValue("profile", "standard"),
			))
			Expect(secret.OwnerReferences).To(BeEmpty())
			Expect(string(secret.Data["name"])).To(Equal(prefix))
			Expect(string(secret.Data["server"])).To(Equal(b.api.Endpoint()))
			var connection map[string]map[string]any
			Expect(json.Unmarshal(secret.Data["config"], &connection)).To(Succeed())
			Expect(connection["awsAuthConfig"]).To(HaveKeyWithValue("clusterName", prefix))
		})

		It("leaves seeds and pins to those who move them on", func(ctx SpecContext) {
			promotion := build.Promotion(b.Namespace, "main")
			b.ExpectApplied(ctx, promotion)
			b.settle(ctx)
			testenv.ExpectUpdated(ctx, b.Env, promotion, func(p *v1alpha1.Promotion) { p.Spec.Revision = build.NextRevision })
			b.settle(ctx)
			b.ExpectRefreshed(ctx, secret)
			Expect(secret.Annotations).To(HaveKeyWithValue(pinKey, string(build.Revision)))
			Expect(b.region).To(testenv.HaveCondition("Registered", "True", "Succeeded"))
		})

		It("does not take over a Secret that somebody else made", func(ctx SpecContext) {
			secret.Labels = map[string]string{"argocd.argoproj.io/secret-type": "cluster"}
			b.ExpectApplied(ctx, secret, build.Promotion(b.Namespace, "main"))
			before := secret.DeepCopy()
			b.settle(ctx)
			b.ExpectRefreshed(ctx, secret)
			Expect(b.region).To(testenv.HaveCondition("Registered", "Unknown", "SecretNotOurs", "delete it"))
			Expect(secret).To(Equal(before))
		})

		DescribeTable("names another Secret that Argo CD would mix it up with", func(ctx SpecContext, name, server string) {
			theirs := &corev1.Secret{}
			theirs.Namespace, theirs.Name, theirs.Labels = secret.Namespace, "cluster-by-hand", map[string]string{"argocd.argoproj.io/secret-type": "cluster"}
			theirs.Data = map[string][]byte{"name": []byte(name), "server": []byte(strings.ReplaceAll(server, "ours", b.api.Endpoint()))}
			b.ExpectApplied(ctx, theirs, build.Promotion(b.Namespace, "main"))
			b.settle(ctx)
			Expect(b.region).To(testenv.HaveCondition("Registered", "Unknown", "SecretNotOurs", "a Secret cluster-by-hand that Portolan did not make"))
			b.ExpectNotFound(ctx, secret)
			b.ExpectDeleted(ctx, theirs)
			b.settle(ctx)
			Expect(b.region).To(testenv.HaveCondition("Registered", "True", "Succeeded"))
		},
			Entry("by the name", prefix, "https://eks.example"),
			Entry("by the server", "by-hand", "ours/"),
		)

		It("mends what somebody took away from the Secret", func(ctx SpecContext) {
			b.ExpectApplied(ctx, build.Promotion(b.Namespace, "main"))
			b.settle(ctx)
			b.ExpectRefreshed(ctx, secret)
			delete(secret.Labels, "region")
			Expect(env.Client.Update(ctx, secret)).To(Succeed())
			b.settle(ctx)
			b.ExpectRefreshed(ctx, secret)
			Expect(secret.Labels).To(HaveKeyWithValue("region", "eu-west-1"))
		})
	})

	Context("of a Region that is Ready", func() {
		BeforeEach(func(ctx SpecContext) { b.reachReady(ctx) })

		It("is born once more with what it had, as long as a rollout has not reached it", func(ctx SpecContext) {
			promotion := build.Promotion(b.Namespace, "main")
			b.ExpectRefreshed(ctx, promotion)
			promotion.Status.Rollout = &v1alpha1.PromotionRollout{
				ID: string(build.NextRevision), Revision: build.NextRevision, Phase: v1alpha1.RolloutProgressing, StartedAt: metav1.NewTime(b.Clock.Now()),
				Waves: []v1alpha1.WaveStatus{{Name: "all", Regions: []v1alpha1.RegionProgress{{Region: b.region.Name, State: v1alpha1.RegionRolloutPending}}}},
				Previous: []v1alpha1.PreviousPins{{
					Regions: []string{b.region.Name}, Pins: []v1alpha1.RevisionOverride{{Application: build.ApplicationName, Revision: build.Revision}},
				}},
			}
			Expect(env.Client.Status().Update(ctx, promotion)).To(Succeed())
			b.ExpectRefreshed(ctx, secret)
			b.ExpectDeleted(ctx, secret)
			b.settle(ctx)
			b.ExpectRefreshed(ctx, secret)
			Expect(secret.Annotations).To(HaveKeyWithValue(pinKey, string(build.Revision)))
		})

		It("records when each step began and was done, for good", func(ctx SpecContext) {
			steps := b.region.Status.Steps
			Expect(steps).To(ContainElement(And(HaveField("Name", "ControlPlaneReady"), HaveField("FinishedAt", Not(BeNil())))))
			Expect(steps).NotTo(ContainElement(HaveField("Name", "StorageReady")), "nothing was required")
			b.Clock.Step(testenv.Resync)
			b.api.Remove(build.Node("node-1"))
			eventually(ctx, "NodesReady", "Unknown", "NodesNotReady", "0 of 1 nodes are Ready")
			Expect(b.region.Status.Steps).To(Equal(steps))
		})

		It("asks the gate at the revision that the Secret pins", func(ctx SpecContext) {
			Expect(b.region.Status.Applications).To(HaveValue(Equal(v1alpha1.ApplicationsStatus{Total: 1, Healthy: 1})))
			_, err := b.ArgoCD.SetPin(ctx, b.region, build.ApplicationName, string(build.NextRevision))
			Expect(err).NotTo(HaveOccurred())
			b.reconcile(ctx)
			Expect(b.region).To(testenv.HaveCondition("ApplicationsHealthy", "Unknown", "ApplicationsNotHealthy",
				"0 of 1 applications are healthy; unkey-api is SpecNotUpdated"))
			Expect(b.region.Status.Applications.Blocked).To(ConsistOf(v1alpha1.BlockedApplication{Name: "unkey-api", Reason: "SpecNotUpdated"}))
		})

		It("waits for its rings", func(ctx SpecContext) {
			ring := build.Ring(b.Namespace, "unkey-api")
			b.ExpectApplied(ctx, ring)
			b.reconcile(ctx)
			Expect(b.region).To(testenv.HaveCondition("Registered", "Unknown", "Syncing", "has no annotation "+seedsKey))
			_, err := b.ArgoCD.SetSeeds(ctx, b.region, ring.Name, "")
			Expect(err).NotTo(HaveOccurred())
			b.reconcile(ctx)
			Expect(b.region).To(testenv.HaveCondition("RingsJoined", "Unknown", "Joining", "ring unkey-api: Pending"))

			ring.Status.Members = []v1alpha1.RingMember{{Region: "eu-west-1", State: v1alpha1.MemberConverged}}
			Expect(env.Client.Status().Update(ctx, ring)).To(Succeed())
			b.reconcile(ctx)
			Expect(b.region).To(testenv.HaveCondition("RingsJoined", "True", "Succeeded"))
			Expect(b.region.Status.Rings).To(ConsistOf(v1alpha1.RingStatus{Name: "unkey-api", State: v1alpha1.MemberConverged}))
		})

		It("stays registered while its API server does not answer", func(ctx SpecContext) {
			b.ExpectRefreshed(ctx, secret)
			before := secret.DeepCopy()
			b.api.Refuse(http.StatusServiceUnavailable)
			b.Clock.Step(testenv.Poll)
			eventually(ctx, "Connected", "Unknown", "ClusterUnreachable")
			Expect(b.region).To(testenv.HaveCondition("Registered", "True", "Succeeded"))
			b.ExpectRefreshed(ctx, secret)
			Expect(secret).To(Equal(before))

			b.api.Refuse(0)
			b.Clock.Step(testenv.Poll)
			eventually(ctx, "Ready", "True", "Succeeded")
		})

		It("writes nothing while nothing changes", func(ctx SpecContext) {
			b.EmittedEvents()
			b.Clock.Step(testenv.Resync)
			b.Recorder.ExpectNoWrites(func() {
				result := b.reconcile(ctx)
				Expect(result.RequeueAfter).To(Equal(testenv.Resync))
			})
			Expect(b.EmittedEvents()).To(BeEmpty())
		})
	})

	It("is written by owners that do not take each other's keys", func(ctx SpecContext) {
		b.reachReady(ctx)
		_, err := b.ArgoCD.SetSeeds(ctx, b.region, "unkey-api", "gossip.us-east-1.test")
		Expect(err).NotTo(HaveOccurred())
		_, err = b.ArgoCD.SetPin(ctx, b.region, build.ApplicationName, string(build.NextRevision))
		Expect(err).NotTo(HaveOccurred())
		testenv.ExpectUpdated(ctx, b.Env, b.environment, func(e *v1alpha1.Environment) {
			e.Spec.ArgoCD.ClusterLabels = map[string]v1alpha1.LabelValue{"tier": "gold"}
		})
		b.settle(ctx)
		Expect(env.Client.Get(ctx, client.ObjectKeyFromObject(secret), secret)).To(Succeed())
		Expect(secret.Labels).NotTo(HaveKey("tier"), "its turn has not come")
		b.give(ctx)
		b.settle(ctx)
		Expect(env.Client.Get(ctx, client.ObjectKeyFromObject(secret), secret)).To(Succeed())
		Expect(secret.Labels).To(HaveKeyWithValue("tier", "gold"))
		Expect(secret.Annotations).To(And(HaveKeyWithValue(seedsKey, "gossip.us-east-1.test"), HaveKeyWithValue(pinKey, string(build.NextRevision))))
	})
})
