// Package argocd runs the real Argo CD in the rehearsal bed, to see whether what Portolan ships and
// writes for it, and what Portolan believes about it, is so: by hand where it is about Argo CD
// alone, and with the real operator where it is about both.
package argocd

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/go-logr/logr"
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/test/bed"
	"github.com/portolan-dev/portolan/test/simulator/controlplane"
	"github.com/portolan-dev/portolan/test/simulator/git"
)

const (
	// specTimeout is plenty: what is waited for takes Argo CD seconds.
	specTimeout = 3 * time.Minute
	// timeScale lets an AWS minute take a second.
	timeScale = 1.0 / 60
)

var (
	// module is the folder of this repository.
	module = filepath.Join("..", "..")
	// world is the rehearsal bed, without its own Argo CD.
	world *bed.Bed
	// hub acts on the management cluster, in which Argo CD and, at times, the operator run.
	hub client.Client
	// spoke is the cluster of a region that somebody has registered by hand.
	spoke *cluster
	// repository is what Argo CD deploys there.
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

	world, err = bed.Start(ctx, bed.Options{TimeScale: timeScale, Seed: uint64(GinkgoRandomSeed()), WithoutArgoCD: true})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(world.Stop)
	hub = world.Client
	startSpoke(ctx, dir)
	_, err = envtest.InstallCRDs(world.Config, envtest.CRDInstallOptions{
		Paths: []string{filepath.Join(bin, "crds")}, ErrorIfPathMissing: true, MaxTime: specTimeout,
	})
	Expect(err).NotTo(HaveOccurred())
	repository = serveRepository(filepath.Join(dir, "repository.git"))
	prepareHub(ctx)
	kubeconfig, err := world.Kubeconfig()
	Expect(err).NotTo(HaveOccurred())
	way := openWayToAWS(dir)
	argo, err = install(ctx, bin, filepath.Join(dir, "argocd"), slices.Concat([]string{"KUBECONFIG=" + kubeconfig}, world.ArgoCDKeys(), way))
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
	GinkgoWriter.Printf("The last lines of the operator:\n%s\n", tail(world.OperatorLog()))
	for _, list := range []client.ObjectList{&v1alpha1.RegionList{}, &v1alpha1.GossipRingList{}, &v1alpha1.PromotionList{}} {
		if err := hub.List(context.Background(), list); err == nil {
			describe(list)
		}
	}
})

// describe writes down what Portolan says of objects.
func describe(list client.ObjectList) {
	_ = meta.EachListItem(list, func(obj runtime.Object) error {
		o, ok := obj.(conditioned)
		if !ok {
			return nil
		}
		GinkgoWriter.Printf("%T %s:\n", o, client.ObjectKeyFromObject(o))
		for _, c := range *o.GetConditions() {
			GinkgoWriter.Printf("  %-20s %-8s %s: %s\n", c.Type, c.Status, c.Reason, c.Message)
		}
		return nil
	})
}

func startSpoke(ctx context.Context, dir string) {
	GinkgoHelper()
	binaries, err := controlplane.FindBinaries()
	Expect(err).NotTo(HaveOccurred())
	etcd, err := controlplane.StartEtcd(ctx, binaries, dir)
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(etcd.Stop)
	server, err := controlplane.StartAPIServer(ctx, binaries, etcd, controlplane.Config{Name: "spoke", Dir: dir})
	Expect(err).NotTo(HaveOccurred())
	DeferCleanup(server.Stop)
	k8s, err := client.New(server.Config(), client.Options{})
	Expect(err).NotTo(HaveOccurred())
	spoke = &cluster{APIServer: server, Client: k8s}
}

func serveRepository(dir string) *git.Repository {
	GinkgoHelper()
	r, err := git.Create(dir)
	Expect(err).NotTo(HaveOccurred())
	Expect(r.Serve()).To(Succeed())
	DeferCleanup(r.Stop)
	return r
}

// prepareHub creates what Argo CD's own installation has beside the programs: of the manifests the
// configuration, and of what its API server does when it starts the default project.
func prepareHub(ctx context.Context) {
	GinkgoHelper()
	part := metav1.ObjectMeta{Namespace: namespace, Labels: map[string]string{"app.kubernetes.io/part-of": "argocd"}}
	config, secret := &corev1.ConfigMap{ObjectMeta: part}, &corev1.Secret{ObjectMeta: part}
	config.Name, secret.Name = "argocd-cm", "argocd-secret"
	secret.StringData = map[string]string{"server.secretkey": rand.Text()} // what Argo CD signs with, of this run
	project := resource("AppProject", "default", map[string]any{
		"sourceRepos":              []any{"*"},
		"destinations":             []any{map[string]any{"namespace": "*", "server": "*"}},
		"clusterResourceWhitelist": []any{map[string]any{"group": "*", "kind": "*"}},
	})
	for _, obj := range []client.Object{config, secret, project} {
		Expect(hub.Create(ctx, obj)).To(Succeed())
	}
}
