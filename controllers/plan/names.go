package plan

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// Name returns the name of one of the region's objects, in the cluster as in AWS; "" is the
// cluster's own.
func (p *Plan) Name(suffix string) string {
	if suffix == "" {
		return p.Cluster
	}
	return p.Cluster + "-" + suffix
}

// Partition returns the AWS partition of a region, the second part of every ARN in it.
func Partition(r v1alpha1.AWSRegion) string {
	switch {
	case strings.HasPrefix(string(r), "cn-"):
		return "aws-cn"
	case strings.HasPrefix(string(r), "us-gov-"):
		return "aws-us-gov"
	default:
		return "aws"
	}
}

// hashLength is the number of hex characters that keep shortened names apart.
const hashLength = 8

// hash identifies a text in few characters.
func hash(text string, length int) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])[:length]
}

// shorten cuts a name to a length; a hash of the whole keeps it unique.
func shorten(name string, longest int) string {
	if len(name) <= longest {
		return name
	}
	return strings.TrimRight(name[:longest-hashLength-1], "-.") + "-" + hash(name, hashLength)
}

// maxSanitised leaves room for cluster and prefix in the 253 characters of an object's name.
const maxSanitised = 100

// sanitised makes a part of an object's name of a domain.
func sanitised(domain string) string {
	if rest, ok := strings.CutPrefix(domain, "*."); ok {
		domain = "wildcard." + rest
	}
	return shorten(notInNames.ReplaceAllString(strings.ToLower(domain), "-"), maxSanitised)
}

var (
	notInNames = regexp.MustCompile(`[^a-z0-9.-]`)
	// domainLabels is one or more DNS labels, as in domains and, by S3's rules, in names of buckets.
	domainLabels = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$`)
)

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
