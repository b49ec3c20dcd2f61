package plan

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// buckets returns the profile's buckets.
func buckets(p v1alpha1.Profile, v Variables) ([]Bucket, error) {
	var all []Bucket
	for _, b := range p.Buckets {
		name, err := Expand(b.Name, v)
		if err != nil {
			return nil, err
		}
		if why := notABucket(name); why != "" {
			return nil, finding(v1alpha1.ReasonInvalidTemplate, "the bucket %q of profile %s would be called %q, which S3 refuses: %s", excerpt(b.Name), p.Name, excerpt(name), why)
		}
		if slices.ContainsFunc(all, func(b Bucket) bool { return b.Name == name }) {
			return nil, finding(v1alpha1.ReasonInvalidProfile, "profile %s lists the bucket %s twice, the second time as %q: remove one of them", p.Name, name, excerpt(b.Name))
		}
		all = append(all, Bucket{Name: name, Retain: b.DeletionPolicy != v1alpha1.DeletionDelete})
	}
	return all, nil
}

// Beginnings and ends that S3 keeps for itself (S3 User Guide, "General purpose bucket naming rules").
var (
	bucketPrefixes = []string{"xn--", "sthree-", "amzn-s3-demo-"}
	bucketSuffixes = []string{"-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3"}
)

// notABucket says what S3 has against a name; "" if nothing.
func notABucket(name string) string {
	if len(name) < 3 || len(name) > 63 {
		return "names have 3 to 63 characters"
	}
	if !domainLabels.MatchString(name) {
		return "names are lower-case letters, digits and hyphens, with single dots between, and begin and end with a letter or digit"
	}
	if _, err := netip.ParseAddr(name); err == nil {
		return "a name must not look like an address"
	}
	for _, p := range bucketPrefixes {
		if strings.HasPrefix(name, p) {
			return "names must not begin with " + p
		}
	}
	for _, s := range bucketSuffixes {
		if strings.HasSuffix(name, s) {
			return "names must not end with " + s
		}
	}
	return ""
}
