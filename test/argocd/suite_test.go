// Package argocd runs the real Argo CD against real API servers and a real git repository, to see
// whether what Portolan writes for it, and what Portolan believes about it, is so.
package argocd

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/go-logr/logr"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/test/simulator/controlplane"
	"github.com/portolan-dev/portolan/test/simulator/git"
)

// specTimeout is plenty: what is waited for takes Argo CD seconds.
const specTimeout = 3 * time.Minute

var (
	// module is the folder of this repository.
	module = filepath.Join("..", "..")
	// hub is the management cluster, in which Argo CD runs.
	hub *cluster
	// spoke is the cluster of a region.
	spoke *cluster
	// repository is what Argo CD deploys from.
	repository *git.Repository
	argo       *installation
)

// cluster is an API server with its client.
type cluster struct {
	*controlplane.APIServer
	client.Client
}

func TestArgoCD(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyPollingInterval(250 * time.Millisecond)
	RunSpecs(t, "Argo CD")
}

var _ = BeforeSuite(func() {
	ctrl.SetLogger(logr.Discard())
	ctx, cancel := context.WithCancel(context.Background())
	DeferCleanup(cancel)
	dir, err := os.MkdirTemp("", "argocd-")
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(os.RemoveAll, dir)
	bin, err := findArgoCD(module)
	Expect(err).NotTo(HaveOccurred())
	bin, err = filepath.Abs(bin)
	Expect(err).NotTo(HaveOccurred())

	startClusters(ctx, dir)
	Expect(envtestCRDs(hub, filepath.Join(module, "config", "crd", "bases"), filepath.Join(bin, "crds"))).To(Succeed())
	serveRepository(filepath.Join(dir, "repository.git"))
	prepareHub(ctx)
	kubeconfig := filepath.Join(dir, "kubeconfig")
	Expect(os.WriteFile(kubeconfig, hub.Kubeconfig(""), 0o600)).To(Succeed())
	argo, err = install(ctx, bin, filepath.Join(dir, "argocd"), kubeconfig)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(argo.stop)
})

var _ = ReportAfterEach(func(report SpecReport) {
	if !report.Failed() || argo == nil {
		return
	}
	for _, name := range []string{"applicationset-controller", "application-controller", "repo-server"} {
		GinkgoWriter.Printf("The last lines of %s:\n%s\n", name, tail(argo.log(name)))
	}
})

func startClusters(ctx context.Context, dir string) {
	GinkgoHelper()
	binaries, err := controlplane.FindBinaries()
	Expect(err).NotTo(HaveOccurred())
	etcd, err := controlplane.StartEtcd(ctx, binaries, dir)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(etcd.Stop)
	scheme := runtime.NewScheme()
	Expect(clientgoscheme.AddToScheme(scheme)).To(Succeed())
	Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	for name, c := range map[string]**cluster{"hub": &hub, "spoke": &spoke} {
		server, err := controlplane.StartAPIServer(ctx, binaries, etcd, controlplane.Config{Name: name, Dir: dir})
		Expect(err).NotTo(HaveOccurred())
		DeferCleanup(server.Stop)
		k8s, err := client.New(server.Config(), client.Options{Scheme: scheme})
		Expect(err).NotTo(HaveOccurred())
		*c = &cluster{APIServer: server, Client: k8s}
	}
}

func envtestCRDs(c *cluster, folders ...string) error {
	_, err := envtest.InstallCRDs(c.Config(), envtest.CRDInstallOptions{Paths: folders, ErrorIfPathMissing: true})
	return err
}

func serveRepository(dir string) {
	GinkgoHelper()
	var err error
	repository, err = git.Create(dir)
	Expect(err).NotTo(HaveOccurred())
	Expect(repository.Serve()).To(Succeed())
	DeferCleanup(repository.Stop)
}

// prepareHub creates what Argo CD's own installation has beside the programs: of the manifests the
// configuration, and of what its API server does when it starts the default project.
func prepareHub(ctx context.Context) {
	GinkgoHelper()
	meta := metav1.ObjectMeta{Namespace: namespace, Labels: map[string]string{"app.kubernetes.io/part-of": "argocd"}}
	config, secret := &corev1.ConfigMap{ObjectMeta: meta}, &corev1.Secret{ObjectMeta: meta}
	config.Name, secret.Name = "argocd-cm", "argocd-secret"
	secret.StringData = map[string]string{"server.secretkey": rand.Text()} // what Argo CD signs with, of this run
	project := resource("AppProject", "default", map[string]any{
		"sourceRepos":              []any{"*"},
		"destinations":             []any{map[string]any{"namespace": "*", "server": "*"}},
		"clusterResourceWhitelist": []any{map[string]any{"group": "*", "kind": "*"}},
	})
	for _, obj := range []client.Object{
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}, config, secret, project,
	} {
		Expect(hub.Create(ctx, obj)).To(Succeed())
	}
}
