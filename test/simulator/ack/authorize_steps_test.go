package ack_test

import (
	"slices"
	"testing"

	. "github.com/onsi/gomega"
)

// TestCallsTellWhatTheyBelongTo is about what conditions on ec2:CreateAction and
// iam:PassedToService are derived from.
func TestCallsTellWhatTheyBelongTo(t *testing.T) {
	b, g := guarded(t)
	subnets, role := b.runningCluster()
	b.synced(b.apply("Nodegroup", "system", nodegroupSpec(role, subnets, oneToThree)))
	b.synced(b.apply("PodIdentityAssociation", "dns", association(role), policyKey, "adopt-or-create"))
	vpc := b.synced(b.apply("VPC", "other", `{cidrBlocks: ["10.17.0.0/16"], tags: [{key: owner, value: r1}]}`))
	b.edit(vpc, `{tags: [{key: owner, value: r2}]}`)
	b.Eventually(b.get("ec2/vpc", region, text(vpc, "status", "vpcID"))).Should(HaveField("Tags", HaveKeyWithValue("owner", "r2")))

	during := func(action string) []string {
		var all []string
		for _, call := range g.calls(action) {
			all = append(all, call.Service+":"+call.Operation)
		}
		slices.Sort(all)
		return slices.Compact(all)
	}
	b.Expect(during("iam:PassRole")).To(Equal([]string{"eks:CreateCluster", "eks:CreateNodegroup", "eks:CreatePodIdentityAssociation"}))
	b.Expect(during("eks:TagResource")).To(Equal([]string{"eks:CreateCluster", "eks:CreateNodegroup", "eks:CreatePodIdentityAssociation"}))
	b.Expect(during("ec2:CreateTags")).To(ContainElements("ec2:CreateSubnet", "ec2:CreateVpc", "ec2:CreateTags"), "tags of what exists are a call of their own")
	b.Expect(during("ec2:ModifyVpcAttribute")).To(Equal([]string{"ec2:ModifyVpcAttribute"}))
}

// What a creation does after its main call meets a resource that has its tags by then.
func TestStepsOfACreationMeetTheTags(t *testing.T) {
	b, g := guarded(t)
	id := text(b.vpc(), "status", "vpcID")
	b.synced(b.apply("InternetGateway", "main", `{vpc: `+id+`, tags: [{key: owner, value: r1}]}`))
	b.synced(b.apply("Role", "eks", `{name: eks, assumeRolePolicyDocument: "{}", policies: ["arn:aws:iam::aws:policy/A"], tags: [{key: owner, value: r1}]}`))
	b.synced(b.apply("Bucket", "logs", bucketSpec))

	tagged := HaveField("ResourceTags", HaveKeyWithValue("owner", "r1"))
	b.Expect(g.calls("ec2:AttachInternetGateway")).To(ConsistOf(
		And(HaveField("Resources", ConsistOf(b.cloud.ARN("ec2", region, "internet-gateway/*"))), tagged),
		And(HaveField("Resources", ConsistOf(b.cloud.ARN("ec2", region, "vpc/"+id))), Not(tagged))))
	b.Expect(g.calls("iam:AttachRolePolicy")).To(ConsistOf(tagged))
	for _, action := range []string{"ec2:CreateInternetGateway", "ec2:CreateTags", "iam:CreateRole", "iam:TagRole", "s3:CreateBucket"} {
		b.Expect(g.calls(action)).To(And(Not(BeEmpty()), HaveEach(HaveField("ResourceTags", BeEmpty()))), action)
	}
	b.Expect(g.calls("s3:PutBucketTagging")).To(HaveEach(HaveField("ResourceTags", BeEmpty())), "buckets are not created with tags")
}
