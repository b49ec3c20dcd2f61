package ack_test

import (
	"encoding/json"
	"fmt"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

const (
	policyKey = "services.k8s.aws/adoption-policy"
	fieldsKey = "services.k8s.aws/adoption-fields"
)

func TestEveryKindIsAdoptedByItsKey(t *testing.T) {
	b := newBed(t)
	vpc := cloud.Key{Type: "ec2/vpc", Region: region, ID: "vpc-1"}
	subnet := cloud.Key{Type: "ec2/subnet", Region: region, ID: "subnet-1"}
	cluster := cloud.Key{Type: "eks/cluster", Region: region, ID: "prod"}
	b.Expect(b.cloud.Create(cloud.Resource{Key: vpc, State: "available", Data: map[string]string{"cidr": "10.16.0.0/16"}})).To(Succeed())
	b.Expect(b.cloud.Create(cloud.Resource{Key: cluster, State: "ACTIVE", Data: map[string]string{"version": "1.34"}})).To(Succeed())
	arn := b.cloud.ARN("acm", region, "certificate/c-1")
	at := func(awsType, id string) cloud.Key { return cloud.Key{Type: awsType, Region: region, ID: id} }
	cases := []struct {
		kind, field, value string
		key                cloud.Key
		state, spec        string
	}{
		{"Subnet", "subnetID", "subnet-1", subnet, "available", `{vpcID: vpc-1, cidrBlock: 10.16.0.0/20}`},
		{"ElasticIPAddress", "allocationID", "eipalloc-1", at("ec2/elasticip", "eipalloc-1"), "available", `{}`},
		{"InternetGateway", "internetGatewayID", "igw-1", at("ec2/internetgateway", "igw-1"), "available", `{vpc: vpc-1}`},
		{"RouteTable", "routeTableID", "rtb-1", at("ec2/routetable", "rtb-1"), "available", `{vpcID: vpc-1}`},
		{"NATGateway", "natGatewayID", "nat-1", at("ec2/natgateway", "nat-1"), "available", `{subnetID: subnet-1, allocationID: eipalloc-1}`},
		{"SecurityGroup", "id", "sg-1", at("ec2/securitygroup", "sg-1"), "", `{name: gossip, description: d, vpcID: vpc-1}`},
		{"Certificate", "arn", arn, at("acm/certificate", "c-1"), "ISSUED", `{domainName: example.com}`},
		{"PodIdentityAssociation", "associationID", "a-1", at("eks/podidentityassociation", "prod/a-1"), "",
			`{clusterName: prod, namespace: dns, serviceAccount: external-dns}`},
		{"Role", "name", "r", cloud.Key{Type: "iam/role", ID: "r"}, "", fmt.Sprintf(trust, "r")},
		{"Nodegroup", "name", "system", at("eks/nodegroup", "prod/system"), "ACTIVE", `{clusterName: prod, name: system,
			nodeRole: "arn:aws:iam::111122223333:role/r", subnets: [subnet-1], scalingConfig: {minSize: 1, maxSize: 1, desiredSize: 1}}`},
		{"Addon", "name", "coredns", at("eks/addon", "prod/coredns"), "ACTIVE", `{clusterName: prod, name: coredns}`},
		{"AccessEntry", "principalARN", "arn:aws:iam::111122223333:role/r", at("eks/accessentry", "prod/arn:aws:iam::111122223333:role/r"), "",
			`{clusterName: prod, principalARN: "arn:aws:iam::111122223333:role/r"}`},
		{"Bucket", "name", "logs", at("s3/bucket", "logs"), "", `{name: logs}`},
		{"RecordSet", "name", "api.example.com.", cloud.Key{Type: "route53/recordset", ID: "Z1/api.example.com./CNAME"}, "INSYNC",
			`{hostedZoneID: Z1, name: api.example.com., recordType: CNAME, ttl: 300, resourceRecords: [{value: a.example.net}]}`},
	}
	for _, tc := range cases {
		t.Run(tc.kind, func(*testing.T) {
			made := cloud.Resource{Key: tc.key, State: tc.state, Data: map[string]string{"cluster": "prod"}}
			if tc.kind == "Certificate" {
				made.ARN = arn
			}
			b.Expect(b.cloud.Create(made)).To(Succeed())
			before := len(b.cloud.List(nil))
			annotation, err := json.Marshal(map[string]string{tc.field: tc.value})
			b.Expect(err).NotTo(HaveOccurred())
			cr := b.apply(tc.kind, "adopted", tc.spec, policyKey, "adopt", fieldsKey, string(annotation))
			b.Eventually(b.refresh(cr)).Should(And(
				WithTransform(func(cr *unstructured.Unstructured) map[string]any { return conditionOf(cr, "ACK.Adopted") },
					HaveKeyWithValue("status", "True")),
				haveCondition("ACK.ResourceSynced", "True", "Resource synced successfully")))
			b.Expect(b.cloud.List(nil)).To(HaveLen(before))
		})
	}
}

func TestAdoptOrCreateBringsTheResourceToTheSpec(t *testing.T) {
	b := newBed(t)
	key := cloud.Key{Type: "ec2/vpc", Region: region, ID: "vpc-1"}
	b.Expect(b.cloud.Create(cloud.Resource{Key: key, State: "available", Data: map[string]string{
		"cidr": "10.16.0.0/16", "enableDNSHostnames": "false",
	}})).To(Succeed())
	vpc := b.apply("VPC", "main", `{cidrBlocks: ["10.16.0.0/16"], enableDNSHostnames: true, tags: [{key: Name, value: r1}]}`,
		policyKey, "adopt-or-create", fieldsKey, `{"vpcID": "vpc-1"}`)
	b.synced(vpc)
	b.Expect(b.get("ec2/vpc", region, "vpc-1")()).To(And(
		HaveField("Data", HaveKeyWithValue("enableDNSHostnames", "true")), HaveField("Tags", HaveKeyWithValue("Name", "r1"))))
	b.Expect(vpc.GetAnnotations()).To(HaveKeyWithValue("services.k8s.aws/adopted", "true"))

	other := b.synced(b.apply("VPC", "other", `{cidrBlocks: ["10.17.0.0/16"]}`, policyKey, "adopt-or-create"))
	b.Expect(text(other, "status", "vpcID")).NotTo(Equal("vpc-1"))
}

func TestAdoptedResourceIsNotCreatedAgain(t *testing.T) {
	b := newBed(t)
	key := cloud.Key{Type: "iam/role", ID: "taken"}
	b.Expect(b.cloud.Create(cloud.Resource{Key: key, Data: map[string]string{}})).To(Succeed())
	role := b.synced(b.apply("Role", "taken", fmt.Sprintf(trust, "taken"), policyKey, "adopt-or-create"))
	b.Expect(b.cloud.Delete(key)).To(Succeed())
	b.edit(role, `{description: changed}`)
	b.Consistently(b.stored("iam/role"), "300ms").Should(BeEmpty())
}

func TestAdoptNeverCreates(t *testing.T) {
	b := newBed(t)
	absent := b.apply("VPC", "absent", `{cidrBlocks: ["10.16.0.0/16"]}`, policyKey, "adopt", fieldsKey, `{"vpcID": "vpc-1"}`)
	b.Consistently(b.refresh(absent), "300ms").Should(haveField(BeNil(), "status"))
	b.Expect(b.cloud.List(nil)).To(BeEmpty())

	nameless := b.apply("VPC", "nameless", `{cidrBlocks: ["10.16.0.0/16"]}`, policyKey, "adopt")
	b.Eventually(b.refresh(nameless)).Should(haveCondition("ACK.Terminal", "True", ContainSubstring("adoption-fields")))
	unknown := b.apply("VPC", "unknown", `{cidrBlocks: ["10.16.0.0/16"]}`, policyKey, "steal")
	b.Eventually(b.refresh(unknown)).Should(haveCondition("ACK.Terminal", "True", ContainSubstring("unrecognized adoption policy steal")))
}

func TestRetainedResourcesOutliveTheirCustomResource(t *testing.T) {
	b := newBed(t)
	vpc := b.synced(b.apply("VPC", "main", `{cidrBlocks: ["10.16.0.0/16"]}`, "services.k8s.aws/deletion-policy", "retain"))
	b.delete(vpc)
	b.gone(vpc)
	b.Expect(b.stored("ec2/vpc")()).To(ConsistOf(HaveField("ID", text(vpc, "status", "vpcID"))))
}

func TestOwnerOfAnotherAccount(t *testing.T) {
	b := newBed(t)
	b.running.Stop()
	b.reported = "999999999999"
	b.start()
	b.Expect(b.vpc()).To(haveField("999999999999", "status", "ackResourceMetadata", "ownerAccountID"))
}
