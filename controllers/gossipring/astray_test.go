package gossipring_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/testenv"
	"github.com/portolan-dev/portolan/controllers/internal/testenv/build"
)

var _ = Describe("An endpoint that was right once", func() {
	const a, z = "eu-west-1", "us-east-1"
	var b *bed
	nameOf := func(region string) string { return "gossip." + region + ".aws.unkey.test" }
	mismatch := func(messages ...string) OmegaMatcher {
		return And(testenv.HaveCondition("EndpointsReady", "Unknown", "EndpointMismatch", messages...),
			testenv.HaveCondition("Ready", "Unknown", "EndpointMismatch"))
	}
	BeforeEach(func(ctx SpecContext) {
		b = newBed(ctx, a, z)
		b.ring.Spec.Endpoint = &v1alpha1.RingEndpoint{Hostname: "gossip.{{ .region }}.aws.unkey.test"}
		for _, region := range []string{a, z} {
			b.dns.set(nameOf(region), balancer(region))
		}
		b.ExpectApplied(ctx, b.environment, b.ring)
		b.deploy(ctx, a, nameOf(z))
		b.deploy(ctx, z, nameOf(a))
		b.see(2, a, z)
		b.eventually(ctx, testenv.HaveCondition("Ready", "True", "Succeeded"))
	})
	// keeps expects that nobody loses a seed, and that nothing is written while all stays as it is.
	keeps := func(ctx SpecContext) {
		GinkgoHelper()
		Expect(b.member(z)).To(And(HaveField("Endpoint", nameOf(z)), HaveField("Source", v1alpha1.EndpointFromHostname)))
		Expect(b.seeds(ctx, a)).To(Equal(nameOf(z)))
		b.Recorder.ExpectNoWrites(func() { b.look(ctx) })
	}

	It("is not any more when its record is removed", func(ctx SpecContext) {
		b.dns.remove(nameOf(z))
		b.look(ctx)
		Expect(b.ring).To(mismatch("peers keep using the last known endpoint of us-east-1 (" + nameOf(z) + " is not registered"))
		keeps(ctx)
		b.dns.set(nameOf(z), balancer(z))
		b.look(ctx)
		Expect(b.ring).To(testenv.HaveCondition("Ready", "True", "Succeeded"))
	})

	It("is kept for a name that nobody registers", func(ctx SpecContext) {
		testenv.ExpectUpdated(ctx, env, b.ring, func(g *v1alpha1.GossipRing) { g.Spec.Endpoint.Hostname = "other.{{ .region }}.aws.unkey.test" })
		b.look(ctx)
		Expect(b.ring).To(mismatch("eu-west-1 (other.eu-west-1.aws.unkey.test is not registered", "us-east-1 (other.us-east-1.aws.unkey.test is not registered"))
		keeps(ctx)
	})

	It("leads nowhere without its Service, or that without a load balancer, also where AWS is not asked", func(ctx SpecContext) {
		testenv.ExpectUpdated(ctx, env, b.ring, func(g *v1alpha1.GossipRing) { g.Spec.Health.ExpectedHealthyTargets = new(int32(0)) })
		b.apis[z].Remove(build.Service(""))
		b.eventually(ctx, mismatch("us-east-1 (Service api/unkey-api-gossip-wan does not exist)"))
		keeps(ctx)
		b.apis[z].Set(build.Service(""))
		b.eventually(ctx, mismatch("us-east-1 (the load balancer of Service api/unkey-api-gossip-wan has no name"))
		b.apis[z].Set(build.Service(balancer(z)))
		b.eventually(ctx, testenv.HaveCondition("Ready", "True", "Succeeded"))
	})

	It("keeps nobody from getting seeds", func(ctx SpecContext) {
		b.dns.remove(nameOf(z))
		b.dns.set("new."+a+".aws.unkey.test", balancer(a))
		testenv.ExpectUpdated(ctx, env, b.ring, func(g *v1alpha1.GossipRing) { g.Spec.Endpoint.Hostname = "new.{{ .region }}.aws.unkey.test" })
		b.look(ctx)
		Expect(b.ring).To(mismatch("us-east-1 (new.us-east-1.aws.unkey.test is not registered"))
		Expect(b.seeds(ctx, z)).To(Equal("new." + a + ".aws.unkey.test"))
	})
})
