package aws

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// Opt-in statuses of a region.
const (
	optInNotRequired = "opt-in-not-required"
	optedIn          = "opted-in"
	notOptedIn       = "not-opted-in"
)

// optInRegions tells which of AWS's regions an account has to ask for:
// https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html.
var optInRegions = map[string]bool{
	"af-south-1": true, "ap-east-1": true, "ap-northeast-1": false, "ap-northeast-2": false,
	"ap-northeast-3": false, "ap-south-1": false, "ap-south-2": true, "ap-southeast-1": false,
	"ap-southeast-2": false, "ap-southeast-3": true, "ap-southeast-4": true, "ap-southeast-5": true,
	"ap-southeast-7": true, "ca-central-1": false, "ca-west-1": true, "eu-central-1": false,
	"eu-central-2": true, "eu-north-1": false, "eu-south-1": true, "eu-south-2": true,
	"eu-west-1": false, "eu-west-2": false, "eu-west-3": false, "il-central-1": true,
	"me-central-1": true, "me-south-1": true, "mx-central-1": true, "sa-east-1": false,
	"us-east-1": false, "us-east-2": false, "us-west-1": false, "us-west-2": false,
}

type awsRegion struct {
	Name     string `xml:"regionName"`
	Endpoint string `xml:"regionEndpoint"`
	OptIn    string `xml:"optInStatus"`
}

// SetOptIn makes the account's status for a region opt-in-not-required, opted-in or
// not-opted-in. The APIs of a region without opt-in refuse the account's credentials.
func (s *Server) SetOptIn(region, status string) {
	s.settings.mu.Lock()
	defer s.settings.mu.Unlock()
	if s.settings.optIn == nil {
		s.settings.optIn = map[string]string{}
	}
	s.settings.optIn[region] = status
}

func (s *settings) optInOf(region string) string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	usual := optInNotRequired
	if optInRegions[region] {
		usual = optedIn
	}
	return cmp.Or(s.optIn[region], usual)
}

func (s *Server) describeRegions(c *call) (any, error) {
	names := formList(c.form, "RegionName")
	var candidates []cloud.Resource
	for name := range optInRegions {
		status := s.settings.optInOf(name)
		if selected(names, name) && (status != notOptedIn || c.form.Get("AllRegions") == "true") {
			candidates = append(candidates, cloud.Resource{Key: cloud.Key{ID: name}, State: status})
		}
	}
	for _, name := range names {
		if _, known := optInRegions[name]; !known {
			return nil, invalid("InvalidParameterValue", fmt.Sprintf("Invalid region name: [%s]", name))
		}
	}
	candidates, err := filtered(c.form, candidates, regionAttributes)
	if err != nil {
		return nil, err
	}
	regions := make([]awsRegion, len(candidates))
	for i, r := range candidates {
		regions[i] = awsRegion{Name: r.ID, Endpoint: endpointOf(r.ID), OptIn: r.State}
	}
	slices.SortFunc(regions, func(a, b awsRegion) int { return cmp.Compare(a.Name, b.Name) })
	return ec2Set{name: "regionInfo", items: regions}, nil
}

func regionAttributes(r cloud.Resource, filter string) ([]string, bool) {
	return attribute(r, filter, map[string]string{
		"region-name": r.ID, "endpoint": endpointOf(r.ID), "opt-in-status": r.State,
	})
}

func endpointOf(region string) string { return "ec2." + region + ".amazonaws.com" }
