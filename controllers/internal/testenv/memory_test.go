package testenv

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/interceptor"
	"sigs.k8s.io/controller-runtime/pkg/controller/controllerutil"

	"github.com/portolan-dev/portolan/controllers/internal/ack/ec2"
)

var _ = Describe("the memory of an Env", func() {
	const finalizer = "test.portolan.dev/hold"
	var (
		c         client.Client
		namespace string
		reads     int
		during    func() // a read or an update, once
	)
	BeforeEach(func(ctx SpecContext) {
		server, err := client.NewWithWatch(adminConfig, client.Options{Scheme: known})
		Expect(err).NotTo(HaveOccurred())
		reads, during = 0, func() {}
		answer := func() {
			now := during
			during = func() {}
			now()
		}
		read := func() {
			reads++
			answer()
		}
		c = newMemory().over(interceptor.NewClient(server, interceptor.Funcs{
			Get: func(ctx context.Context, c client.WithWatch, key client.ObjectKey, obj client.Object, opts ...client.GetOption) error {
				defer read()
				return c.Get(ctx, key, obj, opts...)
			},
			List: func(ctx context.Context, c client.WithWatch, list client.ObjectList, opts ...client.ListOption) error {
				defer read()
				return c.List(ctx, list, opts...)
			},
			Update: func(ctx context.Context, c client.WithWatch, obj client.Object, opts ...client.UpdateOption) error {
				defer answer()
				return c.Update(ctx, obj, opts...)
			},
		}))
		ns := &corev1.Namespace{}
		ns.GenerateName = "memory-"
		Expect(administrator.Create(ctx, ns)).To(Succeed())
		namespace = ns.Name
	})

	vpc := func(name, colour string) *ec2.VPC {
		v := &ec2.VPC{}
		v.Namespace, v.Name, v.Labels = namespace, name, map[string]string{"colour": colour}
		v.Spec.CIDRBlocks = []string{"10.0.0.0/16"}
		return v
	}
	// seen is everything that a client can tell of the namespace's VPCs, and how many there
	// are anywhere.
	seen := func(ctx context.Context, c client.Client) map[string]any {
		GinkgoHelper()
		all := map[string]any{}
		for what, options := range map[string][]client.ListOption{
			"all": {client.InNamespace(namespace)}, "red": {client.InNamespace(namespace), client.MatchingLabels{"colour": "red"}},
		} {
			list := &ec2.VPCList{}
			Expect(c.List(ctx, list, options...)).To(Succeed())
			Expect(stripManagedFields(list)).To(Succeed())
			all[what] = list.Items
		}
		everywhere := &ec2.VPCList{}
		Expect(c.List(ctx, everywhere)).To(Succeed())
		all["everywhere"] = len(everywhere.Items)
		for _, name := range []string{"one", "two", "three"} {
			found := vpc(name, "")
			if err := c.Get(ctx, client.ObjectKeyFromObject(found), found); err != nil {
				Expect(apierrors.IsNotFound(err)).To(BeTrue(), "%v", err)
				continue
			}
			found.SetManagedFields(nil)
			all[name] = found
		}
		return all
	}

	It("asks the API server once for what nobody writes", func(ctx SpecContext) {
		Expect(administrator.Create(ctx, vpc("one", "red"))).To(Succeed())
		Expect(seen(ctx, c)).To(Equal(seen(ctx, administrator)))
		Expect(reads).To(Equal(5), "two lists and three VPCs")
		Expect(seen(ctx, c)).To(Equal(seen(ctx, administrator)))
		Expect(reads).To(Equal(5))
	})

	It("gives everybody a copy", func(ctx SpecContext) {
		Expect(c.Create(ctx, vpc("one", "red"))).To(Succeed())
		for range 2 {
			found, list := vpc("one", ""), &ec2.VPCList{}
			Expect(c.Get(ctx, client.ObjectKeyFromObject(found), found)).To(Succeed())
			Expect(c.List(ctx, list, client.InNamespace(namespace))).To(Succeed())
			found.Labels["colour"], list.Items[0].Labels["colour"] = "blue", "blue"
		}
		Expect(seen(ctx, c)).To(Equal(seen(ctx, administrator)))
	})

	It("does not keep what was read before a write that came in between", func(ctx SpecContext) {
		v := vpc("one", "red")
		Expect(administrator.Create(ctx, v)).To(Succeed())
		repaint := func(colour string) {
			v.Labels["colour"] = colour
			Expect(c.Update(ctx, v)).To(Succeed())
		}
		during = func() { repaint("blue") }
		Expect(c.Get(ctx, client.ObjectKeyFromObject(v), vpc("one", ""))).To(Succeed())
		Expect(seen(ctx, c)).To(Equal(seen(ctx, administrator)))
		during = func() { repaint("red") }
		Expect(c.List(ctx, &ec2.VPCList{})).To(Succeed())
		Expect(seen(ctx, c)).To(Equal(seen(ctx, administrator)))
	})

	It("does not keep what a write says that another one has overtaken", func(ctx SpecContext) {
		v := vpc("one", "red")
		Expect(c.Create(ctx, v)).To(Succeed())
		during = func() {
			reshape := client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"shape":"round"}}}`))
			Expect(c.Patch(ctx, vpc("one", ""), reshape)).To(Succeed())
		}
		v.Labels["colour"] = "blue"
		Expect(c.Update(ctx, v)).To(Succeed())
		Expect(v.Labels).NotTo(HaveKey("shape"))
		Expect(seen(ctx, c)).To(Equal(seen(ctx, administrator)))
	})

	DescribeTable("knows of", func(ctx SpecContext, write func(ctx context.Context, one *ec2.VPC) error) {
		one := vpc("one", "red")
		one.Finalizers = []string{finalizer}
		Expect(administrator.Create(ctx, one)).To(Succeed())
		Expect(administrator.Create(ctx, vpc("two", "red"))).To(Succeed())
		Expect(seen(ctx, c)).To(Equal(seen(ctx, administrator)))
		Expect(write(ctx, one)).To(Succeed())
		Expect(seen(ctx, c)).To(Equal(seen(ctx, administrator)))
	},
		Entry("a creation", func(ctx context.Context, _ *ec2.VPC) error { return c.Create(ctx, vpc("three", "red")) }),
		Entry("an update", func(ctx context.Context, one *ec2.VPC) error {
			one.Labels["colour"] = "blue"
			return c.Update(ctx, one)
		}),
		Entry("an update that only was to be tried", func(ctx context.Context, one *ec2.VPC) error {
			one.Labels["colour"] = "blue"
			return c.Update(ctx, one, client.DryRunAll)
		}),
		Entry("an update that comes too late", func(ctx context.Context, one *ec2.VPC) error {
			late := one.DeepCopy()
			one.Labels["colour"] = "blue"
			Expect(administrator.Update(ctx, one)).To(Succeed())
			Expect(c.Update(ctx, late)).To(MatchError(apierrors.IsConflict, "a conflict"))
			return nil
		}),
		Entry("a patch", func(ctx context.Context, one *ec2.VPC) error {
			return c.Patch(ctx, one, client.RawPatch(types.MergePatchType, []byte(`{"metadata":{"labels":{"colour":"blue"}}}`)))
		}),
		Entry("a status", func(ctx context.Context, one *ec2.VPC) error {
			return c.Status().Patch(ctx, one, client.RawPatch(types.MergePatchType, []byte(`{"status":{"vpcID":"vpc-1"}}`)))
		}),
		Entry("an updated status", func(ctx context.Context, one *ec2.VPC) error {
			one.Status.VPCID = new("vpc-1")
			return c.Status().Update(ctx, one)
		}),
		Entry("what is applied", func(ctx context.Context, _ *ec2.VPC) error {
			applied := &unstructured.Unstructured{Object: map[string]any{"metadata": map[string]any{
				"namespace": namespace, "name": "one", "labels": map[string]any{"shape": "round"},
			}}}
			applied.SetGroupVersionKind(ec2.GroupVersion.WithKind("VPC"))
			return c.Apply(ctx, client.ApplyConfigurationFromUnstructured(applied), client.FieldOwner("test"))
		}),
		Entry("a deletion", func(ctx context.Context, _ *ec2.VPC) error { return c.Delete(ctx, vpc("two", "")) }),
		Entry("a deletion that is held up", func(ctx context.Context, one *ec2.VPC) error { return c.Delete(ctx, one) }),
		Entry("the end of such a deletion", func(ctx context.Context, one *ec2.VPC) error {
			Expect(c.Delete(ctx, one)).To(Succeed())
			Expect(c.Get(ctx, client.ObjectKeyFromObject(one), one)).To(Succeed())
			controllerutil.RemoveFinalizer(one, finalizer)
			return c.Update(ctx, one)
		}),
		Entry("the deletion of all", func(ctx context.Context, _ *ec2.VPC) error {
			return c.DeleteAllOf(ctx, &ec2.VPC{}, client.InNamespace(namespace))
		}),
	)
})
