package ack_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/test/simulator/ack"
	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

func (b *bed) annotate(cr *unstructured.Unstructured, key, value string) {
	b.t.Helper()
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%q}}}`, key, value)
	b.Expect(b.client.Patch(b.t.Context(), cr, client.RawPatch("application/merge-patch+json", []byte(patch)))).To(Succeed())
}

func TestPausedControllerDoesNothing(t *testing.T) {
	b := newBed(t)
	vpc := b.vpc()
	b.running.Pause("ec2")
	b.running.Pause("ec2") // is paused already
	b.delete(vpc)
	address := b.apply("ElasticIPAddress", "nat", `{}`)
	b.role("others-go-on")
	b.Consistently(b.refresh(address), "300ms").Should(And(
		haveField(BeNil(), "status"), HaveField("GetFinalizers()", BeEmpty())))
	b.Expect(b.refresh(vpc)()).To(HaveField("GetDeletionTimestamp()", Not(BeNil())))
	b.Expect(b.stored("ec2/vpc")()).To(HaveLen(1))

	b.Expect(b.running.Resume("ec2")).To(Succeed())
	b.Expect(b.running.Resume("ec2")).To(Succeed())
	b.gone(vpc)
	b.synced(address)
	b.Expect(func() { b.running.Pause("ecs") }).To(PanicWith(ContainSubstring(`no controller of "ecs"`)))
}

func TestResumedControllerLooksAtEverything(t *testing.T) {
	b := newBed(t)
	b.restart(map[string]time.Duration{"": time.Hour * 1e6})
	taken := cloud.Key{Type: "iam/role", ID: "taken"}
	b.Expect(b.cloud.Create(cloud.Resource{Key: taken, Data: map[string]string{}})).To(Succeed())
	refused := b.apply("Role", "refused", fmt.Sprintf(trust, "taken"))
	b.Eventually(b.refresh(refused)).Should(haveCondition("ACK.Terminal", "True", "Resource already exists"))
	b.Expect(b.cloud.Delete(taken)).To(Succeed())

	b.running.Pause("iam")
	b.Expect(b.running.Resume("iam")).To(Succeed())
	b.synced(refused)
}

func TestPausedControllersEnd(t *testing.T) {
	b := newBed(t)
	b.running.Pause("ec2")
	b.apply("ElasticIPAddress", "nat", `{}`)
	b.running.Stop()
	b.Expect(b.stored("ec2/elasticip")()).To(BeEmpty())
	b.start()
}

// restart starts the controllers again, with other intervals.
func (b *bed) restart(resync map[string]time.Duration) {
	b.t.Helper()
	b.running.Stop()
	running, err := ack.Start(context.Background(), ack.Options{
		Config: management, Cloud: b.cloud, Hooks: ack.Hooks{ClusterStarter: b.clusters}, DNS: b.dns, Resync: resync,
	})
	b.Expect(err).NotTo(HaveOccurred())
	b.running = running
}

func TestEditsInAWSAreCorrectedAtTheResync(t *testing.T) {
	b := newBed(t)
	b.restart(map[string]time.Duration{"VPC": 1e6 * time.Hour})
	vpc, role := b.vpc(), b.role("edited")
	keys := map[string]cloud.Key{
		"enableDNSSupport": {Type: "ec2/vpc", Region: region, ID: text(vpc, "status", "vpcID")},
		"description":      {Type: "iam/role", ID: "edited"},
	}
	for fact, key := range keys {
		b.Expect(b.cloud.Update(key, func(r *cloud.Resource) { r.Data[fact] = "edited" })).To(Succeed())
	}
	b.Eventually(b.get("iam/role", "", "edited")).Should(HaveField("Data", HaveKeyWithValue("description", BeEmpty())))
	b.Consistently(b.get("ec2/vpc", region, keys["enableDNSSupport"].ID), "1s").Should(
		HaveField("Data", HaveKeyWithValue("enableDNSSupport", "edited")), "its resync is far away")
	b.Expect(role).NotTo(BeNil())
}
