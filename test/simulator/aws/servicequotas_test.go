package aws

import (
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/servicequotas"
	. "github.com/onsi/gomega"
)

func TestGetServiceQuota(t *testing.T) {
	cases := map[string]struct {
		service, code string
		set           func(*Server)
		want          float64
		wantErr       string
	}{
		"VPCs":               {service: "vpc", code: "L-F678F1CE", want: 5},
		"Elastic IPs":        {service: "ec2", code: "L-0263D0A3", want: 5},
		"NAT gateways":       {service: "vpc", code: "L-FE5A380F", want: 5},
		"clusters":           {service: "eks", code: "L-1194D53C", want: 100},
		"vCPUs":              {service: "ec2", code: "L-1216C47A", want: 1000},
		"raised here":        {service: "vpc", code: "L-F678F1CE", set: func(s *Server) { s.SetQuota("vpc", "L-F678F1CE", region, 50) }, want: 50},
		"raised elsewhere":   {service: "vpc", code: "L-F678F1CE", set: func(s *Server) { s.SetQuota("vpc", "L-F678F1CE", "us-east-1", 50) }, want: 5},
		"raised everywhere":  {service: "vpc", code: "L-F678F1CE", set: func(s *Server) { s.SetQuota("vpc", "L-F678F1CE", "", 50) }, want: 50},
		"another's code":     {service: "eks", code: "L-F678F1CE", wantErr: "NoSuchResourceException"},
		"an unknown service": {service: "sqs", code: "L-1", wantErr: "NoSuchResourceException"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s, _ := start(t)
			if tc.set != nil {
				tc.set(s)
			}
			out, err := servicequotas.NewFromConfig(sdk(t, s, BaseAccessKey)).GetServiceQuota(t.Context(),
				&servicequotas.GetServiceQuotaInput{ServiceCode: &tc.service, QuotaCode: &tc.code})
			g.Expect(codeOf(err)).To(Equal(tc.wantErr))
			if tc.wantErr != "" {
				return
			}
			g.Expect(*out.Quota.Value).To(Equal(tc.want))
			g.Expect(*out.Quota.QuotaCode).To(Equal(tc.code))
			g.Expect(*out.Quota.ServiceCode).To(Equal(tc.service))
			g.Expect(*out.Quota.QuotaArn).To(HaveSuffix(tc.service + "/" + tc.code))
			g.Expect(*out.Quota.QuotaName).NotTo(BeEmpty())
		})
	}
}

func TestListServiceQuotas(t *testing.T) {
	g := NewWithT(t)
	s, _ := start(t)
	client := servicequotas.NewFromConfig(sdk(t, s, BaseAccessKey))
	pager := servicequotas.NewListServiceQuotasPaginator(client, &servicequotas.ListServiceQuotasInput{ServiceCode: awssdk.String("vpc"), MaxResults: awssdk.Int32(1)})
	var codes []string
	for pager.HasMorePages() {
		out, err := pager.NextPage(t.Context())
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(out.Quotas).To(HaveLen(1))
		codes = append(codes, *out.Quotas[0].QuotaCode)
	}
	g.Expect(codes).To(Equal([]string{"L-F678F1CE", "L-FE5A380F"}))
	_, err := client.ListServiceQuotas(t.Context(), &servicequotas.ListServiceQuotasInput{ServiceCode: awssdk.String("sqs")})
	g.Expect(codeOf(err)).To(Equal("NoSuchResourceException"))
	_, err = client.ListServiceQuotas(t.Context(), &servicequotas.ListServiceQuotasInput{ServiceCode: awssdk.String("vpc"), NextToken: awssdk.String("x")})
	g.Expect(codeOf(err)).To(Equal("InvalidPaginationTokenException"))
}
