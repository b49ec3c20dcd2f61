package aws

import (
	"testing"

	. "github.com/onsi/gomega"
)

func TestPrimaryRegions(t *testing.T) {
	cases := map[string]struct{ role, configured, wantHome, region, wantPrimary string }{
		"commercial": {
			role: targetRole, configured: "cn-north-1", wantHome: "us-east-1",
			region: "ap-southeast-7", wantPrimary: "us-east-1",
		},
		"China": {
			role: "arn:aws-cn:iam::444455556666:role/target", configured: "eu-west-1", wantHome: "cn-north-1",
			region: "cn-northwest-1", wantPrimary: "cn-north-1",
		},
		"GovCloud": {
			role: "arn:aws-us-gov:iam::444455556666:role/target", configured: "eu-west-1", wantHome: "us-gov-west-1",
			region: "us-gov-east-1", wantPrimary: "us-gov-west-1",
		},
		"our own in China":    {configured: "cn-northwest-1", wantHome: "cn-north-1", region: "cn-north-1", wantPrimary: "cn-north-1"},
		"our own in GovCloud": {configured: "us-gov-east-1", wantHome: "us-gov-west-1", region: "us-gov-west-1", wantPrimary: "us-gov-west-1"},
		"our own, unsaid":     {wantHome: "us-east-1", wantPrimary: "us-east-1"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s, _ := newSessions(t, "")
			s.base.Region = tc.configured
			g.Expect(s.homeOf(tc.role)).To(Equal(tc.wantHome))
			g.Expect(primaryOf(tc.region)).To(Equal(tc.wantPrimary))
		})
	}
}
