package delivery

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

func TestDelivery(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "Delivery")
}

// The regional cluster of the suite, and its administrator.
var (
	server *rest.Config
	admin  client.WithWatch
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
	admin, err = client.NewWithWatch(config, client.Options{})
	Expect(err).NotTo(HaveOccurred())
})

// fixedToken is what EKS would have signed.
type fixedToken string

func (t fixedToken) ClusterToken(context.Context, string, string, string) (token string, expires time.Time, err error) {
	return string(t), time.Now().Add(time.Hour), nil
}

// namespaced makes a new one: none is ever deleted without a controller.
func namespaced(ctx context.Context) string {
	GinkgoHelper()
	n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "delivery-"}}
	Expect(admin.Create(ctx, n)).To(Succeed())
	return n.Name
}

// right is to do something in the namespaces that it is granted in.
func right(group, resource string, verbs ...string) rbacv1.PolicyRule {
	return rbacv1.PolicyRule{APIGroups: []string{group}, Resources: []string{resource}, Verbs: verbs}
}

// every right that a delivery needs.
func every() []rbacv1.PolicyRule {
	return []rbacv1.PolicyRule{
		right("", "configmaps", "get", "create", "patch"),
		right("apps", "deployments", "get", "patch"),
		right("apps", "statefulsets", "get", "patch"),
		right("apps", "daemonsets", "get", "patch"),
	}
}

// connect returns the cluster as an operator sees it with those rights in the namespace.
func connect(ctx context.Context, namespace string, rights ...rbacv1.PolicyRule) *remote.Cluster {
	GinkgoHelper()
	account, cluster := principal(ctx)
	meta := metav1.ObjectMeta{Namespace: namespace, Name: account.Name}
	Expect(admin.Create(ctx, &rbacv1.Role{ObjectMeta: meta, Rules: rights})).To(Succeed())
	Expect(admin.Create(ctx, &rbacv1.RoleBinding{
		ObjectMeta: meta,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: account.Name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: account.Namespace, Name: account.Name}},
	})).To(Succeed())
	return cluster
}

// principal returns a new identity, and the cluster as it sees it.
func principal(ctx context.Context) (*corev1.ServiceAccount, *remote.Cluster) {
	GinkgoHelper()
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: "kube-system", GenerateName: "portolan-"}}
	Expect(admin.Create(ctx, account)).To(Succeed())
	request := &authenticationv1.TokenRequest{}
	Expect(admin.SubResource("token").Create(ctx, account, request)).To(Succeed())
	return account, unstarted(remote.Target{Name: "r", Endpoint: server.Host, CA: string(server.CAData)}, request.Status.Token)
}

// unstarted is a cluster that nobody watches: a delivery uses its client alone.
func unstarted(target remote.Target, token string) *remote.Cluster {
	GinkgoHelper()
	cluster, err := remote.New(fixedToken(token), clock.RealClock{}, time.Minute).Ensure(client.ObjectKey{Name: "r"}, target)
	Expect(err).NotTo(HaveOccurred())
	return cluster
}
