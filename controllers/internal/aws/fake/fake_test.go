package fake

import (
	"context"
	"errors"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/controllers/internal/aws"
)

// api is what the fake and the real thing have in common.
type api interface {
	AvailabilityZones(ctx context.Context, roleARN, region string) ([]string, error)
	ReplicaStates(ctx context.Context, roleARN, primaryRegion, secret string) (map[string]aws.ReplicaState, error)
	Replicate(ctx context.Context, roleARN, primaryRegion, secret, kmsKeyID string, regions ...string) error
	StopReplication(ctx context.Context, roleARN, primaryRegion, secret string, regions ...string) error
	NodegroupExists(ctx context.Context, roleARN, region, cluster, name string) (bool, error)
	NATGatewayGone(ctx context.Context, roleARN, region, id string) (bool, error)
	RoleARN(ctx context.Context, roleARN string) (string, error)
	ClusterToken(ctx context.Context, roleARN, region, cluster string) (string, time.Time, error)
}

var (
	_ api = (*aws.Sessions)(nil)
	_ api = (*AWS)(nil)
)

func TestReplicasFollowTheirCalls(t *testing.T) {
	g := NewWithT(t)
	f := New()
	ctx := t.Context()
	_, err := f.ReplicaStates(ctx, "", "us-east-1", "db")
	g.Expect(aws.ClassOf(err)).To(Equal(aws.NotFound))
	g.Expect(aws.ClassOf(f.Replicate(ctx, "", "us-east-1", "db", "", "eu-west-1"))).To(Equal(aws.NotFound))

	f.AddSecret("us-east-1", "db")
	g.Expect(f.Replicate(ctx, "", "us-east-1", "db", "", "eu-west-1", "eu-west-2")).To(Succeed())
	g.Expect(f.ReplicaStates(ctx, "", "us-east-1", "db")).To(HaveKeyWithValue("eu-west-1", aws.ReplicaState{Status: aws.ReplicaInProgress}))

	failed := aws.ReplicaState{Status: aws.ReplicaFailed, Message: "name conflict"}
	f.SetReplica("us-east-1", "db", "eu-west-2", failed)
	f.FinishReplication()
	g.Expect(f.ReplicaStates(ctx, "", "us-east-1", "db")).To(Equal(map[string]aws.ReplicaState{
		"eu-west-1": {Status: aws.ReplicaInSync},
		"eu-west-2": failed,
	}))

	g.Expect(f.StopReplication(ctx, "", "us-east-1", "db", "eu-west-1")).To(Succeed())
	g.Expect(f.ReplicaStates(ctx, "", "us-east-1", "db")).NotTo(HaveKey("eu-west-1"))
	g.Expect(f.Calls(ReplicaStates)).To(Equal(4))
}

func TestEveryMethodFailsWhenTold(t *testing.T) {
	f := New()
	ctx := t.Context()
	calls := map[Method]func() error{
		AvailabilityZones: func() error { _, err := f.AvailabilityZones(ctx, "", "eu-west-1"); return err },
		ReplicaStates:     func() error { _, err := f.ReplicaStates(ctx, "", "us-east-1", "db"); return err },
		Replicate:         func() error { return f.Replicate(ctx, "", "us-east-1", "db", "", "eu-west-1") },
		StopReplication:   func() error { return f.StopReplication(ctx, "", "us-east-1", "db", "eu-west-1") },
		NodegroupExists:   func() error { _, err := f.NodegroupExists(ctx, "", "eu-west-1", "prod", "system"); return err },
		NATGatewayGone:    func() error { _, err := f.NATGatewayGone(ctx, "", "eu-west-1", "nat-0"); return err },
		RoleARN:           func() error { _, err := f.RoleARN(ctx, ""); return err },
		ClusterToken:      func() error { _, _, err := f.ClusterToken(ctx, "", "eu-west-1", "prod"); return err },
	}
	f.AddSecret("us-east-1", "db")
	broken := errors.New("broken")
	for method, call := range calls {
		t.Run(string(method), func(t *testing.T) {
			g := NewWithT(t)
			f.Fail(method, broken)
			g.Expect(call()).To(MatchError(broken))
			f.Fail(method, nil)
			g.Expect(call()).To(Succeed())
			g.Expect(f.Calls(method)).To(Equal(2))
		})
	}
}

func TestWorldIsWhatTheTestSaysItIs(t *testing.T) {
	g := NewWithT(t)
	f := New()
	ctx := t.Context()
	g.Expect(f.AvailabilityZones(ctx, "", "eu-west-1")).To(Equal([]string{"eu-west-1a", "eu-west-1b", "eu-west-1c"}))
	f.SetZones("eu-west-1", "eu-west-1b", "eu-west-1a")
	g.Expect(f.AvailabilityZones(ctx, "", "eu-west-1")).To(Equal([]string{"eu-west-1a", "eu-west-1b"}))

	g.Expect(f.NodegroupExists(ctx, "", "eu-west-1", "prod", "system")).To(BeFalse())
	f.SetNodegroup("eu-west-1", "prod", "system", true)
	g.Expect(f.NodegroupExists(ctx, "", "eu-west-1", "prod", "system")).To(BeTrue())

	g.Expect(f.NATGatewayGone(ctx, "", "eu-west-1", "nat-0")).To(BeTrue())
	f.SetNATGateway("eu-west-1", "nat-0", true)
	g.Expect(f.NATGatewayGone(ctx, "", "eu-west-1", "nat-0")).To(BeFalse())

	g.Expect(f.RoleARN(ctx, "")).To(Equal(OwnRoleARN))
	g.Expect(f.RoleARN(ctx, "arn:aws:iam::444455556666:role/x")).To(Equal("arn:aws:iam::444455556666:role/x"))
	token, expires, err := f.ClusterToken(ctx, "", "eu-west-1", "prod")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(token).To(Equal("fake-token/eu-west-1/prod"))
	g.Expect(expires).To(Equal(TokenExpiry))
}
