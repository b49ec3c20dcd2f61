package ack

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/portolan-dev/portolan/test/simulator/cloud"
)

var nodegroup = &kind{
	service: "eks", name: "Nodegroup", awsType: "eks/nodegroup", states: eksStates, deletion: abandoned,
	nameOf:   inCluster("name"),
	terminal: []string{"InvalidParameterException"},
	mutable:  []string{"desired", "min", "max", "labels", "taints", "version", "releaseVersion", "updateConfig"},

	defaulted: []string{"version", "releaseVersion", "updateConfig"},
	renewed:   []string{"releaseVersion"}, // follows the version
	stages: []stage{
		{
			facts:  []string{"desired", "min", "max", "labels", "taints", "updateConfig"},
			action: "eks:UpdateNodegroupConfig", update: "ConfigUpdate", sampled: "eks/nodegroup/config",
		},
		{
			facts:  []string{"version", "releaseVersion"},
			action: "eks:UpdateNodegroupVersion", update: "VersionUpdate", sampled: "eks/nodegroup/update",
		},
	},

	arn:      childARN("nodegroup"),
	describe: describeNodegroup,
	leaves:   nodegroupLeaves,
	settings: nodegroupSettings,
	admit:    admitNodegroup,
	amend:    amendNodegroup,
	rollout:  rollOutNodes,
	teardown: releaseInterfaces,
	status: func(_ account, r cloud.Resource) map[string]any {
		desired, _ := strconv.ParseInt(r.Data["desired"], 10, 64) // written by describeNodegroup
		groups := []any{map[string]any{"name": "eks-" + baseName(r) + "-" + suffix(r.Data["launch"])}}
		return withHealth(r, map[string]any{
			"status": r.State, "desiredSize": desired, "resources": map[string]any{"autoScalingGroups": groups},
			"createdAt": r.CreatedAt.UTC().Format(time.RFC3339),
		})
	},
	answers: func(r cloud.Resource) map[string]any {
		return map[string]any{
			"amiType": r.Data["amiType"], "capacityType": r.Data["capacityType"], "diskSize": numberOf(r.Data["diskSize"]),
			"instanceTypes": listOf(r.Data["instanceTypes"]), "updateConfig": map[string]any{"maxUnavailable": int64(1)},
			"version": r.Data["version"], "releaseVersion": r.Data["releaseVersion"],
		}
	},
}

func describeNodegroup(r request) cloud.Resource {
	name, roleARN := r.spec.text("clusterName"), r.spec.text("nodeRole")
	parents := append(r.parents("ec2/subnet", r.spec.texts("subnets")), r.parent("eks/cluster", name), roleKey(roleARN))
	return r.resource(map[string]string{
		"cluster":       name,
		"nodeRole":      roleARN,
		"version":       r.spec.text("version"),
		"desired":       strconv.FormatInt(r.spec.number("scalingConfig.desiredSize"), 10),
		"min":           strconv.FormatInt(r.spec.number("scalingConfig.minSize"), 10),
		"max":           strconv.FormatInt(r.spec.number("scalingConfig.maxSize"), 10),
		"labels":        r.spec.json("labels"),
		"taints":        r.spec.json("taints"),
		"instanceTypes": strings.Join(r.spec.texts("instanceTypes"), ","),

		"amiType":        r.spec.text("amiType"),
		"capacityType":   r.spec.text("capacityType"),
		"diskSize":       r.spec.json("diskSize"),
		"releaseVersion": r.spec.text("releaseVersion"),
		"updateConfig":   r.spec.json("updateConfig"),
	}, parents...)
}

// nodegroupDefaults are AWS's own choices.
var nodegroupDefaults = map[string]string{
	"amiType": "AL2023_x86_64_STANDARD", "capacityType": "ON_DEMAND", "diskSize": "20",
	"instanceTypes": "t3.medium", "updateConfig": `{"maxUnavailable":1}`,
}

var capacityTypes = []string{"ON_DEMAND", "SPOT", "CAPACITY_BLOCK"}

var taintEffects = []string{"NO_SCHEDULE", "NO_EXECUTE", "PREFER_NO_SCHEDULE"}

func admitNodegroup(a account, r *cloud.Resource) error {
	owner, err := activeCluster(a, *r)
	if err != nil {
		return err
	}
	lowest, _ := strconv.Atoi(r.Data["min"])
	size, _ := strconv.Atoi(r.Data["desired"])
	highest, _ := strconv.Atoi(r.Data["max"])
	if highest < 1 || size < lowest || size > highest {
		return refuse("InvalidParameterException",
			"desired capacity %d must be between the minimum %d and the maximum %d", size, lowest, highest)
	}
	for _, taint := range (fields{"taints": decode(r.Data["taints"])}).list("taints") {
		if effect := taint.text("effect"); !slices.Contains(taintEffects, effect) {
			return refuse("InvalidParameterException", "Taint effect '%s' is invalid", effect)
		}
	}
	for fact, value := range nodegroupDefaults {
		if r.Data[fact] == "" {
			r.Data[fact] = value
		}
	}
	if !slices.Contains(capacityTypes, r.Data["capacityType"]) {
		return refuse("InvalidParameterException", "Capacity type %s is invalid", r.Data["capacityType"])
	}
	r.Data["launch"] = a.NewID("lt")
	if err := admitVersion(owner, r); err != nil {
		return err
	}
	return admitNodeVersion(owner, r.Data["version"])
}

// admitVersion refuses a version with another's release, which ACK has written into
// the spec at creation: who changes the version has to remove the release.
func admitVersion(owner cloud.Resource, r *cloud.Resource) error {
	version, release := r.Data["version"], r.Data["releaseVersion"]
	if version != "" && release != "" && !strings.HasPrefix(release, version+".") {
		return refuse("InvalidParameterException",
			"Requested Nodegroup release version %s is invalid. The version and release version do not match: %s", release, version)
	}
	if version == "" {
		r.Data["version"] = owner.Data["version"]
	}
	if release == "" {
		r.Data["releaseVersion"] = r.Data["version"] + ".1-20260801"
	}
	return nil
}

// inCluster identifies what EKS keeps per cluster by the cluster and one more field.
func inCluster(field string) func(request) string {
	return func(r request) string { return r.spec.text("clusterName") + "/" + r.spec.text(field) }
}

func childARN(resource string) func(account, cloud.Resource) string {
	return func(a account, r cloud.Resource) string {
		return a.ARN("eks", r.Region, fmt.Sprintf("%s/%s/%s", resource, r.ID, suffix(a.NewID(resource))))
	}
}

// activeCluster finds the cluster that a resource belongs to, unless it is being built or torn down.
func activeCluster(a account, r cloud.Resource) (cloud.Resource, error) {
	owner, _ := a.Get(cloud.Key{Type: "eks/cluster", Region: r.Region, ID: r.Data["cluster"]})
	if owner.State != eksStates.ready && owner.State != eksStates.updating {
		return owner, refuse("ResourceInUseException", "Cluster '%s' is in %s status", owner.ID, owner.State)
	}
	return owner, nil
}

func baseName(r cloud.Resource) string { return r.ID[strings.LastIndex(r.ID, "/")+1:] }
