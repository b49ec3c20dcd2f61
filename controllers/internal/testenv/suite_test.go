package testenv

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"
)

func TestEnvironment(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Test environment")
}

// administrator may do everything that no policy forbids. The suite starts the API server
// itself, because it acts as several users.
var (
	administrator client.Client
	adminConfig   *rest.Config
	known         *runtime.Scheme
)

var _ = BeforeSuite(func(ctx SpecContext) {
	log.SetLogger(GinkgoLogr)
	root, err := moduleRoot()
	Expect(err).NotTo(HaveOccurred())
	known, err = newScheme()
	Expect(err).NotTo(HaveOccurred())
	crds, err := definitions(root, known)
	Expect(err).NotTo(HaveOccurred())

	environment := &envtest.Environment{CRDs: crds, BinaryAssetsDirectory: binaries(root)}
	DeferCleanup(environment.Stop) // also what a failed start leaves running
	adminConfig, err = environment.Start()
	Expect(err).NotTo(HaveOccurred(), "starting the API server; `make k8s` builds it")
	adminConfig.QPS = -1
	administrator, err = client.New(adminConfig, client.Options{Scheme: known})
	Expect(err).NotTo(HaveOccurred())
	InstallPolicies(ctx, administrator)
})

// as acts as another user, with the rights of the groups.
func as(user string, groups ...string) client.Client {
	GinkgoHelper()
	config := rest.CopyConfig(adminConfig)
	config.Impersonate = rest.ImpersonationConfig{UserName: user, Groups: groups}
	c, err := client.New(config, client.Options{Scheme: known})
	Expect(err).NotTo(HaveOccurred())
	return c
}
