package gossipring_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/internal/testenv"
	"github.com/portolan-dev/portolan/controllers/internal/testenv/build"
	"github.com/portolan-dev/portolan/controllers/probe"
)

var _ = Describe("The truth about a GossipRing", func() {
	const a, b, c = "eu-west-1", "us-east-1", "us-west-2"
	var w *bed
	BeforeEach(func(ctx SpecContext) {
		w = newBed(ctx, a, b, c)
		w.ring.Spec.Rollout.MaxConcurrentRegions = 3
	})

	// connect deploys all three regions, connected to each other.
	connect := func(ctx SpecContext) {
		GinkgoHelper()
		w.ExpectApplied(ctx, w.environment, w.ring)
		w.deploy(ctx, a, balancer(b), balancer(c))
		w.deploy(ctx, b, balancer(a), balancer(c))
		w.deploy(ctx, c, balancer(a), balancer(b))
		w.see(3, a, b, c)
		w.eventually(ctx, testenv.HaveCondition("Ready", "True", "Succeeded"))
	}
	// later looks once more, an interval later.
	later := func(ctx SpecContext) {
		GinkgoHelper()
		w.Clock.Step(testenv.Poll)
		w.reconcile(ctx)
	}

	It("tells of load balancers without healthy targets", func(ctx SpecContext) {
		connect(ctx)
		Expect(w.member(a).HealthyTargets).To(HaveValue(BeEquivalentTo(1)))
		w.AWS.SetTargetHealth(b, balancer(b), aws.TargetHealth{Groups: 2, Reason: "1 unhealthy (Target.FailedHealthChecks)"})
		w.look(ctx)
		Expect(w.ring).To(testenv.HaveCondition("EndpointsReady", "Unknown", "NoHealthyTarget", "us-east-1 has 0 of 1 (1 unhealthy (Target.FailedHealthChecks))"))
		Expect(w.member(b).HealthyTargets).To(HaveValue(BeEquivalentTo(0)))
		w.Recorder.ExpectNoWrites(func() { later(ctx) })

		w.AWS.SetTargetHealth(b, balancer(b), aws.TargetHealth{Healthy: 1, Groups: 2})
		later(ctx)
		Expect(w.ring).To(testenv.HaveCondition("Ready", "True", "Succeeded"))
	})

	It("does not ask for targets where none are expected", func(ctx SpecContext) {
		w.ring.Spec.Health.ExpectedHealthyTargets = new(int32(0))
		w.AWS.RemoveTargets(a, balancer(a))
		connect(ctx)
		Expect(w.member(a).HealthyTargets).To(BeNil())
	})

	It("names the region with another key", func(ctx SpecContext) {
		w.ring.Spec.Key = &v1alpha1.RingKey{SecretName: "unkey/shared"}
		connect(ctx)
		Expect(w.ring).To(testenv.HaveCondition("KeysMatch", "True", "Succeeded"))
		Expect(w.member(a).KeyVersion).To(Equal(w.member(b).KeyVersion))
		w.AWS.SetSecretVersion(c, "unkey/shared", "another")
		w.look(ctx)
		Expect(w.ring).To(testenv.HaveCondition("KeysMatch", "False", "KeyMismatch", "us-west-2: another version of secret unkey/shared"))
		w.AWS.SetSecretVersion(c, "unkey/shared", "")
		later(ctx)
		Expect(w.ring).To(testenv.HaveCondition("KeysMatch", "Unknown", "KeysUnknown", "us-west-2 ("))
	})

	It("names the parts of a ring that has split, and evicts a member so that they find each other", func(ctx SpecContext) {
		connect(ctx)
		w.see(2, a, b)
		w.see(1, c)
		later(ctx)
		Expect(w.ring).To(testenv.HaveCondition("Converged", "Unknown", "NotConverged"), "it may be for a moment")
		later(ctx)
		Expect(w.ring).To(testenv.HaveCondition("Converged", "False", "Partitioned", "the ring has split: eu-west-1, us-east-1 | us-west-2"))
		Expect(w.ring.Status.Partitions).To(HaveExactElements(
			HaveField("Members", HaveExactElements(a, b)), HaveField("Members", HaveExactElements(c))))
		Expect(w.ring.Status.Isolated).To(HaveExactElements(c))

		w.apis[c].Protect("api", build.Pod("unkey-api-0", ""))
		later(ctx)
		later(ctx)
		Expect(w.ring).To(testenv.HaveCondition("Converged", "False", "Partitioned", "a disruption budget protects pod api/unkey-api-0 of us-west-2"))
		w.apis[c].Protect("", build.Pod("unkey-api-0", ""))
		later(ctx)
		Expect(w.ring.Status.Rejoin).To(HaveValue(And(HaveField("Region", c), HaveField("Attempts", BeEquivalentTo(1)))))
		Expect(w.apis[c].Find(build.Pod("unkey-api-0", ""))).To(BeFalse(), "evicted")

		first := w.ring.Status.Rejoin.At
		w.restart(ctx, c)
		w.eventually(ctx, testenv.HaveCondition("Converged", "False", "Partitioned"))
		Eventually(func() int32 { later(ctx); return w.ring.Status.Rejoin.Attempts }).Should(BeEquivalentTo(2))
		Expect(w.ring.Status.Rejoin.At.Sub(first.Time)).To(BeNumerically(">=", 8*testenv.Poll), "the network is still cut")

		w.restart(ctx, c)
		w.see(3, a, b, c)
		w.eventually(ctx, testenv.HaveCondition("Ready", "True", "Succeeded"))
		Expect(w.ring.Status.Partitions).To(BeEmpty())
		Expect(w.ring.Status.Rejoin).To(BeNil())
	})

	It("stops a rollout at a region that does not come back", func(ctx SpecContext) {
		w.ring.Spec.Rollout.MaxConcurrentRegions = 1
		connect(ctx)
		w.expose(c, "new-"+balancer(c))
		w.eventually(ctx, testenv.HaveCondition("SeedsPropagated", "Unknown", "RollingSeeds", "eu-west-1, us-east-1"))
		Expect(w.seeds(ctx, a)).To(ContainSubstring("new-"))
		Expect(w.seeds(ctx, b)).NotTo(ContainSubstring("new-"), "its turn has not come")
		w.see(1, a)
		w.Clock.Step(11 * time.Minute)
		w.reconcile(ctx)
		Expect(w.ring).To(testenv.HaveCondition("SeedsPropagated", "False", "RolloutStalled", "not connected again 10m0s after its seeds were written: eu-west-1"))
		Expect(w.seeds(ctx, b)).NotTo(ContainSubstring("new-"))

		w.restart(ctx, a)
		w.see(3, a)
		w.eventually(ctx, testenv.HaveCondition("SeedsPropagated", "Unknown", "RollingSeeds", "us-east-1"))
		w.restart(ctx, b)
		w.eventually(ctx, testenv.HaveCondition("Ready", "True", "Succeeded"))
	})

	It("waits for a region that leaves while it restarts", func(ctx SpecContext) {
		w.ring.Spec.Rollout.MaxConcurrentRegions = 1
		connect(ctx)
		w.expose(c, "new-"+balancer(c))
		Eventually(func() string { later(ctx); return w.seeds(ctx, a) }).Should(ContainSubstring("new-"))
		w.ExpectDeleted(ctx, build.Region(w.Namespace, a))
		later(ctx)
		later(ctx)
		Expect(w.member(a).State).To(Equal(v1alpha1.MemberLeaving))
		Expect(w.seeds(ctx, b)).NotTo(ContainSubstring("new-"), "two would restart together")
		Expect(w.ring).To(testenv.HaveCondition("SeedsPropagated", "Unknown", "RollingSeeds", "the turn is with eu-west-1"))

		w.restart(ctx, a)
		Eventually(func() string { later(ctx); return w.seeds(ctx, b) }).Should(Equal("new-" + balancer(c)))
	})

	It("says when pods read their seeds as one bogus host, and changes no other region", func(ctx SpecContext) {
		w.ring.Spec.Rollout.MaxConcurrentRegions = 1
		connect(ctx)
		w.apis[a].Set(build.Pod("unkey-api-0", "["+balancer(b)+" "+balancer(c)+"]"))
		w.eventually(ctx, testenv.HaveCondition("SeedsPropagated", "False", "SeedsMalformed", "eu-west-1 ("))
		w.expose(c, "new-"+balancer(c))
		w.eventually(ctx, HaveField("Status.Members", ContainElement(HaveField("Endpoint", "new-"+balancer(c)))))
		later(ctx)
		Expect(w.seeds(ctx, b)).NotTo(ContainSubstring("new-"))
	})

	It("says where pods may take their seeds from what nobody reads", func(ctx SpecContext) {
		w.ring.Spec.Rollout.MaxConcurrentRegions = 1
		connect(ctx)
		// start plays the region's Deployment, whose chart sets no variable.
		start := func(at time.Time, from ...corev1.EnvFromSource) {
			pod := build.Pod("unkey-api-0", "")
			pod.CreationTimestamp = metav1.NewTime(at)
			pod.Spec.Containers = []corev1.Container{{Name: "mesh"}, {Name: "api", EnvFrom: from}}
			w.apis[a].Set(pod)
		}
		config := corev1.EnvFromSource{ConfigMapRef: &corev1.ConfigMapEnvSource{LocalObjectReference: corev1.LocalObjectReference{Name: "seeds"}}}
		w.expose(c, "new-"+balancer(c))
		before := w.Clock.Now()
		Eventually(func() string { later(ctx); return w.seeds(ctx, a) }).Should(ContainSubstring("new-"))
		start(before, config) // for another reason, before the seeds were there
		w.eventually(ctx, And(HaveField("Status.Members", ContainElement(And(HaveField("Region", a), HaveField("AppliedSeeds", BeEmpty())))),
			testenv.HaveCondition("SeedsPropagated", "Unknown", "RollingSeeds", "eu-west-1")))

		start(w.Clock.Now().Add(time.Minute), config)
		w.eventually(ctx, testenv.HaveCondition("SeedsPropagated", "False", "SeedsMalformed",
			"eu-west-1 (container api has envFrom and no UNKEY_GOSSIP_WAN_SEEDS of its own", "set the variable itself"))
		Expect(w.seeds(ctx, b)).NotTo(ContainSubstring("new-"), "it would not be known to run with them either")
		w.Recorder.ExpectNoWrites(func() { later(ctx) })

		start(w.Clock.Now().Add(time.Minute))
		w.eventually(ctx, testenv.HaveCondition("SeedsPropagated", "Unknown", "RollingSeeds", "eu-west-1"))
	})

	It("takes pods without the variable for ones without seeds, where they should have none", func(ctx SpecContext) {
		w.ExpectApplied(ctx, w.environment, w.ring)
		w.deploy(ctx, a)
		pod := build.Pod("unkey-api-0", "")
		pod.CreationTimestamp = metav1.NewTime(w.Clock.Now())
		pod.Spec.Containers = []corev1.Container{{Name: "api", EnvFrom: []corev1.EnvFromSource{{Prefix: "DB_"}}}}
		w.apis[a].Set(pod)
		w.see(1, a)
		w.eventually(ctx, testenv.HaveCondition("SeedsPropagated", "True", "Succeeded"))
	})

	It("refuses a second ring with the same Service", func(ctx SpecContext) {
		connect(ctx)
		second := build.Ring(w.Namespace, "zweiter") // of two that are equally old, the first by name
		w.ExpectApplied(ctx, second)
		w.ring, second = second, w.ring
		w.reconcile(ctx)
		Expect(w.ring).To(testenv.HaveCondition("EndpointsReady", "False", "ServiceShared", "ring unkey-api has Service api/unkey-api-gossip-wan in the same regions"))
		Expect(w.ring).To(testenv.HaveCondition("SeedsPropagated", "Unknown", "Blocked"))
		w.Recorder.ExpectNoWrites(func() { w.reconcile(ctx) })
		w.ExpectDeleted(ctx, second)
		w.look(ctx)
		Expect(w.ring).NotTo(testenv.HaveCondition("EndpointsReady", "False", "ServiceShared"))
	})

	It("refuses a second ring that would write into the same place", func(ctx SpecContext) {
		connect(ctx)
		into := func(name string) *v1alpha1.GossipRing {
			return build.Ring(w.Namespace, name, func(g *v1alpha1.GossipRing) {
				g.Spec.Service.Name = name
				g.Spec.Seeds.Delivery.ConfigMap = &v1alpha1.ConfigMapDelivery{
					Name: "gossip", Key: "seeds", Restart: []v1alpha1.WorkloadReference{{Kind: v1alpha1.WorkloadDeployment, Name: "api"}},
				}
			})
		}
		w.ring = into("zwo") // of two that are equally old, the first by name
		w.ExpectApplied(ctx, into("zweiter"), w.ring)
		w.reconcile(ctx)
		Expect(w.ring).To(testenv.HaveCondition("SeedsPropagated", "False", "InvalidSeeds", "ring zweiter delivers to the same place"))
	})

	It("has rings that share a Service and no label", func(ctx SpecContext) {
		connect(ctx)
		second := build.Ring(w.Namespace, "zweiter", func(g *v1alpha1.GossipRing) {
			g.Spec.RegionSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "gold"}}
		})
		w.ExpectApplied(ctx, second)
		w.ring = second
		w.reconcile(ctx)
		Expect(w.ring).To(testenv.HaveCondition("EndpointsReady", "Unknown", "NoMembers", "is one that the ring's profiles and regionSelector select"))
		testenv.ExpectUpdated(ctx, env, build.Region(w.Namespace, a), func(r *v1alpha1.Region) { r.Labels = map[string]string{"tier": "gold"} })
		w.reconcile(ctx)
		Expect(w.ring).To(testenv.HaveCondition("EndpointsReady", "False", "ServiceShared", "give them profiles or a regionSelector that exclude each other"))
		Expect(w.ring.Status.Members).To(ConsistOf(HaveField("Region", a)))
	})

	It("keeps its members while nobody can read which labels they should have", func(ctx SpecContext) {
		connect(ctx)
		was := w.ring.Status.Members
		testenv.ExpectUpdated(ctx, env, w.ring, func(g *v1alpha1.GossipRing) {
			g.Spec.RegionSelector = &metav1.LabelSelector{MatchLabels: map[string]string{"tier": "solid gold"}}
		})
		w.reconcile(ctx)
		Expect(w.ring).To(testenv.HaveCondition("EndpointsReady", "False", "InvalidSelector", "spec.regionSelector: "))
		Expect(w.ring).To(testenv.HaveCondition("Stalled", "True", "InvalidSelector"))
		Expect(w.ring.Status.Members).To(HaveLen(len(was)))
		Expect(w.seeds(ctx, b)).NotTo(BeEmpty())
	})

	It("keeps its members while it names a profile that nobody has", func(ctx SpecContext) {
		connect(ctx)
		was := w.ring.Status.Members
		testenv.ExpectUpdated(ctx, env, w.ring, func(g *v1alpha1.GossipRing) { g.Spec.Profiles = []string{"defalt"} })
		for range 2 {
			later(ctx)
			Expect(w.ring).To(testenv.HaveCondition("EndpointsReady", "False", "UnknownProfile", "spec.profiles: environment production001 has no profile defalt"))
			Expect(w.ring.Status.Members).To(HaveLen(len(was)))
			Expect(w.ring.Status.Members).To(HaveEach(HaveField("State", v1alpha1.MemberConverged)))
			Expect(w.seeds(ctx, b)).NotTo(BeEmpty())
		}
		testenv.ExpectUpdated(ctx, env, w.ring, func(g *v1alpha1.GossipRing) { g.Spec.Profiles = nil })
		w.eventually(ctx, testenv.HaveCondition("Ready", "True", "Succeeded"))
	})

	It("reaches pods at their addresses, if asked to", func(ctx SpecContext) {
		pods := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("# TYPE unkey_gossip_members_count gauge\nunkey_gossip_members_count{pool=\"wan\"} 3\n"))
		}))
		DeferCleanup(pods.Close)
		at := netip.MustParseAddrPort(pods.Listener.Addr().String())
		w.ring.Spec.Membership.Via, w.ring.Spec.Membership.Port = v1alpha1.ViaDirect, int32(at.Port())
		w.ExpectApplied(ctx, w.environment, w.ring)
		w.deploy(ctx, a, balancer(b), balancer(c))
		w.deploy(ctx, b, balancer(a), balancer(c))
		w.deploy(ctx, c, balancer(a), balancer(b))
		w.eventually(ctx, HaveField("Status.Members", HaveEach(And(HaveField("State", v1alpha1.MemberUnknown),
			HaveField("Message", ContainSubstring("metric cannot be read: none answers at its address: membership.via: APIServerProxy"))))))
		for _, region := range []string{a, b, c} {
			pod := build.Pod("unkey-api-0", w.seeds(ctx, region))
			pod.Status.PodIP = at.Addr().String()
			w.apis[region].Set(pod)
		}
		w.eventually(ctx, testenv.HaveCondition("Ready", "True", "Succeeded"))
	})

	Context("with probes", func() {
		BeforeEach(func() {
			w.ring.Spec.Probe = &v1alpha1.RingProbe{KeySecretRef: v1alpha1.SecretKeyReference{Name: "unkey-api", Key: "key"}}
		})
		deployment := func() *appsv1.Deployment {
			d := &appsv1.Deployment{}
			d.Namespace, d.Name = "api", "portolan-probe-unkey-api"
			return d
		}
		// say is what a region's probe tells of the others.
		say := func(region string, results map[string][2]v1alpha1.ProbeResult) {
			pod := build.Pod("portolan-probe-0", "")
			pod.Labels = probe.Labels(w.ring.Name)
			w.apis[region].Set(pod)
			text := "# TYPE portolan_probe_result gauge\n"
			for to, r := range results {
				for i, transport := range []string{"tcp", "udp"} {
					text += fmt.Sprintf("portolan_probe_result{to=%q,transport=%q,result=%q} 1\n", to, transport, r[i])
				}
			}
			w.apis[region].SetMetrics(pod, text)
		}
		fine := [2]v1alpha1.ProbeResult{v1alpha1.ProbeOK, v1alpha1.ProbeOK}
		allFine := func() {
			say(a, map[string][2]v1alpha1.ProbeResult{b: fine, c: fine})
			say(b, map[string][2]v1alpha1.ProbeResult{a: fine, c: fine})
			say(c, map[string][2]v1alpha1.ProbeResult{a: fine, b: fine})
		}

		It("installs them, reads what they find and takes them away", func(ctx SpecContext) {
			connect(ctx)
			Expect(w.ring.Finalizers).To(ContainElement(v1alpha1.RingFinalizer))
			Expect(w.ring).To(testenv.HaveCondition("Probed", "Unknown", "ProbesMissing", "probes do not answer: eu-west-1, us-east-1, us-west-2"))
			installed := deployment()
			Expect(w.apis[a].Find(installed)).To(BeTrue())
			Expect(installed.Spec.Template.Spec.Containers[0].Image).To(Equal("portolan.test/portolan:v1"))
			allFine()
			w.eventually(ctx, testenv.HaveCondition("Probed", "True", "Succeeded"))
			w.Recorder.ExpectNoWrites(func() { later(ctx) })

			blocked := [2]v1alpha1.ProbeResult{v1alpha1.ProbeOK, v1alpha1.ProbeUnreachable}
			say(a, map[string][2]v1alpha1.ProbeResult{b: fine, c: blocked})
			say(b, map[string][2]v1alpha1.ProbeResult{a: fine, c: blocked})
			w.eventually(ctx, testenv.HaveCondition("EndpointsReady", "False", "EndpointUnreachable", "us-west-2: UDP 7947 is blocked", "(seen from eu-west-1, us-east-1)"))
			Expect(w.ring.Status.Unreachable).To(ConsistOf(
				And(HaveField("From", a), HaveField("To", c), HaveField("UDP", v1alpha1.ProbeUnreachable), HaveField("Since", Not(BeZero()))),
				And(HaveField("From", b), HaveField("To", c))))
			Expect(w.ring).To(testenv.HaveCondition("Converged", "True", "Succeeded"), "members still see each other")

			testenv.ExpectUpdated(ctx, env, w.ring, func(g *v1alpha1.GossipRing) { g.Spec.Probe = nil })
			w.eventually(ctx, testenv.HaveCondition("Probed", "True", "NotRequired"))
			Expect(w.apis[a].Find(deployment())).To(BeFalse())
			later(ctx)
			Expect(w.ring.Finalizers).To(BeEmpty())
		})

		It("names a region whose members refuse the others' key", func(ctx SpecContext) {
			connect(ctx)
			odd := [2]v1alpha1.ProbeResult{v1alpha1.ProbeKeyRejected, v1alpha1.ProbeKeyRejected}
			say(a, map[string][2]v1alpha1.ProbeResult{b: fine, c: odd})
			say(b, map[string][2]v1alpha1.ProbeResult{a: fine, c: odd})
			say(c, map[string][2]v1alpha1.ProbeResult{a: odd, b: odd})
			w.see(2, a, b)
			w.see(1, c)
			w.eventually(ctx, testenv.HaveCondition("KeysMatch", "False", "KeyMismatch", "us-west-2: encrypting with another key than the others"))
			Expect(w.member(c).Message).To(ContainSubstring("it has another key than the others"))
			Expect(w.ring).To(testenv.HaveCondition("EndpointsReady", "True", "Succeeded"), "a key is no matter of reachability")
		})

		It("removes them with the ring, where its regions answer", func(ctx SpecContext) {
			connect(ctx)
			w.apis[c].Refuse(503)
			w.Clock.Step(testenv.Poll)
			w.eventually(ctx, testenv.HaveCondition("Converged", "Unknown", "MembersUnknown"))
			w.ExpectDeleted(ctx, w.ring)
			w.reconcile(ctx)
			Expect(w.apis[a].Find(deployment())).To(BeFalse())
			Expect(w.apis[b].Find(deployment())).To(BeFalse())
			Expect(env.Client.Get(ctx, client.ObjectKeyFromObject(w.ring), w.ring)).To(Succeed(), "one that falters is waited for, but not for long")
			w.Clock.Step(time.Minute)
			w.reconcile(ctx)
			w.ExpectNotFound(ctx, w.ring)
		})
	})

	Context("that delivers by ConfigMap", func() {
		workload := func() *appsv1.Deployment {
			d := &appsv1.Deployment{}
			d.Namespace, d.Name = "api", "unkey-api"
			return d
		}
		config := func() *corev1.ConfigMap {
			m := &corev1.ConfigMap{}
			m.Namespace, m.Name = "api", "seeds"
			return m
		}
		// start plays the region's Deployment: its pod carries the annotations of the template.
		start := func(_ context.Context, region string) {
			GinkgoHelper()
			d := workload()
			Expect(w.apis[region].Find(d)).To(BeTrue())
			pod := build.Pod("unkey-api-0", "")
			pod.Annotations = d.Spec.Template.Annotations
			w.apis[region].Set(pod)
		}

		It("writes it, restarts what reads it and sees that the pods have it", func(ctx SpecContext) {
			w.ring.Spec.Seeds.Delivery.ConfigMap = &v1alpha1.ConfigMapDelivery{
				Name: "seeds", Key: "wan", Restart: []v1alpha1.WorkloadReference{{Kind: v1alpha1.WorkloadDeployment, Name: "unkey-api"}},
			}
			w.ExpectApplied(ctx, w.environment, w.ring)
			for _, name := range []string{a, b} {
				w.apis[name].Set(workload())
				w.deploy(ctx, name)
			}
			w.see(1, a, b)
			w.eventually(ctx, WithTransform(func(*v1alpha1.GossipRing) bool { return w.apis[a].Find(config()) && w.apis[b].Find(config()) }, BeTrue()))
			written := config()
			Expect(w.apis[a].Find(written)).To(BeTrue())
			Expect(written.Data).To(HaveKeyWithValue("wan", balancer(b)))
			Expect(w.seeds(ctx, a)).To(BeEmpty(), "the cluster Secret is left alone")
			Expect(w.ring).To(testenv.HaveCondition("SeedsPropagated", "Unknown", "RollingSeeds"))

			start(ctx, a)
			start(ctx, b)
			w.see(2, a, b)
			w.eventually(ctx, testenv.HaveCondition("Ready", "True", "Succeeded"))
			Expect(w.member(a).AppliedSeeds).To(HaveExactElements(balancer(b)))
			w.Recorder.ExpectNoWrites(func() { later(ctx) })
		})
	})
})
