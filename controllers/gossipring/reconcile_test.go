package gossipring_test

import (
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/internal/testenv"
	"github.com/portolan-dev/portolan/controllers/internal/testenv/build"
)

var _ = Describe("GossipRing", func() {
	Context("without connected members", func() {
		var b *bed
		BeforeEach(func(ctx SpecContext) { b = newBed(ctx) })

		It("waits for a missing environment", func(ctx SpecContext) {
			b.ExpectApplied(ctx, b.ring)
			b.reconcile(ctx)
			Expect(b.ring).To(testenv.HaveCondition("EndpointsReady", "Unknown", "EnvironmentNotFound", "has no Environment production001: create it"))
			Expect(b.ring).To(testenv.HaveCondition("SeedsPropagated", "Unknown", "Blocked", "waiting for EndpointsReady"))
			Expect(b.ring).To(testenv.HaveCondition("Converged", "Unknown", "Blocked", "waiting for EndpointsReady"))
			Expect(b.ring).To(testenv.HaveCondition("Ready", "Unknown", "EnvironmentNotFound"))
			b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })
		})

		It("waits for Regions of its profiles", func(ctx SpecContext) {
			b.ring.Spec.Profiles = []string{"edge"}
			edge := build.Profile()
			edge.Name = "edge"
			b.environment.Spec.Profiles = append(b.environment.Spec.Profiles, edge)
			b.ExpectApplied(ctx, b.environment, b.ring, build.Region(b.Namespace, "eu-west-1"),
				build.Region(b.Namespace, "sa-east-1", func(r *v1alpha1.Region) { r.Spec.EnvironmentRef.Name, r.Spec.Profile = "staging001", "edge" }))
			b.reconcile(ctx)
			Expect(b.ring).To(testenv.HaveCondition("EndpointsReady", "Unknown", "NoMembers", "no Region of environment production001"))
			Expect(b.ring.Status.Members).To(BeEmpty())
			Expect(b.ring.Status.ConvergedMembers).To(Equal("0/0"))
			b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })
		})

		DescribeTable("stalls on", func(ctx SpecContext, hostname, message string) {
			b.ring.Spec.Endpoint = &v1alpha1.RingEndpoint{Hostname: hostname}
			b.ExpectApplied(ctx, b.environment, b.ring)
			b.reconcile(ctx)
			Expect(b.ring).To(testenv.HaveCondition("EndpointsReady", "False", "InvalidHostname", message))
			Expect(b.ring).To(testenv.HaveCondition("Stalled", "True", "InvalidHostname"))
			b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })
		},
			Entry("a hostname that is no template", "gossip.{{ .region", "is not a template that Portolan expands"),
			Entry("a hostname with unknown fields", "gossip.{{ .region }}.{{ .cluster }}.aws.unkey.test", "has the unknown key .cluster: it may hold {{ .environment }}, {{ .name }}, {{ .region }}"),
			Entry("a hostname in no zone of the environment", "gossip.{{ .region }}.example.test", "gossip.us-east-1.example.test lies in none of the environment's zones"),
		)

		It("says which members it cannot reach and keeps what it knows of them", func(ctx SpecContext) {
			b.ring.Status.Members = []v1alpha1.RingMember{{
				Region: "us-east-1", State: v1alpha1.MemberConverged, Endpoint: "gossip.us-east-1.test", Source: v1alpha1.EndpointFromHostname,
			}}
			b.ExpectApplied(ctx, b.environment, b.ring, build.Region(b.Namespace, "eu-west-1"), build.Region(b.Namespace, "us-east-1"))
			result := b.reconcile(ctx)
			Expect(b.ring).To(testenv.HaveCondition("EndpointsReady", "Unknown", "WaitingForEndpoints", "eu-west-1 (its cluster is not connected)"))
			Expect(b.member("eu-west-1").State).To(Equal(v1alpha1.MemberPending))
			Expect(b.member("us-east-1")).To(And(
				HaveField("State", v1alpha1.MemberUnknown), HaveField("Endpoint", "gossip.us-east-1.test")))
			Expect(result.RequeueAfter).To(Equal(testenv.Poll))
			b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })
		})

		It("ends without ado", func(ctx SpecContext) {
			controllerutil.AddFinalizer(b.ring, "testenv.portolan.dev/hold")
			b.ExpectApplied(ctx, b.environment, b.ring)
			b.ExpectDeleted(ctx, b.ring)
			b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })
			testenv.ExpectUpdated(ctx, env, b.ring, func(g *v1alpha1.GossipRing) { g.Finalizers = nil })
		})
	})

	Context("looking for endpoints", func() {
		var b *bed
		BeforeEach(func(ctx SpecContext) { b = newBed(ctx, "eu-west-1") })
		hostname := func(fallback v1alpha1.EndpointFallback) *v1alpha1.RingEndpoint {
			return &v1alpha1.RingEndpoint{Hostname: "gossip.{{ .region }}.aws.unkey.test", Fallback: fallback}
		}

		It("waits for the Service and its load balancer", func(ctx SpecContext) {
			b.ExpectApplied(ctx, b.environment, b.ring)
			b.deploy(ctx, "eu-west-1")
			b.apis["eu-west-1"].Remove(build.Service(""))
			b.eventually(ctx, testenv.HaveCondition("EndpointsReady", "Unknown", "WaitingForEndpoints", "Service api/unkey-api-gossip-wan does not exist"))
			b.apis["eu-west-1"].Set(build.Service(""))
			b.eventually(ctx, testenv.HaveCondition("EndpointsReady", "Unknown", "WaitingForEndpoints", "the load balancer of Service api/unkey-api-gossip-wan has no name"))
			b.apis["eu-west-1"].Set(build.Service("lb.test"))
			b.eventually(ctx, testenv.HaveCondition("EndpointsReady", "Unknown", "WaitingForEndpoints",
				"its load balancer lb.test does not resolve, and AWS does not say whether it is active"))
			b.AWS.SetLoadBalancer("eu-west-1", "lb.test", aws.LoadBalancer{ARN: "arn:lb", State: aws.LoadBalancerProvisioning})
			b.eventually(ctx, testenv.HaveCondition("EndpointsReady", "Unknown", "WaitingForEndpoints",
				"its load balancer lb.test is provisioning: AWS says active when its name answers"))
			b.AWS.SetLoadBalancer("eu-west-1", "lb.test", aws.LoadBalancer{ARN: "arn:lb", State: aws.LoadBalancerActive})
			b.eventually(ctx, testenv.HaveCondition("EndpointsReady", "True", "Succeeded"))
			Expect(b.member("eu-west-1")).To(And(HaveField("Endpoint", "lb.test"), HaveField("Source", v1alpha1.EndpointFromLoadBalancer)))
		})

		It("waits for the name to be registered, then keeps it through every failed lookup", func(ctx SpecContext) {
			b.ring.Spec.Endpoint = hostname(v1alpha1.FallbackNone)
			b.ExpectApplied(ctx, b.environment, b.ring)
			b.deploy(ctx, "eu-west-1")
			b.reconcile(ctx)
			Expect(b.ring).To(testenv.HaveCondition("EndpointsReady", "Unknown", "WaitingForEndpoints", "gossip.eu-west-1.aws.unkey.test is not registered"))

			b.dns.set("gossip.eu-west-1.aws.unkey.test", balancer("eu-west-1"))
			b.look(ctx)
			Expect(b.ring).To(testenv.HaveCondition("EndpointsReady", "True", "Succeeded"))
			Expect(b.member("eu-west-1")).To(And(
				HaveField("Endpoint", "gossip.eu-west-1.aws.unkey.test"), HaveField("Source", v1alpha1.EndpointFromHostname)))

			b.dns.breakDown()
			b.look(ctx)
			Expect(b.member("eu-west-1").Endpoint).To(Equal("gossip.eu-west-1.aws.unkey.test"))
			Expect(b.ring).To(testenv.HaveCondition("EndpointsReady", "True", "Succeeded"))
		})

		It("uses the load balancer's own name meanwhile, when told to", func(ctx SpecContext) {
			b.ring.Spec.Endpoint = hostname(v1alpha1.FallbackLoadBalancer)
			b.ExpectApplied(ctx, b.environment, b.ring)
			b.deploy(ctx, "eu-west-1")
			b.reconcile(ctx)
			Expect(b.member("eu-west-1").Endpoint).To(Equal(balancer("eu-west-1")))
			b.dns.set("gossip.eu-west-1.aws.unkey.test", balancer("eu-west-1"))
			b.look(ctx)
			Expect(b.member("eu-west-1").Endpoint).To(Equal("gossip.eu-west-1.aws.unkey.test"))
		})
	})

	Context("of three regions", func() {
		const a, z, late = "eu-west-1", "us-east-1", "us-west-2"
		var b *bed
		BeforeEach(func(ctx SpecContext) { b = newBed(ctx, a, z, late) })

		// pair connects the first two to each other.
		pair := func(ctx SpecContext) {
			GinkgoHelper()
			b.ExpectApplied(ctx, b.environment, b.ring)
			b.deploy(ctx, a)
			b.deploy(ctx, z, balancer(a))
			b.see(1, a, z)
			b.eventually(ctx, HaveField("Status.Members", ContainElement(HaveField("DesiredSeeds", ConsistOf(balancer(z))))))
			b.restart(ctx, a)
			b.see(2, a, z)
			b.eventually(ctx, testenv.HaveCondition("Ready", "True", "Succeeded"))
		}

		It("is Ready when every member sees every member", func(ctx SpecContext) {
			pair(ctx)
			Expect(b.ring.Status.ConvergedMembers).To(Equal("2/2"))
			Expect(b.ring.Status.ConvergedAt).NotTo(BeNil())
			Expect(b.ring.Status.Members).To(HaveEach(And(
				HaveField("State", v1alpha1.MemberConverged), HaveField("MembersSeen", HaveValue(BeEquivalentTo(2))), HaveField("JoinedAt", Not(BeNil())))))
			b.Clock.Step(testenv.Resync)
			b.EmittedEvents()
			b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })
			Expect(b.EmittedEvents()).To(BeEmpty())
		})

		It("changes the seeds of one region at a time", func(ctx SpecContext) {
			b.ExpectApplied(ctx, b.environment, b.ring)
			b.deploy(ctx, a)
			b.deploy(ctx, z)
			b.see(1, a, z)
			b.reconcile(ctx)
			b.reconcile(ctx)
			Expect(b.seeds(ctx, a)).To(Equal(balancer(z)))
			Expect(b.seeds(ctx, z)).To(BeEmpty())
			Expect(b.ring).To(testenv.HaveCondition("SeedsPropagated", "Unknown", "RollingSeeds", "eu-west-1, us-east-1"))
			Expect(b.ring).To(testenv.HaveCondition("Converged", "Unknown", "NotConverged", "eu-west-1 sees 1 of 2"))
			Expect(b.member(a)).To(And(HaveField("State", v1alpha1.MemberEndpointReady), HaveField("Message", "its pods are restarting with new seeds")))
			Expect(b.member(z)).To(HaveField("Message", "its turn to get new seeds has not come"))
			b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })

			b.restart(ctx, a)
			b.see(2, a, z)
			b.eventually(ctx, HaveField("Status.Members", ContainElement(And(HaveField("Region", a), HaveField("AppliedSeeds", ConsistOf(balancer(z)))))))
			b.eventually(ctx, testenv.HaveCondition("SeedsPropagated", "Unknown", "RollingSeeds", "not yet running with its seeds: us-east-1"))
			Expect(b.seeds(ctx, z)).To(Equal(balancer(a)))
			b.restart(ctx, z)
			b.eventually(ctx, testenv.HaveCondition("Ready", "True", "Succeeded"))
		})

		It("takes a region in that was born with its peers as seeds", func(ctx SpecContext) {
			pair(ctx)
			b.deploy(ctx, late, balancer(a), balancer(z))
			b.see(3, a, z, late)
			b.eventually(ctx, testenv.HaveCondition("SeedsPropagated", "Unknown", "RollingSeeds", "eu-west-1"))
			Expect(b.seeds(ctx, late)).To(Equal(balancer(a) + "," + balancer(z)))
			b.restart(ctx, a)
			b.eventually(ctx, testenv.HaveCondition("SeedsPropagated", "Unknown", "RollingSeeds", "not yet running with its seeds: us-east-1"))
			b.eventually(ctx, HaveField("Status.Members", ContainElement(And(HaveField("Region", z), HaveField("DesiredSeeds", ConsistOf(balancer(a), balancer(late)))))))
			Eventually(func(g Gomega) {
				b.reconcile(ctx)
				g.Expect(b.seeds(ctx, z)).To(Equal(balancer(a) + "," + balancer(late)))
			}).Should(Succeed())
			b.restart(ctx, z)
			b.eventually(ctx, testenv.HaveCondition("Ready", "True", "Succeeded"))
			Expect(b.ring.Status.ConvergedMembers).To(Equal("3/3"))
		})

		It("lets a region leave: peers drop its seed before it is gone", func(ctx SpecContext) {
			pair(ctx)
			leaving := build.Region(b.Namespace, z)
			b.ExpectDeleted(ctx, leaving)
			b.reconcile(ctx)
			Expect(b.seeds(ctx, a)).To(BeEmpty())
			Expect(b.member(z).State).To(Equal(v1alpha1.MemberLeaving))
			b.reconcile(ctx)
			Expect(b.member(z).State).To(Equal(v1alpha1.MemberLeaving), "the pods still have its seed")

			b.restart(ctx, a)
			b.see(1, a)
			b.eventually(ctx, HaveField("Status.Members", ContainElement(And(HaveField("Region", z), HaveField("State", v1alpha1.MemberLeft)))))
			Expect(b.seeds(ctx, z)).To(Equal(balancer(a)), "nobody restarts what is being deleted")
			b.eventually(ctx, testenv.HaveCondition("Ready", "True", "Succeeded"))
			Expect(b.ring.Status.ConvergedMembers).To(Equal("1/1"))
		})

		It("has peers drop a region that it does not select any more, also while another one comes up", func(ctx SpecContext) {
			pair(ctx)
			testenv.ExpectUpdated(ctx, env, b.ring, func(g *v1alpha1.GossipRing) {
				g.Spec.RegionSelector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "quarantine", Operator: metav1.LabelSelectorOpDoesNotExist}}}
			})
			b.ExpectApplied(ctx, build.Region(b.Namespace, late))
			b.look(ctx)
			Expect(b.member(late).State).To(Equal(v1alpha1.MemberPending))
			testenv.ExpectUpdated(ctx, env, build.Region(b.Namespace, z), func(r *v1alpha1.Region) { r.Labels = map[string]string{"quarantine": "yes"} })
			b.look(ctx)
			Expect(b.seeds(ctx, a)).To(BeEmpty())
			Expect(b.member(z)).To(And(HaveField("State", v1alpha1.MemberLeaving), HaveField("Endpoint", balancer(z))))
			b.look(ctx)
			Expect(b.member(z).State).To(Equal(v1alpha1.MemberLeaving), "the pods still have its seed")
			Expect(b.seeds(ctx, z)).To(Equal(balancer(a)), "it runs on as it is")

			b.restart(ctx, a)
			b.eventually(ctx, HaveField("Status.Members", Not(ContainElement(HaveField("Region", z)))))
			b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })
		})

		It("forgets nothing about a region that does not answer", func(ctx SpecContext) {
			pair(ctx)
			b.apis[z].Refuse(http.StatusServiceUnavailable)
			b.Clock.Step(testenv.Poll)
			b.eventually(ctx, testenv.HaveCondition("Converged", "Unknown", "MembersUnknown", "us-east-1 (its API server does not answer"))
			Expect(b.member(z)).To(And(HaveField("State", v1alpha1.MemberUnknown), HaveField("Endpoint", balancer(z))))
			Expect(b.seeds(ctx, a)).To(Equal(balancer(z)))

			b.apis[z].Refuse(0)
			b.Clock.Step(testenv.Poll)
			b.eventually(ctx, testenv.HaveCondition("Ready", "True", "Succeeded"))
		})

		It("sees its members though no name server answers", func(ctx SpecContext) {
			b.ring.Spec.Endpoint = &v1alpha1.RingEndpoint{Hostname: "gossip.{{ .region }}.aws.unkey.test"}
			for _, region := range []string{a, z} {
				b.dns.set("gossip."+region+".aws.unkey.test", balancer(region))
			}
			b.ExpectApplied(ctx, b.environment, b.ring)
			b.deploy(ctx, a, "gossip."+z+".aws.unkey.test")
			b.deploy(ctx, z, "gossip."+a+".aws.unkey.test")
			b.see(2, a, z)
			b.eventually(ctx, testenv.HaveCondition("Ready", "True", "Succeeded"))

			b.dns.fallSilent()
			pass := func() {
				GinkgoHelper()
				b.Clock.Step(testenv.Poll)
				done := make(chan struct{})
				go func() {
					defer GinkgoRecover()
					defer close(done)
					b.reconcile(ctx)
				}()
				Eventually(func() <-chan struct{} {
					b.Clock.Step(time.Second) // a pass waits only so long
					return done
				}).Should(BeClosed())
			}
			for range 6 {
				pass()
			}
			Eventually(func(g Gomega) {
				pass()
				g.Expect(b.ring.Status.Members).To(HaveEach(And(HaveField("State", v1alpha1.MemberConverged), HaveField("Endpoint", HavePrefix("gossip.")))))
			}).WithTimeout(5 * time.Second).Should(Succeed())
		})

		It("notices a member that sees nobody", func(ctx SpecContext) {
			pair(ctx)
			before := b.ring.Status.ConvergedAt
			b.see(1, z)
			b.Clock.Step(testenv.Poll)
			b.reconcile(ctx)
			Expect(b.ring).To(testenv.HaveCondition("Converged", "Unknown", "NotConverged", "us-east-1 sees 1 of 2"))
			Expect(b.member(z)).To(And(HaveField("State", v1alpha1.MemberIsolated), HaveField("Message", "it sees nobody but itself: check port and key")))
			Expect(b.ring.Status.Isolated).To(HaveExactElements(z))
			Expect(b.ring.Status.ConvergedAt).To(Equal(before), "when it last was whole")

			b.see(1, a)
			b.Clock.Step(testenv.Poll)
			b.reconcile(ctx)
			Expect(b.ring).To(testenv.HaveCondition("Converged", "False", "Partitioned", "the ring has split: eu-west-1 | us-east-1"))
			Expect(b.ring.Status.Partitions).To(HaveLen(2))
		})
	})
})
