package v1alpha1_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

func TestAPI(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "API")
}

var cluster client.Client

// The reconcilers' testenv is internal to controllers/, and this suite needs less:
// an API server that knows our own kinds.
var _ = BeforeSuite(func() {
	log.SetLogger(GinkgoLogr)
	root := filepath.Join("..", "..")
	environment := &envtest.Environment{
		CRDDirectoryPaths:     []string{filepath.Join(root, "config", "crd", "bases")},
		ErrorIfCRDPathMissing: true,
	}
	if os.Getenv("KUBEBUILDER_ASSETS") == "" {
		environment.BinaryAssetsDirectory = filepath.Join(root, "bin", "k8s")
	}
	DeferCleanup(environment.Stop) // also what a failed start leaves running
	config, err := environment.Start()
	Expect(err).NotTo(HaveOccurred(), "starting the API server; `make k8s` builds it")

	scheme := runtime.NewScheme()
	Expect(v1alpha1.AddToScheme(scheme)).To(Succeed())
	cluster, err = client.New(config, client.Options{Scheme: scheme})
	Expect(err).NotTo(HaveOccurred())
	cluster = client.WithFieldValidation(cluster, metav1.FieldValidationStrict)
})

// edited applies an edit to a valid object of its own.
func edited[T client.Object](valid func() T, edit func(T)) T {
	obj := valid()
	obj.SetNamespace("default")
	edit(obj)
	return obj
}

// expectAccepted creates the object and removes it again.
func expectAccepted(ctx context.Context, obj client.Object) {
	GinkgoHelper()
	Expect(cluster.Create(ctx, obj)).To(Succeed())
	DeferCleanup(func(ctx context.Context) error { return cluster.Delete(ctx, obj) })
}

// expectRejected asserts what a user reads who tries to create the object.
func expectRejected(ctx context.Context, obj client.Object, message string) {
	GinkgoHelper()
	Expect(cluster.Create(ctx, obj)).To(MatchError(ContainSubstring(message)))
}

// expectUpdate creates a valid object and asserts what a user reads who edits it;
// nothing if the edit is accepted.
func expectUpdate[T client.Object](ctx context.Context, obj T, edit func(T), message string) {
	GinkgoHelper()
	expectAccepted(ctx, obj)
	edit(obj)
	err := cluster.Update(ctx, obj)
	if message == "" {
		Expect(err).NotTo(HaveOccurred())
		return
	}
	Expect(err).To(MatchError(ContainSubstring(message)))
}
