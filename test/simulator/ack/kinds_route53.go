package ack

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

var recordStates = states{creating: "PENDING", ready: "INSYNC"}

// recordSet is known by <zone>/<full name>/<type>, as Route 53 knows it.
var recordSet = &kind{
	service: "route53", name: "RecordSet", awsType: "route53/recordset", global: true,
	nameOf: recordName, states: recordStates, duration: "route53/change",
	terminal:      []string{"InvalidChangeBatch", "InvalidInput", "NoSuchHostedZone", "NoSuchHealthCheck"},
	mutable:       []string{"values", "ttl", "alias", "weight"},
	renewed:       []string{"change", "submittedAt"},
	updatesSettle: true,
	describe: func(r request) cloud.Resource {
		zone := zoneKey(r.spec.text("hostedZoneID"))
		var values []string
		for _, record := range r.spec.list("resourceRecords") {
			values = append(values, record.text("value"))
		}
		return cloud.Resource{Data: map[string]string{
			"zone": zone.ID, "name": fullName(r), "type": r.spec.text("recordType"),
			"values": strings.Join(values, ","), "ttl": r.spec.json("ttl"),
			"alias": r.spec.text("aliasTarget.dnsName"), "weight": r.spec.json("weight"),
		}, Parents: []cloud.Key{zone}}
	},
	admit: admitRecord,
	status: func(_ account, r cloud.Resource) map[string]any {
		submitted := cmp.Or(r.Data["submittedAt"], r.CreatedAt.UTC().Format(time.RFC3339))
		return map[string]any{"id": r.Data["change"], "status": r.State, "submittedAt": submitted}
	},
	settled: func(a account, r cloud.Resource) {
		if target := cmp.Or(r.Data["alias"], r.Data["values"]); a.records != nil && published(r) {
			a.records.SetCNAME(r.Data["name"], target)
		}
	},
	teardown: func(a account, r cloud.Resource) {
		if a.records != nil && published(r) {
			a.records.Remove(r.Data["name"])
		}
	},
}

// published reports whether a record leads to another name, and not to addresses.
func published(r cloud.Resource) bool { return r.Data["type"] == "CNAME" || r.Data["alias"] != "" }

func recordName(r request) string {
	id := zoneKey(r.spec.text("hostedZoneID")).ID + "/" + fullName(r) + "/" + r.spec.text("recordType")
	if one := r.spec.text("setIdentifier"); one != "" {
		id += "/" + one
	}
	return id
}

// fullName completes a name without a final dot by the zone's name.
func fullName(r request) string {
	name := strings.ToLower(r.spec.text("name"))
	if strings.HasSuffix(name, ".") {
		return name
	}
	zone, _ := r.Get(zoneKey(r.spec.text("hostedZoneID")))
	return strings.TrimPrefix(name+"."+dotted(zone.Data["name"]), ".")
}

// zoneKey accepts the ID also with the prefix that Route 53 itself answers with.
func zoneKey(id string) cloud.Key {
	return cloud.Key{Type: "route53/hostedzone", ID: strings.TrimPrefix(id, "/hostedzone/")}
}

func dotted(name string) string { return strings.TrimSuffix(strings.ToLower(name), ".") + "." }

func admitRecord(a account, r *cloud.Resource) error {
	zone, _ := a.Get(zoneKey(r.Data["zone"]))
	if err := admitName(a, r, dotted(zone.Data["name"])); err != nil {
		return err
	}
	if r.Data["alias"] == "" && r.Data["values"] == "" {
		return refuse("InvalidInput", "Invalid XML ; a record needs either resource records or an alias target")
	}
	if r.Data["alias"] == "" && r.Data["ttl"] == "" {
		return refuse("InvalidInput", "Invalid request: Missing field 'TTL' in Change with [Action=CREATE, Name=%s]", r.Data["name"])
	}
	r.Data["change"] = "/change/" + upperID(a, "C")
	r.Data["submittedAt"] = time.Now().UTC().Format(time.RFC3339)
	return nil
}

func admitName(a account, r *cloud.Resource, apex string) error {
	name := r.Data["name"]
	switch {
	case name != apex && !strings.HasSuffix(name, "."+apex):
		return refuse("InvalidChangeBatch", "[RRSet with DNS name %s is not permitted in zone %s]", name, apex)
	case name == apex && r.Data["type"] == "CNAME":
		return refuse("InvalidChangeBatch", "[RRSet of type CNAME with DNS name %s is not permitted at apex in zone %s]", name, apex)
	}
	rivals := a.List(func(other cloud.Resource) bool {
		return other.Type == r.Type && other.Key != r.Key && other.Data["zone"] == r.Data["zone"] && other.Data["name"] == name
	})
	for _, rival := range rivals {
		if (rival.Data["type"] == "CNAME") != (r.Data["type"] == "CNAME") {
			return refuse("InvalidChangeBatch", "[RRSet of type %s with DNS name %s is not permitted as it conflicts with other records "+
				"with the same DNS name in zone %s]", r.Data["type"], name, apex)
		}
	}
	return nil
}

// AddHostedZone puts a public hosted zone into the account and returns its ID.
// The simulated controllers have no kind for zones: Portolan finds them in the account.
func AddHostedZone(c *cloud.Cloud, name string) (id string, err error) {
	if name == "" {
		return "", errors.New("adding a hosted zone: it needs a name")
	}
	id = upperID(account{Cloud: c}, "Z")
	zone := cloud.Resource{Key: zoneKey(id), ARN: "arn:aws:route53:::hostedzone/" + id, Data: map[string]string{
		"name": strings.TrimSuffix(name, "."),
	}}
	if err := c.Create(zone); err != nil {
		return "", fmt.Errorf("adding hosted zone %s: %w", name, err)
	}
	return id, nil
}

// upperID is an identifier in the manner of Route 53.
func upperID(a account, prefix string) string {
	return prefix + strings.ToUpper(suffix(a.NewID(prefix)))
}
