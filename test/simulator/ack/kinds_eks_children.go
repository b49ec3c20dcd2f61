package ack

import (
	"encoding/json"
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
	mutable:  []string{"desired", "min", "max", "labels", "taints", "version"}, defaulted: []string{"version"},
	arn:      childARN("nodegroup"),
	describe: describeNodegroup,
	admit:    admitNodegroup,
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
			"amiType": "AL2023_x86_64_STANDARD", "capacityType": "ON_DEMAND", "diskSize": int64(20),
			"instanceTypes": []any{"t3.medium"}, "updateConfig": map[string]any{"maxUnavailable": int64(1)},
			"version": r.Data["version"], "releaseVersion": r.Data["version"] + ".1-20260801",
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
	}, parents...)
}

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
	if r.Data["version"] == "" {
		r.Data["version"] = owner.Data["version"]
	}
	r.Data["launch"] = a.NewID("lt")
	return nil
}

var addon = &kind{
	service: "eks", name: "Addon", awsType: "eks/addon", states: eksStates, deletion: abandoned,
	nameOf:   inCluster("name"),
	terminal: []string{"InvalidParameterException"},
	mutable:  []string{"version", "configuration"}, defaulted: []string{"version"},
	arn: childARN("addon"),
	describe: func(r request) cloud.Resource {
		name := r.spec.text("clusterName")
		return r.resource(map[string]string{
			"cluster": name, "version": r.spec.text("addonVersion"), "configuration": r.spec.text("configurationValues"),
		}, r.parent("eks/cluster", name))
	},
	admit: func(a account, r *cloud.Resource) error {
		if text := r.Data["configuration"]; text != "" && !json.Valid([]byte(text)) {
			return refuse("InvalidParameterException", "ConfigurationValue is not in valid JSON or YAML format")
		}
		if r.Data["version"] == "" {
			r.Data["version"] = "v1.0.0-eksbuild.1"
		}
		_, err := activeCluster(a, *r)
		return err
	},
	status: func(_ account, r cloud.Resource) map[string]any {
		return withHealth(r, map[string]any{
			"status": r.State, "owner": "aws", "publisher": "eks", "createdAt": r.CreatedAt.UTC().Format(time.RFC3339),
		})
	},
	answers: func(r cloud.Resource) map[string]any {
		return map[string]any{"addonVersion": r.Data["version"]}
	},
}

var accessEntry = &kind{
	service: "eks", name: "AccessEntry", awsType: "eks/accessentry",
	nameOf:  inCluster("principalARN"),
	mutable: []string{"policyARN", "groups", "username"},
	arn:     childARN("access-entry"),
	describe: func(r request) cloud.Resource {
		var policies []string
		for _, policy := range r.spec.list("accessPolicies") {
			policies = append(policies, policy.text("policyARN"))
		}
		name := r.spec.text("clusterName")
		return r.resource(map[string]string{
			"cluster": name, "principalARN": r.spec.text("principalARN"), "username": r.spec.text("username"),
			"policyARN": strings.Join(policies, ","), "groups": strings.Join(r.spec.texts("kubernetesGroups"), ","),
		}, r.parent("eks/cluster", name))
	},
	admit: func(a account, r *cloud.Resource) error {
		if principal := r.Data["principalARN"]; !strings.HasPrefix(principal, "arn:aws:iam::") {
			return refuse("InvalidParameterException", "The specified principalArn is invalid: %s", principal)
		}
		owner, err := activeCluster(a, *r)
		if err == nil && owner.Data["authenticationMode"] == "CONFIG_MAP" {
			return refuse("InvalidRequestException",
				"The cluster's authentication mode must be set to one of [API, API_AND_CONFIG_MAP] to perform this operation.")
		}
		return err
	},
	status: func(_ account, r cloud.Resource) map[string]any {
		return map[string]any{"createdAt": r.CreatedAt.UTC().Format(time.RFC3339)}
	},
	answers: func(cloud.Resource) map[string]any {
		return map[string]any{"type": "STANDARD"}
	},
}

// inCluster identifies what EKS keeps per cluster by the cluster and one more field.
func inCluster(field string) func(fields) string {
	return func(spec fields) string { return spec.text("clusterName") + "/" + spec.text(field) }
}

func childARN(resource string) func(account, cloud.Resource) string {
	return func(a account, r cloud.Resource) string {
		return a.ARN("eks", r.Region, fmt.Sprintf("%s/%s/%s", resource, r.ID, suffix(a.NewID(resource))))
	}
}

// activeCluster finds the cluster that a resource belongs to, unless it is being built or torn down.
func activeCluster(a account, r cloud.Resource) (cloud.Resource, error) {
	owner, _ := a.Get(cloud.Key{Type: "eks/cluster", Region: r.Region, ID: r.Data["cluster"]})
	if owner.State != eksStates.ready && owner.State != "UPDATING" {
		return owner, refuse("ResourceInUseException", "Cluster '%s' is in %s status", owner.ID, owner.State)
	}
	return owner, nil
}

func baseName(r cloud.Resource) string { return r.ID[strings.LastIndex(r.ID, "/")+1:] }
