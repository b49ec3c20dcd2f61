// Package testenv runs reconcilers against a real API server that has the CRDs of
// Portolan, ACK and Argo CD, and plays everybody else: AWS, ACK, Argo CD and the
// regional clusters.
//
// The API server refuses unknown fields, so that a field that our views of ACK's
// kinds spell differently fails a spec instead of being pruned.
package testenv

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/scheme"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
)

// patience is how long a spec waits for what happens at once on a machine that has nothing
// else to do.
const patience = 20 * time.Second

// Env is the management cluster of a suite.
type Env struct {
	// Client reads what is stored and writes.
	Client client.Client
	// Live reads what is stored with its field managers, which Client leaves out.
	Live client.Reader

	server client.WithWatch
}

// Start brings the management cluster up for a suite, which stops it when it ends.
func Start() *Env {
	GinkgoHelper()
	log.SetLogger(GinkgoLogr)
	root, err := moduleRoot()
	Expect(err).NotTo(HaveOccurred())
	known, err := newScheme()
	Expect(err).NotTo(HaveOccurred())
	crds, err := definitions(root, known)
	Expect(err).NotTo(HaveOccurred())

	environment := &envtest.Environment{
		CRDs:                  crds,
		BinaryAssetsDirectory: binaries(root),
	}
	// Nobody watches here, and with a cache for watches, a list waits for etcd's word that the
	// cache is up to date, which the API server asks for ten times a second.
	environment.ControlPlane.GetAPIServer().Configure().Set("watch-cache", "false")
	GinkgoT().Setenv("GOGC", "400") // the programs that are started here have memory to spare
	DeferCleanup(environment.Stop)  // also what a failed start leaves running
	config, err := environment.Start()
	Expect(err).NotTo(HaveOccurred(), "starting the API server; `make k8s` builds it")
	config.QPS = -1

	server, err := client.NewWithWatch(config, client.Options{Scheme: known})
	Expect(err).NotTo(HaveOccurred())
	live := server
	server = newMemory().over(server)
	SetDefaultEventuallyTimeout(patience)
	return &Env{Live: live, Client: strict(server), server: server}
}

func strict(c client.Client) client.Client {
	return client.WithFieldValidation(c, metav1.FieldValidationStrict)
}

func newScheme() (*runtime.Scheme, error) {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		scheme.AddToScheme, v1alpha1.AddToScheme, ack.AddToScheme, argocd.AddToScheme,
	} {
		if err := add(s); err != nil {
			return nil, err
		}
	}
	return s, nil
}
