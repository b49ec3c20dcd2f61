package aws

import (
	"fmt"
	"slices"
	"strings"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// sizes is the number of vCPUs by size: https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-types.html.
var sizes = map[string]int{
	"medium": 1, "large": 2, "xlarge": 4, "2xlarge": 8, "4xlarge": 16,
	"8xlarge": 32, "12xlarge": 48, "16xlarge": 64, "24xlarge": 96,
}

// family is a series of instance types, without the largest and without bare metal.
type family struct {
	name, architecture string
	// gigabytes of memory per vCPU.
	gigabytes int
	sizes     string
}

const (
	amd64 = "x86_64"
	arm64 = "arm64"

	fromMedium = "medium large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge"
	fromLarge  = "large xlarge 2xlarge 4xlarge 8xlarge 12xlarge 16xlarge 24xlarge"
)

var families = []family{
	{"c6i", amd64, 2, fromLarge}, {"c7a", amd64, 2, fromMedium + " 24xlarge"}, {"c7g", arm64, 2, fromMedium},
	{"c7i", amd64, 2, fromLarge}, {"m6i", amd64, 4, fromLarge}, {"m7a", amd64, 4, fromMedium + " 24xlarge"},
	{"m7g", arm64, 4, fromMedium}, {"m7i", amd64, 4, fromLarge}, {"r6i", amd64, 8, fromLarge},
	{"r7a", amd64, 8, fromMedium + " 24xlarge"}, {"r7g", arm64, 8, fromMedium}, {"r7i", amd64, 8, fromLarge},
}

type instanceType struct {
	Name          string   `xml:"instanceType"`
	Current       bool     `xml:"currentGeneration"`
	BareMetal     bool     `xml:"bareMetal"`
	Hypervisor    string   `xml:"hypervisor"`
	VCPUs         int      `xml:"vCpuInfo>defaultVCpus"`
	MiB           int      `xml:"memoryInfo>sizeInMiB"`
	Architectures []string `xml:"processorInfo>supportedArchitectures>item"`
}

// burstable types do not follow the rule: the small ones have two vCPUs as well.
var burstable = []instanceType{
	{Name: "t3.micro", VCPUs: 2, MiB: 1 << 10, Architectures: []string{amd64}},
	{Name: "t3.small", VCPUs: 2, MiB: 2 << 10, Architectures: []string{amd64}},
	{Name: "t3.medium", VCPUs: 2, MiB: 4 << 10, Architectures: []string{amd64}},
	{Name: "t3.large", VCPUs: 2, MiB: 8 << 10, Architectures: []string{amd64}},
	{Name: "t3.xlarge", VCPUs: 4, MiB: 16 << 10, Architectures: []string{amd64}},
	{Name: "t3.2xlarge", VCPUs: 8, MiB: 32 << 10, Architectures: []string{amd64}},
	{Name: "t4g.medium", VCPUs: 2, MiB: 4 << 10, Architectures: []string{arm64}},
	{Name: "t4g.large", VCPUs: 2, MiB: 8 << 10, Architectures: []string{arm64}},
}

var instanceTypes = allInstanceTypes()

func allInstanceTypes() map[string]instanceType {
	all := map[string]instanceType{}
	add := func(t instanceType) {
		t.Current, t.Hypervisor = true, "nitro"
		all[t.Name] = t
	}
	for _, t := range burstable {
		add(t)
	}
	for _, f := range families {
		for size := range strings.FieldsSeq(f.sizes) {
			add(instanceType{
				Name: f.name + "." + size, VCPUs: sizes[size], MiB: sizes[size] * f.gigabytes << 10,
				Architectures: []string{f.architecture},
			})
		}
	}
	return all
}

// SetOffering makes an instance type one that is offered in these zones and nowhere else;
// without zones it exists nowhere.
func (s *Server) SetOffering(instanceType string, zones ...string) {
	s.settings.mu.Lock()
	defer s.settings.mu.Unlock()
	if s.settings.offerings == nil {
		s.settings.offerings = map[string][]string{}
	}
	s.settings.offerings[instanceType] = zones
}

func (s *settings) offered(instanceType, zone string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	zones, restricted := s.offerings[instanceType]
	return !restricted || slices.Contains(zones, zone)
}

type offering struct {
	InstanceType string `xml:"instanceType"`
	LocationType string `xml:"locationType"`
	Location     string `xml:"location"`
}

func (s *Server) describeInstanceTypeOfferings(c *call) (any, error) {
	kind := c.form.Get("LocationType")
	if kind == "" {
		kind = "region"
	}
	if !slices.Contains([]string{"region", "availability-zone", "availability-zone-id"}, kind) {
		return nil, invalid("InvalidParameterValue", fmt.Sprintf("Value (%s) for parameter locationType is invalid.", kind))
	}
	candidates, err := filtered(c.form, s.offeringsIn(c.region, kind), offeringAttributes)
	if err != nil {
		return nil, err
	}
	offerings := make([]offering, len(candidates))
	for i, r := range candidates {
		offerings[i] = offering{InstanceType: r.ID, LocationType: kind, Location: r.Data["location"]}
	}
	return ec2Page(c, "instanceTypeOfferingSet", offerings, largestPage)
}

func (s *Server) offeringsIn(region, kind string) []cloud.Resource {
	var offerings []cloud.Resource
	for _, name := range sortedKeys(instanceTypes) {
		for _, zone := range zonesOf(region) {
			if !s.settings.offered(name, zone.ID) {
				continue
			}
			location := map[string]string{
				"region": region, "availability-zone": zone.ID, "availability-zone-id": zone.Data["zoneID"],
			}[kind]
			offerings = append(offerings, cloud.Resource{Key: cloud.Key{ID: name}, Data: map[string]string{"location": location}})
			if kind == "region" {
				break
			}
		}
	}
	return offerings
}

func offeringAttributes(r cloud.Resource, filter string) ([]string, bool) {
	return attribute(r, filter, map[string]string{"instance-type": r.ID, "location": r.Data["location"]})
}

// describeInstanceTypes knows only what the region offers.
func (s *Server) describeInstanceTypes(c *call) (any, error) {
	wanted := formList(c.form, "InstanceType")
	var candidates []cloud.Resource
	for _, offered := range s.offeringsIn(c.region, "region") {
		if selected(wanted, offered.ID) {
			candidates = append(candidates, offered)
		}
	}
	if missing := firstMissing(wanted, candidates); missing != "" {
		return nil, invalid("InvalidInstanceType", fmt.Sprintf("The following supplied instance types do not exist: [%s]", missing))
	}
	candidates, err := filtered(c.form, candidates, offeringAttributes)
	if err != nil {
		return nil, err
	}
	types := make([]instanceType, len(candidates))
	for i, r := range candidates {
		types[i] = instanceTypes[r.ID]
	}
	return ec2Page(c, "instanceTypeSet", types, instanceTypePage)
}

// instanceTypePage is what EC2 answers at once to callers that name no size:
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstanceTypes.html.
const instanceTypePage = 100
