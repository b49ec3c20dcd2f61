package aws

import (
	"testing"

	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

func interfacesIn(c *cloud.Cloud) []cloud.Resource {
	return c.List(func(r cloud.Resource) bool { return r.Type == typeInterface })
}

func TestDeleteLoadBalancerLeavesAnInterfaceForAWhile(t *testing.T) {
	g := NewWithT(t)
	s, c := start(t)
	key := addBalancer(t, c, region, "a")
	group := addTargets(t, c, balancerARN(region, "a"), "[]")
	client := elb.NewFromConfig(sdk(t, s, BaseAccessKey))

	_, err := client.DeleteTargetGroup(t.Context(), &elb.DeleteTargetGroupInput{TargetGroupArn: new(groupARN)})
	g.Expect(codeOf(err)).To(Equal("ResourceInUse"))

	for range 2 {
		_, err = client.DeleteLoadBalancer(t.Context(), &elb.DeleteLoadBalancerInput{LoadBalancerArn: new(balancerARN(region, "a"))})
		g.Expect(err).NotTo(HaveOccurred(), "deleting what is gone is done")
	}
	_, there := c.Get(key)
	g.Expect(there).To(BeFalse())
	left := interfacesIn(c)
	if len(left) > 0 { // unless it has gone already
		g.Expect(left).To(HaveLen(1))
		g.Expect(left[0].Data).To(HaveKeyWithValue("description", "ELB net/a/0123456789abcdef"))
		g.Expect(left[0].Parents).To(ContainElement(here(typeVPC, "vpc-a")), "it holds the VPC")
	}
	g.Eventually(func() []cloud.Resource { return interfacesIn(c) }, "10s").Should(BeEmpty())
	g.Expect(c.Delete(here(typeVPC, "vpc-a"))).To(Succeed())

	out, err := client.DescribeTargetGroups(t.Context(), nil)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(*out.TargetGroups[0].VpcId).To(Equal("vpc-a"), "it keeps its VPC")
	g.Expect(out.TargetGroups[0].LoadBalancerArns).To(BeEmpty())
	for range 2 {
		_, err = client.DeleteTargetGroup(t.Context(), &elb.DeleteTargetGroupInput{TargetGroupArn: new(groupARN)})
		g.Expect(err).NotTo(HaveOccurred())
	}
	_, there = c.Get(group)
	g.Expect(there).To(BeFalse())
}

func TestDeleteLoadBalancerThatIsInUse(t *testing.T) {
	g := NewWithT(t)
	s, c := start(t)
	key := addBalancer(t, c, region, "a")
	create(t, c, cloud.Resource{Key: here("elbv2/listener", "l"), Parents: []cloud.Key{key}})
	_, err := elb.NewFromConfig(sdk(t, s, BaseAccessKey)).DeleteLoadBalancer(t.Context(),
		&elb.DeleteLoadBalancerInput{LoadBalancerArn: new(balancerARN(region, "a"))})
	g.Expect(codeOf(err)).To(Equal("ResourceInUse"))
	g.Expect(interfacesIn(c)).To(BeEmpty())
}

func TestLoadBalancersTellWhatTheyLieIn(t *testing.T) {
	g := NewWithT(t)
	s, c := start(t)
	subnetsOf(t, c)
	create(t, c, cloud.Resource{Key: here(typeSecurityGroup, "sg-1")})
	create(t, c, cloud.Resource{
		Key: here(typeLoadBalancer, "a"), ARN: balancerARN(region, "a"), State: "active",
		Parents: []cloud.Key{here(typeSubnet, "subnet-a"), here(typeSecurityGroup, "sg-1")},
	})
	out, err := elb.NewFromConfig(sdk(t, s, BaseAccessKey)).DescribeLoadBalancers(t.Context(), nil)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(out.LoadBalancers[0].SecurityGroups).To(Equal([]string{"sg-1"}))
	g.Expect(*out.LoadBalancers[0].AvailabilityZones[0].SubnetId).To(Equal("subnet-a"))
	g.Expect(*out.LoadBalancers[0].AvailabilityZones[0].ZoneName).To(Equal("eu-west-1a"))
	g.Expect(*out.LoadBalancers[0].VpcId).To(Equal("vpc-1"))
}
