package aws

import (
	"fmt"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// quotaOperations are reads, for which IAM knows no resources:
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_servicequotas.html.
var quotaOperations = map[string]action{
	"GetServiceQuota":   {handle: (*Server).getServiceQuota},
	"ListServiceQuotas": {handle: (*Server).listServiceQuotas},
}

// quotaPage is the most that ListServiceQuotas answers at once.
const quotaPage = 100

// quotaKey has an empty region for a value that holds in all of them.
type quotaKey struct{ service, code, region string }

type quota struct {
	ServiceCode string
	ServiceName string
	QuotaARN    string `json:"QuotaArn"`
	QuotaCode   string
	QuotaName   string
	Value       float64
	Unit        string
	Adjustable  bool
	GlobalQuota bool
}

// quotas are those that a region draws on, with AWS's values for an account that never asked for
// more: https://docs.aws.amazon.com/general/latest/gr/aws-service-information.html. A new account
// has 5 vCPUs only, but none that runs a fleet is new.
var quotas = []quota{
	{ServiceCode: "ec2", QuotaCode: "L-0263D0A3", QuotaName: "EC2-VPC Elastic IPs", Value: 5},
	{ServiceCode: "ec2", QuotaCode: "L-1216C47A", QuotaName: "Running On-Demand Standard (A, C, D, H, I, M, R, T, Z) instances", Value: 1000},
	{ServiceCode: "eks", QuotaCode: "L-1194D53C", QuotaName: "Clusters", Value: 100},
	{ServiceCode: "vpc", QuotaCode: "L-F678F1CE", QuotaName: "VPCs per Region", Value: 5},
	{ServiceCode: "vpc", QuotaCode: "L-FE5A380F", QuotaName: "NAT gateways per Availability Zone", Value: 5},
}

var quotaServices = map[string]string{
	"ec2": "Amazon Elastic Compute Cloud (Amazon EC2)",
	"eks": "Amazon Elastic Kubernetes Service (Amazon EKS)",
	"vpc": "Amazon Virtual Private Cloud (Amazon VPC)",
}

// SetQuota gives the account another limit in a region, or in all of them if region is empty.
// Nothing here enforces limits: they are what Service Quotas tells.
func (s *Server) SetQuota(service, code, region string, value float64) {
	s.settings.mu.Lock()
	defer s.settings.mu.Unlock()
	if s.settings.quotas == nil {
		s.settings.quotas = map[quotaKey]float64{}
	}
	s.settings.quotas[quotaKey{service, code, region}] = value
}

func (s *settings) quotaOf(q quota, region string) float64 {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for _, where := range []string{region, ""} {
		if value, ok := s.quotas[quotaKey{q.ServiceCode, q.QuotaCode, where}]; ok {
			return value
		}
	}
	return q.Value
}

func (s *Server) quotasIn(region, service string) []quota {
	found := []quota{}
	for _, q := range quotas {
		if q.ServiceCode != service {
			continue
		}
		q.ServiceName, q.Unit, q.Adjustable = quotaServices[service], "None", true
		q.QuotaARN = s.cloud.ARN("servicequotas", region, service+"/"+q.QuotaCode)
		q.Value = s.settings.quotaOf(q, region)
		found = append(found, q)
	}
	return found
}

func (s *Server) getServiceQuota(c *call) (any, error) {
	for _, q := range s.quotasIn(c.region, c.text("ServiceCode")) {
		if q.QuotaCode == c.text("QuotaCode") {
			return map[string]any{"Quota": q}, nil
		}
	}
	return nil, &cloud.Error{
		Code:    "NoSuchResourceException",
		Message: fmt.Sprintf("The request failed because the specified resource %s does not exist.", c.text("QuotaCode")),
	}
}

func (s *Server) listServiceQuotas(c *call) (any, error) {
	var in struct {
		ServiceCode, NextToken string
		MaxResults             int
	}
	if err := c.decode(&in); err != nil {
		return nil, err
	}
	found := s.quotasIn(c.region, in.ServiceCode)
	if len(found) == 0 {
		return nil, invalid("NoSuchResourceException", fmt.Sprintf("The service %s does not exist.", in.ServiceCode))
	}
	size := quotaPage
	if in.MaxResults > 0 {
		size = min(in.MaxResults, quotaPage)
	}
	part, next, ok := page(found, in.NextToken, size)
	if !ok {
		return nil, invalid("InvalidPaginationTokenException", "Invalid token was used.")
	}
	answer := map[string]any{"Quotas": part}
	if next != "" {
		answer["NextToken"] = next
	}
	return answer, nil
}
