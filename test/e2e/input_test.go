package e2e

import (
	"fmt"
	"net/netip"
	"sync"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/test/bed"
)

var _ = Describe("Bad input", Ordered, func() {
	const environment = "input"

	BeforeAll(func(ctx SpecContext) {
		newNamespace(ctx, environment)
		env := smallEnvironment(environment,
			v1alpha1.CIDRAssignment{AWSRegion: "sa-east-1", CIDR: "10.40.0.0/18"},
			v1alpha1.CIDRAssignment{AWSRegion: "ca-west-1", CIDR: "10.40.64.0/18"})
		env.Spec.Network.Reserved = []v1alpha1.CIDR{"10.40.128.0/18"}
		Expect(world.Client.Create(ctx, env)).To(Succeed())
	})

	It("is refused at admission where it can be", func(ctx SpecContext) {
		By("naming the AWS regions that exist")
		err := world.Client.Create(ctx, newRegion(environment, "typo", "eu-wst-1"))
		Expect(err).To(MatchError(And(ContainSubstring(`Unsupported value: "eu-wst-1"`), ContainSubstring(`"eu-west-1"`))))

		By("saying what a CIDR has to look like")
		bad := newRegion(environment, "bits", "sa-east-1")
		bad.Spec.CIDR = "10.40.0.1/18"
		Expect(world.Client.Create(ctx, bad)).To(MatchError(ContainSubstring("no host bits set")))
		bad.Spec.CIDR = "10.40.0.0/28"
		Expect(world.Client.Create(ctx, bad)).To(MatchError(ContainSubstring("must be a /16 to a /22")))
	})

	// held creates a Region and waits for the reason that holds it, then deletes it,
	// which needs no AWS because there is nothing.
	held := func(ctx SpecContext, r *v1alpha1.Region, reason, message string) {
		GinkgoHelper()
		Expect(world.Client.Create(ctx, r)).To(Succeed())
		Eventually(condition(ctx, r, v1alpha1.RegionPlanned)).WithContext(ctx).Should(haveReason(reason, message))
		Expect(condition(ctx, r, v1alpha1.ConditionReady)(Default)).To(haveReason(reason, message))
		Expect(count(r.Name, "")).To(BeZero(), "nothing is created before the plan checks out")
		deleteConfirmed(ctx, r)
		Eventually(func() bool {
			return apierrors.IsNotFound(world.Client.Get(ctx, client.ObjectKeyFromObject(r), r))
		}).WithContext(ctx).Should(BeTrue())
	}

	It("is held with what is missing: the environment", func(ctx SpecContext) {
		r := newRegion(environment, "orphan", "sa-east-1")
		r.Spec.EnvironmentRef.Name = "nowhere"
		held(ctx, r, v1alpha1.ReasonEnvironmentNotFound, "no Environment nowhere: create it")
	})

	It("is held with what is missing: the profile", func(ctx SpecContext) {
		r := newRegion(environment, "shapeless", "sa-east-1")
		r.Spec.Profile = "huge"
		held(ctx, r, v1alpha1.ReasonProfileNotFound, "no profile huge; it has base")
	})

	It("is held with what is missing: addresses, and the next free block", func(ctx SpecContext) {
		held(ctx, newRegion(environment, "homeless", "eu-west-3"), v1alpha1.ReasonNoCIDR,
			"no CIDR for input eu-west-3: add it to spec.network.assignments of Environment input; the next free /18 is 10.40.192.0/18")
	})

	It("is held when addresses overlap a reserved range", func(ctx SpecContext) {
		r := newRegion(environment, "reserved", "sa-east-1")
		r.Spec.CIDR = "10.40.128.0/20"
		held(ctx, r, v1alpha1.ReasonCIDROverlap, "10.40.128.0/20 overlaps 10.40.128.0/18, held by a reserved range")
	})

	It("is held with everything that stands in its way, all at once, and goes on when it is gone", func(ctx SpecContext) {
		const crowded = "ca-west-1"
		world.AWS.SetQuota("ec2", "L-0263D0A3", crowded, 2)
		env := &v1alpha1.Environment{}
		Expect(world.Client.Get(ctx, client.ObjectKey{Namespace: environment, Name: environment}, env)).To(Succeed())
		before := env.DeepCopy()
		env.Spec.Profiles[0].NodeGroups = append(env.Spec.Profiles[0].NodeGroups, v1alpha1.NodeGroup{Name: "odd", InstanceTypes: []string{"nonesuch.large"}, Max: 1})
		env.Spec.Profiles[0].Secrets = append(env.Spec.Profiles[0].Secrets, "unkey/nowhere")
		env.Spec.Network.NATGateways = v1alpha1.NATGatewaysPerZone
		Expect(world.Client.Patch(ctx, env, client.MergeFrom(before))).To(Succeed())

		r := newRegion(environment, "stuck", crowded)
		Expect(world.Client.Create(ctx, r)).To(Succeed())
		Eventually(condition(ctx, r, v1alpha1.RegionPlanned)).WithContext(ctx).Should(And(
			HaveField("Status", metav1.ConditionFalse),
			HaveField("Message", And(ContainSubstring("3 needed, 2 allowed, 0 in use"), ContainSubstring("L-0263D0A3"), ContainSubstring("nonesuch.large"), ContainSubstring("unkey/nowhere")))))
		Expect(r.Status.Plan.Findings).To(HaveLen(3))
		Expect(condition(ctx, r, v1alpha1.ConditionStalled)(Default)).To(beReady())
		Expect(count("stuck", "")).To(BeZero())

		world.AWS.SetQuota("ec2", "L-0263D0A3", crowded, 5)
		changed := env.DeepCopy()
		env.Spec = before.Spec
		Expect(world.Client.Patch(ctx, env, client.MergeFrom(changed))).To(Succeed())
		Eventually(condition(ctx, r, v1alpha1.RegionPlanned)).WithContext(ctx).Should(beReady())
		deleteConfirmed(ctx, r)
		Eventually(gone(ctx, r)).WithContext(ctx).Should(BeTrue())
	})

	It("never gives one block to two Regions, also when fifty come in the same second", func(ctx SpecContext) {
		const crowd = "crowd"
		newNamespace(ctx, crowd)
		env := smallEnvironment(crowd)
		env.Spec.Network.Pool = &v1alpha1.AddressPool{CIDRs: []v1alpha1.CIDR{"10.128.0.0/12"}, PrefixLength: 20}
		env.Spec.Network.Reserved = []v1alpha1.CIDR{"10.128.0.0/17"}
		env.Spec.Profiles[0].Secrets = []string{"unkey/nowhere"} // so that nothing is built
		Expect(world.Client.Create(ctx, env)).To(Succeed())
		var created sync.WaitGroup
		for i := range 50 {
			created.Go(func() {
				defer GinkgoRecover()
				Expect(world.Client.Create(ctx, newRegion(crowd, fmt.Sprintf("r%02d", i), v1alpha1.AWSRegion(bed.SampleRegions[i%len(bed.SampleRegions)])))).To(Succeed())
			})
		}
		created.Wait()
		Eventually(func(g Gomega) {
			g.Expect(world.Client.Get(ctx, client.ObjectKeyFromObject(env), env)).To(Succeed())
			g.Expect(env.Status.Allocations).To(HaveLen(50))
		}).WithContext(ctx).Should(Succeed())
		reserved := netip.MustParsePrefix("10.128.0.0/17")
		for i, a := range env.Status.Allocations {
			block := netip.MustParsePrefix(a.CIDR)
			Expect(block.Overlaps(reserved)).To(BeFalse(), a.CIDR)
			for _, b := range env.Status.Allocations[:i] {
				Expect(block.Overlaps(netip.MustParsePrefix(b.CIDR))).To(BeFalse(), "%s of %s and %s of %s", a.CIDR, a.Region, b.CIDR, b.Region)
			}
		}
		Expect(world.Client.DeleteAllOf(ctx, &v1alpha1.Region{}, client.InNamespace(crowd))).To(Succeed())
		Eventually(func(g Gomega) {
			g.Expect(world.Client.Get(ctx, client.ObjectKeyFromObject(env), env)).To(Succeed())
			g.Expect(env.Status.Allocations).To(BeEmpty())
		}).WithContext(ctx).Should(Succeed())
	})

	It("is held when addresses overlap another Region's, and goes on when that one is gone", func(ctx SpecContext) {
		first := newRegion(environment, "first", "sa-east-1")
		Expect(world.Client.Create(ctx, first)).To(Succeed())
		Eventually(condition(ctx, first, v1alpha1.RegionPlanned)).WithContext(ctx).Should(beReady())

		second := newRegion(environment, "second", "sa-east-1")
		Expect(world.Client.Create(ctx, second)).To(Succeed())
		Eventually(condition(ctx, second, v1alpha1.RegionPlanned)).WithContext(ctx).Should(
			haveReason(v1alpha1.ReasonCIDROverlap, "held by Region first of input/input"))

		deleteConfirmed(ctx, first)
		Eventually(condition(ctx, second, v1alpha1.RegionPlanned)).WithContext(ctx).Should(beReady())
		deleteConfirmed(ctx, second)
		for _, r := range []*v1alpha1.Region{first, second} {
			Eventually(func() bool {
				return apierrors.IsNotFound(world.Client.Get(ctx, client.ObjectKeyFromObject(r), r))
			}).WithContext(ctx).Should(BeTrue(), r.Name)
		}
		Expect(count("first", "") + count("second", "")).To(BeZero())
	})
})
