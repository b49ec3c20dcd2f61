package ack_test

import (
	"fmt"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// versions are those that a fact of a resource has had.
func (b *bed) versions(key cloud.Key, fact string) func() []string {
	seen := make(chan string, 100)
	b.t.Cleanup(b.cloud.Subscribe(func(e cloud.Event) {
		if e.Resource.Key == key {
			seen <- e.Resource.State + " " + e.Resource.Data[fact]
		}
	}))
	var all []string
	return func() []string {
		for len(seen) > 0 {
			if one := <-seen; len(all) == 0 || all[len(all)-1] != one {
				all = append(all, one)
			}
		}
		return all
	}
}

func TestClusterGoesUpOneMinorAtATime(t *testing.T) {
	b := newBedAt(t, slow/2)
	subnets, _ := b.subnets()
	cluster := b.synced(b.apply("Cluster", "prod", clusterSpec(b.role("eks"), subnets)))
	seen := b.versions(cloud.Key{Type: "eks/cluster", Region: region, ID: "prod"}, "version")
	b.edit(cluster, `{version: "1.36"}`)
	b.Eventually(b.refresh(cluster)).Should(And(
		haveField("UPDATING", "status", "status"),
		haveCondition("ACK.ResourceSynced", "False", "Cluster is in 'UPDATING' status"),
		haveCondition("ACK.Recoverable", "True", "cluster in 'UPDATING' state, cannot be modified until 'ACTIVE'"),
		haveCondition("Ready", "False", ContainSubstring("cannot be modified"))))
	addon := b.apply("Addon", "proxy", `{clusterName: prod, name: kube-proxy}`)
	b.Eventually(b.refresh(addon)).Should(haveField("ACTIVE", "status", "status"), "the update does not hold it up")
	b.Expect(b.get("eks/cluster", region, "prod")()).To(HaveField("State", "UPDATING"))

	b.running.Stop() // an update outlives the controllers
	b.start()
	b.Eventually(b.get("eks/cluster", region, "prod")).Should(And(
		HaveField("State", "ACTIVE"), HaveField("Data", HaveKeyWithValue("version", "1.36"))))
	b.synced(cluster)
	b.Expect(seen()).To(Equal([]string{"UPDATING 1.34", "ACTIVE 1.35", "UPDATING 1.35", "ACTIVE 1.36"}))
	b.Expect(b.samples("eks/cluster/update")()).To(Equal(2))

	b.edit(cluster, `{version: "1.35"}`)
	b.Eventually(b.refresh(cluster)).Should(haveCondition("ACK.Terminal", "True", "desired cluster version is less than the observed version: 1.35 < 1.36"))
}

func TestRefusedClusterVersions(t *testing.T) {
	b := newBed(t)
	subnets, role := b.runningCluster()
	unknown := b.apply("Cluster", "unknown", fmt.Sprintf(`{name: unknown, version: "1.30", roleARN: "%s", resourcesVPCConfig: {subnetIDs: %s}}`,
		text(role, "status", "ackResourceMetadata", "arn"), subnets))
	b.Eventually(b.refresh(unknown)).Should(haveCondition("ACK.Recoverable", "True", ContainSubstring("unsupported Kubernetes version")))

	b.synced(b.apply("Nodegroup", "system", nodegroupSpec(role, subnets, oneToThree)))
	cluster := b.object("Cluster", "prod")
	b.edit(cluster, `{version: "1.37"}`)
	b.Eventually(b.refresh(cluster)).Should(haveCondition("ACK.Recoverable", "True", And(
		ContainSubstring("InvalidRequestException"), ContainSubstring("Nodegroups system must be updated to match cluster version 1.36"))))
	b.Expect(b.get("eks/cluster", region, "prod")()).To(HaveField("Data", HaveKeyWithValue("version", "1.36")))
	if !complete {
		return // the views of Portolan have no versions of node groups
	}
	b.edit(b.object("Nodegroup", "system"), `{version: "1.36", releaseVersion: null}`)
	b.Eventually(b.get("eks/cluster", region, "prod")).Should(HaveField("Data", HaveKeyWithValue("version", "1.37")))
	b.edit(cluster, `{version: "1.38"}`)
	b.Eventually(b.refresh(cluster)).Should(haveCondition("ACK.Recoverable", "True", ContainSubstring("unsupported Kubernetes version")))
}

func TestClusterIsNotDeletedDuringAnUpdate(t *testing.T) {
	b := newBedAt(t, slow/2)
	subnets, _ := b.subnets()
	cluster := b.synced(b.apply("Cluster", "prod", clusterSpec(b.role("eks"), subnets)))
	b.edit(cluster, `{version: "1.35"}`)
	b.Eventually(b.get("eks/cluster", region, "prod")).Should(HaveField("State", "UPDATING"))
	b.delete(cluster)
	b.Eventually(b.refresh(cluster)).Should(haveCondition("ACK.Recoverable", "True",
		ContainSubstring("Cannot delete because cluster prod currently has an update in progress")))
	b.gone(cluster)
	b.Eventually(b.stored("eks/cluster")).Should(BeEmpty())
}

func TestNodegroupVersions(t *testing.T) {
	if !complete {
		t.Skip("the views of Portolan have no versions of node groups")
	}
	b := newBed(t)
	subnets, role := b.runningCluster()
	nodes := b.synced(b.apply("Nodegroup", "system", nodegroupSpec(role, subnets, oneToThree)))
	b.edit(nodes, `{version: "1.35", releaseVersion: null}`)
	b.Eventually(b.refresh(nodes)).Should(haveCondition("ACK.Terminal", "True",
		ContainSubstring("version 1.35 should not be newer than Cluster kubernetes version 1.34")))
	b.edit(b.object("Cluster", "prod"), `{version: "1.35"}`)
	b.Eventually(b.get("eks/cluster", region, "prod")).Should(HaveField("Data", HaveKeyWithValue("version", "1.35")))

	seen := b.versions(cloud.Key{Type: "eks/nodegroup", Region: region, ID: "prod/system"}, "version")
	b.edit(nodes, `{tags: {poked: "true"}}`) // Terminal until the spec changes
	b.Eventually(b.get("eks/nodegroup", region, "prod/system")).Should(HaveField("Data", And(
		HaveKeyWithValue("version", "1.35"), HaveKeyWithValue("releaseVersion", "1.35.1-20260801"))))
	b.synced(nodes)
	b.Expect(seen()).To(ContainElements("UPDATING 1.34", "ACTIVE 1.35"))
	b.edit(nodes, `{version: "1.34", releaseVersion: null}`)
	b.Eventually(b.refresh(nodes)).Should(haveCondition("ACK.Terminal", "True", ContainSubstring("cannot be updated from 1.35 to 1.34")))
}

// TestNodeUpdateWaitsForTheNodes plays the part of package regional.
func TestNodeUpdateWaitsForTheNodes(t *testing.T) {
	if !complete {
		t.Skip("the views of Portolan have no versions of node groups")
	}
	b := newBed(t)
	subnets, role := b.runningCluster()
	nodes := b.synced(b.apply("Nodegroup", "system", nodegroupSpec(role, subnets, oneToThree)))
	b.edit(b.object("Cluster", "prod"), `{version: "1.35"}`)
	b.Eventually(b.get("eks/cluster", region, "prod")).Should(HaveField("Data", HaveKeyWithValue("version", "1.35")))
	owner, group := cloud.Key{Type: "eks/cluster", Region: region, ID: "prod"}, cloud.Key{Type: "eks/nodegroup", Region: region, ID: "prod/system"}
	b.Expect(b.cloud.Update(owner, func(r *cloud.Resource) { r.Data["nodesRunBy"] = "the test" })).To(Succeed())
	report := func(failure string) {
		b.Expect(b.cloud.Update(group, func(r *cloud.Resource) {
			r.Data["updateOf"], r.Data["updateFailure"] = r.Data["updateID"], failure
		})).To(Succeed())
	}

	b.edit(nodes, `{version: "1.35", releaseVersion: null}`)
	b.Eventually(b.get("eks/nodegroup", region, "prod/system")).Should(And(HaveField("State", "UPDATING"),
		HaveField("Data", And(HaveKeyWithValue("pendingUpdate", ContainSubstring("1.35")), HaveKeyWithValue("forceUpdate", "false")))))
	b.Consistently(b.get("eks/nodegroup", region, "prod/system"), "200ms").Should(HaveField("State", "UPDATING"))
	seen := b.versions(group, "failureCode")
	report("a pod stays")
	b.Eventually(seen).Should(ContainElement("ACTIVE PodEvictionFailure"))
	b.Expect(b.get("eks/nodegroup", region, "prod/system")()).To(HaveField("Data", HaveKeyWithValue("version", "1.34")))
	b.Eventually(b.refresh(nodes)).Should(haveField(
		ContainElement(And(HaveKeyWithValue("code", "PodEvictionFailure"), HaveKeyWithValue("message", "a pod stays"))), "status", "health", "issues"))

	// ACK tries again by itself, for ever. What it is told by annotation it says each time, but
	// for the tries that began before it saw the annotation: those fail as the first one did.
	b.Eventually(b.get("eks/nodegroup", region, "prod/system")).Should(HaveField("State", "UPDATING"))
	b.annotate(nodes, "eks.services.k8s.aws/force-update-version", "true")
	b.Eventually(func() (cloud.Resource, error) {
		failed := b.cloud.Update(group, func(r *cloud.Resource) {
			if r.State == "UPDATING" && r.Data["forceUpdate"] == "false" {
				r.Data["updateOf"], r.Data["updateFailure"] = r.Data["updateID"], "a pod stays"
			}
		})
		r, _ := b.cloud.Get(group)
		return r, failed
	}).Should(And(HaveField("State", "UPDATING"), HaveField("Data", HaveKeyWithValue("forceUpdate", "true"))))
	report("")
	b.Eventually(b.get("eks/nodegroup", region, "prod/system")).Should(And(HaveField("State", "ACTIVE"),
		HaveField("Data", And(HaveKeyWithValue("version", "1.35"), Not(HaveKey("failureCode")), Not(HaveKey("pendingUpdate"))))))
	b.synced(nodes)
}

func TestSizeIsLeftToAnAutoscaler(t *testing.T) {
	b := newBed(t)
	subnets, role := b.runningCluster()
	nodes := b.synced(b.apply("Nodegroup", "system", nodegroupSpec(role, subnets, oneToThree),
		"eks.services.k8s.aws/desired-size-managed-by", "external-autoscaler"))
	key := cloud.Key{Type: "eks/nodegroup", Region: region, ID: "prod/system"}
	b.Expect(b.cloud.Update(key, func(r *cloud.Resource) { r.Data["desired"] = "1" })).To(Succeed())
	b.update(nodes, `{scalingConfig: {maxSize: 4}}`)
	b.Eventually(b.get("eks/nodegroup", region, "prod/system")).Should(HaveField("Data", And(
		HaveKeyWithValue("max", "4"), HaveKeyWithValue("desired", "1"))))
}

func TestAddonVersions(t *testing.T) {
	b := newBed(t)
	b.runningCluster()
	chosen := b.synced(b.apply("Addon", "cni", `{clusterName: prod, name: vpc-cni}`))
	b.Expect(chosen).To(haveField("v1.20.4-eksbuild.2", "spec", "addonVersion"))
	for name, tc := range map[string]struct{ spec, message string }{
		"version": {`{clusterName: prod, name: kube-proxy, addonVersion: v1.35.0-eksbuild.2}`, "Addon version specified is not supported"},
		"name":    {`{clusterName: prod, name: nginx}`, "Addon specified is not supported"},
	} {
		refused := b.apply("Addon", "refused-"+name, tc.spec)
		b.Eventually(b.refresh(refused)).Should(haveCondition("ACK.Terminal", "True", ContainSubstring(tc.message)))
	}
	seen := b.versions(cloud.Key{Type: "eks/addon", Region: region, ID: "prod/vpc-cni"}, "version")
	b.edit(chosen, `{addonVersion: v1.21.1-eksbuild.1}`)
	b.Eventually(seen).Should(ContainElements("UPDATING v1.20.4-eksbuild.2", "ACTIVE v1.21.1-eksbuild.1"))
	b.synced(chosen)
	b.edit(chosen, `{addonVersion: v0.0.1-eksbuild.1}`)
	b.Eventually(b.refresh(chosen)).Should(haveCondition("ACK.Terminal", "True", ContainSubstring("Addon version specified is not supported")))
}
