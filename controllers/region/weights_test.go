package region_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/internal/testenv"
	"github.com/portolan-dev/portolan/controllers/internal/testenv/build"
)

var _ = Describe("traffic that Regions share", func() {
	const (
		listener = "arn:aws:globalaccelerator::123456789012:accelerator/a/listener/l"
		host     = "k8s-edge-0123456789.elb.eu-west-1.amazonaws.com"
		lb       = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/net/k8s-edge/1"
		other    = "arn:aws:elasticloadbalancing:eu-west-1:123456789012:loadbalancer/net/other/2"
	)
	var b *bed
	BeforeEach(func(ctx SpecContext) {
		b = newBed(ctx)
		b.environment.Spec.GlobalAccelerator = &v1alpha1.GlobalAccelerator{ListenerARN: listener}
		b.profile().GlobalTraffic = []v1alpha1.GlobalTraffic{{
			Name: "edge", Service: v1alpha1.ServiceReference{Namespace: "edge", Name: "edge"}, Dial: []int32{10, 50, 100},
		}}
		b.AWS.SetLoadBalancer("eu-west-1", host, aws.LoadBalancer{ARN: lb, State: "active"})
	})

	group := func(ctx context.Context, awsRegion string) *aws.EndpointGroup {
		GinkgoHelper()
		found, err := b.AWS.EndpointGroup(ctx, "", listener, awsRegion)
		Expect(err).NotTo(HaveOccurred())
		return found
	}
	weights := func(ctx context.Context) map[string]int32 {
		GinkgoHelper()
		all := map[string]int32{}
		for _, e := range group(ctx, "eu-west-1").Endpoints {
			all[e.ID] = e.Weight
		}
		return all
	}
	// serving makes another endpoint that has all the traffic of its AWS region.
	serving := func(ctx context.Context, awsRegion string) {
		GinkgoHelper()
		made, err := b.AWS.CreateEndpointGroup(ctx, "", listener, awsRegion, 0)
		Expect(err).NotTo(HaveOccurred())
		Expect(b.AWS.AddEndpoint(ctx, "", made.ARN, other, aws.DefaultWeight)).To(Succeed())
		Expect(b.AWS.Dial(ctx, "", made.ARN, 100)).To(Succeed())
		b.AWS.SetEndpointHealth(other, "HEALTHY", "")
	}
	look := func(ctx context.Context) {
		GinkgoHelper()
		b.Clock.Step(testenv.Poll)
		b.reconcile(ctx)
	}
	// up brings the Region up to where its load balancer is an endpoint; its application is not there yet.
	up := func(ctx context.Context) {
		GinkgoHelper()
		b.api.Set(build.LoadBalancer("edge", "edge", host), build.Node("node-1"))
		b.apply(ctx)
		b.ExpectApplied(ctx, build.Promotion(b.Namespace, "main"))
		b.settle(ctx)
		b.connected()
		b.settle(ctx)
	}
	deploy := func(ctx context.Context) {
		GinkgoHelper()
		b.ExpectApplied(ctx, build.Application(b.ArgoCD.Namespace, b.region.Name, build.ApplicationName, build.Revision))
	}
	ready := func(ctx context.Context) {
		GinkgoHelper()
		b.AWS.SetEndpointHealth(lb, "HEALTHY", "")
		deploy(ctx)
		for range enoughPasses {
			look(ctx)
			if meta.IsStatusConditionTrue(b.region.Status.Conditions, v1alpha1.RegionTrafficReady) {
				break
			}
		}
		Expect(b.region).To(testenv.HaveCondition("TrafficReady", "True", "Succeeded"))
	}

	It("comes to a second Region of an AWS region by weight, step by step", func(ctx SpecContext) {
		serving(ctx, "eu-west-1")
		up(ctx)
		Expect(weights(ctx)).To(Equal(map[string]int32{other: 128, lb: 0}))
		Expect(b.region).To(testenv.HaveCondition("TrafficReady", "Unknown", "Dialling", "has not checked"))
		Expect(b.region.Status.Traffic).To(HaveExactElements(HaveField("Dial", BeZero())))

		By("being healthy, without its applications")
		b.AWS.SetEndpointHealth(lb, "HEALTHY", "")
		look(ctx)
		Expect(b.region).To(testenv.HaveCondition("TrafficReady", "Unknown", "Blocked", "ApplicationsHealthy"))
		Expect(weights(ctx)).To(HaveKeyWithValue(lb, BeZero()))

		By("its applications being healthy")
		deploy(ctx)
		look(ctx)
		Expect(weights(ctx)).To(Equal(map[string]int32{other: 128, lb: 12}))
		Expect(b.region).To(testenv.HaveCondition("TrafficReady", "Unknown", "Dialling", "weight 12, on the way to 128"))
		b.AWS.SetAcceleratorDeployed(listener, false)
		look(ctx)
		Expect(weights(ctx)).To(HaveKeyWithValue(lb, BeEquivalentTo(12)), "the step before is not in effect")
		b.AWS.SetAcceleratorDeployed(listener, true)
		look(ctx)
		Expect(weights(ctx)).To(HaveKeyWithValue(lb, BeEquivalentTo(64)))
		look(ctx)
		look(ctx)
		Expect(weights(ctx)).To(Equal(map[string]int32{other: 128, lb: 128}))
		Expect(b.region).To(testenv.HaveCondition("TrafficReady", "True", "Succeeded"))
		Expect(group(ctx, "eu-west-1").Dial).To(BeEquivalentTo(100))

		By("going again, by weight as well")
		b.ExpectDeleted(ctx, b.region)
		look(ctx)
		Expect(b.region).To(testenv.HaveCondition("Deleting", "True", "DrainingTraffic", "traffic of edge was dialled to 0"))
		Expect(weights(ctx)).To(Equal(map[string]int32{other: 128, lb: 0}))
		b.AWS.SetAcceleratorDeployed(listener, false)
		look(ctx)
		Expect(b.region).To(testenv.HaveCondition("Deleting", "True", "DrainingTraffic", "is taking traffic away from edge"))
		Expect(weights(ctx)).To(HaveKey(lb))
		b.AWS.SetAcceleratorDeployed(listener, true)
		look(ctx)
		Expect(weights(ctx)).To(Equal(map[string]int32{other: 128}))
		Expect(group(ctx, "eu-west-1").Dial).To(BeEquivalentTo(100))
		Expect(b.region).NotTo(testenv.HaveCondition("Deleting", "True", "DrainingTraffic"))
	})

	It("is not taken from the last healthy region before that is confirmed", func(ctx SpecContext) {
		serving(ctx, "us-east-1")
		b.AWS.SetEndpointHealth(other, "UNHEALTHY", "")
		up(ctx)
		ready(ctx)
		b.ExpectDeleted(ctx, b.region)
		look(ctx)
		Expect(b.region).To(testenv.HaveCondition("Deleting", "True", "AwaitingConfirmation",
			"no other region of "+listener+" has healthy endpoints", "takes edge off the internet", "portolan.dev/confirm-delete=eu-west-1"))
		Expect(b.region).To(testenv.HaveNoCondition("Stalled"))
		Expect(group(ctx, "eu-west-1").Dial).To(BeEquivalentTo(100))

		By("the other one being healthy again")
		b.AWS.SetEndpointHealth(other, "HEALTHY", "")
		look(ctx)
		Expect(b.region).To(testenv.HaveCondition("Deleting", "True", "DrainingTraffic", "dialled to 0"))
	})

	It("is taken from the last healthy region when that is confirmed", func(ctx SpecContext) {
		up(ctx)
		ready(ctx)
		b.ExpectDeleted(ctx, b.region)
		look(ctx)
		Expect(b.region).To(testenv.HaveCondition("Deleting", "True", "AwaitingConfirmation"))
		b.confirm(ctx)
		look(ctx)
		Expect(b.region).To(testenv.HaveCondition("Deleting", "True", "DrainingTraffic", "dialled to 0"))
		Expect(group(ctx, "eu-west-1").Dial).To(BeZero())
	})

	It("leaves nothing behind of a Region that never got any", func(ctx SpecContext) {
		b.AWS.SetEndpointHealth(lb, "UNHEALTHY", "")
		up(ctx)
		look(ctx)
		Expect(b.region).To(testenv.HaveCondition("TrafficReady", "Unknown", "EndpointUnhealthy"))
		Expect(weights(ctx)).To(HaveKey(lb))
		b.ExpectDeleted(ctx, b.region)
		look(ctx)
		look(ctx)
		Expect(group(ctx, "eu-west-1")).To(BeNil(), "its endpoint would hold the VPC")
	})
})
