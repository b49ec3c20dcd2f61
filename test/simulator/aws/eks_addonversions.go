package aws

import (
	"slices"

	"github.com/portolan-dev/portolan/test/simulator/addons"
)

// addonPage is the most that DescribeAddonVersions answers at once:
// https://docs.aws.amazon.com/eks/latest/APIReference/API_DescribeAddonVersions.html.
const addonPage = 100

type addonInfo struct {
	Name     string         `json:"addonName"`
	Type     string         `json:"type"`
	Owner    string         `json:"owner"`
	Versions []addonVersion `json:"addonVersions"`
}

type addonVersion struct {
	Name            string          `json:"addonVersion"`
	Compatibilities []compatibility `json:"compatibilities"`
}

type compatibility struct {
	Cluster string `json:"clusterVersion"`
	Default bool   `json:"defaultVersion"`
}

// describeAddonVersions leaves out add-ons that have no version for the wanted Kubernetes.
func (s *Server) describeAddonVersions(c *call) (any, error) {
	name, wanted := c.form.Get("addonName"), c.form.Get("kubernetesVersion")
	infos := []addonInfo{}
	for _, addon := range addons.Names() {
		if name != "" && addon != name {
			continue
		}
		if versions := versionsOf(addon, wanted); len(versions) > 0 {
			infos = append(infos, addonInfo{Name: addon, Type: "networking", Owner: "aws", Versions: versions})
		}
	}
	part, next, ok := page(infos, c.form.Get("nextToken"), sizeOf(c.form.Get("maxResults"), addonPage))
	if !ok {
		return nil, invalid("InvalidParameterException", "Invalid nextToken")
	}
	answer := map[string]any{"addons": part}
	if next != "" {
		answer["nextToken"] = next
	}
	return answer, nil
}

// versionsOf tells of each version with which Kubernetes it goes, all of them unless one is wanted.
func versionsOf(addon, wanted string) []addonVersion {
	var versions []addonVersion
	for _, kubernetes := range addons.Kubernetes() {
		if wanted != "" && kubernetes != wanted {
			continue
		}
		for _, offered := range addons.Versions(addon, kubernetes) {
			i := slices.IndexFunc(versions, func(v addonVersion) bool { return v.Name == offered.Name })
			if i < 0 {
				versions, i = append(versions, addonVersion{Name: offered.Name}), len(versions)
			}
			versions[i].Compatibilities = append(versions[i].Compatibilities,
				compatibility{Cluster: kubernetes, Default: offered.Default})
		}
	}
	return versions
}
