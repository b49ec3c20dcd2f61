package region_test

import (
	"context"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/internal/aws/fake"
	"github.com/portolan-dev/portolan/controllers/internal/testenv"
	"github.com/portolan-dev/portolan/controllers/internal/testenv/build"
)

// goDown makes passes over a Region that is being deleted, for which ACK does all it is asked
// to, until it is gone.
func (b *bed) goDown(ctx context.Context) {
	GinkgoHelper()
	for range enoughPasses {
		b.reconcile(ctx)
		if err := env.Client.Get(ctx, client.ObjectKeyFromObject(b.region), &v1alpha1.Region{}); err != nil {
			Expect(client.IgnoreNotFound(err)).To(Succeed())
			return
		}
	}
	Fail("the Region is still there")
}

// confirm says that the deletion is meant.
func (b *bed) confirm(ctx context.Context) {
	GinkgoHelper()
	testenv.ExpectUpdated(ctx, b.Env, b.region, func(r *v1alpha1.Region) {
		r.Annotations = map[string]string{v1alpha1.AnnotationConfirmDelete: r.Name}
	})
}

// changesInAWS are the calls by which Portolan itself changes AWS.
func (b *bed) changesInAWS() int {
	calls := 0
	for _, method := range []fake.Method{
		fake.Replicate, fake.StopReplication, fake.CreateEndpointGroup, fake.AddEndpoint, fake.RemoveEndpoint,
		fake.Weigh, fake.Dial, fake.DeleteEndpointGroup, fake.DeleteOrphan,
	} {
		calls += b.AWS.Calls(method)
	}
	return calls
}

var _ = Describe("the deletion of a protected Region", func() {
	var b *bed
	BeforeEach(func(ctx SpecContext) {
		b = newBed(ctx)
		b.environment.Spec.Protection = v1alpha1.ProtectionConfirm
	})

	awaiting := func() {
		GinkgoHelper()
		Expect(b.region).To(testenv.HaveCondition("Deleting", "True", "AwaitingConfirmation",
			"kubectl annotate region -n "+b.Namespace+" eu-west-1 portolan.dev/confirm-delete=eu-west-1", "spec.deletionPolicy to Retain"))
		Expect(b.region).To(testenv.HaveCondition("Ready", "Unknown", "AwaitingConfirmation"))
		Expect(b.region).To(testenv.HaveNoCondition("Stalled"))
	}

	It("waits for its confirmation, however long that takes, and then goes on", func(ctx SpecContext) {
		b.reachReady(ctx)
		objects := b.ACK.Names(ctx, b.Namespace)
		b.ExpectDeleted(ctx, b.region)
		b.Recorder.Reset()
		b.reconcile(ctx)
		awaiting()
		b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })

		By("another name, which confirms nothing, and a day")
		testenv.ExpectUpdated(ctx, b.Env, b.region, func(r *v1alpha1.Region) {
			r.Annotations = map[string]string{v1alpha1.AnnotationConfirmDelete: "us-east-1"}
		})
		b.Clock.Step(24 * time.Hour)
		b.reconcile(ctx)
		awaiting()
		Expect(b.ACK.Names(ctx, b.Namespace)).To(ConsistOf(objects))
		Expect(b.changesInAWS()).To(BeZero())

		By("its own name")
		b.confirm(ctx)
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("Deleting", "True", "RemovingApplications"))
	})

	It("waits when nobody can tell whether it is protected", func(ctx SpecContext) {
		b.environment.Spec.Protection = v1alpha1.ProtectionNone
		b.reachReady(ctx)
		b.ExpectDeleted(ctx, b.environment)
		b.ExpectDeleted(ctx, b.region)
		b.reconcile(ctx)
		awaiting()
		b.confirm(ctx)
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("Deleting", "True", "RemovingApplications"))
	})

	It("is immediate while there is nothing in AWS to lose", func(ctx SpecContext) {
		b.apply(ctx)
		b.reconcile(ctx)
		Expect(b.region.Status.Network.VPCID).To(BeEmpty())
		b.ExpectDeleted(ctx, b.region)
		b.goDown(ctx)
		b.ExpectNotFound(ctx, b.region)
		Expect(b.ACK.Names(ctx, b.Namespace)).To(BeEmpty())
	})

	It("deletes nothing under Observe", func(ctx SpecContext) {
		b.reachReady(ctx)
		testenv.ExpectUpdated(ctx, b.Env, b.region, func(r *v1alpha1.Region) { r.Spec.ManagementPolicy = v1alpha1.ManagementObserve })
		b.ExpectDeleted(ctx, b.region)
		b.confirm(ctx)
		b.Recorder.Reset()
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("Deleting", "True", "Observing", "managementPolicy is Observe"))
		Expect(b.Recorder.Deleted()).To(BeEmpty())
	})
})

var _ = Describe("a Region that is forgotten", func() {
	It("leaves everything in AWS and in Argo CD as it is", func(ctx SpecContext) {
		b := newBed(ctx)
		b.environment.Spec.Protection = v1alpha1.ProtectionConfirm
		b.environment.Spec.Secrets = &v1alpha1.SecretSource{PrimaryRegion: primary}
		b.profile().Secrets = []string{"db"}
		b.profile().ControlPlane = &v1alpha1.ControlPlane{DeletionProtection: true}
		b.AWS.AddSecret(primary, "db")
		b.AWS.SetReplica(primary, "db", "eu-west-1", aws.ReplicaState{Status: aws.ReplicaInSync})
		b.reachReady(ctx)
		holdAll(ctx, b)
		changed := b.changesInAWS()
		b.EmittedEvents()
		testenv.ExpectUpdated(ctx, b.Env, b.region, func(r *v1alpha1.Region) { r.Spec.DeletionPolicy = v1alpha1.DeletionRetain })
		b.ExpectDeleted(ctx, b.region)
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("Deleting", "True", "Releasing", "deletionPolicy is Retain", "ACK is forgetting Nodegroup "+prefix, "Cluster "+prefix))
		all := b.ACK.List(ctx, b.Namespace)
		Expect(all).NotTo(BeEmpty())
		for _, obj := range all {
			Expect(obj.GetAnnotations()).To(HaveKeyWithValue("services.k8s.aws/deletion-policy", "retain"), obj.GetName())
			Expect(obj.GetDeletionTimestamp()).NotTo(BeNil(), obj.GetName())
		}
		Expect(b.cluster(ctx).Spec.DeletionProtection).To(HaveValue(BeTrue()))
		b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })

		letGo(ctx, all...)
		b.reconcile(ctx)
		b.ExpectNotFound(ctx, b.region)
		Expect(b.changesInAWS()).To(Equal(changed))
		Expect(b.ArgoCD.Get(ctx, b.region)).NotTo(BeNil(), "without it, Argo CD would delete what runs")
		app := build.Application(b.ArgoCD.Namespace, "eu-west-1", build.ApplicationName, build.Revision)
		b.ExpectRefreshed(ctx, app)
		Expect(app.DeletionTimestamp).To(BeNil())
		b.ExpectRefreshed(ctx, b.environment)
		Expect(b.environment.Status.Allocations).To(HaveExactElements(v1alpha1.Allocation{Region: "eu-west-1", CIDR: "10.16.0.0/18", Retained: true}))

		By("nobody else getting its block")
		other := build.Region(b.Namespace, "eu-west-1", func(r *v1alpha1.Region) { r.Name = "other" })
		b.ExpectApplied(ctx, other)
		testenv.ExpectReconciled(ctx, b.Env, b.reconciler, other)
		Expect(other).To(testenv.HaveCondition("Planned", "False", "CIDROverlap", "Region eu-west-1"))

		By("a new one of the name getting it")
		b.region = build.Region(b.Namespace, "eu-west-1")
		testenv.ExpectUpdated(ctx, b.Env, b.environment, func(e *v1alpha1.Environment) { e.Spec.Network.Assignments[0].CIDR = "10.16.128.0/18" })
		b.ExpectApplied(ctx, b.region)
		b.reconcile(ctx)
		Expect(b.region.Status.Network.CIDR).To(Equal("10.16.0.0/18"))
	})
})
