package fake

import (
	"net/netip"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/plan"
)

func TestNothingStandsInTheWayUntilATestSaysSo(t *testing.T) {
	g := NewWithT(t)
	f := New()
	ctx := t.Context()
	g.Expect(f.OptedIn(ctx, "", "eu-west-1")).To(BeTrue())
	g.Expect(f.InstanceTypes(ctx, "", "eu-west-1", "m7i.large")).To(Equal(map[string]plan.InstanceType{
		"m7i.large": {VCPUs: DefaultVCPUs, Zones: []string{"eu-west-1a", "eu-west-1b", "eu-west-1c"}},
	}))
	g.Expect(f.Quotas(ctx, "", "eu-west-1")).To(BeEmpty())
	g.Expect(f.Networks(ctx, "", "eu-west-1")).To(BeEmpty())
	g.Expect(f.HostedZones(ctx, "", "a-b.example.com")).To(Equal(map[string]plan.HostedZone{
		"a-b.example.com": {ID: "ZABEXAMPLECOM", Name: "a-b.example.com"},
	}))
	g.Expect(f.ListenerExists(ctx, "", listener)).To(BeTrue())
	g.Expect(f.AcceleratorDeployed(ctx, "", listener)).To(BeTrue())
}

func TestSurveyIsWhatTheTestSaysItIs(t *testing.T) {
	g := NewWithT(t)
	f := New()
	ctx := t.Context()
	f.SetOptedIn("ap-east-1", false)
	g.Expect(f.OptedIn(ctx, "", "ap-east-1")).To(BeFalse())
	g.Expect(f.OptedIn(ctx, "", "eu-west-1")).To(BeTrue())

	f.SetInstanceType("eu-west-1", "m7i.large", 2, "eu-west-1b", "eu-west-1a")
	f.SetInstanceType("eu-west-1", "x9.huge", 0)
	types, err := f.InstanceTypes(ctx, "", "eu-west-1", "m7i.large", "x9.huge")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(types).To(Equal(map[string]plan.InstanceType{"m7i.large": {VCPUs: 2, Zones: []string{"eu-west-1a", "eu-west-1b"}}}))
	types["m7i.large"].Zones[0] = "changed by the caller"
	g.Expect(f.InstanceTypes(ctx, "", "eu-west-1", "m7i.large")).NotTo(Equal(types))

	quota := plan.Quota{Name: plan.QuotaVPCs, Limit: 5, Used: 5}
	f.SetQuotas("eu-west-1", quota)
	g.Expect(f.Quotas(ctx, "", "eu-west-1")).To(Equal([]plan.Quota{quota}))
	g.Expect(f.Quotas(ctx, "", "eu-west-2")).To(BeEmpty())

	f.SetNetworks("eu-west-1", plan.Network{ID: "vpc-0", CIDRs: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/16")}})
	networks, err := f.Networks(ctx, "", "eu-west-1")
	g.Expect(err).NotTo(HaveOccurred())
	networks[0].CIDRs[0] = netip.Prefix{}
	g.Expect(f.Networks(ctx, "", "eu-west-1")).To(HaveExactElements(HaveField("CIDRs", HaveExactElements(netip.MustParsePrefix("10.0.0.0/16")))))

	f.SetHostedZone("example.com", "Z1")
	f.SetHostedZone("example.org", "")
	g.Expect(f.HostedZones(ctx, "", "example.com", "example.org")).To(Equal(map[string]plan.HostedZone{"example.com": {ID: "Z1", Name: "example.com"}}))
}

func TestAdoptionFindsWhatTheTestMade(t *testing.T) {
	g := NewWithT(t)
	f := New()
	ctx := t.Context()
	f.SetTagged("eu-west-1", "prod-vpc", "vpc-1", "vpc-0")
	f.SetTagged("eu-west-1", "test-vpc", "vpc-2")
	g.Expect(f.TaggedResources(ctx, "", "eu-west-1", "prod")).To(Equal(map[string][]string{"prod-vpc": {"vpc-0", "vpc-1"}}))
	g.Expect(f.TaggedResources(ctx, "", "eu-west-2", "prod")).To(BeEmpty())
	f.SetTagged("eu-west-1", "prod-vpc")
	g.Expect(f.TaggedResources(ctx, "", "eu-west-1", "prod")).To(BeEmpty())
	f.ForgetTagged("", "eu-west-1", "prod")
	g.Expect(f.Calls(ForgetTagged)).To(Equal(1))

	named := map[string]struct {
		set func(map[string]string)
		get func() (map[string]string, error)
	}{
		"role":    {func(tags map[string]string) { f.SetRole("prod", tags) }, func() (map[string]string, error) { return f.RoleTags(ctx, "", "prod") }},
		"cluster": {func(tags map[string]string) { f.SetCluster("eu-west-1", "prod", tags) }, func() (map[string]string, error) { return f.ClusterTags(ctx, "", "eu-west-1", "prod") }},
		"bucket":  {func(tags map[string]string) { f.SetBucket("eu-west-1", "prod", tags) }, func() (map[string]string, error) { return f.BucketTags(ctx, "", "eu-west-1", "prod") }},
	}
	for kind, tc := range named {
		_, err := tc.get()
		g.Expect(aws.ClassOf(err)).To(Equal(aws.NotFound), kind)
		tc.set(map[string]string{"kind": kind})
		g.Expect(tc.get()).To(Equal(map[string]string{"kind": kind}))
		tc.set(nil)
		_, err = tc.get()
		g.Expect(aws.ClassOf(err)).To(Equal(aws.NotFound), kind)
	}

	eni := aws.NetworkInterface{ID: "eni-0", Description: "GlobalAccelerator configured ENI", Status: "in-use"}
	f.SetNetworkInterfaces("eu-west-1", "vpc-0", eni)
	g.Expect(f.NetworkInterfaces(ctx, "", "eu-west-1", "vpc-0")).To(Equal([]aws.NetworkInterface{eni}))
	g.Expect(f.NetworkInterfaces(ctx, "", "eu-west-1", "vpc-1")).To(BeEmpty())
}

func TestTrafficFollowsItsCalls(t *testing.T) {
	g := NewWithT(t)
	f := New()
	ctx := t.Context()
	g.Expect(f.EndpointGroup(ctx, "", listener, "eu-west-1")).To(BeNil())
	g.Expect(aws.ClassOf(f.AddEndpoint(ctx, "", group, "arn:lb", 64))).To(Equal(aws.NotFound))
	g.Expect(aws.ClassOf(f.Dial(ctx, "", group, 10))).To(Equal(aws.NotFound))
	g.Expect(f.RemoveEndpoint(ctx, "", group, "arn:lb")).To(Succeed())

	created, err := f.CreateEndpointGroup(ctx, "", listener, "eu-west-1", 443)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(created).To(Equal(&aws.EndpointGroup{ARN: group, Region: "eu-west-1", Endpoints: []aws.Endpoint{}}))
	g.Expect(f.AddEndpoint(ctx, "", group, "arn:lb", 64)).To(Succeed())
	g.Expect(f.AddEndpoint(ctx, "", group, "arn:lb", 64)).To(Succeed())
	g.Expect(f.Dial(ctx, "", group, 10)).To(Succeed())
	g.Expect(f.CreateEndpointGroup(ctx, "", listener, "eu-west-1", 443)).To(Equal(&aws.EndpointGroup{
		ARN: group, Region: "eu-west-1", Dial: 10, Endpoints: []aws.Endpoint{{ID: "arn:lb", Health: aws.EndpointInitial, Weight: 64}},
	}), "one that exists is returned")
	g.Expect(f.EndpointGroup(ctx, "", listener, "eu-west-2")).To(BeNil())

	f.SetEndpointHealth("arn:lb", aws.EndpointUnhealthy, "Timeout")
	g.Expect(f.EndpointGroup(ctx, "", listener, "eu-west-1")).To(HaveField("Endpoints",
		HaveExactElements(aws.Endpoint{ID: "arn:lb", Health: aws.EndpointUnhealthy, Reason: "Timeout", Weight: 64})))
	g.Expect(f.RemoveEndpoint(ctx, "", group, "arn:lb")).To(Succeed())
	g.Expect(f.EndpointGroup(ctx, "", listener, "eu-west-1")).To(HaveField("Endpoints", BeEmpty()))
	g.Expect(f.DeleteEndpointGroup(ctx, "", group)).To(Succeed())
	g.Expect(f.EndpointGroup(ctx, "", listener, "eu-west-1")).To(BeNil())
}

func TestTrafficIsWhatTheTestSaysItIs(t *testing.T) {
	g := NewWithT(t)
	f := New()
	ctx := t.Context()
	f.SetListener(listener, false)
	g.Expect(f.ListenerExists(ctx, "", listener)).To(BeFalse())
	_, err := f.EndpointGroup(ctx, "", listener, "eu-west-1")
	g.Expect(aws.ClassOf(err)).To(Equal(aws.NotFound))
	_, err = f.CreateEndpointGroup(ctx, "", listener, "eu-west-1", 443)
	g.Expect(aws.ClassOf(err)).To(Equal(aws.NotFound))

	f.SetAcceleratorDeployed(listener, false)
	g.Expect(f.AcceleratorDeployed(ctx, "", listener)).To(BeFalse())

	_, err = f.LoadBalancer(ctx, "", "eu-west-1", "api-0.elb")
	g.Expect(aws.ClassOf(err)).To(Equal(aws.NotFound))
	f.SetLoadBalancer("eu-west-1", "api-0.elb", aws.LoadBalancer{ARN: "arn:lb", State: aws.LoadBalancerActive})
	g.Expect(f.LoadBalancer(ctx, "", "eu-west-1", "api-0.elb.")).To(Equal(aws.LoadBalancer{ARN: "arn:lb", State: aws.LoadBalancerActive}))
	f.SetLoadBalancer("eu-west-1", "api-0.elb", aws.LoadBalancer{})
	_, err = f.LoadBalancer(ctx, "", "eu-west-1", "api-0.elb")
	g.Expect(aws.ClassOf(err)).To(Equal(aws.NotFound))
}
