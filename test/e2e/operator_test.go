package e2e

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/test/bed"
	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

var _ = Describe("An operator that is killed", Ordered, func() {
	const environment = "crash"

	BeforeAll(func(ctx SpecContext) {
		newNamespace(ctx, environment)
		Expect(world.Apply(ctx, "applicationsets.yaml")).To(Succeed())
		Expect(world.Client.Create(ctx, smallEnvironment(environment,
			v1alpha1.CIDRAssignment{AWSRegion: "eu-north-1", CIDR: "10.30.0.0/18"}))).To(Succeed())
		Expect(world.Client.Create(ctx, newPromotion(environment, oldRevision))).To(Succeed())
	})

	It("goes on where it was and creates nothing twice", func(ctx SpecContext) {
		r := newRegion(environment, "north", "eu-north-1")
		Expect(world.Client.Create(ctx, r)).To(Succeed())
		has := func(resourceType string) func(Gomega) {
			return func(g Gomega) { g.Expect(count("north", resourceType)).To(BeNumerically(">", 0)) }
		}
		killWhen(ctx, has("ec2/vpc"))
		killWhen(ctx, has("eks/cluster"))
		killWhen(ctx, func(g Gomega) { g.Expect(condition(ctx, r, v1alpha1.RegionRegistered)(g)).To(beReady()) })

		Eventually(condition(ctx, r, v1alpha1.ConditionReady)).WithContext(ctx).Should(beReady())
		for resourceType, want := range map[string]int{
			"ec2/vpc": 1, "ec2/subnet": 6, "ec2/internetgateway": 1, "ec2/routetable": 4, "ec2/elasticip": 1,
			"ec2/natgateway": 1, "iam/role": 2, "eks/cluster": 1, "eks/nodegroup": 1, "eks/addon": 1, "eks/accessentry": 1,
		} {
			Expect(count("north", resourceType)).To(Equal(want), resourceType)
		}
	})

	It("finishes a deletion that it had begun, with Applications that nobody else deletes", func(ctx SpecContext) {
		r := region(environment, "north")
		app := handMadeApplication(environment, "north")
		Expect(world.Client.Create(ctx, app)).To(Succeed())
		deleteConfirmed(ctx, r)
		killWhen(ctx, func(g Gomega) {
			g.Expect(condition(ctx, r, v1alpha1.ConditionDeleting)(g).Reason).To(Equal(v1alpha1.ReasonDeletingCluster))
		})
		Eventually(func() bool {
			return apierrors.IsNotFound(world.Client.Get(ctx, client.ObjectKeyFromObject(r), r))
		}).WithContext(ctx).Should(BeTrue())
		Expect(count("north", "")).To(BeZero())
		Expect(apierrors.IsNotFound(world.Client.Get(ctx, client.ObjectKeyFromObject(app), app))).To(BeTrue())
	})
})

// killWhen ends the operator without warning when something is seen, and starts another.
func killWhen(ctx context.Context, seen func(Gomega)) {
	GinkgoHelper()
	Eventually(seen).WithContext(ctx).WithPolling(20 * time.Millisecond).Should(Succeed())
	world.KillOperator()
	Expect(world.StartOperator(context.WithoutCancel(ctx))).To(Succeed())
}

// handMadeApplication is an Application that no ApplicationSet owns and that would
// leave behind what it deployed.
func handMadeApplication(environment, region string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "argoproj.io/v1alpha1",
		"kind":       "Application",
		"metadata": map[string]any{
			"namespace": bed.ArgoCDNamespace,
			"name":      "hand-made-" + region,
			"labels": map[string]any{
				v1alpha1.LabelApplication: "hand-made",
				v1alpha1.LabelEnvironment: environment,
				v1alpha1.LabelRegion:      region,
			},
		},
		"spec": map[string]any{
			"project":     "default",
			"destination": map[string]any{"name": environment + "-" + region, "namespace": "core"},
			"source": map[string]any{
				"repoURL": "https://github.com/unkeyed/infra", "path": "eks-cluster/helm-chart/core", "targetRevision": oldRevision,
			},
		},
	}}
}

// count counts what AWS holds for a Region, whatever its environment.
func count(region, resourceType string) int {
	return len(world.Cloud.List(func(r cloud.Resource) bool {
		return r.Tags[v1alpha1.LabelRegion] == region && (resourceType == "" || r.Type == resourceType)
	}))
}
