package remote_test

import (
	"context"
	"os"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/portolan-dev/portolan/controllers/internal/remote"
)

func TestRemote(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Remote")
}

// The regional cluster of the suite, and its administrator.
var (
	server *rest.Config
	admin  client.Client
)

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
	server = config
	admin, err = client.New(config, client.Options{})
	Expect(err).NotTo(HaveOccurred())
})

// fixedToken is what EKS would have signed.
type fixedToken string

func (t fixedToken) ClusterToken(context.Context, string, string, string) (token string, expires time.Time, err error) {
	return string(t), time.Now().Add(time.Hour), nil
}

// principal returns a token of a new identity with the cluster role, or with none.
func principal(ctx context.Context, role string) fixedToken {
	GinkgoHelper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", GenerateName: "portolan-"}}
	Expect(admin.Create(ctx, account)).To(Succeed())
	if role != "" {
		Expect(admin.Create(ctx, &rbacv1.ClusterRoleBinding{
			ObjectMeta: metav1.ObjectMeta{Name: account.Name},
			RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role},
			Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: account.Namespace, Name: account.Name}},
		})).To(Succeed())
	}
	request := &authenticationv1.TokenRequest{}
	Expect(admin.SubResource("token").Create(ctx, account, request)).To(Succeed())
	return fixedToken(request.Status.Token)
}

// connection is a cluster as the operator sees it.
type connection struct {
	*remote.Cluster
	changes  chan remote.Change // Identities only
	draining chan remote.Change
	pods     chan remote.Change
	topology chan remote.Change
}

var key = client.ObjectKey{Namespace: "prod", Name: "eu-west-1"}

func connect(ctx context.Context, role string) *connection {
	GinkgoHelper()
	return connectAt(ctx, role, clock.RealClock{})
}

func connectAt(ctx context.Context, role string, clk clock.WithTicker) *connection {
	GinkgoHelper()
	clusters := remote.New(principal(ctx, role), clk, time.Minute)
	c := &connection{
		changes: make(chan remote.Change, 1000), draining: make(chan remote.Change, 1000),
		pods: make(chan remote.Change, 1000), topology: make(chan remote.Change, 1000),
	}
	clusters.Subscribe(func(region client.ObjectKey) {
		defer GinkgoRecover()
		Expect(region).To(Equal(key))
		c.changes <- remote.Identities
	}, remote.Identities)
	clusters.Subscribe(func(client.ObjectKey) { c.draining <- remote.Draining }, remote.Draining)
	clusters.Subscribe(func(client.ObjectKey) { c.pods <- remote.Pods }, remote.Pods)
	clusters.Subscribe(func(client.ObjectKey) { c.topology <- remote.Topology }, remote.Topology)

	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	done := make(chan error, 1)
	go func() { done <- clusters.Start(running) }()
	DeferCleanup(func() error {
		cancel()
		return <-done
	})
	var err error
	c.Cluster, err = clusters.Ensure(key, remote.Target{Name: "prod-eu-west-1", Endpoint: server.Host, CA: string(server.CAData)})
	Expect(err).NotTo(HaveOccurred())
	return c
}

// namespace makes a new one: none is ever deleted without a controller.
func namespace(ctx context.Context) string {
	GinkgoHelper()
	n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "remote-"}}
	Expect(admin.Create(ctx, n)).To(Succeed())
	return n.Name
}
