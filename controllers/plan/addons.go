package plan

import (
	"slices"
	"strings"

	"github.com/portolan-dev/portolan/api/v1alpha1"
)

// Add-ons of EKS that differ from others.
const (
	addonVPCCNI        = "vpc-cni"
	addonKubeProxy     = "kube-proxy"
	addonCoreDNS       = "coredns"
	addonEBS           = "aws-ebs-csi-driver"
	addonEFS           = "aws-efs-csi-driver"
	addonMetricsServer = "metrics-server"
)

// addonsFirst are those that a node needs to become Ready, or its pods for their credentials.
var addonsFirst = []string{addonVPCCNI, addonKubeProxy, addonPodIdentityAgent}

// addonsWithPods have Deployments: without nodes they are DEGRADED and, in the end, CREATE_FAILED.
var addonsWithPods = []string{addonCoreDNS, addonEBS, addonEFS, addonMetricsServer}

// addons returns the profile's add-ons in the order in which they are declared.
func addons(p v1alpha1.Profile) ([]Addon, error) {
	all := make([]Addon, 0, len(p.Addons))
	for _, a := range p.Addons {
		configuration, err := configurationOf(a, p.Name)
		if err != nil {
			return nil, err
		}
		all = append(all, Addon{
			Name: a.Name, Version: a.Version, Configuration: configuration, NeedsNodes: slices.Contains(addonsWithPods, a.Name),
		})
	}
	slices.SortStableFunc(all, func(a, b Addon) int { return turn(a.Name) - turn(b.Name) })
	return all, nil
}

// turn is an add-on's place before those that have no fixed one.
func turn(addon string) int {
	if i := slices.Index(addonsFirst, addon); i >= 0 {
		return i
	}
	return len(addonsFirst)
}

// setting is a value at a place in an add-on's configuration.
type setting struct {
	path  []string
	value any
}

// Places in add-ons' configurations.
var (
	tolerations           = []string{"tolerations"}
	controllerTolerations = append([]string{"controller"}, tolerations...)
	nodeTolerations       = append([]string{"node"}, tolerations...)
	tolerateAllTaints     = []string{"node", "tolerateAllTaints"}
)

// everything is the toleration of every taint: all node groups may be tainted.
var everything = []v1alpha1.Toleration{{Operator: "Exists"}}

// configurationOf merges an add-on's tolerations into its configuration, at the place where the
// add-on reads them: the schemas of EKS differ (DescribeAddonConfiguration; containers-roadmap
// 1706, 1930, 2175 and 2261).
func configurationOf(a v1alpha1.Addon, profile string) (string, error) {
	config := map[string]any{}
	if a.Configuration != "" {
		var err error
		if config, err = jsonObject(a.Configuration); err != nil {
			return "", finding(v1alpha1.ReasonInvalidProfile, "the configuration of add-on %s of profile %s is not a JSON object: %v", a.Name, profile, err)
		}
	}
	settings := asked(a)
	if len(a.Tolerations) == 0 {
		settings = byDefault(a.Name, config)
	}
	for _, s := range settings {
		if ok, where := place(config, s); !ok && len(a.Tolerations) > 0 {
			return "", finding(v1alpha1.ReasonInvalidProfile,
				"add-on %s of profile %s has tolerations and its configuration sets %s: say it in one place", a.Name, profile, where)
		}
	}
	if len(config) == 0 && a.Configuration == "" {
		return "", nil
	}
	return canonical(config)
}

// asked are the settings that give an add-on the tolerations of the profile.
func asked(a v1alpha1.Addon) []setting {
	switch a.Name {
	case addonEBS: // its node pods tolerate all taints unless they are told not to
		return []setting{
			{controllerTolerations, a.Tolerations},
			{tolerateAllTaints, false},
			{nodeTolerations, a.Tolerations},
		}
	case addonEFS: // has no tolerations at the top (aws-efs-csi-driver, charts/…/values.yaml)
		return []setting{
			{controllerTolerations, a.Tolerations},
			{nodeTolerations, a.Tolerations},
		}
	default:
		return []setting{{tolerations, a.Tolerations}}
	}
}

// byDefault are the settings of an add-on for which the profile has no tolerations.
func byDefault(addon string, config map[string]any) []setting {
	switch addon {
	case addonCoreDNS, addonPodIdentityAgent, addonMetricsServer:
		return []setting{{tolerations, everything}}
	case addonEBS:
		settings := []setting{{controllerTolerations, everything}}
		if !isSet(config, nodeTolerations) {
			settings = append(settings, setting{tolerateAllTaints, true})
		}
		return settings
	default:
		return nil
	}
}

// place puts a value where nothing is yet, and else says where something is.
func place(config map[string]any, s setting) (ok bool, where string) {
	last := len(s.path) - 1
	for i, key := range s.path[:last] {
		if _, ok := config[key]; !ok {
			config[key] = map[string]any{}
		}
		inner, ok := config[key].(map[string]any)
		if !ok {
			return false, strings.Join(s.path[:i+1], ".")
		}
		config = inner
	}
	if _, ok := config[s.path[last]]; ok {
		return false, strings.Join(s.path, ".")
	}
	config[s.path[last]] = s.value
	return true, ""
}

func isSet(config map[string]any, path []string) bool {
	for _, key := range path[:len(path)-1] {
		config, _ = config[key].(map[string]any)
	}
	_, ok := config[path[len(path)-1]]
	return ok
}
