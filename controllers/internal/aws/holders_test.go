package aws

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	. "github.com/onsi/gomega"
)

const clusterTag = "elbv2.k8s.aws/cluster=prod-euw1"

// members answers an action of Elastic Load Balancing with a list.
func members(action, list, next string, items ...string) http.HandlerFunc {
	_, operation, _ := strings.Cut(action, ":")
	if next != "" {
		next = "<NextMarker>" + next + "</NextMarker>"
	}
	return reply(200, fmt.Sprintf(`<%[1]sResponse xmlns="http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"><%[1]sResult><%[2]s>%[3]s</%[2]s>%[4]s</%[1]sResult></%[1]sResponse>`,
		operation, list, strings.Join(items, ""), next))
}

func elbARN(kind, name string) string {
	return "arn:aws:elasticloadbalancing:eu-west-1:111122223333:" + kind + "/" + name + "/0123456789abcdef"
}

func balancerIn(vpcID, name string) string {
	return "<member><LoadBalancerArn>" + elbARN("loadbalancer/net", name) + "</LoadBalancerArn><LoadBalancerName>" + name +
		"</LoadBalancerName><VpcId>" + vpcID + "</VpcId><SecurityGroups><member>sg-2</member></SecurityGroups>" +
		"<AvailabilityZones><member><SubnetId>subnet-b</SubnetId></member><member><SubnetId>subnet-a</SubnetId></member></AvailabilityZones></member>"
}

// xmlTags writes tags, each "key=value", in elements of the given names.
func xmlTags(list, item, key, value string, tags ...string) string {
	text := "<" + list + ">"
	for _, t := range tags {
		k, v, _ := strings.Cut(t, "=")
		text += fmt.Sprintf("<%[1]s><%[2]s>%[4]s</%[2]s><%[3]s>%[5]s</%[3]s></%[1]s>", item, key, value, k, v)
	}
	return text + "</" + list + ">"
}

func ec2TagSet(tags ...string) string { return xmlTags("tagSet", "item", "key", "value", tags...) }

// elbTagged answers DescribeTags from the tags by ARN; what has none does not exist.
func elbTagged(tags map[string][]string) http.HandlerFunc {
	return func(rw http.ResponseWriter, r *http.Request) {
		var items []string
		for i := 1; r.Form.Has(fmt.Sprintf("ResourceArns.member.%d", i)); i++ {
			arn := r.Form.Get(fmt.Sprintf("ResourceArns.member.%d", i))
			of, ok := tags[arn]
			if !ok {
				refuse(describeELBTags, 400, "LoadBalancerNotFound", "One or more load balancers not found")(rw, r)
				return
			}
			items = append(items, "<member><ResourceArn>"+arn+"</ResourceArn>"+xmlTags("Tags", "member", "Key", "Value", of...)+"</member>")
		}
		members(describeELBTags, "TagDescriptions", "", items...)(rw, r)
	}
}

func firewall(id, name string, named []string, tags ...string) string {
	var pairs string
	for _, other := range named {
		pairs += "<item><groupId>" + other + "</groupId></item>"
	}
	return "<item><groupId>" + id + "</groupId><groupName>" + name + "</groupName><groupDescription>d</groupDescription><vpcId>vpc-0</vpcId>" +
		"<ipPermissions><item><ipProtocol>-1</ipProtocol><groups>" + pairs + "</groups></item></ipPermissions>" + ec2TagSet(tags...) + "</item>"
}

// empty answers every look into a VPC with nothing.
func (w *wire) empty() {
	w.on(describeLoadBalancers, balancers(""))
	w.on(describeELBTags, elbTagged(nil))
	w.on(describeTargets, members(describeTargets, "TargetGroups", ""))
	for action, set := range map[string]string{
		describeInterfaces: "networkInterfaceSet", describeFirewalls: "securityGroupInfo", describeSubnets: "subnetSet",
		describeEndpoints: "vpcEndpointSet", describePeerings: "vpcPeeringConnectionSet",
	} {
		w.on(action, ec2Reply(action, "<"+set+"></"+set+">"))
	}
}

func TestHoldersOfAnEmptyVPC(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.empty()
	g.Expect(s.Holders(t.Context(), "", "eu-west-1", "vpc-0")).To(BeEmpty())
	for _, action := range []string{describeInterfaces, describeFirewalls, describeSubnets, describeEndpoints} {
		asked := w.requests(action)
		g.Expect(asked).To(HaveLen(1))
		g.Expect(asked[0].region).To(Equal("eu-west-1"))
		g.Expect(filtersOf(asked[0])).To(Equal([]string{"vpc-id=vpc-0"}), action)
	}
	g.Expect(w.requests(describePeerings)).To(HaveLen(2), "one for each end")
	g.Expect(w.requests(describeELBTags)).To(BeEmpty(), "there is nothing to ask about")
}

func TestHoldersAreSortedAndSayWhoseTheyAre(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	w.empty()
	w.on(describeLoadBalancers, inTurn(
		balancers("more", balancerIn("vpc-0", "api"), balancerIn("vpc-1", "elsewhere")), balancers("", balancerIn("vpc-0", "web"))))
	w.on(describeELBTags, elbTagged(map[string][]string{
		elbARN("loadbalancer/net", "api"): {"service.k8s.aws/stack=api/gossip", clusterTag}, elbARN("loadbalancer/net", "web"): {},
	}))
	w.on(describeInterfaces, ec2Reply(describeInterfaces, `<networkInterfaceSet>
		<item><networkInterfaceId>eni-2</networkInterfaceId><description>ELB net/api/0123456789abcdef</description><subnetId>subnet-a</subnetId>
			<groupSet><item><groupId>sg-2</groupId></item></groupSet></item>
		<item><networkInterfaceId>eni-1</networkInterfaceId><description>GlobalAccelerator configured ENI</description></item></networkInterfaceSet>`))
	w.on(describeFirewalls, ec2Reply(describeFirewalls, "<securityGroupInfo>"+
		firewall("sg-0", "default", []string{"sg-0", "sg-1"})+firewall("sg-2", "nodes", []string{"sg-1", "sg-2"})+firewall("sg-1", "api", nil, clusterTag)+
		"</securityGroupInfo>"))
	w.on(describeSubnets, ec2Reply(describeSubnets, `<subnetSet><item><subnetId>subnet-a</subnetId><subnetArn>arn:subnet</subnetArn></item></subnetSet>`))
	w.on(describeEndpoints, ec2Reply(describeEndpoints, `<vpcEndpointSet>
		<item><vpcEndpointId>vpce-1</vpcEndpointId><state>available</state><serviceName>com.amazonaws.eu-west-1.s3</serviceName>
			<subnetIdSet><item>subnet-a</item></subnetIdSet><groupSet><item><groupId>sg-2</groupId></item></groupSet></item>
		<item><vpcEndpointId>vpce-2</vpcEndpointId><state>deleted</state></item></vpcEndpointSet>`))
	w.on(describePeerings, inTurn(ec2Reply(describePeerings, `<vpcPeeringConnectionSet/>`), ec2Reply(describePeerings, `<vpcPeeringConnectionSet><item>
		<vpcPeeringConnectionId>pcx-1</vpcPeeringConnectionId><requesterVpcInfo><vpcId>vpc-9</vpcId></requesterVpcInfo>
		<accepterVpcInfo><vpcId>vpc-0</vpcId></accepterVpcInfo></item></vpcPeeringConnectionSet>`)))

	none := map[string]string{}
	api := map[string]string{"service.k8s.aws/stack": "api/gossip", "elbv2.k8s.aws/cluster": "prod-euw1"}
	around := []string{"sg-2", "subnet-a", "subnet-b", "vpc-0"}
	g.Expect(s.Holders(t.Context(), "", "eu-west-1", "vpc-0")).To(Equal([]Holder{
		{Kind: KindLoadBalancer, ID: "api", ARN: elbARN("loadbalancer/net", "api"), Owner: "Service api/gossip", Tags: api, In: around},
		{Kind: KindLoadBalancer, ID: "web", ARN: elbARN("loadbalancer/net", "web"), Tags: none, In: around},
		{Kind: KindNetworkInterface, ID: "eni-1", Description: "GlobalAccelerator configured ENI", Owner: "Global Accelerator", Tags: none, In: []string{"vpc-0"}},
		{Kind: KindNetworkInterface, ID: "eni-2", Description: "ELB net/api/0123456789abcdef", Owner: "Service api/gossip", Tags: none, In: []string{"sg-2", "subnet-a", "vpc-0"}},
		{Kind: KindPeeringConnection, ID: "pcx-1", Owner: "peering with vpc-9", Tags: none, In: []string{"vpc-0"}},
		{Kind: KindSecurityGroup, ID: "sg-1", Description: "d", Owner: "cluster prod-euw1", ReferencedBy: []string{"sg-0", "sg-2"},
			Tags: map[string]string{"elbv2.k8s.aws/cluster": "prod-euw1"}, In: []string{"vpc-0"}},
		{Kind: KindSecurityGroup, ID: "sg-2", Description: "d", Tags: none, In: []string{"vpc-0"}},
		{Kind: KindSubnet, ID: "subnet-a", ARN: "arn:subnet", Tags: none, In: []string{"vpc-0"}},
		{Kind: KindVPCEndpoint, ID: "vpce-1", Description: "com.amazonaws.eu-west-1.s3", Tags: none, In: []string{"sg-2", "subnet-a", "vpc-0"}},
	}))
	g.Expect(filtersOf(w.requests(describePeerings)[1])[0]).To(Equal("accepter-vpc-info.vpc-id=vpc-0"))
	g.Expect(w.requests(describeLoadBalancers)[1].form.Get("Marker")).To(Equal("more"))
}

func TestHoldersFailWithEachOfTheirLooks(t *testing.T) {
	for _, action := range []string{describeLoadBalancers, describeELBTags, describeInterfaces, describeFirewalls, describeSubnets, describeEndpoints, describePeerings} {
		t.Run(action, func(t *testing.T) {
			g := NewWithT(t)
			w := newWire(t)
			s, _ := newSessions(t, w.url)
			w.empty()
			w.on(describeLoadBalancers, balancers("", balancerIn("vpc-0", "api")))
			w.on(action, refuse(action, 403, "AccessDenied", "No."))
			found, err := s.Holders(t.Context(), "", "eu-west-1", "vpc-0")
			g.Expect(found).To(BeNil())
			g.Expect(err).To(MatchError(HavePrefix(action)))
			g.Expect(ClassOf(err)).To(Equal(AccessDenied))
		})
	}
}

func TestTagsOfLoadBalancersThatGoMeanwhile(t *testing.T) {
	g := NewWithT(t)
	w := newWire(t)
	s, _ := newSessions(t, w.url)
	var all []string
	tags := map[string][]string{}
	for i := range 25 {
		name := fmt.Sprintf("lb-%02d", i)
		all = append(all, balancerIn("vpc-0", name))
		tags[elbARN("loadbalancer/net", name)] = []string{"n=" + name}
	}
	delete(tags, elbARN("loadbalancer/net", "lb-07"))
	w.empty()
	w.on(describeLoadBalancers, balancers("", all...))
	w.on(describeELBTags, elbTagged(tags))
	found, err := s.Holders(t.Context(), "", "eu-west-1", "vpc-0")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(found).To(HaveLen(24))
	g.Expect(slices.IndexFunc(found, func(h Holder) bool { return h.ID == "lb-07" })).To(Equal(-1))
	for _, h := range found {
		g.Expect(h.Tags).To(Equal(map[string]string{"n": h.ID}))
	}
	g.Expect(w.requests(describeELBTags)).To(HaveLen(1+20+1), "20 at once, then each of them, then the rest")
}

func TestOwnerOfInterface(t *testing.T) {
	cases := map[string]struct {
		description, instance, want string
		kind                        types.NetworkInterfaceType
	}{
		"an instance's":                   {description: "aws-K8S-i-0old", instance: "i-0abc", want: "instance i-0abc"},
		"a detached one of a node":        {description: "aws-K8S-i-0abc", want: "VPC CNI of instance i-0abc"},
		"a node's without its name":       {description: "aws-K8S-", want: "VPC CNI"},
		"a NAT gateway's":                 {description: "Interface for NAT Gateway nat-0abc", want: "NAT gateway nat-0abc"},
		"a VPC endpoint's":                {description: "VPC Endpoint Interface vpce-0abc", want: "VPC endpoint vpce-0abc"},
		"a control plane's":               {description: "Amazon EKS prod-euw1", want: "EKS cluster prod-euw1"},
		"an accelerator's":                {description: globalAcceleratorENI, want: "Global Accelerator"},
		"an accelerator's in other words": {description: "x", kind: types.NetworkInterfaceTypeGlobalAcceleratorManaged, want: "Global Accelerator"},
		"a function's":                    {description: "AWS Lambda VPC ENI-report-7a62c49f-347e-4fc4-9331-6e8e1111aaaa", want: "Lambda function report"},
		"a file system's":                 {description: "EFS mount target for fs-0abc (fsmt-0abc)", want: "EFS file system fs-0abc"},
		"a known load balancer's":         {description: "ELB net/api/0123456789abcdef", want: "Ingress api/web"},
		"another load balancer's":         {description: "ELB app/api/0123456789abcdef", want: "load balancer api"},
		"a classic load balancer's":       {description: "ELB api", want: "load balancer api"},
		"nobody's":                        {description: "mine"},
		"without anything":                {},
	}
	known := []taggedLoadBalancer{{tags: map[string]string{"ingress.k8s.aws/stack": "api/web"}}}
	known[0].LoadBalancerArn = new(elbARN("loadbalancer/net", "api"))
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			i := types.NetworkInterface{Description: &tc.description, InterfaceType: tc.kind}
			if tc.instance != "" {
				i.Attachment = &types.NetworkInterfaceAttachment{InstanceId: &tc.instance}
			}
			NewWithT(t).Expect(ownerOfInterface(i, known)).To(Equal(tc.want))
		})
	}
}

func TestOwnerOfLoadBalancer(t *testing.T) {
	cases := map[string]struct {
		tags map[string]string
		want string
	}{
		"of a Service":               {map[string]string{"service.k8s.aws/stack": "api/gossip", "elbv2.k8s.aws/cluster": "prod"}, "Service api/gossip"},
		"of an Ingress":              {map[string]string{"ingress.k8s.aws/stack": "api/web", "elbv2.k8s.aws/cluster": "prod"}, "Ingress api/web"},
		"of a group of Ingresses":    {map[string]string{"ingress.k8s.aws/stack": "shared"}, "Ingress group shared"},
		"of the old cloud provider":  {map[string]string{"kubernetes.io/service-name": "api/gossip"}, "Service api/gossip"},
		"of a cluster":               {map[string]string{"elbv2.k8s.aws/cluster": "prod"}, "cluster prod"},
		"of nobody that says so":     {map[string]string{"Name": "x"}, ""},
		"with a tag that is nothing": {map[string]string{"service.k8s.aws/stack": ""}, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(ownerOfLoadBalancer(tc.tags)).To(Equal(tc.want))
		})
	}
}
