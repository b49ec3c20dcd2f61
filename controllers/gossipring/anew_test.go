package gossipring_test

import (
	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/api/v1alpha1"
	"github.com/portolan-dev/portolan/controllers/internal/testenv"
	"github.com/portolan-dev/portolan/controllers/internal/testenv/build"
)

var _ = Describe("A GossipRing that is deleted and made anew", func() {
	const a, z = "eu-west-1", "us-east-1"

	It("is not taken for the one before", func(ctx SpecContext) {
		b := newBed(ctx, a, z)
		b.ExpectApplied(ctx, b.environment, b.ring)
		b.deploy(ctx, a, balancer(z))
		b.deploy(ctx, z, balancer(a))
		b.see(2, a, z)
		b.eventually(ctx, testenv.HaveCondition("Ready", "True", "Succeeded"))

		b.ExpectDeleted(ctx, b.ring)
		b.ring = build.Ring(b.Namespace, ringName, func(r *v1alpha1.GossipRing) { r.Spec.Seeds.Format = v1alpha1.SeedsJSONArray })
		b.ExpectApplied(ctx, b.ring)
		b.eventually(ctx, WithTransform(func(*v1alpha1.GossipRing) string { return b.seeds(ctx, a) }, Equal(`["`+balancer(z)+`"]`)))
	})
})
