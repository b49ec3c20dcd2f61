package plan

import (
	"cmp"
	"slices"
	"strings"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// SeedsIn reads names out of a list of whatever form, sorted and without ports: those that are
// written in a form that was given up must not be lost.
func SeedsIn(text string) []string {
	all := strings.FieldsFunc(text, func(c rune) bool { return strings.ContainsRune(", \t\r\n[]\"'", c) })
	for i, seed := range all {
		if host, _, found := strings.Cut(seed, ":"); found {
			all[i] = host
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// MergeSeeds writes the seeds of several lists as one, in the ring's form.
func MergeSeeds(ring *v1alpha1.GossipRing, texts ...string) string {
	var all []string
	for _, text := range texts {
		all = append(all, SeedsIn(text)...)
	}
	slices.Sort(all)
	return RenderSeeds(slices.Compact(all), ring.Spec.Seeds, cmp.Or(ring.Spec.Port, defaultRingPort))
}

// SeedsDelivered tells whether a ring was seen to have written what a region should have, or
// has nothing to write for it.
func SeedsDelivered(ring *v1alpha1.GossipRing, region string) bool {
	for _, m := range ring.Status.Members {
		if m.Region == region {
			return m.WrittenSeedsHash != "" && m.WrittenSeedsHash == m.DesiredSeedsHash
		}
	}
	return false
}
