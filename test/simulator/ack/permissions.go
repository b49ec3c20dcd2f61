package ack

import "slices"

var (
	itsCluster = owned("eks/cluster", "cluster")
	itsVPC     = owned("ec2/vpc", "vpcID")

	retagEC2 = retag("ec2:CreateTags", "ec2:DeleteTags")
	retagEKS = retag("eks:TagResource", "eks:UntagResource")

	// bucketReads are what ACK reads of every bucket, whatever the spec says.
	bucketReads = []string{
		"s3:GetAccelerateConfiguration", "s3:GetAnalyticsConfiguration", "s3:GetBucketAbac", "s3:GetBucketAcl",
		"s3:GetBucketCORS", "s3:GetBucketLogging", "s3:GetBucketNotification", "s3:GetBucketOwnershipControls",
		"s3:GetBucketPolicy", "s3:GetBucketPublicAccessBlock", "s3:GetBucketRequestPayment", "s3:GetBucketTagging",
		"s3:GetBucketVersioning", "s3:GetBucketWebsite", "s3:GetEncryptionConfiguration",
		"s3:GetIntelligentTieringConfiguration", "s3:GetInventoryConfiguration", "s3:GetLifecycleConfiguration",
		"s3:GetMetricsConfiguration", "s3:GetReplicationConfiguration",
	}
)

func retag(add, drop string) []permission {
	return []permission{to(add).about(own).tags().onlyIf(addsTags), to(drop).about(own).onlyIf(dropsTags)}
}

func onOwn(actions ...string) []permission {
	list := make([]permission, len(actions))
	for i, action := range actions {
		list[i] = to(action).about(own)
	}
	return list
}

// bucketWrites are the calls for those facts of a bucket of which when is true.
func bucketWrites(when func(fact string) func(subject) bool) []permission {
	return []permission{
		to("s3:PutBucketPublicAccessBlock").about(own).onlyIf(when("publicAccessBlock")),
		to("s3:PutBucketVersioning").about(own).onlyIf(when("versioning")),
		to("s3:PutEncryptionConfiguration").about(own).onlyIf(when("encryption")),
		to("s3:PutBucketOwnershipControls").about(own).onlyIf(when("ownershipControls")),
		to("s3:PutLifecycleConfiguration").about(own).onlyIf(when("lifecycle")),
		to("s3:PutBucketPolicy").about(own).onlyIf(when("policy")),
	}
}

// permissions are the AWS calls of each kind and operation: the least that the
// real controllers need for what Portolan asks of them. Which calls they are is
// read in the controllers' pkg/resource/<kind>/{sdk,hooks}.go; which resources
// they are about, in AWS's service authorization reference. A service asks in the
// caller's name about what it is handed, hence iam:PassRole and the like.
var permissions = map[string]grants{
	"VPC": {
		read:   []permission{to("ec2:DescribeVpcs"), to("ec2:DescribeVpcAttribute").about(own)},
		create: []permission{to("ec2:CreateVpc").about(own).tags(), to("ec2:CreateTags").about(own).tags(), to("ec2:ModifyVpcAttribute").about(own)},
		update: append([]permission{to("ec2:ModifyVpcAttribute").about(own).onlyIf(alters("enableDNSSupport", "enableDNSHostnames"))}, retagEC2...),
		remove: []permission{to("ec2:DeleteVpc").about(own)},
	},
	"Subnet": {
		read: []permission{to("ec2:DescribeSubnets"), to("ec2:DescribeRouteTables")},
		create: []permission{
			to("ec2:CreateSubnet").about(own, itsVPC).tags(), to("ec2:CreateTags").about(own).tags(),
			to("ec2:ModifySubnetAttribute").about(own),
			to("ec2:AssociateRouteTable").onAll(listed("ec2/routetable", "routeTables")),
			to("ec2:AssociateRouteTable").about(own).onlyIf(has("routeTables")),
		},
		update: append([]permission{
			to("ec2:ModifySubnetAttribute").about(own).onlyIf(alters("mapPublicIPOnLaunch")),
			to("ec2:AssociateRouteTable").onAll(listed("ec2/routetable", "routeTables")).onlyIf(adds("routeTables")),
			to("ec2:AssociateRouteTable").about(own).onlyIf(adds("routeTables")),
			to("ec2:DisassociateRouteTable").about(own).onlyIf(drops("routeTables")),
		}, retagEC2...),
		remove: []permission{to("ec2:DeleteSubnet").about(own)},
	},
	"InternetGateway": {
		read: []permission{to("ec2:DescribeInternetGateways"), to("ec2:DescribeRouteTables")},
		create: []permission{
			to("ec2:CreateInternetGateway").about(own).tags(), to("ec2:CreateTags").about(own).tags(),
			to("ec2:AttachInternetGateway").about(own, itsVPC),
		},
		update: retagEC2,
		remove: []permission{to("ec2:DeleteInternetGateway").about(own), to("ec2:DetachInternetGateway").about(own, itsVPC)},
	},
	"RouteTable": {
		read: []permission{to("ec2:DescribeRouteTables")},
		create: []permission{
			to("ec2:CreateRouteTable").about(own, itsVPC).tags(), to("ec2:CreateTags").about(own).tags(),
			to("ec2:CreateRoute").about(own).onlyIf(has("routes")),
		},
		update: append([]permission{
			to("ec2:CreateRoute").about(own).onlyIf(adds("routes")), to("ec2:DeleteRoute").about(own).onlyIf(drops("routes")),
		}, retagEC2...),
		remove: []permission{to("ec2:DeleteRouteTable").about(own)},
	},
	"ElasticIPAddress": {
		read:   []permission{to("ec2:DescribeAddresses")},
		create: []permission{to("ec2:AllocateAddress").about(own).tags(), to("ec2:CreateTags").about(own).tags()},
		update: retagEC2,
		remove: []permission{to("ec2:ReleaseAddress").about(own)},
	},
	"NATGateway": {
		read: []permission{to("ec2:DescribeNatGateways")},
		create: []permission{
			to("ec2:CreateNatGateway").about(own, owned("ec2/subnet", "subnetID"), owned("ec2/elasticip", "allocationID")).tags(),
			to("ec2:CreateTags").about(own).tags(),
		},
		update: retagEC2,
		remove: []permission{to("ec2:DeleteNatGateway").about(own)},
	},
	"SecurityGroup": {
		read: []permission{to("ec2:DescribeSecurityGroups"), to("ec2:DescribeSecurityGroupRules")},
		create: []permission{
			to("ec2:CreateSecurityGroup").about(own, itsVPC).tags(), to("ec2:CreateTags").about(own).tags(),
			to("ec2:RevokeSecurityGroupEgress").about(own), // of the rule that AWS adds
			to("ec2:AuthorizeSecurityGroupIngress").about(own).onlyIf(has("ingressRules")),
			to("ec2:AuthorizeSecurityGroupEgress").about(own).onlyIf(has("egressRules")),
		},
		update: append([]permission{
			to("ec2:AuthorizeSecurityGroupIngress").about(own).onlyIf(adds("ingressRules")),
			to("ec2:RevokeSecurityGroupIngress").about(own).onlyIf(drops("ingressRules")),
			to("ec2:AuthorizeSecurityGroupEgress").about(own).onlyIf(adds("egressRules")),
			to("ec2:RevokeSecurityGroupEgress").about(own).onlyIf(drops("egressRules")),
		}, retagEC2...),
		remove: []permission{to("ec2:DeleteSecurityGroup").about(own)},
	},
	"Role": {
		read: []permission{
			to("iam:GetRole").about(own), to("iam:ListAttachedRolePolicies").about(own), to("iam:ListRolePolicies").about(own),
			to("iam:GetRolePolicy").about(own).onlyIf(has("inlinePolicies")), to("iam:ListRoleTags").about(own),
		},
		create: []permission{
			to("iam:CreateRole").about(own).tags(), to("iam:TagRole").about(own).tags(),
			to("iam:AttachRolePolicy").about(own).onlyIf(has("policies")),
			to("iam:PutRolePolicy").about(own).onlyIf(has("inlinePolicies")),
		},
		update: append([]permission{
			to("iam:UpdateRole").about(own).onlyIf(alters("description", "maxSessionDuration")),
			to("iam:UpdateAssumeRolePolicy").about(own).onlyIf(alters("trust")),
			to("iam:AttachRolePolicy").about(own).onlyIf(adds("policies")),
			to("iam:DetachRolePolicy").about(own).onlyIf(drops("policies")),
			to("iam:PutRolePolicy").about(own).onlyIf(adds("inlinePolicies")),
			to("iam:DeleteRolePolicy").about(own).onlyIf(drops("inlinePolicies")),
			to("iam:PutRolePermissionsBoundary").about(own).onlyIf(adds("permissionsBoundary")),
			to("iam:DeleteRolePermissionsBoundary").about(own).onlyIf(drops("permissionsBoundary")),
		}, retag("iam:TagRole", "iam:UntagRole")...),
		remove: []permission{
			to("iam:DeleteRole").about(own),
			to("iam:DetachRolePolicy").about(own).onlyIf(has("policies")),
			to("iam:DeleteRolePolicy").about(own).onlyIf(has("inlinePolicies")),
		},
	},
	"Cluster": {
		read: []permission{to("eks:DescribeCluster").about(own)},
		create: []permission{
			to("eks:CreateCluster").about(own).tags(), to("eks:TagResource").about(own).tags(),
			to("iam:PassRole").about(handed("roleARN")), to("ec2:DescribeSubnets"),
			to("iam:CreateServiceLinkedRole").about(serviceRole("eks.amazonaws.com", "AWSServiceRoleForAmazonEKS")),
		},
		update: append([]permission{
			to("eks:UpdateClusterConfig").about(own).onlyIf(alters(clusterConfig...)),
			to("eks:UpdateClusterVersion").about(own).onlyIf(alters("version")),
		}, retagEKS...),
		remove: []permission{to("eks:DeleteCluster").about(own), to("eks:ListNodegroups").about(own)},
	},
	"Nodegroup": {
		read: []permission{to("eks:DescribeNodegroup").about(own)},
		create: []permission{
			to("eks:CreateNodegroup").about(itsCluster).tags(), to("eks:TagResource").about(own).tags(),
			to("iam:PassRole").about(handed("nodeRole")), to("iam:GetRole").about(handed("nodeRole")),
			to("iam:ListAttachedRolePolicies").about(handed("nodeRole")), to("ec2:DescribeSubnets"),
			to("iam:CreateServiceLinkedRole").about(serviceRole("eks-nodegroup.amazonaws.com", "AWSServiceRoleForAmazonEKSNodegroup")),
		},
		update: append([]permission{
			to("eks:UpdateNodegroupConfig").about(own).onlyIf(alters("desired", "min", "max", "labels", "taints", "updateConfig")),
			to("eks:UpdateNodegroupVersion").about(own).onlyIf(alters("version", "releaseVersion")),
		}, retagEKS...),
		remove: []permission{to("eks:DeleteNodegroup").about(own)},
	},
	"Addon": {
		read: []permission{to("eks:DescribeAddon").about(own)},
		create: []permission{
			to("eks:CreateAddon").about(itsCluster).tags(), to("eks:TagResource").about(own).tags(),
			to("iam:PassRole").about(handed("serviceAccountRoleARN")).onlyIf(has("serviceAccountRoleARN")),
		},
		update: append([]permission{
			to("eks:UpdateAddon").about(own).onlyIf(alters("version", "configuration", "serviceAccountRoleARN")),
			to("iam:PassRole").about(handed("serviceAccountRoleARN")).onlyIf(adds("serviceAccountRoleARN")),
		}, retagEKS...),
		remove: []permission{to("eks:DeleteAddon").about(own)},
	},
	"AccessEntry": {
		read: []permission{to("eks:DescribeAccessEntry").about(own), to("eks:ListAssociatedAccessPolicies").about(own)},
		create: []permission{
			to("eks:CreateAccessEntry").about(itsCluster).tags(), to("eks:TagResource").about(own).tags(),
			to("eks:AssociateAccessPolicy").about(own).onlyIf(has("policyARN")),
		},
		update: append([]permission{
			to("eks:UpdateAccessEntry").about(own).onlyIf(alters("groups", "username")),
			to("eks:AssociateAccessPolicy").about(own).onlyIf(adds("policyARN")),
			to("eks:DisassociateAccessPolicy").about(own).onlyIf(drops("policyARN")),
		}, retagEKS...),
		remove: []permission{to("eks:DeleteAccessEntry").about(own)},
	},
	"PodIdentityAssociation": {
		find: []permission{to("eks:ListPodIdentityAssociations").about(itsCluster)},
		read: []permission{to("eks:DescribePodIdentityAssociation").about(own)},
		create: []permission{
			to("eks:CreatePodIdentityAssociation").about(itsCluster).tags(), to("eks:TagResource").about(own).tags(),
			to("iam:PassRole").about(handed("roleARN")), to("iam:GetRole").about(handed("roleARN")),
		},
		update: append([]permission{
			to("eks:UpdatePodIdentityAssociation").about(own).onlyIf(alters("roleARN")),
			to("iam:PassRole").about(handed("roleARN")).onlyIf(alters("roleARN")),
			to("iam:GetRole").about(handed("roleARN")).onlyIf(alters("roleARN")),
		}, retagEKS...),
		remove: []permission{to("eks:DeletePodIdentityAssociation").about(own)},
	},
	"Bucket": {
		read:   slices.Concat([]permission{to("s3:ListAllMyBuckets")}, onOwn(bucketReads...)),
		create: slices.Concat([]permission{to("s3:CreateBucket").about(own)}, bucketWrites(has), onOwn("s3:PutBucketTagging")),
		update: slices.Concat(bucketWrites(func(fact string) func(subject) bool { return alters(fact) }), []permission{
			to("s3:PutBucketTagging").about(own).onlyIf(func(s subject) bool { return addsTags(s) || dropsTags(s) }),
		}),
		remove: []permission{to("s3:DeleteBucket").about(own)},
	},
	"Certificate": {
		read: []permission{to("acm:DescribeCertificate").about(own), to("acm:ListTagsForCertificate").about(own)},
		create: []permission{
			to("acm:RequestCertificate").tags(), to("acm:AddTagsToCertificate").about(own).tags(),
		},
		update: append([]permission{
			to("acm:UpdateCertificateOptions").about(own).onlyIf(alters("names", "transparency")),
		}, retag("acm:AddTagsToCertificate", "acm:RemoveTagsFromCertificate")...),
		remove: []permission{to("acm:DeleteCertificate").about(own)},
	},
	"RecordSet": {
		read: []permission{
			to("route53:ListResourceRecordSets").about(zone), to("route53:GetHostedZone").about(zone),
			to("route53:GetChange").about(change).onlyIf(has("change")),
		},
		create: []permission{to("route53:ChangeResourceRecordSets").about(zone), to("route53:GetHostedZone").about(zone)},
		update: []permission{to("route53:ChangeResourceRecordSets").about(zone), to("route53:GetHostedZone").about(zone)},
		remove: []permission{to("route53:ChangeResourceRecordSets").about(zone), to("route53:GetHostedZone").about(zone)},
	},
}
