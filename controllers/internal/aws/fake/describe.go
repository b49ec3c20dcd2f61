package fake

import (
	"context"
	"slices"

	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/portolan-dev/portolan/controllers/internal/aws"
)

// The methods that describe what ACK made.
const (
	DescribeVPCs             Method = "DescribeVPCs"
	VPCAttributes            Method = "VPCAttributes"
	DescribeSubnets          Method = "DescribeSubnets"
	DescribeRouteTables      Method = "DescribeRouteTables"
	DescribeInternetGateways Method = "DescribeInternetGateways"
	DescribeAddresses        Method = "DescribeAddresses"
	DescribeNATGateways      Method = "DescribeNATGateways"
	DescribeSecurityGroups   Method = "DescribeSecurityGroups"
	DescribeCluster          Method = "DescribeCluster"
	DescribeNodegroup        Method = "DescribeNodegroup"
	DescribeAddon            Method = "DescribeAddon"
	AccessPolicies           Method = "AccessPolicies"
	DescribePodIdentity      Method = "DescribePodIdentity"
	DescribeRole             Method = "DescribeRole"
	AttachedPolicies         Method = "AttachedPolicies"
	InlinePolicies           Method = "InlinePolicies"
	PublicAccessBlock        Method = "PublicAccessBlock"
	CertificateExists        Method = "CertificateExists"
)

// described is what AWS says of what ACK made.
type described struct {
	objects func() []client.Object
	removed map[string]bool
	edits   map[string][]func(known any)
}

func newDescribed() described {
	return described{
		objects: func() []client.Object { return nil },
		removed: map[string]bool{},
		edits:   map[string][]func(any){},
	}
}

// Mirror makes AWS have what ACK's objects say, as they are at each call, so that nothing
// drifts. Until then AWS has nothing of what can be described.
func (f *AWS) Mirror(objects func() []client.Object) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.described.objects = objects
}

// Remove deletes from AWS what has the ID or name, behind ACK's back. Names of what is in
// a cluster begin with the cluster's and a slash.
func (f *AWS) Remove(id string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.described.removed[id] = true
}

// Edit changes what a describing method answers about the ID or name, in addition to what
// was changed before.
func Edit[Known any](f *AWS, id string, change func(*Known)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.described.edits[id] = append(f.described.edits[id], func(known any) {
		if k, ok := known.(*Known); ok {
			change(k)
		}
	})
}

// list describes the objects of a kind, as show does, that have one of the IDs.
func list[Object client.Object, Known any](
	ctx context.Context, f *AWS, method Method, ids []string, show func(Object) (id string, known Known),
) (map[string]Known, error) {
	defer f.mu.Unlock()
	if err := f.begin(ctx, method); err != nil {
		return nil, err
	}
	found := map[string]Known{}
	for _, obj := range f.described.objects() {
		typed, ok := obj.(Object)
		if !ok {
			continue
		}
		id, known := show(typed)
		if !slices.Contains(ids, id) || f.described.removed[id] {
			continue
		}
		for _, edit := range f.described.edits[id] {
			edit(&known)
		}
		found[id] = known
	}
	return found, nil
}

// one describes a single object.
func one[Object client.Object, Known any](
	ctx context.Context, f *AWS, method Method, id string, show func(Object) (id string, known Known),
) (Known, error) {
	found, err := list(ctx, f, method, []string{id}, show)
	if known, ok := found[id]; ok || err != nil {
		return known, err
	}
	var none Known
	return none, &aws.Error{Operation: string(method), Code: "ResourceNotFoundException", Message: "There is no " + id + ".", Class: aws.NotFound}
}

func texts(pointers []*string) []string {
	var all []string
	for _, p := range pointers {
		all = append(all, ptr.Deref(p, ""))
	}
	return all
}

func pairs(pointers map[string]*string) map[string]string {
	all := map[string]string{}
	for key, p := range pointers {
		all[key] = ptr.Deref(p, "")
	}
	return all
}
