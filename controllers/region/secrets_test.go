package region_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/internal/aws/fake"
	"github.com/portolan-dev/portolan/controllers/internal/testenv"
	"github.com/portolan-dev/portolan/controllers/internal/testenv/build"
)

const primary = "us-east-1"

var _ = Describe("the secrets of a Region", func() {
	var b *bed
	BeforeEach(func(ctx SpecContext) {
		b = newBed(ctx)
		b.environment.Spec.Secrets = &v1alpha1.SecretSource{PrimaryRegion: primary}
		b.profile().Secrets = []string{"db", "vault"}
		b.AWS.AddSecret(primary, "vault")
	})

	// collected lets the time pass in which Regions that join together are waited for.
	collected := func(ctx SpecContext) {
		GinkgoHelper()
		b.reconcile(ctx)
		b.Clock.Step(testenv.Poll)
		b.reconcile(ctx)
	}

	It("hold the region before anything is created when the primary does not exist", func(ctx SpecContext) {
		b.apply(ctx)
		result := b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("Planned", "False", "SecretMissing", "us-east-1 does not have db"))
		Expect(result.RequeueAfter).To(Equal(testenv.SlowPoll))
		Expect(b.ACK.Names(ctx, b.Namespace)).To(BeEmpty())

		By("going on when it is there")
		b.AWS.AddSecret(primary, "db")
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("Planned", "True", "Succeeded"))
		Expect(b.ACK.Names(ctx, b.Namespace)).To(ContainElement("VPC " + prefix))
	})

	It("say when a primary was deleted later", func(ctx SpecContext) {
		b.AWS.AddSecret(primary, "db")
		b.apply(ctx)
		collected(ctx)
		b.AWS.RemoveSecret(primary, "db")
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("SecretsReplicated", "Unknown", "SecretMissing",
			"no secret db in us-east-1: create it, or take it out of the profile"))
		Expect(b.region).To(testenv.HaveCondition("Planned", "True", "Succeeded"))
	})

	It("are copied once and polled until they are in sync", func(ctx SpecContext) {
		b.AWS.AddSecret(primary, "db")
		b.apply(ctx)
		result := b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("SecretsReplicated", "Unknown", "Replicating", "copying db, vault"))
		Expect(result.RequeueAfter).To(Equal(testenv.Poll))
		Expect(b.AWS.Calls(fake.Replicate)).To(BeZero(), "others may be joining")

		collected(ctx)
		b.reconcile(ctx)
		Expect(b.AWS.Calls(fake.Replicate)).To(Equal(2))
		b.AWS.FinishReplication()
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("SecretsReplicated", "True", "Succeeded"))
		Expect(b.region.Status.Secrets).To(HaveEach(HaveField("State", "InSync")))
	})

	It("are asked for in one call by all Regions that join together", func(ctx SpecContext) {
		b.AWS.AddSecret(primary, "db")
		b.environment.Spec.Network.Assignments = append(b.environment.Spec.Network.Assignments,
			v1alpha1.CIDRAssignment{AWSRegion: "eu-central-1", CIDR: "10.16.128.0/18"})
		b.apply(ctx)
		second, home := build.Region(b.Namespace, "eu-central-1"), build.Region(b.Namespace, primary)
		paused := build.Region(b.Namespace, "ap-south-1", func(r *v1alpha1.Region) { r.Spec.Paused = true })
		b.ExpectApplied(ctx, second, home, paused)
		regions := []*v1alpha1.Region{b.region, second, home, paused}
		for range 3 {
			for _, r := range regions {
				testenv.ExpectReconciled(ctx, b.Env, b.reconciler, r)
			}
			b.Clock.Step(testenv.Poll)
		}
		Expect(b.AWS.Calls(fake.Replicate)).To(Equal(2), "one for each secret")
		b.AWS.FinishReplication()
		for _, r := range regions[:2] {
			testenv.ExpectReconciled(ctx, b.Env, b.reconciler, r)
			Expect(r).To(testenv.HaveCondition("SecretsReplicated", "True", "Succeeded"))
		}
		Expect(home.Status.Secrets).To(HaveEach(HaveField("State", "Primary")))
		Expect(b.AWS.Calls(fake.Replicate)).To(Equal(2))
	})

	It("report what AWS says when it cannot copy one", func(ctx SpecContext) {
		b.AWS.AddSecret(primary, "db")
		b.AWS.SetReplica(primary, "db", "eu-west-1", aws.ReplicaState{Status: aws.ReplicaFailed, Message: "Replication failed: Secret name simultaneously exists"})
		b.apply(ctx)
		result := b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("SecretsReplicated", "Unknown", "ReplicationFailed", "db (Replication failed: Secret name simultaneously exists)"))
		Expect(result.RequeueAfter).To(Equal(testenv.SlowPoll))
	})

	It("need no copy where the primary is", func(ctx SpecContext) {
		b.AWS.AddSecret("eu-west-1", "db")
		b.AWS.AddSecret("eu-west-1", "vault")
		b.environment.Spec.Secrets.PrimaryRegion = "eu-west-1"
		b.apply(ctx)
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("SecretsReplicated", "True", "Succeeded"))
		Expect(b.AWS.Calls(fake.Replicate)).To(BeZero())
	})

	It("are not required when the profile lists none", func(ctx SpecContext) {
		b.profile().Secrets = nil
		b.apply(ctx)
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("SecretsReplicated", "True", "NotRequired"))
	})

	It("name the permission that AWS denies, keep what is known and recover", func(ctx SpecContext) {
		b.AWS.AddSecret(primary, "db")
		b.apply(ctx)
		collected(ctx)
		known := b.region.Status.Secrets
		b.AWS.Fail(fake.ReplicaStates, &aws.Error{
			Operation: "secretsmanager:DescribeSecret", Code: "AccessDeniedException", Class: aws.AccessDenied,
			Message: "User: arn is not authorized to perform: secretsmanager:DescribeSecret on resource: db",
		})
		result := b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("SecretsReplicated", "Unknown", "AccessDenied", "grant secretsmanager:DescribeSecret"))
		Expect(result.RequeueAfter).To(Equal(testenv.SlowPoll))
		Expect(b.region.Status.Secrets).To(Equal(known), "a deletion now has to know which copies there are")

		b.AWS.Fail(fake.ReplicaStates, nil)
		b.AWS.FinishReplication()
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("SecretsReplicated", "True", "Succeeded"))
	})

	It("do not hold the network up", func(ctx SpecContext) {
		b.AWS.AddSecret(primary, "db")
		b.apply(ctx)
		b.settle(ctx)
		Expect(b.region).To(testenv.HaveCondition("SecretsReplicated", "Unknown", "Replicating"))
		Expect(b.region).To(testenv.HaveCondition("NetworkReady", "True", "Succeeded"))
	})
})
