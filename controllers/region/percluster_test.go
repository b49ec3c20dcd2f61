package region_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/yaml"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
	"github.com/portolan-dev/portolan/controllers/internal/remote"
	"github.com/portolan-dev/portolan/controllers/internal/testenv"
	"github.com/portolan-dev/portolan/controllers/internal/testenv/build"
)

var _ = Describe("a Region of an environment with EKS's Argo CD", func() {
	It("is registered by the cluster's ARN, and lets the capability in", func(ctx SpecContext) {
		const role = "arn:aws:iam::123456789012:role/argocd-capability"
		b := newBed(ctx)
		b.environment.Spec.ArgoCD = v1alpha1.ArgoCD{Mode: v1alpha1.ArgoCDEKSCapability, RoleARN: role}
		b.reachReady(ctx)
		secret, err := b.ArgoCD.Get(ctx, b.region)
		Expect(err).NotTo(HaveOccurred())
		Expect(secret.Data).To(HaveLen(3), "no config")
		Expect(string(secret.Data["server"])).To(Equal("arn:aws:eks:eu-west-1:123456789012:cluster/" + prefix))
		Expect(string(secret.Data["name"])).To(Equal(prefix))
		Expect(string(secret.Data["project"])).To(Equal("default"))
		entry := object(ctx, b, &eks.AccessEntry{}, "argocd").Spec
		Expect(entry.PrincipalARN).To(HaveValue(Equal(role)))
	})
})

// inside is a regional cluster with a real API server, for an Argo CD in it.
type inside struct {
	client.Client

	config *rest.Config
	stop   func() error
}

// startInside lets the operator in as an administrator.
func startInside(ctx context.Context) *inside {
	GinkgoHelper()
	tokens := filepath.Join(GinkgoT().TempDir(), "tokens.csv")
	Expect(os.WriteFile(tokens, []byte("fake-token/eu-west-1/"+prefix+`,portolan,1,"system:masters"`+"\n"), 0o600)).To(Succeed())
	environment := &envtest.Environment{ControlPlaneStartTimeout: 2 * time.Minute} // the machine may be busy
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		environment.BinaryAssetsDirectory = filepath.Join("..", "..", "bin", "k8s")
	}
	environment.ControlPlane.GetAPIServer().Configure().Append("token-auth-file", tokens)
	config, err := environment.Start()
	Expect(err).NotTo(HaveOccurred(), "starting the API server; `make k8s` builds it")
	config.QPS = -1
	c, err := client.New(config, client.Options{Scheme: env.Client.Scheme()})
	Expect(err).NotTo(HaveOccurred())
	in := &inside{Client: c, config: config, stop: environment.Stop}
	DeferCleanup(func() { _ = in.stop() })
	Expect(in.Create(ctx, build.Node("node-1"))).To(Succeed())
	node := build.Node("node-1")
	Expect(in.Get(ctx, client.ObjectKeyFromObject(node), node)).To(Succeed())
	node.Status = build.Node("node-1").Status
	Expect(in.Status().Update(ctx, node)).To(Succeed())
	return in
}

// install makes Argo CD's kinds known.
func (in *inside) install() {
	GinkgoHelper()
	application, err := os.ReadFile(filepath.Join("..", "internal", "testenv", "application.yaml"))
	Expect(err).NotTo(HaveOccurred())
	var crds []*apiextensionsv1.CustomResourceDefinition
	for _, text := range []string{string(application), strings.NewReplacer(
		"Application", "ApplicationSet", "applications", "applicationsets", "singular: application", "singular: applicationset").Replace(string(application))} {
		crd := &apiextensionsv1.CustomResourceDefinition{}
		Expect(yaml.Unmarshal([]byte(text), crd)).To(Succeed())
		crds = append(crds, crd)
	}
	_, err = envtest.InstallCRDs(in.config, envtest.CRDInstallOptions{CRDs: crds})
	Expect(err).NotTo(HaveOccurred())
}

var _ = Describe("a Region with an Argo CD of its own", Ordered, func() {
	var b *bed
	var in *inside
	var way *link
	var secret *corev1.Secret

	// eventually reconciles until the Region has the condition, as time goes by.
	eventually := func(ctx SpecContext, conditionType, status, reason string, inMessage ...string) {
		GinkgoHelper()
		Eventually(func(g Gomega) {
			b.ACK.SyncAll(ctx, b.Namespace)
			if d := b.region.Status.Deletion; d == nil || b.Clock.Since(d.StartedAt.Time) < 9*time.Minute { // what is waited for takes real time
				b.Clock.Step(testenv.Poll)
			}
			_, err := testenv.Reconcile(ctx, b.Env, b.reconciler, b.region)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(b.region).To(testenv.HaveCondition(conditionType, metav1.ConditionStatus(status), reason, inMessage...))
		}).Should(Succeed())
	}

	BeforeAll(func(ctx SpecContext) {
		in = startInside(ctx)
		b = newBed(ctx)
		b.ArgoCD.Homes = &argocd.Homes{Client: b.Client, Clusters: b.Clusters, Scheme: env.Client.Scheme()}
		way = linkTo(ctx, in.config.Host)
		b.ACK.Serve(way.url(), string(in.config.CAData))
		b.environment.Spec.ArgoCD = v1alpha1.ArgoCD{Mode: v1alpha1.ArgoCDPerCluster, ClusterLabels: map[string]v1alpha1.LabelValue{"tier": "gold"}}
		namespace := &corev1.Namespace{}
		namespace.Name = b.ArgoCD.Namespace
		Expect(in.Create(ctx, namespace)).To(Succeed())
		secret = &corev1.Secret{}
		secret.Namespace, secret.Name = b.ArgoCD.Namespace, argocd.SecretName(prefix)
		b.apply(ctx)
		b.ExpectApplied(ctx, build.Promotion(b.Namespace, "main"))
	})

	It("says that Argo CD is missing", func(ctx SpecContext) {
		eventually(ctx, "Registered", "Unknown", "ArgoCDNotInstalled", prefix+" lacks kinds of Argo CD", "bootstrap list")
		Expect(b.region).To(testenv.HaveCondition("ApplicationsHealthy", "Unknown", "Blocked"))
		found, err := b.ArgoCD.AllApplications(ctx, b.environment)
		Expect(err).NotTo(HaveOccurred())
		Expect(argocd.Evaluate(found["eu-west-1"][build.ApplicationName], string(build.Revision))).To(And(
			HaveField("Class", argocd.Unreachable), HaveField("Reason", "ArgoCDNotInstalled")))
	})

	It("has Portolan write in its namespace and nowhere else", func(ctx SpecContext) {
		Expect(object(ctx, b, &eks.AccessEntry{}, "portolan").Spec.AccessPolicies).To(HaveExactElements(
			HaveField("PolicyARN", HaveValue(HaveSuffix("AmazonEKSAdminViewPolicy"))),
			And(HaveField("PolicyARN", HaveValue(HaveSuffix("AmazonEKSClusterAdminPolicy"))),
				HaveField("AccessScope.Namespaces", HaveExactElements(HaveValue(Equal(b.ArgoCD.Namespace)))))))
	})

	It("does not make a second Secret for the cluster beside somebody's", func(ctx SpecContext) {
		theirs := &corev1.Secret{}
		theirs.Namespace, theirs.Name, theirs.Labels = b.ArgoCD.Namespace, "theirs", map[string]string{argocd.LabelSecretType: argocd.SecretTypeCluster}
		theirs.Data = map[string][]byte{"name": []byte("in-cluster"), "server": []byte("https://kubernetes.default.svc/")}
		Expect(in.Create(ctx, theirs)).To(Succeed())
		in.install()
		eventually(ctx, "Registered", "Unknown", "SecretNotOurs", "a Secret theirs that Portolan did not make")
		Expect(in.Delete(ctx, theirs)).To(Succeed())
	})

	It("goes on by itself, and is registered inside", func(ctx SpecContext) {
		eventually(ctx, "Registered", "True", "Succeeded")
		Expect(in.Get(ctx, client.ObjectKeyFromObject(secret), secret)).To(Succeed())
		Expect(secret.Annotations).To(HaveKeyWithValue(pinKey, string(build.Revision)))
		Expect(secret.Labels).To(And(HaveKeyWithValue("portolan.dev/managed", "true"), HaveKeyWithValue("tier", "gold"),
			HaveKeyWithValue("portolan.dev/region", "eu-west-1"), HaveKeyWithValue(argocd.LabelSecretType, argocd.SecretTypeCluster)))
		Expect(string(secret.Data["server"])).To(Equal("https://kubernetes.default.svc"))
		Expect(string(secret.Data["name"])).To(Equal("in-cluster"))
		Expect(secret.Data).To(HaveLen(2))
		Expect(apierrors.IsNotFound(env.Client.Get(ctx, client.ObjectKeyFromObject(secret), &corev1.Secret{}))).To(BeTrue(), "nothing in the management cluster")
		Expect(b.region).To(testenv.HaveCondition("ApplicationsHealthy", "Unknown", "ApplicationsNotHealthy", "ApplicationMissing"))
	})

	It("looks at the Applications inside, and asks them for a refresh", func(ctx SpecContext) {
		app := build.Application(b.ArgoCD.Namespace, "eu-west-1", build.ApplicationName, build.Revision)
		Expect(in.Create(ctx, app)).To(Succeed())
		eventually(ctx, "ApplicationsHealthy", "True", "Succeeded")
		all, err := b.ArgoCD.AllApplications(ctx, b.environment)
		Expect(err).NotTo(HaveOccurred())
		Expect(b.ArgoCD.Refresh(ctx, all["eu-west-1"][build.ApplicationName], false)).To(Succeed())
		Expect(in.Get(ctx, client.ObjectKeyFromObject(app), app)).To(Succeed())
		Expect(app.Annotations).To(HaveKeyWithValue("argocd.argoproj.io/refresh", "normal"))
	})

	It("takes pins and seeds inside, and sees at once what it wrote", func(ctx SpecContext) {
		Expect(b.ArgoCD.SetPin(ctx, b.region, build.ApplicationName, string(build.NextRevision))).To(BeTrue())
		Expect(b.ArgoCD.SetSeeds(ctx, b.region, "unkey-api", "gossip.us-east-1.test")).To(BeTrue())
		seen, err := b.ArgoCD.Get(ctx, b.region)
		Expect(err).NotTo(HaveOccurred())
		Expect(seen.Annotations).To(And(HaveKeyWithValue(pinKey, string(build.NextRevision)), HaveKeyWithValue(seedsKey, "gossip.us-east-1.test")))
		Expect(b.ArgoCD.SetPin(ctx, b.region, build.ApplicationName, string(build.NextRevision))).To(BeFalse(), "a second time")
		owner, err := b.ArgoCD.PinOwner(ctx, b.region, build.ApplicationName)
		Expect(owner, err).To(Equal("portolan-promotion/" + build.ApplicationName))
		Expect(b.ArgoCD.SetPin(ctx, b.region, build.ApplicationName, string(build.Revision))).To(BeTrue())
		eventually(ctx, "Ready", "True", "Succeeded")
	})

	It("keeps what it knew of a cluster that does not answer, and takes nothing for it", func(ctx SpecContext) {
		way.set(true)
		eventually(ctx, "Connected", "Unknown", "ClusterUnreachable")
		eventually(ctx, "Registered", "Unknown", "ClusterUnreachable", "its Argo CD cannot be reached")
		Expect(b.region).To(testenv.HaveCondition("ApplicationsHealthy", "Unknown", "Blocked"))
		Expect(b.region.Status.Applications).To(HaveValue(HaveField("Healthy", BeEquivalentTo(1))))

		seen, err := b.ArgoCD.Get(ctx, b.region)
		Expect(err).NotTo(HaveOccurred())
		Expect(seen.Annotations).To(HaveKeyWithValue(pinKey, string(build.Revision)))
		all, err := b.ArgoCD.AllApplications(ctx, b.environment)
		Expect(err).NotTo(HaveOccurred(), "other regions have their turn")
		Expect(argocd.Evaluate(all["eu-west-1"][build.ApplicationName], string(build.Revision))).To(And(
			HaveField("Class", argocd.Unreachable), HaveField("Reason", "ClusterUnreachable")))
		_, err = b.ArgoCD.SetPin(ctx, b.region, build.ApplicationName, string(build.NextRevision))
		Expect(err).To(MatchError(argocd.ErrUnreachable))

		By("an operator that has just started and saw nothing of it")
		started := *b.ArgoCD
		started.Homes = &argocd.Homes{Client: b.Client, Clusters: remote.New(b.AWS, b.Clock, testenv.Poll), Scheme: env.Client.Scheme()}
		_, err = started.Get(ctx, b.region)
		Expect(err).To(MatchError(argocd.ErrUnreachable), "the Secret is not gone")
		all, err = started.AllApplications(ctx, b.environment)
		Expect(err).NotTo(HaveOccurred())
		Expect(argocd.Evaluate(all["eu-west-1"][build.ApplicationName], string(build.Revision)).Class).To(Equal(argocd.Unreachable))

		way.set(false)
		eventually(ctx, "Ready", "True", "Succeeded")
	})

	It("writes nothing while nothing changes", func(ctx SpecContext) {
		Expect(in.Get(ctx, client.ObjectKeyFromObject(secret), secret)).To(Succeed())
		before := secret.ResourceVersion
		b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })
		Expect(in.Get(ctx, client.ObjectKeyFromObject(secret), secret)).To(Succeed())
		Expect(secret.ResourceVersion).To(Equal(before))
	})

	It("deletes its Applications inside before its Secret, though the Environment is gone", func(ctx SpecContext) {
		testenv.ExpectUpdated(ctx, b.Env, b.region, func(r *v1alpha1.Region) {
			r.Annotations = map[string]string{v1alpha1.AnnotationConfirmDelete: r.Name}
		})
		way.set(true)
		b.AWS.SetClusterVersion("eu-west-1", prefix, "1.34") // EKS has it
		eventually(ctx, "Connected", "Unknown", "ClusterUnreachable")
		Expect(env.Client.Delete(ctx, b.environment)).To(Succeed())
		Expect(env.Client.Delete(ctx, b.region)).To(Succeed())
		eventually(ctx, "Deleting", "True", "RemovingApplications", "its Argo CD cannot be told to delete the Applications")
		way.set(false)
		eventually(ctx, "Deleting", "True", "RemovingApplications", "Argo CD is deleting Applications "+build.ApplicationName+"-eu-west-1")
		Expect(in.Get(ctx, client.ObjectKeyFromObject(secret), secret)).To(Succeed())
		Expect(secret.Labels).To(HaveKeyWithValue("portolan.dev/managed", "false"))
		app := build.Application(b.ArgoCD.Namespace, "eu-west-1", build.ApplicationName, build.Revision)
		Expect(in.Get(ctx, client.ObjectKeyFromObject(app), app)).To(Succeed())
		Expect(app.Finalizers).To(ConsistOf(argocd.ResourcesFinalizer))
		Expect(app.DeletionTimestamp).NotTo(BeNil())

		By("an operator that has just been started, when the Applications have been taking long")
		clusters, registry, reconciler := b.Clusters, b.ArgoCD, b.reconciler
		b.Clock.Step(11 * time.Minute)
		b.restart()
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("Deleting", "True", "RemovingApplications", "its Argo CD cannot be told to delete the Applications"))
		Expect(object(ctx, b, &eks.Nodegroup{}, build.NodeGroup).DeletionTimestamp).To(BeNil())
		b.Clusters, b.ArgoCD, b.reconciler = clusters, registry, reconciler

		Expect(in.Patch(ctx, app, client.RawPatch("application/merge-patch+json", []byte(`{"metadata":{"finalizers":null}}`)))).To(Succeed())
		Eventually(func(g Gomega) {
			_, err := testenv.Reconcile(ctx, b.Env, b.reconciler, b.region)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(apierrors.IsNotFound(in.Get(ctx, client.ObjectKeyFromObject(secret), secret))).To(BeTrue())
		}).Should(Succeed())
	})
})
