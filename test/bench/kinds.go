package main

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	ackv1alpha1 "github.com/aws-controllers-k8s/runtime/apis/core/v1alpha1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Aspects of what is watched.
const (
	aspectID      = "id"      // what others name it by
	aspectUsable  = "usable"  // "true" once others can use it
	aspectAWS     = "aws"     // the ID of its resource in the account
	aspectRecord  = "record"  // the validation record that a certificate asks for
	aspectWants   = "wants"   // the NAT gateway that a route table's spec names
	aspectRoutes  = "routes"  // the NAT gateway that its status names
	aspectState   = "state"   // AWS's word
	aspectHost    = "host"    // the load balancer's name of a Service
	aspectDNS     = "dns"     // the name that ExternalDNS is asked for
	aspectSeeds   = "seeds/"  // of a ring, in a cluster Secret
	aspectRunning = "running" // the seeds that a Deployment's pods all run with, after "="
	aspectMembers = "members" // how many members of a ring a region's pods see
)

const (
	yes           = "true"
	conditionTrue = "True"
	kindRegion    = "Region"
)

// What many kinds have in common.
const (
	groupEC2 = "ec2"
	groupEKS = "eks"
	eksState = "status" // of status; also ACM's and Route 53's
)

// ackKind is what the benchmark knows of a kind of ACK.
type ackKind struct {
	group, kind, plural string
	// id is the status field by which others name it; the ARN if empty.
	id string
	// state is the status field that says when it can be used and usable the word; others can
	// be used once they have an ID, or once they are synced if that is no field of their own.
	state, usable string
	// aws is the type of the resource that AWS works on for a while after the creation.
	aws string
}

// ackKinds has one entry for each kind that Portolan creates.
var ackKinds = []ackKind{
	{group: groupEC2, kind: "VPC", plural: "vpcs", id: "vpcID"},
	{group: groupEC2, kind: "Subnet", plural: "subnets", id: "subnetID"},
	{group: groupEC2, kind: "InternetGateway", plural: "internetgateways", id: "internetGatewayID"},
	{group: groupEC2, kind: "RouteTable", plural: "routetables", id: "routeTableID"},
	{group: groupEC2, kind: "ElasticIPAddress", plural: "elasticipaddresses", id: "allocationID"},
	{group: groupEC2, kind: "NATGateway", plural: "natgateways", id: "natGatewayID", state: "state", usable: "available", aws: "ec2/natgateway"},
	{group: groupEC2, kind: "SecurityGroup", plural: "securitygroups", id: "id"},
	{group: "iam", kind: "Role", plural: "roles"},
	{group: groupEKS, kind: "Cluster", plural: "clusters", state: eksState, usable: "ACTIVE", aws: "eks/cluster"},
	{group: groupEKS, kind: "Nodegroup", plural: "nodegroups", state: eksState, usable: "ACTIVE", aws: "eks/nodegroup"},
	{group: groupEKS, kind: "Addon", plural: "addons", state: eksState, usable: "ACTIVE", aws: "eks/addon"},
	{group: groupEKS, kind: "AccessEntry", plural: "accessentries"},
	{group: groupEKS, kind: "PodIdentityAssociation", plural: "podidentityassociations"},
	{group: "s3", kind: "Bucket", plural: "buckets"},
	{group: "acm", kind: "Certificate", plural: "certificates", state: eksState, usable: "ISSUED", aws: "acm/certificate"},
	{group: "route53", kind: "RecordSet", plural: "recordsets", state: eksState, usable: "INSYNC", aws: "route53/recordset"},
}

func (k ackKind) resource() schema.GroupVersionResource {
	return schema.GroupVersionResource{Group: k.group + ".services.k8s.aws", Version: "v1alpha1", Resource: k.plural}
}

func text(o *unstructured.Unstructured, path ...string) string {
	value, _, _ := unstructured.NestedString(o.Object, path...)
	return value
}

// look reads an object of the kind.
func (k ackKind) look(o *unstructured.Unstructured) sighting {
	id := text(o, "status", k.id)
	if k.id == "" {
		id = text(o, "status", "ackResourceMetadata", "arn")
	}
	if k.kind == "Cluster" {
		id = text(o, "spec", "name")
	}
	s := sighting{
		region: o.GetAnnotations()[ackv1alpha1.AnnotationRegion],
		names:  namesIn(o.Object["spec"]),
		states: map[string]string{aspectID: id, aspectAWS: k.resourceID(o, id)},
	}
	usable := id != "" && k.id != "" || k.id == "" && synced(o)
	if k.state != "" {
		usable = text(o, "status", k.state) == k.usable
	}
	if usable {
		s.states[aspectUsable] = yes
	}
	switch k.kind {
	case "Certificate":
		s.states[aspectRecord] = validationRecord(o)
	case "RouteTable":
		s.states[aspectWants] = gatewayIn(o, "spec", "routes")
		s.states[aspectRoutes] = gatewayIn(o, "status", "routeStatuses")
	}
	return s
}

// resourceID is how the account calls the resource of an object.
func (k ackKind) resourceID(o *unstructured.Unstructured, id string) string {
	switch k.kind {
	case "Nodegroup", "Addon":
		return text(o, "spec", "clusterName") + "/" + text(o, "spec", "name")
	case "RecordSet":
		return strings.TrimSuffix(strings.ToLower(text(o, "spec", "name")), ".")
	case "Certificate":
		return id[strings.LastIndex(id, "/")+1:]
	}
	return id
}

func synced(o *unstructured.Unstructured) bool {
	return slices.ContainsFunc(items(o, "status", "conditions"), func(c map[string]any) bool {
		return c["type"] == string(ackv1alpha1.ConditionTypeResourceSynced) && c["status"] == conditionTrue
	})
}

func items(o *unstructured.Unstructured, path ...string) []map[string]any {
	list, _, _ := unstructured.NestedSlice(o.Object, path...)
	var found []map[string]any
	for _, item := range list {
		if fields, ok := item.(map[string]any); ok {
			found = append(found, fields)
		}
	}
	return found
}

func gatewayIn(o *unstructured.Unstructured, path ...string) string {
	for _, route := range items(o, path...) {
		if id, _, _ := unstructured.NestedString(route, "natGatewayID"); id != "" {
			return id
		}
	}
	return ""
}

func validationRecord(o *unstructured.Unstructured) string {
	for _, v := range items(o, "status", "domainValidations") {
		if name, _, _ := unstructured.NestedString(v, "resourceRecord", "name"); name != "" {
			return name
		}
	}
	return ""
}

// namesIn returns every text in a spec, also in maps and lists, but not in tags, which
// repeat names without depending on them.
func namesIn(value any) []string {
	switch v := value.(type) {
	case string:
		return []string{v}
	case []any:
		var all []string
		for _, item := range v {
			all = append(all, namesIn(item)...)
		}
		return all
	case map[string]any:
		var all []string
		for _, key := range slices.Sorted(maps.Keys(v)) {
			if key != "tags" {
				all = append(all, namesIn(v[key])...)
			}
		}
		return all
	}
	return nil
}

// checkedEndpoints tells whether an endpoint group has endpoints and the health of all is known.
func checkedEndpoints(raw string) (attached, checked bool) {
	var endpoints []struct {
		Checked bool `json:"checked"`
	}
	if json.Unmarshal([]byte(raw), &endpoints) != nil || len(endpoints) == 0 {
		return false, false
	}
	for _, e := range endpoints {
		if !e.Checked {
			return true, false
		}
	}
	return true, true
}
