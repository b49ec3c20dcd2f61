package e2e

import (
	"context"
	"slices"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/test/bed"
	"github.com/portolan-dev/portolan/test/simulator/argocd"
)

// secondRevision and thirdRevision follow on oldRevision; nobody looks them up.
const (
	secondRevision = "2222222222222222222222222222222222222222"
	thirdRevision  = "3333333333333333333333333333333333333333"
)

var _ = Describe("An environment with one Argo CD per region", Ordered, func() {
	const environment = "inside"
	f := &pinned{promotion: newPromotion(environment, oldRevision)}
	first, second := newRegion(environment, "inside-1", "eu-north-1"), newRegion(environment, "inside-2", "eu-south-1")
	f.regions = []*v1alpha1.Region{first, second}
	gossip := gossiping(environment, "unkey-api")
	var running []*argocd.Controller
	AfterAll(func() {
		for _, controller := range running {
			controller.Stop()
		}
	})

	// registration reads the cluster Secret that a region has inside.
	registration := func(ctx context.Context, r *v1alpha1.Region) *corev1.Secret {
		GinkgoHelper()
		secret := &corev1.Secret{}
		Expect(insideOf(r).Get(ctx, client.ObjectKey{Namespace: bed.ArgoCDNamespace, Name: "cluster-" + clusterOf(r)}, secret)).To(Succeed())
		return secret
	}
	pinOf := func(ctx context.Context, r *v1alpha1.Region) string {
		return registration(ctx, r).Annotations[v1alpha1.AnnotationRevisionPrefix+"core"]
	}

	BeforeAll(func(ctx SpecContext) {
		newNamespace(ctx, environment)
		Expect(world.Apply(ctx, "applicationsets.yaml")).To(Succeed())
		env := smallEnvironment(environment)
		env.Spec.Network.Pool = &v1alpha1.AddressPool{CIDRs: []v1alpha1.CIDR{"10.116.0.0/16"}, PrefixLength: 19}
		env.Spec.ArgoCD.Mode = v1alpha1.ArgoCDPerCluster
		p := &env.Spec.Profiles[0]
		p.Applications = append(p.Applications, v1alpha1.Application{Name: gossip.Name})
		p.NodeGroups[0].Min, p.NodeGroups[0].Max = 2, 3
		for _, obj := range []client.Object{env, gossip, f.promotion} {
			Expect(world.Client.Create(ctx, obj)).To(Succeed())
		}
		createRegions(ctx, f.regions...)
	})

	It("waits for Argo CD in each of them", NodeTimeout(patience), func(ctx SpecContext) {
		for _, r := range f.regions {
			Eventually(condition(ctx, r, v1alpha1.RegionRegistered)).WithContext(ctx).Should(haveReason(v1alpha1.ReasonArgoCDNotInstalled, "put Argo CD on the profile's bootstrap list"))
		}
	})

	It("registers each of them inside, with its pins and its peers' seeds", NodeTimeout(patience), func(ctx SpecContext) {
		for _, r := range f.regions {
			running = append(running, runArgoCD(ctx, r, deploying(environment, "core", "core"), sampleSet(ctx, gossip.Name)))
		}
		for _, r := range f.regions {
			Eventually(condition(ctx, r, v1alpha1.ConditionReady)).WithContext(ctx).Should(beReady(), r.Name)
		}
		awaitRing(ctx, gossip)
		Eventually(f.is(ctx, v1alpha1.ConditionReady)).WithContext(ctx).Should(beReady())
		for i, r := range f.regions {
			secret, peer := registration(ctx, r), memberOf(gossip, f.regions[1-i].Name)
			Expect(string(secret.Data["name"]) + " " + string(secret.Data["server"])).To(Equal("in-cluster https://kubernetes.default.svc"))
			Expect(secret.Annotations).To(And(
				HaveKeyWithValue(v1alpha1.AnnotationRevisionPrefix+"core", oldRevision),
				HaveKeyWithValue(v1alpha1.AnnotationWANSeedsPrefix+gossip.Name, peer.Endpoint)))
			_, err := clusterSecretOf(ctx, r)
			Expect(client.IgnoreNotFound(err)).NotTo(HaveOccurred())
			Expect(err).To(HaveOccurred(), "nothing is written into the management cluster")
		}
	})

	It("moves one after the other to another revision", NodeTimeout(patience), func(ctx SpecContext) {
		f.asks(ctx, map[string]any{"revision": secondRevision})
		Eventually(func(g Gomega) {
			g.Expect(f.is(ctx, v1alpha1.ConditionReady)(g)).To(beReady())
			g.Expect(f.promotion.Status.CurrentRevision).To(BeEquivalentTo(secondRevision))
		}).WithContext(ctx).WithPolling(100 * time.Millisecond).Should(Succeed())
		progress := regionsOf(f.promotion)
		Expect(progress).To(HaveLen(2))
		Expect(progress[1].MovedAt.Time).NotTo(BeTemporally("<", progress[0].PassedAt.Time))
		for _, r := range f.regions {
			Expect(pinOf(ctx, r)).To(Equal(secondRevision), r.Name)
		}
	})

	It("holds one that is out of reach, until it is back", NodeTimeout(patience), func(ctx SpecContext) {
		Expect(world.Freeze(clusterOf(second))).To(Succeed())
		Eventually(condition(ctx, second, v1alpha1.RegionConnected)).WithContext(ctx).Should(haveReason(v1alpha1.ReasonClusterUnreachable, ""))
		Eventually(condition(ctx, second, v1alpha1.RegionRegistered)).WithContext(ctx).Should(haveReason(v1alpha1.ReasonClusterUnreachable, "its Argo CD cannot be reached"))
		f.asks(ctx, map[string]any{"revision": thirdRevision})
		Eventually(func(g Gomega) {
			f.is(ctx, v1alpha1.PromotionRolledOut)(g)
			i := slices.IndexFunc(regionsOf(f.promotion), func(p v1alpha1.RegionProgress) bool { return p.Region == second.Name })
			g.Expect(i).To(BeNumerically(">=", 0))
			g.Expect(regionsOf(f.promotion)[i]).To(And(HaveField("State", v1alpha1.RegionRolloutHeld), HaveField("Reason", v1alpha1.ReasonRegionUnknown)))
			g.Expect(pinOf(ctx, first)).To(Equal(thirdRevision), "the other goes on")
		}).WithContext(ctx).Should(Succeed())
		Expect(world.Thaw(clusterOf(second))).To(Succeed())
		Eventually(func(g Gomega) {
			g.Expect(f.is(ctx, v1alpha1.ConditionReady)(g)).To(beReady())
			g.Expect(f.promotion.Status.CurrentRevision).To(BeEquivalentTo(thirdRevision))
			for _, r := range f.regions {
				g.Expect(condition(ctx, r, v1alpha1.ConditionReady)(g)).To(beReady(), r.Name)
			}
		}).WithContext(ctx).Should(Succeed())
		Expect(pinOf(ctx, second)).To(Equal(thirdRevision))
	})

	It("writes into them with the rights that Portolan is given", func(ctx SpecContext) {
		for _, r := range f.regions {
			raw, err := regionalClientOf(clusterOf(r)).RESTClient().Get().AbsPath("/metrics").DoRaw(ctx)
			Expect(err).NotTo(HaveOccurred())
			for line := range strings.Lines(string(raw)) {
				if strings.HasPrefix(line, "apiserver_request_total{") && (strings.Contains(line, `"secrets"`) || strings.Contains(line, `"argoproj.io"`)) {
					Expect(line).NotTo(ContainSubstring(`code="403"`), r.Name)
				}
			}
			Expect(factsOf(r.Name, "eks/accessentry")).To(ConsistOf(HaveKeyWithValue("policyARN", ContainSubstring("AmazonEKSAdminViewPolicy"))))
		}
	})

	It("closes them with all that Argo CD has deployed there", NodeTimeout(2*patience), func(ctx SpecContext) {
		for _, r := range f.regions {
			deleteConfirmed(ctx, r)
		}
		for _, r := range f.regions {
			Eventually(gone(ctx, r)).WithContext(ctx).WithTimeout(2*patience).Should(BeTrue(), r.Name)
			Expect(tagged(r.Name)).To(BeEmpty())
		}
	})
})

// insideOf acts on a regional cluster as an administrator.
func insideOf(r *v1alpha1.Region) client.Client {
	GinkgoHelper()
	config, ok := world.Regional(clusterOf(r))
	Expect(ok).To(BeTrue(), "cluster %s", clusterOf(r))
	kinds := runtime.NewScheme()
	Expect(scheme.AddToScheme(kinds)).To(Succeed())
	Expect(apiextensionsv1.AddToScheme(kinds)).To(Succeed())
	c, err := client.New(config, client.Options{Scheme: kinds})
	Expect(err).NotTo(HaveOccurred())
	return c
}

// runArgoCD installs a simulated Argo CD in a regional cluster, with its ApplicationSets.
func runArgoCD(ctx context.Context, r *v1alpha1.Region, sets ...*unstructured.Unstructured) *argocd.Controller {
	GinkgoHelper()
	inside := insideOf(r)
	namespace := &corev1.Namespace{}
	namespace.Name = bed.ArgoCDNamespace
	Expect(inside.Create(ctx, namespace)).To(Succeed())
	for _, crd := range argocd.CRDs() {
		Expect(inside.Create(ctx, crd)).To(Succeed())
	}
	for _, set := range sets {
		Eventually(func() error { return insideOf(r).Create(ctx, set.DeepCopy()) }).WithContext(ctx).Should(Succeed())
	}
	cluster := clusterOf(r) // specs read the Region anew meanwhile
	config, _ := world.Regional(cluster)
	controller, err := argocd.Start(context.WithoutCancel(ctx), argocd.Options{
		Config: config, Namespace: bed.ArgoCDNamespace, Cloud: world.Cloud,
		Clusters: func(server string) (*rest.Config, bool) {
			inside, runs := world.Regional(cluster)
			return inside, runs && server == "https://kubernetes.default.svc"
		},
	})
	Expect(err).NotTo(HaveOccurred())
	return controller
}

// sampleSet is an ApplicationSet of the samples, to be created elsewhere.
func sampleSet(ctx context.Context, name string) *unstructured.Unstructured {
	GinkgoHelper()
	sample := deploying("", name, name)
	Expect(world.Client.Get(ctx, client.ObjectKey{Namespace: bed.ArgoCDNamespace, Name: name}, sample)).To(Succeed())
	set := sample.DeepCopy()
	set.Object = map[string]any{"apiVersion": sample.GetAPIVersion(), "kind": sample.GetKind(), "spec": sample.Object["spec"]}
	set.SetNamespace(bed.ArgoCDNamespace)
	set.SetName(name)
	return set
}
