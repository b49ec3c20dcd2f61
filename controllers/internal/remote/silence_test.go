package remote_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/scheme"
	testingclock "k8s.io/utils/clock/testing"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/controllers/internal/remote"
)

var _ = Describe("the silence of a regional cluster", func() {
	var clk *testingclock.FakeClock
	BeforeEach(func() { clk = testingclock.NewFakeClock(time.Unix(0, 0)) })

	It("begins with the connection, and lasts while nothing can be listed", func(ctx context.Context) {
		c := connectAt(ctx, "", clk)
		Eventually(c.topology).WithContext(ctx).Should(Receive(), "it answers")
		clk.Step(time.Minute)
		Expect(c.Connected()).To(MatchError(remote.ErrNotObserved))
		Expect(c.Silence()).To(Equal(time.Minute))
	})

	It("ends with every answer, once everything is listed that is followed", func(ctx context.Context) {
		role := &rbacv1.ClusterRole{ObjectMeta: metav1.ObjectMeta{GenerateName: "lists-"}, Rules: []rbacv1.PolicyRule{
			{APIGroups: []string{""}, Resources: []string{"services", "nodes", "pods"}, Verbs: []string{"list", "watch"}},
		}}
		Expect(admin.Create(ctx, role)).To(Succeed())
		c := connectAt(ctx, role.Name, clk)
		Eventually(c.Connected).WithContext(ctx).Should(Succeed())
		for range 2 {
			clk.Step(time.Minute)
			Eventually(c.Silence).WithContext(ctx).Should(BeZero())
		}

		_, err := c.Follow(remote.Following{
			Scheme: scheme.Scheme, Objects: cache.Options{DefaultNamespaces: map[string]cache.Config{namespace(ctx): {}}},
			Kinds: map[client.Object]remote.Change{&corev1.ConfigMap{}: remote.Registration},
		})
		Expect(err).NotTo(HaveOccurred())
		clk.Step(time.Minute)
		Expect(c.Silence()).To(Equal(time.Minute))
		role.Rules[0].Resources = append(role.Rules[0].Resources, "configmaps")
		Expect(admin.Update(ctx, role)).To(Succeed())
		Eventually(func() time.Duration {
			clk.Step(time.Minute)
			return c.Silence()
		}).WithContext(ctx).WithTimeout(time.Minute).Should(BeNumerically("<", time.Minute))
	})
})
