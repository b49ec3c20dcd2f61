package controlplane

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/portolan-dev/portolan/test/simulator/network"
)

const webhookToken, webhookUser = "k8s-aws-v1.test", "portolan-test"

// bed is one etcd and two API servers, of which the first has every option.
type bed struct {
	network       *network.Network
	audit         string
	etcd          *Etcd
	first, second *APIServer
}

func TestControlPlane(t *testing.T) {
	b := startBed(t)
	t.Run("keeps API servers on one etcd apart", b.testSeparation)
	t.Run("issues tokens for service accounts", b.testServiceAccountToken)
	t.Run("asks the webhook about other tokens", b.testWebhookToken)
	t.Run("proxies to pods through the egress socket", b.testPodProxy)
	t.Run("writes every request to the audit log", b.testAuditLog)
	t.Run("answers nobody while it is frozen", b.testFreeze)
	t.Run("forgets the data of a stopped API server", b.testForget)
	t.Run("leaves no process behind", b.testStop)
}

func TestFindBinaries(t *testing.T) {
	g := NewWithT(t)
	t.Setenv("KUBEBUILDER_ASSETS", t.TempDir())
	_, err := FindBinaries()
	g.Expect(err).To(MatchError(ContainSubstring("build.sh")))
}

func TestLaunchExplainsAnEarlyExit(t *testing.T) {
	g := NewWithT(t)
	attempts := 0
	_, _, err := launch(t.Context(), server{
		path: "/bin/sh",
		log:  filepath.Join(t.TempDir(), "log"),
		arguments: func(int) []string {
			attempts++
			return []string{"-c", "echo the port is taken; exit 1"}
		},
		ready: func(context.Context, int) error { return io.EOF },
	})
	g.Expect(err).To(MatchError(And(ContainSubstring("exit status 1"), ContainSubstring("the port is taken"))))
	g.Expect(attempts).To(Equal(launchAttempts))
}

func startBed(t *testing.T) *bed {
	t.Helper()
	g := NewWithT(t)
	binaries, err := FindBinaries()
	g.Expect(err).NotTo(HaveOccurred())
	// Unix sockets allow 104 characters: too few for a folder named after the test.
	dir, err := os.MkdirTemp("", "bed")
	g.Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { _ = os.RemoveAll(dir) })

	b := &bed{network: network.New(), audit: filepath.Join(dir, "audit.log")}
	b.etcd, err = StartEtcd(t.Context(), binaries, dir)
	g.Expect(err).NotTo(HaveOccurred())
	egress := serveEgress(t, b.network, filepath.Join(dir, "egress"))
	webhook := httptest.NewServer(http.HandlerFunc(reviewToken))
	t.Cleanup(webhook.Close)

	var starting sync.WaitGroup
	errs := make([]error, 2)
	starting.Go(func() {
		b.first, errs[0] = StartAPIServer(t.Context(), binaries, b.etcd, Config{
			Name: "first", Dir: dir, TokenWebhook: webhook.URL, EgressSocket: egress, AuditLog: b.audit,
		})
	})
	starting.Go(func() {
		b.second, errs[1] = StartAPIServer(t.Context(), binaries, b.etcd, Config{Name: "second", Dir: dir})
	})
	starting.Wait()
	g.Expect(errs).To(HaveEach(BeNil()))
	return b
}

func serveEgress(t *testing.T, n *network.Network, path string) string {
	t.Helper()
	g := NewWithT(t)
	l, err := net.Listen("unix", path)
	g.Expect(err).NotTo(HaveOccurred())
	served := make(chan error, 1)
	go func() { served <- n.ServeConnect(l) }()
	t.Cleanup(func() {
		_ = l.Close()
		g.Eventually(served, time.Minute).Should(Receive(BeNil()))
	})
	return path
}

func reviewToken(w http.ResponseWriter, r *http.Request) {
	var review authenticationv1.TokenReview
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	review.Status.Authenticated = review.Spec.Token == webhookToken
	review.Status.User.Username = webhookUser
	if err := json.NewEncoder(w).Encode(review); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
	}
}

func (b *bed) testSeparation(t *testing.T) {
	g := NewWithT(t)
	createNamespace(g, t, b.first, "only-here")
	_, err := client(g, b.second.Config()).CoreV1().Namespaces().Get(t.Context(), "only-here", metav1.GetOptions{})
	g.Expect(apierrors.IsNotFound(err)).To(BeTrue(), fmt.Sprint(err))
}

func (b *bed) testServiceAccountToken(t *testing.T) {
	g := NewWithT(t)
	accounts := client(g, b.first.Config()).CoreV1().ServiceAccounts("default")
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "manager"}}
	_, err := accounts.Create(t.Context(), account, metav1.CreateOptions{})
	g.Expect(err).NotTo(HaveOccurred())
	issued, err := accounts.CreateToken(t.Context(), "manager", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	g.Expect(err).NotTo(HaveOccurred())

	g.Expect(whoAmI(g, t, b.first, issued.Status.Token)).To(Equal("system:serviceaccount:default:manager"))
	_, err = whoAmI(g, t, b.second, issued.Status.Token)
	g.Expect(apierrors.IsUnauthorized(err)).To(BeTrue(), fmt.Sprint(err))
}

func (b *bed) testWebhookToken(t *testing.T) {
	g := NewWithT(t)
	g.Expect(whoAmI(g, t, b.first, webhookToken)).To(Equal(webhookUser))
	_, err := whoAmI(g, t, b.first, "another")
	g.Expect(apierrors.IsUnauthorized(err)).To(BeTrue(), fmt.Sprint(err))
	g.Expect(whoAmI(g, t, b.first, "")).To(Equal("admin"))
}

func (b *bed) testPodProxy(t *testing.T) {
	g := NewWithT(t)
	l, err := b.network.Listen(netip.MustParseAddrPort("10.1.2.3:9090"))
	g.Expect(err).NotTo(HaveOccurred())
	metrics := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "members 3 at "+r.URL.Path)
	})}
	go func() { _ = metrics.Serve(l) }()
	t.Cleanup(func() { _ = metrics.Close() })

	pods := client(g, b.first.Config()).CoreV1().Pods("default")
	pod, err := pods.Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "gossip"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "gossip", Image: "gossip"}}},
	}, metav1.CreateOptions{})
	g.Expect(err).NotTo(HaveOccurred())
	pod.Status.PodIP, pod.Status.PodIPs = "10.1.2.3", []corev1.PodIP{{IP: "10.1.2.3"}}
	_, err = pods.UpdateStatus(t.Context(), pod, metav1.UpdateOptions{})
	g.Expect(err).NotTo(HaveOccurred())

	answer, err := pods.ProxyGet("http", "gossip", "9090", "/metrics", nil).DoRaw(t.Context())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(answer)).To(Equal("members 3 at /metrics"))

	_, err = pods.ProxyGet("http", "gossip", "9091", "/metrics", nil).DoRaw(t.Context())
	g.Expect(apierrors.IsServiceUnavailable(err)).To(BeTrue(), "nobody listens there, but: %v", err)
}

func (b *bed) testAuditLog(t *testing.T) {
	g := NewWithT(t)
	_, err := client(g, b.first.Config()).CoreV1().Namespaces().Get(t.Context(), "kube-system", metav1.GetOptions{})
	g.Expect(err).NotTo(HaveOccurred())
	g.Eventually(func(g Gomega) {
		log, err := os.ReadFile(b.audit)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(requestsIn(g, log)).To(ContainElement("get /api/v1/namespaces/kube-system"))
	}).WithTimeout(time.Minute).Should(Succeed())
}

// requestsIn lists verb and path of every event in an audit log.
func requestsIn(g Gomega, log []byte) []string {
	var requests []string
	for line := range bytes.Lines(log) {
		var event struct{ Verb, RequestURI string }
		g.Expect(json.Unmarshal(line, &event)).To(Succeed())
		requests = append(requests, event.Verb+" "+event.RequestURI)
	}
	return requests
}

func (b *bed) testFreeze(t *testing.T) {
	g := NewWithT(t)
	impatient := b.second.Config()
	impatient.Timeout = time.Second
	version := func() error {
		_, err := client(g, impatient).Discovery().ServerVersion()
		return err
	}
	g.Expect(b.second.Freeze()).To(Succeed())
	g.Expect(version()).To(MatchError(context.DeadlineExceeded))
	g.Expect(b.second.Thaw()).To(Succeed())
	g.Eventually(version, 30*time.Second).Should(Succeed())
}

func (b *bed) testForget(t *testing.T) {
	g := NewWithT(t)
	createNamespace(g, t, b.first, "kept")
	b.second.Stop()
	g.Expect(b.second.Done()).To(BeClosed())
	g.Expect(b.etcd.Forget(t.Context(), "second")).To(Succeed())
	g.Expect(keys(g, t, b.etcd, "second")).To(BeZero())
	g.Expect(keys(g, t, b.etcd, "first")).NotTo(BeZero())
}

func (b *bed) testStop(t *testing.T) {
	g := NewWithT(t)
	b.first.Stop()
	b.second.Stop()
	b.etcd.Stop()
	for _, pid := range []int{b.first.process.PID(), b.second.process.PID(), b.etcd.process.PID()} {
		g.Expect(syscall.Kill(pid, 0)).To(MatchError(syscall.ESRCH))
	}
}

// whoAmI returns the user name behind a token, through the kubeconfig for it.
func whoAmI(g *WithT, t *testing.T, s *APIServer, token string) (string, error) {
	config, err := clientcmd.RESTConfigFromKubeConfig(s.Kubeconfig(token))
	g.Expect(err).NotTo(HaveOccurred())
	review, err := client(g, config).AuthenticationV1().SelfSubjectReviews().
		Create(t.Context(), &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
	return review.Status.UserInfo.Username, err
}

func createNamespace(g *WithT, t *testing.T, s *APIServer, name string) {
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	_, err := client(g, s.Config()).CoreV1().Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{})
	g.Expect(err).NotTo(HaveOccurred())
}

func client(g *WithT, config *rest.Config) kubernetes.Interface {
	c, err := kubernetes.NewForConfig(config)
	g.Expect(err).NotTo(HaveOccurred())
	return c
}

// keys counts what the API server of that name has stored.
func keys(g *WithT, t *testing.T, e *Etcd, name string) int {
	var found struct {
		Count int `json:",string"`
	}
	query := map[string]any{"key": []byte(prefixOf(name) + "/"), "range_end": []byte(prefixOf(name) + "0"), "count_only": true}
	g.Expect(call(t.Context(), e.url+"/v3/kv/range", query, &found)).To(Succeed())
	return found.Count
}
