package bootstrap

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"sync"

	"helm.sh/helm/v4/pkg/chart/common"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/kubernetes/scheme"
)

// capabilities are what templates learn of the cluster: its version, the kinds that every
// cluster serves, and those that the chart brings itself. What else happens to be installed
// is left out, so that one chart gives the same objects in every region.
func capabilities(kubernetesVersion string, crds []*unstructured.Unstructured) (*common.Capabilities, error) {
	version, err := common.ParseKubeVersion(kubernetesVersion)
	if err != nil {
		return nil, fmt.Errorf("Kubernetes version %q: %w", kubernetesVersion, err) //nolint:staticcheck // a name
	}
	return &common.Capabilities{
		KubeVersion: *version,
		APIVersions: slices.Concat(stableVersions(), servedBy(crds)),
		HelmVersion: common.DefaultCapabilities.HelmVersion,
	}, nil
}

var stable = regexp.MustCompile(`^v[0-9]+$`)

// stableVersions are the API versions, with and without their kinds, that are on by
// default: new beta versions are not, since Kubernetes 1.24 (KEP-3136), and alpha ones
// cannot be turned on in EKS.
var stableVersions = sync.OnceValue(func() common.VersionSet {
	known := map[string]struct{}{}
	for kind := range scheme.Scheme.AllKnownTypes() {
		if stable.MatchString(kind.Version) {
			known[kind.GroupVersion().String()] = struct{}{}
			known[kind.GroupVersion().String()+"/"+kind.Kind] = struct{}{}
		}
	}
	return slices.Sorted(maps.Keys(known))
})

func servedBy(crds []*unstructured.Unstructured) common.VersionSet {
	var all common.VersionSet
	for _, crd := range crds {
		group, _, _ := unstructured.NestedString(crd.Object, "spec", "group")
		kind, _, _ := unstructured.NestedString(crd.Object, "spec", "names", "kind")
		versions, _, _ := unstructured.NestedSlice(crd.Object, "spec", "versions")
		for _, v := range versions {
			version, _ := v.(map[string]any)
			if served, _ := version["served"].(bool); served {
				name := fmt.Sprintf("%s/%v", group, version["name"])
				all = append(all, name, name+"/"+kind)
			}
		}
	}
	return all
}
