package drift_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/controllers/internal/ack/ec2"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/ack/route53"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/internal/aws/fake"
	"github.com/portolan-dev/portolan/controllers/internal/drift"
)

func TestNothingHasDrifted(t *testing.T) {
	g := NewWithT(t)
	f := mirror(region())
	g.Expect(find(t, f, region())).To(BeEmpty())
	for _, method := range []fake.Method{
		fake.DescribeVPCs, fake.DescribeSubnets, fake.DescribeRouteTables, fake.DescribeInternetGateways,
		fake.DescribeAddresses, fake.DescribeNATGateways, fake.DescribeSecurityGroups, fake.DescribeCluster,
	} {
		g.Expect(f.Calls(method)).To(Equal(1), string(method))
	}
}

func TestEC2IsAskedOncePerKind(t *testing.T) {
	g := NewWithT(t)
	objects := network()
	for _, obj := range network() {
		if subnet, ok := obj.(*ec2.Subnet); ok {
			subnet.Name, subnet.Status.SubnetID = "other", new("subnet-2")
			objects = append(objects, subnet)
		}
	}
	f := mirror(objects)
	f.Remove("subnet-2")
	g.Expect(find(t, f, objects)).To(Equal([]drift.Finding{{Kind: "Subnet", Name: "other", ID: "subnet-2", Deleted: true}}))
	g.Expect(f.Calls(fake.DescribeSubnets)).To(Equal(1))
}

// AWS has nothing at all: a mirror of no objects.
func TestEverythingWasDeleted(t *testing.T) {
	g := NewWithT(t)
	f := mirror(nil)
	g.Expect(find(t, f, region())).To(Equal([]drift.Finding{
		{Kind: "AccessEntry", Name: "argocd", ID: principal, Deleted: true},
		{Kind: "Addon", Name: "coredns", ID: "prod/coredns", Deleted: true},
		{Kind: "Bucket", Name: "bucket", ID: "logs", Deleted: true},
		{Kind: "Certificate", Name: "certificate", ID: certARN, Deleted: true},
		{Kind: "Cluster", Name: "cluster", ID: "prod", Deleted: true},
		{Kind: "ElasticIPAddress", Name: "address", ID: "eipalloc-1", Deleted: true},
		{Kind: "InternetGateway", Name: "gateway", ID: "igw-1", Deleted: true},
		{Kind: "NATGateway", Name: "nat", ID: "nat-1", Deleted: true},
		{Kind: "Nodegroup", Name: "nodes", ID: "prod/system", Deleted: true},
		{Kind: "PodIdentityAssociation", Name: "dns", ID: "a-1", Deleted: true},
		{Kind: "Role", Name: "role", ID: "prod-node", Deleted: true},
		{Kind: "RouteTable", Name: "table", ID: "rtb-1", Deleted: true},
		{Kind: "SecurityGroup", Name: "gossip", ID: "sg-7", Deleted: true},
		{Kind: "Subnet", Name: "subnet", ID: "subnet-1", Deleted: true},
		{Kind: "VPC", Name: "vpc", ID: "vpc-1", Deleted: true},
	}))
	g.Expect(f.Calls(fake.DescribeNodegroup)).To(BeZero(), "the cluster is gone already")
}

func TestOneOfAClusterWasDeleted(t *testing.T) {
	for id, kind := range map[string]string{
		"prod/system": "Nodegroup", "prod/coredns": "Addon", "prod/" + principal: "AccessEntry", "prod/a-1": "PodIdentityAssociation",
	} {
		t.Run(kind, func(t *testing.T) {
			g := NewWithT(t)
			f := mirror(cluster())
			f.Remove(id)
			findings := find(t, f, cluster())
			g.Expect(findings).To(HaveLen(1))
			g.Expect(findings[0].Kind).To(Equal(kind))
			g.Expect(findings[0].Deleted).To(BeTrue())
		})
	}
}

func TestOrderOfTheObjectsDoesNotMatter(t *testing.T) {
	g := NewWithT(t)
	f := mirror(nil)
	reversed := region()
	slices.Reverse(reversed)
	g.Expect(find(t, f, reversed)).To(Equal(find(t, f, region())))
}

func TestObjectsThatACKIsAtWorkOnAreSkipped(t *testing.T) {
	cases := map[string]func(v *ec2.VPC){
		"not synced":       func(v *ec2.VPC) { v.Status.Conditions[0].Status = corev1.ConditionFalse },
		"never looked at":  func(v *ec2.VPC) { v.Status.Conditions = nil },
		"without an ID":    func(v *ec2.VPC) { v.Status.VPCID = nil },
		"with no ID":       func(v *ec2.VPC) { v.Status.VPCID = new("") },
		"being deleted":    func(v *ec2.VPC) { v.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)} },
		"synced before it": appliedAfterwards,
	}
	for name, change := range cases {
		t.Run(name, func(t *testing.T) {
			vpc := network()[0].(*ec2.VPC)
			change(vpc)
			NewWithT(t).Expect(find(t, mirror(nil), []client.Object{vpc})).To(BeEmpty())
		})
	}
}

// appliedAfterwards makes the conditions those of the spec before: ACK has not looked at this one.
func appliedAfterwards(v *ec2.VPC) {
	synced := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	v.Status.Conditions[0].LastTransitionTime = &metav1.Time{Time: synced}
	v.Annotations = map[string]string{"portolan.dev/applied": "a.b 2026-01-01T12:05:00Z " + synced.Format(time.RFC3339)}
}

func TestKindsThatAWSIsNotAskedAbout(t *testing.T) {
	record := &route53.RecordSet{ObjectMeta: named("record")}
	NewWithT(t).Expect(find(t, mirror(nil), []client.Object{record})).To(BeEmpty())
}

func denied(operation string) *aws.Error {
	return &aws.Error{Operation: operation, Code: "AccessDenied", Class: aws.AccessDenied}
}

func TestAFailedLookDoesNotEndTheOthers(t *testing.T) {
	g := NewWithT(t)
	f := mirror(region())
	for id := range map[string]bool{"vpc-1": true, "rtb-1": true, "prod/coredns": true, "logs": true, "prod-node": true} {
		f.Remove(id)
	}
	f.Fail(fake.DescribeRouteTables, denied("ec2:DescribeRouteTables"))
	f.Fail(fake.DescribeCluster, denied("eks:DescribeCluster"))
	f.Fail(fake.PublicAccessBlock, denied("s3:GetBucketPublicAccessBlock"))

	findings, err := drift.Find(t.Context(), f, "", awsRegion, region())
	g.Expect(findings).To(Equal([]drift.Finding{
		{Kind: "Addon", Name: "coredns", ID: "prod/coredns", Deleted: true},
		{Kind: "Role", Name: "role", ID: "prod-node", Deleted: true},
		{Kind: "VPC", Name: "vpc", ID: "vpc-1", Deleted: true},
	}), "no subnet: its table is not known, not gone")
	failure, ok := errors.AsType[*aws.Error](err)
	g.Expect(ok).To(BeTrue())
	g.Expect(failure.Permission()).To(Equal("ec2:DescribeRouteTables"))
	g.Expect(err).To(MatchError(And(ContainSubstring("eks:DescribeCluster"), ContainSubstring("s3:GetBucketPublicAccessBlock"))))
}

func TestEachPolicyOfARoleNeedsItsOwnPermission(t *testing.T) {
	g := NewWithT(t)
	f := mirror(others())
	fake.Edit(f, "prod-node", func(documents *map[string]string) { delete(*documents, "own") })
	f.Fail(fake.AttachedPolicies, denied("iam:ListAttachedRolePolicies"))
	findings, err := drift.Find(t.Context(), f, "", awsRegion, others())
	g.Expect(fields(t, findings)).To(Equal([]string{"inlinePolicies: AWS lacks own"}))
	g.Expect(err).To(MatchError("iam:ListAttachedRolePolicies: AccessDenied"))
}

func TestAMissingPermissionIsToldOnce(t *testing.T) {
	g := NewWithT(t)
	objects := cluster()
	for _, name := range []string{"vpc-cni", "kube-proxy"} {
		addon := cluster()[2].(*eks.Addon)
		addon.Name, addon.Spec.Name = name, &name
		objects = append(objects, addon)
	}
	f := mirror(objects)
	f.Fail(fake.DescribeAddon, denied("eks:DescribeAddon"))
	_, err := drift.Find(t.Context(), f, "", awsRegion, objects)
	g.Expect(err).To(MatchError("eks:DescribeAddon: AccessDenied"))
	g.Expect(f.Calls(fake.DescribeAddon)).To(Equal(3), "the permission may depend on the add-on")
}

func TestAServiceThatDoesNotAnswerIsLeftAlone(t *testing.T) {
	for _, class := range []aws.Class{aws.Throttled, aws.Unavailable} {
		t.Run(string(class), func(t *testing.T) {
			g := NewWithT(t)
			f := mirror(nil)
			f.Fail(fake.DescribeVPCs, &aws.Error{Operation: "ec2:DescribeVpcs", Class: class})
			f.Fail(fake.DescribeCluster, &aws.Error{Operation: "eks:DescribeCluster", Class: class})
			findings, err := drift.Find(t.Context(), f, "", awsRegion, region())
			g.Expect(err).To(HaveOccurred())
			g.Expect(f.Calls(fake.DescribeSubnets) + f.Calls(fake.DescribeSecurityGroups) + f.Calls(fake.DescribeAddon)).To(BeZero())
			g.Expect(findings).To(HaveLen(3), "the bucket, the certificate and the role")
		})
	}
}

func TestAnEndedContext(t *testing.T) {
	g := NewWithT(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f := mirror(nil)
	findings, err := drift.Find(ctx, f, "", awsRegion, region())
	g.Expect(findings).To(BeEmpty())
	g.Expect(err).To(MatchError(context.Canceled))
	g.Expect(f.Calls(fake.DescribeVPCs)).To(BeZero())
}
