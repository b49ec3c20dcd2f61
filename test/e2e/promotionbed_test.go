package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/test/bed"
	"github.com/portolan-dev/portolan/test/simulator/argocd"
	"github.com/portolan-dev/portolan/test/simulator/git"
)

// pinned is a fleet whose one application is moved by a Promotion, with its configuration in git.
type pinned struct {
	*git.Repository

	promotion *v1alpha1.Promotion
	regions   []*v1alpha1.Region // in the order in which they were created
	set       *unstructured.Unstructured
}

const ledger = "ledger"

// serveRepository serves a new git repository until the container ends.
func serveRepository(name string) *git.Repository {
	GinkgoHelper()
	repository, err := git.Create(filepath.Join(world.Dir(), name+".git"))
	Expect(err).NotTo(HaveOccurred())
	Expect(repository.Serve()).To(Succeed())
	DeferCleanup(repository.Stop)
	return repository
}

// pinFleet builds an environment for regions that EKS's Argo CD deploys one application to, with their
// configuration in the repository.
func pinFleet(ctx context.Context, repository *git.Repository, name string, pool v1alpha1.CIDR, awsRegions ...v1alpha1.AWSRegion) *pinned {
	GinkgoHelper()
	f := &pinned{Repository: repository, promotion: newPromotion(name, ""), set: deploying(name, ledger, "core")}
	for _, awsRegion := range awsRegions {
		f.regions = append(f.regions, newRegion(name, name+"-"+string(awsRegion), awsRegion))
	}
	newNamespace(ctx, name)
	env := smallEnvironment(name)
	env.Spec.Network.Pool = &v1alpha1.AddressPool{CIDRs: []v1alpha1.CIDR{pool}, PrefixLength: 19}
	env.Spec.Profiles[0].Applications = []v1alpha1.Application{{Name: ledger}}
	env.Spec.ArgoCD = v1alpha1.ArgoCD{
		Mode: v1alpha1.ArgoCDEKSCapability, RoleARN: bed.CapabilityRole,
		Repository: &v1alpha1.ConfigRepository{
			URL: repository.HTTPURL(), ConfigFiles: []string{"environments/{{ .environment }}/{{ .region }}.yaml"},
		},
	}
	Expect(world.Client.Create(ctx, env)).To(Succeed())
	Expect(world.Client.Create(ctx, f.set)).To(Succeed())
	return f
}

// configure commits the files of regions.
func (f *pinned) configure(message string, regions ...*v1alpha1.Region) v1alpha1.GitRevision {
	GinkgoHelper()
	files := map[string]string{"eks-cluster/helm-chart/core/Chart.yaml": "# " + message}
	for _, r := range regions {
		files[fmt.Sprintf("environments/%s/%s.yaml", r.Namespace, r.Spec.AWSRegion)] = "# " + message
	}
	revision, err := f.Commit(files, message)
	Expect(err).NotTo(HaveOccurred())
	return v1alpha1.GitRevision(revision)
}

// asks changes the Promotion's spec.
func (f *pinned) asks(ctx context.Context, spec map[string]any) {
	GinkgoHelper()
	f.patch(ctx, f.promotion, map[string]any{"spec": spec})
}

func (f *pinned) annotate(ctx context.Context, key, value string) {
	GinkgoHelper()
	f.patch(ctx, f.promotion, map[string]any{"metadata": map[string]any{"annotations": map[string]any{key: value}}})
}

func (f *pinned) patch(ctx context.Context, obj client.Object, change map[string]any) {
	GinkgoHelper()
	raw, err := json.Marshal(change)
	Expect(err).NotTo(HaveOccurred())
	Expect(world.Client.Patch(ctx, obj, client.RawPatch(types.MergePatchType, raw))).To(Succeed())
}

// is reads a condition of the Promotion.
func (f *pinned) is(ctx context.Context, conditionType string) func(Gomega) metav1.Condition {
	return condition(ctx, f.promotion, conditionType)
}

// awaitCompleted waits until every region has the revision.
func (f *pinned) awaitCompleted(ctx context.Context, revision v1alpha1.GitRevision) {
	GinkgoHelper()
	Eventually(func(g Gomega) {
		g.Expect(f.is(ctx, v1alpha1.ConditionReady)(g)).To(beReady())
		g.Expect(f.promotion.Status.CurrentRevision).To(Equal(revision))
	}).WithContext(ctx).WithPolling(100 * time.Millisecond).Should(Succeed())
	for _, r := range f.regions {
		Expect(f.pin(ctx, r)).To(Equal(revision), r.Name)
	}
}

// pin is the region's, as its cluster Secret has it.
func (f *pinned) pin(ctx context.Context, r *v1alpha1.Region) v1alpha1.GitRevision {
	GinkgoHelper()
	return f.pinIs(ctx, Default, r)
}

// pinIs is the region's pin for a question that is asked again.
func (f *pinned) pinIs(ctx context.Context, g Gomega, r *v1alpha1.Region) v1alpha1.GitRevision {
	secret, err := clusterSecretOf(ctx, r)
	g.Expect(err).NotTo(HaveOccurred())
	return v1alpha1.GitRevision(secret.Annotations[v1alpha1.AnnotationRevisionPrefix+ledger])
}

// progress is that of each region in the newest rollout, in the regions' order.
func (f *pinned) progress(ctx context.Context, g Gomega) []v1alpha1.RegionProgress {
	g.Expect(world.Client.Get(ctx, client.ObjectKeyFromObject(f.promotion), f.promotion)).To(Succeed())
	g.Expect(f.promotion.Status.Rollout).NotTo(BeNil())
	g.Expect(f.promotion.Status.Rollout.Revision).To(Equal(f.promotion.Spec.Revision), "it has not begun")
	return regionsOf(f.promotion)
}

// whoAmI is the user name under which the specs ask the API server.
func whoAmI(ctx context.Context) string {
	GinkgoHelper()
	c, err := kubernetes.NewForConfig(world.Config)
	Expect(err).NotTo(HaveOccurred())
	review, err := c.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	return review.Status.UserInfo.Username
}

// deploying is an ApplicationSet of one application of an environment.
func deploying(environment, application, chart string) *unstructured.Unstructured {
	name := environment + "-" + application
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "argoproj.io/v1alpha1", "kind": "ApplicationSet",
		"metadata": map[string]any{"namespace": bed.ArgoCDNamespace, "name": name},
		"spec": map[string]any{
			"goTemplate": true, "goTemplateOptions": []any{"missingkey=error"},
			"generators": []any{map[string]any{"clusters": map[string]any{"selector": map[string]any{
				"matchLabels": map[string]any{"portolan.dev/managed": "true", "environment": environment},
			}}}},
			"template": map[string]any{
				"metadata": map[string]any{
					"name":       name + `-{{ index .metadata.labels "portolan.dev/region" }}`,
					"finalizers": []any{"resources-finalizer.argocd.argoproj.io"},
					"annotations": map[string]any{
						argocd.HoldAnnotation: `{{ index .metadata.annotations "` + holdInRegion + `" }}`,
					},
					"labels": map[string]any{
						v1alpha1.LabelApplication: application, v1alpha1.LabelEnvironment: environment,
						v1alpha1.LabelRegion: `{{ index .metadata.labels "portolan.dev/region" }}`,
					},
				},
				"spec": map[string]any{
					"project":     "default",
					"destination": map[string]any{"name": "{{ .name }}", "namespace": application},
					"source": map[string]any{
						"repoURL": "https://github.com/unkeyed/infra", "path": "eks-cluster/helm-chart/" + chart,
						"targetRevision": revisionOf(application),
					},
					"syncPolicy": map[string]any{
						"automated":   map[string]any{"prune": true, "selfHeal": true},
						"syncOptions": []any{"CreateNamespace=true", "ServerSideApply=true"},
					},
				},
			},
		},
	}}
}

// holdInRegion on a cluster Secret holds the region's Applications in a moment, see
// argocd.HoldAnnotation.
const holdInRegion = "e2e.portolan.dev/hold"

// hold keeps the region's Application in a moment that its next revision comes to; an empty one lets it go on.
func (f *pinned) hold(ctx context.Context, r *v1alpha1.Region, moment string) {
	GinkgoHelper()
	secret, err := clusterSecretOf(ctx, r)
	Expect(err).NotTo(HaveOccurred())
	f.patch(ctx, secret, map[string]any{"metadata": map[string]any{"annotations": map[string]any{holdInRegion: moment}}})
	Eventually(f.applications).WithContext(ctx).WithArguments(ctx).Should(ContainElement(And(
		WithTransform((*unstructured.Unstructured).GetLabels, HaveKeyWithValue(v1alpha1.LabelRegion, r.Name)),
		WithTransform((*unstructured.Unstructured).GetAnnotations, HaveKeyWithValue(argocd.HoldAnnotation, moment)))))
}

// revisionOf is the template that reads an application's pin.
func revisionOf(application string) string {
	return fmt.Sprintf(`{{ index .metadata.annotations "portolan.dev/revision.%s" }}`, application)
}

// targets makes an ApplicationSet render another revision than the pin, or the pin again.
func (f *pinned) targets(ctx context.Context, revision string) {
	GinkgoHelper()
	f.patch(ctx, f.set, map[string]any{"spec": map[string]any{"template": map[string]any{"spec": map[string]any{
		"source": map[string]any{"targetRevision": revision},
	}}}})
}

// pinFiles are those from which Argo CD takes the revisions; fromGit is where playGitGenerator
// hands them on.
const (
	pinFiles = "promotions/{{ .environment }}/{{ .region }}/{{ .application }}.yaml"
	fromGit  = "e2e.portolan.dev/from-git"
)

func (f *pinned) pinFile(r *v1alpha1.Region) string {
	return fmt.Sprintf("promotions/%s/%s/%s.yaml", r.Namespace, r.Spec.AWSRegion, ledger)
}

// committedPin is what the region's file says.
func (f *pinned) committedPin(r *v1alpha1.Region) string {
	text, err := f.File("main", f.pinFile(r))
	if err != nil {
		return ""
	}
	_, pin, _ := strings.Cut(text, "revision: ")
	return strings.Trim(pin, "\"\n")
}

// playGitGenerator does what an ApplicationSet's git generator does, which the simulator does not
// have: what is committed reaches templates.
func (f *pinned) playGitGenerator(ctx context.Context) {
	GinkgoHelper()
	management, regions := world.Client, make([]*v1alpha1.Region, len(f.regions))
	for i, r := range f.regions {
		regions[i] = r.DeepCopy()
	}
	inBackground(ctx, func(ctx context.Context) {
		for _, r := range regions {
			if secret, err := clusterSecretIn(ctx, management, r); err == nil && secret.Annotations[fromGit] != f.committedPin(r) {
				patch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, fromGit, f.committedPin(r))
				_ = management.Patch(ctx, secret, client.RawPatch(types.MergePatchType, patch)) // tried again
			}
		}
	})
}

// applications are those of the fleet's regions.
func (f *pinned) applications(ctx context.Context) []*unstructured.Unstructured {
	GinkgoHelper()
	list := &unstructured.UnstructuredList{}
	list.SetAPIVersion("argoproj.io/v1alpha1")
	list.SetKind("ApplicationList")
	Expect(world.Client.List(ctx, list, client.InNamespace(bed.ArgoCDNamespace), client.MatchingLabels{
		v1alpha1.LabelEnvironment: f.promotion.Namespace, v1alpha1.LabelApplication: ledger, // other sets select these regions too
	})).To(Succeed())
	all := make([]*unstructured.Unstructured, len(list.Items))
	for i := range list.Items {
		all[i] = &list.Items[i]
	}
	return all
}

// deployByHand makes the Applications that the ApplicationSet would make, without one.
func (f *pinned) deployByHand(ctx context.Context, revision string) {
	GinkgoHelper()
	template, _, err := unstructured.NestedMap(f.set.Object, "spec", "template")
	Expect(err).NotTo(HaveOccurred())
	for _, r := range f.regions {
		a := (&unstructured.Unstructured{Object: template}).DeepCopy()
		a.SetAPIVersion("argoproj.io/v1alpha1")
		a.SetKind("Application")
		a.SetNamespace(bed.ArgoCDNamespace)
		a.SetName(ledger + "-" + r.Name)
		a.SetLabels(map[string]string{v1alpha1.LabelApplication: ledger, v1alpha1.LabelEnvironment: r.Namespace, v1alpha1.LabelRegion: r.Name})
		Expect(unstructured.SetNestedField(a.Object, clusterOf(r), "spec", "destination", "name")).To(Succeed())
		Expect(unstructured.SetNestedField(a.Object, f.HTTPURL(), "spec", "source", "repoURL")).To(Succeed())
		Expect(unstructured.SetNestedField(a.Object, revision, "spec", "source", "targetRevision")).To(Succeed())
		Expect(world.Client.Create(ctx, a)).To(Succeed())
	}
}
