package aws

import (
	"fmt"
	"net/url"
	"regexp"
	"strings"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

type availabilityZone struct {
	Name       string `xml:"zoneName"`
	ID         string `xml:"zoneId"`
	State      string `xml:"zoneState"`
	Region     string `xml:"regionName"`
	Type       string `xml:"zoneType"`
	OptIn      string `xml:"optInStatus"`
	Group      string `xml:"groupName"`
	BorderName string `xml:"networkBorderGroup"`
}

var regionPattern = regexp.MustCompile(`^([a-z]{2})((?:-[a-z]+)+)-(\d)$`)

// lettersOf names a region's zones. Everywhere it is a to c, with the ids az1 to az3;
// us-east-1 has six, of which EKS cannot use az3.
func lettersOf(region string) []string {
	if region == "us-east-1" {
		return []string{"a", "b", "c", "d", "e", "f"}
	}
	return []string{"a", "b", "c"}
}

// describeAvailabilityZones includes the zones that EKS cannot use for control planes.
func (s *Server) describeAvailabilityZones(c *call) (any, error) {
	if !regionPattern.MatchString(c.region) {
		return nil, &cloud.Error{Code: "InvalidParameterValue", Message: fmt.Sprintf("Region %q is not one of AWS", c.region)}
	}
	zones, err := filtered(c.form, namedZones(c.form, zonesOf(c.region)), zoneAttributes)
	if err != nil {
		return nil, err
	}
	described := make([]availabilityZone, len(zones))
	for i, z := range zones {
		described[i] = availabilityZone{
			Name: z.ID, ID: z.Data["zoneID"], State: z.State, Region: z.Region, Type: "availability-zone",
			OptIn: "opt-in-not-required", Group: z.Region + "-zg-1", BorderName: z.Region,
		}
	}
	return ec2Set{name: "availabilityZoneInfo", items: described}, nil
}

// zonesOf is empty for what is no region.
func zonesOf(region string) []cloud.Resource {
	var zones []cloud.Resource
	if !regionPattern.MatchString(region) {
		return zones
	}
	for i, letter := range lettersOf(region) {
		zones = append(zones, cloud.Resource{
			Key:   cloud.Key{Type: "ec2/availabilityzone", Region: region, ID: region + letter},
			State: "available",
			Data:  map[string]string{"zoneID": fmt.Sprintf("%s-az%d", regionCode(region), i+1)},
		})
	}
	return zones
}

func namedZones(form url.Values, zones []cloud.Resource) []cloud.Resource {
	names, ids := formList(form, "ZoneName"), formList(form, "ZoneId")
	var named []cloud.Resource
	for _, z := range zones {
		if selected(names, z.ID) && selected(ids, z.Data["zoneID"]) {
			named = append(named, z)
		}
	}
	return named
}

func zoneAttributes(z cloud.Resource, filter string) ([]string, bool) {
	switch filter {
	case "zone-name":
		return []string{z.ID}, true
	case "zone-id":
		return []string{z.Data["zoneID"]}, true
	case "state":
		return []string{z.State}, true
	case "region-name":
		return []string{z.Region}, true
	case "zone-type":
		return []string{"availability-zone"}, true
	case "opt-in-status":
		return []string{"opt-in-not-required"}, true
	}
	return nil, false
}

// regionCode is the short form in zone ids: eu-west-1 is euw1, ap-southeast-2 is apse2.
func regionCode(region string) string {
	parts := regionPattern.FindStringSubmatch(region)
	code := parts[1]
	for word := range strings.SplitSeq(strings.Trim(parts[2], "-"), "-") {
		for _, direction := range []string{"north", "south"} {
			if rest, ok := strings.CutPrefix(word, direction); ok && rest != "" {
				code, word = code+direction[:1], rest
			}
		}
		code += word[:1]
	}
	return code + parts[3]
}
