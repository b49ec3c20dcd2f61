package remote_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/controllers/internal/remote"
)

var _ = Describe("following kinds of a regional cluster", func() {
	It("begins with each when it is installed, and tells of its changes", func(ctx context.Context) {
		clusters := remote.New(principal(ctx, "cluster-admin"), clock.RealClock{}, 50*time.Millisecond)
		told := map[remote.Change]chan struct{}{remote.Registration: make(chan struct{}, 1000), remote.Applications: make(chan struct{}, 1000)}
		for change, events := range told {
			clusters.Subscribe(func(client.ObjectKey) { events <- struct{}{} }, change)
		}
		cluster, err := clusters.Ensure(key, remote.Target{Name: "prod-eu-west-1", Endpoint: server.Host, CA: string(server.CAData)})
		Expect(err).NotTo(HaveOccurred())
		ns, later := namespace(ctx), instance("Dinghy", "")
		what := remote.Following{
			Scheme:  scheme.Scheme,
			Objects: cache.Options{DefaultNamespaces: map[string]cache.Config{ns: {}}},
			Kinds:   map[client.Object]remote.Change{&corev1.ConfigMap{}: remote.Registration, later: remote.Applications},
		}
		_, err = cluster.Follow(what)
		Expect(err).To(MatchError(remote.ErrNotObserved), "before it is connected")

		running, cancel := context.WithCancel(context.WithoutCancel(ctx))
		done := make(chan error, 1)
		go func() { done <- clusters.Start(running) }()
		DeferCleanup(func() error {
			cancel()
			return <-done
		})
		Eventually(cluster.Connected).WithContext(ctx).Should(Succeed())
		f, err := cluster.Follow(what)
		Expect(err).NotTo(HaveOccurred())
		Expect(cluster.Follow(what)).To(BeIdenticalTo(f))
		Eventually(func() error { return f.Observed(&corev1.ConfigMap{}) }).WithContext(ctx).Should(Succeed())
		Eventually(func() bool { return meta.IsNoMatchError(f.Observed(later)) }).WithContext(ctx).Should(BeTrue())
		Eventually(told[remote.Applications]).WithContext(ctx).Should(Receive(), "that it is missing")

		config := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "c"}}
		Expect(f.Client().Create(ctx, config)).To(Succeed())
		for _, from := range []client.Reader{f.Client(), f.Seen(), f.Live()} {
			Expect(from.Get(ctx, client.ObjectKeyFromObject(config), &corev1.ConfigMap{})).To(Succeed(), "what was just written")
		}
		Eventually(told[remote.Registration]).WithContext(ctx).Should(Receive())

		Expect(admin.Create(ctx, definition(kind("Dinghy")))).To(Succeed())
		Eventually(func() error { return f.Observed(later) }).WithContext(ctx).Should(Succeed())
		Eventually(told[remote.Applications]).WithContext(ctx).Should(Receive(), "that it is there")
	})
})
