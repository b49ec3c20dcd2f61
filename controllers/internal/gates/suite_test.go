package gates

import (
	"context"
	"os"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

func TestGates(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Gates")
}

// server is the management cluster.
var server client.WithWatch

var _ = BeforeSuite(func() {
	log.SetLogger(GinkgoLogr)
	environment := &envtest.Environment{}
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		environment.BinaryAssetsDirectory = "../../../bin/k8s"
	}
	DeferCleanup(environment.Stop) // also what a failed start leaves running
	config, err := environment.Start()
	Expect(err).NotTo(HaveOccurred(), "starting the API server; `make k8s` builds it")
	config.QPS = -1
	server, err = client.NewWithWatch(config, client.Options{})
	Expect(err).NotTo(HaveOccurred())
})

// namespaced makes a new one: none is ever deleted without a controller.
func namespaced(ctx context.Context) string {
	GinkgoHelper()
	n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "gates-"}}
	Expect(server.Create(ctx, n)).To(Succeed())
	return n.Name
}
