package ack_test

import (
	"fmt"
	"testing"

	. "github.com/onsi/gomega"
)

func TestAddonsThatNeedNodes(t *testing.T) {
	b := newBedAt(t, slow)
	subnets, role := b.runningCluster()
	b.Expect(b.synced(b.apply("Addon", "proxy", `{clusterName: prod, name: kube-proxy}`))).To(haveField("ACTIVE", "status", "status"))

	for _, name := range []string{"coredns", "aws-ebs-csi-driver", "metrics-server"} {
		addon := b.apply("Addon", name, `{clusterName: prod, name: `+name+`}`)
		b.Eventually(b.refresh(addon)).Should(And(
			haveField("DEGRADED", "status", "status"),
			haveField(ContainElement(HaveKeyWithValue("code", "InsufficientNumberOfReplicas")), "status", "health", "issues"),
			haveCondition("ACK.ResourceSynced", "False", "Addon is in 'DEGRADED' status"),
			lackCondition("ACK.Terminal")))
	}
	b.synced(b.apply("Nodegroup", "system", nodegroupSpec(role, subnets, oneToThree)))
	for _, name := range []string{"coredns", "aws-ebs-csi-driver", "metrics-server"} {
		b.Expect(b.synced(b.object("Addon", name))).To(And(
			haveField("ACTIVE", "status", "status"), haveField(BeEmpty(), "status", "health", "issues")))
	}
	b.Expect(b.samples("eks/addon/recovery")()).To(Equal(3))
}

func TestAddonThatWaitedTooLongIsLost(t *testing.T) {
	b := newBedAt(t, slow/4)
	subnets, role := b.runningCluster()
	addon := b.apply("Addon", "coredns", `{clusterName: prod, name: coredns}`)
	b.Eventually(b.refresh(addon)).Should(haveField("DEGRADED", "status", "status"))
	b.running.Stop() // the wait outlives the controllers
	b.start()
	b.Eventually(b.refresh(addon)).Should(And(
		haveField("CREATE_FAILED", "status", "status"), lackCondition("ACK.Terminal"),
		haveField(ContainElement(HaveKeyWithValue("code", "InsufficientNumberOfReplicas")), "status", "health", "issues"),
		haveCondition("ACK.Recoverable", "True", "addon in 'CREATE_FAILED' state, cannot be modified until 'ACTIVE'")))

	b.synced(b.apply("Nodegroup", "system", nodegroupSpec(role, subnets, oneToThree)))
	b.edit(addon, `{configurationValues: "{}"}`)
	b.Consistently(b.refresh(addon), "200ms").Should(haveField("CREATE_FAILED", "status", "status"))
	b.Expect(b.samples("eks/addon/update")()).To(BeZero())

	b.delete(addon)
	b.gone(addon)
	b.Eventually(b.stored("eks/addon")).Should(BeEmpty())
	b.Expect(b.synced(b.apply("Addon", "coredns", `{clusterName: prod, name: coredns}`))).To(haveField("ACTIVE", "status", "status"))
}

func TestClusterConfiguration(t *testing.T) {
	b := newBed(t)
	subnets, _ := b.subnets()
	role := b.role("eks")
	spec := clusterSpec(role, subnets)
	cluster := b.synced(b.apply("Cluster", "prod", spec[:len(spec)-1]+
		`, logging: {clusterLogging: [{enabled: true, types: [authenticator, audit]}, {enabled: false, types: [api, controllerManager, scheduler]}]}}`))
	b.Expect(b.get("eks/cluster", region, "prod")()).To(HaveField("Data", And(
		HaveKeyWithValue("logging", `[{"enabled":true,"types":["audit","authenticator"]},{"enabled":false,"types":["api","controllerManager","scheduler"]}]`),
		HaveKeyWithValue("endpointPublicAccess", "true"), HaveKeyWithValue("endpointPrivateAccess", "false"),
		HaveKeyWithValue("publicAccessCIDRs", "0.0.0.0/0"), HaveKeyWithValue("deletionProtection", "false"))))
	b.Expect(b.samples("eks/cluster/update")()).To(BeZero())

	b.edit(cluster, `{resourcesVPCConfig: {endpointPrivateAccess: true, publicAccessCIDRs: [198.51.100.0/24]}, upgradePolicy: {supportType: STANDARD}}`)
	b.Eventually(b.get("eks/cluster", region, "prod")).Should(HaveField("Data", And(
		HaveKeyWithValue("endpointPrivateAccess", "true"), HaveKeyWithValue("publicAccessCIDRs", "198.51.100.0/24"),
		HaveKeyWithValue("supportType", "STANDARD"))))

	b.edit(cluster, `{resourcesVPCConfig: {endpointPrivateAccess: false, endpointPublicAccess: false}}`)
	b.Eventually(b.refresh(cluster)).Should(haveCondition("ACK.Recoverable", "True", ContainSubstring("cannot be false")))
}

func TestLoggingWithoutTheDisabledLogsNeverSettles(t *testing.T) {
	b := newBed(t)
	subnets, _ := b.subnets()
	spec := clusterSpec(b.role("eks"), subnets)
	cluster := b.apply("Cluster", "prod", spec[:len(spec)-1]+`, logging: {clusterLogging: [{enabled: true, types: [audit]}]}}`)
	b.Eventually(b.refresh(cluster)).Should(haveCondition("ACK.Recoverable", "True",
		ContainSubstring("No changes needed for the logging config provided")))
}

func TestProtectionIsTurnedOffAndTheClusterDeletedInOneGo(t *testing.T) {
	b := newBed(t)
	subnets, _ := b.subnets()
	spec := clusterSpec(b.role("eks"), subnets)
	cluster := b.synced(b.apply("Cluster", "prod", spec[:len(spec)-1]+", deletionProtection: true}"))
	b.running.Stop() // so that one pass sees both
	b.edit(cluster, `{deletionProtection: false}`)
	b.delete(cluster)
	b.start()
	b.gone(cluster)
	b.Expect(b.samples("eks/cluster/update")()).To(BeZero())
}

func TestNodegroupFacts(t *testing.T) {
	b := newBed(t)
	subnets, role := b.runningCluster()
	nodes := b.synced(b.apply("Nodegroup", "system", nodegroupSpec(role, subnets,
		oneToThree+`, capacityType: SPOT, amiType: BOTTLEROCKET_ARM_64, diskSize: 50, instanceTypes: [m7g.large, m6g.large]`)))
	b.Expect(b.get("eks/nodegroup", region, "prod/system")()).To(HaveField("Data", And(
		HaveKeyWithValue("capacityType", "SPOT"), HaveKeyWithValue("amiType", "BOTTLEROCKET_ARM_64"),
		HaveKeyWithValue("diskSize", "50"), HaveKeyWithValue("instanceTypes", "m7g.large,m6g.large"))))
	b.Expect(nodes).To(haveACKField(HavePrefix("1.34."), "spec", "releaseVersion"))

	if !complete {
		return // the views of Portolan have no versions of node groups
	}
	b.edit(b.object("Cluster", "prod"), `{version: "1.35"}`)
	b.Eventually(b.get("eks/cluster", region, "prod")).Should(HaveField("Data", HaveKeyWithValue("version", "1.35")))
	// The release was written back, and has to go when the version changes.
	b.edit(nodes, `{version: "1.35"}`)
	b.Eventually(b.refresh(nodes)).Should(haveCondition("ACK.Terminal", "True", ContainSubstring("do not match")))
	b.edit(nodes, `{version: "1.35", releaseVersion: null}`)
	b.Eventually(b.get("eks/nodegroup", region, "prod/system")).Should(HaveField("Data", And(
		HaveKeyWithValue("version", "1.35"), HaveKeyWithValue("releaseVersion", HavePrefix("1.35.")))))
}

func TestInlinePoliciesFollowTheSpec(t *testing.T) {
	b := newBed(t)
	role := b.synced(b.apply("Role", "pods", fmt.Sprintf(trust, "pods")[:len(fmt.Sprintf(trust, "pods"))-1]+
		`, inlinePolicies: {dns: '{"Version":"2012-10-17","Statement":[]}'}}`))
	b.Expect(b.get("iam/role", "", "pods")()).To(HaveField("Data", HaveKeyWithValue("inlinePolicies", ContainSubstring("dns"))))
	b.edit(role, `{inlinePolicies: {dns: "{"}}`)
	b.Eventually(b.refresh(role)).Should(haveCondition("ACK.Terminal", "True", ContainSubstring("MalformedPolicyDocument")))
	b.edit(role, `{inlinePolicies: null}`)
	b.Eventually(b.get("iam/role", "", "pods")).Should(HaveField("Data", HaveKeyWithValue("inlinePolicies", "")))
}
