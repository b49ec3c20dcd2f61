package aws

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

const (
	typeHostedZone = "route53/hostedzone"
	typeRecordSet  = "route53/recordset"

	route53Namespace = "https://route53.amazonaws.com/doc/2013-04-01/"
	zonePath         = "/hostedzone/"

	// Most of each that a call answers:
	// https://docs.aws.amazon.com/Route53/latest/APIReference/API_ListResourceRecordSets.html.
	zonePage   = 100
	recordPage = 300
)

var route53Routes = []route{
	{http.MethodGet, "/2013-04-01/hostedzonesbyname", "ListHostedZonesByName"},
	{http.MethodGet, "/2013-04-01/hostedzone", "ListHostedZones"},
	{http.MethodGet, "/2013-04-01/hostedzone/{zone}/rrset", "ListResourceRecordSets"},
}

var route53Operations = map[string]action{
	"ListHostedZonesByName":  {handle: (*Server).listHostedZonesByName},
	"ListHostedZones":        {handle: (*Server).listHostedZones},
	"ListResourceRecordSets": {handle: (*Server).listRecordSets, on: zoneOf},
}

func zoneOf(s *Server, c *call) subject {
	zone, _ := s.cloud.Get(cloud.Key{Type: typeHostedZone, ID: c.path["zone"]})
	return subjectOf("arn:aws:route53:::hostedzone/"+c.path["zone"], zone)
}

type hostedZone struct {
	ID        string `xml:"Id"`
	Name      string
	Reference string `xml:"CallerReference"`
	Private   bool   `xml:"Config>PrivateZone"`
	Records   int    `xml:"ResourceRecordSetCount"`
}

func (s *Server) zoneFrom(r cloud.Resource) hostedZone {
	return hostedZone{
		ID: zonePath + r.ID, Name: dotted(r.Data["name"]), Reference: r.ID, Private: r.Data["private"] == "true",
		Records: len(s.recordsOf(r)),
	}
}

// zones are in the order of their names from the end, then of their identifiers.
func (s *Server) zones() []cloud.Resource {
	found := s.cloud.List(func(r cloud.Resource) bool { return r.Type == typeHostedZone })
	slices.SortStableFunc(found, func(a, b cloud.Resource) int {
		return strings.Compare(fromEnd(a.Data["name"]), fromEnd(b.Data["name"]))
	})
	return found
}

type zonesByName struct {
	Zones     []hostedZone `xml:"HostedZones>HostedZone"`
	DNSName   string       `xml:",omitempty"`
	Truncated bool         `xml:"IsTruncated"`
	NextName  string       `xml:"NextDNSName,omitempty"`
	NextID    string       `xml:"NextHostedZoneId,omitempty"`
	MaxItems  int
}

// listHostedZonesByName begins at the name, which need not be one of a zone: what comes first
// may be another one, as at AWS.
func (s *Server) listHostedZonesByName(c *call) (any, error) {
	name, id := c.form.Get("dnsname"), strings.TrimPrefix(c.form.Get("hostedzoneid"), zonePath)
	zones := s.zones()
	if name != "" {
		zones = slices.DeleteFunc(zones, func(r cloud.Resource) bool {
			order := strings.Compare(fromEnd(r.Data["name"]), fromEnd(name))
			return order < 0 || order == 0 && r.ID < id
		})
	}
	size := sizeOf(c.form.Get("maxitems"), zonePage)
	answer := zonesByName{DNSName: name, MaxItems: size}
	if len(zones) > size {
		answer.Truncated, answer.NextName, answer.NextID = true, dotted(zones[size].Data["name"]), zones[size].ID
		zones = zones[:size]
	}
	for _, r := range zones {
		answer.Zones = append(answer.Zones, s.zoneFrom(r))
	}
	return document{name: "ListHostedZonesByNameResponse", body: answer}, nil
}

type zoneList struct {
	Zones     []hostedZone `xml:"HostedZones>HostedZone"`
	Truncated bool         `xml:"IsTruncated"`
	Next      string       `xml:"NextMarker,omitempty"`
	MaxItems  int
}

func (s *Server) listHostedZones(c *call) (any, error) {
	size := sizeOf(c.form.Get("maxitems"), zonePage)
	part, next, ok := page(s.zones(), c.form.Get("marker"), size)
	if !ok {
		return nil, invalid("InvalidInput", "The marker is not valid.")
	}
	answer := zoneList{Truncated: next != "", Next: next, MaxItems: size}
	for _, r := range part {
		answer.Zones = append(answer.Zones, s.zoneFrom(r))
	}
	return document{name: "ListHostedZonesResponse", body: answer}, nil
}

type recordList struct {
	Records   []recordSet `xml:"ResourceRecordSets>ResourceRecordSet"`
	Truncated bool        `xml:"IsTruncated"`
	NextName  string      `xml:"NextRecordName,omitempty"`
	NextType  string      `xml:"NextRecordType,omitempty"`
	MaxItems  int
}

func (s *Server) listRecordSets(c *call) (any, error) {
	zone, ok := s.cloud.Get(cloud.Key{Type: typeHostedZone, ID: c.path["zone"]})
	if !ok {
		return nil, invalid("NoSuchHostedZone", fmt.Sprintf("No hosted zone found with ID: %s", c.path["zone"]))
	}
	records := s.recordsOf(zone)
	if name := c.form.Get("name"); name != "" {
		records = slices.DeleteFunc(records, func(r recordSet) bool {
			order := strings.Compare(fromEnd(r.Name), fromEnd(escapedName(name)))
			return order < 0 || order == 0 && r.Type < c.form.Get("type")
		})
	}
	size := sizeOf(c.form.Get("maxitems"), recordPage)
	answer := recordList{MaxItems: size}
	if len(records) > size {
		answer.Truncated, answer.NextName, answer.NextType = true, records[size].Name, records[size].Type
		records = records[:size]
	}
	answer.Records = records
	return document{name: "ListResourceRecordSetsResponse", body: answer}, nil
}

// dotted is a name as Route 53 answers it.
func dotted(name string) string { return strings.TrimSuffix(name, ".") + "." }

// escapedName has asterisks as Route 53 answers them.
func escapedName(name string) string {
	return strings.ReplaceAll(dotted(strings.ToLower(name)), "*", `\052`)
}

// fromEnd is a name in the order that Route 53 sorts by: com.example.www.
func fromEnd(name string) string {
	labels := strings.Split(strings.TrimSuffix(strings.ToLower(name), "."), ".")
	slices.Reverse(labels)
	return strings.Join(labels, ".")
}

func ttlOf(r cloud.Resource) int {
	ttl, err := strconv.Atoi(cmp.Or(r.Data["ttl"], "300"))
	if err != nil {
		return 300
	}
	return ttl
}
