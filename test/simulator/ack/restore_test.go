package ack_test

import (
	"fmt"
	"maps"
	"testing"

	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

const eipFinalizer = "finalizers.ec2.services.k8s.aws/ElasticIPAddress"

// restore creates a custom resource as a backup has it: with finalizer and annotations, but
// without status.
func (b *bed) restore(kind, name, spec, finalizer string, annotations map[string]string) *unstructured.Unstructured {
	b.t.Helper()
	all := map[string]string{"services.k8s.aws/region": region}
	maps.Copy(all, annotations)
	b.running.Stop() // so that nobody sees it without its finalizer
	cr := b.applyBare(kind, name, spec, all)
	if finalizer != "" {
		cr.SetFinalizers([]string{finalizer})
		b.Expect(b.client.Update(b.t.Context(), cr)).To(Succeed())
	}
	b.start()
	return cr
}

func TestWhatACKCreatedIsCreatedAgain(t *testing.T) {
	b := newBed(t)
	role, address := b.role("lost"), b.synced(b.apply("ElasticIPAddress", "lost", `{}`))
	was := text(address, "status", "allocationID")
	b.Expect(b.cloud.Delete(cloud.Key{Type: "iam/role", ID: "lost"})).To(Succeed())
	b.Expect(b.cloud.Delete(cloud.Key{Type: "ec2/elasticip", Region: region, ID: was})).To(Succeed())
	b.edit(role, `{description: changed}`)
	b.edit(address, `{tags: [{key: a, value: b}]}`)
	b.Eventually(b.stored("iam/role")).Should(HaveLen(1))
	b.Eventually(b.stored("ec2/elasticip")).Should(ConsistOf(HaveField("ID", Not(Equal(was)))))
}

func TestWhatACKAdoptedByIDIsNotCreatedAgain(t *testing.T) {
	b := newBed(t)
	key := cloud.Key{Type: "ec2/elasticip", Region: region, ID: "eipalloc-1"}
	b.Expect(b.cloud.Create(cloud.Resource{Key: key, State: "available", Data: map[string]string{}})).To(Succeed())
	address := b.synced(b.apply("ElasticIPAddress", "nat", `{}`, policyKey, "adopt-or-create", fieldsKey, `{"allocationID": "eipalloc-1"}`))
	b.Expect(text(address, "status", "allocationID")).To(Equal("eipalloc-1"))
	b.Expect(b.cloud.Delete(key)).To(Succeed())
	b.edit(address, `{tags: [{key: a, value: b}]}`)
	b.Consistently(b.stored("ec2/elasticip"), "300ms").Should(BeEmpty())
}

func TestRestoredWithoutStatus(t *testing.T) {
	const byID = `{"allocationID": "eipalloc-1"}`
	cases := map[string]struct {
		finalizer   string
		annotations map[string]string
		want        int  // addresses
		wantSynced  bool // or stuck without a word
	}{
		"it is created again":                       {finalizer: eipFinalizer, want: 2, wantSynced: true},
		"also without its finalizer":                {want: 2, wantSynced: true},
		"by ID it is adopted":                       {annotations: map[string]string{policyKey: "adopt-or-create", fieldsKey: byID}, want: 1, wantSynced: true},
		"by ID, but with its finalizer, it is not":  {finalizer: eipFinalizer, annotations: map[string]string{policyKey: "adopt-or-create", fieldsKey: byID}, want: 2, wantSynced: true},
		"by ID, but adopted before, it is not seen": {finalizer: eipFinalizer, annotations: map[string]string{policyKey: "adopt-or-create", fieldsKey: byID, "services.k8s.aws/adopted": "true"}, want: 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			key := cloud.Key{Type: "ec2/elasticip", Region: region, ID: "eipalloc-1"}
			b.Expect(b.cloud.Create(cloud.Resource{Key: key, State: "available", Data: map[string]string{}})).To(Succeed())
			cr := b.restore("ElasticIPAddress", "nat", `{}`, tc.finalizer, tc.annotations)
			if tc.wantSynced {
				b.synced(cr)
			} else {
				b.Consistently(b.refresh(cr), "300ms").Should(haveField(BeNil(), "status"))
			}
			b.Expect(b.stored("ec2/elasticip")()).To(HaveLen(tc.want))
		})
	}
}

func TestRestoredByName(t *testing.T) {
	b := newBed(t)
	b.Expect(b.cloud.Create(cloud.Resource{Key: cloud.Key{Type: "iam/role", ID: "kept"}, Data: map[string]string{}})).To(Succeed())
	b.Expect(b.cloud.Create(cloud.Resource{Key: cloud.Key{Type: "iam/role", ID: "bare"}, Data: map[string]string{}})).To(Succeed())
	b.synced(b.restore("Role", "kept", fmt.Sprintf(trust, "kept"), "finalizers.iam.services.k8s.aws/Role", nil))
	bare := b.restore("Role", "bare", fmt.Sprintf(trust, "bare"), "", nil)
	b.Eventually(b.refresh(bare)).Should(haveCondition("ACK.Terminal", "True", "Resource already exists"))
	b.Expect(b.stored("iam/role")()).To(HaveLen(2))
}

func TestRestoredCertificateIsRequestedAgain(t *testing.T) {
	b := newBed(t)
	first := b.synced(b.apply("Certificate", "first", `{domainName: example.com}`))
	arn := text(first, "status", "ackResourceMetadata", "arn")
	adopted := b.synced(b.restore("Certificate", "adopted", `{domainName: example.com}`, "",
		map[string]string{policyKey: "adopt-or-create", fieldsKey: fmt.Sprintf(`{"arn": %q}`, arn)}))
	b.Expect(text(adopted, "status", "ackResourceMetadata", "arn")).To(Equal(arn))
	b.Expect(b.stored("acm/certificate")()).To(HaveLen(1))
	b.synced(b.restore("Certificate", "again", `{domainName: example.com}`, "finalizers.acm.services.k8s.aws/Certificate", nil))
	b.Expect(b.stored("acm/certificate")()).To(HaveLen(2))
}
