package cloud

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// Key identifies a resource. Global resources, such as IAM roles, have the region "".
type Key struct {
	// Type is the service and kind, for example ec2/vpc.
	Type string
	// Region is the AWS region code.
	Region string
	// ID is what AWS calls the resource: vpc-0ab…, a cluster's name, <cluster>/<nodegroup>.
	ID string
}

// String returns the type and identifier as AWS errors name them.
func (k Key) String() string {
	if k.Region == "" {
		return k.Type + " " + k.ID
	}
	return k.Type + " " + k.ID + " in " + k.Region
}

func compareKeys(a, b Key) int {
	return cmp.Or(
		strings.Compare(a.Type, b.Type),
		strings.Compare(a.Region, b.Region),
		strings.Compare(a.ID, b.ID),
	)
}

// Resource is anything the account holds.
type Resource struct {
	Key
	// ARN is the full name where the kind has one.
	ARN string
	// Tags are the AWS tags.
	Tags map[string]string
	// State is AWS's own word: pending, available, CREATING, ACTIVE, DELETING.
	State string
	// Parents must exist when the resource is created and cannot go before it.
	Parents []Key
	// Data are facts of the kind, such as cidr, endpoint or principalARN.
	Data map[string]string
	// CreatedAt is set by Create when empty.
	CreatedAt time.Time
}

func (r Resource) clone() Resource {
	r.Tags = maps.Clone(r.Tags)
	r.Data = maps.Clone(r.Data)
	r.Parents = slices.Clone(r.Parents)
	return r
}
