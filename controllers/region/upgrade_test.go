package region_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/testenv"
	"github.com/portolan-dev/portolan/controllers/internal/testenv/build"
	"github.com/portolan-dev/portolan/controllers/plan"
)

// change edits the Environment and lets the Region have its turn.
func (b *bed) change(ctx context.Context, edit func(*v1alpha1.EnvironmentSpec)) {
	GinkgoHelper()
	b.Clock.Step(testenv.Poll) // or what ACK said before could be about the change
	testenv.ExpectUpdated(ctx, b.Env, b.environment, func(e *v1alpha1.Environment) { edit(&e.Spec) })
	b.give(ctx)
}

// patched tells of every object that the reconciler has patched.
type patched struct {
	client.Client
	tell func(context.Context, client.Object)
}

func (p patched) Patch(ctx context.Context, obj client.Object, patch client.Patch, opts ...client.PatchOption) error {
	err := p.Client.Patch(ctx, obj, patch, opts...)
	if err == nil {
		p.tell(ctx, obj)
	}
	return err
}

var _ = Describe("another Kubernetes version", func() {
	var b *bed
	BeforeEach(func(ctx SpecContext) {
		b = newBed(ctx)
		b.profile().Addons = []v1alpha1.Addon{{Name: "vpc-cni"}, {Name: "kube-proxy", Version: "v1.34.0-eksbuild.1"}}
		for _, minor := range []string{"34", "35", "36"} {
			b.AWS.SetAddonVersions("1."+minor, "vpc-cni",
				plan.AddonVersion{Version: "v2." + minor + ".9"}, plan.AddonVersion{Version: "v2." + minor + ".0", Default: true}, plan.AddonVersion{Version: "v2.34.0"})
			b.AWS.SetAddonVersions("1."+minor, "kube-proxy", plan.AddonVersion{Version: "v1." + minor + ".0-eksbuild.1", Default: true})
		}
		b.reachReady(ctx)
		testenv.ExpectUpdated(ctx, b.Env, object(ctx, b, &eks.Addon{}, "vpc-cni"), func(a *eks.Addon) { a.Spec.AddonVersion = new("v2.34.0") })
		b.settle(ctx)
	})

	to := func(ctx context.Context, version string) {
		GinkgoHelper()
		b.change(ctx, func(e *v1alpha1.EnvironmentSpec) {
			e.Profiles[0].KubernetesVersion = version
			e.Profiles[0].Addons[1].Version = "v" + version + ".0-eksbuild.1"
		})
	}
	// versions are what is asked for: cluster, vpc-cni, kube-proxy and node group.
	versions := func(ctx context.Context) []string {
		GinkgoHelper()
		return []string{
			ptr.Deref(b.cluster(ctx).Spec.Version, ""),
			ptr.Deref(object(ctx, b, &eks.Addon{}, "vpc-cni").Spec.AddonVersion, ""),
			ptr.Deref(object(ctx, b, &eks.Addon{}, "kube-proxy").Spec.AddonVersion, ""),
			ptr.Deref(object(ctx, b, &eks.Nodegroup{}, build.NodeGroup).Spec.Version, ""),
		}
	}
	// chosenFor is the Kubernetes version that an add-on was last looked at for.
	chosenFor := func(ctx context.Context, addon string) string {
		GinkgoHelper()
		return object(ctx, b, &eks.Addon{}, addon).Annotations["portolan.dev/kubernetes-version"]
	}
	const oldProxy, newProxy = "v1.34.0-eksbuild.1", "v1.36.0-eksbuild.1"

	It("comes one minor at a time: the control plane, then the add-ons, then the nodes", func(ctx SpecContext) {
		to(ctx, "1.36")
		b.reconcile(ctx)
		Expect(versions(ctx)).To(HaveExactElements("1.35", "v2.34.0", oldProxy, "1.34"))
		Expect(b.region).To(testenv.HaveCondition("ControlPlaneReady", "Unknown", "Upgrading", "from 1.34 to 1.35 on the way to 1.36"))
		Expect(b.region.Status.Cluster.Version).To(Equal("1.34"), "EKS is at it")
		b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })
		Expect(chosenFor(ctx, "vpc-cni")).To(Equal("1.34"))

		By("the control plane having arrived at the next minor")
		b.settle(ctx, &eks.Addon{}, &eks.Nodegroup{})
		Expect(b.region.Status.Cluster.Version).To(Equal("1.35"))
		Expect(versions(ctx)).To(HaveExactElements("1.35", "v2.35.0", oldProxy, "1.34"))
		Expect(chosenFor(ctx, "vpc-cni")).To(Equal("1.35 v2.35.0"))
		Expect(chosenFor(ctx, "kube-proxy")).To(Equal("1.35"))
		Expect(b.region).To(testenv.HaveCondition("ControlPlaneReady", "Unknown", "Upgrading",
			"on the way from 1.35 to 1.36", "add-on vpc-cni", "node group "+build.NodeGroup, "follow first"))
		Expect(b.region).To(testenv.HaveCondition("AddonsReady", "Unknown", "Syncing", "Addon "+prefix+"-vpc-cni"))
		b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })

		By("the add-ons having followed")
		b.settle(ctx, &eks.Nodegroup{})
		Expect(versions(ctx)).To(HaveExactElements("1.35", "v2.35.0", oldProxy, "1.35"))
		Expect(b.region).To(testenv.HaveCondition("ControlPlaneReady", "Unknown", "Upgrading", "1.36: node group "+build.NodeGroup+" follow first"))
		Expect(b.region).To(testenv.HaveCondition("NodesReady", "Unknown", "Syncing"))
		b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })

		By("the nodes having followed")
		b.Clock.Step(testenv.Poll)
		b.settle(ctx, &eks.Cluster{})
		Expect(versions(ctx)).To(HaveExactElements("1.36", "v2.35.0", oldProxy, "1.35"))

		By("the same once more, with the pinned add-on in the end")
		b.settle(ctx)
		Expect(versions(ctx)).To(HaveExactElements("1.36", "v2.36.0", newProxy, "1.36"))
		Expect(b.region.Status.Cluster.Version).To(Equal("1.36"))
		Expect(b.region).To(testenv.HaveCondition("Ready", "True", "Succeeded"))
		b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })
	})

	It("asks for each version once, and never for a node's release with another version", func(ctx SpecContext) {
		release := &unstructured.Unstructured{}
		release.SetGroupVersionKind(eks.GroupVersion.WithKind("Nodegroup"))
		release.SetNamespace(b.Namespace)
		release.SetName(prefix + "-" + build.NodeGroup)
		initialise := client.RawPatch(types.MergePatchType, []byte(`{"spec":{"releaseVersion":"1.34.1-20260201"}}`))
		Expect(env.Client.Patch(ctx, release, initialise)).To(Succeed())
		b.settle(ctx)

		var asked []string
		last := map[string]string{"Cluster": "1.34", "vpc-cni": "v2.34.0", "kube-proxy": oldProxy, "Nodegroup": "1.34"}
		note := func(what string, version *string) {
			if now := ptr.Deref(version, ""); last[what] != now {
				last[what] = now
				asked = append(asked, what+" "+now)
			}
		}
		b.Recorder.Client = patched{Client: b.Recorder.Client, tell: func(ctx context.Context, obj client.Object) {
			switch o := obj.(type) {
			case *eks.Cluster:
				note("Cluster", o.Spec.Version)
			case *eks.Addon:
				note(ptr.Deref(o.Spec.Name, ""), o.Spec.AddonVersion)
			case *eks.Nodegroup:
				Expect(env.Client.Get(ctx, client.ObjectKeyFromObject(release), release)).To(Succeed())
				number, _, _ := unstructured.NestedString(release.Object, "spec", "releaseVersion")
				if version := ptr.Deref(o.Spec.Version, ""); version != "1.34" {
					Expect(number).To(BeEmpty(), "with version %s", version)
				}
				note("Nodegroup", o.Spec.Version)
			}
		}}
		to(ctx, "1.36")
		b.settle(ctx)
		Expect(asked).To(HaveExactElements(
			"Cluster 1.35", "vpc-cni v2.35.0", "Nodegroup 1.35",
			"Cluster 1.36", "vpc-cni v2.36.0", "kube-proxy "+newProxy, "Nodegroup 1.36"))
	})

	It("leaves an add-on alone that is ahead of EKS's choice", func(ctx SpecContext) {
		testenv.ExpectUpdated(ctx, b.Env, object(ctx, b, &eks.Addon{}, "vpc-cni"), func(a *eks.Addon) { a.Spec.AddonVersion = new("v2.35.9") })
		b.settle(ctx)
		to(ctx, "1.35")
		b.settle(ctx)
		Expect(versions(ctx)).To(HaveExactElements("1.35", "v2.35.9", "v1.35.0-eksbuild.1", "1.35"))
	})

	DescribeTable("does not go on past what EKS finds wrong", func(ctx SpecContext, held client.Object, suffix, status string, want ...any) {
		to(ctx, "1.36")
		b.settle(ctx, &eks.Addon{}, &eks.Nodegroup{})
		if _, addon := held.(*eks.Addon); !addon {
			b.settle(ctx, &eks.Nodegroup{})
		}
		b.ACK.MarkSyncedWith(ctx, object(ctx, b, held, suffix), map[string]any{"status": status})
		b.rest(ctx)
		Expect(versions(ctx)).To(HaveExactElements(want...))
		Expect(b.region).To(testenv.HaveCondition("Ready", "Unknown", ""))
	},
		Entry("with an add-on", &eks.Addon{}, "vpc-cni", "UPDATE_FAILED", "1.35", "v2.35.0", oldProxy, "1.34"),
		Entry("with the nodes", &eks.Nodegroup{}, build.NodeGroup, "DEGRADED", "1.35", "v2.35.0", oldProxy, "1.35"),
	)

	It("is refused when it is older", func(ctx SpecContext) {
		b.AWS.SetAddonVersions("1.33", "kube-proxy", plan.AddonVersion{Version: "v1.33.0-eksbuild.1", Default: true})
		to(ctx, "1.33")
		b.settle(ctx)
		Expect(b.region).To(testenv.HaveCondition("ControlPlaneReady", "False", "VersionSkew", "runs Kubernetes 1.34 and never goes back to 1.33", "profile standard"))
		Expect(b.region).To(testenv.HaveCondition("Stalled", "True", "VersionSkew"))
		Expect(versions(ctx)).To(HaveExactElements("1.34", "v2.34.0", oldProxy, "1.34"))
	})
})

var _ = Describe("a cluster that was taken over", func() {
	It("is asked for its version, from which it goes up", func(ctx SpecContext) {
		b := newBed(ctx)
		b.AWS.SetCluster("eu-west-1", prefix, map[string]string{v1alpha1.LabelEnvironment: "production001", v1alpha1.LabelRegion: "eu-west-1"})
		b.AWS.SetClusterVersion("eu-west-1", prefix, "1.32")
		b.apply(ctx)
		b.settle(ctx, &eks.Cluster{})
		b.ACK.Report(ctx, b.cluster(ctx), nil, b.ACK.Condition("ACK.Terminal", "True", "Resource already exists"))
		b.reconcile(ctx)
		Expect(b.cluster(ctx).Annotations).To(HaveKey("services.k8s.aws/adoption-policy"))
		testenv.ExpectUpdated(ctx, b.Env, b.cluster(ctx), func(c *eks.Cluster) { c.Annotations[ack.AnnotationAdopted] = "true" })
		b.ACK.Report(ctx, b.cluster(ctx), map[string]any{"status": "ACTIVE"}, b.ACK.Condition("ACK.ResourceSynced", "False", ""))

		b.reconcile(ctx)
		b.reconcile(ctx)
		Expect(b.region.Status.Cluster.Version).To(Equal("1.32"))
		Expect(b.cluster(ctx).Spec.Version).To(HaveValue(Equal("1.33")))
		Expect(b.region).To(testenv.HaveCondition("ControlPlaneReady", "Unknown", "Upgrading", "from 1.32 to 1.33 on the way to 1.34"))
		for _, version := range []string{"1.33", "1.34"} {
			b.Clock.Step(testenv.Poll)
			Expect(b.cluster(ctx).Spec.Version).To(HaveValue(Equal(version)))
			b.ACK.MarkSynced(ctx, b.cluster(ctx))
			b.reconcile(ctx)
			b.settle(ctx, &eks.Cluster{})
		}
		Expect(b.region.Status.Cluster.Version).To(Equal("1.34"))
	})

	It("is asked as well when EKS refuses its version", func(ctx SpecContext) {
		b := newBed(ctx)
		b.AWS.SetClusterVersion("eu-west-1", prefix, "1.31")
		b.apply(ctx)
		b.settle(ctx, &eks.Cluster{})
		b.ACK.Report(ctx, b.cluster(ctx), map[string]any{"status": "ACTIVE"},
			b.ACK.Condition("ACK.Terminal", "True", "InvalidParameterException: Unsupported Kubernetes minor version update from 1.31 to 1.34"))
		b.reconcile(ctx)
		b.reconcile(ctx)
		Expect(b.region.Status.Cluster.Version).To(Equal("1.31"))
		Expect(b.cluster(ctx).Spec.Version).To(HaveValue(Equal("1.32")))
	})
})
