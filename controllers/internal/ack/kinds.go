package ack

import (
	"strconv"

	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/controllers/internal/ack/acm"
	"github.com/portolan-dev/portolan/controllers/internal/ack/ec2"
	"github.com/portolan-dev/portolan/controllers/internal/ack/eks"
	"github.com/portolan-dev/portolan/controllers/internal/ack/iam"
	"github.com/portolan-dev/portolan/controllers/internal/ack/route53"
	"github.com/portolan-dev/portolan/controllers/internal/ack/s3"
)

// AddToScheme registers the views of all kinds.
func AddToScheme(scheme *runtime.Scheme) error {
	for _, add := range []func(*runtime.Scheme) error{
		ec2.AddToScheme, iam.AddToScheme, eks.AddToScheme, s3.AddToScheme, acm.AddToScheme, route53.AddToScheme,
	} {
		if err := add(scheme); err != nil {
			return err
		}
	}
	return nil
}

// Kinds lists one object of every kind, in the order in which a region's objects
// are deleted. Kinds of one stage stand together.
func Kinds() []client.Object {
	return []client.Object{
		&eks.Nodegroup{}, &eks.Addon{}, &eks.PodIdentityAssociation{}, &eks.AccessEntry{}, &eks.Cluster{},
		&ec2.NATGateway{}, &ec2.ElasticIPAddress{}, &ec2.SecurityGroup{}, &ec2.Subnet{}, &ec2.RouteTable{},
		&ec2.InternetGateway{}, &ec2.VPC{},
		&route53.RecordSet{}, &acm.Certificate{}, &s3.Bucket{},
		&iam.Role{},
	}
}

// traits are how AWS and ACK treat the resources of one kind.
type traits struct {
	// id is the key of the resource's identifier in ACK's adoption-fields. It is set for
	// kinds that AWS identifies itself: ACK cannot find them again when it lost the
	// answer to a create, and a second create makes a second resource.
	id string
	// inside tells that a resource is part of something of ours, so that whatever has
	// its name is ours too.
	inside bool
	tags   tagging
}

// traitsOf by kind. The keys of identifiers are those that the controllers read in
// PopulateResourceFromAnnotation.
var traitsOf = map[string]traits{
	"VPC":                    {id: "vpcID", tags: tagList},
	"Subnet":                 {id: "subnetID", tags: tagList},
	"InternetGateway":        {id: "internetGatewayID", tags: tagList},
	"RouteTable":             {id: "routeTableID", tags: tagList},
	"ElasticIPAddress":       {id: "allocationID", tags: tagList},
	"NATGateway":             {id: "natGatewayID", tags: tagList},
	"SecurityGroup":          {id: "id", tags: tagList},
	"Certificate":            {id: "arn", tags: tagList},
	"Addon":                  {inside: true, tags: tagMap},
	"Nodegroup":              {inside: true, tags: tagMap},
	"AccessEntry":            {inside: true, tags: tagMap},
	"PodIdentityAssociation": {inside: true, tags: tagMap},
	"RecordSet":              {inside: true},
	"Cluster":                {tags: tagMap},
	"Role":                   {tags: tagList},
	"Bucket":                 {tags: tagSet},
}

// Identifier is the field of a kind's status, and of ACK's adoption-fields, that holds the ID
// that AWS gave; "" for kinds that AWS knows by name.
func Identifier(kind string) string { return traitsOf[kind].id }

// tagging is where a kind has its tags.
type tagging int

const (
	tagNone tagging = iota
	// tagMap is tags: {key: value}.
	tagMap
	// tagList is tags: [{key, value}].
	tagList
	// tagSet is tagging: {tagSet: [{key, value}]}.
	tagSet
)

// tagRevival on a resource counts how often ACK was made to try it again.
const tagRevival = "portolan.dev/revival"

// tagRevivals adds the tag of the n-th revival to an object's content.
func (t tagging) tagRevivals(content map[string]any, n int) {
	spec := child(content, "spec")
	tag := map[string]any{"key": tagRevival, "value": strconv.Itoa(n)}
	switch t {
	case tagNone:
	case tagMap:
		child(spec, "tags")[tagRevival] = tag["value"]
	case tagList:
		spec["tags"] = extend(spec["tags"], tag)
	case tagSet:
		tagging := child(spec, "tagging")
		tagging["tagSet"] = extend(tagging["tagSet"], tag)
	}
}

// child returns a field that is an object, which it makes one if there is none.
func child(parent map[string]any, field string) map[string]any {
	if found, ok := parent[field].(map[string]any); ok {
		return found
	}
	made := map[string]any{}
	parent[field] = made
	return made
}

func extend(list any, element any) []any {
	elements, _ := list.([]any)
	return append(elements, element)
}
