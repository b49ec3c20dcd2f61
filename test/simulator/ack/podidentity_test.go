package ack_test

import (
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// runningCluster is an active cluster named prod and the role of everything.
func (b *bed) runningCluster() (subnets string, role *unstructured.Unstructured) {
	b.t.Helper()
	subnets, _ = b.subnets()
	role = b.role("eks")
	b.synced(b.apply("Cluster", "prod", clusterSpec(role, subnets)))
	return subnets, role
}

func association(role *unstructured.Unstructured) string {
	return fmt.Sprintf(`{clusterName: prod, namespace: dns, serviceAccount: external-dns, roleARN: "%s"}`,
		text(role, "status", "ackResourceMetadata", "arn"))
}

func TestPodIdentityTakesEffectLater(t *testing.T) {
	b := newBed(t)
	_, role := b.runningCluster()
	before := time.Now()
	pods := b.synced(b.apply("PodIdentityAssociation", "dns", association(role)))
	b.Expect(pods).To(And(
		haveField(MatchRegexp("^a-0[0-9a-f]{16}$"), "status", "associationID"),
		haveField(HavePrefix("arn:aws:eks:"+region+":"+b.cloud.Account()+":podidentityassociation/prod/a-"), "status", "ackResourceMetadata", "arn")))
	id := "prod/" + text(pods, "status", "associationID")
	kept, err := b.get("eks/podidentityassociation", region, id)()
	b.Expect(err).NotTo(HaveOccurred())
	b.Expect(kept.Data).To(And(HaveKeyWithValue("cluster", "prod"), HaveKeyWithValue("namespace", "dns"),
		HaveKeyWithValue("serviceAccount", "external-dns"), HaveKeyWithValue("roleARN", HaveSuffix("role/eks"))))
	effective, err := time.Parse(time.RFC3339Nano, kept.Data["effectiveAt"])
	b.Expect(err).NotTo(HaveOccurred())
	b.Expect(effective).To(BeTemporally(">", before))
	b.Expect(b.samples("eks/podidentityassociation/effective")()).To(Equal(1))

	other := b.role("other")
	b.edit(pods, fmt.Sprintf(`{roleARN: %q}`, text(other, "status", "ackResourceMetadata", "arn")))
	b.Eventually(b.get("eks/podidentityassociation", region, id)).Should(HaveField("Data", And(
		HaveKeyWithValue("roleARN", HaveSuffix("role/other")), HaveKeyWithValue("effectiveAt", kept.Data["effectiveAt"]))))
}

func TestServiceAccountHasOneAssociation(t *testing.T) {
	b := newBed(t)
	_, role := b.runningCluster()
	first := b.synced(b.apply("PodIdentityAssociation", "first", association(role)))
	second := b.apply("PodIdentityAssociation", "second", association(role))
	b.Eventually(b.refresh(second)).Should(haveCondition("ACK.Recoverable", "True", ContainSubstring("ResourceInUseException")))

	adopted := b.synced(b.apply("PodIdentityAssociation", "adopted", association(role), "services.k8s.aws/adoption-policy", "adopt-or-create"))
	b.Expect(text(adopted, "status", "associationID")).To(Equal(text(first, "status", "associationID")))
	b.Expect(b.stored("eks/podidentityassociation")()).To(HaveLen(1))
}

func TestServiceAccountStaysTakenForAWhile(t *testing.T) {
	b := newBedAt(t, slow)
	_, role := b.runningCluster()
	first := b.synced(b.apply("PodIdentityAssociation", "first", association(role)))
	states := make(chan string, 10)
	defer b.cloud.Subscribe(func(e cloud.Event) {
		if e.Resource.Type == "eks/podidentityassociation" {
			states <- string(e.Type) + e.Resource.State
		}
	})()
	b.delete(first)
	b.gone(first)
	b.Eventually(states).Should(Receive(Equal("UpdatedDELETING")))
	next := b.synced(b.apply("PodIdentityAssociation", "next", association(role), "services.k8s.aws/adoption-policy", "adopt-or-create"))
	b.Eventually(states).Should(Receive(Equal("DeletedDELETING")))
	b.Eventually(states).Should(Receive(Equal("Created")))
	b.Expect(b.stored("eks/podidentityassociation")()).To(ConsistOf(HaveField("ID", "prod/"+text(next, "status", "associationID"))))
}

func TestRefusedAssociations(t *testing.T) {
	b := newBed(t)
	_, role := b.runningCluster()
	stranger := b.apply("PodIdentityAssociation", "stranger",
		`{clusterName: prod, namespace: dns, serviceAccount: a, roleARN: "arn:aws:iam::1:role/nobody"}`)
	b.Eventually(b.refresh(stranger)).Should(haveCondition("ACK.Recoverable", "True", ContainSubstring("does not exist")))
	b.delete(stranger)
	b.gone(stranger)

	b.synced(b.apply("PodIdentityAssociation", "dns", association(role)))
	cluster := b.object("Cluster", "prod")
	b.delete(cluster)
	b.gone(cluster)
	b.Expect(b.cloud.List(func(r cloud.Resource) bool { return r.Data["cluster"] == "prod" })).To(BeEmpty())
}
