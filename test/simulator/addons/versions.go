package addons

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// The minors of Kubernetes 1 that EKS offers.
const (
	oldestMinor = 31
	newestMinor = 37
)

// Version is one version of an add-on, as DescribeAddonVersions lists it for a
// version of Kubernetes
// (https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribeAddonVersions.html).
type Version struct {
	Name string
	// Default says that EKS takes this version when CreateAddon names none.
	Default bool
}

// Versions are the versions of an add-on that a cluster of the given version of
// Kubernetes can have, newest first, one of them the default. There are none for
// an add-on or a version of Kubernetes that EKS does not know.
func Versions(addon, kubernetes string) []Version {
	minor, known := Minor(kubernetes)
	if !known {
		return nil
	}
	if addon == "kube-proxy" {
		return proxies(minor)
	}
	var offered []Version
	for _, r := range releases[addon] {
		if r.first <= minor && minor <= r.last {
			offered = append(offered, Version{Name: r.version, Default: r.normal <= minor})
		}
	}
	return withOneDefault(offered)
}

// Default is the version of an add-on that EKS takes when CreateAddon names none;
// ok is false if EKS does not offer the add-on for that version of Kubernetes.
func Default(addon, kubernetes string) (version string, ok bool) {
	offered := Versions(addon, kubernetes)
	at := slices.IndexFunc(offered, func(v Version) bool { return v.Default })
	if at < 0 {
		return "", false
	}
	return offered[at].Name, true
}

// Offered says whether a cluster of the given version of Kubernetes can have this
// version of an add-on.
func Offered(addon, version, kubernetes string) bool {
	return slices.ContainsFunc(Versions(addon, kubernetes), func(v Version) bool { return v.Name == version })
}

// Names are the add-ons that EKS offers, sorted.
func Names() []string {
	return slices.Sorted(maps.Keys(releases))
}

// Kubernetes are the versions of Kubernetes that EKS offers, newest first.
func Kubernetes() []string {
	var versions []string
	for minor := newestMinor; minor >= oldestMinor; minor-- {
		versions = append(versions, fmt.Sprintf("1.%d", minor))
	}
	return versions
}

// Minor is the minor of a version of Kubernetes such as 1.34; known is false for
// one that EKS does not offer.
func Minor(kubernetes string) (minor int, known bool) {
	text, found := strings.CutPrefix(kubernetes, "1.")
	if !found {
		return 0, false
	}
	minor, err := strconv.Atoi(text)
	if err != nil || minor < oldestMinor || minor > newestMinor || strconv.Itoa(minor) != text {
		return 0, false
	}
	return minor, true
}

// proxies are the versions of kube-proxy, which follow those of Kubernetes: it may
// be up to two minors behind here, so that it can be updated after the control plane.
func proxies(minor int) []Version {
	var offered []Version
	for m := minor; m >= minor-2; m-- {
		offered = append(offered,
			Version{Name: fmt.Sprintf("v1.%d.1-eksbuild.2", m)},
			Version{Name: fmt.Sprintf("v1.%d.0-eksbuild.2", m), Default: m == minor})
	}
	return offered
}

// withOneDefault leaves the first of the candidates as the default.
func withOneDefault(offered []Version) []Version {
	found := false
	for i := range offered {
		offered[i].Default = offered[i].Default && !found
		found = found || offered[i].Default
	}
	return offered
}
