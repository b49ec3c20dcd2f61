package argocd

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/test/simulator/git"
)

const (
	environmentName = "production001"
	regionName      = "eu-west-1"
	// api is an application of config/samples/applicationsets.yaml, with its ring of the same name.
	api       = "unkey-api"
	apiInEU   = api + "-" + regionName
	chart     = "eks-cluster/helm-chart/" + api
	valueFile = chart + "/environments/" + environmentName + "/" + regionName + ".yaml"

	refreshAnnotation = "argocd.argoproj.io/refresh"
	comparisonError   = "ComparisonError"
	// lost is a commit that the repository does not have.
	lost = "0123456789012345678901234567890123456789"
)

// template of the application's one object: what a pod would get in its environment.
const template = `apiVersion: v1
kind: ConfigMap
metadata:
  name: unkey-api
data:
  release: %s
  fromFile: {{ .Values.fromFile | quote }}
  seeds: {{ .Values.env.UNKEY_GOSSIP_WAN_SEEDS | quote }}
`

// commits of the repository, in their order.
var commits struct{ empty, first, second, same, refused, broken string }

var _ = Describe("A region's pins", Ordered, func() {
	BeforeAll(func(ctx SpecContext) {
		commits.empty = commit("README.md", "no charts yet")
		commit(chart+"/Chart.yaml", "apiVersion: v2\nname: unkey-api\nversion: 1.0.0\n")
		commit(chart+"/values.yaml", "fromFile: none\nenv: {UNKEY_GOSSIP_WAN_SEEDS: none}\n")
		commits.first = commit(chart+"/templates/config.yaml", fmt.Sprintf(template, "first"))
		commit(valueFile, "fromFile: "+regionName+"\n")
		commits.second = commit(chart+"/templates/config.yaml", fmt.Sprintf(template, "second"))
		commits.same = commit("README.md", "nothing for the chart")
		commits.refused = commit(chart+"/templates/config.yaml", "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: unkey-api}\ndata: {no/key: \"\"}\n")
		commits.broken = commit(chart+"/templates/config.yaml", `{{ fail "nobody can render this" }}`)

		Expect(hub.Create(ctx, registration(ctx, regionName, spoke.Endpoint(), commits.first, "a.example.com:7946"))).To(Succeed())
		Expect(hub.Create(ctx, deploying(environmentName, repository))).To(Succeed())
	})

	It("become the revisions of its Applications", func(ctx SpecContext) {
		Eventually(app(ctx, apiInEU)).WithContext(ctx).Should(HaveField("Settled()", synced(commits.first)))
		Expect(deployed(ctx)(Default)).To(Equal(map[string]string{
			"release": "first", "fromFile": "none", "seeds": "a.example.com:7946",
		}))
		Expect(app(ctx, apiInEU)(Default).Labels).To(And(
			HaveKeyWithValue(v1alpha1.LabelApplication, api),
			HaveKeyWithValue(v1alpha1.LabelEnvironment, environmentName),
			HaveKeyWithValue(v1alpha1.LabelRegion, regionName),
		))
	}, SpecTimeout(specTimeout))

	It("move the Applications when they change", func(ctx SpecContext) {
		annotate(ctx, regionName, v1alpha1.AnnotationRevisionPrefix+api, commits.second)
		Eventually(app(ctx, apiInEU)).WithContext(ctx).Should(HaveField("Settled()", synced(commits.second)))
		Expect(deployed(ctx)(Default)).To(And(HaveKeyWithValue("release", "second"), HaveKeyWithValue("fromFile", regionName)))
	}, SpecTimeout(specTimeout))

	It("bring the seeds", func(ctx SpecContext) {
		annotate(ctx, regionName, v1alpha1.AnnotationWANSeedsPrefix+api, "a.example.com:7946,b.example.com:7946")
		Eventually(deployed(ctx)).WithContext(ctx).Should(HaveKeyWithValue("seeds", "a.example.com:7946,b.example.com:7946"))
		Eventually(app(ctx, apiInEU)).WithContext(ctx).Should(HaveField("Settled()", synced(commits.second)))
	}, SpecTimeout(specTimeout))

	It("take no sync where they change nothing", func(ctx SpecContext) {
		Eventually(app(ctx, apiInEU)).WithContext(ctx).Should(HaveField("Status.OperationState.Phase", "Succeeded"))
		before := app(ctx, apiInEU)(Default).Status.OperationState
		annotate(ctx, regionName, v1alpha1.AnnotationRevisionPrefix+api, commits.same)
		Eventually(app(ctx, apiInEU)).WithContext(ctx).Should(HaveField("Settled()", synced(commits.same)))
		Expect(app(ctx, apiInEU)(Default).Status.OperationState).To(Equal(before))
	}, SpecTimeout(specTimeout))

	// Argo CD goes on to call it Healthy.
	DescribeTable("that cannot be rendered show in a condition alone", func(ctx SpecContext, pin func() string, want string) {
		annotate(ctx, regionName, v1alpha1.AnnotationRevisionPrefix+api, pin())
		Eventually(app(ctx, apiInEU)).WithContext(ctx).Should(And(
			HaveField("Settled()", And(HaveField("Target", pin()), HaveField("Sync", "Unknown"), HaveField("Health", "Healthy"))),
			WithTransform(comparisonErrorOf, MatchRegexp(want)),
		))
		GinkgoWriter.Printf("%+v\n", app(ctx, apiInEU)(Default).Status)
		Expect(deployed(ctx)(Default)).To(HaveKeyWithValue("release", "second"))

		annotate(ctx, regionName, v1alpha1.AnnotationRevisionPrefix+api, commits.second)
		Eventually(app(ctx, apiInEU)).WithContext(ctx).Should(And(
			HaveField("Settled()", synced(commits.second)), WithTransform(comparisonErrorOf, BeEmpty()),
		))
	},
		Entry("for lack of the path", SpecTimeout(specTimeout), func() string { return commits.empty }, `app path does not exist`),
		Entry("for a chart with an error", SpecTimeout(specTimeout), func() string { return commits.broken }, `failed to execute helm template command: .*nobody can render this`),
		Entry("for lack of the commit", SpecTimeout(specTimeout), func() string { return lost }, `Failed to checkout revision `+lost),
	)

	It("cannot be rendered without a value file that is asked for", func(ctx SpecContext) {
		ignoreMissing := func(ignore bool) {
			set := resource("ApplicationSet", api, nil)
			patch := fmt.Appendf(nil, `{"spec":{"template":{"spec":{"source":{"helm":{"ignoreMissingValueFiles":%t}}}}}}`, ignore)
			Expect(hub.Patch(ctx, set, client.RawPatch(types.MergePatchType, patch))).To(Succeed())
		}
		ignoreMissing(false)
		annotate(ctx, regionName, v1alpha1.AnnotationRevisionPrefix+api, commits.first)
		Eventually(app(ctx, apiInEU)).WithContext(ctx).Should(WithTransform(comparisonErrorOf, ContainSubstring("no such file or directory")))
		GinkgoWriter.Println(comparisonErrorOf(app(ctx, apiInEU)(Default)))

		annotate(ctx, regionName, v1alpha1.AnnotationRevisionPrefix+api, commits.second)
		ignoreMissing(true)
		Eventually(app(ctx, apiInEU)).WithContext(ctx).Should(HaveField("Settled()", synced(commits.second)))
	}, SpecTimeout(specTimeout))

	It("are confirmed by a refresh, which the comparison takes away that has seen it", func(ctx SpecContext) {
		before := app(ctx, apiInEU)(Default)
		asked := time.Now().Truncate(time.Second) // as precise as reconciledAt
		refresh(ctx, apiInEU)
		after := app(ctx, apiInEU)(Default)
		Expect(after.Status.ReconciledAt.Time).To(And(
			BeTemporally(">=", asked), BeTemporally(">=", before.Status.ReconciledAt.Time),
		))
		Expect(after.Settled()).To(Equal(synced(commits.second)))
	}, SpecTimeout(specTimeout))

	It("are frozen everywhere by a cluster Secret without annotations, not by one with empty ones", func(ctx SpecContext) {
		bare := registration(ctx, "us-east-1", "https://127.0.0.1:1", "", "")
		bare.Annotations = nil
		Expect(hub.Create(ctx, bare)).To(Succeed())
		Eventually(appSetCondition(ctx, api, "ErrorOccurred")).WithContext(ctx).Should(HaveField("Status", "True"))
		GinkgoWriter.Println(appSetCondition(ctx, api, "ErrorOccurred")(Default))

		annotate(ctx, regionName, v1alpha1.AnnotationRevisionPrefix+api, commits.first)
		Consistently(app(ctx, apiInEU), 5*time.Second).WithContext(ctx).Should(HaveField("Settled()", synced(commits.second)))

		annotate(ctx, "us-east-1", v1alpha1.AnnotationRevisionPrefix+api, "")
		Eventually(app(ctx, apiInEU)).WithContext(ctx).Should(HaveField("Settled()", synced(commits.first)))
		Eventually(appSetCondition(ctx, api, "ErrorOccurred")).WithContext(ctx).Should(HaveField("Status", "False"))
		// Without a default in the template, no pin would be the branch's head.
		Expect(app(ctx, api+"-us-east-1")(Default).Spec.Source.TargetRevision).To(Equal(strings.Repeat("0", 40)))
		annotate(ctx, "us-east-1", v1alpha1.AnnotationConfirmDelete, bare.Name) // which our admission policy asks for
		Expect(hub.Delete(ctx, bare)).To(Succeed())
	}, SpecTimeout(specTimeout))

	It("come after a sync that is being tried again", func(ctx SpecContext) {
		retry := `{"spec":{"template":{"spec":{"syncPolicy":{"retry":{"limit":2,"backoff":{"duration":"10s","factor":1}}}}}}}`
		Expect(hub.Patch(ctx, resource("ApplicationSet", api, nil), client.RawPatch(types.MergePatchType, []byte(retry)))).To(Succeed())
		annotate(ctx, regionName, v1alpha1.AnnotationRevisionPrefix+api, commits.refused)
		waiting := And(HaveField("Phase", "Running"), HaveField("FinishedAt", Not(BeNil())), HaveField("SyncResult.Revision", commits.refused))
		Eventually(app(ctx, apiInEU)).WithContext(ctx).Should(HaveField("Status.OperationState", waiting))

		annotate(ctx, regionName, v1alpha1.AnnotationRevisionPrefix+api, commits.second)
		Eventually(app(ctx, apiInEU)).WithContext(ctx).Should(HaveField("Spec.Source.TargetRevision", commits.second))
		Expect(app(ctx, apiInEU)(Default).Status.OperationState).To(waiting)
		Eventually(app(ctx, apiInEU)).WithContext(ctx).Should(HaveField("Settled()", synced(commits.second)))
	}, SpecTimeout(specTimeout))

	It("end with the label that selects the region, and with them all that was deployed", func(ctx SpecContext) {
		secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "cluster-" + environmentName + "-" + regionName}}
		patch := fmt.Appendf(nil, `{"metadata":{"labels":{%q:"false"}}}`, v1alpha1.LabelManaged)
		Expect(hub.Patch(ctx, secret, client.RawPatch(types.MergePatchType, patch))).To(Succeed())
		config := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: "api", Name: api}}
		Eventually(func(g Gomega) {
			g.Expect(client.IgnoreNotFound(spoke.Get(ctx, client.ObjectKeyFromObject(config), config))).To(Succeed())
			g.Expect(config.DeletionTimestamp).NotTo(BeNil())
		}).WithContext(ctx).Should(Succeed())
		Expect(read(ctx, "Application", apiInEU, &application{})).To(Succeed())

		// What the garbage collector does that no one has started.
		Expect(spoke.Patch(ctx, config, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`)))).To(Succeed())
		Eventually(func() error { return read(ctx, "Application", apiInEU, &application{}) }).WithContext(ctx).
			Should(MatchError(apierrors.IsNotFound, "IsNotFound"))
	}, SpecTimeout(specTimeout))
})

// deploying is the sample's ApplicationSet for one environment of several, as docs/argocd.md says.
func deploying(environment string, from *git.Repository) *unstructured.Unstructured {
	GinkgoHelper()
	set, err := sample("ApplicationSet", api, "config", "samples", "applicationsets.yaml")
	Expect(err).NotTo(HaveOccurred())
	Expect(unstructured.SetNestedField(set.Object, from.HTTPURL(), "spec", "template", "spec", "source", "repoURL")).To(Succeed())
	selected := map[string]any{"clusters": map[string]any{"selector": map[string]any{
		"matchLabels": map[string]any{v1alpha1.LabelManaged: "true", "environment": environment},
	}}}
	Expect(unstructured.SetNestedSlice(set.Object, []any{selected}, "spec", "generators")).To(Succeed())
	return set
}

func comparisonErrorOf(a *application) string { return message(a.Status.Conditions, comparisonError) }

// synced is an Application of the ApplicationSet's that has deployed its pin.
func synced(revision string) settled {
	return settled{Target: revision, Revision: revision, Sync: "Synced", Health: "Healthy"}
}

func commit(path, content string) string {
	GinkgoHelper()
	sha, err := repository.Commit(map[string]string{path: content}, "Change "+path)
	Expect(err).NotTo(HaveOccurred())
	return sha
}

// deployed is what the region got.
func deployed(ctx context.Context) func(Gomega) map[string]string {
	return func(g Gomega) map[string]string {
		config := &corev1.ConfigMap{}
		g.Expect(spoke.Get(ctx, client.ObjectKey{Namespace: "api", Name: "unkey-api"}, config)).To(Succeed())
		return config.Data
	}
}

// registration is a cluster Secret as docs/argocd.md describes it, but for the connection: the
// token of EKS would need AWS.
func registration(ctx context.Context, region, server, pin, seeds string) *corev1.Secret {
	GinkgoHelper()
	name := environmentName + "-" + region
	config, err := json.Marshal(map[string]any{
		"bearerToken": administrator(ctx), "tlsClientConfig": map[string]any{"caData": spoke.CA()},
	})
	Expect(err).NotTo(HaveOccurred())
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace, Name: "cluster-" + name,
			Labels: map[string]string{
				"argocd.argoproj.io/secret-type": "cluster",
				v1alpha1.LabelManaged:            "true",
				v1alpha1.LabelEnvironment:        environmentName,
				v1alpha1.LabelRegion:             region,
				"environment":                    environmentName,
				"region":                         region,
				"profile":                        "base",
			},
			Annotations: map[string]string{
				v1alpha1.AnnotationRevisionPrefix + api: pin,
				v1alpha1.AnnotationWANSeedsPrefix + api: seeds,
			},
		},
		Data: map[string][]byte{"name": []byte(name), "server": []byte(server), "config": config},
	}
}

// administrator returns a token for the spoke.
func administrator(ctx context.Context) string {
	GinkgoHelper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "default", GenerateName: "argocd-"}}
	Expect(spoke.Create(ctx, account)).To(Succeed())
	Expect(spoke.Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: account.Name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: account.Namespace, Name: account.Name}},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
	})).To(Succeed())
	request := &authenticationv1.TokenRequest{}
	Expect(spoke.SubResource("token").Create(ctx, account, request)).To(Succeed())
	return request.Status.Token
}

// refresh asks for a comparison, and waits for one that knows that it was asked for.
func refresh(ctx context.Context, name string) {
	GinkgoHelper()
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:"normal"}}}`, refreshAnnotation)
	Expect(hub.Patch(ctx, resource("Application", name, nil), client.RawPatch(types.MergePatchType, patch))).To(Succeed())
	Eventually(app(ctx, name)).WithContext(ctx).Should(HaveField("Annotations", Not(HaveKey(refreshAnnotation))))
}

// annotate changes an annotation of a cluster Secret.
func annotate(ctx context.Context, region, key, value string) {
	GinkgoHelper()
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "cluster-" + environmentName + "-" + region}}
	patch := fmt.Appendf(nil, `{"metadata":{"annotations":{%q:%q}}}`, key, value)
	Expect(hub.Patch(ctx, secret, client.RawPatch(types.MergePatchType, patch))).To(Succeed())
}
