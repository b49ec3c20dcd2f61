package fake

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/portolan-dev/portolan/controllers/internal/aws"
)

// The methods that look for what AWS has already.
const (
	TaggedResources   Method = "TaggedResources"
	ForgetTagged      Method = "ForgetTagged"
	RoleTags          Method = "RoleTags"
	ClusterTags       Method = "ClusterTags"
	BucketTags        Method = "BucketTags"
	NetworkInterfaces Method = "NetworkInterfaces"
)

// existing is what AWS has already.
type existing struct {
	tagged     map[string]map[string][]string    // IDs by region and object
	named      map[string]map[string]string      // tags by kind, region and name
	interfaces map[string][]aws.NetworkInterface // by region and VPC
}

func newExisting() existing {
	return existing{
		tagged:     map[string]map[string][]string{},
		named:      map[string]map[string]string{},
		interfaces: map[string][]aws.NetworkInterface{},
	}
}

// SetTagged replaces the EC2 resources that are tagged with the name of an object.
func (f *AWS) SetTagged(region, object string, ids ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.existing.tagged[region] == nil {
		f.existing.tagged[region] = map[string][]string{}
	}
	f.existing.tagged[region][object] = slices.Sorted(slices.Values(ids))
}

// SetRole makes an IAM role with the tags; nil takes it away.
func (f *AWS) SetRole(name string, tags map[string]string) { f.setNamed(tags, "role", name) }

// SetCluster makes an EKS cluster with the tags; nil takes it away.
func (f *AWS) SetCluster(region, name string, tags map[string]string) {
	f.setNamed(tags, "cluster", region, name)
}

// SetBucket makes an S3 bucket with the tags; nil takes it away. For a bucket of
// another account, let BucketTags fail.
func (f *AWS) SetBucket(region, name string, tags map[string]string) {
	f.setNamed(tags, "bucket", region, name)
}

func (f *AWS) setNamed(tags map[string]string, key ...string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.existing.named[join(key...)] = maps.Clone(tags)
}

// SetNetworkInterfaces replaces those of a VPC.
func (f *AWS) SetNetworkInterfaces(region, vpcID string, interfaces ...aws.NetworkInterface) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.existing.interfaces[join(region, vpcID)] = interfaces
}

// TaggedResources is like aws.Sessions.TaggedResources, without remembering.
func (f *AWS) TaggedResources(ctx context.Context, _, region, prefix string) (map[string][]string, error) {
	defer f.mu.Unlock()
	if err := f.begin(ctx, TaggedResources); err != nil {
		return nil, err
	}
	found := map[string][]string{}
	for object, ids := range f.existing.tagged[region] {
		if strings.HasPrefix(object, prefix) && len(ids) > 0 {
			found[object] = slices.Clone(ids)
		}
	}
	return found, nil
}

// ForgetTagged is only counted: the fake remembers nothing.
func (f *AWS) ForgetTagged(_, _, _ string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[ForgetTagged]++
}

// RoleTags is like aws.Sessions.RoleTags.
func (f *AWS) RoleTags(ctx context.Context, _, name string) (map[string]string, error) {
	return f.tagsOf(ctx, RoleTags, missing("iam:GetRole", "NoSuchEntity", "role "+name), "role", name)
}

// ClusterTags is like aws.Sessions.ClusterTags.
func (f *AWS) ClusterTags(ctx context.Context, _, region, name string) (map[string]string, error) {
	return f.tagsOf(ctx, ClusterTags, missing("eks:DescribeCluster", "ResourceNotFoundException", "cluster "+name), "cluster", region, name)
}

// BucketTags is like aws.Sessions.BucketTags.
func (f *AWS) BucketTags(ctx context.Context, _, region, name string) (map[string]string, error) {
	return f.tagsOf(ctx, BucketTags, missing("s3:GetBucketTagging", "NoSuchBucket", "bucket "+name), "bucket", region, name)
}

func (f *AWS) tagsOf(ctx context.Context, method Method, absent error, key ...string) (map[string]string, error) {
	defer f.mu.Unlock()
	if err := f.begin(ctx, method); err != nil {
		return nil, err
	}
	tags := f.existing.named[join(key...)]
	if tags == nil {
		return nil, absent
	}
	return maps.Clone(tags), nil
}

// NetworkInterfaces is like aws.Sessions.NetworkInterfaces.
func (f *AWS) NetworkInterfaces(ctx context.Context, _, region, vpcID string) ([]aws.NetworkInterface, error) {
	defer f.mu.Unlock()
	if err := f.begin(ctx, NetworkInterfaces); err != nil {
		return nil, err
	}
	return slices.Clone(f.existing.interfaces[join(region, vpcID)]), nil
}

func missing(operation, code, what string) error {
	return &aws.Error{Operation: operation, Code: code, Message: "there is no " + what, Class: aws.NotFound}
}
