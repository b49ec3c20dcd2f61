package plan

// tagLoadBalancers is what the AWS Load Balancer Controller puts on everything that it creates;
// its value is the name of the cluster.
const tagLoadBalancers = "elbv2.k8s.aws/cluster"

// loadBalancerController lets the controller do what its documentation asks for
// (aws-load-balancer-controller, docs/install/iam_policy.json), but change only what carries
// the cluster's tag. Listeners and rules do not always have the tag, because tagging them is
// a feature of the controller that can be off: they are limited to the region.
func (known policies) loadBalancerController() []statement {
	statements := []statement{
		allow(loadBalancerReads, anything, nil),
		allow([]string{"iam:CreateServiceLinkedRole"}, anything, equals("iam:AWSServiceName", "elasticloadbalancing.amazonaws.com")),
		allow(loadBalancerProtection, anything, nil),
	}
	statements = append(statements, known.securityGroups()...)
	return append(statements, known.loadBalancers()...)
}

var loadBalancerReads = []string{
	"acm:DescribeCertificate",
	"acm:ListCertificates",
	"cognito-idp:DescribeUserPoolClient",
	"ec2:DescribeAccountAttributes",
	"ec2:DescribeAddresses",
	"ec2:DescribeAvailabilityZones",
	"ec2:DescribeCoipPools",
	"ec2:DescribeInstances",
	"ec2:DescribeInternetGateways",
	"ec2:DescribeIpamPools",
	"ec2:DescribeNetworkInterfaces",
	"ec2:DescribeRouteTables",
	"ec2:DescribeSecurityGroups",
	"ec2:DescribeSubnets",
	"ec2:DescribeTags",
	"ec2:DescribeVpcPeeringConnections",
	"ec2:DescribeVpcs",
	"ec2:GetCoipPoolUsage",
	"ec2:GetSecurityGroupsForVpc",
	"elasticloadbalancing:DescribeCapacityReservation",
	"elasticloadbalancing:DescribeListenerAttributes",
	"elasticloadbalancing:DescribeListenerCertificates",
	"elasticloadbalancing:DescribeListeners",
	"elasticloadbalancing:DescribeLoadBalancerAttributes",
	"elasticloadbalancing:DescribeLoadBalancers",
	"elasticloadbalancing:DescribeRules",
	"elasticloadbalancing:DescribeSSLPolicies",
	"elasticloadbalancing:DescribeTags",
	"elasticloadbalancing:DescribeTargetGroupAttributes",
	"elasticloadbalancing:DescribeTargetGroups",
	"elasticloadbalancing:DescribeTargetHealth",
	"elasticloadbalancing:DescribeTrustStores",
	"iam:GetServerCertificate",
	"iam:ListServerCertificates",
	"shield:DescribeProtection",
	"shield:GetSubscriptionState",
	"waf-regional:GetWebACL",
	"waf-regional:GetWebACLForResource",
	"wafv2:GetWebACL",
	"wafv2:GetWebACLForResource",
}

// loadBalancerProtection attaches what others made to load balancers.
var loadBalancerProtection = []string{
	"shield:CreateProtection",
	"shield:DeleteProtection",
	"waf-regional:AssociateWebACL",
	"waf-regional:DisassociateWebACL",
	"wafv2:AssociateWebACL",
	"wafv2:DisassociateWebACL",
}

// created is the condition of creating something with the cluster's tag.
func (known policies) created() conditions {
	return equals("aws:RequestTag/"+tagLoadBalancers, known.cluster)
}

// creating is the condition of tagging in the course of an action that creates.
func (known policies) creating(service string, actions ...string) conditions {
	c := known.created()
	c[stringEquals][service+":CreateAction"] = actions
	return c
}

// owned is the condition that something has the cluster's tag.
func (known policies) owned() conditions {
	return equals("aws:ResourceTag/"+tagLoadBalancers, known.cluster)
}

// securityGroups lets the controller have groups of its own, and let load balancers in to the
// nodes, whose group EKS tags as owned by the cluster.
func (known policies) securityGroups() []statement {
	groups := []string{known.arn("ec2", "security-group/*")}
	rules := []string{"ec2:AuthorizeSecurityGroupIngress", "ec2:RevokeSecurityGroupIngress"}
	return []statement{
		allow([]string{"ec2:CreateSecurityGroup"}, []string{known.arn("ec2", "vpc/*")}, nil),
		allow([]string{"ec2:CreateSecurityGroup"}, groups, known.created()),
		allow([]string{"ec2:CreateTags"}, groups, known.creating("ec2", "CreateSecurityGroup")),
		allow([]string{"ec2:CreateTags", "ec2:DeleteSecurityGroup", "ec2:DeleteTags"}, groups, known.owned()),
		allow(rules, groups, known.owned()),
		allow(rules, groups, equals("aws:ResourceTag/kubernetes.io/cluster/"+known.cluster, "owned")),
	}
}

func (known policies) loadBalancers() []statement {
	const service = "elasticloadbalancing"
	balancers := []string{
		known.arn(service, "loadbalancer/app/*"), known.arn(service, "loadbalancer/net/*"), known.arn(service, "targetgroup/*"),
	}
	listeners := []string{
		known.arn(service, "listener/app/*"), known.arn(service, "listener/net/*"),
		known.arn(service, "listener-rule/app/*"), known.arn(service, "listener-rule/net/*"),
		known.arn(service, "loadbalancer/app/*"), known.arn(service, "loadbalancer/net/*"),
	}
	return []statement{
		allow([]string{service + ":CreateLoadBalancer", service + ":CreateTargetGroup"}, balancers, known.created()),
		allow([]string{service + ":AddTags"}, balancers, known.creating(service, "CreateLoadBalancer", "CreateTargetGroup")),
		allow([]string{
			service + ":AddTags",
			service + ":DeleteLoadBalancer",
			service + ":DeleteTargetGroup",
			service + ":DeregisterTargets",
			service + ":ModifyCapacityReservation",
			service + ":ModifyIpPools",
			service + ":ModifyLoadBalancerAttributes",
			service + ":ModifyTargetGroup",
			service + ":ModifyTargetGroupAttributes",
			service + ":RegisterTargets",
			service + ":RemoveTags",
			service + ":SetIpAddressType",
			service + ":SetSecurityGroups",
			service + ":SetSubnets",
		}, balancers, known.owned()),
		allow([]string{service + ":AddTags", service + ":RemoveTags"}, listeners[:4], nil),
		allow([]string{
			service + ":AddListenerCertificates",
			service + ":CreateListener",
			service + ":CreateRule",
			service + ":DeleteListener",
			service + ":DeleteRule",
			service + ":ModifyListener",
			service + ":ModifyListenerAttributes",
			service + ":ModifyRule",
			service + ":RemoveListenerCertificates",
			service + ":SetRulePriorities",
			service + ":SetWebAcl",
		}, listeners, nil),
	}
}
