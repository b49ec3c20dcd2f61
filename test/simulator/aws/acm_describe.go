package aws

import "fmt"

type certificateDetail struct {
	ARN       string   `json:"CertificateArn"`
	Domain    string   `json:"DomainName"`
	Names     []string `json:"SubjectAlternativeNames"`
	Status    string   `json:"Status"`
	Type      string   `json:"Type"`
	Key       string   `json:"KeyAlgorithm"`
	CreatedAt float64  `json:"CreatedAt"`
	InUseBy   []string `json:"InUseBy"`
}

func (s *Server) describeCertificate(c *call) (any, error) {
	arn := c.text("CertificateArn")
	r, ok := s.byARN(c.region, arn, typeCertificate)
	if !ok {
		return nil, noCertificate(arn)
	}
	return map[string]any{"Certificate": certificateDetail{
		ARN: r.ARN, Domain: r.Data["domainName"], Names: splitList(r.Data["names"]), Status: r.State, Type: "AMAZON_ISSUED",
		Key: r.Data["keyAlgorithm"], CreatedAt: epoch(r.CreatedAt), InUseBy: []string{},
	}}, nil
}

func noCertificate(arn string) error {
	return invalid("ResourceNotFoundException", fmt.Sprintf("Could not find certificate %s.", arn))
}
