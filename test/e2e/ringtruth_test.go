package e2e

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"os"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/test/bed"
	"github.com/portolan-dev/portolan/test/simulator/network"
)

const (
	// quick is how often specs look that race with what they look at.
	quick = 50 * time.Millisecond
	// forgotten is after how long members do not know each other any more: a cut that ends
	// before heals by itself.
	forgotten = 10 * time.Second
)

// Ready means that every region was seen to be connected: real members, under every fault
// that docs/gossip.md says how to tell from the others.
var _ = Describe("A ring's truth", Ordered, func() {
	const environment = "truth"
	regions := ringRegions(environment, 4)
	virginia, oregon, dublin, mumbai := regions[0], regions[1], regions[2], regions[3]
	others := []*v1alpha1.Region{virginia, oregon, dublin}
	api, frontline := keyed(recoverableRing(environment)), gossiping(environment, "frontline")
	rings := []*v1alpha1.GossipRing{api, frontline}
	var registered func()
	var watch *ringWatch

	BeforeAll(func(ctx SpecContext) {
		ownWorld(ctx, func(o *bed.Options) {
			o.CachingResolver = true
			// Nobody must be seeded with the name of a load balancer that does not answer yet.
			o.Medians = map[string]time.Duration{"elbv2/loadbalancer": 20 * time.Minute}
		})
		registered = world.DNS.Withhold(endpointOf(mumbai))
		startRings(ctx, ringEnvironment(environment, "unkey-api", "frontline"), rings, regions...)
	}, NodeTimeout(patience))

	AfterEach(func() {
		if watch != nil {
			Expect(watch.found()).To(BeEmpty())
		}
	})

	AfterAll(func() {
		if watch != nil {
			watch.stop()
		}
	})

	It("waits for a name that is registered late, and has nobody ask for it before", NodeTimeout(patience), func(ctx SpecContext) {
		Eventually(func(g Gomega) {
			g.Expect(condition(ctx, api, v1alpha1.RingEndpointsReady)(g)).To(haveReason(v1alpha1.ReasonWaitingForEndpoints,
				"mumbai ("+endpointOf(mumbai)+" is not registered"))
			for _, r := range others {
				g.Expect(memberOf(api, r.Name).Endpoint).To(Equal(endpointOf(r)))
			}
			g.Expect(memberOf(api, mumbai.Name)).To(And(HaveField("State", v1alpha1.MemberPending), HaveField("Endpoint", "")))
			g.Expect(agentsSee(ctx, g, api, regions...)).To(Equal(each(4, regions...)), "a member without a name dials the others")
		}).WithContext(ctx).Should(Succeed())
		for _, r := range regions {
			Expect(writtenSeeds(ctx, api, r)).NotTo(ContainSubstring(endpointOf(mumbai)), r.Name)
		}
		registered()
		Eventually(func(g Gomega) {
			g.Expect(condition(ctx, api, v1alpha1.ConditionReady)(g)).To(beReady())
			if slices.ContainsFunc(api.Status.Unreachable, func(u v1alpha1.UnreachableEndpoint) bool { return u.TCP == v1alpha1.ProbeUnresolved }) {
				StopTrying("a resolver was asked too early, and remembers").Attach("unreachable", api.Status.Unreachable).Now()
			}
		}).WithContext(ctx).WithPolling(quick).Should(Succeed())
		awaitRing(ctx, frontline)
		watch = watchRings(ctx, rings, regions...)
	})

	It("is proved by what Ready shows", NodeTimeout(patience), func(ctx SpecContext) {
		Eventually(func(g Gomega) { // what a probe saw while a pod restarted is worth no condition, and is listed for a round
			g.Expect(condition(ctx, api, v1alpha1.ConditionReady)(g)).To(beReady())
			g.Expect(api.Status.Unreachable).To(BeEmpty())
		}).WithContext(ctx).Should(Succeed())
		Expect(api.Status.ConvergedMembers).To(Equal("4/4"))
		Expect(api.Status.ConvergedAt).NotTo(BeNil())
		Expect(api.Status.Isolated).To(BeEmpty())
		Expect(api.Status.Partitions).To(BeEmpty())
		Expect(api.Status.Conditions).To(HaveEach(HaveField("Status", metav1.ConditionTrue)))
		Expect(api.Status.Conditions).To(ContainElements(
			HaveField("Type", v1alpha1.RingProbed), HaveField("Type", v1alpha1.RingKeysMatch), HaveField("Type", v1alpha1.RingConverged)))
		awaitAgents(ctx, api, 4, regions...)
		awaitAgents(ctx, frontline, 4, regions...)
		for _, r := range regions {
			seeds := peerEndpoints(r, regions...)
			Expect(memberOf(api, r.Name)).To(And(
				HaveField("AWSRegion", r.Spec.AWSRegion), HaveField("State", v1alpha1.MemberConverged), HaveField("JoinedAt", Not(BeNil())),
				HaveField("Endpoint", endpointOf(r)), HaveField("Source", v1alpha1.EndpointFromHostname),
				HaveField("HealthyTargets", HaveValue(BeEquivalentTo(1))), HaveField("MembersSeen", HaveValue(BeEquivalentTo(4))),
				HaveField("KeyVersion", And(Not(BeEmpty()), Equal(world.AWS.SecretVersion(string(r.Spec.AWSRegion), ringSecret)))),
				HaveField("DesiredSeeds", seeds), HaveField("AppliedSeeds", seeds),
			), r.Name)
			Expect(podsOf(ctx, Default, api, r)).To(And(HaveLen(2), HaveEach(WithTransform(seedsIn, Equal(strings.Join(seeds, ","))))))
			Expect(memberOf(frontline, r.Name).Source).To(Equal(v1alpha1.EndpointFromLoadBalancer))
		}
	})

	It("names the halves of a ring that has split, which stay apart until a member is evicted", NodeTimeout(patience), func(ctx SpecContext) {
		watch.split.Store(true)
		for _, r := range rings {
			onPartition(ctx, r, v1alpha1.PartitionReport)
		}
		DeferCleanup(world.Heal)
		world.CutBetween([]string{"us-east-1", "us-west-2"}, []string{"eu-west-1", "ap-south-1"})
		Eventually(func(g Gomega) map[string]int { return agentsSee(ctx, g, api, regions...) }).WithContext(ctx).WithPolling(quick).Should(Equal(each(2, regions...)))
		apart := time.Now()
		Eventually(condition(ctx, api, v1alpha1.RingConverged)).WithContext(ctx).WithPolling(quick).Should(
			haveReason(v1alpha1.ReasonPartitioned, "the ring has split into at least 2 parts"))
		AddReportEntry("A partition was named after its members' metrics showed it", time.Since(apart).String())

		By("being exact with a metric that names the members")
		counting := api.Spec.Membership
		editRing(ctx, api, func(spec *v1alpha1.GossipRingSpec) {
			spec.Membership.Metric, spec.Membership.PeerLabel = "unkey_gossip_member", "region"
		})
		split := func(g Gomega) {
			g.Expect(condition(ctx, api, v1alpha1.RingConverged)(g)).To(haveReason(v1alpha1.ReasonPartitioned, "the ring has split: dublin, mumbai | oregon, virginia"))
			g.Expect(api.Status.Partitions).To(HaveExactElements(HaveField("Members", []string{"dublin", "mumbai"}), HaveField("Members", []string{"oregon", "virginia"})))
		}
		Eventually(func(g Gomega) {
			split(g)
			g.Expect(api.Status.Unreachable).To(HaveLen(8), "two by two, in both directions")
		}).WithContext(ctx).WithPolling(quick).Should(Succeed())

		By("evicting nobody while nobody gets through")
		onPartition(ctx, api, v1alpha1.PartitionRejoin)
		pods := uidsOf(ctx, api, regions...)
		Consistently(func(g Gomega) {
			g.Expect(world.Client.Get(ctx, client.ObjectKeyFromObject(api), api)).To(Succeed())
			g.Expect(api.Status.Rejoin).To(BeNil())
		}).WithContext(ctx).WithTimeout(forgotten).WithPolling(quick).Should(Succeed())
		Eventually(split).WithContext(ctx).WithPolling(quick).Should(Succeed())

		// Members stay apart although the network is whole again, which test/simulator/gossip shows.
		// On a machine that is so busy that one of them was alone for a moment, it dials again.
		By("being joined by the successor of one member when the network is whole again")
		world.Heal()
		for _, r := range rings {
			onPartition(ctx, r, v1alpha1.PartitionRejoin)
		}
		var rejoin v1alpha1.RingRejoin
		Eventually(func(g Gomega) {
			ready := condition(ctx, api, v1alpha1.ConditionReady)(g)
			if api.Status.Rejoin != nil {
				rejoin = *api.Status.Rejoin
			}
			g.Expect(ready).To(And(beReady(), HaveField("ObservedGeneration", api.Generation)))
		}).WithContext(ctx).WithPolling(quick).Should(Succeed())
		AddReportEntry("Members evicted until the ring was one again", rejoin.Attempts)
		Expect(rejoin.Attempts).To(BeNumerically("~", 1, 1), "evictions")
		Expect(replaced(pods, uidsOf(ctx, api, regions...))).To(HaveLen(int(rejoin.Attempts)))
		Expect(api.Status.Rejoin).To(BeNil())
		editRing(ctx, api, func(spec *v1alpha1.GossipRingSpec) { spec.Membership = counting })
		for _, r := range rings {
			awaitRing(ctx, r)
		}
		watch.split.Store(false)
	})

	It("names the region with another key", NodeTimeout(patience), func(ctx SpecContext) {
		Expect(world.SetGossipKey(ctx, "ap-south-1", []byte("another key, of 32 characters, 2"))).To(Succeed())
		restartPods(ctx, api, mumbai)
		Eventually(func(g Gomega) {
			g.Expect(condition(ctx, api, v1alpha1.RingKeysMatch)(g)).To(haveReason(v1alpha1.ReasonKeyMismatch, "mumbai: encrypting with another key than the others"))
			g.Expect(condition(ctx, api, v1alpha1.RingConverged)(g)).To(haveReason(v1alpha1.ReasonPartitioned, "dublin, oregon, virginia | mumbai"))
			g.Expect(api.Status.Isolated).To(Equal([]string{"mumbai"}))
			g.Expect(memberOf(api, "mumbai")).To(And(HaveField("State", v1alpha1.MemberIsolated), HaveField("Message", ContainSubstring("another key than the others"))))
			for _, r := range others {
				g.Expect(memberOf(api, r.Name).MembersSeen).To(HaveValue(BeEquivalentTo(3)), r.Name)
			}
			g.Expect(condition(ctx, api, v1alpha1.RingEndpointsReady)(g)).To(beReady(), "a key is no port")
		}).WithContext(ctx).Should(Succeed())
		awaitAgents(ctx, api, 3, others...)
		// On the bed, a look comes sooner than the end of a probe's round, which tells of keys.
		Expect(api.Status.Rejoin).To(Or(BeNil(), HaveValue(HaveField("Region", "mumbai"))), "a restart of the others would help nobody")

		Expect(world.SetGossipKey(ctx, "ap-south-1", []byte(ringKey))).To(Succeed())
		restartPods(ctx, api, mumbai)
		awaitRing(ctx, api)
	})

	It("names the region whose copy of the secret has another version", NodeTimeout(patience), func(ctx SpecContext) {
		Expect(world.AWS.SetSecretVersion("ap-south-1", ringSecret, "00000000-0000-4000-8000-000000000000")).To(Succeed())
		Eventually(func(g Gomega) {
			g.Expect(condition(ctx, api, v1alpha1.RingKeysMatch)(g)).To(haveReason(v1alpha1.ReasonKeyMismatch, "mumbai: another version of secret "+ringSecret))
			g.Expect(condition(ctx, api, v1alpha1.RingConverged)(g)).To(beReady())
		}).WithContext(ctx).Should(Succeed())
		Expect(world.AWS.SetSecretVersion("ap-south-1", ringSecret, world.AWS.SecretVersion("us-east-1", ringSecret))).To(Succeed())
		awaitRing(ctx, api)
	})

	DescribeTable("tells which port is blocked", func(ctx SpecContext, transport network.Transport, message string, tcp, udp v1alpha1.ProbeResult) {
		DeferCleanup(world.Heal)
		world.Cut(bed.EveryRegion, "ap-south-1", transport)
		var seen []types.GomegaMatcher
		for _, r := range others {
			seen = append(seen, And(HaveField("From", r.Name), HaveField("To", "mumbai"), HaveField("TCP", tcp), HaveField("UDP", udp), HaveField("Since", Not(BeZero()))))
		}
		Eventually(func(g Gomega) {
			g.Expect(condition(ctx, api, v1alpha1.RingEndpointsReady)(g)).To(And(
				haveReason(v1alpha1.ReasonEndpointUnreachable, "mumbai: "+message), HaveField("Message", ContainSubstring("(seen from dublin, oregon, virginia)"))))
			g.Expect(api.Status.Unreachable).To(ContainElements(seen))
			// What a region sends comes back to it as little as what others send.
			g.Expect(api.Status.Unreachable).To(HaveEach(Or(HaveField("To", "mumbai"), HaveField("From", "mumbai"))))
			g.Expect(agentsSee(ctx, g, api, regions...)).To(Equal(each(4, regions...)), "counts do not tell")
			g.Expect(condition(ctx, api, v1alpha1.RingConverged)(g)).To(beReady())
			g.Expect(condition(ctx, api, v1alpha1.RingKeysMatch)(g)).To(beReady(), "a port is no key")
		}).WithContext(ctx).Should(Succeed())
		world.Heal()
		awaitRing(ctx, api)
		Expect(api.Status.Unreachable).To(BeEmpty())
	},
		Entry("UDP", NodeTimeout(patience), network.UDP, "UDP 7947 is blocked", v1alpha1.ProbeOK, v1alpha1.ProbeUnreachable),
		Entry("TCP", NodeTimeout(patience), network.TCP, "TCP 7947 is blocked", v1alpha1.ProbeUnreachable, v1alpha1.ProbeOK),
	)

	It("does not trust a name that leads elsewhere", NodeTimeout(patience), func(ctx SpecContext) {
		right, wrong := balancerOf(ctx, Default, api, mumbai), balancerOf(ctx, Default, frontline, mumbai)
		world.DNS.SetCNAME(endpointOf(mumbai), wrong)
		Eventually(condition(ctx, api, v1alpha1.RingEndpointsReady)).WithContext(ctx).WithPolling(quick).Should(haveReason(
			v1alpha1.ReasonEndpointMismatch, "mumbai ("+endpointOf(mumbai)+" leads to "+wrong+" and not to the load balancer "+right))
		Expect(memberOf(api, "mumbai").Endpoint).To(Equal(endpointOf(mumbai)), "nobody loses a seed for that")
		world.DNS.SetCNAME(endpointOf(mumbai), right)
		awaitRing(ctx, api)
	})

	It("follows load balancers that are replaced", NodeTimeout(patience), func(ctx SpecContext) {
		pods, hidden, old := uidsOf(ctx, api, others...), balancerOf(ctx, Default, api, mumbai), balancerOf(ctx, Default, frontline, mumbai)
		written := len(watch.order(frontline))
		for _, r := range rings {
			Expect(world.ReplaceLoadBalancer(ctx, "ap-south-1", r.Spec.Service.Namespace, r.Spec.Service.Name)).To(Succeed())
		}

		By("waiting until the name leads to the new one, which is nothing to the peers")
		Eventually(condition(ctx, api, v1alpha1.RingEndpointsReady)).WithContext(ctx).WithPolling(quick).Should(And(
			HaveField("Status", Not(Equal(metav1.ConditionTrue))), HaveField("Message", ContainSubstring("mumbai"))))
		awaitRing(ctx, api)
		Expect(balancerOf(ctx, Default, api, mumbai)).NotTo(Or(BeEmpty(), Equal(hidden)))
		Expect(memberOf(api, "mumbai")).To(And(HaveField("Endpoint", endpointOf(mumbai)), HaveField("Source", v1alpha1.EndpointFromHostname)))
		Expect(uidsOf(ctx, api, others...)).To(Equal(pods))

		By("giving the new name to the peers where there is no other, one region at a time")
		Eventually(func(g Gomega) {
			g.Expect(condition(ctx, frontline, v1alpha1.ConditionReady)(g)).To(beReady())
			g.Expect(memberOf(frontline, "mumbai").Endpoint).To(And(Equal(balancerOf(ctx, g, frontline, mumbai)), Not(Equal(old))))
		}).WithContext(ctx).Should(Succeed())
		for _, r := range others {
			Expect(podsOf(ctx, Default, frontline, r)).To(HaveEach(WithTransform(seedsIn, And(
				ContainSubstring(memberOf(frontline, "mumbai").Endpoint), Not(ContainSubstring(old))))), r.Name)
		}
		Expect(watch.order(frontline)[written:]).To(ConsistOf("virginia", "oregon", "dublin"), "each once")
	})

	It("keeps its turns and writes nothing twice while the operator is killed at every write", NodeTimeout(patience), func(ctx SpecContext) {
		written, old := len(watch.order(frontline)), balancerOf(ctx, Default, frontline, mumbai)
		Expect(world.ReplaceLoadBalancer(ctx, "ap-south-1", "frontline", "frontline-gossip-wan")).To(Succeed())
		for n := range others {
			killWhen(ctx, func(g Gomega) { g.Expect(len(watch.order(frontline))).To(BeNumerically(">", written+n)) })
		}
		awaitRing(ctx, frontline)
		Expect(watch.order(frontline)[written:]).To(ConsistOf("virginia", "oregon", "dublin"), "each once")
		for _, r := range others {
			Expect(podsOf(ctx, Default, frontline, r)).To(HaveEach(WithTransform(seedsIn, Not(ContainSubstring(old)))), r.Name)
		}
	})

	It("keeps what it knows of a region that does not answer, and changes the others meanwhile", NodeTimeout(patience), func(ctx SpecContext) {
		Expect(world.Freeze(clusterOf(mumbai))).To(Succeed())
		DeferCleanup(func() { _ = world.Thaw(clusterOf(mumbai)) })
		for _, r := range rings {
			Eventually(func(g Gomega) {
				g.Expect(condition(ctx, r, v1alpha1.RingConverged)(g)).To(haveReason(v1alpha1.ReasonMembersUnknown, "mumbai"))
				g.Expect(memberOf(r, "mumbai").State).To(Equal(v1alpha1.MemberUnknown))
			}).WithContext(ctx).Should(Succeed())
		}
		old, lost := memberOf(frontline, "dublin").Endpoint, memberOf(frontline, "mumbai").Endpoint
		Expect(world.ReplaceLoadBalancer(ctx, "eu-west-1", "frontline", "frontline-gossip-wan")).To(Succeed())
		Eventually(func(g Gomega) {
			g.Expect(condition(ctx, frontline, v1alpha1.RingConverged)(g)).To(haveReason(v1alpha1.ReasonMembersUnknown, "mumbai"))
			replacement := memberOf(frontline, "dublin").Endpoint
			g.Expect(replacement).NotTo(Equal(old))
			for _, r := range []*v1alpha1.Region{virginia, oregon} {
				g.Expect(podsOf(ctx, g, frontline, r)).To(And(HaveLen(2), HaveEach(WithTransform(seedsIn, And(
					ContainSubstring(replacement), ContainSubstring(lost))))), r.Name)
				g.Expect(memberOf(frontline, r.Name).State).To(Equal(v1alpha1.MemberConverged))
			}
		}).WithContext(ctx).Should(Succeed())
		for _, r := range others {
			Expect(writtenSeeds(ctx, api, r)).To(ContainSubstring(endpointOf(mumbai)), "nobody loses the seed of a region that vanished")
		}
		Expect(world.Thaw(clusterOf(mumbai))).To(Succeed())
		awaitRing(ctx, api)
		awaitRing(ctx, frontline)
	})

	It("shows nobody its key", func(ctx SpecContext) {
		for _, list := range []client.ObjectList{&v1alpha1.GossipRingList{}, &v1alpha1.RegionList{}, &v1alpha1.EnvironmentList{}, &eventsv1.EventList{}, &corev1.EventList{}} {
			Expect(world.Client.List(ctx, list)).To(Succeed())
			Expect(json.Marshal(list)).NotTo(ContainSubstring(ringKey))
		}
		for _, log := range []string{world.OperatorLog(), world.AuditLog()} {
			Expect(os.ReadFile(log)).NotTo(Or(ContainSubstring(ringKey), ContainSubstring(base64.StdEncoding.EncodeToString([]byte(ringKey)))))
		}
	})

	It("lets a region go, whose peers drop its seed one at a time", NodeTimeout(patience), func(ctx SpecContext) {
		written := map[string]int{api.Name: len(watch.order(api)), frontline.Name: len(watch.order(frontline))}
		watch.leaves("mumbai")
		deleteConfirmed(ctx, mumbai)
		var states []v1alpha1.MemberState
		Eventually(func(g Gomega) {
			g.Expect(world.Client.Get(ctx, client.ObjectKeyFromObject(api), api)).To(Succeed())
			leaver := memberOf(api, "mumbai")
			states = append(states, leaver.State)
			if leaver.DroppedAt != nil || leaver.State == v1alpha1.MemberLeft {
				for _, r := range others {
					g.Expect(podsOf(ctx, g, api, r)).To(HaveEach(WithTransform(seedsIn, Not(ContainSubstring(endpointOf(mumbai))))), r.Name)
				}
			}
			g.Expect(gone(ctx, mumbai)()).To(BeTrue())
		}).WithContext(ctx).WithPolling(quick).Should(Succeed())
		Expect(only(states, v1alpha1.MemberLeaving, v1alpha1.MemberLeft)).To(HaveExactElements(v1alpha1.MemberLeaving, v1alpha1.MemberLeft))
		for _, r := range rings {
			awaitRing(ctx, r)
			Expect(watch.order(r)[written[r.Name]:]).To(ConsistOf("virginia", "oregon", "dublin"), "each once")
			awaitAgents(ctx, r, 3, others...)
		}
	})
})

func onPartition(ctx context.Context, ring *v1alpha1.GossipRing, action v1alpha1.PartitionAction) {
	GinkgoHelper()
	editRing(ctx, ring, func(spec *v1alpha1.GossipRingSpec) { spec.OnPartition = action })
}

// endpointOf is the friendly name of a region's load balancer in the ring unkey-api.
func endpointOf(r *v1alpha1.Region) string {
	return "unkey-api-gossip." + string(r.Spec.AWSRegion) + ".aws.unkey.cloud"
}

// balancerOf is the own name of a ring's load balancer in a region, empty while it has none.
func balancerOf(ctx context.Context, g Gomega, ring *v1alpha1.GossipRing, r *v1alpha1.Region) string {
	GinkgoHelper()
	regional, err := connectTo(clusterOf(r))
	g.Expect(err).NotTo(HaveOccurred())
	service, err := regional.CoreV1().Services(ring.Spec.Service.Namespace).Get(ctx, ring.Spec.Service.Name, metav1.GetOptions{})
	g.Expect(err).NotTo(HaveOccurred())
	if len(service.Status.LoadBalancer.Ingress) == 0 {
		return ""
	}
	return service.Status.LoadBalancer.Ingress[0].Hostname
}

// peerEndpoints is what the seeds of a region should be.
func peerEndpoints(r *v1alpha1.Region, all ...*v1alpha1.Region) []string {
	var peers []string
	for _, other := range all {
		if other.Name != r.Name {
			peers = append(peers, endpointOf(other))
		}
	}
	slices.Sort(peers)
	return peers
}

// writtenSeeds are those in a region's cluster Secret.
func writtenSeeds(ctx context.Context, ring *v1alpha1.GossipRing, r *v1alpha1.Region) string {
	GinkgoHelper()
	secret := &corev1.Secret{}
	Expect(world.Client.Get(ctx, client.ObjectKey{Namespace: bed.ArgoCDNamespace, Name: "cluster-" + clusterOf(r)}, secret)).To(Succeed())
	return secret.Annotations[v1alpha1.AnnotationWANSeedsPrefix+ring.Name]
}

// replaced are the Regions that had a pod before which they do not have now, once for each pod.
func replaced(before, now map[string][]string) []string {
	var regions []string
	for region, uids := range before {
		for _, uid := range uids {
			if !slices.Contains(now[region], uid) {
				regions = append(regions, region)
			}
		}
	}
	return regions
}

// only keeps some states, each once where it lasted.
func only(states []v1alpha1.MemberState, kept ...v1alpha1.MemberState) []v1alpha1.MemberState {
	return slices.Compact(slices.DeleteFunc(slices.Clone(states), func(s v1alpha1.MemberState) bool { return !slices.Contains(kept, s) }))
}
