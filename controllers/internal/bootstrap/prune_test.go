package bootstrap_test

import (
	"context"
	"fmt"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1apply "k8s.io/client-go/applyconfigurations/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	held  = "{apiVersion: v1, kind: Service, metadata: {namespace: NS, name: held, finalizers: [test/hold]}, spec: {ports: [{port: 80}]}}"
	claim = "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {namespace: NS, name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}"
)

var _ = Describe("pruning items", func() {
	var c *cluster
	BeforeEach(func() { c = newCluster() })

	configMap := func(name string) *corev1.ConfigMap {
		return &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: c.name, Name: name}}
	}
	service := func() *corev1.Service {
		return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: c.name, Name: "held"}}
	}
	release := func(ctx context.Context) {
		GinkgoHelper()
		Expect(server.Patch(ctx, service(), client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`)))).To(Succeed())
	}

	It("removes what is not to be kept, and nothing else", func(ctx context.Context) {
		c.expectInstalled(ctx, c.rendered("h1", says("a", "hello"), says("b", "hello")))
		Expect(c.installAs(ctx, "-kept", c.rendered("h1", says("c", "hello")))).To(Succeed())
		Expect(server.Create(ctx, configMap("somebodys"))).To(Succeed())
		c.expectPruned(ctx, "-kept", "-not-installed-yet")
		Expect(c.state(ctx)).To(Equal(map[string]string{"c": "hello", "somebodys": ""}))
		Expect(c.markers(ctx)).To(Equal([]string{"-kept"}))
	})

	It("makes one request when there is nothing to remove", func(ctx context.Context) {
		c.expectInstalled(ctx, c.rendered("h1", says("a", "hello")))
		c.reads.Store(0)
		c.writes.Store(0)
		c.expectPruned(ctx, "")
		Expect(c.reads.Load()).To(BeEquivalentTo(1))
		c.expectPruned(ctx)
		Expect(c.writes.Load()).NotTo(BeZero())
		c.writes.Store(0)
		c.expectPruned(ctx)
		Expect(c.writes.Load()).To(BeZero())
	})

	It("keeps CRDs, Namespaces and claims", func(ctx context.Context) {
		r := c.rendered("h1", definition(c.name, "Buoy"), claim, instance(c.name, "Buoy"))
		Eventually(c.install).WithArguments(ctx, r).Should(Succeed())
		c.expectPruned(ctx)
		Expect(server.Get(ctx, client.ObjectKey{Name: c.name}, &corev1.Namespace{})).To(Succeed())
		Expect(server.Get(ctx, client.ObjectKey{Name: "buoys." + c.name + ".test"}, crdObject())).To(Succeed())
		kept := &corev1.PersistentVolumeClaim{}
		Expect(server.Get(ctx, client.ObjectKey{Namespace: c.name, Name: "data"}, kept)).To(Succeed())
		Expect(kept.DeletionTimestamp).To(BeNil()) // a protected one remains for a while
		Expect(server.Get(ctx, client.ObjectKey{Namespace: c.name, Name: "one"}, custom(c.name, "Buoy"))).NotTo(Succeed())
		Expect(c.markers(ctx)).To(BeEmpty())
	})

	It("keeps claims that a new version does not bring", func(ctx context.Context) {
		c.expectInstalled(ctx, c.rendered("h1", claim))
		c.expectInstalled(ctx, c.rendered("h2"))
		kept := &corev1.PersistentVolumeClaim{}
		Expect(server.Get(ctx, client.ObjectKey{Namespace: c.name, Name: "data"}, kept)).To(Succeed())
		Expect(kept.DeletionTimestamp).To(BeNil())
	})

	It("does not mind kinds that are not served any more", func(ctx context.Context) {
		r := c.rendered("h1", definition(c.name, "Buoy"), instance(c.name, "Buoy"), says("a", "hello"))
		Eventually(c.install).WithArguments(ctx, r).Should(Succeed())
		Expect(server.Delete(ctx, r.Objects[1].DeepCopy())).To(Succeed())
		Eventually(func() ([]string, error) { return c.prune(ctx) }).Should(BeEmpty())
		Eventually(c.markers).WithArguments(ctx).Should(BeEmpty())
		Expect(c.state(ctx)).To(BeEmpty())
	})

	Context("of which others bring objects, too", func() {
		It("keeps those of items that stay, whoever applied them last", func(ctx context.Context) {
			c.expectInstalled(ctx, c.rendered("h1", says("a", "mine"), says("b", "mine")))
			Expect(c.installAs(ctx, "-kept", c.rendered("h1", says("a", "theirs")))).To(Succeed())
			c.expectInstalled(ctx, c.rendered("h2", says("a", "again"), says("b", "mine")))
			c.expectPruned(ctx, "-kept")
			Expect(c.state(ctx)).To(Equal(map[string]string{"a": "again"}))
		})
		It("keeps them when a new version does not bring them", func(ctx context.Context) {
			Expect(c.installAs(ctx, "-kept", c.rendered("h1", says("a", "theirs")))).To(Succeed())
			c.expectInstalled(ctx, c.rendered("h1", says("a", "mine")))
			c.expectInstalled(ctx, c.rendered("h2"))
			Expect(c.state(ctx)).To(Equal(map[string]string{"a": "mine"}))
		})
		It("removes those of several items that go", func(ctx context.Context) {
			c.expectInstalled(ctx, c.rendered("h1", says("a", "mine")))
			Expect(c.installAs(ctx, "-too", c.rendered("h1", says("a", "theirs")))).To(Succeed())
			c.expectPruned(ctx)
			Expect(c.state(ctx)).To(BeEmpty())
		})
		It("loses nothing when an item is renamed", func(ctx context.Context) {
			c.expectInstalled(ctx, c.rendered("h1", says("a", "hello")))
			Expect(c.installAs(ctx, "-renamed", c.rendered("h1", says("a", "hello")))).To(Succeed())
			c.writes.Store(0)
			c.expectPruned(ctx, "-renamed")
			Expect(c.state(ctx)).To(HaveKey("a"))
			Expect(c.writes.Load()).To(BeEquivalentTo(2), "the marker, twice")
		})
	})

	DescribeTable("leaves alone", func(ctx context.Context, change func(ctx context.Context, c *cluster)) {
		c.expectInstalled(ctx, c.rendered("h1", says("a", "hello"), says("b", "hello")))
		change(ctx, c)
		c.expectPruned(ctx)
		Expect(c.state(ctx)).To(HaveLen(1))
		Expect(c.state(ctx)).To(HaveKey("a"))
		Expect(c.markers(ctx)).To(BeEmpty())
	},
		Entry("what somebody made anew", func(ctx context.Context, c *cluster) {
			m := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: c.name, Name: "a"}}
			Expect(server.Delete(ctx, m)).To(Succeed())
			m.ResourceVersion, m.UID = "", ""
			m.Labels = map[string]string{"portolan.dev/bootstrap-item": c.name} // as they copied it
			Expect(server.Create(ctx, m)).To(Succeed())
		}),
		Entry("what somebody took over entirely", func(ctx context.Context, c *cluster) {
			theirs := corev1apply.ConfigMap("a", c.name).WithData(map[string]string{"says": "theirs"}).
				WithLabels(map[string]string{"portolan.dev/bootstrap-item": "theirs"})
			Expect(server.Apply(ctx, theirs, client.FieldOwner("them"), client.ForceOwnership)).To(Succeed())
		}),
		Entry("what lost its label", patchA(`{"metadata":{"labels":null}}`)),
		Entry("what the chart wants to be kept", patchA(`{"metadata":{"annotations":{"helm.sh/resource-policy":"keep"}}}`)),
		Entry("what Argo CD deploys by now", patchA(`{"metadata":{"annotations":{"argocd.argoproj.io/tracking-id":"core:/ConfigMap:x/a"}}}`)),
	)

	Context("that take their time", func() {
		It("removes what was installed before only after what was installed on top", func(ctx context.Context) {
			c.expectInstalled(ctx, c.rendered("h1", says("controller", "x"), held))
			holds := []string{c.name + " (Service " + c.name + "/held)"}
			Expect(c.prune(ctx)).To(Equal(holds))
			Expect(c.state(ctx)).To(HaveKey("controller"))

			c.writes.Store(0)
			Expect(c.prune(ctx)).To(Equal(holds))
			Expect(c.writes.Load()).To(BeZero())

			release(ctx)
			c.expectPruned(ctx)
			Expect(c.state(ctx)).To(BeEmpty())
			Expect(c.markers(ctx)).To(BeEmpty())
		})

		It("removes the last item first, whatever its name is", func(ctx context.Context) {
			Expect(c.installAs(ctx, "-z", c.rendered("h1", says("z", "first")))).To(Succeed())
			Expect(c.installAs(ctx, "-k", c.rendered("h1", held, says("k", "stays")))).To(Succeed())
			Expect(c.installAs(ctx, "-m", c.rendered("h1", says("m", "second"), held))).To(Succeed())
			Expect(c.installAs(ctx, "-a", c.rendered("h1", says("a", "last")))).To(Succeed())
			Expect(c.installAs(ctx, "-z", c.rendered("h2", says("z", "again")))).To(Succeed(), "it stays the first")

			c.expectPruned(ctx, "-z", "-k", "-m")
			Expect(c.state(ctx)).NotTo(HaveKey("a"))
			Expect(c.installAs(ctx, "-k", c.rendered("h2", says("k", "stays")))).To(Succeed(), "the Service is of one item")
			Expect(c.prune(ctx, "-k")).To(Equal([]string{c.name + "-m (Service " + c.name + "/held)", c.name + "-z"}))
			Expect(c.state(ctx)).To(Equal(map[string]string{"z": "again", "m": "second", "k": "stays"}))
			release(ctx)
			c.expectPruned(ctx, "-k")
			Expect(c.state(ctx)).To(Equal(map[string]string{"k": "stays"}))
		})

		It("installs them again when they are gone", func(ctx context.Context) {
			r := c.rendered("h1", says("a", "hello"), held)
			c.expectInstalled(ctx, r)
			Expect(c.prune(ctx)).To(HaveLen(1))
			Expect(c.install(ctx, r)).To(beInstalling("Service " + c.name + "/held is still being deleted"))
			Expect(c.marker(ctx).Data).NotTo(HaveKey("hash"))
			release(ctx)
			c.expectInstalled(ctx, r)
			found := service()
			Expect(server.Get(ctx, client.ObjectKeyFromObject(found), found)).To(Succeed())
			Expect(found.DeletionTimestamp).To(BeNil())
		})
	})

	Context("that stay, after a new version left something behind", func() {
		BeforeEach(func(ctx context.Context) {
			c.expectInstalled(ctx, c.rendered("h1", says("controller", "x"), held))
			c.expectInstalled(ctx, c.rendered("h2", says("a", "new")))
		})

		It("goes on removing it, without holding up the item", func(ctx context.Context) {
			Expect(c.marker(ctx).Data).To(HaveKeyWithValue("hash", "h2"))
			Expect(c.state(ctx)).To(HaveKey("controller"))
			c.writes.Store(0)
			Expect(c.prune(ctx, "")).To(Equal([]string{c.name + " (Service " + c.name + "/held)"}))
			c.expectInstalled(ctx, c.rendered("h2", says("a", "new")))
			Expect(c.writes.Load()).To(BeZero())

			release(ctx)
			c.expectPruned(ctx, "")
			Expect(c.state(ctx)).To(Equal(map[string]string{"a": "new"}))
			Expect(c.marker(ctx).Data).To(And(HaveKeyWithValue("hash", "h2"), Not(HaveKey("former"))))
		})

		It("forgets nothing of it when the item goes as well", func(ctx context.Context) {
			release(ctx)
			c.expectPruned(ctx)
			Expect(c.state(ctx)).To(BeEmpty())
		})

		It("forgets nothing of it when the next version comes", func(ctx context.Context) {
			release(ctx)
			c.expectInstalled(ctx, c.rendered("h3", says("a", "newer")))
			Expect(c.state(ctx)).To(Equal(map[string]string{"a": "newer"}))
		})

		It("installs what comes back", func(ctx context.Context) {
			former := c.rendered("h1", says("controller", "x"), held)
			Expect(c.install(ctx, former)).To(beInstalling("is still being deleted"))
			release(ctx)
			c.expectInstalled(ctx, former)
			c.expectPruned(ctx, "")
			Expect(c.state(ctx)).To(Equal(map[string]string{"controller": "x"}))
			Expect(server.Get(ctx, client.ObjectKeyFromObject(service()), service())).To(Succeed())
		})
	})

	Context("after a crash", func() {
		// eachWrite crashes pruning before each of its writes, until it gets through.
		eachWrite := func(ctx context.Context, after func(c *cluster, crash int64)) {
			GinkgoHelper()
			for crash := int64(1); ; crash++ {
				c = newCluster()
				c.expectInstalled(ctx, c.rendered("h1", says("a", "hello"), "{apiVersion: v1, kind: Secret, metadata: {namespace: NS, name: s}}", says("b", "hello")))
				c.writes.Store(0)
				c.crashAt = crash
				_, err := c.prune(ctx)
				c.crashAt = 0
				after(c, crash)
				if err == nil {
					Expect(crash).To(BeNumerically(">", 5), "pruning takes five writes")
					return
				}
				Expect(err).To(MatchError(errCrash))
			}
		}

		It("is completed by the next pass, whichever write was the last", func(ctx context.Context) {
			eachWrite(ctx, func(c *cluster, crash int64) {
				c.expectPruned(ctx)
				Expect(c.state(ctx)).To(BeEmpty(), "crash at write %d", crash)
				Expect(server.Get(ctx, client.ObjectKey{Namespace: c.name, Name: "s"}, &corev1.Secret{})).NotTo(Succeed())
				Expect(c.markers(ctx)).To(BeEmpty())
			})
		})

		It("leaves a whole item when it comes back into the list in between", func(ctx context.Context) {
			eachWrite(ctx, func(c *cluster, crash int64) {
				c.expectInstalled(ctx, c.rendered("h1", says("a", "hello"), "{apiVersion: v1, kind: Secret, metadata: {namespace: NS, name: s}}", says("b", "hello")))
				c.expectPruned(ctx, "")
				Expect(c.state(ctx)).To(HaveLen(2), "crash at write %d", crash)
				Expect(server.Get(ctx, client.ObjectKey{Namespace: c.name, Name: "s"}, &corev1.Secret{})).To(Succeed())
			})
		})

		It("removes what was never installed whole", func(ctx context.Context) {
			for crash := int64(1); crash < 6; crash++ {
				c = newCluster()
				c.crashAt = crash
				Expect(c.install(ctx, c.rendered("h1", says("a", "hello"), says("b", "hello")))).NotTo(Succeed())
				c.crashAt = 0
				c.expectPruned(ctx)
				if crash > 2 { // there is a Namespace
					Expect(c.state(ctx)).To(BeEmpty())
				}
				Expect(c.markers(ctx)).To(BeEmpty())
			}
		})

		It("names what could not be deleted", func(ctx context.Context) {
			c.expectInstalled(ctx, c.rendered("h1", says("a", "hello")))
			c.writes.Store(0)
			c.crashAt = 2 // after the marker
			_, err := c.prune(ctx)
			Expect(err).To(MatchError(ContainSubstring(fmt.Sprintf("deleting ConfigMap %s/a: ", c.name))))
		})
	})

	It("removes nothing while it cannot tell what others bring", func(ctx context.Context) {
		c.expectInstalled(ctx, c.rendered("h1", says("a", "hello")))
		Expect(server.Create(ctx, &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: metav1.NamespaceSystem, Name: "portolan-bootstrap-" + c.name + "-damaged"},
			Data:       map[string]string{"inventory": "["},
		})).To(Succeed())
		_, err := c.prune(ctx)
		Expect(err).To(MatchError(And(ContainSubstring(c.name+"-damaged was damaged"), ContainSubstring("delete it, then everything is applied again"))))
		Expect(c.installAs(ctx, "-new", c.rendered("h1", says("b", "hello")))).To(Succeed(), "what only adds goes on")
		Expect(c.state(ctx)).To(Equal(map[string]string{"a": "hello", "b": "hello"}))
	})
})

// patchA changes ConfigMap a as somebody does who only edits it.
func patchA(patch string) func(ctx context.Context, c *cluster) {
	return func(ctx context.Context, c *cluster) {
		GinkgoHelper()
		a := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Namespace: c.name, Name: "a"}}
		Expect(server.Patch(ctx, a, client.RawPatch(types.MergePatchType, []byte(patch)))).To(Succeed())
	}
}
