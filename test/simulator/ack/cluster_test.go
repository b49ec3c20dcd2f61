package ack_test

import (
	"encoding/base64"
	"errors"
	"fmt"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

const trust = `{name: %s, assumeRolePolicyDocument: '{"Version":"2012-10-17","Statement":[]}'}`

func (b *bed) role(name string) *unstructured.Unstructured {
	b.t.Helper()
	return b.synced(b.apply("Role", name, fmt.Sprintf(trust, name)))
}

// subnets are the specs' way to say which subnets, and the subnets.
func (b *bed) subnets() (string, []*unstructured.Unstructured) {
	b.t.Helper()
	vpc := b.vpc()
	first, second := b.subnet(vpc, 0), b.subnet(vpc, 1)
	return fmt.Sprintf("[%s, %s]", text(first, "status", "subnetID"), text(second, "status", "subnetID")),
		[]*unstructured.Unstructured{first, second, vpc}
}

func clusterSpec(role *unstructured.Unstructured, subnets string) string {
	return fmt.Sprintf(`{name: prod, version: "1.34", roleARN: "%s", accessConfig: {authenticationMode: API}, resourcesVPCConfig: {subnetIDs: %s}}`,
		text(role, "status", "ackResourceMetadata", "arn"), subnets)
}

func nodegroupSpec(role *unstructured.Unstructured, subnets, rest string) string {
	return fmt.Sprintf(`{name: system, clusterName: prod, nodeRole: "%s", subnets: %s, %s}`,
		text(role, "status", "ackResourceMetadata", "arn"), subnets, rest)
}

const oneToThree = `scalingConfig: {minSize: 1, maxSize: 3, desiredSize: 2}, labels: {pool: system},
	taints: [{key: dedicated, value: system, effect: NO_SCHEDULE}]`

func TestFromVPCToNodegroupAndBack(t *testing.T) {
	b := newBed(t)
	subnets, network := b.subnets()
	role := b.role("eks")
	b.Expect(role).To(haveField("arn:aws:iam::"+b.cloud.Account()+":role/eks", "status", "ackResourceMetadata", "arn"))

	cluster := b.synced(b.apply("Cluster", "prod", clusterSpec(role, subnets)))
	endpoint := "https://prod." + region + ".test"
	b.Expect(cluster).To(And(
		haveField("ACTIVE", "status", "status"),
		haveField(endpoint, "status", "endpoint"),
		haveField(base64.StdEncoding.EncodeToString([]byte("PEM of prod")), "status", "certificateAuthority", "data"),
		haveField("arn:aws:eks:"+region+":"+b.cloud.Account()+":cluster/prod", "status", "ackResourceMetadata", "arn"),
		haveField(false, "spec", "deletionProtection"),
		haveACKField("standard", "spec", "controlPlaneScalingConfig", "tier"),
	))
	b.Expect(b.get("eks/cluster", region, "prod")()).To(HaveField("Data", And(
		HaveKeyWithValue("endpoint", endpoint), HaveKeyWithValue("version", "1.34"), HaveKey("ca"), HaveKey("arn"))))

	nodes := b.synced(b.apply("Nodegroup", "system", nodegroupSpec(role, subnets, oneToThree)))
	b.Expect(nodes).To(And(
		haveField("ACTIVE", "status", "status"), haveField(int64(2), "status", "desiredSize"),
		haveACKField(HavePrefix("1.34"), "spec", "releaseVersion")))
	b.Expect(b.get("eks/nodegroup", region, "prod/system")()).To(HaveField("Data", And(
		HaveKeyWithValue("desired", "2"), HaveKeyWithValue("labels", `{"pool":"system"}`),
		HaveKeyWithValue("taints", ContainSubstring("NO_SCHEDULE")))))
	principal := "arn:aws:iam::111122223333:role/portolan"
	entry := b.synced(b.apply("AccessEntry", "portolan", `{clusterName: prod, principalARN: "`+principal+`",
		accessPolicies: [{policyARN: "arn:aws:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy", accessScope: {type: cluster}}]}`))
	b.Expect(b.get("eks/accessentry", region, "prod/"+principal)()).To(HaveField("Data", And(
		HaveKeyWithValue("principalARN", principal), HaveKeyWithValue("policyARN", HaveSuffix("AmazonEKSClusterAdminPolicy")))))
	addon := b.synced(b.apply("Addon", "coredns", `{clusterName: prod, name: coredns}`))

	all := append([]*unstructured.Unstructured{nodes, entry, addon, cluster, role}, network...)
	for _, cr := range all {
		b.delete(cr)
	}
	for _, cr := range all {
		b.gone(cr)
	}
	b.Eventually(func() []cloud.Resource { return b.cloud.List(nil) }).Should(BeEmpty())
	b.Expect(b.clusters.Stopped()).To(Equal([]string{"prod"}))
}

func TestClusterDeletionWaitsForNodegroups(t *testing.T) {
	b := newBedAt(t, slow)
	subnets, _ := b.subnets()
	role := b.role("eks")
	cluster := b.synced(b.apply("Cluster", "prod", clusterSpec(role, subnets)))
	nodes := b.synced(b.apply("Nodegroup", "system", nodegroupSpec(role, subnets, oneToThree)))

	b.delete(cluster)
	b.Eventually(b.refresh(cluster)).Should(haveCondition("ACK.Recoverable", "True", "cluster is still in use, cannot be deleted"))
	b.delete(nodes)
	b.gone(nodes)
	b.Expect(b.get("eks/nodegroup", region, "prod/system")()).To(HaveField("State", "DELETING"))
	b.Eventually(b.refresh(cluster)).Should(haveField("DELETING", "status", "status"))
	b.gone(cluster)
	b.Expect(b.get("eks/cluster", region, "prod")()).Error().To(HaveOccurred())
}

func TestClusterThatCannotStartIsTerminal(t *testing.T) {
	b := newBed(t)
	b.clusters.failure = errors.New("no port left")
	subnets, _ := b.subnets()
	cluster := b.apply("Cluster", "prod", clusterSpec(b.role("eks"), subnets))
	b.Eventually(b.refresh(cluster)).Should(And(
		haveField("FAILED", "status", "status"),
		haveCondition("ACK.Terminal", "True", ContainSubstring("FAILED"))))
	b.Expect(text(cluster, "status", "endpoint")).To(BeEmpty())
	b.delete(cluster)
	b.gone(cluster)
}

func TestDeletionProtection(t *testing.T) {
	b := newBed(t)
	subnets, _ := b.subnets()
	spec := clusterSpec(b.role("eks"), subnets)
	cluster := b.synced(b.apply("Cluster", "prod", spec[:len(spec)-1]+", deletionProtection: true}"))
	b.delete(cluster)
	b.Eventually(b.refresh(cluster)).Should(haveCondition("ACK.Recoverable", "True", ContainSubstring("deletion protection")))

	off := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"deletionProtection":false}}`))
	b.Expect(b.client.Patch(t.Context(), cluster, off)).To(Succeed())
	b.gone(cluster)
}

func TestTakenNamesAreTerminalUnlessAdopted(t *testing.T) {
	b := newBed(t)
	taken := cloud.Key{Type: "iam/role", ID: "taken"}
	b.Expect(b.cloud.Create(cloud.Resource{Key: taken, Data: map[string]string{}})).To(Succeed())

	refused := b.apply("Role", "refused", fmt.Sprintf(trust, "taken"))
	b.Eventually(b.refresh(refused)).Should(And(
		haveCondition("ACK.Terminal", "True", "Resource already exists"),
		haveCondition("ACK.ResourceSynced", "False", "Resource not synced")))
	b.Expect(refused.GetFinalizers()).To(BeEmpty())
	b.delete(refused)
	b.gone(refused)
	b.Expect(b.get("iam/role", "", "taken")()).Error().NotTo(HaveOccurred())

	adopted := b.synced(b.apply("Role", "adopted", fmt.Sprintf(trust, "taken"), "services.k8s.aws/adoption-policy", "adopt-or-create"))
	b.Expect(adopted.GetFinalizers()).NotTo(BeEmpty())
	b.delete(adopted)
	b.gone(adopted)
	b.Expect(b.get("iam/role", "", "taken")()).Error().To(HaveOccurred())
}

func TestVPCIsAdoptedByItsID(t *testing.T) {
	b := newBed(t)
	key := cloud.Key{Type: "ec2/vpc", Region: region, ID: "vpc-0feedfeedfeedfeed"}
	b.Expect(b.cloud.Create(cloud.Resource{Key: key, State: "available", Data: map[string]string{"cidr": "10.16.0.0/16"}})).To(Succeed())
	vpc := b.synced(b.apply("VPC", "main", `{cidrBlocks: ["10.16.0.0/16"]}`,
		"services.k8s.aws/adoption-policy", "adopt-or-create", "services.k8s.aws/adoption-fields", `{"vpcID": "`+key.ID+`"}`))
	b.Expect(text(vpc, "status", "vpcID")).To(Equal(key.ID))
	b.Expect(b.cloud.List(nil)).To(HaveLen(1))
}

func TestRefusedNodegroups(t *testing.T) {
	b := newBed(t)
	subnets, _ := b.subnets()
	role := b.role("eks")
	early := b.apply("Nodegroup", "early", nodegroupSpec(role, subnets, oneToThree))
	b.Eventually(b.refresh(early)).Should(haveCondition("ACK.Recoverable", "True", ContainSubstring("No cluster found for name: prod.")))
	b.synced(b.apply("Cluster", "prod", clusterSpec(role, subnets)))
	b.synced(early)

	inverted := b.apply("Nodegroup", "inverted",
		`{name: inverted, clusterName: prod, nodeRole: "`+text(role, "status", "ackResourceMetadata", "arn")+`", subnets: `+subnets+
			`, scalingConfig: {minSize: 3, maxSize: 2, desiredSize: 1}}`)
	b.Eventually(b.refresh(inverted)).Should(haveCondition("ACK.Terminal", "True", ContainSubstring("InvalidParameterException")))
}

func TestNodegroupScales(t *testing.T) {
	b := newBed(t)
	subnets, _ := b.subnets()
	role := b.role("eks")
	b.synced(b.apply("Cluster", "prod", clusterSpec(role, subnets)))
	nodes := b.synced(b.apply("Nodegroup", "system", nodegroupSpec(role, subnets, oneToThree)))
	edit := client.RawPatch("application/merge-patch+json", []byte(`{"spec":{"scalingConfig":{"desiredSize":3},"taints":null}}`))
	b.Expect(b.client.Patch(t.Context(), nodes, edit)).To(Succeed())
	b.Eventually(b.refresh(nodes)).Should(haveField(int64(3), "status", "desiredSize"))
	b.Expect(b.get("eks/nodegroup", region, "prod/system")()).To(HaveField("Data", HaveKeyWithValue("taints", "")))
}

func TestARestartGoesOn(t *testing.T) {
	b := newBedAt(t, slow/2)
	subnets, network := b.subnets()
	cluster := b.apply("Cluster", "prod", clusterSpec(b.role("eks"), subnets))
	b.Eventually(b.refresh(cluster)).Should(haveCondition("ACK.ResourceSynced", "False", "Cluster is in 'CREATING' status"))
	b.running.Stop()
	b.Expect(b.get("eks/cluster", region, "prod")()).To(HaveField("State", "CREATING"))

	before := len(b.cloud.List(nil))
	b.start()
	b.synced(cluster)
	b.Expect(b.cloud.List(nil)).To(HaveLen(before))
	vpc := network[2]
	b.Eventually(b.refresh(vpc)).Should(haveField(text(vpc, "status", "vpcID"), "status", "vpcID"))
}
