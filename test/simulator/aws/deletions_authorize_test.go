package aws

import (
	"context"
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// TestPoliciesCanTellWhatIsDeleted has calls that conditions on tags have to be able to limit.
func TestPoliciesCanTellWhatIsDeleted(t *testing.T) {
	const ours = "arn:aws:ec2:eu-west-1:111122223333:"
	cases := map[string]struct {
		do       func(context.Context, awssdk.Config) error
		resource cloud.Resource
		want     string
		wantCode string
	}{
		"load balancer": {
			resource: cloud.Resource{Key: here(typeLoadBalancer, "a"), ARN: balancerARN(region, "a")}, want: balancerARN(region, "a"), wantCode: "AccessDenied",
			do: func(ctx context.Context, cfg awssdk.Config) error {
				_, err := elb.NewFromConfig(cfg).DeleteLoadBalancer(ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: new(balancerARN(region, "a"))})
				return err
			},
		},
		"target group": {
			resource: cloud.Resource{Key: here(typeTargetGroup, "a"), ARN: groupARN}, want: groupARN, wantCode: "AccessDenied",
			do: func(ctx context.Context, cfg awssdk.Config) error {
				_, err := elb.NewFromConfig(cfg).DeleteTargetGroup(ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: new(groupARN)})
				return err
			},
		},
		"security group": {
			resource: cloud.Resource{Key: here(typeSecurityGroup, "sg-1")}, want: ours + "security-group/sg-1", wantCode: "UnauthorizedOperation",
			do: func(ctx context.Context, cfg awssdk.Config) error {
				_, err := ec2.NewFromConfig(cfg).DeleteSecurityGroup(ctx, &ec2.DeleteSecurityGroupInput{GroupId: new("sg-1")})
				return err
			},
		},
		"network interface": {
			resource: cloud.Resource{Key: here(typeInterface, "eni-1"), State: "available"}, want: ours + "network-interface/eni-1", wantCode: "UnauthorizedOperation",
			do: func(ctx context.Context, cfg awssdk.Config) error {
				_, err := ec2.NewFromConfig(cfg).DeleteNetworkInterface(ctx, &ec2.DeleteNetworkInterfaceInput{NetworkInterfaceId: new("eni-1")})
				return err
			},
		},
		"certificate's tags": {
			resource: cloud.Resource{Key: here(typeCertificate, "a"), ARN: certificateARN("a")}, want: certificateARN("a"), wantCode: "AccessDeniedException",
			do: func(ctx context.Context, cfg awssdk.Config) error {
				_, err := acm.NewFromConfig(cfg).ListTagsForCertificate(ctx, &acm.ListTagsForCertificateInput{CertificateArn: new(certificateARN("a"))})
				return err
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s, asked := guarded(t)
			tc.resource.Tags = map[string]string{"elbv2.k8s.aws/cluster": "prod"}
			create(t, s.cloud, tc.resource)
			g.Expect(codeOf(tc.do(t.Context(), sdk(t, s, BaseAccessKey)))).To(Equal(tc.wantCode))
			g.Expect((*asked)[0].Resources).To(Equal([]string{tc.want}))
			g.Expect((*asked)[0].ResourceTags).To(Equal(tc.resource.Tags))
			_, there := s.cloud.Get(tc.resource.Key)
			g.Expect(there).To(BeTrue())
		})
	}
}
