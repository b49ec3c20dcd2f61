package aws

import (
	"cmp"
	"slices"
)

const (
	typeCertificate = "acm/certificate"

	// certificatePage is the most that ListCertificates answers:
	// https://docs.aws.amazon.com/acm/latest/APIReference/API_ListCertificates.html.
	certificatePage = 1000
)

// listedKeys are the key types that ListCertificates shows to callers that name none.
var listedKeys = []string{"RSA_1024", "RSA_2048"}

// certificateOperations have the resources of
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awscertificatemanager.html.
var certificateOperations = map[string]action{
	"DescribeCertificate":    {handle: (*Server).describeCertificate, on: certificateNamed},
	"ListCertificates":       {handle: (*Server).listCertificates},
	"ListTagsForCertificate": {handle: (*Server).listCertificateTags, on: certificateNamed},
}

func certificateNamed(s *Server, c *call) subject {
	arn := c.text("CertificateArn")
	r, _ := s.byARN(c.region, arn, typeCertificate)
	return subjectOf(arn, r)
}

type certificateSummary struct {
	ARN       string  `json:"CertificateArn"`
	Domain    string  `json:"DomainName"`
	Status    string  `json:"Status"`
	Type      string  `json:"Type"`
	Key       string  `json:"KeyAlgorithm"`
	CreatedAt float64 `json:"CreatedAt"`
}

func (s *Server) listCertificates(c *call) (any, error) {
	var in struct {
		CertificateStatuses []string
		Includes            struct{ KeyTypes []string } `json:"Includes"`
		MaxItems            int
		NextToken           string
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	keys := in.Includes.KeyTypes
	if len(keys) == 0 {
		keys = listedKeys
	}
	summaries := []certificateSummary{}
	for _, r := range s.inRegion(c, typeCertificate, nil) {
		key := cmp.Or(r.Data["keyAlgorithm"], "RSA_2048")
		if slices.Contains(keys, key) && selected(in.CertificateStatuses, r.State) {
			summaries = append(summaries, certificateSummary{
				ARN: r.ARN, Domain: r.Data["domainName"], Status: r.State, Type: "AMAZON_ISSUED", Key: key, CreatedAt: epoch(r.CreatedAt),
			})
		}
	}
	size := certificatePage
	if in.MaxItems > 0 {
		size = min(in.MaxItems, certificatePage)
	}
	part, next, ok := page(summaries, in.NextToken, size)
	if !ok {
		return nil, invalid("ValidationException", "Invalid NextToken")
	}
	answer := map[string]any{"CertificateSummaryList": part}
	if next != "" {
		answer["NextToken"] = next
	}
	return answer, nil
}

func (s *Server) listCertificateTags(c *call) (any, error) {
	arn := c.text("CertificateArn")
	r, ok := s.byARN(c.region, arn, typeCertificate)
	if !ok {
		return nil, noCertificate(arn)
	}
	return map[string]any{"Tags": queryTags(r)}, nil
}
