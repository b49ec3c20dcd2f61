package aws

import (
	"context"
	"testing"
	"time"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	ga "github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// rarely refills a bucket less than once in a test.
const rarely = 1e-6

func TestThrottling(t *testing.T) {
	cases := map[string]struct {
		service, operation, region string
		do                         func(context.Context, awssdk.Config) error
		want                       string
	}{
		"sts":            {service: "sts", operation: "GetCallerIdentity", do: calls["sts"], want: "Throttling"},
		"ec2":            {service: "ec2", operation: "DescribeVpcs", do: calls["ec2"], want: "RequestLimitExceeded"},
		"eks":            {service: "eks", operation: "DescribeCluster", do: calls["eks"], want: "ThrottlingException"},
		"secretsmanager": {service: "secretsmanager", operation: "DescribeSecret", do: calls["secretsmanager"], want: "ThrottlingException"},
		"elbv2": {service: "elasticloadbalancing", operation: "DescribeLoadBalancers", want: "Throttling", do: func(ctx context.Context, cfg awssdk.Config) error {
			_, err := elb.NewFromConfig(cfg).DescribeLoadBalancers(ctx, nil)
			return err
		}},
		"globalaccelerator": {service: "globalaccelerator", operation: "DescribeListener", region: "us-west-2", want: "ThrottlingException", do: func(ctx context.Context, cfg awssdk.Config) error {
			_, err := ga.NewFromConfig(cfg).DescribeListener(ctx, &ga.DescribeListenerInput{ListenerArn: new("x")})
			return err
		}},
		"servicequotas": {service: "servicequotas", operation: "GetServiceQuota", want: "TooManyRequestsException", do: func(ctx context.Context, cfg awssdk.Config) error {
			_, err := servicequotas.NewFromConfig(cfg).GetServiceQuota(ctx, &servicequotas.GetServiceQuotaInput{ServiceCode: new("vpc"), QuotaCode: new("L-F678F1CE")})
			return err
		}},
		"route53": {service: "route53", operation: "ListHostedZonesByName", want: "Throttling", do: func(ctx context.Context, cfg awssdk.Config) error {
			_, err := route53.NewFromConfig(cfg).ListHostedZonesByName(ctx, nil)
			return err
		}},
		"iam": {service: "iam", operation: "GetRole", want: "Throttling", do: func(ctx context.Context, cfg awssdk.Config) error {
			_, err := iam.NewFromConfig(cfg).GetRole(ctx, &iam.GetRoleInput{RoleName: new("x")})
			return err
		}},
		"s3": {service: "s3", operation: "GetBucketTagging", want: "SlowDown", do: func(ctx context.Context, cfg awssdk.Config) error {
			_, err := s3.NewFromConfig(cfg).GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: new("x")})
			return err
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s, c := start(t)
			s.Throttle(tc.service, tc.operation, rarely, 2)
			cfg := sdk(t, s, BaseAccessKey)
			if tc.region != "" {
				cfg.Region = tc.region
			}
			for range 2 {
				g.Expect(codeOf(tc.do(t.Context(), cfg))).NotTo(Equal(tc.want))
			}
			g.Expect(codeOf(tc.do(t.Context(), cfg))).To(Equal(tc.want))
			g.Expect(c.Calls()[2].Code).To(Equal(tc.want))

			s.Throttle(tc.service, tc.operation, 0, 0)
			g.Expect(codeOf(tc.do(t.Context(), cfg))).NotTo(Equal(tc.want), "the limit is gone")
		})
	}
}

func TestBucketsAreSeparate(t *testing.T) {
	g := NewWithT(t)
	s, _ := start(t)
	s.Throttle("ec2", "DescribeVpcs", rarely, 1)
	cfg := sdk(t, s, BaseAccessKey)
	elsewhere, somebody := cfg.Copy(), assume(cfg, deployRole)
	elsewhere.Region = "us-east-1"
	g.Expect(calls["ec2"](t.Context(), cfg)).To(Succeed())
	g.Expect(calls["ec2"](t.Context(), cfg)).NotTo(Succeed())
	g.Expect(calls["ec2"](t.Context(), elsewhere)).To(Succeed())
	g.Expect(calls["ec2"](t.Context(), somebody)).To(Succeed())
	_, err := ec2.NewFromConfig(cfg).DescribeImages(t.Context(), nil)
	g.Expect(codeOf(err)).To(Equal("InvalidAction"))
	_, err = ec2.NewFromConfig(cfg).DescribeNatGateways(t.Context(), nil)
	g.Expect(err).NotTo(HaveOccurred())
}

func TestBucketsRefill(t *testing.T) {
	g := NewWithT(t)
	var buckets throttles
	c := &call{service: "ec2", operation: "DescribeVpcs"}
	buckets.set(c.limited(), limit{perSecond: 2, burst: 3})
	now := time.Now()
	spend := func(at time.Duration) bool { return buckets.spend(c, services["ec2"], now.Add(at)) == nil }
	g.Expect([]bool{spend(0), spend(0), spend(0), spend(0)}).To(Equal([]bool{true, true, true, false}))
	g.Expect([]bool{spend(500 * time.Millisecond), spend(500 * time.Millisecond)}).To(Equal([]bool{true, false}))
	g.Expect([]bool{spend(time.Hour), spend(time.Hour), spend(time.Hour), spend(time.Hour)}).To(Equal([]bool{true, true, true, false}))
}

// A client that retries gets through a throttled operation.
func TestRetriesOutlastThrottling(t *testing.T) {
	g := NewWithT(t)
	s, c := start(t)
	s.Throttle("ec2", "DescribeVpcs", 20, 1)
	cfg := sdk(t, s, BaseAccessKey)
	cfg.RetryMaxAttempts = 10
	for range 2 {
		g.Expect(calls["ec2"](t.Context(), cfg)).To(Succeed())
	}
	g.Expect(len(c.Calls())).To(BeNumerically(">", 2))
}

func TestLag(t *testing.T) {
	reads := map[string]func(context.Context, awssdk.Config) (seen int, err error){
		"a VPC": func(ctx context.Context, cfg awssdk.Config) (int, error) {
			out, err := ec2.NewFromConfig(cfg).DescribeVpcs(ctx, nil)
			if err != nil {
				return 0, err
			}
			return len(out.Vpcs), nil
		},
		"a tag": func(ctx context.Context, cfg awssdk.Config) (int, error) {
			out, err := ec2.NewFromConfig(cfg).DescribeTags(ctx, nil)
			if err != nil {
				return 0, err
			}
			return len(out.Tags), nil
		},
		"a cluster in the list": func(ctx context.Context, cfg awssdk.Config) (int, error) {
			out, err := eks.NewFromConfig(cfg).ListClusters(ctx, nil)
			if err != nil {
				return 0, err
			}
			return len(out.Clusters), nil
		},
		"a cluster": func(ctx context.Context, cfg awssdk.Config) (int, error) {
			return found(calls["eks"](ctx, cfg), "ResourceNotFoundException")
		},
		"a secret": func(ctx context.Context, cfg awssdk.Config) (int, error) {
			return found(calls["secretsmanager"](ctx, cfg), "ResourceNotFoundException")
		},
	}
	for name, read := range reads {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s, c := start(t)
			cfg := sdk(t, s, BaseAccessKey)
			create(t, c, cloud.Resource{Key: here(typeVPC, "vpc-1"), Tags: map[string]string{"a": "b"}})
			create(t, c, cloud.Resource{Key: here(typeCluster, "staging")})
			_, err := s.AddSecret(region, "db")
			g.Expect(err).NotTo(HaveOccurred())

			s.SetLag(time.Hour)
			g.Expect(read(t.Context(), cfg)).To(Equal(0))
			s.SetLag(time.Millisecond)
			g.Eventually(func() (int, error) { return read(t.Context(), cfg) }).Should(Equal(1))
			s.SetLag(0)
			g.Expect(read(t.Context(), cfg)).To(Equal(1))
		})
	}
}

// found turns the refusal of a single read into a count.
func found(err error, absent string) (int, error) {
	switch {
	case err == nil:
		return 1, nil
	case codeOf(err) == absent:
		return 0, nil
	}
	return 0, err
}

func TestWritesDoNotLag(t *testing.T) {
	g := NewWithT(t)
	s, client, _ := secrets(t)
	s.SetLag(time.Hour)
	out, err := client.ReplicateSecretToRegions(t.Context(), replicateTo("db", "us-east-1"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(out.ReplicationStatus).To(HaveLen(1))
	_, err = client.DescribeSecret(t.Context(), &secretsmanager.DescribeSecretInput{SecretId: new("db")})
	g.Expect(codeOf(err)).To(Equal("ResourceNotFoundException"))
	_, err = sts.NewFromConfig(sdk(t, s, BaseAccessKey)).GetCallerIdentity(t.Context(), nil)
	g.Expect(err).NotTo(HaveOccurred())
}
