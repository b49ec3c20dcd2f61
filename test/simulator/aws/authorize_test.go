package aws

import (
	"context"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/eks"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	ga "github.com/aws/aws-sdk-go-v2/service/globalaccelerator"
	gatypes "github.com/aws/aws-sdk-go-v2/service/globalaccelerator/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/route53"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

const basePrincipal = "arn:aws:sts::111122223333:assumed-role/portolan-base/session"

// guarded is an account with one of everything that policies can name, whose guard refuses all.
func guarded(t *testing.T) (*Server, *[]cloud.Call) {
	t.Helper()
	s, c := start(t)
	tags := map[string]string{"team": "a"}
	_, err := s.AddSecret(region, "db")
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	create(t, c, cloud.Resource{Key: here(typeCluster, "staging"), Tags: tags})
	create(t, c, cloud.Resource{Key: here(typeNodegroup, "staging/system"), Tags: tags, ARN: "arn:aws:eks:eu-west-1:111122223333:nodegroup/staging/system/abc"})
	create(t, c, cloud.Resource{Key: cloud.Key{Type: typeRole, ID: "nodes"}, ARN: "arn:aws:iam::111122223333:role/fleet/nodes", Tags: tags})
	create(t, c, cloud.Resource{Key: cloud.Key{Type: typeHostedZone, ID: "Z1"}, Tags: tags})
	create(t, c, cloud.Resource{Key: here(typeBucket, "logs"), Tags: tags})
	asked := &[]cloud.Call{}
	c.SetGuard(func(call cloud.Call) *cloud.Error {
		*asked = append(*asked, call)
		return &cloud.Error{Code: "AccessDenied", Message: "the guard's own words"}
	})
	return s, asked
}

type guardedCall struct {
	do           func(context.Context, awssdk.Config) error
	region       string
	wantAction   string // as the text names it
	wantResource string
	wantTags     map[string]string
	wantCode     string
}

// guardedCalls has a call of each service and of each sort of resource.
var guardedCalls = map[string]guardedCall{
	"ec2": {do: calls["ec2"], wantAction: "ec2:DescribeVpcs", wantCode: "UnauthorizedOperation"},
	"eks cluster": {
		do: calls["eks"], wantAction: "eks:DescribeCluster", wantCode: "AccessDeniedException",
		wantResource: "arn:aws:eks:eu-west-1:111122223333:cluster/staging", wantTags: map[string]string{"team": "a"},
	},
	"eks list": {wantAction: "eks:ListClusters", wantCode: "AccessDeniedException", do: func(ctx context.Context, cfg awssdk.Config) error {
		_, err := eks.NewFromConfig(cfg).ListClusters(ctx, nil)
		return err
	}},
	"eks node group": {
		wantAction: "eks:DescribeNodegroup", wantCode: "AccessDeniedException", wantTags: map[string]string{"team": "a"},
		wantResource: "arn:aws:eks:eu-west-1:111122223333:nodegroup/staging/system/abc",
		do: func(ctx context.Context, cfg awssdk.Config) error {
			_, err := eks.NewFromConfig(cfg).DescribeNodegroup(ctx, &eks.DescribeNodegroupInput{ClusterName: new("staging"), NodegroupName: new("system")})
			return err
		},
	},
	"eks addon that is not": {
		wantAction: "eks:DescribeAddon", wantCode: "AccessDeniedException",
		wantResource: "arn:aws:eks:eu-west-1:111122223333:addon/staging/coredns/*",
		do: func(ctx context.Context, cfg awssdk.Config) error {
			_, err := eks.NewFromConfig(cfg).DescribeAddon(ctx, &eks.DescribeAddonInput{ClusterName: new("staging"), AddonName: new("coredns")})
			return err
		},
	},
	"secret that is not": {
		wantAction: "secretsmanager:DescribeSecret", wantCode: "AccessDeniedException",
		wantResource: "arn:aws:secretsmanager:eu-west-1:111122223333:secret:gone",
		do: func(ctx context.Context, cfg awssdk.Config) error {
			_, err := secretsmanager.NewFromConfig(cfg).DescribeSecret(ctx, &secretsmanager.DescribeSecretInput{SecretId: new("gone")})
			return err
		},
	},
	"elbv2": {wantAction: "elasticloadbalancing:DescribeLoadBalancers", wantCode: "AccessDenied", do: func(ctx context.Context, cfg awssdk.Config) error {
		_, err := elb.NewFromConfig(cfg).DescribeLoadBalancers(ctx, nil)
		return err
	}},
	"target groups": {wantAction: "elasticloadbalancing:DescribeTargetGroups", wantCode: "AccessDenied", do: func(ctx context.Context, cfg awssdk.Config) error {
		_, err := elb.NewFromConfig(cfg).DescribeTargetGroups(ctx, &elb.DescribeTargetGroupsInput{LoadBalancerArn: new(balancerARN(region, "gone"))})
		return err
	}},
	"target health": {wantAction: "elasticloadbalancing:DescribeTargetHealth", wantCode: "AccessDenied", do: func(ctx context.Context, cfg awssdk.Config) error {
		_, err := elb.NewFromConfig(cfg).DescribeTargetHealth(ctx, &elb.DescribeTargetHealthInput{TargetGroupArn: new(groupARN)})
		return err
	}},
	"quota": {wantAction: "servicequotas:GetServiceQuota", wantCode: "AccessDeniedException", do: func(ctx context.Context, cfg awssdk.Config) error {
		_, err := servicequotas.NewFromConfig(cfg).GetServiceQuota(ctx, &servicequotas.GetServiceQuotaInput{ServiceCode: new("vpc"), QuotaCode: new("L-F678F1CE")})
		return err
	}},
	"accelerator": {
		region: "us-west-2", wantAction: "globalaccelerator:AddEndpoints", wantCode: "AccessDeniedException",
		wantResource: "arn:aws:globalaccelerator::111122223333:accelerator/a/listener/b/endpoint-group/c",
		do: func(ctx context.Context, cfg awssdk.Config) error {
			_, err := ga.NewFromConfig(cfg).AddEndpoints(ctx, &ga.AddEndpointsInput{
				EndpointGroupArn:       new("arn:aws:globalaccelerator::111122223333:accelerator/a/listener/b/endpoint-group/c"),
				EndpointConfigurations: []gatypes.EndpointConfiguration{{EndpointId: new("x")}},
			})
			return err
		},
	},
	"hosted zones": {wantAction: "route53:ListHostedZonesByName", wantCode: "AccessDenied", do: func(ctx context.Context, cfg awssdk.Config) error {
		_, err := route53.NewFromConfig(cfg).ListHostedZonesByName(ctx, nil)
		return err
	}},
	"records": {
		wantAction: "route53:ListResourceRecordSets", wantCode: "AccessDenied", wantResource: "arn:aws:route53:::hostedzone/Z1", wantTags: map[string]string{"team": "a"},
		do: func(ctx context.Context, cfg awssdk.Config) error {
			_, err := route53.NewFromConfig(cfg).ListResourceRecordSets(ctx, &route53.ListResourceRecordSetsInput{HostedZoneId: new("Z1")})
			return err
		},
	},
	"role": {
		wantAction: "iam:GetRole", wantCode: "AccessDenied", wantResource: "arn:aws:iam::111122223333:role/fleet/nodes", wantTags: map[string]string{"team": "a"},
		do: func(ctx context.Context, cfg awssdk.Config) error {
			_, err := iam.NewFromConfig(cfg).GetRole(ctx, &iam.GetRoleInput{RoleName: new("nodes")})
			return err
		},
	},
	"assumed role": {
		wantAction: "sts:AssumeRole", wantCode: "AccessDenied", wantResource: "arn:aws:iam::111122223333:role/fleet/nodes", wantTags: map[string]string{"team": "a"},
		do: func(ctx context.Context, cfg awssdk.Config) error {
			_, err := sts.NewFromConfig(cfg).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: new("arn:aws:iam::111122223333:role/fleet/nodes"), RoleSessionName: new("x")})
			return err
		},
	},
	"bucket": {
		wantAction: "s3:GetBucketTagging", wantCode: "AccessDenied", wantResource: "arn:aws:s3:::logs", wantTags: map[string]string{"team": "a"},
		do: func(ctx context.Context, cfg awssdk.Config) error {
			_, err := s3.NewFromConfig(cfg).GetBucketTagging(ctx, &s3.GetBucketTaggingInput{Bucket: new("logs")})
			return err
		},
	},
}

func TestRefusedCalls(t *testing.T) {
	for name, tc := range guardedCalls {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s, asked := guarded(t)
			cfg := sdk(t, s, BaseAccessKey)
			if tc.region != "" {
				cfg.Region = tc.region
			}
			err := tc.do(t.Context(), cfg)
			g.Expect(codeOf(err)).To(Equal(tc.wantCode))
			on := ""
			if tc.wantResource != "" {
				on = " on resource: " + tc.wantResource
				g.Expect((*asked)[0].Resources).To(Equal([]string{tc.wantResource}))
			} else {
				g.Expect((*asked)[0].Resources).To(BeEmpty())
			}
			if name == "bucket" {
				on = ` on resource: "arn:aws:s3:::logs"`
			}
			g.Expect(err).To(MatchError(ContainSubstring("User: " + basePrincipal + " is not authorized to perform: " + tc.wantAction + on +
				" because no identity-based policy allows the " + tc.wantAction + " action")))
			g.Expect((*asked)[0].ResourceTags).To(Equal(tc.wantTags))
			g.Expect((*asked)[0].Action).To(BeEmpty())
			g.Expect((*asked)[0].Service + ":" + (*asked)[0].Operation).To(Equal(tc.wantAction))
			g.Expect((*asked)[0].Principal).To(Equal(basePrincipal))
		})
	}
}

func TestEC2SaysMore(t *testing.T) {
	g := NewWithT(t)
	s, _ := guarded(t)
	err := calls["ec2"](t.Context(), sdk(t, s, BaseAccessKey))
	g.Expect(err).To(MatchError(ContainSubstring("You are not authorized to perform this operation. User: ")))
}

// HEAD has no body, so nothing but the status tells what is wrong.
func TestRefusedHead(t *testing.T) {
	g := NewWithT(t)
	s, asked := guarded(t)
	_, err := s3.NewFromConfig(sdk(t, s, BaseAccessKey)).HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: new("logs")})
	g.Expect(codeOf(err)).To(Equal("Forbidden"))
	g.Expect((*asked)[0].Action).To(Equal("s3:ListBucket"))
	g.Expect((*asked)[0].Operation).To(Equal("HeadBucket"))
}

func TestSecretsArePermittedWhereTheyAreCalled(t *testing.T) {
	g := NewWithT(t)
	s, client, arn := secrets(t)
	_, err := client.ReplicateSecretToRegions(t.Context(), replicateTo("db", "us-east-1"))
	g.Expect(err).NotTo(HaveOccurred())
	cfg := sdk(t, s, BaseAccessKey)
	cfg.Region = "us-east-1"
	s.cloud.SetGuard(func(cloud.Call) *cloud.Error { return &cloud.Error{Code: "AccessDenied"} })
	g.Eventually(func() error { return calls["secretsmanager"](t.Context(), cfg) }).
		Should(MatchError(ContainSubstring(inRegion(arn, region, "us-east-1"))))
}

func TestGuardSeesEveryPermission(t *testing.T) {
	g := NewWithT(t)
	a := accelerate(t, never)
	arn := a.group(t)
	var asked []string
	a.cloud.SetGuard(func(call cloud.Call) *cloud.Error {
		if call.Action != "" {
			asked = append(asked, call.Action)
			return &cloud.Error{Message: "User: me is not authorized to perform: x with an explicit deny"}
		}
		asked = append(asked, call.Service+":"+call.Operation)
		return nil
	})
	_, err := a.client.RemoveEndpoints(t.Context(), &ga.RemoveEndpointsInput{EndpointGroupArn: &arn, EndpointIdentifiers: []gatypes.EndpointIdentifier{{EndpointId: new("x")}}})
	g.Expect(asked).To(Equal([]string{"globalaccelerator:RemoveEndpoints", "globalaccelerator:UpdateEndpointGroup"}))
	g.Expect(codeOf(err)).To(Equal("AccessDeniedException"))
	g.Expect(err).To(MatchError(ContainSubstring("with an explicit deny")), "a guard that knows more is quoted")
}

func TestNoPermissionIsNeededToAskWhoOneIs(t *testing.T) {
	g := NewWithT(t)
	s, asked := guarded(t)
	g.Expect(calls["sts"](t.Context(), sdk(t, s, BaseAccessKey))).To(Succeed())
	g.Expect(*asked).To(BeEmpty())
}

// A refused call has no effect.
func TestRefusedWritesChangeNothing(t *testing.T) {
	g := NewWithT(t)
	s, client, _ := secrets(t)
	s.cloud.SetGuard(func(call cloud.Call) *cloud.Error {
		if call.Operation == "ReplicateSecretToRegions" {
			return &cloud.Error{Code: "AccessDenied"}
		}
		return nil
	})
	_, err := client.ReplicateSecretToRegions(t.Context(), replicateTo("db", "us-east-1"))
	g.Expect(codeOf(err)).To(Equal("AccessDeniedException"))
	g.Expect(replicas(t, client, "db")()).To(BeEmpty())
	_, err = ec2.NewFromConfig(sdk(t, s, BaseAccessKey)).DescribeVpcs(t.Context(), nil)
	g.Expect(err).NotTo(HaveOccurred())
}
