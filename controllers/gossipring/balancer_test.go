package gossipring_test

import (
	"errors"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/internal/aws/fake"
	"github.com/portolan-dev/portolan/controllers/internal/testenv"
	"github.com/portolan-dev/portolan/controllers/internal/testenv/build"
)

// A member resolves its seeds once: what does not answer yet must not be one.
var _ = Describe("A load balancer that becomes an endpoint", func() {
	const a = "eu-west-1"
	var b *bed
	own := balancer(a)
	BeforeEach(func(ctx SpecContext) { b = newBed(ctx, a) })

	It("uses a load balancer of which AWS says nothing when its name answers, and asks no more", func(ctx SpecContext) {
		b.ExpectApplied(ctx, b.environment, b.ring)
		b.deploy(ctx, a)
		b.AWS.Fail(fake.LoadBalancer, errors.New("not authorized to perform: elasticloadbalancing:DescribeLoadBalancers"))
		b.look(ctx)
		Expect(b.ring).To(testenv.HaveCondition("EndpointsReady", "Unknown", "WaitingForEndpoints", "not authorized to perform"))
		b.dns.answer("192.0.2.1")
		b.look(ctx)
		Expect(b.ring).To(testenv.HaveCondition("EndpointsReady", "True", "Succeeded"))
		b.dns.answer("")
		b.look(ctx)
		Expect(b.ring).To(testenv.HaveCondition("EndpointsReady", "True", "Succeeded"))
	})

	It("keeps the endpoint while the load balancer that replaces it is being made", func(ctx SpecContext) {
		b.ExpectApplied(ctx, b.environment, b.ring)
		b.deploy(ctx, a)
		b.look(ctx)
		b.apis[a].Set(build.Service("new.test"))
		b.AWS.SetLoadBalancer(a, "new.test", aws.LoadBalancer{ARN: "arn:new", State: aws.LoadBalancerProvisioning})
		b.eventually(ctx, testenv.HaveCondition("EndpointsReady", "Unknown", "EndpointMismatch",
			"peers keep using the last known endpoint of eu-west-1 (its load balancer new.test is provisioning"))
		Expect(b.member(a).Endpoint).To(Equal(own))
		b.Recorder.ExpectNoWrites(func() { b.look(ctx) })
		b.expose(a, "new.test")
		b.eventually(ctx, testenv.HaveCondition("EndpointsReady", "True", "Succeeded"))
		Expect(b.member(a).Endpoint).To(Equal("new.test"))
	})

	It("waits for the load balancer that the name leads to", func(ctx SpecContext) {
		b.ring.Spec.Endpoint = &v1alpha1.RingEndpoint{Hostname: "gossip.{{ .region }}.aws.unkey.test", Fallback: v1alpha1.FallbackLoadBalancer}
		b.ExpectApplied(ctx, b.environment, b.ring)
		b.dns.set("gossip.eu-west-1.aws.unkey.test", own)
		b.deploy(ctx, a)
		b.AWS.SetLoadBalancer(a, own, aws.LoadBalancer{ARN: "arn:lb", State: aws.LoadBalancerProvisioning})
		b.look(ctx)
		Expect(b.ring).To(testenv.HaveCondition("EndpointsReady", "Unknown", "WaitingForEndpoints", "is provisioning"))
		Expect(b.member(a).Endpoint).To(BeEmpty())
		b.expose(a, own)
		b.look(ctx)
		Expect(b.member(a).Endpoint).To(Equal("gossip.eu-west-1.aws.unkey.test"))
		b.AWS.SetLoadBalancer(a, own, aws.LoadBalancer{})
		b.look(ctx)
		Expect(b.member(a).Endpoint).To(Equal("gossip.eu-west-1.aws.unkey.test"), "what was seen to work stays")
	})
})
