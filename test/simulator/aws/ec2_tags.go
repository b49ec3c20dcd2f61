package aws

import (
	"strings"
	"time"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// tagTypes are the names of resource types where they are not those of the account's kinds:
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeTags.html.
var tagTypes = map[string]string{
	"elasticip":            "elastic-ip",
	"internetgateway":      "internet-gateway",
	"networkinterface":     "network-interface",
	"routetable":           "route-table",
	"securitygroup":        "security-group",
	"transitgateway":       "transit-gateway",
	"vpcendpoint":          "vpc-endpoint",
	"vpcpeeringconnection": "vpc-peering-connection",
}

type tagDescription struct {
	ResourceID   string `xml:"resourceId"`
	ResourceType string `xml:"resourceType"`
	Key          string `xml:"key"`
	Value        string `xml:"value"`
}

// describeTags shows deleted NAT gateways for as long as DescribeNatGateways does.
func (s *Server) describeTags(c *call) (any, error) {
	tagged := func(r cloud.Resource) bool {
		return strings.HasPrefix(r.Type, "ec2/") && r.Region == c.region && len(r.Tags) > 0
	}
	var candidates []cloud.Resource
	for _, r := range append(s.seen(tagged), s.departed.list(tagged, time.Now())...) {
		for _, key := range sortedKeys(r.Tags) {
			candidates = append(candidates, tagOf(r, key))
		}
	}
	candidates, err := filtered(c.form, candidates, describedTagAttributes)
	if err != nil {
		return nil, err
	}
	tags := make([]tagDescription, len(candidates))
	for i, r := range candidates {
		tags[i] = tagDescription{ResourceID: r.ID, ResourceType: r.Type, Key: r.Data["key"], Value: r.Data["value"]}
	}
	return ec2Page(c, "tagSet", tags, largestPage)
}

// tagOf is one tag in the shape that filters understand.
func tagOf(r cloud.Resource, key string) cloud.Resource {
	kind := strings.TrimPrefix(r.Type, "ec2/")
	if name, ok := tagTypes[kind]; ok {
		kind = name
	}
	return cloud.Resource{
		Key:  cloud.Key{Type: kind, ID: r.ID},
		Tags: map[string]string{key: r.Tags[key]},
		Data: map[string]string{"key": key, "value": r.Tags[key]},
	}
}

func describedTagAttributes(r cloud.Resource, filter string) ([]string, bool) {
	return attribute(r, filter, map[string]string{
		"key": r.Data["key"], "value": r.Data["value"], "resource-id": r.ID, "resource-type": r.Type,
	})
}
