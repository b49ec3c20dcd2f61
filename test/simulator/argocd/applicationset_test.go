package argocd

import (
	"testing"
	"time"

	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const quickSync = 20 * time.Millisecond

func TestAnnotationsReachTheApplication(t *testing.T) {
	t.Parallel()
	b := newBed(t, quickSync)
	b.createSet("unkey-api")
	secret := b.createSecret("eu")
	b.Eventually(b.app("unkey-api-eu")).ShouldNot(BeNil())

	b.edit(secret, func() {
		secret.Annotations["portolan.dev/revision.unkey-api"] = sha('d')
		secret.Annotations["portolan.dev/wan-seeds.unkey-api"] = "us.example,ap.example"
	})

	b.Eventually(func() string { return revision(b.app("unkey-api-eu")().Spec.Source) }).Should(Equal(sha('d')))
	source := b.app("unkey-api-eu")().Spec.Source
	seeds, _, _ := unstructured.NestedString(source, "helm", "valuesObject", "env", "UNKEY_GOSSIP_WAN_SEEDS")
	b.Expect(seeds).To(Equal("us.example,ap.example"))
}

func TestSecretWithoutAnnotationsFreezesEveryRegion(t *testing.T) {
	t.Parallel()
	b := newBed(t, quickSync)
	set := b.createSet("unkey-api")
	good := b.createSecret("eu")
	b.Eventually(b.app("unkey-api-eu")).ShouldNot(BeNil())

	bare := clusterSecret(b.namespace, "us")
	bare.Annotations = nil
	b.Expect(b.Create(b.ctx, bare)).To(Succeed())
	b.Eventually(b.setCondition(set, "ErrorOccurred")).Should(Equal(metav1.ConditionTrue))
	b.Expect(b.setCondition(set, "ParametersGenerated")()).To(Equal(metav1.ConditionFalse))
	b.annotate(good, "portolan.dev/revision.unkey-api", sha('d'))
	b.Consistently(func() string { return revision(b.app("unkey-api-eu")().Spec.Source) }, "300ms").Should(Equal(sha('a')))

	b.edit(bare, func() { bare.Annotations = clusterSecret(b.namespace, "us").Annotations })
	b.Eventually(b.setCondition(set, "ErrorOccurred")).Should(Equal(metav1.ConditionFalse))
	b.Eventually(b.app("unkey-api-us")).ShouldNot(BeNil())
	b.Eventually(func() string { return revision(b.app("unkey-api-eu")().Spec.Source) }).Should(Equal(sha('d')))
}

func (b *bed) setCondition(set *unstructured.Unstructured, kind string) func() metav1.ConditionStatus {
	return func() metav1.ConditionStatus {
		b.Expect(b.Get(b.ctx, client.ObjectKeyFromObject(set), set)).To(Succeed())
		status := applicationSetStatus{}
		raw, _, _ := unstructured.NestedMap(set.Object, "status")
		b.Expect(runtime.DefaultUnstructuredConverter.FromUnstructured(raw, &status)).To(Succeed())
		for _, c := range status.Conditions {
			if c.Type == kind {
				return c.Status
			}
		}
		return ""
	}
}

func TestHandEditsOfAnApplicationAreReverted(t *testing.T) {
	t.Parallel()
	b := newBed(t, quickSync)
	b.createSet("core")
	b.createSecret("eu")
	b.Eventually(b.app("core-eu")).ShouldNot(BeNil())
	edited := b.app("core-eu")().object

	b.edit(edited, func() {
		b.Expect(unstructured.SetNestedField(edited.Object, sha('f'), "spec", "source", "targetRevision")).To(Succeed())
		edited.SetLabels(nil)
	})

	b.Eventually(func() string { return revision(b.app("core-eu")().Spec.Source) }).Should(Equal(sha('c')))
	b.Eventually(func() map[string]string { return b.app("core-eu")().object.GetLabels() }).
		Should(HaveKeyWithValue("portolan.dev/application", "core"))
}

func TestUnselectedClusterLosesItsApplicationsAndTheirResources(t *testing.T) {
	t.Parallel()
	b := newBed(t, quickSync)
	b.createSet("frontline")
	secret := b.createSecret("eu")
	b.Eventually(b.service("frontline-gossip-wan")).ShouldNot(BeNil())
	b.Eventually(func() string { return syncStatusOf(b.app("frontline-eu")()) }).Should(Equal(synced))
	service, err := b.service("frontline-gossip-wan")()
	b.Expect(err).NotTo(HaveOccurred())
	b.edit(service, func() { service.Finalizers = []string{"service.k8s.aws/resources"} })

	b.edit(secret, func() { secret.Labels["portolan.dev/managed"] = "false" })

	b.Eventually(func() bool {
		_, err := b.deployment("frontline")()
		return apierrors.IsNotFound(err)
	}).Should(BeTrue())
	b.Consistently(b.app("frontline-eu"), "200ms").ShouldNot(BeNil(), "the load balancer still exists")
	b.edit(service, func() { service.Finalizers = nil })
	b.Eventually(b.app("frontline-eu")).Should(BeNil())
	_, err = b.service("frontline-gossip-wan")()
	b.Expect(apierrors.IsNotFound(err)).To(BeTrue())
}

func TestSecretDeletedFirstOrphansResources(t *testing.T) {
	t.Parallel()
	b := newBed(t, quickSync)
	b.createSet("unkey-api")
	secret := b.createSecret("eu")
	b.Eventually(func() string { return syncStatusOf(b.app("unkey-api-eu")()) }).Should(Equal(synced))

	b.Expect(b.Delete(b.ctx, secret)).To(Succeed())

	b.Eventually(b.app("unkey-api-eu")).Should(BeNil())
	service, err := b.service("unkey-api-gossip-wan")()
	b.Expect(err).NotTo(HaveOccurred())
	b.Expect(service.DeletionTimestamp).To(BeNil())
}

func TestDeletedApplicationSetTakesItsApplications(t *testing.T) {
	t.Parallel()
	b := newBed(t, quickSync)
	set := b.createSet("unkey-api")
	b.createSecret("eu")
	b.Eventually(func() string { return syncStatusOf(b.app("unkey-api-eu")()) }).Should(Equal(synced))

	b.Expect(b.Delete(b.ctx, set)).To(Succeed())

	b.Eventually(b.app("unkey-api-eu")).Should(BeNil())
	_, err := b.service("unkey-api-gossip-wan")()
	b.Expect(apierrors.IsNotFound(err)).To(BeTrue())
}

func TestCreateUpdatePolicyKeepsApplications(t *testing.T) {
	t.Parallel()
	b := newBed(t, quickSync)
	b.createSet("core", func(set *unstructured.Unstructured) {
		b.Expect(unstructured.SetNestedField(set.Object, "create-update", "spec", "syncPolicy", "applicationsSync")).To(Succeed())
	})
	secret := b.createSecret("eu")
	b.Eventually(b.app("core-eu")).ShouldNot(BeNil())

	b.edit(secret, func() { secret.Labels["portolan.dev/managed"] = "false" })

	b.Consistently(b.app("core-eu"), "200ms").ShouldNot(BeNil())
}
