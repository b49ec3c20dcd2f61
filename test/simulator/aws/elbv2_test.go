package aws

import (
	"fmt"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	"github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

func balancerARN(region, name string) string {
	return fmt.Sprintf("arn:aws:elasticloadbalancing:%s:%s:loadbalancer/net/%s/0123456789abcdef", region, account, name)
}

const groupARN = "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/tg/0123456789abcdef"

// addBalancer makes a load balancer in a VPC of its own region.
func addBalancer(t *testing.T, c *cloud.Cloud, region, name string) cloud.Key {
	t.Helper()
	vpc := cloud.Key{Type: typeVPC, Region: region, ID: "vpc-" + name}
	create(t, c, cloud.Resource{Key: vpc})
	key := cloud.Key{Type: typeLoadBalancer, Region: region, ID: name}
	create(t, c, cloud.Resource{
		Key: key, ARN: balancerARN(region, name), State: "active", Parents: []cloud.Key{vpc},
		Tags: map[string]string{"service.k8s.aws/stack": "default/" + name},
		Data: map[string]string{"dnsName": name + ".elb." + region + ".amazonaws.com"},
	})
	return key
}

func addTargets(t *testing.T, c *cloud.Cloud, owner, targets string) cloud.Key {
	t.Helper()
	key := here(typeTargetGroup, "tg")
	create(t, c, cloud.Resource{Key: key, ARN: groupARN, Tags: map[string]string{"a": "b"}, Data: map[string]string{
		"loadBalancerARN": owner, "port": "8080", "protocol": "TCP", "targets": targets,
	}})
	return key
}

func TestDescribeLoadBalancers(t *testing.T) {
	cases := map[string]struct {
		in      elb.DescribeLoadBalancersInput
		want    []string
		wantErr string
	}{
		"all of the region":          {want: []string{"a", "b"}},
		"by name":                    {in: elb.DescribeLoadBalancersInput{Names: []string{"b"}}, want: []string{"b"}},
		"by ARN":                     {in: elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{balancerARN(region, "a")}}, want: []string{"a"}},
		"by a name of another place": {in: elb.DescribeLoadBalancersInput{Names: []string{"c"}}, wantErr: "LoadBalancerNotFound"},
		"by an ARN that is not":      {in: elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{balancerARN(region, "z")}}, wantErr: "LoadBalancerNotFound"},
		"a marker that is not":       {in: elb.DescribeLoadBalancersInput{Marker: awssdk.String("x")}, wantErr: "ValidationError"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s, c := start(t)
			addBalancer(t, c, region, "a")
			addBalancer(t, c, region, "b")
			addBalancer(t, c, "us-east-1", "c")
			out, err := elb.NewFromConfig(sdk(t, s, BaseAccessKey)).DescribeLoadBalancers(t.Context(), &tc.in)
			g.Expect(codeOf(err)).To(Equal(tc.wantErr))
			if tc.wantErr != "" {
				return
			}
			var got []string
			for _, lb := range out.LoadBalancers {
				got = append(got, *lb.LoadBalancerName)
				g.Expect(*lb.LoadBalancerArn).To(Equal(balancerARN(region, *lb.LoadBalancerName)))
				g.Expect(*lb.DNSName).To(Equal(*lb.LoadBalancerName + ".elb.eu-west-1.amazonaws.com"))
				g.Expect(lb.State.Code).To(Equal(types.LoadBalancerStateEnumActive))
				g.Expect(*lb.VpcId).To(Equal("vpc-" + *lb.LoadBalancerName))
				g.Expect(lb.Type).To(Equal(types.LoadBalancerTypeEnumNetwork))
				g.Expect(*lb.CanonicalHostedZoneId).To(Equal(zoneOfBalancers(region)))
				g.Expect(lb.CreatedTime).NotTo(BeNil())
			}
			g.Expect(got).To(Equal(tc.want))
		})
	}
}

func TestDescribeLoadBalancersPages(t *testing.T) {
	g := NewWithT(t)
	s, c := start(t)
	for i := range 5 {
		addBalancer(t, c, region, fmt.Sprintf("lb-%d", i))
	}
	pager := elb.NewDescribeLoadBalancersPaginator(elb.NewFromConfig(sdk(t, s, BaseAccessKey)), &elb.DescribeLoadBalancersInput{PageSize: awssdk.Int32(2)})
	var got []string
	for pager.HasMorePages() {
		out, err := pager.NextPage(t.Context())
		g.Expect(err).NotTo(HaveOccurred())
		for _, lb := range out.LoadBalancers {
			got = append(got, *lb.LoadBalancerName)
		}
	}
	g.Expect(got).To(Equal([]string{"lb-0", "lb-1", "lb-2", "lb-3", "lb-4"}))
}

func TestELBTags(t *testing.T) {
	g := NewWithT(t)
	s, c := start(t)
	addBalancer(t, c, region, "a")
	addTargets(t, c, balancerARN(region, "a"), "[]")
	client := elb.NewFromConfig(sdk(t, s, BaseAccessKey))
	out, err := client.DescribeTags(t.Context(), &elb.DescribeTagsInput{ResourceArns: []string{balancerARN(region, "a"), groupARN}})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(out.TagDescriptions).To(HaveLen(2))
	g.Expect(*out.TagDescriptions[0].ResourceArn).To(Equal(balancerARN(region, "a")))
	g.Expect(*out.TagDescriptions[0].Tags[0].Key).To(Equal("service.k8s.aws/stack"))
	g.Expect(*out.TagDescriptions[0].Tags[0].Value).To(Equal("default/a"))
	g.Expect(*out.TagDescriptions[1].Tags[0].Key).To(Equal("a"))

	refusals := map[string][]string{
		"LoadBalancerNotFound": {balancerARN(region, "z")},
		"TargetGroupNotFound":  {groupARN + "0"},
		"ValidationError":      make([]string, 21),
	}
	for want, arns := range refusals {
		_, err := client.DescribeTags(t.Context(), &elb.DescribeTagsInput{ResourceArns: arns})
		g.Expect(codeOf(err)).To(Equal(want))
	}
}

func TestDescribeTargets(t *testing.T) {
	g := NewWithT(t)
	s, c := start(t)
	addBalancer(t, c, region, "a")
	addBalancer(t, c, region, "b")
	addTargets(t, c, balancerARN(region, "a"), `[
		{"id": "10.0.0.5", "port": 8080, "health": "healthy"},
		{"id": "10.0.0.6", "port": 8080, "health": "unhealthy", "reason": "Target.FailedHealthChecks"},
		{"id": "10.0.0.7", "port": 8080}]`)
	client := elb.NewFromConfig(sdk(t, s, BaseAccessKey))
	groups, err := client.DescribeTargetGroups(t.Context(), &elb.DescribeTargetGroupsInput{LoadBalancerArn: awssdk.String(balancerARN(region, "a"))})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(groups.TargetGroups).To(HaveLen(1))
	g.Expect(*groups.TargetGroups[0].TargetGroupArn).To(Equal(groupARN))
	g.Expect(*groups.TargetGroups[0].Port).To(BeEquivalentTo(8080))
	g.Expect(*groups.TargetGroups[0].VpcId).To(Equal("vpc-a"))
	g.Expect(groups.TargetGroups[0].Protocol).To(Equal(types.ProtocolEnumTcp))
	g.Expect(groups.TargetGroups[0].LoadBalancerArns).To(Equal([]string{balancerARN(region, "a")}))

	groups, err = client.DescribeTargetGroups(t.Context(), &elb.DescribeTargetGroupsInput{LoadBalancerArn: awssdk.String(balancerARN(region, "b"))})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(groups.TargetGroups).To(BeEmpty())

	health, err := client.DescribeTargetHealth(t.Context(), &elb.DescribeTargetHealthInput{TargetGroupArn: awssdk.String(groupARN)})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(health.TargetHealthDescriptions).To(HaveLen(3))
	g.Expect(*health.TargetHealthDescriptions[0].Target.Id).To(Equal("10.0.0.5"))
	g.Expect(*health.TargetHealthDescriptions[0].Target.Port).To(BeEquivalentTo(8080))
	g.Expect(health.TargetHealthDescriptions[0].TargetHealth.State).To(Equal(types.TargetHealthStateEnumHealthy))
	g.Expect(health.TargetHealthDescriptions[1].TargetHealth.Reason).To(Equal(types.TargetHealthReasonEnumFailedHealthChecks))
	g.Expect(*health.TargetHealthDescriptions[1].TargetHealth.Description).To(Equal("Health checks failed"))
	g.Expect(health.TargetHealthDescriptions[2].TargetHealth.State).To(Equal(types.TargetHealthStateEnumInitial))
}

// named is a target group of the load balancer "a".
func named(t *testing.T, c *cloud.Cloud, name string) {
	t.Helper()
	create(t, c, cloud.Resource{
		Key: here(typeTargetGroup, name), ARN: "arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/" + name + "/0123456789abcdef",
		Data: map[string]string{"loadBalancerARN": balancerARN(region, "a")},
	})
}

func TestDescribeTargetGroupsOfALoadBalancerPages(t *testing.T) {
	g := NewWithT(t)
	s, c := start(t)
	addBalancer(t, c, region, "a")
	addBalancer(t, c, region, "b")
	addTargets(t, c, balancerARN(region, "b"), "[]")
	for i := range 5 {
		named(t, c, fmt.Sprintf("of-a-%d", i))
	}
	pager := elb.NewDescribeTargetGroupsPaginator(elb.NewFromConfig(sdk(t, s, BaseAccessKey)),
		&elb.DescribeTargetGroupsInput{LoadBalancerArn: new(balancerARN(region, "a")), PageSize: awssdk.Int32(2)})
	var got []string
	pages := 0
	for ; pager.HasMorePages(); pages++ {
		out, err := pager.NextPage(t.Context())
		g.Expect(err).NotTo(HaveOccurred())
		for _, group := range out.TargetGroups {
			got = append(got, *group.TargetGroupName)
		}
	}
	g.Expect(got).To(Equal([]string{"of-a-0", "of-a-1", "of-a-2", "of-a-3", "of-a-4"}))
	g.Expect(pages).To(Equal(3))
}

func TestTargetsBehindNoLoadBalancerAreUnused(t *testing.T) {
	g := NewWithT(t)
	s, c := start(t)
	addBalancer(t, c, region, "a")
	addTargets(t, c, balancerARN(region, "a"), `[{"id": "10.0.0.5", "port": 8080, "health": "healthy"}]`)
	client := elb.NewFromConfig(sdk(t, s, BaseAccessKey))
	_, err := client.DeleteLoadBalancer(t.Context(), &elb.DeleteLoadBalancerInput{LoadBalancerArn: new(balancerARN(region, "a"))})
	g.Expect(err).NotTo(HaveOccurred())

	out, err := client.DescribeTargetHealth(t.Context(), &elb.DescribeTargetHealthInput{TargetGroupArn: new(groupARN)})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(out.TargetHealthDescriptions[0].TargetHealth.State).To(Equal(types.TargetHealthStateEnumUnused))
	g.Expect(out.TargetHealthDescriptions[0].TargetHealth.Reason).To(Equal(types.TargetHealthReasonEnumNotInUse))
	g.Expect(out.TargetHealthDescriptions[0].TargetHealth.Description).NotTo(BeNil())
	_, err = client.DescribeTargetGroups(t.Context(), &elb.DescribeTargetGroupsInput{LoadBalancerArn: new(balancerARN(region, "a"))})
	g.Expect(codeOf(err)).To(Equal("LoadBalancerNotFound"))
}

func TestTargetRefusals(t *testing.T) {
	elsewhere := "arn:aws:elasticloadbalancing:us-east-1:111122223333:"
	cases := map[string]struct {
		groups *elb.DescribeTargetGroupsInput
		health string
		want   string
	}{
		"groups of an unknown load balancer":            {groups: &elb.DescribeTargetGroupsInput{LoadBalancerArn: new(balancerARN(region, "a"))}, want: "LoadBalancerNotFound"},
		"groups of an unknown name":                     {groups: &elb.DescribeTargetGroupsInput{Names: []string{"tg"}}, want: "TargetGroupNotFound"},
		"an unknown group":                              {groups: &elb.DescribeTargetGroupsInput{TargetGroupArns: []string{groupARN}}, want: "TargetGroupNotFound"},
		"groups of a load balancer of another region":   {groups: &elb.DescribeTargetGroupsInput{LoadBalancerArn: new(balancerARN("us-east-1", "a"))}, want: "ValidationError"},
		"groups of what is no load balancer":            {groups: &elb.DescribeTargetGroupsInput{LoadBalancerArn: new(groupARN)}, want: "ValidationError"},
		"a group that is none":                          {groups: &elb.DescribeTargetGroupsInput{TargetGroupArns: []string{"tg"}}, want: "ValidationError"},
		"health of an unknown group":                    {health: groupARN, want: "TargetGroupNotFound"},
		"health of a group of another region":           {health: elsewhere + "targetgroup/tg/0123456789abcdef", want: "ValidationError"},
		"health of a load balancer instead of a group":  {health: balancerARN(region, "a"), want: "ValidationError"},
		"a marker that no page of target groups was at": {groups: &elb.DescribeTargetGroupsInput{Marker: new("x")}, want: "ValidationError"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s, _ := start(t)
			client := elb.NewFromConfig(sdk(t, s, BaseAccessKey))
			var err error
			if tc.groups != nil {
				_, err = client.DescribeTargetGroups(t.Context(), tc.groups)
			} else {
				_, err = client.DescribeTargetHealth(t.Context(), &elb.DescribeTargetHealthInput{TargetGroupArn: &tc.health})
			}
			NewWithT(t).Expect(codeOf(err)).To(Equal(tc.want))
		})
	}
}
