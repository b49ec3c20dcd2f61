package region_test

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack/ec2"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/testenv"
	"github.com/portolan-dev/portolan/controllers/internal/testenv/build"
	"github.com/portolan-dev/portolan/controllers/plan"
)

var _ = Describe("a changed Environment", func() {
	var b *bed
	BeforeEach(func(ctx SpecContext) { b = newBed(ctx) })

	// edit changes the Environment without anybody having a turn.
	edit := func(ctx context.Context, change func(*v1alpha1.EnvironmentSpec)) {
		GinkgoHelper()
		b.Clock.Step(testenv.Poll)
		testenv.ExpectUpdated(ctx, b.Env, b.environment, func(e *v1alpha1.Environment) { change(&e.Spec) })
	}
	network := func(e *v1alpha1.EnvironmentSpec) { e.AWS.Tags["team"] = "network" }
	team := func(ctx context.Context) string {
		GinkgoHelper()
		for _, tag := range object(ctx, b, &ec2.VPC{}, "").Spec.Tags {
			if tag.Key == "team" {
				return tag.Value
			}
		}
		return ""
	}
	newest := func() string {
		GinkgoHelper()
		revision, err := plan.ProfileRevisionOf(b.environment, b.region.Spec.Profile)
		Expect(err).NotTo(HaveOccurred())
		return revision.Name()
	}

	It("reaches a Region that was Ready when it has its turn", func(ctx SpecContext) {
		b.reachReady(ctx)
		first := b.region.Status.ProfileRevision
		Expect(first).To(Equal(newest()))
		edit(ctx, network)
		Expect(newest()).NotTo(Equal(first))
		b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })
		Expect(b.region).To(testenv.HaveCondition("Ready", "True", "Succeeded"))
		Expect(team(ctx)).To(Equal("platform"))

		By("having its turn")
		b.give(ctx)
		b.reconcile(ctx)
		Expect(team(ctx)).To(Equal("network"))
		Expect(b.region.Status.ProfileRevision).To(Equal(first), "it is not Ready with it")
		b.settle(ctx)
		Expect(b.region).To(testenv.HaveCondition("Ready", "True", "Succeeded"))
		Expect(b.region.Status.ProfileRevision).To(Equal(newest()))

		By("its turn being over: what comes next waits again")
		edit(ctx, func(e *v1alpha1.EnvironmentSpec) { e.AWS.Tags["team"] = "storage" })
		b.settle(ctx)
		Expect(team(ctx)).To(Equal("network"))
	})

	It("is followed to its end, though the Environment changes on the way", func(ctx SpecContext) {
		b.reachReady(ctx)
		first := b.region.Status.ProfileRevision
		b.change(ctx, network)
		given := newest()
		b.reconcile(ctx)
		edit(ctx, func(e *v1alpha1.EnvironmentSpec) { e.AWS.Tags["team"] = "storage" })
		b.settle(ctx)
		Expect(team(ctx)).To(Equal("network"))
		Expect(b.region.Status.ProfileRevision).To(And(Equal(given), Not(Equal(first))))
	})

	It("leaves a Region as it is whose record is lost, until its turn", func(ctx SpecContext) {
		b.reachReady(ctx)
		first := b.region.Status.ProfileRevision
		edit(ctx, network)
		records := &appsv1.ControllerRevisionList{}
		Expect(env.Client.List(ctx, records, client.InNamespace(b.Namespace))).To(Succeed())
		Expect(records.Items).NotTo(BeEmpty())
		for i := range records.Items {
			b.ExpectDeleted(ctx, &records.Items[i])
		}
		objects := b.ACK.Names(ctx, b.Namespace)
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("Planned", "Unknown", "RevisionMissing", first))
		Expect(b.region).To(testenv.HaveNoCondition("Stalled"))
		b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })
		Expect(b.ACK.Names(ctx, b.Namespace)).To(ConsistOf(objects))
		Expect(team(ctx)).To(Equal("platform"))
		Expect(b.ArgoCD.Get(ctx, b.region)).NotTo(BeNil())

		b.give(ctx)
		b.settle(ctx)
		Expect(b.region).To(testenv.HaveCondition("Ready", "True", "Succeeded"))
		Expect(b.region.Status.ProfileRevision).To(Equal(newest()))
		Expect(team(ctx)).To(Equal("network"))
	})

	It("counts at once for a Region that is being built", func(ctx SpecContext) {
		b.apply(ctx)
		b.settle(ctx)
		Expect(b.region.Status.ProfileRevision).To(BeEmpty())
		edit(ctx, network)
		b.reconcile(ctx)
		Expect(team(ctx)).To(Equal("network"))
	})

	It("counts at once where it is about Portolan itself", func(ctx SpecContext) {
		b.reachReady(ctx)
		const role = "arn:aws:iam::123456789012:role/portolan"
		edit(ctx, func(e *v1alpha1.EnvironmentSpec) {
			e.AWS.RoleARN = role
			e.AWS.Tags["team"] = "network"
		})
		b.settle(ctx)
		Expect(b.region.Status.RoleARN).To(Equal(role))
		Expect(team(ctx)).To(Equal("platform"), "the rest waits")
	})

	It("counts at once when it is another profile that the Region was given", func(ctx SpecContext) {
		b.reachReady(ctx)
		edit(ctx, func(e *v1alpha1.EnvironmentSpec) {
			e.Profiles = append(e.Profiles, build.Profile(func(p *v1alpha1.Profile) { p.Name, p.NodeGroups[0].Max = "large", 9 }))
		})
		testenv.ExpectUpdated(ctx, b.Env, b.region, func(r *v1alpha1.Region) { r.Spec.Profile = "large" })
		b.reconcile(ctx)
		scaling := object(ctx, b, &eks.Nodegroup{}, build.NodeGroup).Spec.ScalingConfig
		Expect(ptr.Deref(scaling.MaxSize, 0)).To(BeEquivalentTo(9))
		b.settle(ctx)
		Expect(b.region.Status.ProfileRevision).To(HavePrefix("large-"))
	})

	It("that cannot be carried out leaves the others' turns alone", func(ctx SpecContext) {
		b.reachReady(ctx)
		edit(ctx, func(e *v1alpha1.EnvironmentSpec) { e.Profiles[0].Extends = "nowhere" })
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("Ready", "True", "Succeeded"))
	})
})
