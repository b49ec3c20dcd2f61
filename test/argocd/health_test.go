package argocd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/test/simulator/git"
)

// fleetOf is the sample Application for what is in git.
const fleetOf = "fleet-" + environmentName

var _ = Describe("What is in git", Ordered, func() {
	BeforeAll(func(ctx SpecContext) {
		teachHealth(ctx)
		commit(environmentName+"/region.yaml", withoutStatus("Region", "ready"))
		commit(environmentName+"/promotion.yaml", withoutStatus("Promotion", "rolled-out"))
		Expect(hub.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: environmentName}})).To(Succeed())
		Expect(hub.Create(ctx, inGit(environmentName, repository))).To(Succeed())
	})

	It("is Progressing until Portolan has looked at it", func(ctx SpecContext) {
		Eventually(app(ctx, fleetOf)).WithContext(ctx).Should(And(
			HaveField("Status.Sync.Status", "Synced"), HaveField("Status.Health.Status", "Progressing"),
		))
	}, SpecTimeout(specTimeout))

	It("is as healthy as Portolan says, and stays Synced", func(ctx SpecContext) {
		region := &v1alpha1.Region{ObjectMeta: metav1.ObjectMeta{Namespace: environmentName, Name: regionName}}
		finalizer := fmt.Appendf(nil, `{"metadata":{"finalizers":[%q]}}`, v1alpha1.RegionFinalizer)
		Expect(hub.Patch(ctx, region, client.RawPatch(types.MergePatchType, finalizer))).To(Succeed())
		for _, step := range []struct{ kind, name, want string }{
			{"Promotion", "rolled-out", "Progressing"}, // the Region still is
			{"Region", "ready", "Healthy"},
			{"Region", "invalid", "Degraded"},
			{"Region", "ready", "Healthy"},
			{"Promotion", "awaiting-approval", "Suspended"},
			{"Promotion", "halted", "Degraded"},
			{"Promotion", "rolled-out", "Healthy"},
		} {
			By(fmt.Sprintf("%s %s", step.kind, step.name))
			says(ctx, caseOf(step.kind, step.name))
			Eventually(app(ctx, fleetOf)).WithContext(ctx).Should(HaveField("Status.Health.Status", step.want))
			Expect(app(ctx, fleetOf)(Default).Status.Sync.Status).To(Equal("Synced"))
		}
		refresh(ctx, fleetOf)
		Expect(app(ctx, fleetOf)(Default)).To(And(
			HaveField("Status.Sync.Status", "Synced"), HaveField("Status.Health.Status", "Healthy"),
		))
	}, SpecTimeout(specTimeout))
})

// teachHealth gives Argo CD the health scripts.
func teachHealth(ctx context.Context) {
	GinkgoHelper()
	config, err := sample("ConfigMap", "argocd-cm", "config", "argocd", "argocd-cm.yaml")
	Expect(err).NotTo(HaveOccurred())
	// As its first lines say.
	//nolint:staticcheck // the typed configuration wants every field typed
	Expect(hub.Patch(ctx, config, client.Apply, client.FieldOwner("portolan-health"))).To(Succeed())
}

// inGit is the sample's Application of an environment's folder.
func inGit(environment string, from *git.Repository) *unstructured.Unstructured {
	GinkgoHelper()
	app, err := sample("Application", fleetOf, "config", "argocd", "application.yaml")
	Expect(err).NotTo(HaveOccurred())
	app.SetName("fleet-" + environment)
	for _, f := range []struct {
		value string
		path  []string
	}{
		{"default", []string{"project"}},
		{from.HTTPURL(), []string{"source", "repoURL"}},
		{environment, []string{"source", "path"}},
		{environment, []string{"destination", "namespace"}},
	} {
		Expect(unstructured.SetNestedField(app.Object, f.value, append([]string{"spec"}, f.path...)...)).To(Succeed())
	}
	return app
}

// says writes the status that Portolan would.
func says(ctx context.Context, seen *unstructured.Unstructured) {
	GinkgoHelper()
	live := seen.DeepCopy()
	Expect(hub.Get(ctx, client.ObjectKeyFromObject(live), live)).To(Succeed())
	live.Object["status"] = seen.Object["status"]
	Expect(hub.Status().Update(ctx, live)).To(Succeed())
}

// caseOf is an object of the cases that the health scripts are tested with.
func caseOf(kind, name string) *unstructured.Unstructured {
	GinkgoHelper()
	raw, err := os.ReadFile(filepath.Join(module, "config", "argocd", "health", kind, "testdata", name+".yaml"))
	Expect(err).NotTo(HaveOccurred())
	u := &unstructured.Unstructured{}
	Expect(yaml.Unmarshal(raw, &u.Object)).To(Succeed())
	return u
}

// withoutStatus is a case as git has it.
func withoutStatus(kind, name string) string {
	GinkgoHelper()
	u := caseOf(kind, name)
	delete(u.Object, "status")
	unstructured.RemoveNestedField(u.Object, "metadata", "generation")
	raw, err := yaml.Marshal(u.Object)
	Expect(err).NotTo(HaveOccurred())
	return string(raw)
}
