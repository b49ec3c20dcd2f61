package fake

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/controllers/internal/aws"
)

func TestTargetsAreHealthyUntilATestSaysOtherwise(t *testing.T) {
	g := NewWithT(t)
	f := New()
	ctx := t.Context()
	one := aws.TargetHealth{Healthy: 1, Groups: 1}
	g.Expect(f.TargetHealth(ctx, "", "eu-west-1", "gossip-0.elb")).To(Equal(one))

	none := aws.TargetHealth{Groups: 1, Reason: "3 unhealthy (Target.FailedHealthChecks)"}
	f.SetTargetHealth("eu-west-1", "gossip-0.elb", none)
	g.Expect(f.TargetHealth(ctx, "", "eu-west-1", "gossip-0.elb.")).To(Equal(none))
	g.Expect(f.TargetHealth(ctx, "", "us-east-1", "gossip-0.elb")).To(Equal(one))

	f.RemoveTargets("eu-west-1", "gossip-0.elb.")
	_, err := f.TargetHealth(ctx, "", "eu-west-1", "gossip-0.elb")
	g.Expect(aws.ClassOf(err)).To(Equal(aws.NotFound))
	f.SetTargetHealth("eu-west-1", "gossip-0.elb", one)
	g.Expect(f.TargetHealth(ctx, "", "eu-west-1", "gossip-0.elb")).To(Equal(one))
	g.Expect(f.Calls(TargetHealth)).To(Equal(5))
}

func TestSecretsHaveOneVersionUntilATestSaysOtherwise(t *testing.T) {
	g := NewWithT(t)
	f := New()
	ctx := t.Context()
	for _, region := range []string{"us-east-1", "eu-west-1"} {
		g.Expect(f.SecretVersion(ctx, "", region, "gossip")).To(Equal(DefaultSecretVersion))
	}
	f.SetSecretVersion("eu-west-1", "gossip", "another")
	g.Expect(f.SecretVersion(ctx, "", "eu-west-1", "gossip")).To(Equal("another"))
	g.Expect(f.SecretVersion(ctx, "", "us-east-1", "gossip")).To(Equal(DefaultSecretVersion))
	g.Expect(f.SecretVersion(ctx, "", "eu-west-1", "other")).To(Equal(DefaultSecretVersion))

	f.SetSecretVersion("eu-west-1", "gossip", "")
	_, err := f.SecretVersion(ctx, "", "eu-west-1", "gossip")
	g.Expect(aws.ClassOf(err)).To(Equal(aws.NotFound))
	g.Expect(f.Calls(SecretVersion)).To(Equal(6))
}
