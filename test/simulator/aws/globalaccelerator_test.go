package aws

import (
	"fmt"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	ga "github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	"github.com/aws/aws-sdk-go-v2/service/globalaccelerator/types"
	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// never is a time scale at which nothing that takes time ends in a test.
const never = 1e6

// accelerated has a listener and two load balancers, in eu-west-1 and us-east-1.
type accelerated struct {
	server   *Server
	cloud    *cloud.Cloud
	client   *ga.Client
	listener string
	balancer cloud.Key
}

func accelerate(t *testing.T, timeScale float64) accelerated {
	t.Helper()
	g := NewWithT(t)
	c := cloud.New(cloud.Options{Account: account, Seed: 1, TimeScale: timeScale})
	s, err := Start(c)
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(s.Stop)
	listener, err := s.AddAccelerator("fleet")
	g.Expect(err).NotTo(HaveOccurred())
	balancer := addBalancer(t, c, region, "a")
	addBalancer(t, c, "us-east-1", "b")
	cfg := sdk(t, s, BaseAccessKey)
	cfg.Region = "us-west-2"
	return accelerated{server: s, cloud: c, client: ga.NewFromConfig(cfg), listener: listener, balancer: balancer}
}

func endpointFor(region, name string, weight int32) types.EndpointConfiguration {
	return types.EndpointConfiguration{EndpointId: awssdk.String(balancerARN(region, name)), Weight: &weight}
}

// group makes the endpoint group of eu-west-1.
func (a accelerated) group(t *testing.T, endpoints ...types.EndpointConfiguration) string {
	t.Helper()
	out, err := a.client.CreateEndpointGroup(t.Context(), &ga.CreateEndpointGroupInput{
		ListenerArn: &a.listener, EndpointGroupRegion: new(region), EndpointConfigurations: endpoints, TrafficDialPercentage: new(float32(10)),
	})
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return *out.EndpointGroup.EndpointGroupArn
}

func (a accelerated) describe(t *testing.T, arn string) *types.EndpointGroup {
	t.Helper()
	out, err := a.client.DescribeEndpointGroup(t.Context(), &ga.DescribeEndpointGroupInput{EndpointGroupArn: &arn})
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return out.EndpointGroup
}

func (a accelerated) health(t *testing.T, arn string) func() types.HealthState {
	return func() types.HealthState { return a.describe(t, arn).EndpointDescriptions[0].HealthState }
}

func (a accelerated) status(t *testing.T) func() types.AcceleratorStatus {
	return func() types.AcceleratorStatus {
		accelerators := a.cloud.List(func(r cloud.Resource) bool { return r.Type == typeAccelerator })
		out, err := a.client.DescribeAccelerator(t.Context(), &ga.DescribeAcceleratorInput{AcceleratorArn: &accelerators[0].ARN})
		NewWithT(t).Expect(err).NotTo(HaveOccurred())
		return out.Accelerator.Status
	}
}

func (a accelerated) interfaces() []cloud.Resource {
	return a.cloud.List(func(r cloud.Resource) bool { return r.Type == typeInterface })
}

func TestAccelerator(t *testing.T) {
	g := NewWithT(t)
	a := accelerate(t, never)
	g.Expect(a.status(t)()).To(Equal(types.AcceleratorStatusDeployed))
	out, err := a.client.DescribeListener(t.Context(), &ga.DescribeListenerInput{ListenerArn: &a.listener})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(*out.Listener.ListenerArn).To(Equal(a.listener))
	g.Expect(a.listener).To(MatchRegexp(`^arn:aws:globalaccelerator::111122223333:accelerator/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/listener/[0-9a-f]{8}$`))
	g.Expect(out.Listener.Protocol).To(Equal(types.ProtocolTcp))
	g.Expect(*out.Listener.PortRanges[0].FromPort).To(BeEquivalentTo(443))
}

func TestAcceleratorAPIIsInOneRegion(t *testing.T) {
	g := NewWithT(t)
	a := accelerate(t, never)
	client := ga.NewFromConfig(sdk(t, a.server, BaseAccessKey))
	_, err := client.DescribeListener(t.Context(), &ga.DescribeListenerInput{ListenerArn: &a.listener})
	g.Expect(codeOf(err)).To(Equal("UnrecognizedClientException"))
}

func TestCreateEndpointGroup(t *testing.T) {
	g := NewWithT(t)
	a := accelerate(t, never)
	in := &ga.CreateEndpointGroupInput{
		ListenerArn: &a.listener, EndpointGroupRegion: new(region), IdempotencyToken: new("once"), TrafficDialPercentage: new(float32(0)),
		HealthCheckPort: new(int32(8443)), EndpointConfigurations: []types.EndpointConfiguration{endpointFor(region, "a", 7)},
	}
	out, err := a.client.CreateEndpointGroup(t.Context(), in)
	g.Expect(err).NotTo(HaveOccurred())
	first := *out.EndpointGroup.EndpointGroupArn
	g.Expect(first).To(HavePrefix(a.listener + "/endpoint-group/"))
	g.Expect(*out.EndpointGroup.TrafficDialPercentage).To(BeZero())
	g.Expect(*out.EndpointGroup.HealthCheckPort).To(BeEquivalentTo(8443))
	g.Expect(*out.EndpointGroup.EndpointDescriptions[0].Weight).To(BeEquivalentTo(7))
	g.Expect(out.EndpointGroup.EndpointDescriptions[0].HealthState).To(Equal(types.HealthStateInitial))
	g.Expect(a.status(t)()).To(Equal(types.AcceleratorStatusInProgress))

	out, err = a.client.CreateEndpointGroup(t.Context(), in)
	g.Expect(err).NotTo(HaveOccurred(), "the same token is the same call")
	g.Expect(*out.EndpointGroup.EndpointGroupArn).To(Equal(first))
	in.IdempotencyToken = new("twice")
	_, err = a.client.CreateEndpointGroup(t.Context(), in)
	g.Expect(codeOf(err)).To(Equal("EndpointGroupAlreadyExistsException"))
}

func TestEndpointGroupRefusals(t *testing.T) {
	eleven := make([]types.EndpointConfiguration, 11)
	for i := range eleven {
		eleven[i] = endpointFor(region, "a", 1)
	}
	cases := map[string]struct {
		edit func(*ga.CreateEndpointGroupInput)
		want string
	}{
		"no such listener": {want: "ListenerNotFoundException", edit: func(in *ga.CreateEndpointGroupInput) {
			in.ListenerArn = new("arn:aws:globalaccelerator::1:accelerator/x")
		}},
		"no such region":       {want: "InvalidArgumentException", edit: func(in *ga.CreateEndpointGroupInput) { in.EndpointGroupRegion = new("mars-north-1") }},
		"too high a dial":      {want: "InvalidArgumentException", edit: func(in *ga.CreateEndpointGroupInput) { in.TrafficDialPercentage = new(float32(101)) }},
		"too heavy":            {want: "InvalidArgumentException", edit: func(in *ga.CreateEndpointGroupInput) { *in.EndpointConfigurations[0].Weight = 256 }},
		"of another region":    {want: "InvalidArgumentException", edit: func(in *ga.CreateEndpointGroupInput) { in.EndpointConfigurations[0] = endpointFor("us-east-1", "b", 1) }},
		"too many":             {want: "LimitExceededException", edit: func(in *ga.CreateEndpointGroupInput) { in.EndpointConfigurations = eleven }},
		"nothing wrong at all": {edit: func(*ga.CreateEndpointGroupInput) {}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			a := accelerate(t, never)
			in := &ga.CreateEndpointGroupInput{
				ListenerArn: &a.listener, EndpointGroupRegion: new(region), EndpointConfigurations: []types.EndpointConfiguration{endpointFor(region, "a", 1)},
			}
			tc.edit(in)
			_, err := a.client.CreateEndpointGroup(t.Context(), in)
			g.Expect(codeOf(err)).To(Equal(tc.want))
			groups := a.cloud.List(func(r cloud.Resource) bool { return r.Type == typeEndpointGroup })
			if tc.want == "" {
				g.Expect(groups).To(HaveLen(1))
				return
			}
			g.Expect(groups).To(BeEmpty(), "a refused call leaves nothing behind")
		})
	}
}

func TestEndpointsOfAGroup(t *testing.T) {
	g := NewWithT(t)
	a := accelerate(t, never)
	for i := range 11 {
		addBalancer(t, a.cloud, region, fmt.Sprintf("lb-%d", i))
	}
	arn := a.group(t, endpointFor(region, "a", 100))
	weights := func() map[string]int32 {
		got := map[string]int32{}
		for _, e := range a.describe(t, arn).EndpointDescriptions {
			got[*e.EndpointId] = *e.Weight
		}
		return got
	}
	add, err := a.client.AddEndpoints(t.Context(), &ga.AddEndpointsInput{EndpointGroupArn: &arn, EndpointConfigurations: []types.EndpointConfiguration{endpointFor(region, "lb-0", 5)}})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(add.EndpointDescriptions).To(HaveLen(2))
	g.Expect(weights()).To(Equal(map[string]int32{balancerARN(region, "a"): 100, balancerARN(region, "lb-0"): 5}))

	var nine []types.EndpointConfiguration
	for i := 1; i < 10; i++ {
		nine = append(nine, endpointFor(region, fmt.Sprintf("lb-%d", i), 1))
	}
	_, err = a.client.AddEndpoints(t.Context(), &ga.AddEndpointsInput{EndpointGroupArn: &arn, EndpointConfigurations: nine})
	g.Expect(codeOf(err)).To(Equal("LimitExceededException"))
	g.Expect(weights()).To(HaveLen(2))

	_, err = a.client.RemoveEndpoints(t.Context(), &ga.RemoveEndpointsInput{EndpointGroupArn: &arn, EndpointIdentifiers: []types.EndpointIdentifier{
		{EndpointId: new(balancerARN(region, "a"))}, {EndpointId: new(balancerARN(region, "never-there"))},
	}})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(weights()).To(Equal(map[string]int32{balancerARN(region, "lb-0"): 5}))

	_, err = a.client.UpdateEndpointGroup(t.Context(), &ga.UpdateEndpointGroupInput{EndpointGroupArn: &arn, TrafficDialPercentage: new(float32(50))})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(*a.describe(t, arn).TrafficDialPercentage).To(BeEquivalentTo(50))
	g.Expect(weights()).To(HaveLen(1), "endpoints stay when none are given")

	_, err = a.client.UpdateEndpointGroup(t.Context(), &ga.UpdateEndpointGroupInput{EndpointGroupArn: &arn, EndpointConfigurations: []types.EndpointConfiguration{endpointFor(region, "lb-1", 9)}})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(weights()).To(Equal(map[string]int32{balancerARN(region, "lb-1"): 9}), "given ones replace the others")
	g.Expect(*a.describe(t, arn).TrafficDialPercentage).To(BeEquivalentTo(50))
}

func TestListEndpointGroups(t *testing.T) {
	g := NewWithT(t)
	a := accelerate(t, never)
	regions := []string{"eu-west-1", "eu-central-1", "us-east-1"}
	for _, region := range regions {
		_, err := a.client.CreateEndpointGroup(t.Context(), &ga.CreateEndpointGroupInput{ListenerArn: &a.listener, EndpointGroupRegion: &region})
		g.Expect(err).NotTo(HaveOccurred())
	}
	pager := ga.NewListEndpointGroupsPaginator(a.client, &ga.ListEndpointGroupsInput{ListenerArn: &a.listener, MaxResults: new(int32(2))})
	var got []string
	for pager.HasMorePages() {
		out, err := pager.NextPage(t.Context())
		g.Expect(err).NotTo(HaveOccurred())
		for _, group := range out.EndpointGroups {
			got = append(got, *group.EndpointGroupRegion)
			g.Expect(*group.TrafficDialPercentage).To(BeEquivalentTo(100))
		}
	}
	g.Expect(got).To(ConsistOf(regions))
	_, err := a.client.ListEndpointGroups(t.Context(), &ga.ListEndpointGroupsInput{ListenerArn: &a.listener, NextToken: new("x")})
	g.Expect(codeOf(err)).To(Equal("InvalidNextTokenException"))
}

func TestAcceleratorDeploysChanges(t *testing.T) {
	g := NewWithT(t)
	a := accelerate(t, 1e-3)
	a.group(t)
	g.Eventually(a.status(t)).Should(Equal(types.AcceleratorStatusDeployed))
}

func TestHealthOfEndpoints(t *testing.T) {
	cases := map[string]struct {
		state, targets string
		gone           bool
		want           types.HealthState
	}{
		"without target groups":     {state: "active", want: types.HealthStateHealthy},
		"with a healthy target":     {state: "active", targets: `[{"health":"unhealthy"},{"health":"healthy"}]`, want: types.HealthStateHealthy},
		"without a healthy target":  {state: "active", targets: `[{"health":"initial"}]`, want: types.HealthStateUnhealthy},
		"with targets nobody reads": {state: "active", targets: `?`, want: types.HealthStateUnhealthy},
		"not active yet":            {state: "provisioning", want: types.HealthStateUnhealthy},
		"gone":                      {state: "active", gone: true, want: types.HealthStateUnhealthy},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			a := accelerate(t, 1e-3)
			g.Expect(a.cloud.Update(a.balancer, func(r *cloud.Resource) { r.State = tc.state })).To(Succeed())
			if tc.targets != "" {
				addTargets(t, a.cloud, balancerARN(region, "a"), tc.targets)
			}
			arn := a.group(t, endpointFor(region, "a", 1))
			if tc.gone {
				g.Expect(a.cloud.Delete(a.balancer)).To(Succeed())
			}
			g.Eventually(a.health(t, arn)).Should(Equal(tc.want))
		})
	}
}

func TestHealthFollowsTheTargets(t *testing.T) {
	g := NewWithT(t)
	a := accelerate(t, 1e-3)
	group := addTargets(t, a.cloud, balancerARN(region, "a"), `[{"health":"unhealthy"}]`)
	arn := a.group(t, endpointFor(region, "a", 1))
	g.Eventually(a.health(t, arn)).Should(Equal(types.HealthStateUnhealthy))
	g.Expect(a.cloud.Update(group, func(r *cloud.Resource) { r.Data["targets"] = `[{"health":"healthy"}]` })).To(Succeed())
	g.Expect(a.health(t, arn)()).To(Equal(types.HealthStateHealthy))
}

func TestAcceleratorHoldsTheVPC(t *testing.T) {
	vpc := cloud.Key{Type: typeVPC, Region: region, ID: "vpc-a"}
	leave := map[string]func(*testing.T, accelerated, string) error{
		"until endpoints are removed": func(t *testing.T, a accelerated, arn string) error {
			_, err := a.client.RemoveEndpoints(t.Context(), &ga.RemoveEndpointsInput{
				EndpointGroupArn: &arn, EndpointIdentifiers: []types.EndpointIdentifier{{EndpointId: new(balancerARN(region, "a"))}},
			})
			return err
		},
		"until the group is deleted": func(t *testing.T, a accelerated, arn string) error {
			_, err := a.client.DeleteEndpointGroup(t.Context(), &ga.DeleteEndpointGroupInput{EndpointGroupArn: &arn})
			return err
		},
	}
	for name, do := range leave {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			a := accelerate(t, 1e-3)
			arn := a.group(t, endpointFor(region, "a", 1))
			g.Expect(a.interfaces()).To(HaveLen(1))
			g.Expect(a.interfaces()[0].Data).To(HaveKeyWithValue("description", "GlobalAccelerator configured ENI"))
			g.Expect(a.interfaces()[0].Region).To(Equal(region))
			g.Expect(a.cloud.Delete(a.balancer)).To(Succeed())
			g.Expect(a.cloud.Delete(vpc)).To(MatchError(ContainSubstring(a.interfaces()[0].ID)))

			g.Expect(do(t, a, arn)).To(Succeed())
			g.Eventually(a.interfaces).Should(BeEmpty())
			g.Expect(a.cloud.Delete(vpc)).To(Succeed())
		})
	}
}

func TestInterfacesStayForAWhile(t *testing.T) {
	g := NewWithT(t)
	a := accelerate(t, never)
	arn := a.group(t, endpointFor(region, "a", 1))
	_, err := a.client.DeleteEndpointGroup(t.Context(), &ga.DeleteEndpointGroupInput{EndpointGroupArn: &arn})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(a.interfaces()).To(HaveLen(1))
	_, err = a.client.DescribeEndpointGroup(t.Context(), &ga.DescribeEndpointGroupInput{EndpointGroupArn: &arn})
	g.Expect(codeOf(err)).To(Equal("EndpointGroupNotFoundException"))
	_, err = a.client.DeleteEndpointGroup(t.Context(), &ga.DeleteEndpointGroupInput{EndpointGroupArn: &arn})
	g.Expect(codeOf(err)).To(Equal("EndpointGroupNotFoundException"))
	a.group(t)
}

func TestNoInterfaceWithoutVPC(t *testing.T) {
	g := NewWithT(t)
	a := accelerate(t, never)
	create(t, a.cloud, cloud.Resource{Key: here(typeLoadBalancer, "bare"), ARN: balancerARN(region, "bare"), State: "active"})
	a.group(t, endpointFor(region, "bare", 1))
	g.Expect(a.interfaces()).To(BeEmpty())
}
