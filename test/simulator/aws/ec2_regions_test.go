package aws

import (
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/aws-sdk-go-v2/service/ec2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	. "github.com/onsi/gomega"
)

func TestDescribeRegions(t *testing.T) {
	cases := map[string]struct {
		in      ec2.DescribeRegionsInput
		without string
		want    map[string]string
		wantErr string
	}{
		"by name": {
			in:   ec2.DescribeRegionsInput{RegionNames: []string{"eu-west-1", "ap-east-1"}},
			want: map[string]string{"eu-west-1": "opt-in-not-required", "ap-east-1": "opted-in"},
		},
		"one without opt-in is left out": {
			in: ec2.DescribeRegionsInput{RegionNames: []string{"eu-west-1", "ap-east-1"}}, without: "ap-east-1",
			want: map[string]string{"eu-west-1": "opt-in-not-required"},
		},
		"one without opt-in when all are asked for": {
			in: ec2.DescribeRegionsInput{RegionNames: []string{"ap-east-1"}, AllRegions: new(true)}, without: "ap-east-1",
			want: map[string]string{"ap-east-1": "not-opted-in"},
		},
		"by status": {
			in: ec2.DescribeRegionsInput{AllRegions: new(true), Filters: []types.Filter{filter("opt-in-status", "not-opted-in")}}, without: "me-south-1",
			want: map[string]string{"me-south-1": "not-opted-in"},
		},
		"by name filter":    {in: ec2.DescribeRegionsInput{Filters: []types.Filter{filter("region-name", "us-west-?")}}, want: map[string]string{"us-west-1": "opt-in-not-required", "us-west-2": "opt-in-not-required"}},
		"no region of AWS":  {in: ec2.DescribeRegionsInput{RegionNames: []string{"mars-north-1"}}, wantErr: "InvalidParameterValue"},
		"an unknown filter": {in: ec2.DescribeRegionsInput{Filters: []types.Filter{filter("colour", "red")}}, wantErr: "InvalidParameterValue"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s, _ := start(t)
			if tc.without != "" {
				s.SetOptIn(tc.without, "not-opted-in")
			}
			out, err := ec2.NewFromConfig(sdk(t, s, BaseAccessKey)).DescribeRegions(t.Context(), &tc.in)
			g.Expect(codeOf(err)).To(Equal(tc.wantErr))
			if tc.wantErr != "" {
				return
			}
			got := map[string]string{}
			for _, r := range out.Regions {
				got[*r.RegionName] = *r.OptInStatus
				g.Expect(*r.Endpoint).To(Equal("ec2." + *r.RegionName + ".amazonaws.com"))
			}
			g.Expect(got).To(Equal(tc.want))
		})
	}
}

func TestRegionsWithoutOptInRefuseCredentials(t *testing.T) {
	g := NewWithT(t)
	s, _ := start(t)
	s.SetOptIn("ap-east-1", "not-opted-in")
	cfg := sdk(t, s, BaseAccessKey)
	cfg.Region = "ap-east-1"
	_, err := ec2.NewFromConfig(cfg).DescribeVpcs(t.Context(), nil)
	g.Expect(codeOf(err)).To(Equal("AuthFailure"))
	_, err = sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), nil)
	g.Expect(codeOf(err)).To(Equal("InvalidClientTokenId"))
	_, err = iam.NewFromConfig(cfg).GetRole(t.Context(), &iam.GetRoleInput{RoleName: awssdk.String("x")})
	g.Expect(codeOf(err)).To(Equal("NoSuchEntity"), "global services do not care")

	s.SetOptIn("ap-east-1", "opted-in")
	_, err = ec2.NewFromConfig(cfg).DescribeVpcs(t.Context(), nil)
	g.Expect(err).NotTo(HaveOccurred())
}
