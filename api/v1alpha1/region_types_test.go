package v1alpha1_test

import (
	"strings"

	. "github.com/onsi/ginkgo/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

func validRegion() *v1alpha1.Region {
	return &v1alpha1.Region{
		ObjectMeta: metav1.ObjectMeta{Name: "eu-west-1"},
		Spec: v1alpha1.RegionSpec{
			EnvironmentRef: v1alpha1.LocalReference{Name: "production001"},
			AWSRegion:      "eu-west-1",
			Profile:        "standard",
		},
	}
}

const canonical = "must be an IPv4 CIDR block with no host bits set, for example 10.12.0.0/18"

var _ = Describe("Region", func() {
	DescribeTable("is accepted", func(ctx SpecContext, edit func(*v1alpha1.Region)) {
		expectAccepted(ctx, edited(validRegion, edit))
	},
		Entry("with the least", func(*v1alpha1.Region) {}),
		Entry("in a region of China", func(r *v1alpha1.Region) { r.Spec.AWSRegion = "cn-north-1" }),
		Entry("with the largest block", func(r *v1alpha1.Region) { r.Spec.CIDR = "10.0.0.0/16" }),
		Entry("with the smallest block", func(r *v1alpha1.Region) { r.Spec.CIDR = "192.168.252.0/22" }),
		Entry("with the longest name", func(r *v1alpha1.Region) { r.Name = strings.Repeat("r", 40) }),
	)

	DescribeTable("is rejected", func(ctx SpecContext, edit func(*v1alpha1.Region), message string) {
		expectRejected(ctx, edited(validRegion, edit), message)
	},
		Entry("without an environment", func(r *v1alpha1.Region) { r.Spec.EnvironmentRef.Name = "" },
			"spec.environmentRef.name: Invalid value"),
		Entry("in a region that AWS does not have, naming those it has", func(r *v1alpha1.Region) { r.Spec.AWSRegion = "eu-west-9" },
			`spec.awsRegion: Unsupported value: "eu-west-9": supported values: "af-south-1", "ap-east-1"`),
		Entry("in an availability zone", func(r *v1alpha1.Region) { r.Spec.AWSRegion = "eu-west-1a" },
			`Unsupported value: "eu-west-1a"`),
		Entry("without a profile", func(r *v1alpha1.Region) { r.Spec.Profile = "" },
			"spec.profile: Invalid value"),
		Entry("with something else than a block", func(r *v1alpha1.Region) { r.Spec.CIDR = "10.12.0.0" }, canonical),
		Entry("with a block that is out of range", func(r *v1alpha1.Region) { r.Spec.CIDR = "10.300.0.0/18" }, canonical),
		Entry("with host bits in the block", func(r *v1alpha1.Region) { r.Spec.CIDR = "10.12.1.0/18" }, canonical),
		Entry("with a block of IPv6", func(r *v1alpha1.Region) { r.Spec.CIDR = "fd00::/18" }, canonical),
		Entry("with a block that is too small", func(r *v1alpha1.Region) { r.Spec.CIDR = "10.12.0.0/24" },
			"must be a /16 to a /22: AWS allows a VPC at most a /16, and smaller blocks leave no room for three zones"),
		Entry("with a block that is too large", func(r *v1alpha1.Region) { r.Spec.CIDR = "10.0.0.0/12" },
			"must be a /16 to a /22"),
		Entry("with a name that is too long", func(r *v1alpha1.Region) { r.Name = strings.Repeat("r", 41) },
			"a Region's name is at most 40 characters: names in AWS derive from it"),
	)

	DescribeTable("does not let anybody change", func(ctx SpecContext, before, edit func(*v1alpha1.Region), message string) {
		expectUpdate(ctx, edited(validRegion, before), edit, message)
	},
		Entry("its environment", func(*v1alpha1.Region) {}, func(r *v1alpha1.Region) { r.Spec.EnvironmentRef.Name = "staging001" },
			"environmentRef is immutable"),
		Entry("its AWS region", func(*v1alpha1.Region) {}, func(r *v1alpha1.Region) { r.Spec.AWSRegion = "eu-west-2" },
			"awsRegion is immutable: create a new Region and delete this one"),
		Entry("its block", func(r *v1alpha1.Region) { r.Spec.CIDR = "10.12.0.0/18" }, func(r *v1alpha1.Region) { r.Spec.CIDR = "10.12.64.0/18" },
			"cidr is immutable"),
		Entry("that it has no block of its own", func(*v1alpha1.Region) {}, func(r *v1alpha1.Region) { r.Spec.CIDR = "10.12.0.0/18" },
			"cidr cannot be added or removed later: create a new Region beside this one and delete this one"),
		Entry("that it has a block of its own", func(r *v1alpha1.Region) { r.Spec.CIDR = "10.12.0.0/18" }, func(r *v1alpha1.Region) { r.Spec.CIDR = "" },
			"cidr cannot be added or removed later"),
	)

	It("lets its profile change", func(ctx SpecContext) {
		expectUpdate(ctx, edited(validRegion, func(*v1alpha1.Region) {}), func(r *v1alpha1.Region) { r.Spec.Profile = "edge" }, "")
	})
})
