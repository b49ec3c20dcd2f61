package iam

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

var (
	ours = tags("portolan.dev/environment", "production001")
	// Of what controllers and nodes of a cluster made.
	leftBy   = tags("elbv2.k8s.aws/cluster", "production001-eu-west-1")
	leakedBy = tags("cluster.k8s.amazonaws.com/name", "production001-eu-west-1")
	theirs   = tags("portolan.dev/environment", "production001-eu", "Name", "x")
)

const (
	here     = ":eu-west-1:111122223333:"
	vpc      = "arn:aws:ec2" + here + "vpc/vpc-1"
	newVPC   = "arn:aws:ec2" + here + "vpc/*"
	subnet   = "arn:aws:ec2" + here + "subnet/subnet-1"
	newNAT   = "arn:aws:ec2" + here + "natgateway/*"
	address  = "arn:aws:ec2" + here + "elastic-ip/eipalloc-1"
	instance = "arn:aws:ec2" + here + "instance/i-1"
	cluster  = "arn:aws:eks" + here + "cluster/production001-eu-west-1"
	group    = "arn:aws:eks" + here + "nodegroup/production001-eu-west-1/unkey/6ac4-1"
	entry    = "arn:aws:eks" + here + "access-entry/production001-eu-west-1/role/111122223333/portolan/6ac4"
	pod      = "arn:aws:eks" + here + "podidentityassociation/production001-eu-west-1/a-1"
	nodeRole = "arn:aws:iam::111122223333:role/production001-eu-west-1-node"
	podRole  = "arn:aws:iam::111122223333:role/production001-eu-west-1-ebs"
	admin    = "arn:aws:iam::111122223333:role/admin"
	bucket   = "arn:aws:s3:::observability-production001-eu-west-1"
	cert     = "arn:aws:acm" + here + "certificate/6ac4"
	zone     = "arn:aws:route53:::hostedzone/Z1"
	listener = "arn:aws:globalaccelerator::111122223333:accelerator/1/listener/2"
	secret   = ":111122223333:secret:unkey/shared-abcdef"
	balancer = "arn:aws:elasticloadbalancing" + here + "loadbalancer/net/k8s-api/6ac4"
	targets  = "arn:aws:elasticloadbalancing" + here + "targetgroup/k8s-api/6ac4"
	firewall = "arn:aws:ec2" + here + "security-group/sg-1"
	nic      = "arn:aws:ec2" + here + "network-interface/eni-1"
)

// ask is a call whose operation has the action's name.
func ask(service, operation string, resources ...string) cloud.Call {
	return cloud.Call{Service: service, Operation: operation, Region: "eu-west-1", Resources: resources}
}

// asking is what a call asks for on the way.
func asking(action string, during cloud.Call) cloud.Call {
	during.Action = action
	return during
}

func asked(c cloud.Call, tags map[string]string) cloud.Call { c.RequestTags = tags; return c }
func owned(c cloud.Call, tags map[string]string) cloud.Call { c.ResourceTags = tags; return c }

// The calls are those that the controllers make, with the resources that AWS asks about
// according to the Service Authorization Reference, each by itself.
func TestShippedPoliciesAllow(t *testing.T) {
	cases := map[string][]cloud.Call{
		"portolan": {
			ask("secretsmanager", "DescribeSecret", "arn:aws:secretsmanager:us-east-1"+secret),
			ask("secretsmanager", "DescribeSecret", "arn:aws:secretsmanager:eu-west-1"+secret),
			ask("secretsmanager", "ReplicateSecretToRegions", "arn:aws:secretsmanager:us-east-1"+secret),
			ask("ec2", "DescribeVpcs"), ask("eks", "ListClusters"), ask("eks", "DescribeCluster", cluster), ask("eks", "DescribeNodegroup", group),
			ask("eks", "DescribeNodegroup", "arn:aws:eks"+here+"nodegroup/production001-eu-west-1/unkey/*"),
			ask("iam", "GetRole", nodeRole), ask("s3", "GetBucketTagging", bucket),
			ask("globalaccelerator", "CreateEndpointGroup", listener), ask("globalaccelerator", "AddEndpoints", listener+"/endpoint-group/3"),
			ask("globalaccelerator", "DescribeEndpointGroup", listener+"/endpoint-group/3"),
			ask("acm", "ListCertificates"), ask("acm", "ListTagsForCertificate", cert), ask("eks", "DescribeAddonVersions"),
			ask("elasticloadbalancing", "DescribeTags"), ask("elasticloadbalancing", "DescribeTargetGroups"),
			ask("elasticloadbalancing", "DescribeLoadBalancers"), ask("elasticloadbalancing", "DescribeTargetHealth"),
			ask("ec2", "DescribeSecurityGroups"), ask("ec2", "DescribeVpcEndpoints"),
			ask("ec2", "DescribeInternetGateways"), ask("ec2", "DescribeRouteTables"), ask("ec2", "DescribeVpcAttribute", "arn:aws:ec2"+here+"vpc/vpc-1"),
			ask("eks", "DescribeAddon", "arn:aws:eks"+here+"addon/production001-eu-west-1/coredns/6ac4"), ask("eks", "DescribePodIdentityAssociation", pod),
			ask("eks", "ListAssociatedAccessPolicies", "arn:aws:eks"+here+"access-entry/production001-eu-west-1/role/111122223333/argocd/6ac4"),
			ask("iam", "ListAttachedRolePolicies", nodeRole), ask("iam", "ListRolePolicies", nodeRole), ask("iam", "GetRolePolicy", nodeRole),
			asking("s3:GetBucketPublicAccessBlock", ask("s3", "GetPublicAccessBlock", bucket)), ask("acm", "DescribeCertificate", cert),
			owned(ask("elasticloadbalancing", "DeleteLoadBalancer", balancer), leftBy), owned(ask("elasticloadbalancing", "DeleteTargetGroup", targets), leftBy),
			owned(ask("ec2", "DeleteSecurityGroup", firewall), leftBy), owned(ask("ec2", "DeleteNetworkInterface", nic), leakedBy),
		},
		"portolan-manager": {ask("sts", "AssumeRole", "arn:aws:iam::111122223333:role/portolan")},
		"ack-manager":      {ask("sts", "AssumeRole", "arn:aws:iam::111122223333:role/ack")},
		"ack-ec2": {
			ask("ec2", "DescribeVpcs"), ask("ec2", "DescribeVpcAttribute", vpc),
			asked(ask("ec2", "CreateVpc", newVPC), ours), asked(asking("ec2:CreateTags", ask("ec2", "CreateVpc", newVPC)), ours),
			asked(ask("ec2", "CreateSubnet", "arn:aws:ec2"+here+"subnet/*"), ours), owned(ask("ec2", "CreateSubnet", vpc), ours),
			asked(ask("ec2", "CreateNatGateway", newNAT), ours), owned(ask("ec2", "CreateNatGateway", subnet), ours), owned(ask("ec2", "CreateNatGateway", address), ours),
			owned(ask("ec2", "ModifyVpcAttribute", vpc), ours), owned(ask("ec2", "DeleteVpc", vpc), ours),
			owned(asked(ask("ec2", "CreateTags", vpc), tags("Team", "infra")), ours), owned(ask("ec2", "DeleteTags", vpc), ours),
		},
		"ack-eks": {
			ask("eks", "DescribeCluster", cluster), asked(ask("eks", "CreateCluster", cluster), ours), asked(asking("eks:TagResource", ask("eks", "CreateCluster", cluster)), ours),
			owned(asked(ask("eks", "CreateNodegroup", cluster), ours), ours), owned(ask("eks", "UpdateNodegroupConfig", group), ours),
			owned(ask("eks", "AssociateAccessPolicy", entry), ours), owned(ask("eks", "DeletePodIdentityAssociation", pod), ours),
			owned(asked(ask("eks", "TagResource", group), tags("Team", "infra")), ours), owned(ask("eks", "UntagResource", group), ours),
			asking("iam:PassRole", ask("eks", "CreateNodegroup", nodeRole)), asking("iam:PassRole", ask("eks", "CreatePodIdentityAssociation", podRole)),
			asking("iam:CreateServiceLinkedRole", ask("eks", "CreateCluster", "arn:aws:iam::111122223333:role/aws-service-role/eks.amazonaws.com/AWSServiceRoleForAmazonEKS")),
		},
		"ack-iam": {
			ask("iam", "GetRole", nodeRole), asked(ask("iam", "CreateRole", nodeRole), ours), asked(asking("iam:TagRole", ask("iam", "CreateRole", nodeRole)), ours),
			owned(ask("iam", "AttachRolePolicy", nodeRole), ours), owned(asked(ask("iam", "TagRole", nodeRole), tags("Team", "infra")), ours), owned(ask("iam", "DeleteRole", nodeRole), ours),
		},
		"ack-s3":      {ask("s3", "ListAllMyBuckets"), ask("s3", "CreateBucket", bucket), ask("s3", "PutBucketTagging", bucket), ask("s3", "DeleteBucket", bucket)},
		"ack-acm":     {asked(ask("acm", "RequestCertificate"), ours), asked(asking("acm:AddTagsToCertificate", ask("acm", "RequestCertificate", "arn:aws:acm"+here+"certificate/*")), ours), owned(ask("acm", "DeleteCertificate", cert), ours)},
		"ack-route53": {ask("route53", "GetHostedZone", zone), ask("route53", "ChangeResourceRecordSets", zone), ask("route53", "GetChange", "arn:aws:route53:::change/C1")},
	}
	guard := New(shipped(t)).Guard()
	for name, calls := range cases {
		t.Run(name, func(t *testing.T) {
			for _, call := range calls {
				call.Principal = name
				NewWithT(t).Expect(guard(call)).To(Succeed())
			}
		})
	}
}

func TestShippedPoliciesRefuse(t *testing.T) {
	cases := map[string]struct {
		role string
		call cloud.Call
	}{
		"copying a secret from elsewhere":        {role: "portolan", call: ask("secretsmanager", "ReplicateSecretToRegions", "arn:aws:secretsmanager:eu-west-1"+secret)},
		"describing another account's secret":    {role: "portolan", call: ask("secretsmanager", "DescribeSecret", "arn:aws:secretsmanager:us-east-1:444455556666:secret:unkey/shared-abcdef")},
		"changing who receives traffic":          {role: "portolan", call: ask("elasticloadbalancing", "DeregisterTargets", targets)},
		"deleting a secret":                      {role: "portolan", call: ask("secretsmanager", "DeleteSecret", "arn:aws:secretsmanager:us-east-1"+secret)},
		"another environment's cluster":          {role: "portolan", call: ask("eks", "DescribeCluster", "arn:aws:eks"+here+"cluster/staging-eu")},
		"an accelerator":                         {role: "portolan", call: ask("globalaccelerator", "DeleteAccelerator", "arn:aws:globalaccelerator::111122223333:accelerator/1")},
		"creating what ACK creates":              {role: "portolan", call: asked(ask("ec2", "CreateVpc", newVPC), ours)},
		"a load balancer without tags":           {role: "portolan", call: ask("elasticloadbalancing", "DeleteLoadBalancer", balancer)},
		"another environment's load balancer":    {role: "portolan", call: owned(ask("elasticloadbalancing", "DeleteLoadBalancer", balancer), tags("elbv2.k8s.aws/cluster", "staging-eu"))},
		"a target group without tags":            {role: "portolan", call: ask("elasticloadbalancing", "DeleteTargetGroup", targets)},
		"a security group of ACK's":              {role: "portolan", call: owned(ask("ec2", "DeleteSecurityGroup", firewall), ours)},
		"an interface of the wrong maker":        {role: "portolan", call: owned(ask("ec2", "DeleteNetworkInterface", nic), leftBy)},
		"another environment's interface":        {role: "portolan", call: owned(ask("ec2", "DeleteNetworkInterface", nic), tags("cluster.k8s.amazonaws.com/name", "production0019-eu"))},
		"another role":                           {role: "portolan-manager", call: ask("sts", "AssumeRole", admin)},
		"a role of another account":              {role: "ack-manager", call: ask("sts", "AssumeRole", "arn:aws:iam::444455556666:role/ack")},
		"a VPC without tags":                     {role: "ack-ec2", call: ask("ec2", "CreateVpc", newVPC)},
		"a VPC of another environment":           {role: "ack-ec2", call: asked(ask("ec2", "CreateVpc", newVPC), theirs)},
		"a subnet in another's VPC":              {role: "ack-ec2", call: owned(asked(ask("ec2", "CreateSubnet", vpc), ours), theirs)},
		"a subnet in a VPC without tags":         {role: "ack-ec2", call: asked(ask("ec2", "CreateSubnet", vpc), ours)},
		"a NAT gateway in another's subnet":      {role: "ack-ec2", call: owned(asked(ask("ec2", "CreateNatGateway", subnet), ours), theirs)},
		"taking a VPC over by tagging it":        {role: "ack-ec2", call: asked(ask("ec2", "CreateTags", vpc), ours)},
		"taking another's VPC over":              {role: "ack-ec2", call: owned(asked(ask("ec2", "CreateTags", vpc), ours), theirs)},
		"tagging an instance while it starts":    {role: "ack-ec2", call: asked(asking("ec2:CreateTags", ask("ec2", "RunInstances", instance)), ours)},
		"deleting another's VPC":                 {role: "ack-ec2", call: owned(ask("ec2", "DeleteVpc", vpc), theirs)},
		"an instance, although it has our tag":   {role: "ack-ec2", call: owned(ask("ec2", "TerminateInstances", instance), ours)},
		"a cluster without tags":                 {role: "ack-eks", call: ask("eks", "CreateCluster", cluster)},
		"a cluster of another name":              {role: "ack-eks", call: asked(ask("eks", "CreateCluster", "arn:aws:eks"+here+"cluster/management"), ours)},
		"another's cluster with a similar name":  {role: "ack-eks", call: owned(ask("eks", "DeleteCluster", cluster), theirs)},
		"taking another's cluster over":          {role: "ack-eks", call: owned(asked(ask("eks", "TagResource", cluster), ours), theirs)},
		"a node group in another's cluster":      {role: "ack-eks", call: owned(asked(ask("eks", "CreateNodegroup", cluster), ours), theirs)},
		"handing on another role":                {role: "ack-eks", call: asking("iam:PassRole", ask("eks", "CreateCluster", admin))},
		"handing a pod's role to a cluster":      {role: "ack-eks", call: asking("iam:PassRole", ask("eks", "CreateCluster", podRole))},
		"handing a role to another service":      {role: "ack-eks", call: asking("iam:PassRole", ask("lambda", "CreateFunction", podRole))},
		"a service-linked role of another":       {role: "ack-eks", call: linked("spot.amazonaws.com")},
		"a role of another name":                 {role: "ack-iam", call: asked(ask("iam", "CreateRole", admin), ours)},
		"a role without tags":                    {role: "ack-iam", call: ask("iam", "CreateRole", nodeRole)},
		"more rights for a role that is no ours": {role: "ack-iam", call: owned(ask("iam", "AttachRolePolicy", nodeRole), theirs)},
		"more rights for a role without tags":    {role: "ack-iam", call: ask("iam", "PutRolePolicy", nodeRole)},
		"taking another's role over":             {role: "ack-iam", call: owned(asked(ask("iam", "TagRole", nodeRole), ours), theirs)},
		"a user":                                 {role: "ack-iam", call: ask("iam", "CreateUser", "arn:aws:iam::111122223333:user/production001-x")},
		"deleting an object":                     {role: "ack-s3", call: ask("s3", "DeleteObject", bucket+"/object")},
		"reading a bucket":                       {role: "ack-s3", call: ask("s3", "GetObject", bucket+"/x")},
		"opening a bucket":                       {role: "ack-s3", call: ask("s3", "PutBucketPolicy", bucket)},
		"another bucket":                         {role: "ack-s3", call: ask("s3", "PutBucketTagging", "arn:aws:s3:::backups")},
		"a certificate without tags":             {role: "ack-acm", call: ask("acm", "RequestCertificate")},
		"another's certificate":                  {role: "ack-acm", call: owned(ask("acm", "DeleteCertificate", cert), theirs)},
		"a private key":                          {role: "ack-acm", call: owned(ask("acm", "ExportCertificate", cert), ours)},
		"a hosted zone":                          {role: "ack-route53", call: ask("route53", "DeleteHostedZone", zone)},
	}
	guard := New(shipped(t)).Guard()
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tc.call.Principal = tc.role
			NewWithT(t).Expect(guard(tc.call)).NotTo(Succeed())
		})
	}
}
