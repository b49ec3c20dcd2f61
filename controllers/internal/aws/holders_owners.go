package aws

import (
	"regexp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
)

// Tags of what controllers in a cluster make for it (sources: AWS Load Balancer
// Controller, "Resource tagging"; legacy cloud provider AWS, TagNameKubernetesService;
// Amazon VPC CNI plugin, "CLUSTER_NAME").
const (
	tagELBCluster     = "elbv2.k8s.aws/cluster"
	tagServiceStack   = "service.k8s.aws/stack"
	tagIngressStack   = "ingress.k8s.aws/stack"
	tagLegacyService  = "kubernetes.io/service-name"
	tagCNICluster     = "cluster.k8s.amazonaws.com/name"
	tagEKSClusterName = "aws:eks:cluster-name"
)

// ownerOfLoadBalancer reads the tags that the controllers leave. The stack of an Ingress
// is a group's name when it has no namespace.
func ownerOfLoadBalancer(tags map[string]string) string {
	for _, by := range []struct{ tag, kind string }{
		{tagServiceStack, "Service "}, {tagLegacyService, "Service "}, {tagIngressStack, "Ingress "}, {tagELBCluster, "cluster "},
	} {
		switch value := tags[by.tag]; {
		case value == "":
		case by.tag == tagIngressStack && !strings.Contains(value, "/"):
			return "Ingress group " + value
		default:
			return by.kind + value
		}
	}
	return ""
}

// ownerOfGroup leaves out what people made, or Portolan.
func ownerOfGroup(group types.SecurityGroup) string {
	tags := tagsOfEC2(group.Tags)
	if cluster := tags[tagEKSClusterName]; cluster != "" {
		return "EKS cluster " + cluster
	}
	return ownerOfLoadBalancer(tags)
}

// globalAcceleratorENI is the description of what Global Accelerator puts into the
// subnets of its endpoints (source: AWS Global Accelerator developer guide, "Preserve
// client IP addresses").
const globalAcceleratorENI = "GlobalAccelerator configured ENI"

// describedOwners tells from a description who made an interface: $1 is the first group
// of the pattern. They are AWS's own words (source: EC2 user guide, "Requester-managed
// network interfaces"; Amazon EKS user guide, "Amazon EKS networking requirements";
// Amazon VPC CNI plugin, which names the instance).
var describedOwners = []struct {
	pattern *regexp.Regexp
	owner   string
}{
	{regexp.MustCompile(`^` + globalAcceleratorENI), "Global Accelerator"},
	{regexp.MustCompile(`^Interface for NAT Gateway (nat-\w+)`), "NAT gateway $1"},
	{regexp.MustCompile(`^VPC Endpoint Interface (vpce-\w+)`), "VPC endpoint $1"},
	{regexp.MustCompile(`^Amazon EKS (\S+)`), "EKS cluster $1"},
	{regexp.MustCompile(`^AWS Lambda VPC ENI-(.+)-[0-9a-f-]{36}$`), "Lambda function $1"},
	{regexp.MustCompile(`^EFS mount target for (fs-\w+)`), "EFS file system $1"},
	{regexp.MustCompile(`^aws-K8S-(i-\w+)`), "VPC CNI of instance $1"},
	{regexp.MustCompile(`^aws-K8S-`), "VPC CNI"},
}

// ownerOfInterface prefers what the interface is attached to now.
func ownerOfInterface(i types.NetworkInterface, balancers []taggedLoadBalancer) string {
	if i.Attachment != nil && aws.ToString(i.Attachment.InstanceId) != "" {
		return "instance " + *i.Attachment.InstanceId
	}
	description := aws.ToString(i.Description)
	if balancer, ok := strings.CutPrefix(description, "ELB "); ok {
		return ownerOfBalancerNamed(balancer, balancers)
	}
	for _, by := range describedOwners {
		if match := by.pattern.FindStringSubmatchIndex(description); match != nil {
			return string(by.pattern.ExpandString(nil, by.owner, description, match))
		}
	}
	if i.InterfaceType == types.NetworkInterfaceTypeGlobalAcceleratorManaged {
		return "Global Accelerator"
	}
	return ""
}

// ownerOfBalancerNamed takes what an interface calls its load balancer: the end of its
// ARN, such as net/api/0123456789abcdef, or the name of a classic one.
func ownerOfBalancerNamed(name string, balancers []taggedLoadBalancer) string {
	for _, b := range balancers {
		if owner := ownerOfLoadBalancer(b.tags); owner != "" && strings.HasSuffix(aws.ToString(b.LoadBalancerArn), ":loadbalancer/"+name) {
			return owner
		}
	}
	if parts := strings.Split(name, "/"); len(parts) == 3 {
		name = parts[1]
	}
	return "load balancer " + name
}
