package aws

import (
	"testing"

	awssdk "github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"
	. "github.com/onsi/gomega"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

func certificateARN(id string) string {
	return "arn:aws:acm:eu-west-1:111122223333:certificate/" + id
}

func someCertificates(t *testing.T, c *cloud.Cloud) {
	t.Helper()
	for id, facts := range map[string][3]string{
		"a": {"ISSUED", "example.com", "RSA_2048"}, "b": {"PENDING_VALIDATION", "example.org", ""}, "c": {"FAILED", "example.com", "EC_prime256v1"},
	} {
		create(t, c, cloud.Resource{
			Key: here(typeCertificate, id), ARN: certificateARN(id), State: facts[0], Tags: map[string]string{"id": id},
			Data: map[string]string{"domainName": facts[1], "keyAlgorithm": facts[2]},
		})
	}
	create(t, c, cloud.Resource{Key: cloud.Key{Type: typeCertificate, Region: "us-east-1", ID: "d"}, ARN: "arn:elsewhere"})
}

func TestListCertificates(t *testing.T) {
	every := &types.Filters{KeyTypes: types.KeyAlgorithm("").Values()}
	cases := map[string]struct {
		in      acm.ListCertificatesInput
		want    []string
		wantErr string
	}{
		"short RSA keys unless others are asked for": {want: []string{"a", "b"}},
		"every kind of key":                          {in: acm.ListCertificatesInput{Includes: every}, want: []string{"a", "b", "c"}},
		"some states": {
			in:   acm.ListCertificatesInput{Includes: every, CertificateStatuses: []types.CertificateStatus{types.CertificateStatusFailed, types.CertificateStatusIssued}},
			want: []string{"a", "c"},
		},
		"in pages":         {in: acm.ListCertificatesInput{MaxItems: awssdk.Int32(1)}, want: []string{"a", "b"}},
		"an invalid token": {in: acm.ListCertificatesInput{NextToken: new("x")}, wantErr: "ValidationException"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			s, c := start(t)
			someCertificates(t, c)
			pager := acm.NewListCertificatesPaginator(acm.NewFromConfig(sdk(t, s, BaseAccessKey)), &tc.in)
			var got []string
			for pager.HasMorePages() {
				out, err := pager.NextPage(t.Context())
				g.Expect(codeOf(err)).To(Equal(tc.wantErr))
				if err != nil {
					return
				}
				for _, certificate := range out.CertificateSummaryList {
					got = append(got, lastPart(*certificate.CertificateArn))
					g.Expect(*certificate.DomainName).To(HavePrefix("example."))
					g.Expect(certificate.CreatedAt).NotTo(BeNil())
				}
			}
			g.Expect(got).To(Equal(tc.want))
		})
	}
}

func TestListTagsForCertificate(t *testing.T) {
	g := NewWithT(t)
	s, c := start(t)
	someCertificates(t, c)
	client := acm.NewFromConfig(sdk(t, s, BaseAccessKey))
	out, err := client.ListTagsForCertificate(t.Context(), &acm.ListTagsForCertificateInput{CertificateArn: new(certificateARN("b"))})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(out.Tags).To(HaveLen(1))
	g.Expect(*out.Tags[0].Key).To(Equal("id"))
	g.Expect(*out.Tags[0].Value).To(Equal("b"))
	for _, absent := range []string{certificateARN("z"), "arn:elsewhere"} {
		_, err = client.ListTagsForCertificate(t.Context(), &acm.ListTagsForCertificateInput{CertificateArn: &absent})
		g.Expect(codeOf(err)).To(Equal("ResourceNotFoundException"))
	}
}
