package plan

import (
	"fmt"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/version"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// CompareVersions orders Kubernetes versions like "1.34". What is none comes first.
func CompareVersions(a, b string) int {
	return minorOf(a) - minorOf(b)
}

// NextMinor is the version after one: EKS goes up one minor at a time (EKS User Guide,
// "Update existing cluster to new Kubernetes version").
func NextMinor(v string) string {
	return fmt.Sprintf("1.%d", minorOf(v)+1)
}

func minorOf(v string) int {
	parsed, err := version.ParseGeneric(v)
	if err != nil {
		return 0
	}
	return int(parsed.Minor())
}

// addonVersions finds add-ons that EKS does not have for the wanted Kubernetes version.
func (c checker) addonVersions() []v1alpha1.PlanFinding {
	if c.facts.AddonVersions == nil {
		return nil
	}
	wanted := c.plan.Profile.KubernetesVersion
	var all []v1alpha1.PlanFinding
	for _, a := range c.plan.Addons {
		offered := c.facts.AddonVersions[a.Name]
		switch {
		case len(offered) == 0:
			all = append(all, failure(v1alpha1.ReasonAddonVersionIncompatible,
				"EKS offers no add-on %s for Kubernetes %s in %s: correct the name or the version, or remove it from profile %s",
				a.Name, wanted, c.region.Spec.AWSRegion, c.plan.Profile.Name))
		case a.Version != "" && !slices.ContainsFunc(offered, func(v AddonVersion) bool { return v.Version == a.Version }):
			all = append(all, failure(v1alpha1.ReasonAddonVersionIncompatible,
				"add-on %s has no version %s for Kubernetes %s: leave the version out, or choose one of %s",
				a.Name, a.Version, wanted, newest(offered)))
		}
	}
	return all
}

// newest names a few versions, the newest first, which is how they are given.
func newest(offered []AddonVersion) string {
	const few = 3
	var names []string
	for _, v := range offered[:min(few, len(offered))] {
		names = append(names, v.Version)
	}
	return strings.Join(names, ", ")
}
