package gossipring_test

import (
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/testenv"
	"github.com/portolan-dev/portolan/controllers/internal/testenv/build"
)

var _ = Describe("The probes of a GossipRing", func() {
	const a, b, c = "eu-west-1", "us-east-1", "us-west-2"
	var w *bed
	deployment := func() *appsv1.Deployment {
		d := &appsv1.Deployment{}
		d.Namespace, d.Name = "api", "portolan-probe-unkey-api"
		return d
	}
	at := func(name, namespace string) v1alpha1.InstalledProbe {
		return v1alpha1.InstalledProbe{Region: name, Namespace: namespace}
	}
	BeforeEach(func(ctx SpecContext) {
		w = newBed(ctx, a, b, c)
		w.ring.Spec.Probe = &v1alpha1.RingProbe{KeySecretRef: v1alpha1.SecretKeyReference{Name: "unkey-api", Key: "key"}}
		w.ExpectApplied(ctx, w.environment, w.ring)
		for _, name := range []string{a, b, c} {
			w.deploy(ctx, name)
		}
		w.see(3, a, b, c)
		w.eventually(ctx, HaveField("Status.Probes", HaveExactElements(at(a, "api"), at(b, "api"), at(c, "api"))))
		w.eventually(ctx, testenv.HaveCondition("Probed", "Unknown", "ProbesMissing", "probes do not answer: eu-west-1, us-east-1, us-west-2"))
		Expect(w.apis[c].Find(deployment())).To(BeTrue())
	})
	later := func(ctx SpecContext) {
		GinkgoHelper()
		w.Clock.Step(testenv.Poll)
		w.reconcile(ctx)
	}

	// forget plays a restart: nothing is connected yet.
	forget := func(ctx SpecContext, names ...string) {
		GinkgoHelper()
		for _, name := range names {
			region := build.Region(w.Namespace, v1alpha1.AWSRegion(name))
			w.ExpectRefreshed(ctx, region)
			region.Status.Cluster = &v1alpha1.RegionCluster{Name: name}
			Expect(env.Client.Status().Update(ctx, region)).To(Succeed())
			w.Clusters.Remove(client.ObjectKeyFromObject(region))
		}
	}
	back := func(names ...string) {
		GinkgoHelper()
		for _, name := range names {
			w.connect(build.Region(w.Namespace, v1alpha1.AWSRegion(name)))
		}
	}

	It("waits with them for clusters that are about to connect, when the ring goes", func(ctx SpecContext) {
		forget(ctx, a, b, c)
		w.ExpectDeleted(ctx, w.ring)
		w.reconcile(ctx)
		back(a, b)
		Expect(w.reconcile(ctx).RequeueAfter).To(Equal(testenv.Poll))
		Expect(w.apis[a].Find(deployment())).To(BeFalse())
		Expect(w.apis[b].Find(deployment())).To(BeFalse())
		w.Clock.Step(5 * time.Minute)
		w.reconcile(ctx)
		w.ExpectNotFound(ctx, w.ring)
	})

	It("removes them as soon as it can from a region that was away when they were", func(ctx SpecContext) {
		forget(ctx, c)
		testenv.ExpectUpdated(ctx, env, w.ring, func(g *v1alpha1.GossipRing) { g.Spec.Probe = nil })
		w.eventually(ctx, testenv.HaveCondition("Probed", "Unknown", "ProbesMissing", "probes are not removed: us-west-2 (its cluster is not connected)"))
		w.Recorder.ExpectNoWrites(func() { later(ctx) })
		Expect(w.ring.Finalizers).NotTo(BeEmpty())
		back(c)
		w.eventually(ctx, testenv.HaveCondition("Probed", "True", "NotRequired"))
		Expect(w.apis[c].Find(deployment())).To(BeFalse())
		later(ctx)
		Expect(w.ring.Finalizers).To(BeEmpty())
	})

	It("removes them from a region that is no member any more, and from a namespace that is not the Service's", func(ctx SpecContext) {
		outside := build.Region(w.Namespace, c)
		testenv.ExpectUpdated(ctx, env, outside, func(g *v1alpha1.Region) { g.Labels = map[string]string{"ring": "none"} })
		testenv.ExpectUpdated(ctx, env, w.ring, func(g *v1alpha1.GossipRing) {
			g.Spec.RegionSelector = &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: "ring", Operator: metav1.LabelSelectorOpDoesNotExist}}}
		})
		w.eventually(ctx, HaveField("Status.Probes", HaveExactElements(at(a, "api"), at(b, "api"))))
		Expect(w.apis[c].Find(deployment())).To(BeFalse())

		testenv.ExpectUpdated(ctx, env, w.ring, func(g *v1alpha1.GossipRing) { g.Spec.Service.Namespace = "elsewhere" })
		w.eventually(ctx, HaveField("Status.Probes", HaveExactElements(at(a, "elsewhere"), at(b, "elsewhere"))))
		Expect(w.apis[a].Find(deployment())).To(BeFalse())
		moved := deployment()
		moved.Namespace = "elsewhere"
		Expect(w.apis[a].Find(moved)).To(BeTrue())
	})
})
