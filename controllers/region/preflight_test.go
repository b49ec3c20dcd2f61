package region_test

import (
	"net/netip"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/internal/aws/fake"
	"github.com/portolan-dev/portolan/controllers/internal/gitrepo"
	"github.com/portolan-dev/portolan/controllers/internal/testenv"
	"github.com/portolan-dev/portolan/controllers/internal/testenv/build"
	"github.com/portolan-dev/portolan/controllers/plan"
)

var _ = Describe("the plan of a Region", func() {
	var b *bed
	BeforeEach(func(ctx SpecContext) { b = newBed(ctx) })

	It("is published before anything is created", func(ctx SpecContext) {
		ring := build.Ring(b.Namespace, "unkey-api")
		peer := build.Region(b.Namespace, "us-east-1")
		b.ExpectApplied(ctx, ring, peer, build.Promotion(b.Namespace, "main"))
		b.apply(ctx)
		b.reconcile(ctx)
		p := b.region.Status.Plan
		Expect(p.Checked).To(BeTrue())
		Expect(p.Applications).To(ConsistOf(v1alpha1.PlannedApplication{Name: build.ApplicationName, Revision: build.Revision}))
		Expect(p.Rings).To(ConsistOf(v1alpha1.PlannedRing{Name: "unkey-api", Peers: []string{"us-east-1"}}))
		Expect(p.Findings).To(BeEmpty())

		By("naming exactly what is created then")
		var planned []string
		for _, objects := range p.Objects {
			for _, name := range objects.Names {
				planned = append(planned, objects.Kind+" "+name)
			}
		}
		b.settle(ctx)
		Expect(planned).To(ConsistOf(b.ACK.Names(ctx, b.Namespace)))
	})

	It("has all findings at once, and goes on when they are put right", func(ctx SpecContext) {
		b.AWS.SetQuotas("eu-west-1", plan.Quota{Name: plan.QuotaElasticIPs, Service: "ec2", Code: "L-0263D0A3", Limit: 5, Used: 4})
		b.AWS.SetNetworks("eu-west-1", plan.Network{ID: "vpc-legacy", CIDRs: []netip.Prefix{netip.MustParsePrefix("10.16.0.0/16")}})
		b.AWS.SetInstanceType("eu-west-1", "m7a.large", 2)
		b.apply(ctx)
		result := b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("Planned", "False", "", "3 needed, 5 allowed, 4 in use", "vpc-legacy", "m7a.large"))
		Expect(b.region).To(testenv.HaveCondition("Stalled", "True", ""))
		Expect(b.region.Status.Plan.Findings).To(ContainElements(
			HaveField("Reason", v1alpha1.ReasonQuotaTooLow), HaveField("Reason", v1alpha1.ReasonCIDROverlap),
			HaveField("Reason", v1alpha1.ReasonInstanceTypeNotOffered)))
		Expect(b.ACK.Names(ctx, b.Namespace)).To(BeEmpty())
		Expect(result.RequeueAfter).To(Equal(testenv.SlowPoll))
		b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })

		b.AWS.SetQuotas("eu-west-1")
		b.AWS.SetNetworks("eu-west-1")
		b.AWS.SetInstanceType("eu-west-1", "m7a.large", 2, "eu-west-1a", "eu-west-1b", "eu-west-1c")
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("Planned", "True", "Succeeded"))
		Expect(b.region.Status.Plan.Findings).To(BeEmpty())
	})

	It("is checked once, and again when the profile changes", func(ctx SpecContext) {
		b.apply(ctx)
		b.settle(ctx)
		checks := b.AWS.Calls(fake.InstanceTypes)
		Expect(checks).To(Equal(1))
		b.AWS.SetQuotas("eu-west-1", plan.Quota{Name: plan.QuotaVPCs, Service: "vpc", Code: "L-F678F1CE", Limit: 5, Used: 5})
		testenv.ExpectUpdated(ctx, b.Env, b.environment, func(e *v1alpha1.Environment) {
			e.Spec.Profiles[0].NodeGroups[0].Max = 5
		})
		b.reconcile(ctx)
		Expect(b.AWS.Calls(fake.InstanceTypes)).To(Equal(checks + 1))
		Expect(b.region).To(testenv.HaveCondition("Planned", "True", "Succeeded"), "the region's own VPC is among those in use")
	})

	It("goes on with a warning where AWS does not let Portolan look", func(ctx SpecContext) {
		b.AWS.Fail(fake.Quotas, &aws.Error{Operation: "servicequotas:GetServiceQuota", Code: "AccessDeniedException", Class: aws.AccessDenied})
		b.apply(ctx)
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("Planned", "True", "Succeeded"))
		Expect(b.region.Status.Plan.Findings).To(ConsistOf(And(
			HaveField("Severity", v1alpha1.SeverityWarning), HaveField("Reason", v1alpha1.ReasonCheckFailed),
			HaveField("Message", ContainSubstring("grant servicequotas:GetServiceQuota")))))
	})

	It("waits for an answer where AWS gives none", func(ctx SpecContext) {
		b.AWS.Fail(fake.Networks, &aws.Error{Operation: "ec2:DescribeVpcs", Code: "Unavailable", Class: aws.Unavailable})
		b.apply(ctx)
		_, err := b.reconciler.Reconcile(ctx, b.region)
		Expect(err).To(MatchError(ContainSubstring("checking networks")))
		b.AWS.Fail(fake.Networks, nil)
		b.ExpectRefreshed(ctx, b.region)
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("Planned", "True", "Succeeded"))
	})

	It("is held by a pinned revision without the region's files", func(ctx SpecContext) {
		b.environment.Spec.ArgoCD.Repository = &v1alpha1.ConfigRepository{
			URL: "https://git.test/infra", ConfigFiles: []string{"{{ .application }}/{{ .environment }}/{{ .region }}.yaml"},
		}
		b.files.missing = []string{"unkey-api/production001/eu-west-1.yaml"}
		b.ExpectApplied(ctx, build.Promotion(b.Namespace, "main"))
		b.apply(ctx)
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("Planned", "False", "RevisionLacksRegionConfig",
			build.ApplicationName, string(build.Revision), "unkey-api/production001/eu-west-1.yaml"))
		b.files.missing = nil
		b.files.malformed = []gitrepo.Malformed{{Path: "unkey-api/eu.yaml", Why: "line 3: why"}}
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("Planned", "False", "RevisionLacksRegionConfig",
			build.ApplicationName, string(build.Revision), "has unkey-api/eu.yaml, which is no YAML (line 3: why): correct it"))
		b.files.malformed, b.files.malformedErr = nil, gitrepo.ErrUnreachable
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("Planned", "True", "Succeeded"))
		Expect(b.region.Status.Plan.Findings).To(ConsistOf(HaveField("Message",
			"configuration files of "+build.ApplicationName+" could not be checked: repository unreachable")))
		b.files.malformedErr = nil
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("Planned", "True", "Succeeded"))
	})

	It("names a region that the account has not opted in to", func(ctx SpecContext) {
		b.AWS.SetOptedIn("eu-west-1", false)
		b.AWS.Fail(fake.AvailabilityZones, &aws.Error{Operation: "ec2:DescribeAvailabilityZones", Code: "AuthFailure", Class: aws.AccessDenied})
		b.apply(ctx)
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("Planned", "False", "NotOptedIn", "aws account enable-region --region-name eu-west-1"))
	})
})

var _ = Describe("a Region that is only observed", func() {
	var b *bed
	BeforeEach(func(ctx SpecContext) {
		b = newBed(ctx)
		b.region.Spec.ManagementPolicy = v1alpha1.ManagementObserve
	})

	It("writes nothing and says what it would do", func(ctx SpecContext) {
		b.AWS.SetTagged("eu-west-1", prefix, "vpc-0lost")
		b.apply(ctx)
		b.reconcile(ctx)
		Expect(b.region.Finalizers).To(BeEmpty())
		Expect(b.ACK.Names(ctx, b.Namespace)).To(BeEmpty())
		b.ExpectRefreshed(ctx, b.environment)
		Expect(b.environment.Status.Allocations).To(BeEmpty())
		Expect(b.region).To(testenv.HaveCondition("Observed", "Unknown", "Drifted", "would be created", "1 would be adopted"))
		Expect(b.region.Status.Drift).To(ContainElements(
			v1alpha1.Drift{Object: "VPC " + prefix, Action: v1alpha1.DriftAdopt, Message: "vpc-0lost"},
			v1alpha1.Drift{Object: "Cluster " + prefix, Action: v1alpha1.DriftCreate},
			v1alpha1.Drift{Object: "Nodegroup " + prefix + "-" + build.NodeGroup, Action: v1alpha1.DriftCreate}))
		b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })

		By("doing it when it is told to")
		b.AWS.SetTagged("eu-west-1", prefix)
		testenv.ExpectUpdated(ctx, b.Env, b.region, func(r *v1alpha1.Region) { r.Spec.ManagementPolicy = v1alpha1.ManagementManage })
		b.settle(ctx)
		Expect(b.region.Status.Drift).To(BeEmpty())
		Expect(b.region).To(testenv.HaveNoCondition("Observed"))
		Expect(b.region).To(testenv.HaveCondition("NetworkReady", "True", "Succeeded"))
	})

	It("shows what somebody changed, and lets it be", func(ctx SpecContext) {
		b.region.Spec.ManagementPolicy = v1alpha1.ManagementManage
		b.apply(ctx)
		b.settle(ctx)
		testenv.ExpectUpdated(ctx, b.Env, b.region, func(r *v1alpha1.Region) { r.Spec.ManagementPolicy = v1alpha1.ManagementObserve })
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("Observed", "True", "Succeeded"))
		testenv.ExpectUpdated(ctx, b.Env, b.cluster(ctx), func(c *eks.Cluster) { c.Spec.Version = new("1.33") })
		b.reconcile(ctx)
		Expect(b.region.Status.Drift).To(ConsistOf(v1alpha1.Drift{Object: "Cluster " + prefix, Action: v1alpha1.DriftChange, Message: "spec.version"}))
		Expect(b.cluster(ctx).Spec.Version).To(HaveValue(Equal("1.33")))

		By("not being taken down either")
		b.ExpectDeleted(ctx, b.region)
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("Deleting", "True", "Observing", "set it to Manage"))
		Expect(b.ACK.Names(ctx, b.Namespace)).To(ContainElement("VPC " + prefix))
	})
})

var _ = Describe("a paused Region", func() {
	It("does nothing until it is resumed, but can be deleted", func(ctx SpecContext) {
		b := newBed(ctx)
		b.region.Spec.Paused = true
		b.apply(ctx)
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("Paused", "True", "Paused"))
		Expect(b.ACK.Names(ctx, b.Namespace)).To(BeEmpty())
		b.Recorder.ExpectNoWrites(func() { b.reconcile(ctx) })

		testenv.ExpectUpdated(ctx, b.Env, b.region, func(r *v1alpha1.Region) { r.Spec.Paused = false })
		b.settle(ctx)
		Expect(b.region).To(testenv.HaveNoCondition("Paused"))
		Expect(b.ACK.Names(ctx, b.Namespace)).To(ContainElement("Cluster " + prefix))

		testenv.ExpectUpdated(ctx, b.Env, b.region, func(r *v1alpha1.Region) { r.Spec.Paused = true })
		testenv.ExpectUpdated(ctx, b.Env, b.environment, func(e *v1alpha1.Environment) { e.Spec.Profiles[0].KubernetesVersion = "1.35" })
		b.reconcile(ctx)
		Expect(b.cluster(ctx).Spec.Version).To(HaveValue(Equal("1.34")))
		b.ExpectDeleted(ctx, b.region)
		b.reconcile(ctx)
		Expect(b.region).To(testenv.HaveCondition("Deleting", "True", ""))
	})
})
