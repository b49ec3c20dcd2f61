package region_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/argocd"
	"github.com/portolan-dev/portolan/controllers/internal/testenv"
	"github.com/portolan-dev/portolan/controllers/internal/testenv/build"
)

var _ = Describe("a Region of the name that one in another namespace has", func() {
	var production, sandbox *bed
	var secret *corev1.Secret
	var app *argocd.Application

	// theirs is everything of production's that Argo CD knows.
	theirs := func(ctx context.Context) []any {
		GinkgoHelper()
		production.ExpectRefreshed(ctx, secret, app)
		return []any{secret.DeepCopy(), app.DeepCopy()}
	}
	// copied makes the Environment and the Region once more, in the sandbox.
	copied := func(ctx context.Context) {
		GinkgoHelper()
		sandbox.ArgoCD.Namespace = production.ArgoCD.Namespace
		sandbox.environment.Spec.Network.Assignments[0].CIDR = "10.200.0.0/18"
		sandbox.apply(ctx)
	}

	BeforeEach(func(ctx SpecContext) {
		production, sandbox = newBed(ctx), newBed(ctx)
		production.reachReady(ctx)
		secret = &corev1.Secret{}
		secret.Namespace, secret.Name = production.ArgoCD.Namespace, argocd.SecretName(prefix)
		app = build.Application(production.ArgoCD.Namespace, "eu-west-1", build.ApplicationName, build.Revision)
	})

	It("is refused before anything is made, and goes without touching the other's", func(ctx SpecContext) {
		before := theirs(ctx)
		copied(ctx)
		sandbox.reconcile(ctx)
		result := sandbox.reconcile(ctx)
		Expect(result.RequeueAfter).To(Equal(testenv.SlowPoll))
		Expect(sandbox.region).To(testenv.HaveCondition("Planned", "False", "NameTaken",
			"Region "+production.Namespace+"/eu-west-1 has the name "+prefix, "choose another name"))
		Expect(sandbox.region.Status.Plan).To(BeNil())
		sandbox.Recorder.ExpectNoWrites(func() { sandbox.reconcile(ctx) })
		production.reconcile(ctx)
		Expect(production.region).To(testenv.HaveCondition("Ready", "True", "Succeeded"))

		sandbox.ExpectDeleted(ctx, sandbox.region)
		sandbox.reconcile(ctx)
		sandbox.ExpectNotFound(ctx, sandbox.region)
		Expect(theirs(ctx)).To(Equal(before))
	})

	It("leaves alone what was registered before Secrets said whose they are", func(ctx SpecContext) {
		production.ExpectRefreshed(ctx, secret)
		delete(secret.Annotations, argocd.AnnotationOwner)
		Expect(env.Client.Update(ctx, secret)).To(Succeed())
		before := theirs(ctx)
		copied(ctx)
		sandbox.reconcile(ctx)
		Expect(sandbox.ArgoCD.Get(ctx, sandbox.region)).To(BeNil())
		sandbox.ExpectDeleted(ctx, sandbox.region)
		sandbox.reconcile(ctx)
		Expect(theirs(ctx)).To(Equal(before))
		production.settle(ctx)
		production.ExpectRefreshed(ctx, secret)
		Expect(secret.Annotations).To(HaveKeyWithValue(argocd.AnnotationOwner, production.Namespace+"/eu-west-1"))
	})

	It("waits with what both may have in AWS until it is told to forget it", func(ctx SpecContext) {
		copied(ctx)
		sandbox.reconcile(ctx)
		sandbox.region.Status.Network = &v1alpha1.RegionNetwork{VPCID: "vpc-1"} // from before names were looked at
		Expect(env.Client.Status().Update(ctx, sandbox.region)).To(Succeed())
		before := theirs(ctx)
		testenv.ExpectUpdated(ctx, sandbox.Env, sandbox.region, func(r *v1alpha1.Region) {
			r.Annotations = map[string]string{v1alpha1.AnnotationConfirmDelete: r.Name}
		})
		sandbox.ExpectDeleted(ctx, sandbox.region)
		sandbox.reconcile(ctx)
		Expect(sandbox.region).To(testenv.HaveCondition("Deleting", "True", "NameTaken", "set spec.deletionPolicy to Retain"))
		Expect(sandbox.Recorder.Deleted()).To(BeEmpty())
		testenv.ExpectUpdated(ctx, sandbox.Env, sandbox.region, func(r *v1alpha1.Region) { r.Spec.DeletionPolicy = v1alpha1.DeletionRetain })
		sandbox.reconcile(ctx)
		sandbox.ExpectNotFound(ctx, sandbox.region)
		Expect(theirs(ctx)).To(Equal(before))
	})

	It("does not take the Secret of one that was forgotten, and says how it could", func(ctx SpecContext) {
		testenv.ExpectUpdated(ctx, production.Env, production.region, func(r *v1alpha1.Region) { r.Spec.DeletionPolicy = v1alpha1.DeletionRetain })
		production.ExpectDeleted(ctx, production.region)
		production.settleGone(ctx)
		before := theirs(ctx)
		sandbox.ArgoCD.Namespace = production.ArgoCD.Namespace
		sandbox.environment.Spec.Network.Assignments[0].CIDR = "10.200.0.0/18"
		sandbox.api.Set(build.Node("node-1"))
		sandbox.apply(ctx)
		sandbox.ExpectApplied(ctx, build.Promotion(sandbox.Namespace, "main"))
		sandbox.settle(ctx)
		sandbox.connected()
		sandbox.settle(ctx)
		Expect(sandbox.region).To(testenv.HaveCondition("Registered", "Unknown", "SecretNotOurs",
			"is that of Region "+production.Namespace+"/eu-west-1", "kubectl annotate secret"))
		Expect(theirs(ctx)).To(Equal(before))

		By("its deletion leaving the Applications")
		left, err := sandbox.ArgoCD.DeleteApplications(ctx, sandbox.region)
		Expect(err).NotTo(HaveOccurred())
		Expect(left).To(BeEmpty())
		Expect(theirs(ctx)).To(Equal(before))
	})
})

// settleGone lets ACK forget everything until the Region is gone.
func (b *bed) settleGone(ctx context.Context) {
	GinkgoHelper()
	for range enoughPasses {
		if err := env.Client.Get(ctx, client.ObjectKeyFromObject(b.region), &v1alpha1.Region{}); err != nil {
			return
		}
		b.reconcile(ctx)
		b.ACK.SyncAll(ctx, b.Namespace)
	}
	Fail("the Region does not go")
}
