package e2e

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/api/v1alpha1"
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
		Expect(world.Client.Delete(ctx, r)).To(Succeed())
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

	It("is held when addresses overlap another Region's, and goes on when that one is gone", func(ctx SpecContext) {
		first := newRegion(environment, "first", "sa-east-1")
		Expect(world.Client.Create(ctx, first)).To(Succeed())
		Eventually(condition(ctx, first, v1alpha1.RegionPlanned)).WithContext(ctx).Should(beReady())

		second := newRegion(environment, "second", "sa-east-1")
		Expect(world.Client.Create(ctx, second)).To(Succeed())
		Eventually(condition(ctx, second, v1alpha1.RegionPlanned)).WithContext(ctx).Should(
			haveReason(v1alpha1.ReasonCIDROverlap, "held by Region first of input/input"))

		Expect(world.Client.Delete(ctx, first)).To(Succeed())
		Eventually(condition(ctx, second, v1alpha1.RegionPlanned)).WithContext(ctx).Should(beReady())
		Expect(world.Client.Delete(ctx, second)).To(Succeed())
		for _, r := range []*v1alpha1.Region{first, second} {
			Eventually(func() bool {
				return apierrors.IsNotFound(world.Client.Get(ctx, client.ObjectKeyFromObject(r), r))
			}).WithContext(ctx).Should(BeTrue(), r.Name)
		}
		Expect(count("first", "") + count("second", "")).To(BeZero())
	})
})
