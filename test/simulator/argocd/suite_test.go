package argocd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-logr/logr/funcr"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// apiServer plays the management cluster and every destination. It starts with the
// first test that needs it.
var apiServer struct {
	once        sync.Once
	environment *envtest.Environment
	config      *rest.Config
	err         error
}

// errorsOnly is below the level of everything that is not an error.
const errorsOnly = -1

func TestMain(m *testing.M) {
	ctrl.SetLogger(funcr.New(func(prefix, args string) { fmt.Fprintln(os.Stderr, prefix, args) }, funcr.Options{Verbosity: errorsOnly}))
	code := m.Run()
	if apiServer.environment != nil {
		if err := apiServer.environment.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stopping the API server:", err)
			code = 1
		}
	}
	os.Exit(code)
}

func startAPIServer() {
	assets, err := binaryAssets()
	if err != nil {
		apiServer.err = err
		return
	}
	apiServer.environment = &envtest.Environment{
		BinaryAssetsDirectory: assets,
		UseExistingCluster:    new(false),
		CRDInstallOptions:     envtest.CRDInstallOptions{CRDs: CRDs()},
	}
	apiServer.config, apiServer.err = apiServer.environment.Start()
}

// binaryAssets is KUBEBUILDER_ASSETS, or bin/k8s of this module.
func binaryAssets() (string, error) {
	if dir := os.Getenv("KUBEBUILDER_ASSETS"); dir != "" {
		return dir, nil
	}
	root, err := moduleRoot()
	return filepath.Join(root, "bin", "k8s"), err
}

func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
	}
	return "", errors.New("no go.mod above the test")
}

type constantDuration time.Duration

func (d constantDuration) Sample(string) time.Duration { return time.Duration(d) }

// bed is an Argo CD of a test's own, in a namespace of its own.
type bed struct {
	*WithT
	client.Client
	ctx         context.Context //nolint:containedctx // the test's lifetime, which bounds everything here
	namespace   string          // Argo CD's
	workloads   string          // where Applications deploy to
	unreachable atomic.Bool
	stop        func()
}

func newBed(t *testing.T, sync time.Duration) *bed {
	t.Helper()
	g := NewWithT(t)
	g.SetDefaultEventuallyTimeout(20 * time.Second)
	g.SetDefaultEventuallyPollingInterval(20 * time.Millisecond)
	apiServer.once.Do(startAPIServer)
	g.Expect(apiServer.err).NotTo(HaveOccurred())
	c, err := client.New(apiServer.config, client.Options{})
	g.Expect(err).NotTo(HaveOccurred())

	b := &bed{WithT: g, Client: c, ctx: t.Context()}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "argocd-"}}
	g.Expect(c.Create(b.ctx, namespace)).To(Succeed())
	b.namespace, b.workloads = namespace.Name, "workloads-"+namespace.Name
	running, err := Start(b.ctx, Options{
		Config:    apiServer.config,
		Namespace: b.namespace,
		Cloud:     constantDuration(sync),
		Clusters:  func(string) (*rest.Config, bool) { return apiServer.config, !b.unreachable.Load() },
	})
	g.Expect(err).NotTo(HaveOccurred())
	b.stop = running.Stop
	t.Cleanup(b.stop)
	return b
}

// sampleSets reads the ApplicationSets that we ship.
func sampleSets(g *WithT) map[string]*unstructured.Unstructured {
	root, err := moduleRoot()
	g.Expect(err).NotTo(HaveOccurred())
	file, err := os.Open(filepath.Join(root, "config", "samples", "applicationsets.yaml"))
	g.Expect(err).NotTo(HaveOccurred())
	defer func() { g.Expect(file.Close()).To(Succeed()) }()
	objects, err := decodeManifests(file)
	g.Expect(err).NotTo(HaveOccurred())
	sets := map[string]*unstructured.Unstructured{}
	for _, object := range objects {
		sets[object.GetName()] = object
	}
	return sets
}

// createSet creates the shipped ApplicationSet in the test's own namespaces.
func (b *bed) createSet(name string, edits ...func(*unstructured.Unstructured)) *unstructured.Unstructured {
	set := sampleSets(b.WithT)[name]
	set.SetNamespace(b.namespace)
	b.Expect(unstructured.SetNestedField(set.Object, b.workloads, "spec", "template", "spec", "destination", "namespace")).To(Succeed())
	for _, edit := range edits {
		edit(set)
	}
	b.Expect(b.Create(b.ctx, set)).To(Succeed())
	return set
}

// clusterSecret is what Portolan writes for a region.
func clusterSecret(namespace, region string) *corev1.Secret {
	return &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: namespace,
			Name:      "cluster-" + region,
			Labels: map[string]string{
				secretTypeLabel:        secretTypeValue,
				"portolan.dev/managed": "true",
				"portolan.dev/region":  region,
				"environment":          "production001",
				"region":               "eu-west-1",
				"provider":             "aws",
				"clusterSuffix":        "",
				"profile":              "deploy",
			},
			Annotations: map[string]string{
				"portolan.dev/revision.unkey-api":  sha('a'),
				"portolan.dev/revision.frontline":  sha('b'),
				"portolan.dev/revision.core":       sha('c'),
				"portolan.dev/wan-seeds.unkey-api": "",
				"portolan.dev/wan-seeds.frontline": "",
			},
		},
		Data: map[string][]byte{"name": []byte("production001-" + region), "server": []byte("https://" + region + ".example")},
	}
}

func sha(digit byte) string { return strings.Repeat(string(digit), 40) }

func (b *bed) createSecret(region string) *corev1.Secret {
	secret := clusterSecret(b.namespace, region)
	b.Expect(b.Create(b.ctx, secret)).To(Succeed())
	return secret
}

// edit changes an object the way kubectl patch would.
func (b *bed) edit(object client.Object, change func()) {
	before := object.DeepCopyObject().(client.Object)
	change()
	b.Expect(b.Patch(b.ctx, object, client.MergeFrom(before))).To(Succeed())
}

func (b *bed) annotate(object client.Object, key, value string) {
	b.edit(object, func() {
		annotations := object.GetAnnotations()
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[key] = value
		object.SetAnnotations(annotations)
	})
}

// app reads an Application, as nothing when there is none.
func (b *bed) app(name string) func() *application {
	return func() *application {
		object := objectOf(applicationKind)
		if err := b.Get(b.ctx, client.ObjectKey{Namespace: b.namespace, Name: name}, object); err != nil {
			return nil
		}
		app, err := parseApplication(object)
		b.Expect(err).NotTo(HaveOccurred())
		return app
	}
}

func (b *bed) deployment(name string) func() (*appsv1.Deployment, error) {
	return func() (*appsv1.Deployment, error) {
		deployment := &appsv1.Deployment{}
		return deployment, b.Get(b.ctx, client.ObjectKey{Namespace: b.workloads, Name: name}, deployment)
	}
}

func (b *bed) service(name string) func() (*corev1.Service, error) {
	return func() (*corev1.Service, error) {
		service := &corev1.Service{}
		return service, b.Get(b.ctx, client.ObjectKey{Namespace: b.workloads, Name: name}, service)
	}
}

// rollOut does what the regional cluster does: it makes the Deployment available.
func (b *bed) rollOut(name string) {
	deployment, err := b.deployment(name)()
	b.Expect(err).NotTo(HaveOccurred())
	deployment.Status = appsv1.DeploymentStatus{
		ObservedGeneration: deployment.Generation,
		Replicas:           2, UpdatedReplicas: 2, ReadyReplicas: 2, AvailableReplicas: 2,
	}
	b.Expect(b.Status().Update(b.ctx, deployment)).To(Succeed())
}

// publish does what the load balancer controller does: it tells the hostname.
func (b *bed) publish(name string) {
	service, err := b.service(name)()
	b.Expect(err).NotTo(HaveOccurred())
	service.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{Hostname: "k8s-api.elb.eu-west-1.amazonaws.com"}}
	b.Expect(b.Status().Update(b.ctx, service)).To(Succeed())
}

func seedsOf(deployment *appsv1.Deployment) string {
	for _, env := range deployment.Spec.Template.Spec.Containers[0].Env {
		if env.Name == "UNKEY_GOSSIP_WAN_SEEDS" {
			return env.Value
		}
	}
	return "not set"
}

func syncStatusOf(app *application) string {
	if app == nil || app.Status.Sync == nil {
		return ""
	}
	return app.Status.Sync.Status
}

func healthStatusOf(app *application) string {
	if app == nil || app.Status.Health == nil {
		return ""
	}
	return app.Status.Health.Status
}
