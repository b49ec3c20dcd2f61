package fake

import (
	"context"
	"errors"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/controllers/internal/aws"
	"github.com/portolan-dev/portolan/controllers/plan"
)

const (
	listener = "arn:aws:globalaccelerator::111122223333:accelerator/a/listener/l"
	group    = listener + "/endpoint-group/eu-west-1"
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

	OptedIn(ctx context.Context, roleARN, region string) (bool, error)
	InstanceTypes(ctx context.Context, roleARN, region string, names ...string) (map[string]plan.InstanceType, error)
	Quotas(ctx context.Context, roleARN, region string) ([]plan.Quota, error)
	Networks(ctx context.Context, roleARN, region string) ([]plan.Network, error)
	HostedZones(ctx context.Context, roleARN string, names ...string) (map[string]plan.HostedZone, error)
	ListenerExists(ctx context.Context, roleARN, listenerARN string) (bool, error)

	TaggedResources(ctx context.Context, roleARN, region, prefix string) (map[string][]string, error)
	ForgetTagged(roleARN, region, prefix string)
	RoleTags(ctx context.Context, roleARN, name string) (map[string]string, error)
	ClusterTags(ctx context.Context, roleARN, region, name string) (map[string]string, error)
	BucketTags(ctx context.Context, roleARN, region, name string) (map[string]string, error)
	NetworkInterfaces(ctx context.Context, roleARN, region, vpcID string) ([]aws.NetworkInterface, error)

	EndpointGroup(ctx context.Context, roleARN, listenerARN, region string) (*aws.EndpointGroup, error)
	CreateEndpointGroup(ctx context.Context, roleARN, listenerARN, region string, healthCheckPort int32) (*aws.EndpointGroup, error)
	AddEndpoint(ctx context.Context, roleARN, groupARN, loadBalancerARN string, weight int32) error
	Weigh(ctx context.Context, roleARN, groupARN, endpointID string, weight int32) error
	EndpointGroups(ctx context.Context, roleARN, listenerARN string) ([]aws.EndpointGroup, error)
	RemoveEndpoint(ctx context.Context, roleARN, groupARN, loadBalancerARN string) error
	Dial(ctx context.Context, roleARN, groupARN string, percent int32) error
	DeleteEndpointGroup(ctx context.Context, roleARN, groupARN string) error
	AcceleratorDeployed(ctx context.Context, roleARN, listenerARN string) (bool, error)
	LoadBalancer(ctx context.Context, roleARN, region, dnsName string) (aws.LoadBalancer, error)

	Holders(ctx context.Context, roleARN, region, vpcID string) ([]aws.Holder, error)
	Orphans(ctx context.Context, roleARN, region, vpcID, cluster string) ([]aws.Orphan, error)
	DeleteOrphan(ctx context.Context, roleARN, region string, o aws.Orphan) error
	AddonVersions(ctx context.Context, roleARN, region, kubernetesVersion string, addons ...string) (map[string][]plan.AddonVersion, error)
	ClusterVersion(ctx context.Context, roleARN, region, name string) (string, error)
	CertificateARN(ctx context.Context, roleARN, region, domain string, tags map[string]string) (string, error)

	TargetHealth(ctx context.Context, roleARN, region, dnsName string) (aws.TargetHealth, error)
	SecretVersion(ctx context.Context, roleARN, region, secret string) (string, error)
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

		OptedIn:             func() error { _, err := f.OptedIn(ctx, "", "eu-west-1"); return err },
		InstanceTypes:       func() error { _, err := f.InstanceTypes(ctx, "", "eu-west-1", "m7i.large"); return err },
		Quotas:              func() error { _, err := f.Quotas(ctx, "", "eu-west-1"); return err },
		Networks:            func() error { _, err := f.Networks(ctx, "", "eu-west-1"); return err },
		HostedZones:         func() error { _, err := f.HostedZones(ctx, "", "example.com"); return err },
		ListenerExists:      func() error { _, err := f.ListenerExists(ctx, "", listener); return err },
		TaggedResources:     func() error { _, err := f.TaggedResources(ctx, "", "eu-west-1", "prod"); return err },
		RoleTags:            func() error { _, err := f.RoleTags(ctx, "", "prod"); return err },
		ClusterTags:         func() error { _, err := f.ClusterTags(ctx, "", "eu-west-1", "prod"); return err },
		BucketTags:          func() error { _, err := f.BucketTags(ctx, "", "eu-west-1", "prod"); return err },
		NetworkInterfaces:   func() error { _, err := f.NetworkInterfaces(ctx, "", "eu-west-1", "vpc-0"); return err },
		EndpointGroup:       func() error { _, err := f.EndpointGroup(ctx, "", listener, "eu-west-1"); return err },
		CreateEndpointGroup: func() error { _, err := f.CreateEndpointGroup(ctx, "", listener, "eu-west-2", 443); return err },
		AddEndpoint:         func() error { return f.AddEndpoint(ctx, "", group, "arn:lb", 128) },
		EndpointGroups:      func() error { _, err := f.EndpointGroups(ctx, "", listener); return err },
		Weigh:               func() error { return f.Weigh(ctx, "", group, "arn:weighed", 0) },
		Holders:             func() error { _, err := f.Holders(ctx, "", "eu-west-1", "vpc-0"); return err },
		Orphans:             func() error { _, err := f.Orphans(ctx, "", "eu-west-1", "vpc-0", "prod"); return err },
		DeleteOrphan:        func() error { return f.DeleteOrphan(ctx, "", "eu-west-1", aws.Orphan{}) },
		AddonVersions:       func() error { _, err := f.AddonVersions(ctx, "", "eu-west-1", "1.34", "coredns"); return err },
		ClusterVersion:      func() error { _, err := f.ClusterVersion(ctx, "", "eu-west-1", "prod"); return err },
		CertificateARN:      func() error { _, err := f.CertificateARN(ctx, "", "eu-west-1", "example.com", nil); return err },
		RemoveEndpoint:      func() error { return f.RemoveEndpoint(ctx, "", group, "arn:lb") },
		Dial:                func() error { return f.Dial(ctx, "", group, 10) },
		DeleteEndpointGroup: func() error { return f.DeleteEndpointGroup(ctx, "", "no group") },
		AcceleratorDeployed: func() error { _, err := f.AcceleratorDeployed(ctx, "", listener); return err },
		TargetHealth:        func() error { _, err := f.TargetHealth(ctx, "", "eu-west-1", "api-0.elb"); return err },
		SecretVersion:       func() error { _, err := f.SecretVersion(ctx, "", "eu-west-1", "db"); return err },
		LoadBalancer:        func() error { _, err := f.LoadBalancer(ctx, "", "eu-west-1", "api-0.elb"); return err },
	}
	f.AddSecret("us-east-1", "db")
	f.SetRole("prod", map[string]string{})
	f.SetCluster("eu-west-1", "prod", map[string]string{})
	f.SetBucket("eu-west-1", "prod", map[string]string{})
	f.SetLoadBalancer("eu-west-1", "api-0.elb", aws.LoadBalancer{ARN: "arn:lb"})
	_, err := f.CreateEndpointGroup(ctx, "", listener, "eu-west-1", 443)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	NewWithT(t).Expect(f.AddEndpoint(ctx, "", group, "arn:weighed", 128)).To(Succeed())
	f.SetClusterVersion("eu-west-1", "prod", "1.34")
	f.SetCertificate("eu-west-1", "example.com", "arn:certificate", map[string]string{})
	before := map[Method]int{CreateEndpointGroup: f.Calls(CreateEndpointGroup), AddEndpoint: f.Calls(AddEndpoint)}
	broken := errors.New("broken")
	for method, call := range calls {
		t.Run(string(method), func(t *testing.T) {
			g := NewWithT(t)
			f.Fail(method, broken)
			g.Expect(call()).To(MatchError(broken))
			f.Fail(method, nil)
			g.Expect(call()).To(Succeed())
			g.Expect(f.Calls(method) - before[method]).To(Equal(2))
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
