package aws

import (
	"cmp"
	"context"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/acm"
	"github.com/aws/aws-sdk-go-v2/service/acm/types"
)

const (
	listCertificates = "acm:ListCertificates"
	noCertificate    = "ResourceNotFoundException"
)

// usableCertificates are the states from which a certificate can be, or become, of use.
var usableCertificates = []types.CertificateStatus{
	types.CertificateStatusIssued, types.CertificateStatusPendingValidation, types.CertificateStatusInactive,
}

// CertificateARN finds the ACM certificate of a domain that carries all of the tags:
// certificates have no names. Of several, an issued one is preferred, then the first by
// ARN. When there is none, the error is of class NotFound. It needs acm:ListCertificates
// and acm:ListTagsForCertificate.
func (s *Sessions) CertificateARN(ctx context.Context, roleARN, region, domain string, tags map[string]string) (string, error) {
	c := s.in(roleARN, region)
	certificates, err := c.certificatesOf(ctx, domain)
	if err != nil {
		return "", err
	}
	for _, certificate := range certificates {
		ok, err := c.hasTags(ctx, certificate.CertificateArn, tags)
		if err != nil {
			return "", err
		}
		if ok {
			return aws.ToString(certificate.CertificateArn), nil
		}
	}
	return "", &Error{
		Operation: listCertificates, Code: noCertificate, Class: NotFound,
		Message: "no certificate for " + domain + " has the tags",
	}
}

// certificatesOf asks for every type of key: AWS lists only RSA keys of up to 2048 bits
// otherwise (source: ACM API reference, ListCertificates).
func (c *clients) certificatesOf(ctx context.Context, domain string) ([]types.CertificateSummary, error) {
	all, err := collect(ctx,
		acm.NewListCertificatesPaginator(c.acm, &acm.ListCertificatesInput{
			CertificateStatuses: usableCertificates,
			Includes:            &types.Filters{KeyTypes: types.KeyAlgorithm("").Values()},
		}),
		func(page *acm.ListCertificatesOutput) []types.CertificateSummary { return page.CertificateSummaryList })
	if err != nil {
		return nil, err
	}
	found := slices.DeleteFunc(all, func(certificate types.CertificateSummary) bool {
		return !sameName(aws.ToString(certificate.DomainName), domain) || !slices.Contains(usableCertificates, certificate.Status)
	})
	slices.SortFunc(found, func(a, b types.CertificateSummary) int {
		return cmp.Or(
			cmp.Compare(slices.Index(usableCertificates, a.Status), slices.Index(usableCertificates, b.Status)),
			cmp.Compare(aws.ToString(a.CertificateArn), aws.ToString(b.CertificateArn)))
	})
	return found, nil
}

// hasTags is false for a certificate that is gone by now.
func (c *clients) hasTags(ctx context.Context, arn *string, wanted map[string]string) (bool, error) {
	out, err := c.acm.ListTagsForCertificate(ctx, &acm.ListTagsForCertificateInput{CertificateArn: arn})
	if err != nil {
		return false, unlessNotFound(classify(err))
	}
	has := make(map[string]string, len(out.Tags))
	for _, t := range out.Tags {
		has[aws.ToString(t.Key)] = aws.ToString(t.Value)
	}
	for key, value := range wanted {
		if present, ok := has[key]; !ok || present != value {
			return false, nil
		}
	}
	return true, nil
}
