package aws

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

type recordSet struct {
	Name   string
	Type   string
	TTL    int           `xml:"TTL,omitempty"`
	Values []recordValue `xml:"ResourceRecords>ResourceRecord,omitempty"`
	Alias  *aliasTarget  `xml:"AliasTarget,omitempty"`
}

type recordValue struct{ Value string }

type aliasTarget struct {
	HostedZoneID string `xml:"HostedZoneId"`
	DNSName      string
	Evaluate     bool `xml:"EvaluateTargetHealth"`
}

// recordsOf are the record sets of a zone, with the two that every zone has.
func (s *Server) recordsOf(zone cloud.Resource) []recordSet {
	apex := dotted(zone.Data["name"])
	records := []recordSet{
		{Name: apex, Type: "NS", TTL: 172800, Values: []recordValue{{"ns-1.awsdns-01.org."}, {"ns-2.awsdns-02.co.uk."}}},
		{Name: apex, Type: "SOA", TTL: 900, Values: []recordValue{{"ns-1.awsdns-01.org. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400"}}},
	}
	own := s.cloud.List(func(r cloud.Resource) bool {
		return r.Type == typeRecordSet && strings.TrimPrefix(r.Data["zone"], zonePath) == zone.ID
	})
	for _, r := range own {
		records = append(records, recordFrom(r, apex))
	}
	slices.SortStableFunc(records, func(a, b recordSet) int {
		return cmp.Or(strings.Compare(fromEnd(a.Name), fromEnd(b.Name)), strings.Compare(a.Type, b.Type))
	})
	return records
}

// recordFrom reads what other simulators wrote: a name may be relative to the zone.
func recordFrom(r cloud.Resource, apex string) recordSet {
	name := dotted(strings.ToLower(r.Data["name"]))
	switch {
	case name == ".":
		name = apex
	case name != apex && !strings.HasSuffix(name, "."+apex):
		name += apex
	}
	record := recordSet{Name: escapedName(name), Type: cmp.Or(r.Data["type"], "A")}
	if alias := r.Data["alias"]; alias != "" {
		record.Alias = &aliasTarget{HostedZoneID: r.Data["aliasZone"], DNSName: dotted(alias)}
		return record
	}
	record.TTL = ttlOf(r)
	var values []string
	if json.Unmarshal([]byte(r.Data["values"]), &values) != nil {
		values = splitList(r.Data["values"])
	}
	for _, value := range values {
		record.Values = append(record.Values, recordValue{Value: value})
	}
	return record
}
