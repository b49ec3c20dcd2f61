package region_test

import (
	"net/http"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/controllers/internal/argocd"
	"github.com/portolan-dev/portolan/controllers/internal/remote"
	"github.com/portolan-dev/portolan/controllers/internal/testenv"
	"github.com/portolan-dev/portolan/controllers/internal/testenv/build"
)

// restart replaces the operator by one that has not connected to anything yet, and never does by itself.
func (b *bed) restart() {
	b.Clusters = remote.New(b.AWS, b.Clock, testenv.Poll)
	anew := *b.ArgoCD
	if anew.Homes != nil {
		homes := *anew.Homes
		homes.Clusters = b.Clusters
		anew.Homes = &homes
	}
	b.ArgoCD = &anew
	b.reconciler = b.newReconciler()
}

// later lets time pass, in which the regional API server is seen to answer.
func (b *bed) later(d time.Duration) {
	GinkgoHelper()
	cluster, ok := b.Clusters.Get(client.ObjectKeyFromObject(b.region))
	Expect(ok).To(BeTrue())
	b.Clock.Step(d)
	Eventually(cluster.Silence).Should(BeZero())
}

var _ = Describe("Applications that take long to delete", func() {
	var b *bed
	var app *argocd.Application
	const waits = "Argo CD is deleting Applications unkey-api-eu-west-1"

	BeforeEach(func(ctx SpecContext) {
		b = newBed(ctx)
		b.reachReady(ctx)
		b.AWS.SetClusterVersion("eu-west-1", prefix, "1.34") // EKS has it
		b.ExpectDeleted(ctx, b.region)
		b.reconcile(ctx)
		app = build.Application(b.ArgoCD.Namespace, b.region.Name, build.ApplicationName, build.Revision)
		b.later(11 * time.Minute)
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("Deleting", "True", "RemovingApplications", waits))
	})
	expectKept := func(ctx SpecContext) {
		GinkgoHelper()
		Expect(b.region).To(testenv.HaveCondition("Deleting", "True", "RemovingApplications", waits))
		b.ExpectRefreshed(ctx, app)
		Expect(app.Finalizers).To(ConsistOf(argocd.ResourcesFinalizer))
	}
	fail := func() {
		GinkgoHelper()
		b.api.Refuse(http.StatusServiceUnavailable)
		b.Clock.Step(testenv.Poll)
		cluster, _ := b.Clusters.Get(client.ObjectKeyFromObject(b.region))
		Eventually(cluster.Failed).Should(BeTrue())
	}

	It("are not abandoned by an operator that has just been started", func(ctx SpecContext) {
		b.restart()
		b.reconcile(ctx)
		expectKept(ctx)

		By("giving a cluster that does not answer its time once more")
		b.Clock.Step(9 * time.Minute)
		b.reconcile(ctx)
		expectKept(ctx)
		b.Clock.Step(2 * time.Minute)
		b.reconcile(ctx)
		b.ExpectNotFound(ctx, app)
	})

	It("are not abandoned when the API server does not answer once", func(ctx SpecContext) {
		fail()
		b.reconcile(ctx)
		expectKept(ctx)
		b.api.Refuse(0)
		b.later(testenv.Poll)

		By("its not answering for long")
		fail()
		b.Clock.Step(11 * time.Minute)
		b.reconcile(ctx)
		b.ExpectNotFound(ctx, app)
	})

	It("leave time for load balancers, also when the API server does not answer once", func(ctx SpecContext) {
		b.ExpectRefreshed(ctx, app)
		letGo(ctx, app)
		service := build.Service("lb.eu-west-1.test")
		b.api.Set(service)
		inTime := func() {
			GinkgoHelper()
			Eventually(func(g Gomega) {
				b.reconcile(ctx)
				g.Expect(b.region).To(testenv.HaveCondition("Deleting", "True", "RemovingApplications", "the load balancer of Service api/unkey-api-gossip-wan since"))
			}).Should(Succeed())
		}
		inTime()
		fail()
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("Deleting", "True", "RemovingApplications", "looking for load balancers"))
		b.api.Refuse(0)
		b.later(testenv.Poll)
		inTime()

		By("their not going by themselves")
		holdAll(ctx, b)
		b.later(11 * time.Minute)
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("Deleting", "True", "DeletingCluster"))

		By("not going back when the access to the cluster is gone")
		fail()
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("Deleting", "True", "DeletingCluster"))
	})
})
