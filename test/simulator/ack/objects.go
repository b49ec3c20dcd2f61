package ack

import (
	"strings"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

// object is a resource as IAM looks at it.
type object struct {
	arn  string
	tags map[string]string
}

func anything(subject) []object { return []object{{arn: "*"}} }

// own is the resource itself. One that does not exist yet has an ARN whose ID is
// open, as the service authorization reference has it.
func own(s subject) object {
	existing, found := s.Get(s.resource.Key)
	if !found {
		existing = cloud.Resource{Key: s.resource.Key, Data: s.resource.Data}
	}
	return object{arn: s.arnOf(existing), tags: existing.Tags}
}

// owned is the resource that a fact of the resource names.
func owned(awsType, fact string) func(subject) object {
	return func(s subject) object {
		r, _ := s.Get(cloud.Key{Type: awsType, Region: s.region, ID: s.resource.Data[fact]})
		r.Key = cloud.Key{Type: awsType, Region: s.region, ID: s.resource.Data[fact]}
		return object{arn: s.arnOf(r), tags: r.Tags}
	}
}

// listed are the resources that a fact names, separated by commas.
func listed(awsType, fact string) func(subject) []object {
	return func(s subject) []object {
		var objects []object
		for id := range strings.SplitSeq(s.fact(fact), ",") {
			if id == "" {
				continue
			}
			r, _ := s.Get(cloud.Key{Type: awsType, Region: s.region, ID: id})
			r.Key = cloud.Key{Type: awsType, Region: s.region, ID: id}
			objects = append(objects, object{arn: s.arnOf(r), tags: r.Tags})
		}
		return objects
	}
}

// handed is the role that a fact names, which AWS is to assume.
func handed(fact string) func(subject) object {
	return func(s subject) object {
		role, _ := s.Get(roleKey(s.fact(fact)))
		return object{arn: s.fact(fact), tags: role.Tags}
	}
}

// serviceRole is the service-linked role that AWS makes for the first user of a service.
func serviceRole(service, name string) func(subject) object {
	return func(s subject) object {
		return object{arn: s.ARN("iam", "", "role/aws-service-role/"+service+"/"+name)}
	}
}

// zone is the hosted zone of a record.
func zone(s subject) object {
	return object{arn: "arn:aws:route53:::hostedzone/" + s.resource.Data["zone"]}
}

// change is what Route 53 calls the progress of an edit.
func change(s subject) object {
	return object{arn: "arn:aws:route53:::change/" + baseName(cloud.Resource{Key: cloud.Key{ID: s.resource.Data["change"]}})}
}

// fact is what the resource has, or shall have after an update.
func (s subject) fact(name string) string {
	if value, changes := s.changed[name]; changes {
		return value
	}
	return s.resource.Data[name]
}

// arnPaths are the resource parts of ARNs, by type of resource.
var arnPaths = map[string]string{
	"ec2/vpc": "vpc/", "ec2/subnet": "subnet/", "ec2/internetgateway": "internet-gateway/", "ec2/routetable": "route-table/",
	"ec2/elasticip": "elastic-ip/", "ec2/natgateway": "natgateway/", "ec2/securitygroup": "security-group/",
	"eks/cluster": "cluster/", "eks/nodegroup": "nodegroup/", "eks/addon": "addon/", "eks/accessentry": "access-entry/",
	"eks/podidentityassociation": "podidentityassociation/", "acm/certificate": "certificate/",
}

// arnOf is the ARN that IAM sees, which is not always one that ACK reports.
func (s subject) arnOf(r cloud.Resource) string {
	switch {
	case r.ARN != "":
		return r.ARN
	case r.Type == "s3/bucket":
		return "arn:aws:s3:::" + r.ID
	case r.Type == "iam/role":
		return s.ARN("iam", "", "role"+pathOf(s.resource)+r.ID)
	}
	service, _, _ := strings.Cut(r.Type, "/")
	id := r.ID
	switch {
	case id == "" && r.Data["cluster"] != "":
		id = r.Data["cluster"] + "/*"
	case id == "":
		id = "*"
	case service == "eks" && r.Type != "eks/cluster":
		id = strings.SplitN(id, "/arn:", 2)[0] + "/*" // AWS appends an ID of its own
	}
	return s.ARN(service, s.region, arnPaths[r.Type]+id)
}

// Conditions of permissions.

// has tells whether the resource is to have a fact.
func has(fact string) func(subject) bool {
	return func(s subject) bool { return s.resource.Data[fact] != "" }
}

// alters tells whether an update changes one of the facts.
func alters(facts ...string) func(subject) bool {
	return func(s subject) bool {
		for _, fact := range facts {
			if _, changes := s.changed[fact]; changes {
				return true
			}
		}
		return false
	}
}

// adds tells whether an update puts something into a fact, or something else.
func adds(fact string) func(subject) bool {
	return func(s subject) bool { return s.changed[fact] != "" }
}

// drops tells whether an update takes something out of a fact.
func drops(fact string) func(subject) bool {
	return func(s subject) bool {
		_, changes := s.changed[fact]
		return changes && s.resource.Data[fact] != ""
	}
}

func addsTags(s subject) bool {
	for key, value := range s.tags {
		if was, found := s.resource.Tags[key]; !found || was != value {
			return true
		}
	}
	return false
}

func dropsTags(s subject) bool {
	for key := range s.resource.Tags {
		if _, stays := s.tags[key]; !stays {
			return true
		}
	}
	return false
}
