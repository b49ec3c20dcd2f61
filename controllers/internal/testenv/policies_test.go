package testenv

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"github.com/onsi/gomega/types"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack/ec2"
	"github.com/portolan-dev/portolan/controllers/internal/testenv/build"
)

const (
	operatorAccount = "system:serviceaccount:portolan-system:portolan-controller-manager"
	masters         = "system:masters"
)

// controllers are the groups of Kubernetes' own controllers, whose rights are their own.
var controllers = []string{"system:serviceaccounts", "system:serviceaccounts:kube-system", "system:authenticated"}

// sweepers delete whole collections of what they were not asked to delete one by one.
func sweepers() map[string]client.Client {
	return map[string]client.Client{
		"an administrator":         as("jane", masters),
		"the namespace controller": as("system:serviceaccount:kube-system:namespace-controller", controllers...),
	}
}

// deleters delete single objects.
func deleters() map[string]client.Client {
	all := sweepers()
	all["Argo CD"] = as("system:serviceaccount:argocd:argocd-application-controller", masters)
	all["the garbage collector"] = as("system:serviceaccount:kube-system:generic-garbage-collector", controllers...)
	return all
}

// beDenied matches the refusal of a policy, with all parts of its message.
func beDenied(policy string, parts ...string) types.GomegaMatcher {
	all := []types.GomegaMatcher{
		MatchError(apierrors.IsForbidden, "a refusal"),
		MatchError(ContainSubstring("ValidatingAdmissionPolicy '" + policy + "'")),
	}
	for _, part := range parts {
		all = append(all, MatchError(ContainSubstring(part)))
	}
	return And(all...)
}

func namespaceFor(ctx context.Context) string {
	GinkgoHelper()
	namespace := &corev1.Namespace{}
	namespace.GenerateName = "policies-"
	Expect(administrator.Create(ctx, namespace)).To(Succeed())
	return namespace.Name
}

// created brings the object into being, with the status that it has.
func created[T client.Object](ctx context.Context, obj T) T {
	GinkgoHelper()
	wanted, ok := obj.DeepCopyObject().(T)
	Expect(ok).To(BeTrue())
	Expect(administrator.Create(ctx, obj)).To(Succeed())
	wanted.SetResourceVersion(obj.GetResourceVersion())
	err := administrator.Status().Update(ctx, wanted)
	Expect(client.IgnoreNotFound(err)).To(Succeed(), "kinds without a status have no such subresource")
	obj.SetResourceVersion(wanted.GetResourceVersion())
	return obj
}

// heardOf waits until the API server's policies have heard of the Environment, which they
// watch: then it refuses what a Region without confirmation asks.
func heardOf(ctx context.Context, region *v1alpha1.Region) {
	GinkgoHelper()
	Eventually(administrator.Delete).WithContext(ctx).WithTimeout(policyPatience).WithArguments(region, client.DryRunAll).Should(beDenied("confirm-region-deletion"))
}

// environmentIn is protected, as every Environment is that does not say otherwise.
func environmentIn(namespace string, edits ...func(*v1alpha1.Environment)) *v1alpha1.Environment {
	unsaid := func(e *v1alpha1.Environment) { e.Spec.Protection = "" }
	return build.Environment(namespace, append([]func(*v1alpha1.Environment){unsaid}, edits...)...)
}

// builtRegion is one that came as far as having a network.
func builtRegion(namespace string, awsRegion v1alpha1.AWSRegion, edits ...func(*v1alpha1.Region)) *v1alpha1.Region {
	withNetwork := func(r *v1alpha1.Region) { r.Status.Network = &v1alpha1.RegionNetwork{VPCID: "vpc-0"} }
	return build.Region(namespace, awsRegion, append([]func(*v1alpha1.Region){withNetwork}, edits...)...)
}

func annotate(ctx context.Context, obj client.Object, value string) {
	GinkgoHelper()
	before, ok := obj.DeepCopyObject().(client.Object)
	Expect(ok).To(BeTrue())
	obj.SetAnnotations(map[string]string{v1alpha1.AnnotationConfirmDelete: value})
	Expect(administrator.Patch(ctx, obj, client.MergeFrom(before))).To(Succeed())
}

func exists(ctx context.Context, obj client.Object) {
	GinkgoHelper()
	Expect(administrator.Get(ctx, client.ObjectKeyFromObject(obj), obj)).To(Succeed())
	Expect(obj.GetDeletionTimestamp()).To(BeNil())
}

var _ = Describe("The policies on Regions", func() {
	var namespace string
	BeforeEach(func(ctx SpecContext) { namespace = namespaceFor(ctx) })

	protected := func(ctx context.Context, edits ...func(*v1alpha1.Region)) *v1alpha1.Region {
		GinkgoHelper()
		created(ctx, environmentIn(namespace))
		return created(ctx, builtRegion(namespace, "eu-west-1", edits...))
	}
	finalized := func(r *v1alpha1.Region) { r.Finalizers = []string{v1alpha1.RegionFinalizer} }

	It("refuse a deletion and say how to confirm it", func(ctx SpecContext) {
		region := protected(ctx)
		heardOf(ctx, region)
		Expect(administrator.Delete(ctx, region)).To(beDenied("confirm-region-deletion",
			"Region eu-west-1 is protected: its deletion takes down everything in AWS. To go on: "+
				"kubectl annotate region -n "+namespace+" eu-west-1 portolan.dev/confirm-delete=eu-west-1"))
		for who, c := range deleters() {
			Expect(c.Delete(ctx, region)).To(beDenied("confirm-region-deletion"), who)
		}
		Expect(as(operatorAccount, masters).Delete(ctx, region)).To(beDenied("confirm-region-deletion"))
		exists(ctx, region)
	})

	It("refuse it however it is asked for", func(ctx SpecContext) {
		region := protected(ctx)
		heardOf(ctx, region)
		for _, propagation := range []metav1.DeletionPropagation{
			metav1.DeletePropagationForeground, metav1.DeletePropagationBackground, metav1.DeletePropagationOrphan,
		} {
			Expect(administrator.Delete(ctx, region, client.PropagationPolicy(propagation))).To(beDenied("confirm-region-deletion"))
		}
		Expect(administrator.Delete(ctx, region, client.GracePeriodSeconds(0))).To(beDenied("confirm-region-deletion"))
		for who, c := range sweepers() {
			Expect(c.DeleteAllOf(ctx, &v1alpha1.Region{}, client.InNamespace(namespace))).To(beDenied("confirm-region-deletion"), who)
		}
		exists(ctx, region)
	})

	It("let a confirmed deletion pass, and all that follows", func(ctx SpecContext) {
		region := protected(ctx, finalized)
		heardOf(ctx, region)
		annotate(ctx, region, "eu-central-1")
		Expect(administrator.Delete(ctx, region)).To(beDenied("confirm-region-deletion"), "confirmed for another")
		annotate(ctx, region, "eu-west-1")
		Expect(administrator.Delete(ctx, region, client.DryRunAll)).To(Succeed())
		exists(ctx, region)
		Expect(administrator.Delete(ctx, region)).To(Succeed())

		Expect(administrator.Get(ctx, client.ObjectKeyFromObject(region), region)).To(Succeed(), "it has a finalizer")
		annotate(ctx, region, "")
		Expect(administrator.Delete(ctx, region)).To(Succeed(), "it is being deleted already")
		region.Finalizers = nil
		Expect(administrator.Update(ctx, region)).To(Succeed())
		Expect(administrator.Get(ctx, client.ObjectKeyFromObject(region), region)).To(MatchError(apierrors.IsNotFound, "gone"))
	})

	It("do not mind changes, finalizers included", func(ctx SpecContext) {
		region := protected(ctx, finalized)
		heardOf(ctx, region)
		region.Spec.Paused = true
		region.Labels = map[string]string{"tier": "one"}
		region.Finalizers = nil
		Expect(administrator.Update(ctx, region)).To(Succeed())
		region.Status.JoinedRings = "1/1"
		Expect(administrator.Status().Update(ctx, region)).To(Succeed())
	})

	It("let go of a Region that is retained", func(ctx SpecContext) {
		region := protected(ctx)
		heardOf(ctx, region)
		region.Spec.DeletionPolicy = v1alpha1.DeletionRetain
		Expect(administrator.Update(ctx, region)).To(Succeed())
		Expect(administrator.Delete(ctx, region)).To(Succeed())
	})

	It("let go of a Region that has nothing in AWS", func(ctx SpecContext) {
		region := protected(ctx)
		heardOf(ctx, region)
		idle := created(ctx, build.Region(namespace, "us-east-1"))
		Expect(administrator.Delete(ctx, idle)).To(Succeed())
	})

	It("ask only the Region's own Environment", func(ctx SpecContext) {
		created(ctx, environmentIn(namespace, func(e *v1alpha1.Environment) { e.Spec.Protection = v1alpha1.ProtectionNone }))
		other := created(ctx, environmentIn(namespace, func(e *v1alpha1.Environment) { e.Name = "other" }))
		free := created(ctx, builtRegion(namespace, "eu-west-1"))
		bound := created(ctx, builtRegion(namespace, "us-east-1", func(r *v1alpha1.Region) { r.Spec.EnvironmentRef.Name = other.Name }))
		heardOf(ctx, bound)
		Eventually(administrator.Delete).WithContext(ctx).WithTimeout(policyPatience).WithArguments(free, client.DryRunAll).Should(Succeed())

		Expect(administrator.DeleteAllOf(ctx, &v1alpha1.Region{}, client.InNamespace(namespace))).To(beDenied("confirm-region-deletion", "us-east-1"))
		Expect(administrator.Get(ctx, client.ObjectKeyFromObject(free), free)).To(MatchError(apierrors.IsNotFound, "gone"))
		exists(ctx, bound)
	})

	It("ask for a confirmation where the Environment is gone, as far as it is known", func(ctx SpecContext) {
		stranger := environmentIn(namespace, func(e *v1alpha1.Environment) {
			e.Name, e.Spec.Protection = "stranger", v1alpha1.ProtectionNone
		})
		region := builtRegion(namespace, "eu-west-1")
		region.Status.Conditions = []metav1.Condition{{
			Type: v1alpha1.RegionPlanned, Status: metav1.ConditionUnknown, Reason: v1alpha1.ReasonEnvironmentNotFound, LastTransitionTime: metav1.Now(),
		}}
		created(ctx, region)
		Expect(administrator.Delete(ctx, region)).To(beDenied("confirm-orphan-deletion", "its Environment production001 is missing",
			"kubectl annotate region -n "+namespace+" eu-west-1 portolan.dev/confirm-delete=eu-west-1"))
		created(ctx, stranger)
		Expect(administrator.Delete(ctx, region)).To(beDenied("confirm-orphan-deletion"), "another Environment says nothing about it")
		unseen := created(ctx, builtRegion(namespace, "us-east-1"))
		Expect(administrator.Delete(ctx, unseen)).To(Succeed(), "the operator has not seen it yet: nothing was made")
		annotate(ctx, region, "eu-west-1")
		Expect(administrator.Delete(ctx, region)).To(Succeed(), "with neither Environment nor anything else in the way")
	})
})

var _ = Describe("The policies on Environments and namespaces", func() {
	var namespace string
	BeforeEach(func(ctx SpecContext) { namespace = namespaceFor(ctx) })

	environment := func(regions int32, protection v1alpha1.Protection) *v1alpha1.Environment {
		return environmentIn(namespace, func(e *v1alpha1.Environment) {
			e.Spec.Protection, e.Status.Regions = protection, regions
		})
	}

	It("keep an Environment that has Regions", func(ctx SpecContext) {
		env := created(ctx, environment(2, v1alpha1.ProtectionNone))
		refusal := beDenied("confirm-environment-deletion", "its Regions, of which there are 2, need",
			"kubectl annotate environment -n "+namespace+" production001 portolan.dev/confirm-delete=production001")
		Expect(administrator.Delete(ctx, env)).To(refusal)
		for who, c := range sweepers() {
			Expect(c.DeleteAllOf(ctx, &v1alpha1.Environment{}, client.InNamespace(namespace))).To(refusal, who)
		}
		exists(ctx, env)
		annotate(ctx, env, env.Name)
		Expect(administrator.Delete(ctx, env)).To(Succeed())
	})

	It("let an Environment go that has none", func(ctx SpecContext) {
		Expect(administrator.Delete(ctx, created(ctx, environment(0, v1alpha1.ProtectionConfirm)))).To(Succeed())
	})

	It("keep a namespace with protected Regions", func(ctx SpecContext) {
		created(ctx, environment(2, v1alpha1.ProtectionConfirm))
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
		Eventually(administrator.Delete).WithContext(ctx).WithTimeout(policyPatience).WithArguments(ns, client.DryRunAll).Should(
			beDenied("confirm-namespace-deletion", "holds the Regions of Environment production001",
				"kubectl annotate namespace "+namespace+" portolan.dev/confirm-delete="+namespace))
		exists(ctx, ns)
		annotate(ctx, ns, namespace)
		Expect(administrator.Delete(ctx, ns)).To(Succeed())
	})

	DescribeTable("let a namespace go", func(ctx SpecContext, regions int32, protection v1alpha1.Protection) {
		created(ctx, environment(regions, protection))
		watched := created(ctx, environmentIn(namespace, func(e *v1alpha1.Environment) { e.Name, e.Status.Regions = "watched", 1 }))
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
		Eventually(administrator.Delete).WithContext(ctx).WithTimeout(policyPatience).WithArguments(ns, client.DryRunAll).Should(
			beDenied("confirm-namespace-deletion", "Environment watched"), "both Environments are known now")
		annotate(ctx, watched, watched.Name)
		Expect(administrator.Delete(ctx, watched)).To(Succeed())
		Eventually(administrator.Delete).WithContext(ctx).WithTimeout(policyPatience).WithArguments(ns).Should(Succeed())
	},
		Entry("without Regions", int32(0), v1alpha1.ProtectionConfirm),
		Entry("with Regions that may be deleted", int32(2), v1alpha1.ProtectionNone),
	)

	It("have nothing to do with other namespaces", func(ctx SpecContext) {
		Expect(administrator.Delete(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}})).To(Succeed())
	})
})

var _ = Describe("The policy on CRDs", func() {
	It("keeps those of Portolan and of all ACK kinds that it makes", func(ctx SpecContext) {
		all := &unstructured.UnstructuredList{}
		all.SetGroupVersionKind(apiextensionsv1.SchemeGroupVersion.WithKind("CustomResourceDefinitionList"))
		Expect(administrator.List(ctx, all)).To(Succeed())
		Expect(all.Items).NotTo(BeEmpty())
		for _, crd := range all.Items {
			name := crd.GetName()
			err := administrator.Delete(ctx, definition(name), client.DryRunAll)
			if name == "applications.argoproj.io" {
				Expect(err).NotTo(HaveOccurred())
				continue
			}
			Expect(err).To(beDenied("confirm-crd-deletion", "kubectl annotate crd "+name+" portolan.dev/confirm-delete="+name))
		}
	})

	It("lets go of one whose name is confirmed", func(ctx SpecContext) {
		crd := definition("promotions.portolan.dev")
		annotate(ctx, crd, crd.GetName())
		Expect(administrator.Delete(ctx, crd, client.DryRunAll)).To(Succeed())
		annotate(ctx, crd, "regions.portolan.dev")
		Expect(administrator.Delete(ctx, crd, client.DryRunAll)).To(beDenied("confirm-crd-deletion", "all objects of kind Promotion"))
	})
})

var _ = Describe("The policy on what a Region consists of", func() {
	var namespace string
	BeforeEach(func(ctx SpecContext) { namespace = namespaceFor(ctx) })

	vpc := func(name string, labels map[string]string) *ec2.VPC {
		return &ec2.VPC{
			ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels, Finalizers: []string{"finalizers.ec2.services.k8s.aws/VPC"}},
			Spec:       ec2.VPCSpec{CIDRBlocks: []string{"10.16.0.0/18"}},
		}
	}
	ours := map[string]string{v1alpha1.LabelRegion: "eu-west-1", v1alpha1.LabelEnvironment: "production001"}

	It("leaves its deletion to the operator", func(ctx SpecContext) {
		obj := created(ctx, vpc("production001-eu-west-1", ours))
		refusal := beDenied("guard-region-resources",
			"production001-eu-west-1 belongs to Region eu-west-1, and whatever AWS has for it goes with it. Delete the Region instead",
			"kubectl annotate vpcs.ec2.services.k8s.aws -n "+namespace+" production001-eu-west-1 portolan.dev/confirm-delete=production001-eu-west-1")
		for who, c := range deleters() {
			Expect(c.Delete(ctx, obj)).To(refusal, who)
		}
		for who, c := range sweepers() {
			Expect(c.DeleteAllOf(ctx, &ec2.VPC{}, client.InNamespace(namespace))).To(refusal, who)
		}
		exists(ctx, obj)
		operator := as(operatorAccount, masters)
		Expect(operator.Delete(ctx, obj, client.DryRunAll)).To(Succeed())
		Expect(operator.Delete(ctx, obj)).To(Succeed())
		Expect(administrator.Delete(ctx, obj)).To(Succeed(), "it is being deleted already")

		Expect(administrator.Get(ctx, client.ObjectKeyFromObject(obj), obj)).To(Succeed(), "it has ACK's finalizer")
		obj.Finalizers = nil
		Expect(administrator.Update(ctx, obj)).To(Succeed())
		Expect(administrator.Get(ctx, client.ObjectKeyFromObject(obj), obj)).To(MatchError(apierrors.IsNotFound, "gone"))
	})

	It("lets a confirmed deletion pass", func(ctx SpecContext) {
		obj := created(ctx, vpc("production001-eu-west-1", ours))
		annotate(ctx, obj, "eu-west-1")
		Expect(administrator.Delete(ctx, obj)).To(beDenied("guard-region-resources"), "it is the object's own name that confirms")
		annotate(ctx, obj, obj.Name)
		Expect(administrator.Delete(ctx, obj)).To(Succeed())
	})

	It("has nothing to do with others' objects", func(ctx SpecContext) {
		obj := created(ctx, vpc("theirs", map[string]string{v1alpha1.LabelEnvironment: "production001"}))
		Expect(administrator.Delete(ctx, obj)).To(Succeed())
	})

	secret := func(name string, labels map[string]string) *corev1.Secret {
		return &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: labels}}
	}

	It("keeps the region's cluster in Argo CD", func(ctx SpecContext) {
		for _, managed := range []string{"true", "false"} {
			obj := created(ctx, secret("cluster-"+managed, map[string]string{v1alpha1.LabelRegion: "eu-west-1", v1alpha1.LabelManaged: managed}))
			refusal := beDenied("guard-region-resources", "without it ApplicationSets delete all Applications of the region",
				"kubectl annotate secret -n "+namespace+" cluster-"+managed+" portolan.dev/confirm-delete=cluster-"+managed)
			for who, c := range deleters() {
				Expect(c.Delete(ctx, obj)).To(refusal, who)
			}
			obj.Labels["more"] = "labels"
			Expect(administrator.Update(ctx, obj)).To(Succeed())
			Expect(as(operatorAccount, masters).Delete(ctx, obj)).To(Succeed())
		}
	})

	It("has nothing to do with other Secrets", func(ctx SpecContext) {
		Expect(administrator.Delete(ctx, created(ctx, secret("plain", nil)))).To(Succeed())
		Expect(administrator.Delete(ctx, created(ctx, secret("labelled", map[string]string{v1alpha1.LabelRegion: "eu-west-1"})))).To(Succeed())
	})
})
