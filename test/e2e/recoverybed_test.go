package e2e

import (
	"context"
	"slices"
	"strings"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// withoutPinsAndSeeds is a backup as docs/recovery.md says to restore one that is older than the
// pins and seeds: without cluster Secrets, with Promotions and GossipRings as their specs are now.
func withoutPinsAndSeeds(backup []*unstructured.Unstructured) []*unstructured.Unstructured {
	GinkgoHelper()
	kept := slices.DeleteFunc(backup, func(o *unstructured.Unstructured) bool {
		return o.GetKind() == "Secret" && o.GetLabels()[v1alpha1.LabelRegion] != ""
	})
	Expect(len(kept)).To(BeNumerically("<", len(backup)), "it has cluster Secrets")
	for _, o := range kept {
		switch o.GetKind() {
		case "Promotion":
			Expect(unstructured.SetNestedField(o.Object, secondRevision, "spec", "revision")).To(Succeed())
			unstructured.RemoveNestedField(o.Object, "status")
		case "GossipRing":
			unstructured.RemoveNestedField(o.Object, "spec", "endpoint")
			unstructured.RemoveNestedField(o.Object, "status")
		}
	}
	return kept
}

// awaitRunning waits until every region runs what the Promotion asks for.
func awaitRunning(ctx context.Context, f *pinned, revision v1alpha1.GitRevision) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		g.Expect(f.is(ctx, v1alpha1.ConditionReady)(g)).To(beReady())
		g.Expect(f.promotion.Status.CurrentRevision).To(Equal(revision))
	}).WithContext(ctx).Should(Succeed())
}

// survivingWhole is surviving, once no pod is on its way out.
func survivingWhole(ctx context.Context, environment string, regions ...*v1alpha1.Region) survivors {
	GinkgoHelper()
	for _, r := range regions {
		Eventually(func(g Gomega) {
			pods, err := regionalClientOf(clusterOf(r)).CoreV1().Pods("").List(ctx, metav1.ListOptions{})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(pods.Items).NotTo(ContainElement(HaveField("DeletionTimestamp", Not(BeNil()))))
		}).WithContext(ctx).Should(Succeed(), r.Name)
	}
	return surviving(ctx, environment, regions...)
}

// registeredWith are the pins and seeds in the Regions' cluster Secrets, by Region.
func registeredWith(ctx context.Context, regions ...*v1alpha1.Region) map[string]map[string]string {
	GinkgoHelper()
	all := map[string]map[string]string{}
	for _, r := range regions {
		secret, err := clusterSecretOf(ctx, r)
		Expect(err).NotTo(HaveOccurred())
		all[r.Name] = pinsAndSeeds(secret)
		Expect(all[r.Name]).NotTo(BeEmpty(), r.Name)
	}
	return all
}

func pinsAndSeeds(secret *corev1.Secret) map[string]string {
	kept := map[string]string{}
	for key, value := range secret.Annotations {
		if strings.HasPrefix(key, v1alpha1.AnnotationRevisionPrefix) || strings.HasPrefix(key, v1alpha1.AnnotationWANSeedsPrefix) {
			kept[key] = value
		}
	}
	return kept
}

// registration is what ApplicationSets saw of a Region.
type registration struct {
	region      string
	annotations map[string]string
}

// watchRegistrations takes down what ApplicationSets get to see of the Regions from now on.
func watchRegistrations(ctx context.Context, regions ...*v1alpha1.Region) (seen func() []registration) {
	GinkgoHelper()
	var mu sync.Mutex
	var all []registration
	management := world.Client
	for _, r := range regions {
		region := r.DeepCopy()
		inBackground(ctx, func(ctx context.Context) {
			secret, err := clusterSecretIn(ctx, management, region)
			if err != nil || secret.Labels[v1alpha1.LabelManaged] != "true" {
				return
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, registration{region.Name, pinsAndSeeds(secret)})
		})
	}
	return func() []registration {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(all)
	}
}
