package aws

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"slices"
	"strings"
	"time"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

const (
	typeLoadBalancer = "elbv2/loadbalancer"
	typeTargetGroup  = "elbv2/targetgroup"

	// elbPage is the most that a call answers:
	// https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeLoadBalancers.html.
	elbPage = 400
	// mostTagged is how many resources DescribeTags takes at once.
	mostTagged = 20
)

// elbOperations are reads, for which IAM knows no resources, but for the deletions:
// https://docs.aws.amazon.com/service-authorization/latest/reference/list_awselasticloadbalancingv2.html.
var elbOperations = map[string]action{
	"DeleteLoadBalancer":    {handle: (*Server).deleteLoadBalancer, on: elbNamed(typeLoadBalancer, "LoadBalancerArn")},
	"DeleteTargetGroup":     {handle: (*Server).deleteTargetGroup, on: elbNamed(typeTargetGroup, "TargetGroupArn")},
	"DescribeLoadBalancers": {handle: (*Server).describeLoadBalancers},
	"DescribeTags":          {handle: (*Server).describeELBTags},
	"DescribeTargetGroups":  {handle: (*Server).describeTargetGroups},
	"DescribeTargetHealth":  {handle: (*Server).describeTargetHealth},
}

type loadBalancers struct {
	Items []loadBalancer `xml:"LoadBalancers>member"`
	Next  string         `xml:"NextMarker,omitempty"`
}

type loadBalancer struct {
	ARN           string `xml:"LoadBalancerArn"`
	Name          string `xml:"LoadBalancerName"`
	DNSName       string
	HostedZoneID  string `xml:"CanonicalHostedZoneId"`
	CreatedTime   string
	Scheme        string
	State         string `xml:"State>Code"`
	StateReason   string `xml:"State>Reason,omitempty"`
	Type          string
	VPCID         string `xml:"VpcId"`
	IPAddressType string `xml:"IpAddressType"`

	Zones          []balancerZone `xml:"AvailabilityZones>member"`
	SecurityGroups []string       `xml:"SecurityGroups>member"`
}

type balancerZone struct {
	Name     string `xml:"ZoneName"`
	SubnetID string `xml:"SubnetId"`
}

func (s *Server) describeLoadBalancers(c *call) (any, error) {
	arns, byName := formList(c.form, "LoadBalancerArns.member"), formList(c.form, "Names.member")
	candidates := s.cloud.List(func(r cloud.Resource) bool {
		return r.Type == typeLoadBalancer && r.Region == c.region && selected(arns, r.ARN) && selected(byName, r.ID)
	})
	if missing := firstMissing(byName, candidates); missing != "" {
		return nil, invalid("LoadBalancerNotFound", fmt.Sprintf("Load balancers '[%s]' not found", missing))
	}
	if !allOf(arns, candidates) {
		return nil, invalid("LoadBalancerNotFound", "One or more load balancers not found")
	}
	part, next, err := elbPaged(c, candidates)
	if err != nil {
		return nil, err
	}
	answer := loadBalancers{Next: next}
	for _, r := range part {
		answer.Items = append(answer.Items, s.loadBalancerFrom(r))
	}
	return answer, nil
}

func (s *Server) loadBalancerFrom(r cloud.Resource) loadBalancer {
	return loadBalancer{
		ARN: r.ARN, Name: r.ID, DNSName: r.Data["dnsName"], HostedZoneID: zoneOfBalancers(r.Region),
		CreatedTime: r.CreatedAt.UTC().Format(time.RFC3339), Scheme: cmp.Or(r.Data["scheme"], "internet-facing"),
		State: r.State, StateReason: r.Data["reason"], Type: balancerType(r), VPCID: s.vpcOf(r), IPAddressType: "ipv4",
		Zones: s.zonesOfBalancer(r), SecurityGroups: parents(r, typeSecurityGroup),
	}
}

func (s *Server) zonesOfBalancer(r cloud.Resource) []balancerZone {
	var zones []balancerZone
	for _, id := range parents(r, typeSubnet) {
		subnet, _ := s.cloud.Get(cloud.Key{Type: typeSubnet, Region: r.Region, ID: id})
		zones = append(zones, balancerZone{Name: subnet.Data["availabilityZone"], SubnetID: id})
	}
	return zones
}

func balancerType(r cloud.Resource) string {
	if strings.Contains(r.ARN, "loadbalancer/app/") {
		return "application"
	}
	return "network"
}

// zoneOfBalancers is AWS's own hosted zone for the names of a region's load balancers. The
// real identifiers have no rule; these only differ by region, which is what matters.
func zoneOfBalancers(region string) string {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(region)) // a hash never fails to write
	return fmt.Sprintf("Z%013X", hash.Sum64()>>12)
}

// elbPaged cuts a list by PageSize and Marker.
func elbPaged(c *call, resources []cloud.Resource) ([]cloud.Resource, string, error) {
	part, next, ok := page(resources, c.form.Get("Marker"), sizeOf(c.form.Get("PageSize"), elbPage))
	if !ok {
		return nil, "", invalid("ValidationError", "Invalid marker")
	}
	return part, next, nil
}

func allOf(arns []string, found []cloud.Resource) bool {
	return !slices.ContainsFunc(arns, func(arn string) bool {
		return !slices.ContainsFunc(found, func(r cloud.Resource) bool { return r.ARN == arn })
	})
}

type tagDescriptions struct {
	Items []elbTags `xml:"TagDescriptions>member"`
}

type elbTags struct {
	ResourceARN string     `xml:"ResourceArn"`
	Tags        []queryTag `xml:"Tags>member"`
}

type queryTag struct{ Key, Value string }

func queryTags(r cloud.Resource) []queryTag {
	var tags []queryTag
	for _, key := range sortedKeys(r.Tags) {
		tags = append(tags, queryTag{Key: key, Value: r.Tags[key]})
	}
	return tags
}

func (s *Server) describeELBTags(c *call) (any, error) {
	arns := formList(c.form, "ResourceArns.member")
	if len(arns) == 0 || len(arns) > mostTagged {
		return nil, invalid("ValidationError", fmt.Sprintf(
			"1 validation error detected: 'resourceArns' failed to satisfy constraint: Member must have length between 1 and %d", mostTagged))
	}
	var answer tagDescriptions
	for _, arn := range arns {
		r, ok := s.byARN(c.region, arn, typeLoadBalancer, typeTargetGroup)
		if !ok {
			return nil, elbNotFound(arn)
		}
		answer.Items = append(answer.Items, elbTags{ResourceARN: arn, Tags: queryTags(r)})
	}
	return answer, nil
}

func elbNotFound(arn string) error {
	if strings.Contains(arn, ":targetgroup/") {
		return invalid("TargetGroupNotFound", "One or more target groups not found")
	}
	return invalid("LoadBalancerNotFound", "One or more load balancers not found")
}

func (s *Server) byARN(region, arn string, kinds ...string) (cloud.Resource, bool) {
	found := s.cloud.List(func(r cloud.Resource) bool {
		return r.ARN == arn && r.Region == region && slices.Contains(kinds, r.Type)
	})
	if len(found) == 0 {
		return cloud.Resource{}, false
	}
	return found[0], true
}
